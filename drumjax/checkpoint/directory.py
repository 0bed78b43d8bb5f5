"""One directory format for trained weights: what training writes and playing reads.

```
STEP/
  state/ITEM/      an orbax payload for each item: `play` (params and extra, all that playing needs), `training` (the rest)
  card.json        what the checkpoint is: system, config, drum map, threshold, data, figures
  manifest.json    SHA-256 and size of every other file, structure of every item, and a seal over itself; written last
```

A checkpoint is written beside its place as `STEP.tmp`, flushed to the disk and renamed, so that a directory called STEP is always
whole, whenever the process or the machine died. Everything is verified before anything is restored: orbax alone loads damaged
bytes in silence. Nothing is pickled: arrays are stored under names, and their structure comes from the caller's own target, or
is nested dictionaries and lists.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drumjax.boundary import InputError, flush_directory, read_json
from drumjax.configs import Json

Tree = Any
"""A nested structure of arrays."""

FORMAT = 1
"""The number of this format; a reader refuses one that it does not know."""
MANIFEST, CARD, INSTRUMENT = "manifest.json", "card.json", "instrument.json"
_MANIFEST_BYTES = 64 << 20
"""Room for about 200,000 arrays and files."""
_FREE_BYTES, _MOST_SHRUNK = 64 << 20, 256
"""The arrays of an item may be this large, and so many times larger than its files: compressed zeros are."""
REMEDY = "restore it from a backup, or use another checkpoint"


# --- structure: names, shapes and dtypes of the leaves --------------------------------------------


def _flatten(tree: Tree) -> tuple[dict[str, Any], Any]:
    """The leaves by dotted name, and the structure to put them back into."""
    import jax

    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
    if len(set(names)) != len(names) or "" in names:
        raise ValueError(
            "expected a dictionary of arrays whose joined keys differ; a key contains '/' or the tree is a single array"
        )
    return dict(zip(names, (leaf for _, leaf in paths), strict=True)), structure


def _is_key(leaf: Any) -> bool:
    import jax

    return jax.dtypes.issubdtype(getattr(leaf, "dtype", np.dtype(type(leaf))), jax.dtypes.prng_key)


def _describe(leaf: Any) -> dict[str, Json]:
    """Shape and dtype of an array, abstract array or Python number, as the manifest states them."""
    dtype = getattr(leaf, "dtype", None)
    return {"shape": list(np.shape(leaf)), "dtype": str(np.asarray(leaf).dtype if dtype is None else dtype)}


def _children(tree: Tree) -> list[tuple[str, Tree]]:
    """What is inside a dictionary or a list, by name; nothing in anything else."""
    if isinstance(tree, Mapping):
        return [(str(key), child) for key, child in tree.items()]
    return [(str(k), child) for k, child in enumerate(tree)] if type(tree) is list else []


def _nodes(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Tree]]:
    """Every dictionary and list of a structure with its name, the outer ones first."""
    if isinstance(tree, Mapping) or type(tree) is list:
        yield prefix, tree
        for key, child in _children(tree):
            yield from _nodes(child, f"{prefix}/{key}" if prefix else key)


def _is_nested(tree: Tree) -> bool:
    """Whether the tree is dictionaries with names for keys, and lists, down to arrays: what can be restored without a target."""
    import jax

    if isinstance(tree, Mapping) or type(tree) is list:
        named = not isinstance(tree, Mapping) or all(isinstance(key, str) for key in tree)
        return named and all(_is_nested(child) for _, child in _children(tree))
    return jax.tree_util.all_leaves([tree])


# --- writing --------------------------------------------------------------------------------------


def save(
    directory: str | os.PathLike[str], tree: Mapping[str, Tree], files: Mapping[str, bytes | Json], *, half: bool = False
) -> Path:
    """Writes a checkpoint; it appears at `directory` whole or not at all.

    Args:
      directory: its place, usually `WORKDIR/checkpoints/STEP`. One that stands there already is replaced.
      tree: `{item: structure of arrays}`; each item can be restored alone. Leaves may be typed random keys, bfloat16, or of size 0.
      files: `{name: content}` beside the payload; bytes are written as they are, anything else as ASCII JSON.
      half: store float32 arrays as float16; they come back as float32 (for checkpoints that ship: half the size).

    Returns:
      `directory` as a path.

    Raises:
      ValueError: when `half` would turn a finite value into an infinite one.
      OSError: when the disk is full or cannot be written; what stood at `directory` before is unharmed.
    """
    with appearing(directory) as building:
        fill(building, tree, files, half=half)
    return Path(directory).absolute()


@contextlib.contextmanager
def appearing(directory: str | os.PathLike[str]) -> Iterator[Path]:
    """A new directory to fill: it is flushed to the disk and appears at `directory` when the block ends, in place of what is there.

    Where the block raises, or the process dies in it, what stood at `directory` before is unharmed.
    """
    place = Path(directory).absolute()
    building, stale = place.with_name(place.name + ".tmp"), place.with_name(place.name + ".stale")
    if stale.is_dir() and not place.exists():
        stale.rename(place)  # killed between the two renames of a replacement: nothing better is there yet
    for leftover in (building, stale):
        shutil.rmtree(leftover, ignore_errors=True)
    new = [folder for folder in place.parents if not folder.exists()]
    building.mkdir(parents=True)
    try:
        yield building
        _flush(building)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    if place.exists():
        place.rename(stale)
    building.rename(place)
    for folder in (place.parent, *(made.parent for made in new)):
        flush_directory(folder)
    shutil.rmtree(stale, ignore_errors=True)


def fill(building: Path, tree: Mapping[str, Tree], files: Mapping[str, bytes | Json], *, half: bool) -> None:
    """Writes a checkpoint's files into an empty directory that nobody looks at yet; arguments and errors are those of `save`."""
    items = {item: _save_item(building / "state" / item, structure, half=half) for item, structure in tree.items()}
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else to_json(content)
        (building / name).parent.mkdir(parents=True, exist_ok=True)
        (building / name).write_bytes(raw)
    table = {name: file_fingerprint(building / name) for name in sorted(_files_in(building))}
    (building / MANIFEST).write_bytes(to_json(sealed({"format": FORMAT, "items": items, "files": table})))


