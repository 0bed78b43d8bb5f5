"""Where arrays lie and how a dispatch is compiled: `jit` over a mesh, or `pmap`.

Both run the same step. Under `jit` the program is that of the global batch, and the compiler splits it along the mesh axis `data`.
Under `pmap` every device runs the step on its part, and gradients are averaged; a loss that looks across the items of a batch
(batch statistics, MMD) then sees its own part only. Random draws keyed by `batch["slot"]` are the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
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
    def several_processes(self) -> bool:
        """Whether some of the devices are another process's."""
        return not self.replicated().is_fully_addressable

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

    def own_device(self) -> jax.Device:
        """The first device that is this process's."""
        return self.mesh.local_devices[0]

    def columns(self, batch_size: int) -> slice:
        """The items of a batch from the first to the last that this process's devices hold: what it has to read."""
        if not self.several_processes:
            return slice(0, batch_size)
        parts = [index[0] for index in self.split(0).addressable_devices_indices_map((batch_size,)).values() if index]
        return slice(min(part.start or 0 for part in parts), max(part.stop or batch_size for part in parts))


def make_layout(batch_size: int, mode: Mode = "jit", devices: Sequence[jax.Device] | None = None) -> Layout:
    """All devices, or the given ones.

    Raises:
      InputError: when the batch cannot be split evenly, the mode is unknown, or one that the processes cannot train in together.
    """
    everything = jax.devices()
    devices = list(everything if devices is None else devices)
    if mode not in ("jit", "pmap"):
        raise InputError("parallel", rule="jit or pmap", found=str(mode), remedy="leave it out for jit")
    if jax.process_count() > 1:
        # Under `pmap` every process would run a program of its own devices' shape; what `jit` splits over hosts, it need not.
        if mode == "pmap":
            raise InputError("parallel", rule="jit where several processes train together", found="pmap", remedy="leave it out")
        if set(devices) != set(everything):
            remedy = "hide devices from a process before it starts"
            raise InputError("devices", rule="all devices of all processes", found=f"{len(devices)} of them", remedy=remedy)
    if batch_size % len(devices):
        near = max(len(devices), (batch_size + len(devices) // 2) // len(devices) * len(devices))
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


def place_feed(layout: Layout, feed: Tree, batch_size: int) -> Tree:
    """Sends a feed, leading axes (room, `layout.columns(batch_size)`), to where the compiled dispatch wants it."""
    if layout.mode == "pmap":
        devices = layout.mesh.size
        return jax.tree.map(lambda a: a.reshape(a.shape[0], devices, a.shape[1] // devices, *a.shape[2:]), feed)
    if not layout.several_processes:
        return jax.device_put(feed, layout.split(1))
    first = layout.columns(batch_size).start

    def place(array: np.ndarray) -> jax.Array:
        def part(index: tuple[slice, ...] | None) -> np.ndarray:
            assert index is not None
            return array[:, (index[1].start or 0) - first : (index[1].stop or batch_size) - first]

        return jax.make_array_from_callback((array.shape[0], batch_size, *array.shape[2:]), layout.split(1), part)

    return jax.tree.map(place, feed)


def place_everywhere(layout: Layout, tree: Tree) -> Tree:
    """Sends arrays that every process holds alike to all devices. Nothing passes between processes."""
    if not layout.several_processes:
        return jax.device_put(tree, layout.replicated(), may_alias=False)

    def place(leaf: Any) -> jax.Array:
        if _is_key(leaf):
            return _as_keys(place(np.asarray(jax.random.key_data(leaf))), leaf)
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, layout.replicated(), lambda index: array)

    return jax.tree.map(place, tree)


def meet(layout: Layout) -> None:
    """Connects the devices of several processes; to be called where all have just waited for each other.

    On CPUs (gloo) a process gives up on one that comes to their first exchange 30 s after it, as after a longer compilation; later
    ones may wait for as long as it takes. What is exchanged: among all devices, as a step does, and between processes.
    """
    if layout.several_processes:
        ones = np.ones(layout.mesh.size, np.float32)
        spread = jax.make_array_from_callback(ones.shape, layout.split(0), lambda index: ones[index])
        jax.jit(jax.numpy.sum, out_shardings=layout.replicated())(spread).block_until_ready()
        multihost_utils.broadcast_one_to_all(np.zeros(1, np.uint8))


def here(layout: Layout, tree: Tree) -> Tree:
    """Arrays that are the same on all devices, as a process can work with them alone: on one device of its own.

    Where no device is another process's, the tree itself; else it shares the memory of the arrays given, and is used up with them.
    """
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree) if layout.several_processes else tree


def of_first_process(layout: Layout, tree: Tree) -> Tree:
    """What process 0 holds, in every process: no bit depends on whose processor drew or computed it.

    Args:
      layout: of the training.
      tree: arrays of one structure, shapes and dtypes in every process, on its own devices.

    Returns:
      The same with numpy arrays; the tree itself where one process trains.
    """
    if not layout.several_processes:
        return tree
    leaves, structure = jax.tree.flatten(tree)
    words = [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]
    # As bytes: what is sent is added to the zeros of the others, which would turn -0 into 0 and count on every dtype's sum.
    raw = np.frombuffer(b"".join(word.tobytes() for word in words), np.uint8)
    sent, result = np.asarray(multihost_utils.broadcast_one_to_all(raw)).tobytes(), []
    for leaf, word in zip(leaves, words, strict=True):
        array, sent = np.frombuffer(sent[: word.nbytes], word.dtype).reshape(word.shape), sent[word.nbytes :]
        result.append(_as_keys(jax.numpy.asarray(array), leaf) if _is_key(leaf) else array)
    return jax.tree.unflatten(structure, result)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_keys(words: jax.Array, like: Any) -> jax.Array:
    return jax.jit(lambda words: jax.random.wrap_key_data(words, impl=jax.random.key_impl(like)))(words)
