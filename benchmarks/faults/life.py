"""One life of a training process that may have to die at a chosen point: `drumjax …` under an audit hook of the interpreter.

python life.py '{"at": "rename", "count": 1}' train pattern-vae --data embedded --workdir W

The hook sees every file that the process opens, renames and removes, so that the library itself knows nothing of the attacks. It
gives each such moment below the working directory a label (`LABELS`). At the `count`-th of a label, or of `any`, the process kills
itself with SIGKILL, or with `"tell"` says so to its parent over a descriptor and lives on. `"list"` names a file that gets the
labels of a whole life, a line each.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from typing import Any

LABELS = {
    "claim": "the lock is taken",
    "config": "config.json is about to appear",
    "configured": "config.json is there, no checkpoint yet",
    "table": "metrics.csv is about to be replaced",
    "row": "a row is about to be appended to metrics.csv",
    "events": "the TensorBoard file is opened",
    "payload": "inside the writing of the arrays",
    "card": "after the arrays, before the card",
    "hashing": "the files are hashed for the manifest",
    "manifest": "after the payload, before the manifest",
    "flush": "after the manifest, on the way to the disk",
    "rename": "before the directory gets its name",
    "renamed": "right after it got its name",
    "prune": "before an old checkpoint is put aside",
    "pruning": "while it is removed",
    "restore": "a checkpoint is read to go on from",
}
CHANGES = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")


class Labels:
    """What the moments of a life are called; it remembers what was being written."""

    def __init__(self, workdir: str) -> None:
        self.workdir = os.path.abspath(workdir)
        self.writing = self.just_renamed = self.fresh = False
        self.removing = ""

    def of(self, event: str, args: tuple[Any, ...]) -> str | None:
        """The label of an audit event, None for one that is none of our business."""
        if event not in CHANGES or isinstance(args[0], int):
            return None
        path = os.path.abspath(os.fsdecode(args[0]))
        if self.removing and event in ("os.remove", "os.rmdir", "open") and not os.path.isabs(os.fsdecode(args[0])):
            return "pruning" if self.removing.endswith(".removed") else None  # names relative to a descriptor
        if not path.startswith(self.workdir + os.sep):
            return None
        self.removing = path if event == "shutil.rmtree" else ""
        name = path.removeprefix(self.workdir + os.sep)
        label = self._label(event, args, name)
        self.just_renamed = label in ("rename", "config")
        return label

    def _label(self, event: str, args: tuple[Any, ...], name: str) -> str | None:
        base = os.path.basename(name)
        if event == "os.rename":
            goal = os.path.basename(os.fsdecode(args[1]))
            if goal == "config.json":
                self.fresh = True
                return "config"
            if base.endswith(".tmp") and goal.isdecimal():
                self.writing = self.fresh = False
                return "rename"
            return {"metrics.csv": "table"}.get(goal, "prune" if goal.endswith(".removed") else None)
        if self.just_renamed:
            return "configured" if self.fresh else "renamed"
        if base == ".lock":
            return "claim"
        if name.startswith("tensorboard"):
            return "configured" if self.fresh else "events"
        if base == "metrics.csv":
            return "row" if event == "open" and str(args[1]).startswith("a") else None
        if re.match(r"checkpoints/\d+\.tmp(/|$)", name) and event != "shutil.rmtree":
            reads = event == "open" and str(args[1] or "").startswith("r")
            if base == "manifest.json" and not reads:
                self.writing = True
                return "manifest"
            if reads or (event == "open" and args[1] is None):
                return "flush" if self.writing else "hashing" if "/state/" in name or base == "card.json" else "payload"
            return "card" if base == "card.json" else "payload"
        return "restore" if re.match(r"checkpoints/\d+/state", name) else None


def install(spec: dict[str, Any], workdir: str) -> None:
    """Adds the hook; it stays for the rest of the process."""
    labels, seen, pid = Labels(workdir), {}, os.getpid()
    listing = open(spec["list"], "w") if "list" in spec else None  # noqa: SIM115 - open as long as the process lives

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in CHANGES or os.getpid() != pid:
            return
        label = labels.of(event, args)
        if label is None:
            return
        seen[label] = seen.get(label, 0) + 1
        seen["any"] = seen.get("any", 0) + 1
        if listing:
            listing.write(f"{label}\n")
            listing.flush()
        if spec.get("at") in (label, "any") and seen[spec["at"]] == spec.get("count", 1):
            if "tell" in spec:
                os.write(spec["tell"], b"now")
            else:
                os.kill(pid, signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    arguments = sys.argv[2:]
    install(json.loads(sys.argv[1]), arguments[arguments.index("--workdir") + 1])
    from drumjax.cli import main

    sys.exit(main(arguments))
