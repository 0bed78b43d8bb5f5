"""Convolutions, each in the form that its backend computes fastest, with equal results and equal stored weights.

What XLA's CPU backend is slow at are two-dimensional convolutions with holes: the gradients of strided ones, and transposed ones.
In the form "product"

- a transposed convolution, and so the input gradient of a strided one, is a plain convolution over the small side that gives all
  cells of a stride at once (the sub-pixel form; Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient
  Sub-Pixel Convolutional Neural Network", 2016, Sec. 3.2), each row of the stride by itself with only the kernel's rows that meet
  it;
- a kernel's gradient is a few matrix products an image: the large side, its columns folded into channels, with windows of the small
  side, which hold far fewer numbers than windows of the large one;
- where the large side has one channel, each of the kernel's taps is a plane that is shifted and added.

A plain strided convolution XLA computes well, unless it leads from one channel to few features: then neighbouring outputs count as
features. The gradients are written out, so that there is no forward mode (jvp).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from drumjax.nn.transposed import Form, resolve

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
"""How two-dimensional convolutions lay out their input, kernel and output."""
FEATURES = 24
"""With fewer features XLA's CPU convolution of one channel is slow (by measurement)."""
Pair = tuple[int, int]
"""Rows and columns."""


def strided_conv(x: jax.Array, kernel: jax.Array, *, form: Form = "auto") -> jax.Array:
    """A one-dimensional convolution (cross-correlation) over windows of two strides, "SAME" padding, without bias.

    Args:
      x: (items, steps, channels), steps a multiple of the stride.
      kernel: (2 stride, channels, features); the stride is half its length.
      form: "product": neighbouring strides side by side and one matrix product, which on a CPU makes a training step of the pattern
        VAE many times faster (benchmarks/training.py); "stock": XLA's own convolution; "auto": see `resolve`.

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
    if resolve(form) == "stock":
        return lax.conv_general_dilated(x, kernel, (stride,), [(before, stride - before)], dimension_numbers=("NWC", "WIO", "NWC"))
    padded = jnp.pad(x, ((0, 0), (before, stride - before), (0, 0)))
    strides = padded.reshape(items, steps // stride + 1, stride * channels)
    windows = jnp.concatenate([strides[:, :-1], strides[:, 1:]], axis=-1)
    return windows @ kernel.reshape(-1, kernel.shape[-1])


def widened_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The transpose of `strided_conv`: every input step adds its multiple of the kernel, a stride apart; without bias.

    Args:
      x: (items, steps, channels).
      kernel: (2 stride, channels, features), as PyTorch's ConvTranspose1d with half a stride of padding has it, axes in another
        order; the stride is half its length.

    Returns:
      (items, stride · steps, features), by one matrix product over pairs of neighbours.

    Raises:
      ValueError: for an odd kernel length or stride.
    """
    stride, odd = divmod(kernel.shape[0], 2)
    if odd or stride % 2:
        raise ValueError(f"expected a kernel of two even strides, found {kernel.shape[0]}")
    items, steps, channels = x.shape
    # Between two input steps lie as many output steps as a stride; the first and the last half stride have one neighbour.
    padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
    pairs = jnp.concatenate([padded[:, 1:], padded[:, :-1]], -1)
    matrix = kernel.reshape(2, stride, channels, -1).swapaxes(1, 2).reshape(2 * channels, -1)
    between = (pairs @ matrix).reshape(items, (steps + 1) * stride, -1)
    return between[:, stride // 2 : stride // 2 + stride * steps]


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


def strided_conv2d(x: jax.Array, kernel: jax.Array, *, stride: Pair, padding: Pair, form: Form = "auto") -> jax.Array:
    """A two-dimensional convolution (cross-correlation) with a stride, without bias.

    Args:
      x: (items, rows, columns, channels).
      kernel: (rows, columns, channels, features), no smaller than the stride.
      stride: rows and columns from one window to the next.
      padding: zeros before and after, rows and columns, fewer than the kernel has.
      form: "product": with the gradients of the module's text; "stock": XLA's own; "auto": see `resolve`.

    Returns:
      (items, (rows + 2 padding - kernel) // stride + 1, the same of columns, features).

    Raises:
      ValueError: for a kernel smaller than the stride or not larger than the padding.
    """
    _check(kernel, stride, padding)
    if resolve(form) == "stock":
        return _stock_conv(x, kernel, stride, padding)
    return _strided(x, kernel, stride, padding)


def transposed_conv2d(
    x: jax.Array, kernel: jax.Array, *, stride: Pair, padding: Pair, size: Pair, form: Form = "auto"
) -> jax.Array:
    """The transpose of `strided_conv2d`: every input cell adds its multiple of the kernel, a stride apart; without bias.

    Args:
      x: (items, rows, columns, channels).
      kernel: (rows, columns, channels, features), as PyTorch's ConvTranspose2d has it, axes in another order; no smaller than the
        stride.
      stride: rows and columns from one cell's kernel to the next one's.
      padding: cut away before the first row and column, fewer than the kernel has.
      size: rows and columns of the result, from which `strided_conv2d` leads back to the input's; what PyTorch calls output padding
        follows from it.
      form: as for `strided_conv2d`.

    Returns:
      (items, *size, features).

    Raises:
      ValueError: for a kernel smaller than the stride or not larger than the padding, or another size.
    """
    _check(kernel, stride, padding)
    small = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, padding, kernel.shape[:2], stride, strict=True))
    if small != x.shape[1:3]:
        raise ValueError(
            f"expected a size that the convolution brings to the input's {x.shape[1:3]}, found {size}: it gives {small}"
        )
    if resolve(form) == "product":
        return _transposed(x, kernel, stride, padding, size)
    before = [k - 1 - p for k, p in zip(kernel.shape[:2], padding, strict=True)]
    after = [n - 1 - b - (m - 1) * s + k - 1 for n, b, m, s, k in zip(size, before, small, stride, kernel.shape[:2], strict=True)]
    around = list(zip(before, after, strict=True))
    return lax.conv_general_dilated(x, kernel[::-1, ::-1], (1, 1), around, lhs_dilation=stride, dimension_numbers=DIMENSIONS)


