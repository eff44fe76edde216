"""YAML as a tree of strings with the place of each value.

Scalars are kept as written: `name: 2022` and `password: 0123` are strings, as for the Go picsync; the model
of a setting interprets them. Only null is special, since it counts as "not written". No scalar's text is put
into a message, since it may be a secret.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from picsync.core.errors import ConfigError, Problem
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.system.files import open_regular

FieldPath: TypeAlias = tuple[str | int, ...]
YamlNode: TypeAlias = Any
"""A composed node of the YAML library, whose classes share no suitable typed base."""

MAX_BYTES = 256 * 1024
"""Maximum size of a file; real ones have a few hundred bytes."""
_MAX_NODES = 10_000
"""Maximum number of values and keys, with aliases expanded; some hundred album rules have as many."""
_MAX_DEPTH = 40
_TOO_MUCH = "is nested too deeply or has too many values, perhaps through its aliases (`*name`)."
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def field_name(path: FieldPath) -> str:
    """Return the path in the usual notation, e.g. `albums[0].sources`."""
    words = (f"[{step}]" if isinstance(step, int) else f".{step.partition(':')[0][:60]}" for step in path)
    return "".join(words).removeprefix(".")


IN_ENVIRONMENT = "environment variable "


@dataclass(frozen=True, slots=True)
class Place:
    """The place where a value was written."""

    file: str
    """The file's name, or `environment variable PICSYNC_...`."""
    line: int | None = None

    @property
    def from_environment(self) -> bool:
        """Whether it is an environment variable."""
        return self.file.startswith(IN_ENVIRONMENT)

    def problem(self, path: FieldPath, message: str) -> Problem:
        """Return a problem at this place."""
        return Problem(self.file, self.line, field_name(path), message)


@dataclass(slots=True)
class Node:
    """A value with its place; for the value of a key, that of the key."""

    value: str | list[Node] | dict[str, Node] | None
    place: Place

    def plain(self) -> object:
        """Return the value as nested dicts, lists, strings and None."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def walk(self, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Node]]:
        """Yield every node with its path, this one first."""
        yield path, self
        children = self.value if isinstance(self.value, dict | list) else {}
        for step, child in children.items() if isinstance(children, dict) else enumerate(children):
            yield from child.walk((*path, step))

    def place_of(self, path: FieldPath) -> Place:
        """Return the place of the value at `path`, or of its nearest written parent."""
        node = self
        for step in path:
            match node.value, step:
                case dict() as children, str() if step in children:
                    node = children[step]
                case list() as items, int() if step < len(items):
                    node = items[step]
                case ((str() | dict()), int()):
                    continue  # A single value counts as a list of one.
                case _:
                    break
        return node.place


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's content and attributes."""

    path: Path
    text: str
    mode: int
    """Permission bits."""


def read_regular(path: Path) -> tuple[bytes, int]:
    """Return at most MAX_BYTES + 1 bytes of a file, and its permission bits.

    Never blocks: a pipe, socket or device is refused with OSError, since the files are read repeatedly while
    picsync runs. `/dev/null` counts as an empty file.
    """
    status = path.stat()
    if os.path.samestat(status, Path(os.devnull).stat()):
        return b"", stat.S_IMODE(status.st_mode) & 0o777
    with os.fdopen(open_regular(path, os.O_RDONLY, links=True), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        return file.read(MAX_BYTES + 1), stat.S_IMODE(mode) & 0o777


def read_text(path: Path) -> FileText | None:
    """Return the file's text, None if it does not exist; raises ConfigError if it cannot be read."""
    name = str(path)
    try:
        content, mode = read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        message = (
            "is a directory, but a file is needed here. Docker creates one where a mounted file does not "
            "exist: remove the directory, create the file, and start the container again."
        )
        raise ConfigError([Problem(name, None, "", message)]) from None
    except PermissionError as error:
        user = os.geteuid()
        advice = f"picsync runs as user {user}; run: chown {user} {name}"
        raise ConfigError([Problem(name, None, "", f"cannot be read: {error.strerror}; {advice}")]) from None
    except OSError as error:
        raise ConfigError([Problem(name, None, "", f"cannot be read: {error.strerror}.")]) from None
    except ValueError:
        raise ConfigError([Problem(name, None, "", "is not a possible name of a file.")]) from None
    if len(content) > MAX_BYTES:
        raise ConfigError([Problem(name, None, "", "is larger than 256 KiB, so it is not the right file.")])
    try:
        return FileText(path, content.decode("utf-8-sig"), mode)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(name, line, "", "is not UTF-8 text; save it as UTF-8.")]) from None


