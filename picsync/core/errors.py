"""All errors of picsync as one tree.

    PicsyncError
    ├── ConfigError        picsync.yaml or the credentials file; carries every problem at once
    ├── LoginNeeded        a service refuses who we are or what we may do; only the user can help
    ├── TransientError     time may cure it: network trouble, 429, 5xx; already retried
    │   ├── InaccessibleError      an account's folder cannot be used, such as one that is not mounted
    │   └── ListingError   a source album could not be listed completely
    ├── ProtocolError      a service answered something that picsync does not understand
    │   ├── ForeignAddressError   ... or led to a server that is none of its own
    │   └── PlaylistMismatchError ... or holds something else than what was published
    ├── QuotaError         a service's storage is used up
    │   └── LimitError     ... or another of its limits: requests of the day
    │       └── PlaylistFullError     ... or the entries of a playlist
    ├── RefusedError       a service understood the request and said no (a 4xx that is none of the above)
    │   ├── NotFoundError  ... because the thing is not there, or not visible to us
    │   └── NoSourceError  an album rule names no source
    ├── AmbiguousError     several albums answer to one name; picsync will not guess
    ├── ItemError          one media item or photo cannot be used; the others go on
    │   ├── ContentError   ... because of its content
    │   └── FormatError    ... because the frame does not accept its format
    ├── CacheError         the cache cannot be read or written
    ├── DiskError          the local disk cannot be read or written
    │   └── SpoolError     ... for a file on its way to the frame
    │       └── NoRoomError    ... because it is too large for the room there; smaller ones go on
    ├── ListenError        an address that picsync was told to listen on cannot be had
    └── UnexpectedError    a bug: it fails the rule in which it appeared, and nothing else

The text of an error says what happened and to what; its `hint` says what to do next. An error that picsync
itself decides on carries values and a short text for developers; `observe.words` has its sentences. Neither
ever holds a secret: no URL query, header, token or body of a login. Both may quote what a service, a file or
a user wrote, so every error makes its texts harmless itself (`core.text`): a message is one line without
control characters; only a ConfigError has one line for each problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import ClassVar

from picsync.core.text import harmless
from picsync.core.values import dataclass

REPORT_TO = "https://github.com/andrewjjenkins/picsync/issues"
"""Where to report bugs."""


class Scope(StrEnum):
    """The scope of an error: what cannot continue because of it."""

    ITEM = "item"
    ALBUM = "album"
    SERVICE = "service"
    PROCESS = "process"


class FailureCode(StrEnum):
    """The kind of a failure, for programs; codes are stable. doc/monitoring.md explains them."""

    LOGIN_NEEDED = "login_needed"
    QUOTA_EXCEEDED = "quota_exceeded"
    LIMIT_REACHED = "limit_reached"
    PLAYLIST_FULL = "playlist_full"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"
    PROTOCOL = "protocol"
    PARTIAL_LISTING = "partial_listing"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    NO_SOURCE = "no_source"
    AMBIGUOUS = "ambiguous"
    ITEM_FAILED = "item_failed"
    ITEM_UNUSABLE = "item_unusable"
    NO_SPACE = "no_space"
    DISK = "disk"
    CACHE = "cache"
    STATE = "state"
    CONFIG_REFUSED = "config_refused"
    LISTEN = "listen"
    UNEXPECTED = "unexpected"


class PicsyncError(Exception):
    """Base of all errors that picsync raises intentionally; any other exception is a bug."""

    scope: ClassVar[Scope] = Scope.ALBUM
    transient: ClassVar[bool] = False
    """Whether the same request may succeed later without any action of the user."""
    _code: ClassVar[FailureCode] = FailureCode.UNEXPECTED

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        self.message = harmless(message)
        self.hint = "\n".join(map(harmless, hint.split("\n")))
        super().__init__(self.message)
        self.retry_after_s = retry_after_s
        self.account = ""
        """Name of the account at which it occurred; empty if none is affected or it is unknown."""

    @property
    def code(self) -> FailureCode:
        """The kind of failure."""
        return self._code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


@contextmanager
def at_account(account: str) -> Iterator[None]:
    """Set the account in errors raised by the body, unless they have one."""
    try:
        yield
    except PicsyncError as error:
        error.account = error.account or account
        raise


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a file that the user wrote."""

    file: str
    line: int | None
    """1-based; None if the problem has no place, such as a missing key at the top level."""
    field: str
    """Dotted path of the setting, e.g. `albums[0].sources`."""
    message: str
    """What is wrong and what to write instead."""

    @property
    def place(self) -> str:
        """Return file and line."""
        return harmless(self.file if self.line is None else f"{self.file}:{self.line}")

    @property
    def text(self) -> str:
        """Return setting and message."""
        return harmless(f"{self.field}: {self.message}" if self.field else self.message)

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class ConfigError(PicsyncError):
    """The configuration or the credentials cannot be used."""

    _code = FailureCode.CONFIG_REFUSED

    scope = Scope.PROCESS

    def __init__(self, problems: Sequence[Problem], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("", hint=hint)
        self.message = "\n".join(map(str, problems))
        self.args = (self.message,)


class LoginNeeded(PicsyncError):  # noqa: N818 - named for the situation
    """The service requires the user: wrong password, revoked token, missing scope. Not retried."""

    _code = FailureCode.LOGIN_NEEDED

    scope = Scope.SERVICE


class TransientError(PicsyncError):
    """Network trouble or a failing service, after all retries."""

    _code = FailureCode.UNREACHABLE

    transient = True

    def __init__(
        self, message: str, *, hint: str = "", retry_after_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, retry_after_s=retry_after_s)
        self.status = status
        """Status of the response, such as 503; None without a response: the request may still be carried out.
        """

    @property
    def code(self) -> FailureCode:
        """Unreachable if there is no response; otherwise by its status."""
        if self.status is None:
            return self._code
        return FailureCode.RATE_LIMITED if self.status == 429 else FailureCode.UNAVAILABLE

    @property
    def answered(self) -> bool:
        """Whether there was a response."""
        return self.status is not None


class InaccessibleError(TransientError):
    """An account's place cannot be used at all, such as a folder that is not mounted, or is read-only."""

    scope = Scope.SERVICE


class ListingError(TransientError):
    """A source album could not be listed completely; the message is the source's."""

    _code = FailureCode.PARTIAL_LISTING

    def __init__(self, message: str, cause: FailureCode | None = None) -> None:
        """`cause` is the code of the failure that interrupted the listing, if there was one."""
        super().__init__(message)
        self.cause = cause

    @property
    def code(self) -> FailureCode:
        """Why the listing was interrupted, if known."""
        return self.cause or self._code


class ProtocolError(PicsyncError):
    """A response that picsync does not understand; nothing is concluded from it."""

    _code = FailureCode.PROTOCOL

    transient = True


class PlaylistMismatchError(ProtocolError):
    """A playlist differs from what was published, although every request succeeded."""

    def __init__(self, held: int, due: int) -> None:
        super().__init__(f"the playlist holds {held} entries instead of {due}")
        self.held = held
        self.due = due


class ForeignAddressError(ProtocolError):
    """A response contains an address at a host that is not the service's; nothing was sent to it."""


class QuotaError(PicsyncError):
    """A quota is used up: the storage, unless it is a LimitError."""

    _code = FailureCode.QUOTA_EXCEEDED

    scope = Scope.SERVICE


class LimitError(QuotaError):
    """A limit other than the storage is reached: daily requests, entries of a playlist."""

    _code = FailureCode.LIMIT_REACHED


class PlaylistFullError(LimitError):
    """A playlist is too small for all photos, and the rule has `overflow: error`."""

    _code = FailureCode.PLAYLIST_FULL

    def __init__(self, shown: int, left_out: int) -> None:
        super().__init__(f"the playlist is full ({shown} shown, {left_out} left out)")
        self.shown = shown
        self.left_out = left_out


class RefusedError(PicsyncError):
    """The service understood the request and refused it; a retry would be refused again."""

    _code = FailureCode.REFUSED

    def __init__(self, message: str, *, status: int, excerpt: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.excerpt = excerpt
        """The first characters of the response, for code that knows this service's errors."""


class NotFoundError(RefusedError):
    """The requested object does not exist, or this account may not see it."""

    _code = FailureCode.NOT_FOUND


class NoSourceError(RefusedError):
    """An album rule names no source; carrying it out would empty the album."""

    _code = FailureCode.NO_SOURCE

    def __init__(self, rule: str) -> None:
        super().__init__("the rule names no source", status=0)
        self.rule = rule


class AmbiguousError(PicsyncError):
    """Several albums or playlists have the rule's name."""

    _code = FailureCode.AMBIGUOUS


class ItemError(PicsyncError):
    """One media item failed."""

    _code = FailureCode.ITEM_FAILED

    scope = Scope.ITEM

    def __init__(self, message: str, *, unusable: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.unusable = unusable
        """True if retrying soon is pointless, since the bytes themselves are unusable."""

    @property
    def code(self) -> FailureCode:
        """Whether the item is unusable, or may work the next time."""
        return FailureCode.ITEM_UNUSABLE if self.unusable else self._code


class Defect(StrEnum):
    """Why the content of a file cannot be used."""

    EMPTY = "empty"
    NOT_MEDIA = "not_media"
    """Neither a picture nor a video."""
    TRUNCATED = "truncated"
    """The end of the file is missing."""
    TOO_LARGE = "too_large"
    """More bytes than `limit`."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """More pixels than `limit`, or none at all."""


class ContentError(ItemError):
    """The content of a file cannot be used."""

    def __init__(self, defect: Defect, *, amount: int = 0, limit: int = 0) -> None:
        # An empty file may be an unnoticed failed download.
        super().__init__(f"its content is {defect.replace('_', ' ')}", unusable=defect is not Defect.EMPTY)
        self.defect = defect
        self.amount = amount
        """The measured value, in the unit of `limit`."""
        self.limit = limit


class FormatError(ItemError):
    """The frame does not accept the format of a file."""

    def __init__(self, mime_type: str, frame: str) -> None:
        super().__init__(f"{frame} does not accept {mime_type}", unusable=True)
        self.mime_type = mime_type
        self.frame = frame
        """Title of the frame's service."""


class CacheError(PicsyncError):
    """The cache file cannot be opened, read or written."""

    _code = FailureCode.CACHE

    scope = Scope.PROCESS


class StateError(PicsyncError):
    """The database with the family's state cannot be opened, read or written."""

    _code = FailureCode.STATE

    scope = Scope.SERVICE


class DiskError(PicsyncError):
    """The local disk cannot be read or written."""

    _code = FailureCode.DISK

    scope = Scope.SERVICE


class SpoolError(DiskError):
    """A file in transit cannot be written to the local disk; no other file could be."""

    def __init__(self, folder: str, reason: str, *, remedy: str = "") -> None:
        """`reason` and `remedy` come from the operating system's error (`system.files`)."""
        super().__init__(f"{folder}: {reason}", hint=remedy)
        self.folder = folder
        self.reason = reason


class NoRoomError(SpoolError):
    """A file in transit is larger than the free space on the local disk; smaller ones may fit."""

    _code = FailureCode.NO_SPACE

    scope = Scope.ITEM

    def __init__(
        self,
        folder: str,
        reason: str,
        *,
        size_bytes: int,
        written_bytes: int = 0,
        free_bytes: int | None = None,
    ) -> None:
        """`reason` is the operating system's; empty if the free space was insufficient from the start."""
        super().__init__(folder, reason)
        self.size_bytes = size_bytes
        """Minimum size of the file."""
        self.written_bytes = written_bytes
        """How much could be written."""
        self.free_bytes = free_bytes


class ListenError(PicsyncError):
    """A listen address is unavailable: in use, not permitted, or not of this machine."""

    _code = FailureCode.LISTEN

    scope = Scope.PROCESS


class UnexpectedError(PicsyncError):
    """A bug made a cycle fail; the log has the traceback. A retry may succeed."""

    _code = FailureCode.UNEXPECTED

    transient = True
