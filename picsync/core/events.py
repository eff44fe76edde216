"""Events: emitted once as values, consumed by the log, the progress bars, the metrics and the status page.

`action` is a stable word for programs; no field contains a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from picsync.core.capacity import Storage
from picsync.core.choice import LeftOut
from picsync.core.errors import FailureCode, PicsyncError
from picsync.core.model import Certainty, Contradiction, Listing
from picsync.core.plan import (
    Hold,
    Plan,
    Transfer,
)
from picsync.core.select import Skip
from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    action: ClassVar[str]


Emit: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class RetryScheduled(Event):
    """A request failed temporarily, and will be retried."""

    action = "retry_scheduled"
    service: str
    operation: str
    wait_s: float
    reason: str


class RequestOutcome(StrEnum):
    """The outcome of one attempt of a request."""

    SUCCESS = "success"
    REFUSED = "refused"
    """A response that a retry would not change."""
    FAILED = "failed"
    """No response, one that asks to retry, or one that cannot be understood."""
    UNSENT = "unsent"
    """No connection could be made, so the service received nothing."""
    CANCELLED = "cancelled"
    """Cancelled by picsync, possibly before it was sent."""


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
    """A service has accepted the credentials; repeated if a session had ended."""

    action = "logged_in"
    service: str


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    """A service refuses the credentials, or lacks a required permission; the operator has to act."""

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
    """Aware UTC; None if unknown."""


@dataclass(frozen=True, slots=True)
class CacheRead(Event):
    """A cycle has looked up a source's items in the cache."""

    action = "cache_read"
    source: str
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class CacheWritten(Event):
    """The content of a source's item was recorded, replacing an older mapping if `updated`."""

    action = "cache_written"
    source: str
    updated: bool


@dataclass(frozen=True, slots=True)
class CacheMeasured(Event):
    """The size of the cache after a cycle."""

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
    """A changed configuration or credentials file is invalid; the old one stays in force."""

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
    """Seconds that a service asked for, if longer than the rule's interval, which is used instead."""
    wait_s: float = 0.0
    """Seconds from now until `at`."""


@dataclass(frozen=True, slots=True)
class CycleRequested(Event):
    """The operator has requested an immediate cycle."""

    action = "cycle_requested"
    rule: str


@dataclass(frozen=True, slots=True)
class DeletesAllowed(Event):
    """The operator has allowed a rule's held deletes."""

    action = "deletes_allowed"
    rule: str
    count: int


@dataclass(frozen=True, slots=True)
class Crashed(Event):
    """A bug occurred: the affected part has failed, everything else continues."""

    action = "crashed"
    rule: str
    """Empty if it belongs to no rule."""
    what: str
    """The part that failed and what happens now, as a sentence."""
    error: str
    """Type and place, on one line."""
    report: str
    """The traceback, without any value."""


@dataclass(frozen=True, slots=True)
class Stopping(Event):
    """The process was asked to stop and starts nothing new."""

    action = "stopping"


@dataclass(frozen=True, slots=True)
class ListingProgress(Event):
    """More items of an album have been listed."""

    action = "listing_progress"
    service: str
    album: str
    count: int
    total: int | None


@dataclass(frozen=True, slots=True)
class CycleStarted(Event):
    """A cycle of an album rule has started."""

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
    converted: int = 0
    """How many photos of them a recipe concerns."""


@dataclass(frozen=True, slots=True)
class ItemDownloaded(Event):
    """An original was downloaded."""

    action = "item_downloaded"
    rule: str
    filename: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ItemConverted(Event):
    """It is ready what the recipe makes of an original; `size_bytes` is its size."""

    action = "item_converted"
    rule: str
    filename: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ItemUploaded(Event):
    """The frame's service has confirmed a photo; `size_bytes` is 0 if it already had it."""

    action = "item_uploaded"
    rule: str
    filename: str
    size_bytes: int
    source: str = ""
    """Kind of the source that it comes from."""


@dataclass(frozen=True, slots=True)
class ItemFailed(Event):
    """One media item or photo failed; the others continue."""

    action = "item_failed"
    rule: str
    filename: str
    error: PicsyncError


