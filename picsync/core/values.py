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
        """Do what `dataclasses.dataclass` does, in a tenth of the time.

        The standard library compiles up to six methods for each class. This one compiles only `__init__`,
        when it is first called, which most classes never see in a cycle; the others are closures. A frozen
        class does not refuse assignments at run time; mypy refuses them, since it takes this for the function
        of the standard library.
        """
        simple = options.get("slots") and options.keys() <= {"frozen", "slots", "kw_only", "eq", "order"}

        def decorate(plain: type) -> type:
            return _made(plain, options) if simple else dataclasses.dataclass(plain, **options)

        return decorate if cls is None else decorate(cls)


def _made(plain: type, options: dict[str, Any]) -> type:
    own = set(plain.__dict__)
    replaced = dict.fromkeys(("frozen", "eq", "order", "repr", "init"), False)
    made: type = dataclasses.dataclass(plain, **{**options, **replaced})
    fields = dataclasses.fields(made)
    methods: dict[str, Callable[..., Any] | None] = {
        "__init__": _init(made),
        "__repr__": _repr([one.name for one in fields if one.repr]),
    }
    if options.get("eq", True):
        compared = _key([one.name for one in fields if one.compare])
        methods["__eq__"] = _comparing(operator.eq, compared)
        if options.get("order"):
            for comparison in (operator.lt, operator.le, operator.gt, operator.ge):
                methods[f"__{comparison.__name__}__"] = _comparing(comparison, compared)
        hashed = [one.name for one in fields if (one.compare if one.hash is None else one.hash)]
        methods["__hash__"] = _hash(_key(hashed)) if options.get("frozen") else None
    for name, method in methods.items():
        # A class with `__eq__` has an implicit `__hash__` of None.
        if name in own and made.__dict__[name] is not None:
            continue
        if method is not None:
            method.__qualname__ = f"{made.__qualname__}.{name}"
        setattr(made, name, method)
    return made


def _init(made: type) -> Callable[..., None]:
    """Return an `__init__` that compiles the real one, puts it in its own place, and calls it."""

    def __init__(self: object, *args: Any, **keywords: Any) -> None:  # noqa: N807 - it becomes one
        fields = {one.name: one for one in dataclasses.fields(made)}
        body = {
            "__module__": made.__module__,
            "__annotations__": {name: one.type for name, one in fields.items()},
            **fields,
        }
        if prepare := getattr(made, "__post_init__", None):
            body["__post_init__"] = prepare
        twin: type = dataclasses.dataclass(
            type(made.__name__, (), body), eq=False, repr=False, match_args=False
        )
        real: Callable[..., None] = twin.__dict__["__init__"]
        real.__qualname__ = f"{made.__qualname__}.__init__"
        type.__setattr__(made, "__init__", real)
        real(self, *args, **keywords)

    return __init__


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


def _repr(names: Sequence[str]) -> Callable[[object], str]:
    def __repr__(self: object) -> str:  # noqa: N807 - it becomes one
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({inside})"

    return __repr__
