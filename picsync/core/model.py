"""The values that everything else speaks in: frozen, hashable, free of I/O.

A *source* lists *media items*; a *frame* holds *photos*, each in one album, and shows *playlists*.
The two sides meet in the *digest*: the content hash that the frame reports for the bytes it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from picsync.core.errors import FailureCode

DEFAULT_FRAME = "nixplay"
"""The frame of rules that name none; the only one of picsync 2."""


def job_name(rule: str, frame: str) -> str:
    """Return what an album rule on one of its frames is called: the rule's name alone on the default one."""
    return rule if frame == DEFAULT_FRAME else f"{rule} on {frame}"


_HEX = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The content hash of a photo's bytes; two photos with equal digests are one photo."""

    algorithm: str
    """`md5` or `sha256`, as the frame reports it."""
    hex: str
    """Lower-case hexadecimal, of the length that the algorithm gives."""

    def __post_init__(self) -> None:
        pattern = _HEX.get(self.algorithm)
        if pattern is None or not pattern.fullmatch(self.hex):
            raise ValueError(f"not a lower-case hexadecimal {self.algorithm} digest: {self.hex[:80]!r}")

    @classmethod
    def md5(cls, text: str) -> Self:
        """Return the MD5 digest written in `text` (any case); raises ValueError for anything else."""
        return cls("md5", text.strip().lower())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class MediaKind(StrEnum):
    """What a media item is. A motion photo is a photo."""

    PHOTO = "photo"
    VIDEO = "video"


MAX_SIZE_BYTES = 1 << 53
"""Largest size of an original that is believed; 9 PB."""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """A picture or video as a source lists it. Equal items are the same picture at the same source."""

    source: str
    """The source's kind, e.g. `googlephotos`; the namespace of `item_id`."""
    item_id: str
    """Permanent within the source, opaque."""
    version: str = ""
    """Changes when the content behind `item_id` does; empty where the source does not tell."""
    kind: MediaKind = field(default=MediaKind.PHOTO, compare=False)
    mime_type: str = field(default="", compare=False)
    """As the source says, lower case without parameters; may contradict the bytes. Empty if unknown."""
    filename: str = field(default="", compare=False)
    """As the source says: not unique, any Unicode, possibly empty."""
    taken_at: datetime | None = field(default=None, compare=False)
    """Aware UTC; None where the source does not say."""
    size_bytes: int | None = field(default=None, compare=False)
    """Size of the original; None where the listing does not say."""
    digest: Digest | None = field(default=None, compare=False)
    """Content digest, for sources whose listing carries one."""
    url: str = field(default="", compare=False, repr=False)
    """Where the bytes are, for the source's own use. Often a bearer secret: never logged, never stored."""

    def __post_init__(self) -> None:
        """Drop a size that no file has, since a float, the database or a text cannot hold it."""
        if self.size_bytes is not None and not 0 <= self.size_bytes <= MAX_SIZE_BYTES:
            object.__setattr__(self, "size_bytes", None)


@dataclass(frozen=True, slots=True)
class SourceAlbum:
    """An album as a source lists it."""

    album_id: str
    title: str
    item_count: int | None = None
    """As the source claims; may lag behind its listing. None if it does not say."""


class Certainty(StrEnum):
    """How far a listing can be trusted to show everything that a source album holds."""

    COMPLETE = "complete"
    """Every item came, and nothing contradicts that. Only then is an item that is not listed gone."""
    SAMPLE = "sample"
    """The source shows only some of its items, by its nature."""
    PARTIAL = "partial"
    """Something went wrong on the way."""

    @classmethod
    def least(cls, certainties: Iterable[Certainty]) -> Certainty:
        """Return the least certain one; COMPLETE of none."""
        return max(certainties, key=list(cls).index, default=cls.COMPLETE)


