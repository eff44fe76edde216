"""Data classes that are cheap to define: picsync defines two hundred of them at every start."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, **options: Any) -> Any:
        """Do what `dataclasses.dataclass` does, in a twentieth of the time.

        The standard library compiles up to six methods for each class. This one only gives the class its
        slots; the rest is made when it is first used, which most classes never see in a cycle. So a wrong
        definition, for example with a mutable default, fails at the first use. A frozen class does not refuse
        assignments at run time; mypy refuses them, since it takes this for the function of the standard
        library.
        """
        simple = options.get("slots") and options.keys() <= {"frozen", "slots", "kw_only", "eq", "order"}

        def decorate(plain: type) -> type:
            return _made(plain, options) if simple else dataclasses.dataclass(plain, **options)

        return decorate if cls is None else decorate(cls)


def _made(plain: type, options: dict[str, Any]) -> type:
    annotations: dict[str, Any] = plain.__annotations__
    if not all(isinstance(kind, str) and not kind.startswith(_SPECIAL) for kind in annotations.values()):
        return dataclasses.dataclass(plain, **options)
    names = [name for name, kind in annotations.items() if not kind.startswith("ClassVar")]
    body = dict(plain.__dict__)
    # A class with `__eq__` has an implicit `__hash__` of None.
    own = {name for name, value in body.items() if value is not None}
    defaults = {name: body.pop(name) for name in names if name in body}
    for name in ("__dict__", "__weakref__"):
        body.pop(name, None)
    inherited = {name for base in plain.__mro__[1:-1] for name in base.__dict__.get("__slots__", ())}
    body["__slots__"] = tuple(name for name in names if name not in inherited)
    made: Any = type(plain)(plain.__name__, plain.__bases__, body)
    made.__qualname__ = plain.__qualname__

    rest = _Rest(made, annotations, defaults, kw_only=options.get("kw_only", False))
    methods: dict[str, Callable[..., Any] | None] = {"__init__": rest.init(), "__repr__": rest.repr()}
    if options.get("eq", True):
        methods["__eq__"] = rest.comparing(operator.eq)
        if options.get("order"):
            for comparison in (operator.lt, operator.le, operator.gt, operator.ge):
                methods[f"__{comparison.__name__}__"] = rest.comparing(comparison)
        methods["__hash__"] = rest.hash() if options.get("frozen") else None
    for name, method in methods.items():
        if name in own:
            continue
        if method is not None:
            method.__qualname__ = f"{made.__qualname__}.{name}"
        setattr(made, name, method)
    made.__dataclass_params__ = _PARAMETERS
    for name in ("__dataclass_fields__", "__match_args__"):
        setattr(made, name, _Attribute(rest, name))
    rest.replaces_init = "__init__" not in own
    return made  # type: ignore[no-any-return] # it has attributes that `type` does not declare


_SPECIAL = ("InitVar", "KW_ONLY", "dataclasses.", "typing.")
"""Annotations that are left to the standard library begin so."""
_PARAMETERS = dataclasses.make_dataclass("_", ()).__dataclass_params__  # type: ignore[attr-defined] # what subclasses look for


class _Rest:
    """Makes what a class has besides its slots, when it is first used."""

    def __init__(
        self, made: Any, annotations: dict[str, Any], defaults: dict[str, Any], *, kw_only: bool
    ) -> None:
        self.made = made
        self.replaces_init = True
        self._annotations = annotations
        self._defaults = defaults
        self._kw_only = kw_only

    def complete(self) -> None:
        """Have the standard library make the fields and `__init__`, with those of the bases."""
        made = self.made
        fields = {
            one.name: one
            for base in reversed(made.__mro__[1:])
            if hasattr(base, "__dataclass_fields__")
            for one in dataclasses.fields(base)
        }
        annotations = {name: one.type for name, one in fields.items()} | self._annotations
        known = {name: one for name, one in fields.items() if name not in self._annotations}
        body = {"__module__": made.__module__, "__annotations__": annotations, **known, **self._defaults}
        if prepare := getattr(made, "__post_init__", None):
            body["__post_init__"] = prepare
        twin: Any = dataclasses.dataclass(
            type(made.__name__, (), body), eq=False, repr=False, kw_only=self._kw_only
        )
        if self.replaces_init:
            twin.__init__.__qualname__ = f"{made.__qualname__}.__init__"
            type.__setattr__(made, "__init__", twin.__init__)
        for name in ("__match_args__", "__dataclass_fields__"):
            type.__setattr__(made, name, getattr(twin, name))

    def init(self) -> Callable[..., None]:
        def __init__(value: object, /, *args: Any, **keywords: Any) -> None:  # noqa: N807 - it becomes one
            self.complete()
            self.made.__init__(value, *args, **keywords)

        return __init__

    def repr(self) -> Callable[[object], str]:
        def __repr__(value: object) -> str:  # noqa: N807 - it becomes one
            shown = [one.name for one in dataclasses.fields(self.made) if one.repr]
            inside = ", ".join(f"{name}={getattr(value, name)!r}" for name in shown)
            return f"{value.__class__.__qualname__}({inside})"

        return __repr__

    def comparing(self, comparison: Callable[[Any, Any], Any]) -> Callable[[object, object], Any]:
        def compare(value: object, other: object) -> Any:
            compared = [one.name for one in dataclasses.fields(self.made) if one.compare]
            found = _comparing(comparison, _key(compared))
            self._replace(f"__{comparison.__name__}__", found)
            return found(value, other)

        return compare

    def hash(self) -> Callable[[object], int]:
        def __hash__(value: object) -> int:  # noqa: N807 - it becomes one
            fields = dataclasses.fields(self.made)
            hashed = [one.name for one in fields if (one.compare if one.hash is None else one.hash)]
            found = _hash(_key(hashed))
            self._replace("__hash__", found)
            return found(value)

        return __hash__

    def _replace(self, name: str, method: Callable[..., Any]) -> None:
        method.__qualname__ = f"{self.made.__qualname__}.{name}"
        type.__setattr__(self.made, name, method)


class _Attribute:
    """An attribute of the class that is made when it is first read."""

    def __init__(self, rest: _Rest, name: str) -> None:
        self._rest = rest
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        self._rest.complete()
        return getattr(self._rest.made, self._name)


def _key(names: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """Return a function for the values of these attributes."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _comparing(
    comparison: Callable[[Any, Any], Any], key: Callable[[object], tuple[Any, ...]]
) -> Callable[[object, object], Any]:
    def compare(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return comparison(key(self), key(other))

    return compare


def _hash(key: Callable[[object], tuple[Any, ...]]) -> Callable[[object], int]:
    def __hash__(self: object) -> int:  # noqa: N807 - it becomes one
        return hash(key(self))

    return __hash__
