"""What the state machine controls: a source and a frame, manual interventions, faults, and the processes of
picsync."""

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
"""Methods of both ports, at which faults can occur."""


class How(StrEnum):
    """The faults of calls of one method."""

    BROKEN = "no answer, and nothing was done"
    LOST = "done, but the answer was lost"
    GARBLED = "an answer that makes no sense"
    REFUSED = "refused"
    GONE = "not found"
    LOGIN = "somebody must log in"
    ITEM = "this one cannot be had"


class Limit(StrEnum):
    """Limits of the services."""

    LISTED = "items that a listing shows before it breaks off"
    PHOTOS = "the frame lists fewer than it counts"
    UNLISTED = "photos that listings leave out without saying so"
    LATE = "listings that leave a new photo out"
    ROOM = "photos that the storage has room for"
    DOWNLOADS = "downloads that the day has left"
    ADDS_BREAK_OFF = "photos that an addition takes before it breaks off"
    ADDS_DROP = "photos that an addition takes; the others vanish"


class Fate(StrEnum):
    """What happens to the cache between two processes."""

    KEPT = "as it was"
    LOST = "lost"
    OLDER = "an older copy"
    TORN = "without its last writes"


class Killed(BaseException):
    """Ends a process: nothing that it does afterwards has any effect."""


@dataclass(frozen=True)
class Interruption:
    """An action at a step of a cycle, counted from its first call or request."""

    step: int
    action: Callable[[], None]


class World(Protocol):
    """Everything apart from the knowledge of the machine. Only `cycle` runs picsync."""

    limit: int | None
    """Maximum number of photos of a playlist."""
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
        """Set the content of a playlist; an entry without ID is a picture of another account."""

    def trouble(self, method: str, how: How, times: int, pick: int) -> bool:
        """Make the next calls of a method fail; returns whether this world can do that."""

    def limited(self, what: Limit, amount: int, pick: int) -> bool:
        """Set a limit; returns whether this world can do that."""

    def heal(self) -> None:
        """End all faults and limits."""

    def cycle(
        self,
        rule: Rule,
        interruptions: Sequence[Interruption] = (),
        *,
        dry_run: bool = False,
    ) -> CycleReport | None:
        """Run one cycle; returns None if it did not complete."""

    def kill(self) -> None:
        """Action of an Interruption: the process is killed."""

    def break_off(self) -> None:
        """Action of an Interruption: the cycle is cancelled, as by a second signal."""

    def stop(self) -> None:
        """Action of an Interruption: the process receives a request to stop."""

    def restart(self, fate: Fate, pick: int) -> None:
        """Start another process."""

    def counts(self) -> Mapping[str, int]:
        """Return the number of `writes` to the frame and of `downloads` so far."""

    def close(self) -> None: ...
