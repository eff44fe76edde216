"""The parts of Nixplay's JSON that picsync reads.

None of this is documented; the shapes were observed. Fields not named here are ignored, a contradicting shape
is a ProtocolError. IDs are numbers in JSON and strings everywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from picsync.core.errors import ProtocolError
from picsync.frames.nixplay.devices import Device, shows
from picsync.http.client import read_model
from picsync.http.retry import Operation

T = TypeVar("T")

WORDS_CHARACTERS = 200
"""Maximum length of a quotation of the service's text."""

_WORDS_READ = 4000
"""Number of characters of a text that are searched for words."""

_FULL = re.compile(r"\b(quota|storage|disk|(no|not enough|out of|insufficient) space)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*(>|$)")
"""Attributes of tags, such as URLs, are not words; the last tag may be truncated."""
_NO_WORD = re.compile(r"\S{20,}")
"""Tokens, signatures, policies and URLs are longer than ordinary words."""


class _Wire(BaseModel):
    # Built when first used, which is while the login's response is awaited.
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True, defer_build=True)


Text = Annotated[str, Field(min_length=1, max_length=10_000)]
"""The length limits also reject invalid Unicode, which could not be sent back."""
Number = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
"""An ID that becomes part of a path, where any other character could change the meaning of the request."""


def _text_or_nothing(value: object) -> object:
    """Return a text; an empty one for what is none, since a listing matters more than its captions."""
    return value if isinstance(value, str) else ""


class LoginAnswer(_Wire):
    """`POST /www-login/`; a wrong password also has status 200."""

    success: bool
    errors: Any = None
    """An (empty) list after a success, an object of fields after a failure."""


class AlbumRecord(_Wire):
    """An album in a listing."""

    id: Number
    name: str = Field(alias="title")
    count: int | None = Field(default=None, alias="photo_count")
    album_type: str | None = None
    """`Web` or `Email`."""


class PhotoRecord(_Wire):
    """A photo in an album's listing."""

    id: Number
    album_id: Number | None = Field(default=None, alias="albumId")
    md5: str | None = None
    """Of the bytes as uploaded."""
    filename: str | None = None
    caption: Annotated[str, BeforeValidator(_text_or_nothing)] = ""


class PhotosPage(_Wire):
    """One page of an album."""

    photos: list[PhotoRecord]


class Receiver(_Wire):
    """Permission to upload to an album; valid for many photos."""

    token: Text = Field(repr=False)


class Ticket(_Wire):
    """Where and how to send one file's bytes to S3."""

    key: Text
    acl: Text
    file_type: Text = Field(alias="fileType")
    batch_upload_id: Text = Field(alias="batchUploadId")
    user_upload_ids: list[Text] = Field(alias="userUploadIds", min_length=1)
    access_key_id: Text = Field(alias="AWSAccessKeyId", repr=False)
    policy: Text = Field(alias="Policy", repr=False)
    signature: Text = Field(alias="Signature", repr=False)
    url: Text = Field(alias="s3UploadUrl", repr=False)

    def form(self) -> dict[str, str]:
        """Return the fields of the S3 form, in order; the file follows them."""
        return {
            "key": self.key,
            "acl": self.acl,
            "content-type": self.file_type,
            "x-amz-meta-batch-upload-id": self.batch_upload_id,
            "success_action_status": "201",
            "AWSAccessKeyId": self.access_key_id,
            "Policy": self.policy,
            "Signature": self.signature,
        }


class Permission(_Wire):
    """`POST /v3/photo/upload/`."""

    data: Ticket


class PlaylistRecord(_Wire):
    """A playlist in the listing."""

    id: Number
    name: str
    count: int | None = Field(default=None, alias="picture_count")
    on_frames: list[Any] | None = None
    on_scheduled_frames: list[Any] | None = None

    @property
    def assigned(self) -> bool | None:
        """Whether a frame shows it, now or by schedule; None if the response does not say."""
        if self.on_frames is None:
            return None
        return bool(self.on_frames or self.on_scheduled_frames)

    def is_on(self, device: Device) -> bool:
        """Whether the response says that a frame shows it, now or by schedule."""
        return shows((*(self.on_frames or ()), *(self.on_scheduled_frames or ())), device)


class PlaylistCreated(_Wire):
    """`POST /v3/playlists`."""

    playlist_id: Number = Field(alias="playlistId")


class Slide(_Wire):
    """An entry of a playlist."""

    id: Annotated[str, Field(pattern=r"^\S{1,200}$")] = Field(alias="playlistItemId")
    photo_id: str | None = Field(default=None, alias="dbId")
    """None for linked external pictures."""


class SlidesPage(_Wire):
    """Some of a playlist's entries."""

    slides: list[Slide]


_LATE = ConfigDict(defer_build=True)
ALBUMS = TypeAdapter(list[AlbumRecord], config=_LATE)
FRAMES = TypeAdapter(list[Any] | dict[str, Any], config=_LATE)
NEW_ALBUM = TypeAdapter(Annotated[list[AlbumRecord], Field(min_length=1, max_length=1)], config=_LATE)
PLAYLISTS = TypeAdapter(list[PlaylistRecord], config=_LATE)
_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def parse(operation: Operation, response: httpx.Response, shape: type[T] | TypeAdapter[T]) -> T:
    """Parse a response as the given model; raises ProtocolError, which names the field but no value."""
    adapter: TypeAdapter[T] = shape if isinstance(shape, TypeAdapter) else _adapter(shape)
    try:
        return read_model(operation, response, adapter)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the top level"
        raise ProtocolError(f"{operation}: unexpected response ({where}: {first['msg']}).") from error


def _adapter(shape: type[Any]) -> TypeAdapter[Any]:
    """Return the adapter of a model; making one takes longer than most responses take to parse."""
    if shape not in _adapters:
        _adapters[shape] = TypeAdapter(shape)
    return _adapters[shape]


def is_html(response: httpx.Response) -> bool:
    """Return whether the response is an HTML page; the old backend's content type is not reliable."""
    return is_page(response.content[:100].decode(errors="replace"))


def is_page(text: str) -> bool:
    """Return whether a text is the beginning of an HTML page."""
    return text.lstrip().startswith("<")


def is_full(text: str) -> bool:
    """Return whether a refusal means that the storage is full.

    The real wording is not known, so this looks for words that such a message almost certainly contains.
    """
    return _FULL.search(_TAG.sub(" ", text)) is not None


def words(value: object) -> str:
    """Return the text of an error response, of any shape, on one line and without secrets.

    For a wrong signature, S3's error quotes what was signed, and by whom.
    """
    if isinstance(value, str):
        value = value[:_WORDS_READ]
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = re.split(r"<[^>]*>", str(value))
    texts = (" ".join(text[:_WORDS_READ].split()) for text in islice(_texts(value), WORDS_CHARACTERS))
    joined = " ".join(dict.fromkeys(texts))
    return _NO_WORD.sub("...", joined)[:WORDS_CHARACTERS].strip().rstrip(".")


def _texts(value: object) -> Iterator[str]:
    # Not recursive: a response may be nested more deeply than Python's stack allows.
    rest = [value]
    while rest:
        match rest.pop():
            case str(text):
                yield text
            case dict(members):
                rest.extend(reversed(members.values()))
            case list(elements):
                rest.extend(reversed(elements))
