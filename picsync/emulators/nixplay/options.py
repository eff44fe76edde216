"""Settings of the emulated Nixplay: everything that is unknown about the real one.

The defaults are what clients have observed, and mildly hostile otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from aiohttp import web

_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """A fixed response: status, body and content type."""

    status: int
    body: str = ""
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def html(cls, status: int, title: str) -> Answer:
        """Return a response like the old backend's error pages."""
        return cls(status, _PAGE.format(f"{status} {title}"))

    @classmethod
    def json(cls, status: int, message: str, name: str) -> Answer:
        """Return a response like the errors of `/v3/`: an object of code, message and name."""
        body = json.dumps({"code": status, "message": message, "name": name})
        return cls(status, body, "application/json")

    @classmethod
    def text(cls, status: int, body: str) -> Answer:
        """Return a plain text response like those of the upload monitor."""
        return cls(status, body, "text/plain")

    def response(self) -> web.Response:
        """Return a new response with this content."""
        return web.Response(
            status=self.status, text=self.body, content_type=self.content_type, headers=dict(self.headers)
        )


class Refused(Exception):  # noqa: N818 - a response that is raised, not an error of the emulator
    """Ends a handler with this response."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class ExpiredSession(Enum):
    """The response to a request without a valid session."""

    JSON_401 = "401 json"
    HTML_401 = "401 html"
    JSON_403 = "403 json"
    HTML_403 = "403 html"
    REDIRECT = "302 to the login page"
    PAGE = "200 with the login page"


class StorageRefusal(Enum):
    """At which step an upload is refused because the storage is full."""

    PERMISSION = "when asking for permission"
    MONITOR = "at the upload monitor"


class GonePhoto(Enum):
    """The result of adding playlist items if one of the pictures does not exist (any more)."""

    REFUSE_ALL = "nothing is added"
    SKIP = "the others are added"


class OverLimit(Enum):
    """The result of a page size above the maximum."""

    CAP = "silently shorter pages"
    REFUSE = "400"


class Emoji(Enum):
    """The treatment of characters beyond the basic plane in names."""

    KEEP = "kept"
    STRIP = "removed"
    QUESTION_MARK = "replaced by ?"
    ESCAPE = "written as \\U and their code"
    CUT = "removed, with everything that follows"
    REFUSE = "the request fails with 400"
    FAIL = "the request fails with 500"


class ListingOrder(Enum):
    """The order in which an album's pictures are listed; only the first one was observed."""

    NEWEST_FIRST = "newest first"
    OLDEST_FIRST = "oldest first"
    SCATTERED = "in arbitrary order, also albums and playlists; a new one may be anywhere"


