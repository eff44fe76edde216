"""Writes a new login into the credentials file, and keeps everything else that the user wrote."""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from picsync.config.tree import Node, parse_yaml, read_text
from picsync.core.errors import ConfigError, Problem
from picsync.system.files import reason, remedy, replace_file

_HEAD = re.compile(r"(?:(?:[#%].*|[ \t]*)\r?\n)*---[ \t]*(?:#.*)?\r?\n")
"""Comments, directives and the line that begins the document."""


Fields: TypeAlias = Mapping[str, "str | Fields"]
"""Keys with their values, or groups of keys."""


def merge_login(path: Path, place: tuple[str, ...], fields: Fields) -> None:
    """Write the `fields` that have a value into the credentials file, creating it if missing.

    `place` are the keys of the section, such as `("accounts", "aunt")`.

    Other sections, comments and their order are kept, and so is a symbolic link. The file is replaced
    atomically, and is readable only by its owner from its first byte on. Raises ConfigError if the file
    cannot be parsed or written; it is then unchanged.
    """
    file = read_text(path)
    problems: list[Problem] = []
    before = parse_yaml(file.text, str(path), problems) if file else None
    if problems:
        raise ConfigError(problems)
    if before is not None and not isinstance(before.value, dict | None):
        message = "must consist of `key: value` lines; nothing was written to it."
        raise ConfigError([Problem(str(path), None, "", message)])
    from ruamel.yaml.error import YAMLError

    empty = before is None or before.value is None
    try:
        text = _merged(file.text if file else "", place, fields, empty=empty)
        same = _rest(parse_yaml(text, str(path), problems), place) == _rest(before, place)
    except (ConfigError, YAMLError, ValueError, OverflowError):
        same = False
    if not same or problems:
        message = (
            f"is written in a way that picsync cannot add to; write `{'.'.join(place)}` into it by hand."
        )
        raise ConfigError([Problem(str(path), None, "", message)])
    target = path.resolve()
    try:
        # A login by root in a container must not change the file's owner.
        replace_file(target, [text.encode()], owner_of=target)
    except OSError as error:
        raise ConfigError([Problem(str(path), None, "", _reason(error, target.parent))]) from None


def _merged(text: str, place: tuple[str, ...], fields: Fields, *, empty: bool) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.Resolver = _text_resolver()
    yaml.composer.warn_double_anchors = False
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    yaml.map_indent = _indent(text)
    # Text before the document is not part of it, and would be lost.
    head = _HEAD.match(text)
    kept, body = (head[0], text[head.end() :]) if head else ("", text)
    document: Any = None if empty else yaml.load(body)
    if document is None:
        # A file with nothing but comments has no document that they could belong to.
        kept += "".join(f"{line}\n" for line in body.splitlines() if line.startswith("#"))
        document = CommentedMap()
    section = document
    for key in place:
        if not isinstance(section.get(key), dict):
            section[key] = CommentedMap()
        section = section[key]
    _put(section, fields)
    out = io.StringIO()
    yaml.dump(document, out)
    return kept + out.getvalue()


def _text_resolver() -> type[Any]:
    from ruamel.yaml.resolver import VersionedResolver

    class TextResolver(VersionedResolver):
        """Reads numbers, times and Booleans as strings, so that `0x1F` is written as it was read."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag = super().resolve(kind, value, implicit)
            scalar = str(tag).rpartition(":")[2] in {"int", "float", "bool", "timestamp"}
            return self.DEFAULT_SCALAR_TAG if scalar else tag

    return TextResolver


def _indent(text: str) -> int:
    """Return the indentation of the file's first nested key, in columns."""
    indents = (
        len(line) - len(line.lstrip(" ")) for line in text.splitlines() if not line.lstrip().startswith("#")
    )
    return next((indent for indent in indents if indent), 2)


def _put(group: Any, values: Mapping[str, Any]) -> None:
    """Set the fields with a value.

    New keys go first, since a comment after the last key belongs to the next section.
    """
    from ruamel.yaml.comments import CommentedMap

    new = 0
    for key, value in values.items():
        inner = value if isinstance(value, dict) else {}
        if not value or (inner and not any(inner.values())):
            continue
        if key not in group:
            group.insert(new, key, CommentedMap() if inner else value)
            new += 1
        if inner:
            if not isinstance(group[key], dict):
                group[key] = CommentedMap()
            _put(group[key], inner)
        else:
            group[key] = value


def _rest(tree: Node | None, place: tuple[str, ...]) -> dict[str, object]:
    """Return the file's content except for the section at `place`."""
    content = tree.plain() if tree else None
    return _without(content, place) if isinstance(content, dict) else {}


def _without(content: dict[str, object], place: tuple[str, ...]) -> dict[str, object]:
    key, *rest = place
    inner = content.get(key)
    others = {name: value for name, value in content.items() if name != key}
    if rest and isinstance(inner, dict) and (left := _without(inner, tuple(rest))):
        others[key] = left
    return others


def _reason(error: OSError, target: Path) -> str:
    if error.errno == errno.EBUSY:
        return "cannot be replaced, since it is mounted as a single file; mount its directory instead."
    advice = (
        remedy(error, target) or "Log in where the file and its directory are writable, then copy it here."
    )
    return f"cannot be written: {reason(error)}. {advice}"
