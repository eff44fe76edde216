"""Partial responses: the `fields` parameter, e.g. `nextPageToken,mediaItems(id,mediaMetadata/width)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from picsync.emulators.google.errors import invalid
from picsync.emulators.google.schemas import Tree

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[*(),/]")


def select(value: Any, selector: str, schema: Tree) -> Any:
    """Return only the selected parts of a JSON value; raises ApiError for fields not in the schema."""
    tree = parse(selector)
    _check(tree, schema, selector)
    return _pick(value, tree)


def parse(selector: str) -> Tree:
    """Return the selector as a tree; raises ApiError if it is malformed."""
    tokens = _TOKEN.findall(selector)
    if "".join(tokens) != re.sub(r"\s", "", selector) or not tokens:
        raise invalid(f"Invalid field selection {selector}")
    tree = _list(tokens, selector)
    if tokens:
        raise invalid(f"Invalid field selection {selector}")
    return tree


def _list(tokens: list[str], selector: str) -> Tree:
    tree: Tree = {}
    while True:
        if not tokens or tokens[0] in "(),/":
            raise invalid(f"Invalid field selection {selector}")
        name = tokens.pop(0)
        tree.setdefault(name, {}).update(_rest(tokens, selector))
        if not tokens or tokens[0] != ",":
            return tree
        tokens.pop(0)


def _rest(tokens: list[str], selector: str) -> Tree:
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        inner = _list(tokens, selector)
        if not tokens or tokens.pop(0) != ")":
            raise invalid(f"Invalid field selection {selector}")
        return inner
    if tokens and tokens[0] == "/":
        tokens.pop(0)
        if not tokens or tokens[0] in "(),/":
            raise invalid(f"Invalid field selection {selector}")
        return {tokens.pop(0): _rest(tokens, selector)}
    return {}


def _check(tree: Tree, schema: Tree, selector: str) -> None:
    for name, inner in tree.items():
        if name == "*":
            for each in schema.values():
                _check(inner, each, selector)
        elif name not in schema or (inner and not schema[name]):
            raise invalid(f"Invalid field selection {name}")
        else:
            _check(inner, schema[name], selector)


def _pick(value: Any, tree: Tree) -> Any:
    if not tree or ("*" in tree and not tree["*"]):
        return value
    if isinstance(value, list):
        return [_pick(each, tree) for each in value]
    if not isinstance(value, Mapping):
        return value
    wanted = dict.fromkeys(value, tree["*"]) if "*" in tree else tree
    return {name: _pick(each, wanted[name]) for name, each in value.items() if name in wanted}