class OnFrames(Enum):
    """How a playlist names the frames that show it; nobody has reported it."""

    OBJECTS = "objects with number and name"
    NUMBERS = "numbers"
    NAMES = "names"
    ABSENT = "not at all"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A maximum number of requests to the API per period; further ones get a 429."""

    requests: int
    seconds: float
    retry_after_s: int | None = None
    """Value of `Retry-After`; None leaves the header out."""


_STORAGE_ANSWER = Answer.json(400, "storage limit exceeded", "StorageLimitError")
_UNKNOWN_ID = Answer.html(404, "Not Found")
_UNKNOWN_ID_V3 = Answer.json(404, "not found", "NotFoundError")
_GONE_PHOTO_ANSWER = Answer.json(400, "pictureId does not exist", "AssertionError")
_SPENT_TOKEN = Answer.json(400, "uploadToken is not valid", "AssertionError")
BAD_NAME = Answer.html(400, "Bad Request")
BAD_NAME_V3 = Answer.json(400, "name is not valid", "AssertionError")
NAME_TROUBLE = Answer.html(500, "Server Error")
NAME_TROUBLE_V3 = Answer.json(500, "Internal Server Error", "DatabaseError")
_BROKEN_IMAGE = Answer.text(400, "Error: image-invalid")
_MONITOR_GIVES_UP = Answer.text(504, "Error: timeout")
_UNKNOWN_UPLOAD = Answer.text(404, "Error: not-found")


def _default_types() -> frozenset[str]:
    return frozenset({"image/jpeg", "image/png", "image/tiff", "image/heic", "video/mp4"})


@dataclass(slots=True)
class NixplayOptions:
    """Settings of the emulated service; they may be changed while it runs."""

    expired_session: ExpiredSession = ExpiredSession.REDIRECT
    session_seconds: float | None = None
    """Lifetime of a session; None: unlimited."""
    session_requests: int | None = None
    """Number of requests per session; None: unlimited."""

    storage_limit_bytes: int | None = 500_000_000
    """Sum of the sizes of an account's photos; None: unlimited."""
    storage_refusal: StorageRefusal = StorageRefusal.PERMISSION
    storage_answer: Answer = _STORAGE_ANSWER

    unknown_id: Answer = _UNKNOWN_ID
    """Response for unknown albums and pictures on the old backend (except when deleting a picture)."""
    unknown_id_v3: Answer = _UNKNOWN_ID_V3
    """The same below `/v3/`, also for playlists and upload receivers."""
    gone_photo: GonePhoto = GonePhoto.REFUSE_ALL
    gone_photo_answer: Answer = _GONE_PHOTO_ANSWER

    pictures_limit: int = 500
    """Maximum page size of an album's pictures."""
    slides_size: int = 100
    """Maximum page size of a playlist's slides; also the size if a request names none."""
    over_limit: OverLimit = OverLimit.CAP
    playlist_limit: int = 2000
    """Maximum number of items in a playlist; further ones are dropped although the status is 200."""
    photo_count_seconds: float = 0.0
    """How long an album's `photo_count` lags."""
    picture_count_seconds: float = 0.0
    """How long a playlist's `picture_count` lags."""
    created_seconds: float = 0.0
    """How long listings omit a new album or playlist."""
    order: ListingOrder = ListingOrder.NEWEST_FIRST
    emoji: Emoji = Emoji.QUESTION_MARK
    only_ascii: bool = False
    """Whether `emoji` applies to all non-ASCII characters."""
    normal_form: Literal["NFC", "NFD"] | None = None
    """Unicode normalisation form of names; None: no normalisation."""
    trim_names: bool = False
    """Whether white space around names is removed."""
    name_characters: int | None = None
    """Maximum length of a name; longer ones are truncated. None: unlimited."""
    echo_names: bool = False
    """Whether the response to a creation of an album contains the requested name, whatever was stored."""

    keep_order: bool = True
    """Whether a playlist lists its items in the order in which they were added; otherwise by picture."""
    keep_captions: bool = True
    """Whether a caption that is set has an effect."""
    caption_characters: int | None = None
    """Maximum length of a caption; longer ones are truncated. None: unlimited."""
    caption_refusal: Answer | None = None
    """Response to setting a caption, if that is refused."""
    frame_field: str = "framePk"
    """The field of a listed frame that has its number."""
    on_frames: OnFrames = OnFrames.OBJECTS
    keep_assignments: bool = True
    """Whether assigning a playlist to a frame has an effect."""
    keep_removals: bool = True
    """Whether removing a playlist from a frame has an effect; no client does it."""
    assignment_refusal: Answer | None = None
    """Response to both, if they are refused."""

    accepted_types: frozenset[str] = field(default_factory=_default_types)
    """Allowed values of `fileType`; others get a 400."""
    true_file_size: bool = True
    """Whether S3 refuses a file whose size differs from the announced `fileSize`."""
    decode_images: bool = False
    """Whether the monitor refuses bytes that are not a picture."""
    broken_image: Answer = _BROKEN_IMAGE

    enforce_token_total: bool = False
    """Whether an upload token is valid only for its `total` of photos; one client's code says that it is
    valid for more."""
    spent_token: Answer = _SPENT_TOKEN
    """Response for a token that is used up."""
    largest_total: int | None = None
    """Largest `total` of a token; None: unlimited."""

    processing_seconds: float = 3.0
    """How long after its bytes arrived a photo is in its album, unless the monitor is called before."""
    monitor_waits: bool = False
    """Whether the monitor blocks until then. Otherwise calling it ends the wait, so that tests and the demo
    need not wait."""
    listing_seconds: float = 0.0
    """How long listings omit a photo that is in its album."""
    monitor_seconds: float | None = None
    """How long the monitor blocks at most; None: until the photo is processed."""
    monitor_gives_up: Answer = _MONITOR_GIVES_UP
    """Also for an upload whose bytes never arrived."""
    unknown_upload: Answer = _UNKNOWN_UPLOAD

    rate_limit: RateLimit | None = None
    url_seconds: float | None = None
    """How long a photo's URL is valid; None: to the end of the month, as observed."""
