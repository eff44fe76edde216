"""The values that all other modules use: frozen, hashable, without I/O.

A *source* lists *media items*; a *frame* contains *photos*, each in one album, and shows *playlists*. The
*digest* connects the two sides: the content hash that the frame reports for the bytes it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Self

from picsync.core.errors import FailureCode
from picsync.core.values import dataclass

DEFAULT_FRAME = "nixplay"
"""The frame of rules without `frames`; the only one of picsync 2."""


def job_name(rule: str, frame: str) -> str:
    """Return the name of a rule on one of its frames: on the default frame, the rule's name alone."""
    return rule if frame == DEFAULT_FRAME else f"{rule} on {frame}"


_HEX = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}


class _Digest(NamedTuple):
    algorithm: str
    """`md5` or `sha256`, as the frame reports it."""
    hex: str
    """Lower-case hexadecimal, with the length of the algorithm."""


class Digest(_Digest):
    """The content hash of a photo's bytes; two photos with equal digests are one photo.

    A tuple, since a cycle compares and hashes each digest a dozen times.
    """

    __slots__ = ()

    def __new__(cls, algorithm: str, hex: str) -> Self:  # noqa: A002 - the field's name
        """Return a digest; raises ValueError for what is none."""
        pattern = _HEX.get(algorithm)
        if pattern is None or not pattern.fullmatch(hex):
            raise ValueError(f"not a lower-case hexadecimal {algorithm} digest: {hex[:80]!r}")
        return tuple.__new__(cls, (algorithm, hex))

    @classmethod
    def md5(cls, text: str) -> Self:
        """Return the MD5 digest written in `text` (any case); raises ValueError for anything else."""
        if _HEX["md5"].fullmatch(text):
            return tuple.__new__(cls, ("md5", text))
        return cls("md5", text.strip().lower())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class MediaKind(StrEnum):
    """The type of a media item. A motion photo is a photo."""

    PHOTO = "photo"
    VIDEO = "video"


MAX_SIZE_BYTES = 1 << 53
"""Largest accepted size of an original; 9 PB."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a listing says of a picture, as far as only a choice among pictures depends on it."""

    width: int | None = None
    height: int | None = None
    """In pixels, as shown. None if the source does not say."""
    rating: int | None = None
    """1 to 5; 0 for none. None if the source has no ratings."""
    favorite: bool | None = None
    """None if the source has no favourites."""


@lru_cache(maxsize=4096)
def facts(
    width: int | None = None,
    height: int | None = None,
    *,
    rating: int | None = None,
    favorite: bool | None = None,
) -> Facts:
    """Return facts; equal ones, of which a library has thousands, share one object.

    Sizes that are no picture's count as unknown.
    """
    if width is None or height is None or not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        width = height = None
    return Facts(width, height, None if rating is None else min(max(rating, 0), 5), favorite)


NO_FACTS = Facts()
MAX_SIDE = 1_000_000
"""Largest accepted side of a picture, in pixels."""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """A picture or video as a source lists it. Equal items are the same picture at the same source."""

    source: str
    """The source's kind, e.g. `googlephotos`; the namespace of `item_id`."""
    item_id: str
    """Permanent within the source; opaque."""
    version: str = ""
    """Changes with the content of `item_id`; empty if the source has no version."""
    kind: MediaKind = field(default=MediaKind.PHOTO, compare=False)
    mime_type: str = field(default="", compare=False)
    """According to the source, lower case without parameters; may be wrong. Empty if unknown."""
    filename: str = field(default="", compare=False)
    """According to the source: not unique, any Unicode, possibly empty."""
    taken_at: datetime | None = field(default=None, compare=False)
    """Aware UTC; None if the source does not say."""
    size_bytes: int | None = field(default=None, compare=False)
    """Size of the original; None if the listing does not say."""
    digest: Digest | None = field(default=None, compare=False)
    """Content digest, for sources whose listing contains one."""
    content_hash: str = field(default="", compare=False)
    """Hash of the original, by an algorithm of the source's own: items of an account with the same hash have
    the same bytes. Empty if the listing does not say."""
    facts: Facts = field(default=NO_FACTS, compare=False)
    url: str = field(default="", compare=False, repr=False)
    """Location of the bytes, for the source's own use. Often a bearer secret: never logged or stored."""

    def __post_init__(self) -> None:
        """Drop an impossible size, which a float, the database or a text could not represent."""
        if self.size_bytes is not None and not 0 <= self.size_bytes <= MAX_SIZE_BYTES:
            object.__setattr__(self, "size_bytes", None)

    @property
    def bytes_key(self) -> tuple[str, str]:
        """ID and version under which the cache knows its bytes: those of all items with the same content."""
        return (f"content:{self.content_hash}", "") if self.content_hash else (self.item_id, self.version)

    def __hash__(self) -> int:
        return hash(self.item_id)  # Differs for almost all items, and a string keeps its hash.


@dataclass(frozen=True, slots=True)
class StoredListing:
    """What is remembered of a listing that continues by a cursor."""

    arguments: str
    """What was listed; the cursor is valid only for these."""
    cursor: str
    """Where the changes begin that `entries` does not contain."""
    entries: dict[str, str]
    """By what identifies an entry; the values are in a format of the source's own."""


@dataclass(frozen=True, slots=True)
class ListingUpdate:
    """What has changed in a listing since it was last stored."""

    arguments: str
    cursor: str
    changed: dict[str, str]
    removed: Iterable[str] = ()
    replace: bool = False
    """Whether this is all that the listing contains, whatever is stored."""


