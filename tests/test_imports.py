"""The one-way rule of docs/architecture.md, and what the package never imports or calls, read from the source of every module."""

from __future__ import annotations

import ast
import configparser
import functools
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import drumjax

PACKAGE = Path(drumjax.__file__).parent
ARCHITECTURE = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"
SETUP = Path(__file__).resolve().parents[1] / "setup.cfg"

# A part of the package (a folder or a file) and the parts that it may import, beside itself. docs/architecture.md has it too.
_FLOOR = {"boundary", "configs", "checkpoint", "provenance", "patterns", "signal", "nn", "losses"}
_SYSTEMS = _FLOOR | {"models", "systems"}
_INSTRUMENTS = _SYSTEMS | {"metrics", "plots", "instruments"}
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": {"instruments"},
    "boundary": set(),
    "configs": {"boundary"},
    "provenance": {"boundary"},
    "checkpoint": {"boundary", "configs", "provenance"},
    "losses": set(),
    "nn": set(),
    "patterns": {"boundary", "provenance"},
    "signal": {"boundary", "provenance", "patterns"},
    "synth": {"boundary", "patterns", "signal"},
    "metrics": {"patterns", "signal"},
    "plots": {"patterns", "signal"},
    "models": _FLOOR,
    "systems": _FLOOR | {"models"},
    "instruments": _SYSTEMS | {"metrics", "plots"},
    "datasets": {"boundary", "configs", "checkpoint", "provenance", "patterns", "signal", "synth"},
    "train": _SYSTEMS | {"datasets", "metrics"},
    "serve": _INSTRUMENTS,
    "studies": _INSTRUMENTS | {"synth", "serve"},
}
# The doors: they may import everything, and nothing imports them.
DOORS = {"cli", "__main__"}


class Import(NamedTuple):
    """One import: in which file and line, and the dotted name that is asked for."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line} imports {self.name}"


def modules() -> list[Path]:
    """All source files of the package, those behind the symlinks included."""
    return sorted(
        Path(folder, file) for folder, _, files in os.walk(PACKAGE, followlinks=True) for file in files if file.endswith(".py")
    )


def part(dotted: str) -> str:
    """`drumjax.nn.conv` → `nn`; `drumjax` → `__init__`."""
    return [*dotted.split("."), "__init__"][1]


def part_of(path: Path) -> str:
    """The part of the package in which a source file lies."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def dotted(path: Path) -> str:
    """The package that a source file's relative imports start from."""
    return ".".join(path.relative_to(PACKAGE.parent).parts[:-1])


@functools.cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees (`if TYPE_CHECKING:`)."""
    yield node
    if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
        children: list[ast.AST] = list(node.orelse)
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from walk(child)


def imported(node: ast.AST, package: str) -> Iterator[str]:
    """The dotted names that one node imports, wherever it stands in the file."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        # `from drumjax import nn` names a part by its alias; elsewhere the base says it all, but a longer name does no harm.
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"importlib.import_module", "import_module", "__import__"}:
        first = node.args[0] if node.args else None
        # A computed name cannot be judged: it is reported as such.
        yield first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "(a computed name)"


def imports(path: Path) -> list[Import]:
    """All imports of one file, those inside functions included."""
    found = ((node, name) for node in walk(tree(path)) for name in imported(node, dotted(path)))
    return [Import(path, node.lineno, name) for node, name in found]  # type: ignore[attr-defined]


def all_imports() -> list[Import]:
    """All imports of the package."""
    return [each for path in modules() for each in imports(path)]


@pytest.mark.smoke
def test_the_table_of_parts_has_no_cycle() -> None:
    order = list(TopologicalSorter(MAY_IMPORT).static_order())
    assert set(order) >= set(MAY_IMPORT)


@pytest.mark.skipif(not ARCHITECTURE.is_file(), reason="the pages are not beside the tests")
def test_the_architecture_page_has_the_same_table() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|$", ARCHITECTURE.read_text("utf-8").split("## Imports run one way")[1].split("\n## ")[0], re.M
    )
    assert {name: set(re.findall(r"`(\w+)`", may)) for name, may in rows} == MAY_IMPORT


@pytest.mark.smoke
def test_every_part_of_the_package_stands_in_the_table() -> None:
    assert {part_of(path) for path in modules()} - DOORS <= set(MAY_IMPORT)


@pytest.mark.smoke
def test_imports_run_one_way() -> None:
    breaches = [
        str(each)
        for each in all_imports()
        if each.name.split(".")[0] == "drumjax"
        and part_of(each.path) not in DOORS
        and part(each.name) not in {part_of(each.path), *MAY_IMPORT[part_of(each.path)]}
        # A module's own version is the one thing that everyone may ask the package for.
        and each.name not in {"drumjax", "drumjax.__version__"}
    ]
    assert not breaches, "\n".join(breaches)