@dataclass(frozen=True, slots=True)
class ChangesPlanned(Event):
    """The second plan: the playlist's content and the deletes."""

    action = "changes_planned"
    rule: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlaylistCreated(Event):
    """A playlist was created, and the user has to assign it to a frame once."""

    action = "playlist_created"
    rule: str
    playlist: str


@dataclass(frozen=True, slots=True)
class NameReplaced(Event):
    """The frame's service does not keep a name, so an album or a playlist got a plain name."""

    action = "name_replaced"
    service: str
    kind: str
    """`album` or `playlist`."""
    name: str
    """The rule's name."""
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
    """Number of entries that the playlist now has according to the service."""


@dataclass(frozen=True, slots=True)
class PhotoDeleted(Event):
    """A photo was deleted from the frame album."""

    action = "photo_deleted"
    rule: str
    filename: str


Written: TypeAlias = ItemUploaded | PlaylistCreated | Published | PhotoDeleted
"""Events for writes to the frame; in a dry run they are only predicted."""


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
    """The subject of a failure."""

    ITEM = "item"
    """A media item or photo; the subject is its file name."""
    RULE = "rule"
    """The whole album rule; the subject is its name."""
    FILE_RULE = "file_rule"
    """A whole rule over files; the subject is its title."""
    PLAYLIST = "playlist"
    SOURCE_ALBUM = "source_album"
    """The subject is the album's id at the source."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Photos that wait for storage on the frame."""

    count: int
    size_bytes: int
    """Total of the known sizes; 0 if none is known."""
    at_least: bool
    """Whether some sizes are unknown."""

    def plus(self, count: int) -> Waiting:
        """Return this with more photos, of unknown sizes."""
        return Waiting(self.count + count, self.size_bytes, at_least=True) if count else self


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure: its subject, and the error."""

    subject: str
    error: PicsyncError
    about: About = About.ITEM
    account: str = ""
    """Account at which it failed; by default that of the error. Empty if none is affected."""
    more: int = 0
    """Further subjects of the same kind that failed in the same way."""
    waiting: Waiting | None = None
    """The photos that wait, if the frame's storage is full."""

    def __post_init__(self) -> None:
        """Take the account from the error."""
        object.__setattr__(self, "account", self.account or self.error.account)

    @property
    def code(self) -> FailureCode:
        """The kind of failure, for programs."""
        return self.error.code