@dataclass(frozen=True, slots=True)
class SourceAlbum:
    """An album as a source lists it."""

    album_id: str
    title: str
    item_count: int | None = None
    """According to the source; may lag behind its listing. None if it does not say."""


class Certainty(StrEnum):
    """How far a listing can be trusted to contain everything in a source album."""

    COMPLETE = "complete"
    """All items were listed, and nothing contradicts that. Only then is a missing item gone."""
    SAMPLE = "sample"
    """By its nature, the source shows only some of its items."""
    PARTIAL = "partial"
    """Something failed."""

    @classmethod
    def least(cls, certainties: Iterable[Certainty]) -> Certainty:
        """Return the least certain one; COMPLETE if there is none."""
        return max(certainties, key=list(cls).index, default=cls.COMPLETE)


@dataclass(frozen=True, slots=True)
class Listing:
    """The listed content of one source album, and how far it can be trusted."""

    source: str
    album_id: str
    items: tuple[MediaItem, ...] = ()
    """In the source's order, each item once."""
    problem: str | None = None
    """For the user: what failed; None if nothing did."""
    cause: FailureCode | None = None
    """Code of the failure that interrupted the listing, if there was one."""
    sample: bool = False
    """Whether the source, by its nature, shows only some of the album's items."""
    unrecognised: int = 0
    """Items that are listed because of their names, but are neither pictures nor videos."""
    changed: bool = False
    """Whether a second listing in the same cycle differed."""
    note: str = ""
    """For the user: a remark although nothing failed, such as why there are no items."""
    failed: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)
    """ID of an item -> the jobs (see `job_name`) whose frames cannot show it."""

    def seen_by(self, job: str) -> Listing:
        """Return what a job has to show: without the items that have failed in it."""
        if not self.failed:
            return self
        items = tuple(item for item in self.items if job not in self.failed.get(item.item_id, ()))
        return replace(self, items=items)

    @property
    def certainty(self) -> Certainty:
        """How far it can be trusted to be complete."""
        if self.problem is not None or self.changed:
            return Certainty.PARTIAL
        return Certainty.SAMPLE if self.sample else Certainty.COMPLETE

    @property
    def complete(self) -> bool:
        """True only if all pages came and nothing contradicts them. Only then may anything be deleted."""
        return self.certainty is Certainty.COMPLETE


@dataclass(frozen=True, slots=True)
class FrameAlbum:
    """The album at the frame that an album rule keeps in sync."""

    album_id: str
    name: str
    """The requested name."""
    photo_count: int | None = field(default=None, compare=False)
    """According to the service; may lag behind the listing. None if it does not say."""
    listed_as: str = field(default="", compare=False)
    """Its name at the service, if that does not keep `name`; otherwise empty."""

    @property
    def shown_name(self) -> str:
        """Its name in the service's app."""
        return self.listed_as or self.name


@dataclass(frozen=True, slots=True)
class FramePhoto:
    """A photo in a frame album."""

    photo_id: str
    """Unique at the frame's service."""
    digest: Digest
    filename: str = field(default="", compare=False)
    size_bytes: int | None = field(default=None, compare=False)
    """As the frame says; None if it does not say."""
    caption: str | None = field(default=None, compare=False)
    """The text that the frame shows with it; None if the frame has no captions, or does not say."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two listings of a frame album in the same cycle give these photos different content."""

    photo_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Photos:
    """The listed content of a frame album, and how far it can be trusted."""

    items: tuple[FramePhoto, ...] = ()
    problem: str | Contradiction | None = None
    """Why there may be more photos than `items`; None if these are all."""

    @property
    def complete(self) -> bool:
        """True only if nothing contradicts the listing. Only then may a photo count as absent."""
        return self.problem is None

    def after(self, earlier: Photos) -> Photos:
        """Return this listing; incomplete if an earlier one in the same cycle contradicts it.

        Photos are deleted by ID, and one of the two listings has wrong IDs.
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
    """A playlist on a frame: an ordered list of references to photos."""

    playlist_id: str
    name: str
    """The requested name."""
    items: tuple[PlaylistItem, ...] = ()
    assigned: bool | None = None
    """Whether some frame shows it; None if the service does not say."""
    listed_as: str = field(default="", compare=False)
    """Its name at the service, if that does not keep `name`; otherwise empty."""

    @property
    def shown_name(self) -> str:
        """Its name in the service's app."""
        return self.listed_as or self.name


class Mark(StrEnum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; does not cause a failure."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of a check, as a line for the user. It contains no secret."""

    mark: Mark
    subject: str
    """The subject of the check: a file, a service, an album."""
    message: str
    fix: str = ""
    """What to do about it; empty if nothing is to be done."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is stored of a media item because its listing does not tell it, and a choice depends on it."""

    source: str
    item_id: str
    version: str = ""
    """The version that was examined; what was learned holds for no other."""
    first_seen_at: datetime | None = None
    """Aware UTC; None if unknown."""
    width: int | None = None
    height: int | None = None
    """In pixels, as shown."""
    rating: int | None = None
    """1 to 5, according to the picture itself."""
    look: int | None = None
    """Perceptual hash of 64 bits."""
    examined_at: datetime | None = None
    """When the picture was examined; None if it was not."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """The content of a media item: its digest, or that no frame can use it.

    It belongs to one `recipe`, which converts the original to the sent bytes (`original`: no conversion).
    """

    source: str
    item_id: str
    version: str
    recipe: str
    digest: Digest | None
    unusable: str | None = None
    """For the user: why the item cannot be shown; then `digest` may be None."""
    recorded_at: datetime | None = None
    """Aware UTC; None for mappings imported from a cache without times."""