def _check(kernel: jax.Array, stride: Pair, padding: Pair) -> None:
    if any(not (s <= k and p < k) for k, s, p in zip(kernel.shape[:2], stride, padding, strict=True)):
        raise ValueError(
            f"expected a kernel no smaller than the stride {stride} and larger than the padding {padding}, found {kernel.shape[:2]}"
        )


def _stock_conv(x: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, stride, [(p, p) for p in padding], dimension_numbers=DIMENSIONS)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _strided(x: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair) -> jax.Array:
    return _large_to_small(x, kernel, stride, padding)


def _strided_fwd(x: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair) -> tuple[jax.Array, tuple]:
    return _large_to_small(x, kernel, stride, padding), (x, kernel)


def _strided_bwd(stride: Pair, padding: Pair, saved: tuple, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    to_x = _small_to_large(g, kernel, stride, padding, x.shape[1:3])
    return to_x, _kernel_gradient(x, g, kernel.shape[:2], stride, padding).astype(kernel.dtype)


_strided.defvjp(_strided_fwd, _strided_bwd)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _transposed(x: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair, size: Pair) -> jax.Array:
    return _small_to_large(x, kernel.swapaxes(2, 3), stride, padding, size)


def _transposed_fwd(x: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair, size: Pair) -> tuple[jax.Array, tuple]:
    return _small_to_large(x, kernel.swapaxes(2, 3), stride, padding, size), (x, kernel)


def _transposed_bwd(stride: Pair, padding: Pair, size: Pair, saved: tuple, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    to_x = _large_to_small(g, kernel.swapaxes(2, 3), stride, padding)
    to_kernel = _kernel_gradient(g, x, kernel.shape[:2], stride, padding)
    return to_x, to_kernel.swapaxes(2, 3).astype(kernel.dtype)


_transposed.defvjp(_transposed_fwd, _transposed_bwd)

# Below, "large" is a strided convolution's input and "small" its output; a kernel is (rows, columns, large's channels, small's).
# Cell p = stride m + phase of the large side meets the small side's cells m + t with the tap phase + padding - stride t.


def _offsets(taps: int, stride: int, padding: int, phases: range) -> tuple[int, int]:
    """The least and the greatest t at which cells of these phases meet a tap."""
    return -((taps - 1 - phases[0] - padding) // stride), (phases[-1] + padding) // stride


def _groups(cells: int, stride: int) -> int:
    return -(-cells // stride)


def _large_to_small(x: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair) -> jax.Array:
    """The strided convolution."""
    features = kernel.shape[3]
    if kernel.shape[2] > 1 or features >= FEATURES:
        return _stock_conv(x, kernel, stride, padding)
    group = _groups(FEATURES, features)
    outputs = (x.shape[2] + 2 * padding[1] - kernel.shape[1]) // stride[1] + 1
    # So many neighbouring outputs count as features of a convolution over windows of their inputs, which stand in whole steps.
    (items, rows, _, channels), taps, step = x.shape, kernel.shape[1], group * stride[1]
    groups, steps = _groups(outputs, group), _groups((group - 1) * stride[1] + taps, step)
    folded = _cut(x, 2, -padding[1], step * (groups + steps - 1)).reshape(items, rows, -1, step * channels)
    shifted = [_cut(kernel, 1, -n * stride[1], steps * step) for n in range(group)]
    wide = jnp.stack(shifted, 3).reshape(kernel.shape[0], steps, step * channels, -1)
    y = _stock_conv(folded, wide, (stride[0], 1), (padding[0], 0))
    return y.reshape(items, y.shape[1], groups * group, -1)[:, :, :outputs]


def _small_to_large(y: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair, size: Pair) -> jax.Array:
    """The transposed convolution."""
    if kernel.shape[2] == 1:
        return _small_to_one_channel(y, kernel[:, :, 0], stride, padding, size)
    (rows, columns), (taps, wide, channels, features) = size, kernel.shape
    low, high = _offsets(wide, stride[1], padding[1], range(stride[1]))
    offsets = high - low + 1
    # A row of the kernel, its columns folded as the large side's are: window (t, features) to (phase, channels).
    folded = _cut(kernel, 1, padding[1] - stride[1] * high, stride[1] * offsets)
    folded = folded.reshape(taps, offsets, stride[1], channels, features)[:, ::-1].transpose(0, 1, 4, 2, 3)
    folded = folded.reshape(taps, offsets, features, stride[1] * channels)
    groups = _groups(rows, stride[0]), _groups(columns, stride[1])
    at_columns = (-low, groups[1] + high - y.shape[2])
    by_phase = []
    for phase in range(stride[0]):
        first, last = _offsets(taps, stride[0], padding[0], range(phase, phase + 1))
        start = phase + padding[0] - stride[0] * last
        window = folded[start : start + stride[0] * (last - first) + 1 : stride[0]][::-1]
        around = [(-first, groups[0] + last - y.shape[1]), at_columns]
        by_phase.append(lax.conv_general_dilated(y, window, (1, 1), around, dimension_numbers=DIMENSIONS))
    x = jnp.stack(by_phase, 2).reshape(len(y), groups[0] * stride[0], groups[1] * stride[1], channels)
    return x[:, :rows, :columns]


def _small_to_one_channel(y: jax.Array, kernel: jax.Array, stride: Pair, padding: Pair, size: Pair) -> jax.Array:
    """The transposed convolution to one channel, an image at a time: every tap's plane is one product, then shifted and added."""
    taps, features = kernel.shape[:2], kernel.shape[2]
    # Planes of the padded large side, one for each phase, and how far a tap reaches back on the small side.
    planes = [_groups(n + p, s) for n, p, s in zip(size, padding, stride, strict=True)]
    back = [(k - 1) // s for k, s in zip(taps, stride, strict=True)]
    rows, columns = (b + max(n, m) for b, n, m in zip(back, planes, y.shape[1:3], strict=True))
    length = (planes[0] - 1) * columns + planes[1]

    def image(y: jax.Array) -> jax.Array:
        framed = _cut(_cut(y, 0, -back[0], rows), 1, -back[1], columns).reshape(-1, features)
        by_tap = jnp.matmul(kernel.reshape(-1, features), framed.T, preferred_element_type=jnp.float32)
        by_tap = by_tap.astype(y.dtype).reshape(*taps, rows * columns)

        def plane(phase: int, other: int) -> jax.Array:
            # In a row of numbers, a shift by rows and columns is one slice.
            first, *others = (
                by_tap[row, column, (back[0] - row // stride[0]) * columns + back[1] - column // stride[1] :][:length]
                for row in range(phase, taps[0], stride[0])
                for column in range(other, taps[1], stride[1])
            )
            return sum(others, first)

        summed = jnp.stack([plane(phase, other) for phase in range(stride[0]) for other in range(stride[1])])
        summed = _cut(summed, 1, 0, planes[0] * columns).reshape(*stride, planes[0], columns)[..., : planes[1]]
        x = summed.transpose(2, 0, 3, 1).reshape(planes[0] * stride[0], planes[1] * stride[1])
        return x[padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1], None]

    return lax.map(image, y)


def _kernel_gradient(x: jax.Array, g: jax.Array, taps: Pair, stride: Pair, padding: Pair) -> jax.Array:
    """The gradient of the kernel (*taps, x's channels, g's) of a convolution of the large `x` with the gradient `g` of its result.

    An image at a time: windows of a whole batch take many times the batch's memory, and those of one stay in the cache. float32.
    """
    of_image = _one_channel_products if x.shape[3] == 1 else _products
    shapes = jax.eval_shape(lambda x, g: of_image(x, g, taps, stride, padding), x[0], g[0])

    def add(sums: list, image: tuple[jax.Array, jax.Array]) -> tuple[list, None]:
        return [a + b for a, b in zip(sums, of_image(*image, taps, stride, padding), strict=True)], None

    # "like": in a shard_map the sums vary over the devices as the images do.
    sums, _ = lax.scan(add, [jnp.zeros_like(g, s.dtype, shape=s.shape) for s in shapes], (x, g))
    if x.shape[3] == 1:
        return sums[0].reshape(*taps, 1, -1)
    low, high = _offsets(taps[1], stride[1], padding[1], range(stride[1]))
    kernel: list[Any] = [None] * taps[0]
    for phase, product in enumerate(sums):
        first, last = _offsets(taps[0], stride[0], padding[0], range(phase, phase + 1))
        by_row = product.reshape(stride[1], x.shape[3], last - first + 1, high - low + 1, g.shape[3])
        for t in range(first, last + 1):
            row = by_row[:, :, t - first].transpose(2, 0, 1, 3)[::-1].reshape(-1, x.shape[3], g.shape[3])
            kernel[phase + padding[0] - stride[0] * t] = _cut(row, 0, stride[1] * high - padding[1], taps[1])
    return jnp.stack(kernel)


def _products(x: jax.Array, g: jax.Array, taps: Pair, stride: Pair, padding: Pair) -> list[jax.Array]:
    """For each row of the stride: (columns of the stride · x's channels, rows of t · columns of t · g's channels)."""
    groups = _groups(x.shape[0], stride[0]), _groups(x.shape[1], stride[1])
    x = _cut(_cut(x, 0, 0, groups[0] * stride[0]), 1, 0, groups[1] * stride[1])
    x = x.reshape(groups[0], stride[0], groups[1], -1)
    low, high = _offsets(taps[1], stride[1], padding[1], range(stride[1]))
    across = jnp.concatenate([_cut(g, 1, t, groups[1]) for t in range(low, high + 1)], -1)
    products = []
    for phase in range(stride[0]):
        first, last = _offsets(taps[0], stride[0], padding[0], range(phase, phase + 1))
        windows = jnp.concatenate([_cut(across, 0, t, groups[0]) for t in range(first, last + 1)], -1)
        flat = x[:, phase].reshape(-1, x.shape[3]), windows.reshape(-1, windows.shape[2])
        products.append(jnp.matmul(flat[0].T, flat[1], preferred_element_type=jnp.float32))
    return products


def _one_channel_products(x: jax.Array, g: jax.Array, taps: Pair, stride: Pair, padding: Pair) -> list[jax.Array]:
    """The kernel's gradient, (taps, g's channels): what each tap sees of the large side is a plane as large as the small side."""
    rows, columns = ((k - 1) // s + n for k, s, n in zip(taps, stride, g.shape[:2], strict=True))
    x = _cut(_cut(x[..., 0], 0, -padding[0], rows * stride[0]), 1, -padding[1], columns * stride[1])
    phases = x.reshape(rows, stride[0], columns, stride[1]).transpose(1, 3, 0, 2)
    planes = [
        _cut(_cut(phases[row % stride[0], column % stride[1]], 0, row // stride[0], g.shape[0]), 1, column // stride[1], g.shape[1])
        for row in range(taps[0])
        for column in range(taps[1])
    ]
    seen = jnp.stack(planes).reshape(len(planes), -1)
    return [jnp.matmul(seen, g.reshape(-1, g.shape[2]), preferred_element_type=jnp.float32)]


def _cut(x: jax.Array, axis: int, start: int, length: int) -> jax.Array:
    """`length` cells from `start` on, zeros where there are none."""
    around = [(0, 0, 0)] * x.ndim
    around[axis] = (-start, start + length - x.shape[axis], 0)
    return lax.pad(x, jnp.zeros((), x.dtype), around)