def _save_item(directory: Path, tree: Tree, *, half: bool) -> dict[str, Json]:
    import jax

    leaves, _ = _flatten(tree)
    stored, description = {}, {}
    for name, leaf in leaves.items():
        entry = _describe(leaf)
        if _is_key(leaf):
            entry["impl"] = str(jax.random.key_impl(leaf))
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        if half and array.dtype == np.float32:
            with np.errstate(over="ignore"):
                halved = array.astype(np.float16)
            if not np.array_equal(np.isfinite(halved), np.isfinite(array)):
                raise ValueError(f"expected values within ±65504 to store {name} as float16, found {np.abs(array).max():g}")
            array, entry["stored"] = halved, "float16"
        description[name] = entry
        if array.size:  # orbax refuses arrays without elements; their description is all there is to them
            stored[name] = array
    if stored:
        with _faults_of_the_disk(directory), _checkpointer() as checkpointer:
            checkpointer.save(directory, stored)
        # It says in which folder of this machine the checkpoint was written, and nothing reads it: it goes to nobody else.
        (directory / "commit_success.txt").unlink(missing_ok=True)
    # Of a dictionary without anything no leaf tells, nor whether "0" is a key or a place.
    nodes = list(_nodes(tree))
    lists = [name for name, node in nodes if type(node) is list]
    empty = [name for name, node in nodes if isinstance(node, Mapping) and not node]
    return {"arrays": description, "empty": empty, "nested_dicts": isinstance(tree, Mapping) and _is_nested(tree)} | (
        {"lists": lists} if lists else {}
    )


_NOISY = ("absl", "concurrent.futures")
"""Loggers through which orbax's threads print the traceback of what it raises as well."""


