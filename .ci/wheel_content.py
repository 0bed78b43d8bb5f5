"""Fails unless a wheel holds what it should and nothing else: `python wheel_content.py WHEEL`, run in the project's root.

What it should hold is what git tracks under the package and under the three folders that are imported through it.
"""

import subprocess
import sys
import zipfile
from pathlib import PurePosixPath

MOVED = ("datasets", "train", "serve")
"""Folders at the top of the tree that live in `drumjax.…`, through a symlink each."""


def expected() -> set[str]:
    """The paths of the package's files inside a wheel, by what git tracks."""
    tracked = subprocess.run(["git", "ls-files", "-z", "drumjax", *MOVED], check=True, capture_output=True, text=True).stdout
    links = {f"drumjax/{folder}" for folder in MOVED}
    paths = (path for path in tracked.split("\0") if path and path not in links)
    return {path if path.startswith("drumjax/") else f"drumjax/{path}" for path in paths}


def main(wheel: str) -> int:
    """Compares one wheel with the tree; returns the exit code."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    tops = {PurePosixPath(name).parts[0] for name in names}
    metadata = {top for top in tops if top.endswith(".dist-info")}
    held = {name for name in names if name.startswith("drumjax/")}
    complaints = [f"a top-level package of its own: {top}" for top in sorted(tops - {"drumjax"} - metadata)]
    complaints += [f"missing: {name}" for name in sorted(expected() - held)]
    complaints += [f"not tracked by git: {name}" for name in sorted(held - expected())]
    complaints += [
        f"nothing under drumjax/{folder}" for folder in MOVED if not any(name.startswith(f"drumjax/{folder}/") for name in held)
    ]
    if "drumjax/py.typed" not in held:
        complaints.append("missing: drumjax/py.typed")
    print(*(f"{wheel}: {line}" for line in complaints), sep="\n", end="\n" if complaints else "", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