@dataclass(frozen=True, slots=True)
class Listing:
    """What one source album was seen to hold, with how far that can be trusted."""

    source: str
    album_id: str
    items: tuple[MediaItem, ...] = ()
    """In the source's order, each item once."""
    problem: str | None = None
    """What went wrong, in words for the user; None if nothing did."""
    cause: FailureCode | None = None
    """Code of the failure that cut the listing short, where it was one."""
    sample: bool = False
    """Whether the source shows only some of the album's items by its nature."""
    unrecognised: int = 0
    """Items that are listed for their names, but whose content is neither a picture nor a video."""
    changed: bool = False
    """Whether the album listed something else when it was listed once more in the same cycle."""
    note: str = ""
    """What the user may wonder about although nothing went wrong, such as why there are no items."""

    @property
    def certainty(self) -> Certainty:
        """How far it can be trusted to show everything."""
        if self.problem is not None or self.changed:
            return Certainty.PARTIAL
        return Certainty.SAMPLE if self.sample else Certainty.COMPLETE

    @property
    def complete(self) -> bool:
        """True only if every page came and nothing contradicts them. Only then may anything be deleted."""
        return self.certainty is Certainty.COMPLETE


@dataclass(frozen=True, slots=True)
class FrameAlbum:
    """The album on the frame's side that an album rule keeps in step."""

    album_id: str
    name: str
    """The name that was asked for."""
    photo_count: int | None = field(default=None, compare=False)
    """As the service claims; may lag behind the listing. None if it does not say."""
    listed_as: str = field(default="", compare=False)
    """Its name at the service, where that does not keep `name`; otherwise empty."""

    @property
    def shown_name(self) -> str:
        """Its name for people who look for it in the service's app."""
        return self.listed_as or self.name


@dataclass(frozen=True, slots=True)
class FramePhoto:
    """A photo in a frame album."""

    photo_id: str
    """Unique at the frame's service."""
    digest: Digest
    filename: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two listings of one frame album, in one cycle, give these photos different content."""

    photo_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Photos:
    """What a frame album was seen to hold, with how far that can be trusted."""

    items: tuple[FramePhoto, ...] = ()
    problem: str | Contradiction | None = None
    """Why there may be more photos than `items`; None if this is all of them."""

    @property
    def complete(self) -> bool:
        """True only if nothing contradicts the listing. Only then may a photo be taken for absent."""
        return self.problem is None

    def after(self, earlier: Photos) -> Photos:
        """Return this listing, incomplete if an earlier one of the same cycle gives an id other content.

        By ids photos are deleted, and one of the two listings has them wrong.
        """
        before = {photo.photo_id: photo.digest for photo in earlier.items}
        odd = tuple(
            photo.photo_id for photo in self.items if before.get(photo.photo_id, photo.digest) != photo.digest
        )
        if not odd or self.problem is not None:
            return self
        return replace(self, problem=Contradiction(odd))


@dataclass(frozen=True, slots=True)
class PlaylistItem:
    """One entry of a playlist; the same photo may have several."""

    item_id: str
    photo_id: str


@dataclass(frozen=True, slots=True)
class Playlist:
    """What a frame shows: an ordered list of references to photos."""

    playlist_id: str
    name: str
    """The name that was asked for."""
    items: tuple[PlaylistItem, ...] = ()
    assigned: bool | None = None
    """Whether some frame shows it; None where the service does not say."""
    listed_as: str = field(default="", compare=False)
    """Its name at the service, where that does not keep `name`; otherwise empty."""

    @property
    def shown_name(self) -> str:
        """Its name for people who look for it in the service's app."""
        return self.listed_as or self.name


class Mark(StrEnum):
    """What a look at one thing led to."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing fails because of it."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen when one thing was looked at, as a line for the user. It holds no secret."""

    mark: Mark
    subject: str
    """What was looked at: a file, a service, an album."""
    message: str
    fix: str = ""
    """What to do about it; empty if there is nothing to be done."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """What is known about the bytes of a media item: their digest, or that no frame can use them.

    It belongs to one `recipe`, the way the original is turned into what is sent (`original`: not at all).
    """

    source: str
    item_id: str
    version: str
    recipe: str
    digest: Digest | None
    unusable: str | None = None
    """Why the item cannot be shown, in words for the user; then `digest` may be None."""
    recorded_at: datetime | None = None
    """Aware UTC; None for mappings taken over from a cache that did not say."""
