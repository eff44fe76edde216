"""Photos that the viewers of a frame do not want to see; pure values.

A rejected photo is not sent to that frame again, whatever source lists it, until it is restored. It is known
by its bytes, and by the keys of its item and of the original's content in its name: these survive the loss of
the cache, and another rendition has the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime

from picsync.core.identity import content_key, item_key, shown_by
from picsync.core.model import Digest, FramePhoto, MediaItem
from picsync.core.values import dataclass

_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Rejection:
    """One photo that a frame is not to show."""

    digest: Digest
    """Of the photo that the frame had."""
    filename: str = ""
    """The name that it was sent under, with its key."""
    size_bytes: int = 0
    albums: tuple[str, ...] = ()
    """The names of its albums: the rules that sent it."""
    rejected_at: datetime | None = None
    """Aware UTC; None if unknown."""

    @property
    def rejection_id(self) -> str:
        """A short name for commands, the same in every list."""
        return self.digest.hex[:_ID_LENGTH]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of what the photo shows; a pair is rejected with both of its photos."""
        shown = shown_by(FramePhoto(self.rejection_id, self.digest, self.filename))
        return tuple(key for keys in shown for key in keys)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Everything that the viewers of a frame have rejected."""

    items: tuple[Rejection, ...] = ()
    new: tuple[Rejection, ...] = ()
    """Those that were noticed just now."""
    lost: int = 0
    """Photos that vanished together with so many others that this is no request; they are sent again."""
    total: int = 0
    """Photos that the frame had before these vanished."""
    hidden: frozenset[str] = frozenset()
    """Keys of items and contents that no frame is to show, whatever its own viewers say."""
    _digests: frozenset[Digest] = field(init=False, default=frozenset(), compare=False, repr=False)
    _keys: frozenset[str] = field(init=False, default=frozenset(), compare=False, repr=False)

    def __post_init__(self) -> None:
        """Index the photos by what they show."""
        object.__setattr__(self, "_digests", frozenset(each.digest for each in self.items))
        keys = frozenset(key for each in self.items for key in each.keys)
        object.__setattr__(self, "_keys", keys | self.hidden)

    def __bool__(self) -> bool:
        return bool(self.items or self.hidden)

    def includes(self, item: MediaItem, digests: Iterable[Digest | None] = ()) -> bool:
        """Whether a media item was rejected; `digests` are those of its content and renditions, if known."""
        if not self:
            return False
        if item_key(item) in self._keys:
            return True
        return any(
            digest in self._digests or content_key(digest) in self._keys
            for digest in digests
            if digest is not None
        )


NOTHING_REJECTED = Rejected()
