"""What the site takes from the code while it is built: a source tree that mkdocstrings can read, and each verb's own help."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

# Removed when the build's process ends.
_copy = tempfile.TemporaryDirectory(prefix="drumjax-docs-")


@event_priority(100)  # before mkdocstrings reads its own configuration
def on_config(config: Any) -> Any:
    """Points mkdocstrings to a copy of the package in which every folder is a regular package.

    It reads source without importing it, and knows no package without an `__init__.py` inside another one: `drumjax.datasets`,
    `drumjax.train` and `drumjax.serve` are such packages.
    """
    copy = Path(_copy.name, "drumjax")
    ignored = shutil.ignore_patterns("__pycache__", "assets")
    shutil.copytree(Path(config.config_file_path).parent / "drumjax", copy, ignore=ignored, dirs_exist_ok=True)
    for package in {module.parent for module in copy.rglob("*.py")}:
        (package / "__init__.py").touch()
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [_copy.name]
    return config


def _help(verb: str) -> str:
    """What `drumjax VERB --help` prints; an unknown verb ends the build."""
    run = subprocess.run([sys.executable, "-m", "drumjax", *verb.split(), "--help"], check=True, capture_output=True, text=True)
    return f"```text\n{run.stdout.rstrip()}\n```"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts every verb in the place of `<!-- verbs -->`, and the help of a call in the place of `<!-- help: CALL -->`."""
    from drumjax.cli import VERBS

    sections = "\n".join(f"### {name}\n\n{verb.summary}\n\n<!-- help: {name} -->\n" for name, verb in VERBS.items())
    return re.sub(r"<!-- help: (.*?) -->", lambda found: _help(found[1]), markdown.replace("<!-- verbs -->", sections))
