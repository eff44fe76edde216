"""An upload, its states, and what an upload is refused with."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from picsync.core.values import dataclass


class UploadState(StrEnum):
    """How far an upload has come. The values are stored: they never change."""

    RECEIVING = "receiving"
    """Not all of it has arrived."""
    CHECKING = "checking"
    """All of it has arrived."""
    READY = "ready"
    """It is in the library, with everything that the pages show of it."""
    DUPLICATE = "duplicate"
    """The library had it already; nothing was stored."""
    FAILED = "failed"
    """It was not taken, for the reason that is stored with it."""

    @property
    def settled(self) -> bool:
        """Whether it does not change any more."""
        return self in {UploadState.READY, UploadState.DUPLICATE, UploadState.FAILED}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sends."""

    upload: str
    """ID."""
    person: str
    """ID of who sends it."""
    album: str
    filename: str
    """As the sender calls it."""
    size_bytes: int
    """As announced; negative while it is unknown."""
    state: UploadState
    created_at: datetime
    changed_at: datetime
    sha256: str = ""
    """As announced, in hexadecimal; empty if it was not."""
    reason: str = ""
    """For people: why it failed, or what is equal to it."""
    photo: str | None = None
    """ID of its content; None until that is known."""
    stored: str = ""
    """`album/name` in the library; empty until that is chosen."""


class Problem(StrEnum):
    """Why a request about an upload is refused."""

    UNKNOWN = "unknown"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    FULL = "full"
    UNAVAILABLE = "unavailable"
    WRONG_OFFSET = "wrong_offset"
    OVERRUN = "overrun"
    DAMAGED = "damaged"
    INTERRUPTED = "interrupted"


class UploadError(Exception):
    """A request about an upload cannot be carried out; the message is for the sender."""

    def __init__(self, problem: Problem, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.hint = hint