@contextlib.contextmanager
def _faults_of_the_disk(directory: Path) -> Iterator[None]:
    """Orbax tells of a full disk with a ValueError, in whose text stands what the system said, and its threads print tracebacks."""
    in_thread, unraisable = threading.excepthook, sys.unraisablehook

    def code_in(error: BaseException | None) -> int | None:
        found = re.search(r"os_error_code='(\d+)'", str(error))
        return error.errno if isinstance(error, OSError) else int(found[1]) if found else None

    def is_late(error: BaseException | None) -> bool:
        # What threads say, in Python or native, that are still at work when a fault has ended the loop they report to.
        return "Event loop is closed" in str(error)

    def is_news(error: BaseException | None) -> bool:
        return code_in(error) is None and not is_late(error)  # a code is raised below, and told once

    def is_news_in(record: logging.LogRecord) -> bool:
        return is_news(record.exc_info[1] if record.exc_info else None)

    threading.excepthook = lambda args: in_thread(args) if is_news(args.exc_value) else None
    sys.unraisablehook = lambda args: unraisable(args) if not is_late(args.exc_value) else None
    for name in _NOISY:
        logging.getLogger(name).addFilter(is_news_in)
    failed = True
    try:
        yield
        failed = False
    except ValueError as error:
        if (code := code_in(error)) is None:
            raise
        raise OSError(code, os.strerror(code), str(directory)) from error
    finally:
        threading.excepthook = in_thread
        if not failed:  # else such threads may report late
            sys.unraisablehook = unraisable
            for name in _NOISY:
                logging.getLogger(name).removeFilter(is_news_in)


def _checkpointer():
    # Arrays go in and come out as numpy: no sharding is stored, so that a checkpoint restores on any number of devices.
    # Where several processes train, one writes and each reads by itself: orbax must not wait for the others.
    import jax
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}")
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def to_json(content: Json) -> bytes:
    """The one way in which JSON is written here, so that equal content is equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def sealed(content: dict[str, Json]) -> dict[str, Json]:
    """The same with a SHA-256 over the rest, so that a change to the file itself is found and named."""
    return content | {"seal": hashlib.sha256(to_json(content)).hexdigest()}


def file_fingerprint(file: Path) -> dict[str, Json]:
    """SHA-256 and size of a file, as a manifest's table has them."""
    with file.open("rb") as stream:
        return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "size": file.stat().st_size}


def _files_in(directory: Path) -> list[str]:
    """Relative POSIX paths of everything that is not a real directory, links included (they are never followed)."""
    return [
        (Path(folder) / name).relative_to(directory).as_posix()
        for folder, folders, names in os.walk(directory)
        for name in [*names, *(f for f in folders if (Path(folder) / f).is_symlink())]
    ]


