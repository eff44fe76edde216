"""Events: emitted once as values, consumed by the log, the progress bars, the metrics and the status page.

`action` is a stable word for machines; no field ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from picsync.core.errors import FailureCode, PicsyncError
from picsync.core.model import Certainty, Contradiction, Listing
from picsync.core.plan import (
    Hold,
    Plan,
    Transfer,
)
from picsync.core.select import Skip


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    action: ClassVar[str]


Emit: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class RetryScheduled(Event):
    """A request failed for a reason that may pass, and will be repeated."""

    action = "retry_scheduled"
    service: str
    operation: str
    wait_s: float
    reason: str


class RequestOutcome(StrEnum):
    """How one attempt of a request ended."""

    SUCCESS = "success"
    REFUSED = "refused"
    """An answer that repeating would not change."""
    FAILED = "failed"
    """No answer, one that says to come back, or one that makes no sense."""
    UNSENT = "unsent"
    """No connection could be had, so the service knows nothing of it."""
    CANCELLED = "cancelled"
    """Broken off by picsync itself, perhaps before it was sent."""


@dataclass(frozen=True, slots=True)
class RequestFinished(Event):
    """One attempt of a request has ended."""

    action = "request_finished"
    service: str
    operation: str
    outcome: RequestOutcome
    duration_s: float


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """A service has accepted our credentials; again, if a session had ended."""

    action = "logged_in"
    service: str


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    """A service refuses the credentials, or a permission that is needed; the operator has to act."""

    action = "login_refused"
    service: str
    message: str
    hint: str = ""
    """What the operator can do."""


@dataclass(frozen=True, slots=True)
class AccessToken(Event):
    """A service's access token in use; emitted when it is first used and after each renewal."""

    action = "access_token"
    service: str
    expires_at: datetime | None
    """Aware UTC; None if not known."""


@dataclass(frozen=True, slots=True)
class CacheRead(Event):
    """A cycle has looked up a source's items in the cache."""

    action = "cache_read"
    source: str
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class CacheWritten(Event):
    """What was learnt of a source's item was recorded, in place of an older mapping if `updated`."""

    action = "cache_written"
    source: str
    updated: bool


@dataclass(frozen=True, slots=True)
class CacheMeasured(Event):
    """How large the cache is, taken after a cycle."""

    action = "cache_measured"
    entries: Mapping[str, int]
    """By source."""
    size_bytes: int | None
    """On disk; None for a database server."""


@dataclass(frozen=True, slots=True)
class ConfigApplied(Event):
    """A configuration is in force: the first one, or a changed one."""

    action = "config_applied"
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigRefused(Event):
    """A changed configuration or credentials file cannot be used; the old one stays in force."""

    action = "config_refused"
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CycleScheduled(Event):
    """When a rule's next cycle is due."""

    action = "cycle_scheduled"
    rule: str
    at: datetime
    """Aware UTC."""
    refused_wait_s: float | None = None
    """Seconds that a service asked for, if that is more than the rule's interval, which is waited instead."""
    wait_s: float = 0.0
    """Seconds from now until `at`."""


@dataclass(frozen=True, slots=True)
class CycleRequested(Event):
    """The operator has asked for a cycle at once."""

    action = "cycle_requested"
    rule: str


@dataclass(frozen=True, slots=True)
class DeletesAllowed(Event):
    """The operator has allowed the deletes that a rule holds back."""

    action = "deletes_allowed"
    rule: str
    count: int


@dataclass(frozen=True, slots=True)
class Crashed(Event):
    """A bug was met: the part in which it appeared has failed, and everything else goes on."""

    action = "crashed"
    rule: str
    """Empty for what belongs to no rule."""
    what: str
    """The part that failed and what happens now, as a sentence."""
    error: str
    """Type and place, on one line."""
    report: str
    """The traceback, without any value."""


@dataclass(frozen=True, slots=True)
class Stopping(Event):
    """The process was asked to end and takes up nothing new."""

    action = "stopping"


