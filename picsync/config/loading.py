"""Reading picsync.yaml and the credentials file, each together with the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from picsync.config.credentials import FILE_NAME, Credentials, CredentialsFile
from picsync.config.environment import overlay, variable
from picsync.config.settings import Checks, Config, SourceKinds
from picsync.config.shape import Shape, shape_of
from picsync.config.tree import FileText, Node, Place, parse_yaml, read_text
from picsync.config.validation import validate
from picsync.core.errors import ConfigError, Problem


def load_config(path: Path, *, environ: Mapping[str, str], source_kinds: SourceKinds) -> Config:
    """Return the settings of the file at `path` with those of the environment laid over them.

    The file may be absent if the environment has the albums. Raises ConfigError with every problem found.
    """
    shape = shape_of(Config, source_kinds)
    file = read_text(path)
    problems: list[Problem] = []
    tree = _tree(path, file, problems)
    problems += overlay(tree, shape, environ, others=_credentials_shape(), known=_variables())
    albums = tree.value.get("albums") if isinstance(tree.value, dict) else None
    if tree.value is None or (file is None and albums is None):
        message = "there is no such file" if file is None else "the file is empty"
        advice = "start from picsync.yaml.example, or set PICSYNC_ALBUMS in the environment."
        raise ConfigError([Problem(str(path), None, "", f"{message}; {advice}"), *problems])
    if albums is not None and isinstance(albums.value, dict):
        albums.value = [Node(albums.value, albums.place)]
    elsewhere = dict.fromkeys(_credentials_shape().keys, FILE_NAME)
    return validate(Config, tree, shape, problems, elsewhere=elsewhere, context=Checks(source_kinds))


def read_entries(kind: str, texts: Sequence[str], source_kinds: SourceKinds) -> tuple[Any, ...]:
    """Return entries of a kind of source as they stand under `sources:`, from the command line's arguments.

    Each is a text, or an entry with options as YAML such as `{path: /photos}`. Raises ConfigError.
    """
    shape = shape_of(Config, source_kinds)
    entry = shape.at(("albums", 0, "sources", kind, 0)) or Shape()
    problems: list[Problem] = []
    nodes = []
    for number, text in enumerate(texts, 1):
        place = Place(f"argument {number}")
        nodes.append(
            Node(text, place) if entry.single else parse_yaml(text, place.file, problems, lines=False)
        )
    root = Place("arguments")
    rule = {"name": Node("preview", root), "sources": Node({kind: Node(nodes, root)}, root)}
    tree = Node({"albums": Node([Node(rule, root)], root)}, root)
    config = validate(Config, tree, shape, problems, elsewhere={}, context=Checks(source_kinds))
    return tuple(config.albums[0].sources[kind])


def load_credentials(paths: Sequence[Path], environ: Mapping[str, str]) -> Credentials:
    """Return the credentials of the first of the files that exists, with the environment laid over them.

    No file at all is fine here: what is missing is said when it is needed. Raises ConfigError with every
    problem that was found, showing no values.
    """
    file = next((found for found in map(read_text, paths) if found is not None), None)
    path = file.path if file else next(iter(paths), Path(FILE_NAME))
    problems: list[Problem] = []
    tree, shape = _tree(path, file, problems), _credentials_shape()
    problems += overlay(tree, shape, environ, others=shape_of(Config), known=_variables())
    if tree.value is None:
        tree.value = {}
    elsewhere = dict.fromkeys(shape_of(Config).keys, "picsync.yaml")
    content = validate(CredentialsFile, tree, shape, problems, elsewhere=elsewhere)
    warnings = tuple(_exposures(file)) if file else ()
    return Credentials(
        content.nixplay,
        content.googlephotos,
        content.immich,
        path=file.path if file else None,
        looked_for=tuple(paths),
        warnings=warnings,
    )


def _exposures(file: FileText) -> Iterator[Problem]:
    """Yield who else can open a file of passwords, if anybody can.

    A file that nobody may write and a group may read is how Kubernetes hands out secrets.
    """
    if file.mode & 0o007:
        others = "every user of this machine"
    elif file.mode & 0o070 and file.mode & 0o222:
        others = "every user of its group"
    else:
        return
    can = "read" if file.mode & 0o044 else "change"
    advice = f"run: chmod 600 {file.path} (for a Kubernetes secret: `defaultMode: 0440`)."
    yield Problem(str(file.path), None, "", f"holds passwords, but {others} can {can} it; {advice}")


def _tree(path: Path, file: FileText | None, problems: list[Problem]) -> Node:
    """Return the file's tree; its value is a dict, or None for nothing at all."""
    if file is None:
        return Node(None, Place(str(path)))
    tree = parse_yaml(file.text, str(path), problems)
    if isinstance(tree.value, str | list):
        message = "must consist of `key: value` lines, as shown in doc/configuration.md."
        raise ConfigError([tree.place.problem((), message)])
    return tree


@cache
def _credentials_shape() -> Shape:
    return shape_of(CredentialsFile)


@cache
def _variables() -> tuple[str, ...]:
    shapes = (shape_of(Config), _credentials_shape())
    return tuple(variable(path) for shape in shapes for path, _ in shape.walk())