@pytest.mark.smoke
def test_nothing_imports_the_doors_the_benchmarks_or_the_tests() -> None:
    closed = {"benchmarks", "tests", "datasets", "train", "serve"}
    breaches = [
        str(each)
        for each in all_imports()
        if each.name.split(".")[0] in closed
        or (each.name.startswith("drumjax.") and part(each.name) in DOORS and part_of(each.path) not in DOORS)
    ]
    assert not breaches, "\n".join(breaches)


@pytest.mark.smoke
def test_tensorflow_is_imported_in_the_export_alone() -> None:
    breaches = [
        str(each)
        for each in all_imports()
        if each.name.split(".")[0] in {"tensorflow", "keras", "torch"}
        and each.path.relative_to(PACKAGE).parts != ("serve", "export.py")
    ]
    assert not breaches, "\n".join(breaches)


@pytest.mark.smoke
@pytest.mark.skipif(not SETUP.is_file(), reason="needs the source tree")
def test_every_library_that_is_imported_is_declared() -> None:
    setup = configparser.ConfigParser()
    setup.read(SETUP, encoding="utf-8")

    def plain(distribution: str) -> str:
        return re.sub(r"[-_.]+", "-", distribution).lower()

    # The extras without which the package works, but for one option; the others are for working on it.
    lines = "\n".join([setup["options"]["install_requires"], setup["options.extras_require"]["beam"]]).split("\n")
    declared = {plain(re.split(r"[^\w.-]", line)[0]) for line in lines}
    installs = importlib.metadata.packages_distributions()
    # What no installed distribution has is the library itself or a computed name.
    undeclared = [
        str(each)
        for each in all_imports()
        if (root := each.name.split(".")[0]) not in sys.stdlib_module_names | {"drumjax"}
        and not declared & {plain(name) for name in installs.get(root, ())}
        and root in installs
    ]
    assert not undeclared, "\n".join(undeclared)


@pytest.mark.smoke
def test_nothing_runs_code_that_it_reads() -> None:
    unpicklers = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    breaches = [str(each) for each in all_imports() if each.name.split(".")[0] in unpicklers]
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                runs = isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "compile"}
                unpickles = any(
                    k.arg == "allow_pickle" and not (isinstance(k.value, ast.Constant) and k.value.value is False)
                    for k in node.keywords
                )
                if runs or unpickles:
                    breaches.append(f"{path.relative_to(PACKAGE.parent)}:{node.lineno} calls {ast.unparse(node)}")
    assert not breaches, "\n".join(breaches)


def top_level_modules(statement: str) -> set[str]:
    """The top-level modules that one import statement loads in a fresh process."""
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


# A part, and the import beside which it may not draw in any of the heavy ones.
BASELINES = {
    "drumjax": "import numpy",
    "drumjax.patterns": "import numpy, mido, pydantic",
    "drumjax.models": "import flax.linen",
    "drumjax.systems": "import flax.linen, optax",
}


@pytest.mark.smoke
@pytest.mark.parametrize("module", BASELINES)
def test_research_imports_cost_no_more_than_what_they_build_on(module: str) -> None:
    heavy = {"jax", "flax", "optax", "orbax", "tensorflow", "tensorflow_datasets", "librosa", "matplotlib", "scipy"}
    heavy |= {"numba", "sklearn", "soxr", "tensorboardX", "rich", "tyro", "pydantic", "mido", "soundfile"}
    assert not (heavy & top_level_modules(f"import {module}")) - top_level_modules(BASELINES[module])


SOURCES = {
    "import drumjax.nn as layers": ["drumjax.nn"],
    "from drumjax import nn": ["drumjax.nn"],
    "from drumjax.nn.conv import same": ["drumjax.nn.conv.same"],
    "from ..models import vae": ["drumjax.models.vae"],
    "from . import engine": ["drumjax.train.engine"],
    "def f():\n    import drumjax.cli": ["drumjax.cli"],
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import drumjax.cli\nelse:\n    import os": [
        "typing.TYPE_CHECKING",
        "os",
    ],
    "import importlib\nimportlib.import_module('drumjax.cli')": ["importlib", "drumjax.cli"],
    "__import__(name)": ["(a computed name)"],
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_reader_of_imports_finds_them_in_every_form(source: str) -> None:
    found = [name for node in walk(ast.parse(source)) for name in imported(node, "drumjax.train")]
    assert found == SOURCES[source]
