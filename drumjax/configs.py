"""Configurations: frozen dataclasses to JSON and back, strictly."""

from __future__ import annotations

import difflib
import json
import os
import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from drumjax.boundary import InputError

Json = Any
"""What JSON can say: dictionaries, lists, strings, numbers, booleans, None."""
Config = TypeVar("Config")


def dump_config(config: Any) -> dict[str, Json]:
    """A frozen dataclass as JSON-like data: nested dictionaries, tuples as lists."""
    import pydantic

    return pydantic.TypeAdapter(type(config)).dump_python(config, mode="json")


def parse_config(config_type: type[Config], data: Json, path: str | os.PathLike[str] = "config") -> Config:
    """The dataclass back from JSON-like data; strict: no type is converted, no key is ignored.

    Args:
      config_type: a dataclass.
      data: what `dump_config` gave, or JSON text.
      path: the file at fault, for messages.

    Raises:
      InputError: names the field at fault by its dotted path and, for an unknown key, the nearest known one.
    """
    import pydantic

    text = data if isinstance(data, str | bytes) else json.dumps(data)
    try:
        return pydantic.TypeAdapter(config_type).validate_json(text, strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the whole"
        remedy = "correct it"
        if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            known = _known_keys(config_type, fault["loc"][:-1])
            near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
            remedy = f"perhaps {near[0]} is meant" if near else f"known here: {', '.join(known)}"
            rule, found = "known keys only", f"the unknown key {where}"
        else:
            rule, found = f"{where}: {fault['msg'].lower()}", repr(fault["input"])[:80]
        raise InputError(path, rule=rule, found=found, remedy=remedy) from error


def _known_keys(config_type: Any, parents: Sequence[Any]) -> list[str]:
    for parent in parents:
        if is_dataclass(config_type):
            config_type = typing.get_type_hints(config_type).get(str(parent))
    return [field.name for field in fields(config_type)] if is_dataclass(config_type) else []
