"""What may be set about the emulated Nixplay: everything that no one knows about the real one.

The defaults are what clients have observed, and mildly hostile where nothing has been observed.
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
    """A fixed answer: status, body and what it claims to be."""

    status: int
    body: str = ""
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def html(cls, status: int, title: str) -> Answer:
        """Return an answer like the old backend's error pages."""
        return cls(status, _PAGE.format(f"{status} {title}"))

    @classmethod
    def json(cls, status: int, message: str, name: str) -> Answer:
        """Return an answer like the errors of `/v3/`: an object of code, message and name."""
        body = json.dumps({"code": status, "message": message, "name": name})
        return cls(status, body, "application/json")

    @classmethod
    def text(cls, status: int, body: str) -> Answer:
        """Return an answer in plain text, as the upload monitor gives them."""
        return cls(status, body, "text/plain")

    def response(self) -> web.Response:
        """Return a new response with this content."""
        return web.Response(
            status=self.status, text=self.body, content_type=self.content_type, headers=dict(self.headers)
        )


class Refused(Exception):  # noqa: N818 - an answer on its way out, not an error of the emulator
    """Ends a handler with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class ExpiredSession(Enum):
    """What a request without a living session is answered."""

    JSON_401 = "401 json"
    HTML_401 = "401 html"
    JSON_403 = "403 json"
    HTML_403 = "403 html"
    REDIRECT = "302 to the login page"
    PAGE = "200 with the login page"


class StorageRefusal(Enum):
    """Where an upload learns that the storage is full."""

    PERMISSION = "when asking for permission"
    MONITOR = "at the upload monitor"


class GonePhoto(Enum):
    """What posting playlist items does if one of the pictures does not exist (any more)."""

    REFUSE_ALL = "nothing is added"
    SKIP = "the others are added"


class OverLimit(Enum):
    """What a page size above the largest does."""

    CAP = "silently shorter pages"
    REFUSE = "400"


class Emoji(Enum):
    """What becomes of characters beyond the basic plane in names."""

    KEEP = "kept"
    STRIP = "removed"
    QUESTION_MARK = "replaced by ?"
    ESCAPE = "written as \\U and their number"
    CUT = "removed, with everything that follows"
    REFUSE = "the request is answered 400"
    FAIL = "the request is answered 500"


class ListingOrder(Enum):
    """In which order an album's pictures are listed; only the first one was observed."""

    NEWEST_FIRST = "newest first"
    OLDEST_FIRST = "oldest first"
    SCATTERED = "in no order, that of albums and playlists too; a new one may be anywhere"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests to the API in so many seconds; more are answered 429."""

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
    """How long a session lives after the login; None: for ever."""
    session_requests: int | None = None
    """How many requests a session is good for; None: any number."""

    storage_limit_bytes: int | None = 500_000_000
    """Sum of the sizes of an account's photos; None: unlimited."""
    storage_refusal: StorageRefusal = StorageRefusal.PERMISSION
    storage_answer: Answer = _STORAGE_ANSWER

    unknown_id: Answer = _UNKNOWN_ID
    """For unknown albums and pictures on the old backend (deleting a picture never meets it)."""
    unknown_id_v3: Answer = _UNKNOWN_ID_V3
    """The same below `/v3/`, for playlists and upload receivers too."""
    gone_photo: GonePhoto = GonePhoto.REFUSE_ALL
    gone_photo_answer: Answer = _GONE_PHOTO_ANSWER

    pictures_limit: int = 500
    """Largest page of an album's pictures."""
    slides_size: int = 100
    """Largest page of a playlist's slides; also the page where a request names no size."""
    over_limit: OverLimit = OverLimit.CAP
    playlist_limit: int = 2000
    """Items that a playlist holds; what is posted beyond vanishes though the answer is 200."""
    photo_count_seconds: float = 0.0
    """By how much an album's `photo_count` is behind."""
    picture_count_seconds: float = 0.0
    """By how much a playlist's `picture_count` is behind."""
    created_seconds: float = 0.0
    """How long listings leave out an album or a playlist that was created."""
    order: ListingOrder = ListingOrder.NEWEST_FIRST
    emoji: Emoji = Emoji.QUESTION_MARK
    only_ascii: bool = False
    """Whether `emoji` says what becomes of all characters beyond ASCII."""
    normal_form: Literal["NFC", "NFD"] | None = None
    """Unicode's form to which names are normalised; None: they are not."""
    trim_names: bool = False
    """Whether white space around names is removed."""
    name_characters: int | None = None
    """So many characters of a name are kept; None: all."""
    echo_names: bool = False
    """Whether the answer to the creation of an album has the name that was asked for, whatever was kept."""

    accepted_types: frozenset[str] = field(default_factory=_default_types)
    """Values of `fileType` that an upload may have; others are 400."""
    true_file_size: bool = True
    """Whether S3 refuses a file of another size than the announced `fileSize`."""
    decode_images: bool = False
    """Whether the monitor refuses bytes that are not a picture of any kind."""
    broken_image: Answer = _BROKEN_IMAGE

    enforce_token_total: bool = False
    """Whether an upload token is good for no more photos than its `total`; one client's code says that it
    is good for more."""
    spent_token: Answer = _SPENT_TOKEN
    """For a token that is used up."""
    largest_total: int | None = None
    """Largest `total` that a token is given for; None: any."""

    processing_seconds: float = 3.0
    """How long after its bytes arrived a photo is in its album, unless the monitor is asked before."""
    monitor_waits: bool = False
    """Whether the monitor blocks until then. If not, asking it ends the wait, so that tests and the demo
    need not sit it out."""
    listing_seconds: float = 0.0
    """How long listings still leave out a photo that is in its album."""
    monitor_seconds: float | None = None
    """How long the monitor blocks at most; None: until the photo is processed."""
    monitor_gives_up: Answer = _MONITOR_GIVES_UP
    """Also for an upload whose bytes never arrived."""
    unknown_upload: Answer = _UNKNOWN_UPLOAD

    rate_limit: RateLimit | None = None
    url_seconds: float | None = None
    """How long a photo's URL is good for; None: to the end of the month, as observed."""
