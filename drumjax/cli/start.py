"""What a command does before JAX is imported."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs


def use_compilation_cache() -> Path | None:
    """Lets JAX keep compiled programs from one command to the next, unless the environment already says where.

    The folder is the user's own and closed to others: whoever can write compiled programs there runs code as the user. A folder
    that is not is left alone, and nothing is cached.

    Returns:
      The folder, or None where none is used.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return None
    folder = Path(platformdirs.user_cache_dir("drumjax", appauthor=False)) / "compiled"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if hasattr(os, "getuid"):
        private = private and status.st_uid == os.getuid()
    if not private:
        return None
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    # Below half a second of compilation reading the cache gains nothing much, but a verb compiles several small programs.
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    return folder