class NoticeKind(StrEnum):
    """Something that an operator should know although nothing failed."""

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
    """The playlists of a split album lack space."""
    UPLOADS_UNLISTED = "uploads_unlisted"
    """The frame does not list some confirmed uploads yet."""
    FRAME_LISTING_DOUBTFUL = "frame_listing_doubtful"
    """The frame may hold more photos than it lists."""
    SOURCE_CHANGED = "source_changed"
    """A source album changed while it was listed."""
    SOURCE_NOTE = "source_note"
    """A source's remark about an album."""
    PHOTO_NOTE = "photo_note"
    """A remark about a photo that was converted, such as on characters that a caption lacks."""
    PHOTO_REJECTED = "photo_rejected"
    """A viewer of the frame does not want a photo any more."""
    PHOTOS_LOST = "photos_lost"
    """So many photos vanished from the frame at once that they are sent again."""
    CAPTIONS_MISSING = "captions_missing"
    """The frame did not take captions, or lists others."""
    PLAYLIST_NOT_SHOWN = "playlist_not_shown"
    """The frames that are to show a playlist could not be made to do so."""
    ORDER_NOT_KEPT = "order_not_kept"
    """The frame does not keep the order of a playlist."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice for the operator; each kind uses some of the fields."""

    kind: NoticeKind
    name: str = ""
    """Name of the playlist, or of the photo."""
    count: int = 0
    """Playlists of that name, photos without space, unlisted uploads, lost photos, photos whose captions are
    missing, or further photos with remarks or that were rejected."""
    shown: int = 0
    """Photos that a full playlist shows, or that the frame had."""
    frame: str = ""
    """Title of the frame's service."""
    asked: str = ""
    """The requested name of a new playlist, if the service does not keep it."""
    said: str | Contradiction = ""
    """A remark of a source or on a photo, or why a listing is in doubt, or why captions are missing."""


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
    """Photos that should be on the frame, as far as their content is known."""
    certainty: Certainty = Certainty.COMPLETE
    """Certainty of the least certain listing; PARTIAL if nothing could be listed."""
    skipped: Mapping[Skip, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    """MIME types that the frame does not accept -> number of skipped items."""
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    """Why the rule's `select` leaves out items -> their number; empty if the rule has none."""
    downloaded: int = 0
    downloaded_bytes: int = 0
    uploaded: int = 0
    uploaded_bytes: int = 0
    already_there: int = 0
    """Items whose content turned out to be on the frame already."""
    deleted: int = 0
    playlists_edited: int = 0
    """Playlists that were created or changed."""
    entries_added: int = 0
    """Playlist entries added, as confirmed by the service."""
    entries_removed: int = 0
    captions_written: int = 0
    """Captions that the frame took as text for photos that it had."""
    on_frame: int | None = None
    """Photos in the frame album at the end; None if unknown."""
    in_playlist: int | None = None
    """Photos that the frame shows; equal to `on_frame` if a frame shows albums instead of playlists."""
    assigned: bool | None = None
    """Whether frames show the playlists that contain photos; None if the service does not say."""
    playlist: str = ""
    """Name of the rule's playlist, or of its first part, at the service; empty if unknown."""
    unassigned: tuple[str, ...] = ()
    """Names of the playlists with photos that no frame shows."""
    overflow: int = 0
    storage: Storage | None = None
    """How the frame's storage is used; None where nothing limits it."""
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
        """Whether it changed something; rewriting a playlist in each cycle does not count."""
        return self.photos_changed


@dataclass(frozen=True, slots=True)
class CycleFinished(Event):
    """A cycle of an album rule has ended."""

    action = "cycle_finished"
    report: CycleReport


# --- passes over files --------------------------------------------------------------------------------


class PassKind(StrEnum):
    """What a pass over files does."""

    ORGANIZE = "organize"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class PassReport:
    """The result of one pass over files; log, metrics, pages and exit code are views of it."""

    rule: str
    """Name of the job."""
    kind: PassKind
    outcome: CycleOutcome
    dry_run: bool = False
    duration_s: float = 0.0
    found: int = 0
    """Files that were looked at."""
    done: Mapping[str, int] = field(default_factory=dict)
    """What was done to files -> their number, such as `moved`, `duplicates` or `unsorted`."""
    left: Mapping[str, int] = field(default_factory=dict)
    """Why files stay where they are -> their number; the reasons are those of the job."""
    held: int = 0
    """Files whose deletion needs the operator's permission."""
    held_key: str = ""
    """Identifies these files in these versions."""
    failures: tuple[Failure, ...] = ()

    @property
    def did_something(self) -> bool:
        """Whether it changed something."""
        return any(self.done.values()) and not self.dry_run


@dataclass(frozen=True, slots=True)
class PassStarted(Event):
    """A pass over files has started."""

    action = "pass_started"
    rule: str
    kind: PassKind
    dry_run: bool


@dataclass(frozen=True, slots=True)
class MovesPlanned(Event):
    """What a dry run would move: old and new paths; and what would stay, with the reasons."""

    action = "moves_planned"
    rule: str
    moves: tuple[tuple[str, str], ...]
    left: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StepsPlanned(Event):
    """What a dry run of a mirror would do: what, the path, and for moves the new path."""

    action = "steps_planned"
    rule: str
    steps: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class FileSkipped(Event):
    """A file is not mirrored; said once for each of its versions."""

    action = "file_skipped"
    rule: str
    path: str
    why: str
    note: str = ""
    """What the file system or the service says, if anything."""


@dataclass(frozen=True, slots=True)
class FileMoved(Event):
    """A file was moved within its store."""

    action = "file_moved"
    rule: str
    path: str
    to: str


@dataclass(frozen=True, slots=True)
class PassFinished(Event):
    """A pass over files has ended."""

    action = "pass_finished"
    report: PassReport
