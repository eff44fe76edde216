"""What may be written where: the settings of a pydantic model as a plain tree of keys.

Unknown keys, environment variables and the reference table all need the same walk over the models; this
is that walk, done once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from picsync.config.tree import FieldPath


@dataclass(frozen=True, slots=True)
class Shape:
    """One place of a file: a group of keys, a list, or (neither) a single value."""

    keys: Mapping[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    info: FieldInfo | None = None
    """What the model says of the setting; None for the root, list elements and source kinds."""

    @property
    def single(self) -> bool:
        """Whether the place holds one text rather than further settings."""
        return not self.keys and self.items is None

    def at(self, path: FieldPath) -> Shape | None:
        """Return the shape at `path`, None if nothing may be written there."""
        shape: Shape | None = self
        for step in path:
            if shape is None:
                return None
            shape = shape.items if isinstance(step, int) else shape.keys.get(step)
        return shape

    def walk(self, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Shape]]:
        """Yield every key below with its path, in the models' order; list elements have the index 0."""
        for key, child in self.keys.items():
            yield (*path, key), child
            yield from child.walk((*path, key))
        if self.items is not None:
            yield from self.items.walk((*path, 0))


def shape_of(model: type[BaseModel], source_kinds: Mapping[str, Any] = MappingProxyType({})) -> Shape:
    """Return the shape of a model.

    `source_kinds` are the keys of a setting that maps kinds to lists, with the type of the list's entries.
    """
    return _shape(model, None, source_kinds)


def _shape(annotation: Any, info: FieldInfo | None, kinds: Mapping[str, Any]) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], info, kinds)
    if origin in {Union, UnionType}:
        return _shape(next(one for one in arguments if one is not NoneType), info, kinds)
    if origin is tuple:
        return Shape(items=_shape(arguments[0], None, kinds), info=info)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        lists = {kind: Shape(items=_shape(entry, None, kinds)) for kind, entry in kinds.items()}
        return Shape(keys=lists, info=info)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        keys = {one.alias or name: _shape(one.annotation, one, kinds) for name, one in fields}
        return Shape(keys=keys, info=info)
    return Shape(info=info)


def fold(word: str) -> str:
    """Return the word as it is compared: without case, underscores and hyphens."""
    return re.sub(r"[_-]", "", word).lower()


def closest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that was probably meant."""
    folded = {fold(one): one for one in known}
    found = difflib.get_close_matches(fold(word)[:80], folded, n=1, cutoff=0.55)
    begun = [one for one in folded if len(fold(word)) > 2 and one.startswith(fold(word)[:3])]
    return folded[(found or begun)[0]] if found or begun else None
