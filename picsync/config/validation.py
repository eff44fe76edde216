"""Validates a tree against a model: every problem at once, each with its place and in plain English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from picsync.config.shape import Shape, closest
from picsync.config.tree import FieldPath, Node, field_name
from picsync.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_GROUP = "must be a group of settings, indented `key: value` lines"
_LIST = "must be a list, with one `- ...` line for each element"
_DURATION = "must be a duration such as `10m`, `1h30m` or `90s`"
_WORDING = {
    "string_type": "must be a text",
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dict_type": _GROUP,
    "mapping_type": _GROUP,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
}


def validate(
    model: type[M],
    tree: Node,
    shape: Shape,
    known: Sequence[Problem],
    *,
    elsewhere: Mapping[str, str],
    context: object = None,
) -> M:
    """Return the model for the tree.

    Raises ConfigError with every problem, including those already `known`. `elsewhere` maps keys that are
    often written into the wrong file to their correct place.
    """
    problems = [*known, *_not_text(tree)]
    try:
        result = model.model_validate(_plain(tree, shape), context=context, by_alias=True, by_name=False)
    except ValidationError as error:
        details = _causes(error.errors(include_url=False))
        found = [_problem(detail, tree, shape, elsewhere) for detail in details]
        named = {(one.file, one.field) for one in problems}
        problems += [one for one in found if (one.file, one.field) not in named]
    if problems:
        raise ConfigError(sorted(problems, key=lambda one: (one.file, one.line or 0)))
    return result


def _causes(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Return the errors without those lists that are too short only because their elements are wrong."""

    def follows(detail: ErrorDetails) -> bool:
        place = detail["loc"]
        inside = (other["loc"] for other in details if len(other["loc"]) > len(place))
        return detail["type"] == "too_short" and any(loc[: len(place)] == place for loc in inside)

    return [detail for detail in details if not follows(detail)]


def _not_text(tree: Node) -> Iterator[Problem]:
    """Yield texts that cannot be processed: halves of surrogate pairs, from invalid bytes."""
    for path, node in tree.walk():
        if isinstance(node.value, str) and any("\ud800" <= one <= "\udfff" for one in node.value):
            yield node.place.problem(path, "must be UTF-8 text.")


def _plain(node: Node, shape: Shape) -> object:
    """Return the node's value without known keys that are empty, which count as not written."""
    if isinstance(node.value, dict):
        shapes = {key: shape.keys.get(key) for key in node.value}
        return {
            key: _plain(child, shapes[key] or Shape())
            for key, child in node.value.items()
            if child.value is not None or shapes[key] is None
        }
    if isinstance(node.value, list):
        return [_plain(item, shape.items or Shape()) for item in node.value]
    return node.value


def _problem(error: ErrorDetails, tree: Node, shape: Shape, elsewhere: Mapping[str, str]) -> Problem:
    path, place = error["loc"], tree.place_of(error["loc"])
    if error["type"] == "extra_forbidden" and error["input"] is None and not _meant(path, shape):
        # Half of a password with a comma, as in `{password: a,b}`, looks like this: it must not be shown.
        return place.problem(
            path[:-1], "has a word without a value that is not a setting; use quotes if it is part of one."
        )
    return place.problem(path, _wording(error, path, shape, elsewhere))


def _wording(error: ErrorDetails, path: FieldPath, shape: Shape, elsewhere: Mapping[str, str]) -> str:
    match error["type"]:
        case "value_error":
            said = str(error["ctx"]["error"])
            return said if said.endswith("?") else f"{said}."
        case "missing":
            return f"is missing{_example(path, shape)}."
        case "too_short" | "string_too_short":
            least = error["ctx"]["min_length"]
            return "must not be empty." if least == 1 else f"must have a length of at least {least}."
        case "extra_forbidden":
            return _unknown(path, shape, elsewhere)
        case kind if kind in _WORDING:
            return f"{_WORDING[kind]}, not {_kind_of(error['input'])}{_example(path, shape)}."
        case "literal_error":
            # pydantic lists them as 'a', 'b' or 'c'.
            choices = str(error["ctx"]["expected"]).replace("'", "`")
            return f"must be {choices}."
        case _:
            return f"cannot be used as it is{_example(path, shape)}."


def _kind_of(value: object) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, dict):
        return "a group of settings"
    return "a list" if isinstance(value, list) else "a single value"


def _example(path: FieldPath, shape: Shape) -> str:
    place = shape.at(path)
    if place is None or place.info is None or not place.info.examples:
        return ""
    return f"; write for example `{path[-1]}: {place.info.examples[0]}`"


def _may_move(path: FieldPath, there: FieldPath) -> bool:
    """Whether a misplaced key may have been meant for another place.

    One in a source may only belong to a group around it: other kinds and jobs have options of the same names.
    """
    if "sources" not in path[:-1]:
        return True
    around = [str(name) for name in there[:-1] if isinstance(name, str)]
    return [str(name) for name in path[:-1] if isinstance(name, str)][: len(around)] == around


def _unknown(path: FieldPath, shape: Shape, elsewhere: Mapping[str, str]) -> str:
    key, group = str(path[-1]), shape.at(path[:-1]) or Shape()
    place = shape.at(path[:-2]) if len(path) > 1 else None
    noun = "source" if place is not None and path[-2] == "sources" else "setting"
    if len(path) == 1 and key in elsewhere:
        return f"does not belong here; move it to {elsewhere[key]}."
    if noun == "source" and key in (shape.at(("frames",)) or Shape()).keys:
        return "is a frame, not a source; name it under `frames:` of the rule."
    meant = _meant(path, shape)
    if meant:
        return f"is not a {noun} that picsync knows; did you mean `{meant}`?"
    other = next((one for one, _ in shape.walk() if one[-1] == key and _may_move(path, one)), None)
    if other:
        there = field_name(other[:-1]).replace("[0]", "[]")
        return f"does not belong here; move it {f'to `{there}`' if there else 'to the top level'}."
    return f"is not a {noun} that picsync knows; known here: {', '.join(f'`{one}`' for one in group.keys)}."


def _meant(path: FieldPath, shape: Shape) -> str | None:
    return closest(str(path[-1]), (shape.at(path[:-1]) or Shape()).keys)
