"""The settings of a pydantic model as a tree of keys.

Unknown keys, environment variables and the reference table all use this tree.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from picsync.config.tree import FieldPath
from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A place in a file: a group of keys, a list, or (neither) a single value."""

    keys: Mapping[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    named: Shape | None = None
    """The shape of each value, if the keys are names chosen by the user."""
    info: FieldInfo | None = None
    """The model's description of the setting; None for the root, list elements and source kinds."""

    @property
    def single(self) -> bool:
        """Whether the place holds a text instead of further settings."""
        return not self.keys and self.items is None and self.named is None

    def at(self, path: FieldPath) -> Shape | None:
        """Return the shape at `path`; None if nothing may be written there."""
        shape: Shape | None = self
        for step in path:
            if shape is None:
                return None
            shape = shape.items if isinstance(step, int) else shape.keys.get(step, shape.named)
        return shape

    def walk(self, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Shape]]:
        """Yield every key below with its path, in the models' order; list elements have index 0."""
        for key, child in self.keys.items():
            yield (*path, key), child
            yield from child.walk((*path, key))
        if self.items is not None:
            yield from self.items.walk((*path, 0))
        if self.named is not None:
            for found, child in self.named.walk((*path, "<name>")):
                if found[: len(path) + 2] not in {(*path, key) for key in self.keys}:
                    yield found, child


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def shape_of(
    model: type[BaseModel],
    lists: Mapping[str, Any] = _NOTHING,
    *,
    shared: type[BaseModel] | None = None,
    kinds: Collection[type[BaseModel]] = (),
    entries: Mapping[str, type[BaseModel] | None] = _NOTHING,
    deep: bool = True,
) -> Shape:
    """Return the shape of a model; without `deep`, only the keys at its top level.

    `lists` are the keys of a setting that maps names to lists, with the type of the list's entries. Below
    names chosen by the user, the keys of `shared` and of one of `kinds` are allowed; `entries` has the kind
    of known names.
    """
    if not deep:
        return Shape({one.alias or name: Shape(info=one) for name, one in model.model_fields.items()})
    return _Shapes(lists, shared, kinds, entries).of(model, None)


@dataclass(frozen=True, slots=True)
class _Shapes:
    lists: Mapping[str, Any]
    shared: type[BaseModel] | None
    kinds: Collection[type[BaseModel]]
    entries: Mapping[str, type[BaseModel] | None]

    def of(self, annotation: Any, info: FieldInfo | None) -> Shape:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self.of(arguments[0], info)
        if origin in {Union, UnionType}:
            return self.of(next(one for one in arguments if one is not NoneType), info)
        if origin is tuple:
            return Shape(items=self.of(arguments[0], None), info=info)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return self._mapping(arguments[1], info)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return Shape(keys=self._keys(annotation), info=info)
        return Shape(info=info)

    def _keys(self, model: type[BaseModel] | None) -> dict[str, Shape]:
        if model is None:
            return {}
        return {one.alias or name: self.of(one.annotation, one) for name, one in model.model_fields.items()}

    def _mapping(self, values: Any, info: FieldInfo | None) -> Shape:
        if get_origin(values) is tuple:
            lists = {name: Shape(items=self.of(entry, None)) for name, entry in self.lists.items()}
            return Shape(keys=lists, info=info)
        shared = self._keys(self.shared)
        every = dict(shared)
        for kind in self.kinds:
            every.update(self._keys(kind))
        known = {name: Shape({**shared, **self._keys(kind)}) for name, kind in self.entries.items()}
        return Shape(keys=known, named=Shape(every), info=info)


def fold(word: str) -> str:
    """Return the word for comparison: without case, underscores and hyphens."""
    return re.sub(r"[_-]", "", word).lower()


def closest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that was probably meant."""
    folded = {fold(one): one for one in known}
    found = difflib.get_close_matches(fold(word)[:80], folded, n=1, cutoff=0.55)
    begun = [one for one in folded if len(fold(word)) > 2 and one.startswith(fold(word)[:3])]
    return folded[(found or begun)[0]] if found or begun else None
