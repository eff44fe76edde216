"""The base of all groups of settings in picsync.yaml, and types that several of them use."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from picsync.config.durations import parse_duration

_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})


def _boolean(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lower() not in _TRUE | _FALSE:
        raise ValueError(f"must be true or false, not {value[:60]!r}")
    return value.lower() in _TRUE


def whole_number(value: object) -> int | None:
    """Return the number that a setting's value is, or that its digits make; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def listed(value: object) -> object:
    """Return a list with the text; anything else as it is."""
    return [value] if isinstance(value, str) else value


def one_line(most: int) -> Callable[[str], str]:
    """Return a check of a text with 1 to `most` characters, which makes a single line of it."""

    def check(value: str) -> str:
        found = " ".join(value.split())
        if not found or len(found) > most:
            raise ValueError(f"must have 1 to {most} characters")
        return found

    return check


def _interval(value: object) -> object:
    length = parse_duration(value) if isinstance(value, str) else value
    if isinstance(length, timedelta) and length <= timedelta(0):
        raise ValueError("must be greater than zero; to run once and exit, leave the setting out")
    return length


Boolean: TypeAlias = Annotated[bool, BeforeValidator(_boolean)]
Interval: TypeAlias = Annotated[timedelta, BeforeValidator(_interval)]
"""How often something runs."""


class Options(BaseModel):
    """A group of settings: camelCase in the file, unknown keys rejected, values never shown in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
        defer_build=True,
    )

    def place(self, name: str) -> str:  # noqa: ARG002 - for kinds whose entries have a place by their names
        """Return, for an entry of `frames:` called `name`, a text that is equal for the same frame."""
        return repr(self)
