"""Nixplay's JSON, as far as picsync reads it.

Nothing of this is documented; the shapes were observed. Fields not named here are ignored, a shape that
contradicts this is a ProtocolError. Ids are numbers on the wire and text everywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from picsync.core.errors import ProtocolError
from picsync.http.client import read_json
from picsync.http.retry import Operation

T = TypeVar("T")

WORDS_CHARACTERS = 200
"""Most of the service's own words that a message repeats."""

_WORDS_READ = 4000
"""Characters of a text that are looked at for its words."""

_FULL = re.compile(r"\b(quota|storage|disk|(no|not enough|out of|insufficient) space)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*(>|$)")
"""Its attributes, such as addresses, are no words; the last one may be cut off."""
_NO_WORD = re.compile(r"\S{20,}")
"""Tokens, signatures, policies and URLs are longer than what people write between spaces."""


class _Wire(BaseModel):
    # Built when first used: the first of them waits for the answer to the login.
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True, defer_build=True)


Text = Annotated[str, Field(min_length=1, max_length=10_000)]
"""The limits also refuse what is no valid Unicode and could not be sent back."""
Number = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
"""An id that becomes part of a path, where anything else could make the request one about other things."""


class LoginAnswer(_Wire):
    """`POST /www-login/`; a wrong password comes with status 200 too."""

    success: bool
    errors: Any = None
    """A list (empty) after a success, an object of fields after a failure."""


class AlbumRecord(_Wire):
    """An album of a listing."""

    id: Number
    name: str = Field(alias="title")
    count: int | None = Field(default=None, alias="photo_count")
    album_type: str | None = None
    """`Web` or `Email`."""


class PhotoRecord(_Wire):
    """A photo of an album's listing."""

    id: Number
    album_id: Number | None = Field(default=None, alias="albumId")
    md5: str | None = None
    """Of the bytes as they were uploaded."""
    filename: str | None = None


class PhotosPage(_Wire):
    """One page of an album."""

    photos: list[PhotoRecord]


class Receiver(_Wire):
    """Leave to upload to an album; good for many photos."""

    token: Text = Field(repr=False)


class Ticket(_Wire):
    """Where and how the bytes of one file go to S3."""

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
    """A playlist of the listing."""

    id: Number
    name: str
    count: int | None = Field(default=None, alias="picture_count")
    on_frames: list[Any] | None = None
    on_scheduled_frames: list[Any] | None = None

    @property
    def assigned(self) -> bool | None:
        """Whether a frame shows it, at once or by schedule; None if the answer does not say."""
        if self.on_frames is None:
            return None
        return bool(self.on_frames or self.on_scheduled_frames)


class PlaylistCreated(_Wire):
    """`POST /v3/playlists`."""

    playlist_id: Number = Field(alias="playlistId")


class Slide(_Wire):
    """An entry of a playlist."""

    id: Annotated[str, Field(pattern=r"^\S{1,200}$")] = Field(alias="playlistItemId")
    photo_id: str | None = Field(default=None, alias="dbId")
    """None for pictures that are linked from elsewhere."""


class SlidesPage(_Wire):
    """Some of a playlist's entries."""

    slides: list[Slide]


_LATE = ConfigDict(defer_build=True)
ALBUMS = TypeAdapter(list[AlbumRecord], config=_LATE)
NEW_ALBUM = TypeAdapter(Annotated[list[AlbumRecord], Field(min_length=1, max_length=1)], config=_LATE)
PLAYLISTS = TypeAdapter(list[PlaylistRecord], config=_LATE)


def parse(operation: Operation, response: httpx.Response, shape: type[T] | TypeAdapter[T]) -> T:
    """Return an answer as the given model; raises ProtocolError, naming the field but no value."""
    adapter = shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)
    try:
        return adapter.validate_python(read_json(operation, response))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ProtocolError(f"{operation}: unexpected answer ({where}: {first['msg']}).") from error


def is_html(response: httpx.Response) -> bool:
    """Return whether a page for people came; the content type says nothing on the old backend."""
    return is_page(response.content[:100].decode(errors="replace"))


def is_page(text: str) -> bool:
    """Return whether a text is the beginning of a page for people."""
    return text.lstrip().startswith("<")


def is_full(text: str) -> bool:
    """Return whether a refusal speaks of storage that is used up.

    Its real wording is not known, so this looks for the words that such a message can hardly avoid.
    """
    return _FULL.search(_TAG.sub(" ", text)) is not None


def words(value: object) -> str:
    """Return the text that an error answer holds, whatever its shape, on one line and without its secrets.

    S3 says of a wrong signature what was signed, and by whom.
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
    # Not by recursion: an answer may be nested more deeply than Python's stack is.
    rest = [value]
    while rest:
        match rest.pop():
            case str(text):
                yield text
            case dict(members):
                rest.extend(reversed(members.values()))
            case list(elements):
                rest.extend(reversed(elements))
