"""Writes profiles in the format of `go tool pprof`: google/pprof's profile.proto, gzipped.

The format is written field by field: this takes less code than describing the messages to a protobuf library,
and needs only the standard library.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from picsync.core.values import dataclass

_Key = TypeVar("_Key")


class Frame(NamedTuple):
    """A place in the code, without any values."""

    function: str
    file: str
    line: int
    """1-based; 0 if unknown."""
    first_line: int = 0
    """Line where the function begins; 0 if unknown."""


Stack: TypeAlias = tuple[Frame, ...]
"""Innermost call first."""


class Measure(NamedTuple):
    """The meaning of a number in a profile."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Measurements by stack."""

    measures: tuple[Measure, ...]
    """Readers show the last one by default."""
    samples: Mapping[Stack, tuple[int, ...]]
    """For each stack one number per entry of `measures`; negative ones are allowed in a difference."""
    began_ns: int
    """Nanoseconds since 1970."""
    duration_ns: int
    """Nanoseconds; 0 for a state rather than a period."""
    period: int
    """How much of the last measure passes between two samples."""
    comments: tuple[str, ...] = ()


def encode(profile: Profile, *, program: str) -> bytes:
    """Return the bytes of a profile file; `program` is the name of the profiled program."""
    strings = _Numbers[str](first=0)
    strings[""] = 0
    functions = _Numbers[tuple[str, str, int]](first=1)
    places = _Numbers[tuple[int, int]](first=1)

    def measure(of: Measure) -> bytes:
        return _number(1, strings[of.name]) + _number(2, strings[of.unit])

    out = bytearray()
    for each in profile.measures:
        out += _bytes(1, measure(each))
    for stack, values in profile.samples.items():
        ids = [places[functions[frame.function, frame.file, frame.first_line], frame.line] for frame in stack]
        out += _bytes(2, _packed(1, ids) + _packed(2, values))
    # The four flags say that names, files, lines and inlining are included: nothing has to be looked up.
    flags = b"".join(_number(field, 1) for field in (7, 8, 9, 10))
    out += _bytes(3, _number(1, 1) + _number(5, strings[program]) + flags)
    for (function, line), number in places.items():
        place = _bytes(4, _number(1, function) + _number(2, line))
        out += _bytes(4, _number(1, number) + _number(2, 1) + place)
    for (name, file, first_line), number in functions.items():
        named = _number(2, strings[name]) + _number(3, strings[name]) + _number(4, strings[file])
        out += _bytes(5, _number(1, number) + named + _number(5, first_line))
    out += _number(9, profile.began_ns) + _number(10, profile.duration_ns)
    out += _bytes(11, measure(profile.measures[-1])) + _number(12, profile.period)
    out += _packed(13, [strings[comment] for comment in profile.comments])
    out += _number(14, strings[profile.measures[-1].name])
    for text in strings:
        out += _bytes(6, text.encode("utf-8", "replace"))
    return gzip.compress(out, mtime=0)


class _Numbers(dict[_Key, int]):
    """Numbers keys in the order in which they are first requested."""

    def __init__(self, *, first: int) -> None:
        super().__init__()
        self._first = first

    def __missing__(self, key: _Key) -> int:
        number = self[key] = len(self) + self._first
        return number


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # a negative number is written as its two's complement of 64 bits
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _packed(field: int, values: Iterable[int]) -> bytes:
    return _bytes(field, b"".join(map(_varint, values)))
