"""Convolutions, each in the form that its backend computes fastest, with equal results and equal stored weights."""

from __future__ import annotations

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Form = Literal["auto", "product", "stock"]


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
