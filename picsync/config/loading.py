"""Reads picsync.yaml and the credentials file, each together with the environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from picsync.config.credentials import FILE_NAME, Credentials, Logins, NamedAccount, file_model
from picsync.config.environment import overlay, variable
from picsync.config.frames import NamedFrame
from picsync.config.known import Checks, Known
from picsync.config.named import with_places
from picsync.config.settings import Config
from picsync.config.shape import Shape, closest, fold, shape_of
from picsync.config.tree import FileText, Node, Place, parse_yaml, read_text
from picsync.config.validation import validate
from picsync.core.errors import ConfigError, Problem

JOBS = ("albums", "organize", "mirror")
"""Keys of what picsync can do; a configuration has at least one of them."""
_NO_JOB = "is missing; write for example `albums: [{name: AllMyStuff, sources: {sharedlinks: [<link>]}}]`."


def load_config(
    path: Path,
    *,
    environ: Mapping[str, str],
    known: Known,
    logins: Logins,
    only: Collection[str] | None = None,
) -> Config:
    """Return the settings of the file at `path`, overridden by the environment.

    The file may be missing if the environment contains the albums. With `only`, it may be missing or have no
    job, and all top-level keys but these are ignored; none are if it is empty. Raises ConfigError with every
    problem.
    """
    shape = config_shape(known)
    file = read_text(path)
    problems: list[Problem] = []
    tree = _tree(path, file, problems)
    problems += overlay(
        tree,
        shape,
        environ,
        others=partial(credentials_shape, logins),
        known=partial(_variables, known, logins),
    )
    if only is not None:
        written = tree.value if isinstance(tree.value, dict) else {}
        tree.value = {key: node for key, node in written.items() if not only or key in only}
    albums = tree.value.get("albums") if isinstance(tree.value, dict) else None
    idle = only is None and not any(_written(tree, job) for job in JOBS)
    if tree.value is None or (file is None and idle):
        message = (
            "there is no such file; run `picsync init` to create it, or set the variable PICSYNC_ALBUMS."
            if file is None
            else "the file is empty; write for example"
            " `albums: [{name: Family, sources: {sharedlinks: [<link>]}}]`."
        )
        raise ConfigError([Problem(str(path), None, "", message), *problems])
    if isinstance(tree.value, dict) and idle:
        problems.append(tree.place.problem(("albums",), _NO_JOB))
    if albums is not None and isinstance(albums.value, dict):
        albums.value = [Node(albums.value, albums.place)]
    problems += _unmentioned(tree, "frames")
    if named := _kinds(tree, "frames"):
        shape = config_shape(known, named)
    elsewhere = dict.fromkeys(credentials_shape(logins).keys, FILE_NAME)
    config = validate(Config, tree, shape, problems, elsewhere=elsewhere, context=Checks(known))
    config.remember_places(tree)
    return config


def read_entries(name: str, texts: Sequence[str], known: Known) -> tuple[Any, ...]:
    """Return entries in the form of `sources: {<name>: ...}`, from the command line's arguments.

    Each is a text, or an entry with options as YAML such as `{path: /photos}`. Raises ConfigError.
    """
    shape = config_shape(known)
    entry = shape.at(("albums", 0, "sources", name, 0)) or Shape()
    problems: list[Problem] = []
    nodes = []
    for number, text in enumerate(texts, 1):
        place = Place(f"argument {number}")
        nodes.append(
            Node(text, place) if entry.single else parse_yaml(text, place.file, problems, lines=False)
        )
    root = Place("arguments")
    rule = {"name": Node("preview", root), "sources": Node({name: Node(nodes, root)}, root)}
    tree = Node({"albums": Node([Node(rule, root)], root)}, root)
    try:
        config = validate(Config, tree, shape, problems, elsewhere={}, context=Checks(known))
    except ConfigError as error:
        # `albums[0].sources` would mean nothing to the user, since there is no file.
        own = re.compile(rf"albums\[0\]\.sources\.{re.escape(name)}(?:\[[0-9]+\])?\.?")
        raise ConfigError([replace(one, field=own.sub("", one.field)) for one in error.problems]) from None
    return tuple(config.albums[0].sources[name])


def load_credentials(
    paths: Sequence[Path], environ: Mapping[str, str], known: Known, logins: Logins
) -> Credentials:
    """Return the credentials of the first file that exists, overridden by the environment.

    The file may be missing: missing values are reported when they are needed. Raises ConfigError with every
    problem, without showing values.
    """
    file = next((found for found in map(read_text, paths) if found is not None), None)
    path = file.path if file else next(iter(paths), Path(FILE_NAME))
    problems: list[Problem] = []
    tree, shape = _tree(path, file, problems), credentials_shape(logins)
    problems += overlay(
        tree, shape, environ, others=partial(config_shape, known), known=partial(_variables, known, logins)
    )
    if tree.value is None:
        tree.value = {}
    named = _kinds(tree, "accounts")
    shape = credentials_shape(logins, {name: kind for name, kind in named.items() if kind in logins})
    elsewhere = dict.fromkeys(shape_of(Config, deep=False).keys, "picsync.yaml")
    problems += [*_taken(tree, named, [*known.sources, *known.frames]), *_unmentioned(tree, "accounts")]
    content = validate(file_model(logins), tree, shape, problems, elsewhere=elsewhere, context=logins)
    sections = {kind: getattr(content, kind) for kind in logins}
    return Credentials(
        {kind: section for kind, section in sections.items() if section is not None},
        with_places(content.accounts, tree, "accounts"),  # type: ignore[attr-defined] # the model is built from the kinds
        path=file.path if file else None,
        looked_for=tuple(paths),
        warnings=tuple(_exposures(file)) if file else (),
    )


def account_kinds(paths: Sequence[Path], environ: Mapping[str, str], logins: Logins) -> dict[str, str]:
    """Return the kind of each account by name, as far as it is known; raises nothing.

    Used to read picsync.yaml although the credentials are invalid.
    """
    try:
        file = next((found for found in map(read_text, paths) if found is not None), None)
        tree = _tree(Path(FILE_NAME), file, [])
    except ConfigError:
        return {}
    shape = credentials_shape(logins)
    overlay(tree, shape, environ, others=lambda: shape, known=tuple)
    sections = tree.value if isinstance(tree.value, dict) else {}
    own = {kind: kind for kind in logins if kind in sections and sections[kind].value is not None}
    return {**own, **_kinds(tree, "accounts")}


def _kinds(tree: Node, key: str) -> dict[str, str]:
    """Return the kind of each named entry, as far as it is known."""
    group = tree.value.get(key) if isinstance(tree.value, dict) else None
    found = {}
    for name, entry in group.value.items() if group is not None and isinstance(group.value, dict) else ():
        kind = entry.value.get("kind") if isinstance(entry.value, dict) else None
        if kind is not None and isinstance(kind.value, str):
            found[name] = kind.value
    return found


def _taken(tree: Node, named: Mapping[str, str], kinds: Iterable[str]) -> Iterator[Problem]:
    """Yield problems of accounts named like another account, or like a kind."""
    folded = {fold(kind): kind for kind in kinds}
    for name, kind in named.items():
        path = ("accounts", name)
        if isinstance(tree.value, dict) and name in tree.value and tree.value[name].value is not None:
            yield tree.place_of(path).problem(
                path, f"is defined twice: the section `{name}` is this account. Remove one of them."
            )
        elif (other := folded.get(fold(name), kind)) != kind:
            yield tree.place_of(path).problem(
                path, f"has the name of the kind `{other}`; choose another name."
            )


def _written(tree: Node, key: str) -> bool:
    """Whether a file has a key with a value at its top level."""
    found = tree.value.get(key) if isinstance(tree.value, dict) else None
    return found is not None and found.value is not None


def _unmentioned(tree: Node, key: str) -> Iterator[Problem]:
    """Yield problems of names that occur only in environment variables, none of which sets a kind."""
    group = tree.value.get(key) if isinstance(tree.value, dict) else None
    entries = group.value if group is not None and isinstance(group.value, dict) else {}
    written = [name for name, entry in entries.items() if not entry.place.from_environment]
    for name, entry in entries.items():
        if name not in written and isinstance(entry.value, dict) and "kind" not in entry.value:
            meant = closest(name, written)
            advice = (
                f"did you mean `{meant}`?" if meant else f"to define it, set {variable((key, name, 'kind'))}."
            )
            yield entry.place.problem((key, name), f"is a name that nothing else mentions; {advice}")


def _exposures(file: FileText) -> Iterator[Problem]:
    """Yield a problem if other users can access a file of passwords.

    Kubernetes provides secrets as files that nobody may write and a group may read.
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
    """Return the file's tree; its value is a dict, or None if it is empty."""
    if file is None:
        return Node(None, Place(str(path)))
    tree = parse_yaml(file.text, str(path), problems)
    if isinstance(tree.value, str | list):
        message = "must consist of `key: value` lines, as shown in doc/configuration.md."
        raise ConfigError([tree.place.problem((), message)])
    return tree


def credentials_shape(logins: Logins, named: Mapping[str, str] = MappingProxyType({})) -> Shape:
    """Return the possible content of the credentials file; `named` are accounts of a known kind."""
    return _credentials_shape(tuple(logins.items()), tuple(named.items()))


@lru_cache(maxsize=8)
def _credentials_shape(
    logins: tuple[tuple[str, type[BaseModel]], ...], named: tuple[tuple[str, str], ...]
) -> Shape:
    models = dict(logins)
    entries = {name: models[kind] for name, kind in named}
    return shape_of(file_model(models), shared=NamedAccount, kinds=list(models.values()), entries=entries)


def config_shape(known: Known, named: Mapping[str, str] = MappingProxyType({})) -> Shape:
    """Return the possible content of picsync.yaml; `named` are frames of a known kind."""
    models = {name: known.frames[kind] for name, kind in named.items() if kind in known.frames}
    kinds = [model for model in known.frames.values() if model is not None]
    return shape_of(Config, known.sources, shared=NamedFrame, kinds=kinds, entries=models)


def _variables(known: Known, logins: Logins) -> list[str]:
    shapes = (config_shape(Known({}, known.frames)), credentials_shape(logins))
    return [variable(path) for shape in shapes for path, _ in shape.walk()]
