"""What an installation holds and what a built wheel holds."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import drumjax

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINT_FILES = ["_METADATA", "manifest.ocdbt", "d/0a1b2c", "array_metadatas/process_0", "a.b/c", ".hidden", "x.npy"]


@pytest.mark.smoke
def test_the_version_is_the_installed_one() -> None:
    assert drumjax.__version__ == importlib.metadata.version("drumjax")


@pytest.mark.smoke
def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert Path(drumjax.__file__).with_name("py.typed").is_file()


@pytest.mark.smoke
@pytest.mark.parametrize("folder", ["datasets", "train", "serve"])
def test_the_three_moved_folders_are_importable_through_the_package_only(folder: str) -> None:
    assert list(importlib.import_module(f"drumjax.{folder}").__path__)
    assert "drumjax" not in importlib.metadata.packages_distributions().get(folder, [])


@pytest.mark.smoke
def test_every_module_can_be_imported() -> None:
    package = Path(drumjax.__file__).parent
    files = [
        Path(folder, file) for folder, _, files in os.walk(package, followlinks=True) for file in files if file.endswith(".py")
    ]
    names = {".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__") for file in files}
    # The two `__main__` run the command when they are imported.
    imports = "\n".join(f"import {name}" for name in sorted(names) if not name.endswith("__main__"))
    subprocess.run([sys.executable, "-c", imports], check=True)


@pytest.mark.smoke
def test_the_command_is_installed_and_shows_its_verbs() -> None:
    command = Path(sys.executable).with_name("drumjax")
    shown = subprocess.run([command, "--help"], check=True, capture_output=True, text=True).stdout
    assert "drumjax pattern interpolate" in shown


@pytest.mark.skipif(not (ROOT / "setup.cfg").is_file(), reason="needs the source tree")
def test_a_wheel_holds_every_asset_whatever_its_name(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tree)
    for name in ("drumjax", "datasets", "train", "serve"):
        # The tree of an sdist has no such folders at its top: there they lie in the package.
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in CHECKPOINT_FILES:
        file = tree / "drumjax" / "assets" / "some-model" / "state" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"1")
    code = f"from setuptools import build_meta; print(build_meta.build_wheel({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tree, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("drumjax/")}
    walked = os.walk(tree / "drumjax", followlinks=True)
    assert held == {Path(folder, file).relative_to(tree).as_posix() for folder, _, files in walked for file in files}
