"""Settings from environment variables, which override those of a file.

A variable is `PICSYNC_` and the setting's path in upper case, joined by two underscores: `PICSYNC_EVERY`,
`PICSYNC_ALBUMS__0__DRY_RUN`. A single value is used unchanged; a group or list of settings is written as
YAML. An empty variable counts as not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from picsync.config.shape import Shape, closest, fold
from picsync.config.tree import IN_ENVIRONMENT, FieldPath, Node, Place, parse_yaml
from picsync.core.errors import ConfigError, Problem

PREFIX = "PICSYNC_"
RESERVED = frozenset({"PICSYNC_CACHE", "PICSYNC_LOG_FORMAT"})
"""Variables for command line options, which read them themselves."""


def variable(path: FieldPath) -> str:
    """Return the name of the environment variable for the setting at `path`."""
    words = (
        str(step) if isinstance(step, int) else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", step) for step in path
    )
    return PREFIX + "__".join(words).upper()


def overlay(
    tree: Node,
    shape: Shape,
    environ: Mapping[str, str],
    *,
    others: Callable[[], Shape],
    known: Callable[[], Collection[str]],
) -> list[Problem]:
    """Write the variables of `shape` into the tree and return the problems.

    Variables of `others`, the other file's settings, are ignored. `known` returns the names to suggest. Both
    are called only if there are other variables than those of `shape`.
    """
    problems: list[Problem] = []
    settings: list[tuple[FieldPath, str]] = []
    for name in environ:
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        path = _path(name, shape, tree)
        if path is not None and environ[name]:
            settings.append((path, name))
        elif path is None and not _root(name, others()):
            problems.append(_unknown(name, known()))
    for path, name in sorted(settings, key=_order):
        try:
            place = Place(f"{IN_ENVIRONMENT}{name}")
            # Names from a whole group are known by now, with their capitalisation.
            path = _path(name, shape, tree) or path
            single = (shape.at(path) or shape).single
            value = environ[name]
            node = Node(value, place) if single else parse_yaml(value, place.file, problems, lines=False)
            _put(tree, path, node)
        except ConfigError as error:
            problems += error.problems
    return problems


def _order(setting: tuple[FieldPath, str]) -> list[tuple[int, str]]:
    """Sort whole groups and lists before their content, and list elements by number."""
    return [(step, "") if isinstance(step, int) else (0, step) for step in setting[0]]


def _root(name: str, shape: Shape) -> str | None:
    first = fold(name.removeprefix(PREFIX).split("__")[0])
    return next((key for key in shape.keys if fold(key) == first), None)


def _path(name: str, shape: Shape, tree: Node) -> FieldPath | None:
    path: FieldPath = ()
    here: Shape | None = shape
    node: Node | None = tree
    for word in name.removeprefix(PREFIX).split("__"):
        if here is None:
            return None
        if here.items is not None and re.fullmatch(r"[0-9]{1,4}", word):
            path, here, node = (*path, int(word)), here.items, None
            continue
        there = node.value if node is not None and isinstance(node.value, dict) else {}
        known = [*here.keys, *(there if here.named is not None else ())]
        key = next((one for one in known if fold(one) == fold(word)), None)
        if key is None and here.named is not None and word:
            key = word.lower()
        if key is None:
            return None
        path, here, node = (*path, key), here.keys.get(key, here.named), there.get(key)
    return path


def _unknown(name: str, known: Collection[str]) -> Problem:
    wanted = re.sub(r"[0-9]+", "0", name.removeprefix(PREFIX))
    meant = closest(wanted, [one.removeprefix(PREFIX) for one in known])
    hint = f"; did you mean `{PREFIX}{meant}`?" if meant else "; doc/configuration.md lists them all."
    return Place(f"environment variable {name}").problem((), f"is not a setting of picsync{hint}")


def _put(tree: Node, path: FieldPath, leaf: Node) -> None:
    node = tree
    for at, step in enumerate(path):
        if node.value is None:
            node.value = [] if isinstance(step, int) else {}
            # A problem at the top level is a problem of the file.
            node.place = node.place if node is tree else leaf.place
        if isinstance(step, int) and not isinstance(node.value, list):
            node.value = [Node(node.value, node.place)]
        last = at == len(path) - 1
        if isinstance(node.value, list) and isinstance(step, int):
            if step > len(node.value):
                message = f"has the number {step}, but the next free one is {len(node.value)}."
                raise ConfigError([leaf.place.problem(path, message)])
            old = node.value[step] if step < len(node.value) else Node(None, leaf.place)
            node.value[step : step + 1] = [leaf if last else old]
            node = node.value[step]
        elif isinstance(node.value, dict) and isinstance(step, str):
            old = node.value.get(step) or Node(None, leaf.place)
            node.value[step] = leaf if last else old
            node = node.value[step]
        else:
            return  # The file's own value is invalid and will be reported.


CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""Files that Docker and Podman create in each container."""


def in_container() -> bool:
    """Return whether this process runs in a Docker or Podman container."""
    return any(mark.exists() for mark in CONTAINER_MARKS)
