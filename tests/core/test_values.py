"""The data classes behave like those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable
from dataclasses import field, replace
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from picsync.core.values import dataclass

T = TypeVar("T")
OPTIONS: list[dict[str, bool]] = [
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "slots": True, "order": True},
    {"frozen": True, "slots": True, "eq": False},
    {"slots": True},
    {"slots": True, "eq": False},
    {"frozen": True},
    {},
]


def classes(make: Callable[..., Any], options: dict[str, bool]) -> tuple[type, type, type, type, type]:
    @make(**options)
    class Empty:
        """No field."""

    @make(**options)
    class One:
        value: Any

    @make(**options)
    class Many:
        first: Any
        second: tuple[int, ...] = ()
        secret: str = field(default="s3cret", repr=False)
        told: set[str] = field(default_factory=set, compare=False)
        unhashed: Any = field(default=None, hash=False)

        def __post_init__(self) -> None:
            if self.first == "refused":
                raise ValueError(self.first)

    @make(**options)
    class Box(Generic[T]):
        kind: ClassVar[str]
        value: T
        also: int = field(default=1, kw_only=True)

    @make(**options)
    class Derived(Many):
        third: int = 3

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Derived) and self.third == other.third

        def __repr__(self) -> str:
            return "its own"

    return Empty, One, Many, Derived, Box


def behaviour(make: Callable[..., Any], options: dict[str, bool]) -> list[object]:
    """Return what can be seen of the classes."""
    empty, one, many, derived, box = classes(make, options)
    nan = float("nan")
    values = [empty(), empty(), one(value=1), one(value=1), one(value=2), one(value=nan), one(value=nan)]
    values += [
        many(first=1),
        many(first=1, told={"x"}),
        many(first=1, unhashed=[]),
        many(first=2, second=(1,)),
    ]
    values += [box(value=1), box(value=1, also=2)]
    values += [derived(first=1), derived(first=2), derived(first=1, third=4)]
    values += [replace(values[2], value=2), copy.copy(values[7])]
    seen: list[object] = [repr(value).rpartition("<locals>")[2] for value in values]
    seen += [[left == right for right in values] for left in values]
    if options.get("order"):
        seen += [
            [low < high, low <= low, high > low, high >= high, low > high] for low, high in [values[3:5]]
        ]
    for value in values:
        try:
            hash(value)
        except TypeError as error:
            seen.append(str(error).split("'")[0])
        else:
            seen.append([hash(value) == hash(other) for other in values if value == other])
    seen += [dataclasses.asdict(values[8]), dataclasses.asdict(values[-3]), getattr(many, "__slots__", None)]
    seen += [getattr(kind, "__match_args__", None) for kind in (empty, one, many, derived, box)]
    with pytest.raises(ValueError, match="refused"):
        many(first="refused")
    return seen


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_class_behaves_like_one_of_the_standard_library(options: dict[str, bool]) -> None:
    assert behaviour(dataclass, options) == behaviour(dataclasses.dataclass, options)


@dataclass(frozen=True, slots=True)
class Sent:
    """A value that another process receives."""

    value: int


def test_values_can_be_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Sent(3))) == Sent(3)  # noqa: S301 - our own


def test_a_class_compiles_only_its_constructor_when_it_is_first_called() -> None:
    compiled: list[str] = []

    def noted(frame: Any, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_name == "_create_fn":
            compiled.append(frame.f_locals["name"])

    sys.setprofile(noted)
    try:
        _, one, many, derived, _ = classes(dataclass, {"frozen": True, "slots": True})
        assert compiled == []
        for _ in range(2):
            assert (one(1).value, many(1).second, derived(1).third) == (1, (), 3)
    finally:
        sys.setprofile(None)
    assert compiled == ["__init__"] * 3


@pytest.mark.parametrize("make", [dataclass, dataclasses.dataclass])
def test_wrong_arguments_are_refused_each_time(make: Callable[..., Any]) -> None:
    _, one, many, _, _ = classes(make, {"frozen": True, "slots": True})
    for _ in range(2):
        with pytest.raises(
            TypeError, match=r"One\.__init__\(\) missing 1 required positional argument: 'value'"
        ):
            one()
        with pytest.raises(TypeError, match=r"Many\.__init__\(\) got an unexpected keyword argument 'fifth'"):
            many(1, fifth=2)
