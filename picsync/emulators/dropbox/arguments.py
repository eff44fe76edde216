"""The arguments of the calls, validated as strictly as Dropbox does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from picsync.emulators.dropbox.errors import malformed
from picsync.emulators.dropbox.resources import TIME

Check = Callable[[str, str, Any], Any]
"""Takes the call, the field and its value; returns the value as it is used, or raises the 400."""
Fields = Mapping[str, Check]
"""Name -> check; a `!` at the end of a name marks a required field."""

_TYPES = {str: "string", bool: "boolean", int: "integer", list: "list", dict: "object"}


def of(kind: type) -> Check:
    """Return the check for a JSON type."""

    def check(call: str, field: str, value: Any) -> Any:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise malformed(call, f"request body: {field}: expected {_TYPES[kind]}, got {value!r}")
        return value

    return check


TEXT, FLAG, NUMBER = of(str), of(bool), of(int)


def within(least: int, most: int) -> Check:
    """Return the check for a whole number."""

    def check(call: str, field: str, value: Any) -> int:
        number: int = NUMBER(call, field, value)
        if not least <= number <= most:
            raise malformed(call, f"request body: {field}: {number} is not within [{least}, {most}]")
        return number

    return check


def pattern(form: re.Pattern[str]) -> Check:
    """Return the check for a text that matches a pattern."""

    def check(call: str, field: str, value: Any) -> str:
        text: str = TEXT(call, field, value)
        if not form.fullmatch(text):
            raise malformed(call, f"request body: {field}: '{text}' did not match pattern '{form.pattern}'")
        return text

    return check


HASH = pattern(re.compile(r"[0-9a-f]{64}"))


def moment(call: str, field: str, value: Any) -> float:
    """Return a time as seconds since the epoch."""
    text: str = TEXT(call, field, value)
    try:
        return datetime.strptime(text, TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise malformed(
            call, f"request body: {field}: time data {text!r} does not match format '{TIME}'"
        ) from None


def union(*tags: str, **with_value: Check) -> Check:
    """Return the check for a union; the value is a dict with `.tag`."""

    def check(call: str, field: str, value: Any) -> dict[str, Any]:
        if isinstance(value, str):
            value = {".tag": value}
        tag = value.get(".tag") if isinstance(value, dict) else None
        if tag in tags:
            return {".tag": tag}
        if tag in with_value:
            # The fields of a struct stand next to the tag.
            inner = value.get(tag, {name: each for name, each in value.items() if name != ".tag"})
            return {".tag": tag, tag: with_value[tag](call, f"{field}.{tag}", inner)}
        raise malformed(call, f"request body: {field}: unknown tag {tag!r}")

    return check


def struct(fields: Fields) -> Check:
    """Return the check for an object with these fields."""

    def check(call: str, field: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise malformed(call, f"request body: {field}: expected object, got {value!r}")
        return checked(call, fields, value, f"{field}.")

    return check


def list_of(each: Check, most: int | None = None) -> Check:
    """Return the check for a list."""

    def check(call: str, field: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise malformed(call, f"request body: {field}: expected list, got {value!r}")
        if most is not None and len(value) > most:
            raise malformed(call, f"request body: {field}: {len(value)} items exceed the maximum of {most}")
        return [each(call, f"{field}[{number}]", one) for number, one in enumerate(value)]

    return check


def checked(call: str, fields: Fields, value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the fields that have a value; raises the 400 for unknown, missing and wrong ones."""
    known = {name.rstrip("!"): (check, name.endswith("!")) for name, check in fields.items()}
    for name in value:
        if name not in known and name != ".tag":
            raise malformed(call, f"request body: {prefix}unknown field '{name}'")
    result = {}
    for name, (check, required) in known.items():
        if value.get(name) is not None:
            result[name] = check(call, f"{prefix}{name}", value[name])
        elif required:
            raise malformed(call, f"request body: {prefix}missing required field '{name}'")
    return result


def parse(call: str, fields: Fields, text: str, where: str) -> dict[str, Any]:
    """Return the argument in a body or header; raises the 400."""
    try:
        value = json.loads(text) if text else None
    except ValueError:
        raise malformed(call, f"{where}: could not decode input as JSON") from None
    if not fields:
        if value not in (None, {}):
            raise malformed(call, f"{where}: expected null, got value")
        return {}
    if not isinstance(value, dict):
        raise malformed(call, f"{where}: expected object, got {value!r}")
    return checked(call, fields, value)
