"""The one door for bytes from outside: size caps, structural checks and one error type."""

from __future__ import annotations

from os import PathLike


class InputError(ValueError):
    """What a user gave does not keep a rule. Shown as one message, without a traceback; the command ends with exit code 2.

    Attributes:
      path: the file, folder or argument at fault.
      rule: what was expected.
      found: what was found instead.
      remedy: what to do about it.
    """

    def __init__(self, path: str | PathLike[str], *, rule: str, found: str, remedy: str) -> None:
        self.path, self.rule, self.found, self.remedy = str(path), rule, found, remedy
        super().__init__(f"{self.path}: expected {rule}; found {found}; {remedy}")

    def __reduce__(self):
        # Exceptions are rebuilt from `args` when they cross a process boundary; ours has keyword arguments only.
        return _rebuild, (self.path, self.rule, self.found, self.remedy)


def _rebuild(path: str, rule: str, found: str, remedy: str) -> InputError:
    return InputError(path, rule=rule, found=found, remedy=remedy)
