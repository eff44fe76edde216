"""Entries with names chosen by the user, each with a `kind`: `accounts:` and `frames:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from picsync.config.shape import closest, fold
from picsync.config.tree import Node, Place
from picsync.core.places import LOCAL
from picsync.core.values import dataclass

NAME = re.compile(r"\w[\w-]{0,39}")
"""A name becomes part of variable names, metric labels, URLs and commands."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, without its name."""

    kind: str
    values: Mapping[str, Any]
    """Those that are written of the settings that all kinds have, such as `account`; by attribute names."""
    options: BaseModel | None
    """None if the kind has no options."""
    place: Place | None = None
    """The place where it is written."""


def with_places(entries: Mapping[str, Entry], tree: Node, key: str) -> dict[str, Entry]:
    """Return the entries with their places, below `key` of a file."""
    return {name: replace(entry, place=tree.place_of((key, name))) for name, entry in entries.items()}


class Problems:
    """Collects errors with their places, to raise them together in a validator."""

    def __init__(self) -> None:
        self._errors: list[InitErrorDetails] = []

    def add(self, path: tuple[int | str, ...], message: str, value: object = None) -> None:
        """Add one error; `message` has no full stop."""
        error = PydanticCustomError("value_error", "{error}", {"error": message})
        self._errors.append(InitErrorDetails(type=error, loc=path, input=value))

    def add_unknown(self, path: tuple[int | str, ...], value: object) -> None:
        """Add an error for an unknown key."""
        error = PydanticCustomError("extra_forbidden", "unknown")
        self._errors.append(InitErrorDetails(type=error, loc=path, input=value))

    def add_all(self, path: tuple[int | str, ...], error: ValidationError) -> None:
        """Add the errors of a value at `path`."""
        for one in error.errors(include_url=False):
            message = one["msg"].replace("{", "(").replace("}", ")")
            known = PydanticCustomError(one["type"], message, one.get("ctx"))
            self._errors.append(InitErrorDetails(type=known, loc=(*path, *one["loc"]), input=one["input"]))

    def check(self, title: str) -> None:
        """Raise ValidationError if there are errors."""
        if self._errors:
            raise ValidationError.from_exception_data(title, self._errors)


def read_entries_of_kinds(
    value: object,
    models: Mapping[str, type[BaseModel] | None],
    *,
    noun: str,
    shared: type[BaseModel] | None = None,
    context: object = None,
) -> dict[str, Entry]:
    """Return name -> Entry for the content of `accounts:` or `frames:`; raises ValidationError.

    `models` has the options of each kind; `noun` is the word for an entry; `shared` has the settings that
    all kinds have, `kind` included.
    """
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "no mapping")
    problems, result = Problems(), {}
    folded: dict[str, str] = {}
    for name, entry in value.items():
        if isinstance(entry, Entry):
            result[name] = entry
            continue
        if problem := name_problem(name, folded, models, entry, noun):
            problems.add((name,), problem, entry)
            continue
        folded[fold(name)] = name
        if not isinstance(entry, Mapping):
            problems.add(
                (name,), f"must be a group of settings such as `{{kind: {next(iter(models))}, ...}}`"
            )
            continue
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in models:
            problems.add((name, "kind") if kind else (name,), "".join(_no_kind(kind, models, noun)), kind)
            continue
        model, common = models[kind], _keys(shared)
        parts = []
        for part, own in ((shared or _NoOptions, False), (model or _NoOptions, True)):
            values = {
                key: each for key, each in entry.items() if key != "kind" and (key in common) is not own
            }
            values |= {"kind": kind} if part is shared else {}
            try:
                parts.append(part.model_validate(values, context=context, by_alias=True, by_name=False))
            except ValidationError as error:
                problems.add_all((name,), error)
        if len(parts) == 2:
            written = {key: getattr(parts[0], key) for key in parts[0].model_fields_set - {"kind"}}
            result[name] = Entry(kind, written, None if model is None else parts[1])
    problems.check(noun)
    return result


def _keys(model: type[BaseModel] | None) -> set[str]:
    return {one.alias or name for name, one in model.model_fields.items()} if model else set()


class _NoOptions(BaseModel, extra="forbid", hide_input_in_errors=True, defer_build=True):
    """The model of kinds without options."""


def needs_no_entry(options: type[BaseModel] | None) -> bool:
    """Return whether something of a kind with these options may be named without an entry."""
    return options is None or not any(each.is_required() for each in options.model_fields.values())


def name_problem(
    name: object, taken: Mapping[str, str], kinds: Mapping[str, object], entry: object, noun: str
) -> str | None:
    """Return what is wrong with a name; None if it is valid."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return (
            "cannot be a name: use up to 40 letters, digits, `-` and `_`, and begin with a letter or a digit"
        )
    if fold(name) in taken:
        return f"differs from `{taken[fold(name)]}` only by capitals, `-` or `_`; choose another name"
    if noun == "account" and fold(name) == fold(LOCAL):
        return f"`{name}` stands for this machine in places such as `from`; choose another name"
    own = next((kind for kind in kinds if fold(kind) == fold(name)), None)
    kind = entry.get("kind") if isinstance(entry, Mapping) else None
    if own is not None and kind is not None and kind != own:
        return f"`{name}` is the name of a kind, and so of an entry of that kind; choose another name"
    return None


def _no_kind(kind: object, kinds: Mapping[str, object], noun: str) -> Iterator[str]:
    known = ", ".join(f"`{one}`" for one in kinds)
    if not isinstance(kind, str):
        yield f"has no `kind`; add one, such as `kind: {next(iter(kinds))}`. Known kinds of {noun}s: {known}"
        return
    yield f"{kind[:60]!r} is not a kind of {noun}"
    meant = closest(kind, kinds)
    yield f"; did you mean `{meant}`?" if meant else "."
    yield f" Known kinds: {known}"