def _flush(directory: Path) -> None:
    """Everything under the directory is on the disk when this returns; else a rename could survive a crash and its content not."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with (Path(folder) / name).open("rb") as stream:
                os.fsync(stream.fileno())
        flush_directory(folder)


# --- reading --------------------------------------------------------------------------------------


def verify(directory: str | os.PathLike[str]) -> dict[str, Json]:
    """Checks every byte of a checkpoint against its manifest.

    Returns:
      The manifest: `{"format", "items": {item: {"arrays", "empty", "nested_dicts"}}, "files": {name: {"sha256", "size"}}, "seal"}`.

    Raises:
      InputError: names the first file that is missing, damaged, or not part of the checkpoint.
    """
    place = Path(directory)
    if not place.is_dir():
        raise InputError(place, rule="a checkpoint directory", found="none", remedy="name a directory that drumjax train wrote")
    manifest = read_manifest(place)
    table, found_files = manifest["files"], set(_files_in(place)) - {MANIFEST, INSTRUMENT}
    for name in sorted(set(table) - found_files):
        raise InputError(place / name, rule="every file of the manifest", found="no such file", remedy=REMEDY)
    for name in sorted(found_files - set(table)):
        raise InputError(place / name, rule="no file but those of the manifest", found="a stranger", remedy="move it elsewhere")
    for name, expected in table.items():
        if (place / name).is_symlink() or not (place / name).is_file():
            raise InputError(place / name, rule="a plain file", found="a link or a device", remedy=REMEDY)
        if (size := (place / name).stat().st_size) != expected["size"]:
            raise InputError(place / name, rule=f"{expected['size']} bytes", found=f"{size} bytes: damaged", remedy=REMEDY)
        if (digest := file_fingerprint(place / name)["sha256"]) != expected["sha256"]:
            rule = f"SHA-256 {expected['sha256'][:12]}…"
            raise InputError(place / name, rule=rule, found=f"{digest[:12]}…: damaged", remedy=REMEDY)
    check_step(place)
    return manifest


def read_manifest(place: Path) -> dict[str, Json]:
    """The manifest, its seal checked, and of the shape that the readers here rely on: a seal says who wrote it to nobody."""
    file = place / MANIFEST
    manifest = read_sealed(file)
    if manifest.get("format") != FORMAT:
        found, remedy = f"format {str(manifest.get('format'))[:40]}", "use the library version that wrote it"
        raise InputError(file, rule=f"checkpoint format {FORMAT}", found=found, remedy=remedy)

    def require(holds: object, rule: str, found: object) -> None:
        if not holds:
            raise InputError(file, rule=rule, found=repr(found)[:80], remedy=REMEDY)

    table, items = manifest.get("files"), manifest.get("items")
    require(isinstance(table, dict) and isinstance(items, dict), "tables of files and items", [type(table), type(items)])
    assert isinstance(table, dict)
    assert isinstance(items, dict)
    for name, entry in table.items():
        fits = isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and type(entry.get("size")) is int
        require(fits, f"SHA-256 and size of {name[:80]}", entry)
    stored: dict[str, int] = dict.fromkeys(items, 0)
    for name, entry in table.items():
        top, _, rest = name.partition("/")
        if top == "state" and (item := rest.partition("/")[0]) in stored:
            stored[item] += entry["size"]
    for item, description in items.items():
        require(re.fullmatch(r"\w+", item, re.ASCII), "items named by letters, digits and _", item)
        arrays = description.get("arrays") if isinstance(description, dict) else None
        fits = isinstance(arrays, dict) and isinstance(description.get("empty"), list) and "nested_dicts" in description
        require(fits, f"arrays, empty and nested_dicts of the item {item}", description)
        assert isinstance(arrays, dict)
        names = [*arrays, *(name for name in description["empty"] if name)]
        lists = description.get("lists", [])
        require(isinstance(lists, list) and all(isinstance(name, str) and name for name in lists), f"lists of {item}", lists)
        require(all(isinstance(name, str) for name in names), "names", names)
        inner = {"/".join(parts[:k]) for parts in (name.split("/") for name in names) for k in range(1, len(parts))}
        require(not inner & set(names) and len(set(names)) == len(names), "no array inside another", sorted(inner & set(names)))
        declared = 0
        for name, entry in arrays.items():
            require(_is_description(entry), f"shape and type of numbers of {name[:80]}", entry)
            declared += math.prod(entry["shape"]) * (16 if "impl" in entry else _dtype(entry["dtype"]).itemsize)
        # Before anything is allocated: a small file must not ask for all the memory there is. What training writes is mostly
        # noise, which does not shrink; zeros of young optimisers do.
        limit = _FREE_BYTES + _MOST_SHRUNK * stored[item]
        require(declared <= limit, f"at most {limit:,} bytes of arrays in {stored[item]:,} bytes of {item}", declared)
    return manifest


def _dtype(name: str) -> np.dtype:
    import jax

    return jax.numpy.dtype(name)


def _is_description(entry: object) -> bool:
    """Whether it is what `_describe` may have said of an array of numbers or of random keys."""
    import jax

    if not isinstance(entry, dict) or not isinstance(entry.get("shape"), list) or len(entry["shape"]) > 32:
        return False
    if not all(type(size) is int and 0 <= size < 1 << 48 for size in entry["shape"]):
        return False
    if "impl" in entry:
        return entry["impl"] in ("threefry2x32", "rbg", "unsafe_rbg") and isinstance(entry.get("dtype"), str)
    try:
        kinds = [_dtype(entry[name]) for name in ("dtype", "stored") if name in entry or name == "dtype"]
    except (KeyError, TypeError):
        return False
    return all(jax.numpy.issubdtype(kind, jax.numpy.number) or kind == np.bool_ for kind in kinds)


def check_step(place: Path) -> None:
    """Whether a checkpoint of a working directory lies under its own step: a renamed one would be taken for another."""
    place = place.absolute()
    if place.parent.name != "checkpoints" or not place.name.isdecimal() or not (place / CARD).is_file():
        return
    if (step := read_card(place).get("step", int(place.name))) != int(place.name):
        remedy = "give the folder its own name again, or move it elsewhere"
        raise InputError(place, rule=f"the checkpoint of step {place.name}", found=f"that of step {step!r}", remedy=remedy)


def read_sealed(file: Path) -> dict[str, Json]:
    """What `sealed` made, the seal included; InputError where the file is another by a byte."""
    content = read_json(file, max_bytes=_MANIFEST_BYTES)
    seal = content.pop("seal", None) if isinstance(content, dict) else None
    # The bytes themselves are compared, so that a changed blank is found too: the file is exactly what was written.
    if seal is None or to_json(sealed(content)) != file.read_bytes():
        raise InputError(file, rule="the seal over its own content", found="another: damaged", remedy=REMEDY)
    return content | {"seal": seal}


def load(
    directory: str | os.PathLike[str], target: Mapping[str, Tree] | None = None, *, items: Sequence[str] | None = None
) -> dict[str, Tree]:
    """Restores a checkpoint after verifying it, on whatever devices there are.

    Args:
      directory: a checkpoint directory.
      target: `{item: structure}` of arrays or `jax.ShapeDtypeStruct`s that the stored ones must match in names, shapes and dtypes;
        only its items are read. None: nested dictionaries and lists come back, and an item of another structure is an error.
      items: without a target, which items to read; None for all.

    Returns:
      `{item: structure of numpy arrays}` (typed random keys are jax arrays).

    Raises:
      InputError: a file is damaged, or names, shapes or dtypes differ from the target's; the message names the first difference.
    """
    return _restore(Path(directory), verify(directory), target, items)


def _restore(
    place: Path, manifest: dict[str, Json], target: Mapping[str, Tree] | None, items: Sequence[str] | None
) -> dict[str, Tree]:
    wanted = list(target if target is not None else manifest["items"] if items is None else items)
    for item in wanted:
        if item not in manifest["items"]:
            found = ", ".join(manifest["items"]) or "nothing"
            remedy = "a checkpoint exported for playing holds no training state; train in a fresh working directory"
            raise InputError(place, rule=f"the item {item!r}", found=found, remedy=remedy)
    result = {}
    for item in wanted:
        description = manifest["items"][item]
        if target is not None:
            _compare(place, item, description, target[item])
        elif not description["nested_dicts"]:
            remedy = "restore it with a target, as training does on --resume auto"
            raise InputError(
                place, rule="nested dictionaries and lists of arrays", found=f"another structure in {item!r}", remedy=remedy
            )
        leaves = _load_leaves(place / "state" / item, description["arrays"])
        if target is not None:
            import jax

            names, structure = _flatten(target[item])
            result[item] = jax.tree.unflatten(structure, [leaves[name] for name in names])
        else:
            result[item] = _nest(place, leaves, description["empty"], description.get("lists", []))
    return result


def _compare(place: Path, item: str, description: dict[str, Json], target: Tree) -> None:
    expected = {name: _describe(leaf) for name, leaf in _flatten(target)[0].items()}
    found = description["arrays"]
    remedy = "the checkpoint is of another system or configuration: use its own, or a fresh working directory"
    for name in expected:
        if name not in found:
            raise InputError(place, rule=f"an array {name} in {item}", found="none", remedy=remedy)
    for name in found:
        if name not in expected:
            raise InputError(place, rule=f"no array {name} in {item}", found="one", remedy=remedy)
    for name, want in expected.items():
        if (got := {key: found[name][key] for key in want}) != want:
            raise InputError(place, rule=f"{item}/{name} as {_say(want)}", found=_say(got), remedy=remedy)


def _say(entry: dict[str, Json]) -> str:
    return f"{entry['dtype']}{tuple(entry['shape'])}"


def _load_leaves(directory: Path, description: dict[str, Json]) -> dict[str, Any]:
    import jax

    def stored_shape(entry: dict[str, Json]) -> tuple[int, ...]:
        # The data of a typed key has one more axis, of a length that its kind fixes.
        shape = tuple(entry["shape"])
        return (
            shape
            if "impl" not in entry
            else shape + jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0, impl=entry["impl"]))).shape
        )

    abstract = {}
    for name, entry in description.items():
        dtype = np.dtype(np.uint32) if "impl" in entry else jax.numpy.dtype(entry.get("stored", entry["dtype"]))
        abstract[name] = np.broadcast_to(np.zeros((), dtype), stored_shape(entry))  # no memory, whatever the shape
    full = {name: array for name, array in abstract.items() if array.size}
    restored = dict(abstract)
    if full:
        with _checkpointer() as checkpointer:
            try:
                # Orbax gives what its own files say, whatever it is asked for: they are read first, and without the arrays.
                stated = checkpointer.metadata(directory.absolute()).item_metadata
                for name in stated:
                    if name not in full:
                        raise ValueError(f"a stranger, {name}")
                for name, array in full.items():
                    chunk = math.prod(stated[name].storage.chunk_shape or ())
                    if (stated[name].shape, stated[name].dtype) != (array.shape, array.dtype) or chunk > array.size:
                        raise ValueError(f"{name} as {stated[name].dtype}{stated[name].shape} in parts of {chunk}")
                restored |= checkpointer.restore(directory.absolute(), full)
            except Exception as error:  # orbax raises many types; the bytes are verified, so this is a payload of another make
                found = f"{type(error).__name__}: {error}"
                raise InputError(
                    directory, rule="an orbax payload as the manifest describes it", found=found, remedy=REMEDY
                ) from error
    leaves = {}
    for name, entry in description.items():
        array = restored[name]
        if "impl" in entry:
            leaves[name] = jax.random.wrap_key_data(jax.numpy.asarray(array), impl=entry["impl"])
        else:
            leaves[name] = array.astype(jax.numpy.dtype(entry["dtype"]), copy=False)
    return leaves


def _nest(place: Path, leaves: Mapping[str, Any], empty: Sequence[str], lists: Sequence[str]) -> Tree:
    def refuse(name: str) -> InputError:
        return InputError(place / MANIFEST, rule="names that fit a structure", found=f"{name:.80}", remedy=REMEDY)

    tree: dict[str, Any] = {}
    for name, value in [*leaves.items(), *((name, {}) for name in (*empty, *lists) if name)]:
        *parents, last = name.split("/")
        inside = tree
        for parent in parents:
            inside = inside.setdefault(parent, {})
            if not isinstance(inside, dict):
                raise refuse(name)
        inside.setdefault(last, value)
    for name in sorted(lists, key=len, reverse=True):  # the inner ones first: an outer one's name is shorter
        *parents, last = name.split("/")
        inside = tree
        for parent in parents:
            inside = inside[parent]
        places = inside[last]
        if not isinstance(places, dict) or places.keys() != {str(k) for k in range(len(places))}:
            raise refuse(name)
        inside[last] = [places[str(k)] for k in range(len(places))]
    return tree


class Playing(NamedTuple):
    """What playing needs of a checkpoint.

    Attributes:
      params: `{player: nested dictionaries and lists of numpy arrays}`, the moving averages where training kept them.
      extra: codebooks and batch statistics, `{}` where there are none.
      card: the card's content.
    """

    params: dict[str, Tree]
    extra: Tree
    card: dict[str, Json]


def load_playing(directory: str | os.PathLike[str]) -> Playing:
    """Reads what playing needs, verified, without knowing the recipe and without the optimiser's state.

    Raises:
      InputError: when a file of the checkpoint is missing or damaged.
    """
    place = Path(directory)
    play = _restore(place, verify(place), None, ("play",))["play"]
    return Playing(play["params"], play["extra"], read_card(place))


def load_params(directory: str | os.PathLike[str]) -> tuple[dict[str, Tree], dict[str, Json]]:
    """`(params, card)` of a checkpoint whose system keeps nothing in `extra`; see `load_playing`."""
    playing = load_playing(directory)
    return playing.params, playing.card


def fingerprint(directory: str | os.PathLike[str]) -> str:
    """The SHA-256 of a checkpoint's manifest, and so of all of it: what names it in provenance and in an instrument."""
    return file_fingerprint(Path(directory) / MANIFEST)["sha256"]


def read_card(directory: str | os.PathLike[str]) -> dict[str, Json]:
    """The card of a checkpoint, unverified: for lists and for choosing.

    Raises:
      InputError: when it is missing or not a JSON object.
    """
    file = Path(directory) / CARD
    card = read_json(file)
    if not isinstance(card, dict):
        raise InputError(file, rule="a JSON object", found=type(card).__name__, remedy=REMEDY)
    return card
