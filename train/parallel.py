"""Where arrays lie and how a dispatch is compiled: `jit` over a mesh, or `pmap`.

Both run the same step. Under `jit` the program is that of the global batch, and the compiler splits it along the mesh axis `data`.
Under `pmap` every device runs the step on its part, and gradients are averaged; a loss that looks across the items of a batch
(batch statistics, MMD) then sees its own part only. Random draws keyed by `batch["slot"]` are the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from drumjax.boundary import InputError

Tree = Any
Mode = Literal["jit", "pmap"]
AXIS = "data"


class Layout(NamedTuple):
    """How a training is spread.

    Attributes:
      mode: `jit` or `pmap`.
      mesh: all devices along the axis `data`.
    """

    mode: Mode
    mesh: Mesh

    @property
    def axis_name(self) -> str | None:
        """The axis over which a step averages by hand: that of `pmap`; under `jit` there is none."""
        return AXIS if self.mode == "pmap" else None

    def replicated(self) -> NamedSharding:
        """Every device holds the whole."""
        return NamedSharding(self.mesh, PartitionSpec())

    def split(self, axis: int) -> NamedSharding:
        """Every device holds its part along an axis of each array."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, AXIS))


def make_layout(batch_size: int, mode: Mode = "jit", devices: Sequence[jax.Device] | None = None) -> Layout:
    """All devices, or the given ones.

    Raises:
      InputError: when the batch cannot be split evenly, or the mode is unknown.
    """
    devices = list(jax.devices() if devices is None else devices)
    if mode not in ("jit", "pmap"):
        raise InputError("parallel", rule="jit or pmap", found=str(mode), remedy="leave it out for jit")
    if batch_size % len(devices):
        near = max(len(devices), batch_size // len(devices) * len(devices))
        raise InputError(
            "batch_size",
            rule=f"a multiple of the number of devices, {len(devices)}",
            found=str(batch_size),
            remedy=f"take {near}, or show the program fewer devices",
        )
    # Axes are explicit unless said otherwise, and would then have to be named in every operation of every model.
    return Layout(mode, jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices))


def compile_training(layout: Layout, dispatch: Callable[..., tuple[Tree, Tree]]) -> Callable[..., tuple[Tree, Tree]]:
    """Compiles `dispatch(state, resident, feed, count, total) -> (state, summary)`.

    The state's buffers are given away. The batch is the second axis of every array of the feed, the first in the dispatch's eyes is
    the step. State, resident arrays and summary are the same on every device.
    """
    if layout.mode == "pmap":
        whole = (None, None, 1, None, None)
        return jax.pmap(
            dispatch, AXIS, in_axes=whole, out_axes=None, donate_argnums=0, devices=list(layout.mesh.devices.flat)
        )  # fmt: skip
    same, split = layout.replicated(), layout.split(1)
    return jax.jit(dispatch, in_shardings=(same, same, split, same, same), out_shardings=same, donate_argnums=0)


def place_feed(layout: Layout, feed: Tree) -> Tree:
    """Sends a feed, leading axes (room, batch_size), to where the compiled dispatch wants it."""
    if layout.mode == "pmap":
        devices = layout.mesh.size
        return jax.tree.map(lambda a: a.reshape(a.shape[0], devices, a.shape[1] // devices, *a.shape[2:]), feed)
    return jax.device_put(feed, layout.split(1))
