"""The pages keep up with the code. (The verbs need no test: the site takes them from the command.)"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import drumjax

DOCS = Path(__file__).resolve().parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the pages are not beside the tests")


def test_every_public_module_is_in_the_reference() -> None:
    package = Path(drumjax.__file__).parent
    files = [
        Path(folder, file) for folder, _, files in os.walk(package, followlinks=True) for file in files if file.endswith(".py")
    ]
    names = {".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files}
    # Packages are listed by their modules, all but the first; the command has a page of its own.
    wanted = {name for name in names if not re.search(r"\._|^drumjax\.cli", name)}
    listed = {
        name for page in (DOCS / "reference").glob("*.md") for name in re.findall(r"^::: (\S+)", page.read_text("utf-8"), re.M)
    }
    assert listed == wanted | {"drumjax"}
