"""What the machine drives: a source and a frame, people who meddle, trouble, and picsync's processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from picsync.core.events import CycleReport
from picsync.core.plan import Rule
from tests.property.oracle import Piece, Seen

METHODS = (
    "list",
    "download",
    "find_album",
    "create_album",
    "photos",
    "upload",
    "delete",
    "playlists",
    "create_playlist",
    "add_items",
    "remove_items",
)
"""Of both ports: where trouble can be."""


class How(StrEnum):
    """What goes wrong with calls of one method."""

    BROKEN = "no answer, and nothing was done"
    LOST = "done, but the answer was lost"
    GARBLED = "an answer that makes no sense"
    REFUSED = "refused"
    GONE = "not found"
    LOGIN = "somebody must log in"
    ITEM = "this one cannot be had"


class Limit(StrEnum):
    """What the services have only so much of, or do only in part."""

    LISTED = "items that a listing shows before it breaks off"
    PHOTOS = "the frame lists fewer than it counts"
    UNLISTED = "photos that listings leave out without saying so"
    LATE = "listings that leave a new photo out"
    ROOM = "photos that the storage has room for"
    DOWNLOADS = "downloads that the day has left"
    ADDS_BREAK_OFF = "photos that an addition takes before it breaks off"
    ADDS_DROP = "photos that an addition takes; the others vanish"


class Fate(StrEnum):
    """What becomes of the cache between two processes."""

    KEPT = "as it was"
    LOST = "lost"
    OLDER = "an older copy"
    TORN = "without its last writes"


class Killed(BaseException):
    """Ends what would be a process at once: nothing that it does afterwards has any effect."""


@dataclass(frozen=True)
class Interruption:
    """What happens at a step of a cycle, counted from its first call or request."""

    step: int
    deed: Callable[[], None]


class World(Protocol):
    """Everything but the machine's own knowledge. Nothing here is picsync but what `cycle` runs."""

    limit: int | None
    """How many photos a playlist holds."""
    edits_items: bool
    """Whether an item of the source can get new content."""
    changed: Callable[[str], None]
    """Called after each change of the frame's side."""
    uploading: Callable[[str], None]
    """Called with the MD5 of what is about to be sent."""

    def put(self, album: str, item: str, piece: Piece) -> None: ...

    def take(self, album: str, item: str) -> None: ...

    def reorder(self, album: str, items: Sequence[str]) -> None: ...

    def seen(self) -> Seen: ...

    def add_album(self, name: str) -> str: ...

    def rename_album(self, album_id: str, name: str) -> None: ...

    def delete_album(self, album_id: str) -> None: ...

    def add_photo(self, album_id: str, data: bytes) -> None: ...

    def delete_photo(self, photo_id: str) -> None: ...

    def add_playlist(self, name: str, photo_ids: Sequence[str]) -> None: ...

    def rename_playlist(self, playlist_id: str, name: str) -> None: ...

    def delete_playlist(self, playlist_id: str) -> None: ...

    def set_playlist(self, playlist_id: str, photo_ids: Sequence[str]) -> None:
        """Give a playlist this content; what has no id is a picture from elsewhere."""

    def trouble(self, method: str, how: How, times: int, pick: int) -> bool:
        """Let the next calls of a method go wrong; returns whether that can be here."""

    def limited(self, what: Limit, amount: int, pick: int) -> bool:
        """Let there be only so much; returns whether that can be here."""

    def heal(self) -> None:
        """End all trouble and all limits."""

    def cycle(
        self,
        rule: Rule,
        interruptions: Sequence[Interruption] = (),
        *,
        dry_run: bool = False,
    ) -> CycleReport | None:
        """Run one cycle; None if it did not come to its end."""

    def kill(self) -> None:
        """An Interruption's deed: the process is gone, with whatever it would have done."""

    def break_off(self) -> None:
        """An Interruption's deed: what is under way is broken off, as by a second signal."""

    def stop(self) -> None:
        """An Interruption's deed: the process is asked to stop."""

    def restart(self, fate: Fate, pick: int) -> None:
        """Let another process go on."""

    def counts(self) -> Mapping[str, int]:
        """Return how many `writes` to the frame and `downloads` there were so far."""

    def close(self) -> None: ...