@dataclass(frozen=True, slots=True)
class ListingProgress(Event):
    """Some more of an album has been listed."""

    action = "listing_progress"
    service: str
    album: str
    count: int
    total: int | None


@dataclass(frozen=True, slots=True)
class CycleStarted(Event):
    """A pass over an album rule has begun."""

    action = "cycle_started"
    rule: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Listed(Event):
    """A source album has been listed, completely or not."""

    action = "listed"
    rule: str
    listing: Listing


@dataclass(frozen=True, slots=True)
class TransfersPlanned(Event):
    """The first plan: which items will be transferred."""

    action = "transfers_planned"
    rule: str
    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class ItemDownloaded(Event):
    """An original has arrived."""

    action = "item_downloaded"
    rule: str
    filename: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ItemUploaded(Event):
    """The frame's service has confirmed a photo; `size_bytes` is 0 where it had it already."""

    action = "item_uploaded"
    rule: str
    filename: str
    size_bytes: int
    source: str = ""
    """Kind of the source that it comes from."""


@dataclass(frozen=True, slots=True)
class ItemFailed(Event):
    """One media item or photo could not be dealt with; the others go on."""

    action = "item_failed"
    rule: str
    filename: str
    error: PicsyncError


@dataclass(frozen=True, slots=True)
class ChangesPlanned(Event):
    """The second phase of planning has ended: the playlist's content and the deletes."""

    action = "changes_planned"
    rule: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlaylistCreated(Event):
    """A playlist is new, and the user has to assign it to a frame once."""

    action = "playlist_created"
    rule: str
    playlist: str


@dataclass(frozen=True, slots=True)
class NameReplaced(Event):
    """The frame's service does not keep a name, so an album or a playlist was made under a plain one."""

    action = "name_replaced"
    service: str
    kind: str
    """`album` or `playlist`."""
    name: str
    """The name of the rule's."""
    listed_as: str


@dataclass(frozen=True, slots=True)
class Published(Event):
    """The playlist was changed and read back."""

    action = "published"
    rule: str
    playlist: str
    added: int
    removed: int
    count: int
    """Entries that the playlist now holds, as the service says."""


@dataclass(frozen=True, slots=True)
class PhotoDeleted(Event):
    """A photo has left the frame album."""

    action = "photo_deleted"
    rule: str
    filename: str


Written: TypeAlias = ItemUploaded | PlaylistCreated | Published | PhotoDeleted
"""Events that say something was written to the frame; in a dry run it was only predicted."""


class CycleOutcome(StrEnum):
    """The outcome of a cycle; the worst one that applies."""

    DONE = "done"
    HELD = "held"
    FAILED = "failed"
    LOGIN_NEEDED = "login_needed"
    STOPPED = "stopped"

    @property
    def good(self) -> bool:
        """Whether the frame shows what it should, as far as picsync may decide."""
        return self in (CycleOutcome.DONE, CycleOutcome.HELD)


class About(StrEnum):
    """What a failure is about."""

    ITEM = "item"
    """A media item or photo; the subject is its file name."""
    RULE = "rule"
    """The whole album rule; the subject is its name."""
    PLAYLIST = "playlist"
    SOURCE_ALBUM = "source_album"
    """The subject is the album's id at the source."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Photos that wait for room on the frame."""

    count: int
    size_bytes: int
    """Of those whose size is known; 0 if it is known of none."""
    at_least: bool
    """Whether the size of some is unknown."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that failed: what it was about, and the error."""

    subject: str
    error: PicsyncError
    about: About = About.ITEM
    account: str = ""
    """Account at which it failed; that of the error by default. Empty where none is to blame."""
    more: int = 0
    """Further subjects of the same kind that failed in the same way."""
    waiting: Waiting | None = None
    """What waits for room, if the frame's storage is full."""

    def __post_init__(self) -> None:
        """Take the account from the error."""
        object.__setattr__(self, "account", self.account or self.error.account)

    @property
    def code(self) -> FailureCode:
        """What kind of failure it is, for machines."""
        return self.error.code


