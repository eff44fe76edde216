"""The parts of the Library API's JSON that picsync reads.

It is proto3 JSON: a field with its default value is absent, 64-bit integers are strings. Unknown fields are
ignored; any other deviation makes the whole response a ProtocolError.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from picsync.core.errors import ProtocolError
from picsync.core.model import MediaItem, MediaKind, facts
from picsync.http.client import read_json
from picsync.http.retry import Operation
from picsync.media.instants import instant

M = TypeVar("M", bound=BaseModel)

Sendable = Annotated[str, Field(max_length=10_000)]
"""Text that is sent back to Google; the length limit also rejects invalid Unicode."""

MEDIA_ITEM_FIELDS = "id,baseUrl,mimeType,filename,mediaMetadata(creationTime,width,height,video(status))"
"""The partial response for `MediaItemWire`; half the size of the full one."""


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, defer_build=True)


class Album(_Wire):
    """An album's description."""

    id: str = Field(min_length=1)
    title: str = ""
    media_items_count: int = 0


class AlbumPage(_Wire):
    """A page of `albums.list`."""

    albums: list[Album] = []
    next_page_token: Sendable = ""


class SharedAlbumPage(_Wire):
    """A page of `sharedAlbums.list`."""

    albums: list[Album] = Field(default=[], alias="sharedAlbums")
    next_page_token: Sendable = ""


class Video(_Wire):
    """Fields that only videos have."""

    status: str = ""


class MediaMetadata(_Wire):
    """What Google knows about the picture; `creation_time` may have any form."""

    creation_time: object = None
    width: object = None
    height: object = None
    """64-bit integers, so strings; one that cannot be parsed counts as unknown."""
    video: Video | None = None


class MediaItemWire(_Wire):
    """A media item."""

    id: str = Field(min_length=1)
    base_url: Sendable = Field(default="", repr=False)
    mime_type: str = ""
    filename: str = ""
    media_metadata: MediaMetadata = MediaMetadata()

    def media_item(self, source: str) -> MediaItem:
        """Return it as a media item."""
        mime_type = self.mime_type.partition(";")[0].strip().lower()
        video = self.media_metadata.video is not None or mime_type.startswith("video/")
        return MediaItem(
            source,
            self.id,
            kind=MediaKind.VIDEO if video else MediaKind.PHOTO,
            mime_type=mime_type,
            filename=self.filename,
            taken_at=instant(self.media_metadata.creation_time),
            facts=facts(_pixels(self.media_metadata.width), _pixels(self.media_metadata.height)),
            url=self.base_url,
        )


def _pixels(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None


class MediaItemPage(_Wire):
    """A page of `mediaItems:search`."""

    media_items: list[MediaItemWire] = []
    next_page_token: Sendable = ""


class Status(_Wire):
    """A google.rpc.Status; code 0 means success."""

    code: int = 0


class MediaItemResult(_Wire):
    """The result for one ID of a `mediaItems:batchGet`."""

    media_item: MediaItemWire | None = None
    status: Status = Status()


class BatchAnswer(_Wire):
    """The response to `mediaItems:batchGet`, in the order of the requested IDs."""

    media_item_results: list[MediaItemResult] = []


class ErrorDetail(_Wire):
    """A google.rpc.ErrorInfo, or another detail without a reason."""

    reason: str = ""


class ApiError(_Wire):
    """The APIs' error object."""

    status: str = ""
    details: list[ErrorDetail] = []

    @property
    def reasons(self) -> frozenset[str]:
        """The machine-readable reasons, e.g. `SERVICE_DISABLED`."""
        return frozenset(detail.reason for detail in self.details if detail.reason)


class ErrorAnswer(_Wire):
    """The body of an error response."""

    error: ApiError


class TokenAnswer(BaseModel):
    """The response to a token request, as far as it is checked before it is used."""

    model_config = ConfigDict(defer_build=True)

    # Printable ASCII (RFC 6750), since it becomes part of a header.
    access_token: str = Field(pattern=r"^[!-~]+$", repr=False)
    refresh_token: str = Field(default="unchanged", min_length=1, repr=False)
    scope: str = ""
    """The granted scopes, separated by spaces; may be fewer than requested."""
    refresh_token_expires_in: int | None = Field(default=None, ge=0, le=10**10)
    """Seconds; only for logins that expire, such as those of an app in Testing (documented)."""
    expires_in: int | None = Field(default=None, ge=0, le=10**9)


def read(operation: Operation, model: type[M], response: httpx.Response) -> M:
    """Return the JSON of a response as `model`; raises ProtocolError, which quotes no content."""
    with suppress(ValidationError):
        # In one pass; if that fails, the slower way says why.
        return model.model_validate_json(response.content)
    return parse(operation, model, read_json(operation, response))


def read_bytes(operation: Operation, model: type[M], content: bytes) -> M:
    """Return the JSON in `content` as `model`; raises ProtocolError, which quotes no content."""
    with suppress(ValidationError):
        return model.model_validate_json(content)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise ProtocolError(f"{operation}: expected JSON, but got something else.") from None
    return parse(operation, model, body)


def parse(operation: Operation, model: type[M], body: object) -> M:
    """Parse the response's JSON as `model`; raises ProtocolError, which quotes no content."""
    if not isinstance(body, dict):
        raise ProtocolError(f"{operation}: the response is not a JSON object, as expected.")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        # The exception itself quotes values, such as URLs that open a photo to anyone.
        where = ".".join(map(str, error.errors(include_input=False, include_context=False)[0]["loc"]))
        raise ProtocolError(f"{operation}: the response cannot be parsed at {where}.") from None
