"""The order of an album whose photos are files with names; pure functions, wherever the files are.

Viewers sort by name, so an order is kept by numbers in the names (`names`). Names can follow only one order.
If an album shares photos with others, the order that was asked for is remembered apart from the names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from picsync.core.model import Digest
from picsync.core.values import dataclass
from picsync.frames.folder.names import NUMBERS, level_of, number_of, numbered, placed
from picsync.frames.folder.options import Level


class OwnFile(Protocol):
    """What a manifest knows of a file."""

    @property
    def digest(self) -> Digest:
        """Of its content."""

    @property
    def filename(self) -> str:
        """The name under which the photo was sent."""

    @property
    def size_bytes(self) -> int:
        """Of its content."""

    @property
    def albums(self) -> frozenset[str]:
        """The albums that contain it."""

    @property
    def seen(self) -> bool:
        """Whether it is known to have existed: only then does its absence mean that someone deleted it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a file in an order."""

    old: str
    new: str
    """Its name with the number; usually the one that it has."""
    number: int


def sorted_names(files: Mapping[str, OwnFile], order: Sequence[Digest]) -> list[str]:
    """Return the names in the order that was asked for last; those that are not in it follow by name."""
    places = {digest: place for place, digest in enumerate(order)}
    last = len(places)
    return sorted(files, key=lambda name: (places.get(files[name].digest, last), name))


def wanted_names(
    files: Mapping[str, OwnFile], there: Collection[str], album: str, names: Iterable[str]
) -> list[str]:
    """Return the names of an album's files that exist: `names` first, the others after them."""
    named = dict.fromkeys(names)
    return [
        *(name for name in named if name in files and name in there),
        *(
            name
            for name in sorted(files)
            if name not in named and album in files[name].albums and name in there
        ),
    ]


def renumbered(level: Level, names: Sequence[str], taken: Collection[int]) -> list[Place] | None:
    """Return the places of files in this order; few get a new name. None if there are too few numbers.

    `taken` are the numbers that any files have.
    """
    present = [number_of(name) if level_of(name) is level else None for name in names]
    numbers = placed(present, taken, NUMBERS[level])
    if numbers is None:
        return None
    return [
        Place(name, numbered(level, number, name), number)
        for name, number in zip(names, numbers, strict=True)
    ]


def to_remember(files: Mapping[str, OwnFile], names: Sequence[str]) -> tuple[Digest, ...]:
    """Return the order that has to be remembered; empty if no other album can change the names."""
    if not any(len(files[name].albums) > 1 for name in names):
        return ()
    return tuple(files[name].digest for name in names)