class NoticeKind(StrEnum):
    """What an operator should know although nothing failed."""

    PLAYLIST_NEW = "playlist_new"
    """A playlist was created; assign it to a frame once."""
    PLAYLIST_UNASSIGNED = "playlist_unassigned"
    """No frame shows a playlist."""
    PLAYLIST_DUPLICATE = "playlist_duplicate"
    """Several playlists have the rule's name."""
    PLAYLIST_UNUSED = "playlist_unused"
    """A split album no longer needs a playlist."""
    PLAYLIST_FULL_NEWEST = "playlist_full_newest"
    """A playlist has no room for the oldest photos."""
    PLAYLIST_FULL_SPLIT = "playlist_full_split"
    """The playlists of a split album have no room yet."""
    UPLOADS_UNLISTED = "uploads_unlisted"
    """The frame does not list some confirmed uploads yet."""
    FRAME_LISTING_DOUBTFUL = "frame_listing_doubtful"
    """The frame may hold more photos than it lists."""
    SOURCE_CHANGED = "source_changed"
    """A source album changed while it was listed."""
    SOURCE_NOTE = "source_note"
    """Something that a source says about an album."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that an operator should know although nothing failed; each kind uses some of the fields."""

    kind: NoticeKind
    name: str = ""
    """Name of the playlist."""
    count: int = 0
    """Playlists of that name, photos without room, or uploads that are not listed."""
    shown: int = 0
    """Photos that a full playlist shows."""
    frame: str = ""
    """Title of the frame's service."""
    asked: str = ""
    """The name that a new playlist should have had, if the service does not keep it."""
    said: str | Contradiction = ""
    """What a source says, or why a listing of the frame is in doubt."""


@dataclass(frozen=True, slots=True)
class CycleReport:
    """The result of one cycle of one album rule; log, metrics, pages and exit code are views of it."""

    rule: str
    outcome: CycleOutcome
    dry_run: bool = False
    duration_s: float = 0.0
    listed: int = 0
    """Media items listed, each once."""
    wanted: int = 0
    """Photos meant to be on the frame, as far as their content is known."""
    certainty: Certainty = Certainty.COMPLETE
    """Of the least certain listing; PARTIAL if nothing could be listed."""
    skipped: Mapping[Skip, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    """MIME types that the frame does not take -> items skipped for it."""
    downloaded: int = 0
    downloaded_bytes: int = 0
    uploaded: int = 0
    uploaded_bytes: int = 0
    already_there: int = 0
    """Items whose content the frame turned out to hold once it was known."""
    deleted: int = 0
    playlists_edited: int = 0
    """Playlists that were created or whose entries were changed."""
    entries_added: int = 0
    """Playlist entries added, as far as the service confirmed it."""
    entries_removed: int = 0
    on_frame: int | None = None
    """Photos in the frame album at the end; None if it could not be read."""
    in_playlist: int | None = None
    """Photos that the frame shows; `on_frame` where a frame shows albums rather than playlists."""
    assigned: bool | None = None
    """Whether frames show the playlists that hold photos; None where the service does not say."""
    playlist: str = ""
    """Name of the rule's playlist, or of its first part, at the service; empty where none was seen."""
    unassigned: tuple[str, ...] = ()
    """The playlists with photos that no frame shows, by name."""
    overflow: int = 0
    hold: Hold | None = None
    failures: tuple[Failure, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was written to the frame: photos, or the playlists that show them."""
        return self.photos_changed or bool(self.playlists_edited)

    @property
    def photos_changed(self) -> bool:
        """Whether photos were added to the frame album or deleted from it."""
        return bool(self.uploaded or self.deleted)

    @property
    def did_something(self) -> bool:
        """Whether it did more than look; rewriting a playlist each time does not count."""
        return self.photos_changed


@dataclass(frozen=True, slots=True)
class CycleFinished(Event):
    """A pass over an album rule has ended."""

    action = "cycle_finished"
    report: CycleReport