def parse_yaml(text: str, file: str, problems: list[Problem], *, lines: bool = True) -> Node:
    """Return the tree of one YAML document; its value is None if it is empty.

    Adds problems of single settings, such as duplicates, to `problems`; raises ConfigError if there is no
    usable tree. Without `lines`, places are `file` as a whole.
    """
    import yaml

    root = Place(file)
    try:
        # The C loader also limits the depth, and takes linear instead of quadratic time.
        document = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except RecursionError:
        raise ConfigError([root.problem((), _TOO_MUCH)]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError([_syntax_problem(error, text, root, lines=lines)]) from None
    if document is None:
        return Node(None, root)
    return Node(_Builder(file, lines, problems).value(document, ()), root)


def _syntax_problem(error: Exception, text: str, root: Place, *, lines: bool) -> Problem:
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", None)
    line = None
    if lines and mark is not None:
        # An unclosed bracket is only noticed at the end, after the last line.
        line = min(mark.line, text.rstrip().count("\n")) + 1
    elif lines and isinstance(position, int):
        line = text.encode(errors="replace").count(b"\n", 0, position) + 1
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    if what == "second occurrence":
        what = "two anchors (`&name`) have the same name"
    # The quoted text may be part of a password, except for single characters and `<stream end>`.
    what = _QUOTED.sub(lambda one: one[0] if len(one[0]) == 3 or one[0][1] == "<" else "...", str(what))
    message = (
        f"is not valid YAML: {what}. Check the indentation (spaces only), that a space follows each `key:`, "
        "and put values with special characters in quotes."
    )
    return Place(root.file, line).problem((), message)


@dataclass(slots=True)
class _Builder:
    """Converts composed nodes to the tree, and expands aliases up to a limit."""

    file: str
    lines: bool
    problems: list[Problem]
    nodes: int = 0

    def place(self, node: YamlNode) -> Place:
        return Place(self.file, node.start_mark.line + 1 if self.lines else None)

    def value(self, node: YamlNode, path: FieldPath) -> str | list[Node] | dict[str, Node] | None:
        self.nodes += 1
        if self.nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise ConfigError([self.place(node).problem((), _TOO_MUCH)])
        if not str(node.tag).startswith("tag:yaml.org,2002:"):
            message = "has a value that begins with `!`; put it in quotes."
            self.problems.append(self.place(node).problem(path, message))
            return None
        if node.id == "sequence":
            items = enumerate(node.value)
            return [Node(self.value(item, (*path, at)), self.place(item)) for at, item in items]
        if node.id == "mapping":
            return self.mapping(node, path)
        text: str = node.value
        return None if not node.style and text in _NULLS else text

    def mapping(self, node: YamlNode, path: FieldPath) -> dict[str, Node]:
        children: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            name = harmless(key.value) if key.id == "scalar" else None
            if name is None:
                message = "has a key that is not a word; put the key in quotes if it is meant as text."
                self.problems.append(self.place(key).problem(path, message))
            elif name == "<<" and not key.style:
                for other in self.merges(value, path):
                    merged = {**other, **merged}
            elif name in children:
                first = children[name].place.line
                message = f"is there twice{f' (first in line {first})' if first else ''}; remove one of them."
                self.problems.append(self.place(key).problem((*path, name), message))
            else:
                children[name] = Node(self.value(value, (*path, name)), self.place(key))
        return {**merged, **children}

    def merges(self, node: YamlNode, path: FieldPath) -> Iterator[dict[str, Node]]:
        for part in node.value if node.id == "sequence" else [node]:
            value = self.value(part, (*path, "<<"))
            if isinstance(value, dict):
                yield value
            else:
                message = "must be an alias of a mapping, such as `<<: *name`."
                self.problems.append(self.place(part).problem((*path, "<<"), message))
