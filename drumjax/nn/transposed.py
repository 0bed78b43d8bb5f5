"""Strided transposed 1-D convolution, in the form that its backend computes fastest, with equal results and equal stored weights.

The sub-pixel form: the `stride` outputs that belong to one input step are all sums over the same few input steps, so that one
matrix product over windows of neighbours gives them side by side, and a reshape puts them in a row (Shi et al., "Real-Time Single
Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", 2016, Sec. 3.2).
"""

from __future__ import annotations

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Form = Literal["auto", "product", "stock"]
"""How a convolution is computed, here and in `drumjax.nn.conv`."""


def resolve(form: Form) -> Form:
    """What "auto" means here: "product" on a CPU, "stock" elsewhere until a measurement says otherwise."""
    if form == "auto":
        return "product" if jax.default_backend() == "cpu" else "stock"
    return form


def transposed_conv(x: jax.Array, kernel: jax.Array, *, stride: int = 2, form: Form = "auto", group: int = 1) -> jax.Array:
    """A transposed convolution that makes every input step `stride` output steps, without bias.

    Equal to `lax.conv_transpose(x, kernel, (stride,), [(half, half + stride - 1)])` with half = (width - 1) / 2, which is PyTorch's
    `conv_transpose1d` with padding `half`, output padding `stride - 1` and the kernel's taps in reverse order.

    Args:
      x: (items, steps, channels).
      kernel: (width, channels, features), of odd width.
      stride: output steps for an input step.
      form: "product": matrix products in the sub-pixel form; "stock": XLA's own transposed convolution, whose gradients its CPU
        backend is slow at; "auto": see `resolve`.
      group: in the form "product", how many neighbouring input steps share a window; a divisor of `steps`. More of them mean fewer
        and less overlapping windows and more products with zeros: it pays where there are few channels (`fast_group`).

    Returns:
      (items, stride · steps, features).

    Raises:
      ValueError: for an even width, or steps that are no multiple of the group.
    """
    if resolve(form) == "stock":
        half = half_width(kernel)
        return lax.conv_transpose(x, kernel, (stride,), [(half, half + stride - 1)], dimension_numbers=("NWC", "WIO", "NWC"))
    return _product(x, kernel, stride, group)


def half_width(kernel: jax.Array) -> int:
    """Taps on each side of a kernel's middle one; ValueError for an even width."""
    half, even = divmod(kernel.shape[0] - 1, 2)
    if even:
        raise ValueError(f"expected a kernel of odd width, found {kernel.shape[0]}")
    return half


def reach(width: int, stride: int) -> tuple[int, int]:
    """How many input steps before and after its own the outputs of an input step depend on."""
    half = (width - 1) // 2
    return half // stride, -(-half // stride)


def subpixel_matrix(kernel: jax.Array, *, stride: int = 2, group: int = 1) -> jax.Array:
    """The matrix of the sub-pixel form.

    Args:
      kernel: (width, channels, features), of odd width.
      stride: output steps for an input step.
      group: input steps that share a window.

    Returns:
      ((group + before + after) · channels, group · stride · features), `before` and `after` by `reach`: rows in the order of the
      window's steps, columns in the order of the output's.
    """
    blocks = _blocks(kernel, stride).transpose(0, 2, 1, 3)
    return _banded(blocks.reshape(len(blocks), kernel.shape[1], -1), group)


def _blocks(kernel: jax.Array, stride: int) -> jax.Array:
    """(taps, stride, channels, features): what the input steps around output steps stride · j + r contribute to them."""
    half = half_width(kernel)
    before, after = reach(len(kernel), stride)
    # Output step stride · j + r takes input step j + d with the tap stride · d - r + half; what lies outside the kernel is 0.
    padded = jnp.pad(kernel, ((stride * before + stride - 1 - half, stride * after - half), (0, 0), (0, 0)))
    return padded.reshape(before + 1 + after, stride, *kernel.shape[1:])[:, ::-1]


def _banded(blocks: jax.Array, group: int) -> jax.Array:
    """The block (taps, rows, columns) `group` times, each one block further down: ((group + taps - 1) rows, group columns)."""
    taps, rows, columns = blocks.shape
    if group > 1:
        blocks = jnp.stack([jnp.pad(blocks, ((j, group - 1 - j), (0, 0), (0, 0))) for j in range(group)], 2)
    return blocks.reshape((group + taps - 1) * rows, group * columns)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _product(x: jax.Array, kernel: jax.Array, stride: int, group: int) -> jax.Array:
    matrix = subpixel_matrix(kernel, stride=stride, group=group)
    return subpixel_product(x, matrix, width=len(kernel), stride=stride, group=group)


def _product_and_operands(
    x: jax.Array, kernel: jax.Array, stride: int, group: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _product(x, kernel, stride, group), (x, kernel)


def _product_gradient(
    stride: int, group: int, operands: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Both gradients from windows of the output's gradient, gathered once: half of the time of those that jax derives, which add
    overlapping windows up and keep or gather those of the input."""
    x, kernel = operands
    items, steps, channels = x.shape
    before, after = reach(len(kernel), stride)
    rows = windows(gradient.reshape(items, steps, -1), after, before, group)
    rows = rows.reshape(-1, rows.shape[-1])

    def matrix_of(kernel: jax.Array) -> jax.Array:
        """The transpose: from the output's steps, in reverse order, to the input's."""
        blocks = _blocks(kernel, stride)[::-1].transpose(0, 1, 3, 2)
        return _banded(blocks.reshape(len(blocks), -1, channels), group)

    matrix, to_kernel = jax.vjp(matrix_of, kernel)
    of_matrix = rows.T @ x.reshape(-1, group * channels)
    return (rows @ matrix).reshape(x.shape), to_kernel(of_matrix)[0]


_product.defvjp(_product_and_operands, _product_gradient)


def windows(x: jax.Array, before: int, after: int, group: int = 1) -> jax.Array:
    """Neighbouring steps side by side: (items, steps, channels) → (items, steps / group, (before + group + after) · channels).

    Zeros stand for steps before the first and after the last.

    Raises:
      ValueError: for steps that are no multiple of the group.
    """
    items, steps, channels = x.shape
    if steps % group:
        raise ValueError(f"expected steps in whole groups of {group}, found {steps}")
    if max(before, after) <= group:
        # Three slices do, however wide the window.
        own = x.reshape(items, steps // group, group * channels)
        padded = jnp.pad(own, ((0, 0), (1, 1), (0, 0)))
        parts = [padded[:, :-2, (group - before) * channels :], own, padded[:, 2:, : after * channels]]
    else:
        padded = jnp.pad(x, ((0, 0), (before, after), (0, 0)))
        parts = [padded[:, d : d + steps : group] for d in range(before + group + after)]
    return jnp.concatenate(parts, axis=-1)


def subpixel_product(x: jax.Array, matrix: jax.Array, *, width: int = 13, stride: int = 2, group: int = 1) -> jax.Array:
    """The transposed convolution from its `subpixel_matrix`: (items, steps, channels) → (items, stride · steps, features)."""
    items, steps, _ = x.shape
    rows = windows(x, *reach(width, stride), group)
    return (rows.reshape(-1, rows.shape[-1]) @ matrix).reshape(items, stride * steps, -1)


def fast_group(channels: int, divisor: int) -> int:
    """The group that is quickest on a CPU, by measurement: 4 for fewer than 16 channels where it divides the steps, else 1.

    Args:
      channels: of the input.
      divisor: a number that the input's steps are known to be a multiple of.
    """
    return 4 if channels < 16 and divisor % 4 == 0 else 1
