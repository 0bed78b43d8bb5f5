"""Convolutions, each in the form that its backend computes fastest, with equal results and equal stored weights."""

from __future__ import annotations

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Form = Literal["auto", "product", "stock"]

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
"""How two-dimensional convolutions lay out their input, kernel and output."""


def strided_conv(x: jax.Array, kernel: jax.Array, *, form: Form = "auto") -> jax.Array:
    """A one-dimensional convolution (cross-correlation) over windows of two strides, "SAME" padding, without bias.

    Args:
      x: (items, steps, channels), steps a multiple of the stride.
      kernel: (2 stride, channels, features); the stride is half its length.
      form: "product": neighbouring strides side by side and one matrix product; "stock": XLA's own convolution; "auto": the first
        on a CPU, where it makes a training step of the pattern VAE many times faster (benchmarks/training.py), else the second,
        until a measurement says otherwise.

    Returns:
      (items, steps / stride, features).

    Raises:
      ValueError: for an odd kernel length or steps that are no multiple of the stride.
    """
    stride, odd = divmod(kernel.shape[0], 2)
    items, steps, channels = x.shape
    if odd or steps % stride:
        raise ValueError(f"expected a kernel of two strides and steps in whole strides, found {kernel.shape[0]} and {steps}")
    before = stride // 2
    if form == "stock" or (form == "auto" and jax.default_backend() != "cpu"):
        return lax.conv_general_dilated(x, kernel, (stride,), [(before, stride - before)], dimension_numbers=("NWC", "WIO", "NWC"))
    padded = jnp.pad(x, ((0, 0), (before, stride - before), (0, 0)))
    strides = padded.reshape(items, steps // stride + 1, stride * channels)
    windows = jnp.concatenate([strides[:, :-1], strides[:, 1:]], axis=-1)
    return windows @ kernel.reshape(-1, kernel.shape[-1])


class StridedConv(nn.Module):
    """`strided_conv` with parameters `kernel` (2 stride, channels, features) and `bias` (features,), kept in float32."""

    features: int
    stride: int = 2
    dtype: Any = jnp.float32
    form: Form = "auto"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (2 * self.stride, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        return strided_conv(x, kernel, form=self.form) + bias


def strided_conv2d(x: jax.Array, kernel: jax.Array, *, stride: tuple[int, int], padding: tuple[int, int]) -> jax.Array:
    """A two-dimensional convolution (cross-correlation) with a stride, without bias.

    Args:
      x: (items, rows, columns, channels).
      kernel: (rows, columns, channels, features).
      stride: rows and columns from one window to the next.
      padding: zeros before and after, rows and columns.

    Returns:
      (items, (rows + 2 padding - kernel) // stride + 1, the same of columns, features).
    """
    around = [(p, p) for p in padding]
    return lax.conv_general_dilated(x, kernel, stride, around, dimension_numbers=DIMENSIONS)


def transposed_conv2d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: tuple[int, int],
    padding: tuple[int, int],
    size: tuple[int, int],
) -> jax.Array:
    """The transpose of `strided_conv2d`: every input cell adds its multiple of the kernel, a stride apart; without bias.

    Args:
      x: (items, rows, columns, channels).
      kernel: (rows, columns, channels, features), as PyTorch's ConvTranspose2d has it, axes in another order.
      stride: rows and columns from one cell's kernel to the next one's.
      padding: cut away before the first row and column.
      size: rows and columns of the result; what PyTorch calls output padding follows from it.

    Returns:
      (items, *size, features).
    """
    before = [k - 1 - p for k, p in zip(kernel.shape, padding, strict=False)]
    after = [
        out - 1 - b - (n - 1) * s + k - 1 for out, b, n, s, k in zip(size, before, x.shape[1:], stride, kernel.shape, strict=False)
    ]
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        list(zip(before, after, strict=True)),
        lhs_dilation=stride,
        dimension_numbers=DIMENSIONS,
    )
