"""The parts of Immich's JSON that picsync reads, for all versions.

Unknown fields are ignored; any other deviation makes the whole response a ProtocolError. Fields without which
a response cannot be trusted have no default: a search without `assets`, or without information on the next
page, is not an empty album.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from picsync.core.errors import ProtocolError
from picsync.http.client import read_model
from picsync.http.retry import Operation

T = TypeVar("T")

Id = Annotated[str, Field(pattern=r"^[0-9A-Fa-f-]{36}$")]
"""A UUID; it becomes part of URLs."""
Text = Annotated[str, Field(max_length=10_000)]
"""The length limit also rejects invalid Unicode."""


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, strict=True, defer_build=True)


class Version(_Wire):
    """The server's version."""

    major: int = Field(ge=0, le=10**6)
    minor: int = Field(ge=0, le=10**6)
    patch: int = Field(ge=0, le=10**6)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def known(self) -> bool:
        """Whether picsync supports this major version."""
        return self.major in (2, 3)

    @property
    def takes_filter(self) -> bool:
        """Whether the search supports the filter form, since 3.2."""
        return (self.major, self.minor) >= (3, 2)


class KeyWire(_Wire):
    """The API key's own data."""

    permissions: list[Text]
    """`all` grants everything."""


class ExifWire(_Wire):
    """Metadata of a picture; only on request."""

    rating: object = None
    """1 to 5; before 3.0 also 0 and -1 for none. Anything else counts as none."""


class AssetWire(_Wire):
    """A picture or video; a shared link without metadata omits most fields."""

    id: Id
    type: Text
    checksum: Text = ""
    original_file_name: Text = ""
    original_mime_type: Text | None = None
    file_created_at: Text | None = None
    local_date_time: Text | None = None
    file_modified_at: Text | None = None
    thumbhash: Text | None = None
    visibility: Text = "timeline"
    is_archived: bool = False
    is_trashed: bool = False
    is_offline: bool | None = None
    """None if Immich does not say, as through a link without metadata."""
    is_favorite: bool | None = None
    width: object = None
    height: object = None
    """In pixels, as shown. Absent before 2.5, and None until Immich has examined the picture; anything but a
    number counts as unknown."""
    exif_info: ExifWire | None = None
    is_edited: bool = False
    live_photo_video_id: Text | None = None
    library_id: Text | None = None
    """The external library that it belongs to; None for uploads, and if Immich does not say."""


class AssetPage(_Wire):
    """One page of search results."""

    items: list[AssetWire]
    count: int | None = None
    next_page: Text | None = None
    next_cursor: Text | None = None


class SearchAnswer(_Wire):
    """The response to a search."""

    assets: AssetPage


class Count(_Wire):
    """The response to a search statistics request."""

    total: int = Field(ge=0)


class TimeBucket(_Wire):
    """The number of assets of one month."""

    count: int = Field(ge=0)


class AlbumWire(_Wire):
    """An album; its assets only before 3.0."""

    id: Id
    album_name: Text
    asset_count: int = Field(ge=0)


class AlbumWithAssets(AlbumWire):
    """An album as versions before 3.0 show it through a shared link."""

    assets: list[AssetWire]


class PersonWire(_Wire):
    """A person whose face was found; the name is empty until a user enters one."""

    id: Id
    name: Text


class PeoplePage(_Wire):
    """One page of people."""

    people: list[PersonWire]
    has_next_page: bool = False


class TagWire(_Wire):
    """A tag; `value` contains the names of its parents and its own."""

    id: Id
    name: Text
    value: Text


class SharedLinkWire(_Wire):
    """What a shared link shows."""

    type: Text
    album: AlbumWire | None = None
    assets: list[AssetWire] = []
    allow_download: bool


VERSION = TypeAdapter(Version)
KEY = TypeAdapter(KeyWire)
SEARCH = TypeAdapter(SearchAnswer)
COUNT = TypeAdapter(Count)
BUCKETS = TypeAdapter(list[TimeBucket])
ALBUM = TypeAdapter(AlbumWire)
ALBUM_WITH_ASSETS = TypeAdapter(AlbumWithAssets)
ALBUMS = TypeAdapter(list[AlbumWire])
PERSON = TypeAdapter(PersonWire)
PEOPLE = TypeAdapter(PeoplePage)
TAG = TypeAdapter(TagWire)
TAGS = TypeAdapter(list[TagWire])
SHARED_LINK = TypeAdapter(SharedLinkWire)


def parse(operation: Operation, adapter: TypeAdapter[T], response: httpx.Response) -> T:
    """Parse a response's JSON; raises ProtocolError, which names what was wrong but no content."""
    try:
        return read_model(operation, response, adapter)
    except ProtocolError as error:
        raise ProtocolError(
            error.message,
            hint="Is `server` in the credentials file the address of Immich itself? A proxy in front of it"
            " must let picsync through without a login page.",
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    raise ProtocolError(
        f"{operation}: the response cannot be parsed at {where or 'its beginning'}.",
        hint="Immich may have changed it in a new version: check for a newer picsync.",
    )
