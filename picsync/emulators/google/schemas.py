"""The messages of the Photos Library and Picker APIs, in one table.

The discovery documents, the parsing of request bodies and the selection by `fields` all derive from it. The
names and types are those of Google's own discovery documents, which its generated clients reproduce.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from picsync.emulators.google.errors import ApiError, invalid

Tree = dict[str, "Tree"]
"""Field name -> its fields; empty if it has none."""

_CATEGORIES = (
    "NONE|LANDSCAPES|RECEIPTS|CITYSCAPES|LANDMARKS|SELFIES|PEOPLE|PETS|WEDDINGS|BIRTHDAYS|DOCUMENTS|TRAVEL|ANIMALS"
    "|FOOD|SPORT|NIGHT|PERFORMANCES|WHITEBOARDS|SCREENSHOTS|UTILITY|ARTS|CRAFTS|FASHION|HOUSES|GARDENS|FLOWERS"
    "|HOLIDAYS"
)
_POSITIONS = "POSITION_TYPE_UNSPECIFIED|FIRST_IN_ALBUM|LAST_IN_ALBUM|AFTER_MEDIA_ITEM|AFTER_ENRICHMENT_ITEM"
_PROCESSING = "UNSPECIFIED|PROCESSING|READY|FAILED"

# One message per line, one `name:type` per field; a name alone is a string. `[T]` is a list of T, upper-case
# names joined by `|` are an enumeration, any other capitalised name is another message.
_LIBRARY = f"""
Album id title productUrl isWriteable:bool shareInfo:ShareInfo mediaItemsCount:int64 coverPhotoBaseUrl \
coverPhotoMediaItemId
ShareInfo sharedAlbumOptions:SharedAlbumOptions shareableUrl shareToken isJoined:bool isOwned:bool \
isJoinable:bool
SharedAlbumOptions isCollaborative:bool isCommentable:bool
AlbumPosition position:{_POSITIONS} relativeMediaItemId relativeEnrichmentItemId
AddEnrichmentToAlbumRequest newEnrichmentItem:NewEnrichmentItem albumPosition:AlbumPosition
AddEnrichmentToAlbumResponse enrichmentItem:EnrichmentItem
EnrichmentItem id
NewEnrichmentItem textEnrichment:TextEnrichment locationEnrichment:LocationEnrichment \
mapEnrichment:MapEnrichment
TextEnrichment text
LocationEnrichment location:Location
MapEnrichment origin:Location destination:Location
Location locationName latlng:LatLng
LatLng latitude:double longitude:double
BatchAddMediaItemsToAlbumRequest mediaItemIds:[string]
BatchAddMediaItemsToAlbumResponse
BatchRemoveMediaItemsFromAlbumRequest mediaItemIds:[string]
BatchRemoveMediaItemsFromAlbumResponse
CreateAlbumRequest album:Album
ListAlbumsResponse albums:[Album] nextPageToken
ListSharedAlbumsResponse sharedAlbums:[Album] nextPageToken
ShareAlbumRequest sharedAlbumOptions:SharedAlbumOptions
ShareAlbumResponse shareInfo:ShareInfo
UnshareAlbumRequest
UnshareAlbumResponse
JoinSharedAlbumRequest shareToken
JoinSharedAlbumResponse album:Album
LeaveSharedAlbumRequest shareToken
LeaveSharedAlbumResponse
MediaItem id description productUrl baseUrl mimeType mediaMetadata:MediaMetadata \
contributorInfo:ContributorInfo filename
MediaMetadata creationTime:datetime width:int64 height:int64 photo:Photo video:Video
Photo cameraMake cameraModel focalLength:float apertureFNumber:float isoEquivalent:int32 exposureTime:duration
Video cameraMake cameraModel fps:double status:{_PROCESSING}
ContributorInfo profilePictureBaseUrl displayName
ListMediaItemsResponse mediaItems:[MediaItem] nextPageToken
SearchMediaItemsRequest albumId pageSize:int32 pageToken filters:Filters orderBy
SearchMediaItemsResponse mediaItems:[MediaItem] nextPageToken
Filters dateFilter:DateFilter contentFilter:ContentFilter mediaTypeFilter:MediaTypeFilter \
includeArchivedMedia:bool \
excludeNonAppCreatedData:bool featureFilter:FeatureFilter
DateFilter dates:[Date] ranges:[DateRange]
Date year:int32 month:int32 day:int32
DateRange startDate:Date endDate:Date
ContentFilter includedContentCategories:[{_CATEGORIES}] excludedContentCategories:[{_CATEGORIES}]
MediaTypeFilter mediaTypes:[ALL_MEDIA|VIDEO|PHOTO]
FeatureFilter includedFeatures:[NONE|FAVORITES]
BatchGetMediaItemsResponse mediaItemResults:[MediaItemResult]
MediaItemResult status:Status mediaItem:MediaItem
BatchCreateMediaItemsRequest albumId newMediaItems:[NewMediaItem] albumPosition:AlbumPosition
NewMediaItem description simpleMediaItem:SimpleMediaItem
SimpleMediaItem uploadToken fileName
BatchCreateMediaItemsResponse newMediaItemResults:[NewMediaItemResult]
NewMediaItemResult uploadToken status:Status mediaItem:MediaItem
Status code:int32 message details:[any]
"""
_PICKER = f"""
Empty
PickingSession id pickerUri pollingConfig:PollingConfig expireTime:datetime pickingConfig:PickingConfig \
mediaItemsSet:bool
PollingConfig pollInterval:duration timeoutIn:duration
PickingConfig maxItemCount:int64
ListPickedMediaItemsResponse mediaItems:[PickedMediaItem] nextPageToken
PickedMediaItem id createTime:datetime type:TYPE_UNSPECIFIED|PHOTO|VIDEO mediaFile:MediaFile
MediaFile baseUrl mimeType filename mediaFileMetadata:MediaFileMetadata
MediaFileMetadata width:int32 height:int32 cameraMake cameraModel photoMetadata:PhotoMetadata \
videoMetadata:VideoMetadata
PhotoMetadata focalLength:float apertureFNumber:float isoEquivalent:int32 exposureTime:duration printSafe:bool
VideoMetadata fps:double processingStatus:{_PROCESSING}
"""

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "string", "format": "int64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "datetime": {"type": "string", "format": "google-datetime"},
    "duration": {"type": "string", "format": "google-duration"},
    "any": {"type": "object", "additionalProperties": {"type": "any"}},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a field."""

    name: str
    """A basic type, or the name of a message; empty for an enumeration."""
    values: tuple[str, ...] = ()
    """The values of an enumeration."""
    repeated: bool = False

    @property
    def is_message(self) -> bool:
        """Whether it has fields of its own."""
        return self.name[:1].isupper()

    def described(self) -> dict[str, Any]:
        """Return it in the form of a discovery document."""
        if self.values:
            one: dict[str, Any] = {"type": "string", "enum": list(self.values)}
        else:
            one = {"$ref": self.name} if self.is_message else dict(_TYPES[self.name])
        return {"type": "array", "items": one} if self.repeated else one


Message = Mapping[str, Kind]


def _kind(text: str) -> Kind:
    repeated = text.startswith("[")
    name = text.strip("[]") or "string"
    if name.isupper():
        return Kind("", tuple(name.split("|")), repeated)
    return Kind(name, repeated=repeated)


def _messages(table: str) -> Mapping[str, Message]:
    messages: dict[str, Message] = {}
    for line in table.split("\n")[1:-1]:
        name, *fields = line.split(" ")
        parts = (field.partition(":") for field in fields)
        messages[name] = {field: _kind(kind) for field, _, kind in parts}
    return messages


LIBRARY, PICKER = _messages(_LIBRARY), _messages(_PICKER)
_ALL = {**LIBRARY, **PICKER}


def described(messages: Mapping[str, Message]) -> Mapping[str, Any]:
    """Return messages as the `schemas` of a discovery document."""
    return {
        name: {
            "id": name,
            "type": "object",
            "properties": {field: kind.described() for field, kind in message.items()},
        }
        for name, message in messages.items()
    }


@cache
def tree(name: str) -> Tree:
    """Return all fields of a message, at any depth; no message of these APIs contains itself."""
    return {field: tree(kind.name) if kind.is_message else {} for field, kind in _ALL[name].items()}


def read(name: str, value: object) -> dict[str, Any]:
    """Return a message's JSON in camelCase without nulls; raises ApiError for what Google refuses.

    Google accepts snake_case names, numbers as strings, and a single value instead of a list.
    """
    return _object(name, value, "")


def camel_case(name: str) -> str:
    """Return a field's name in JSON spelling."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _object(name: str, value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _bad_value(path, "an object", value)
    found: dict[str, Any] = {}
    for key, each in value.items():
        field = camel_case(str(key))
        kind = _ALL[name].get(field)
        if kind is None:
            where = f" at '{path}'" if path else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.')
        if each is not None:
            found[field] = _field(kind, each, f"{path}.{field}" if path else field)
    return found


def _field(kind: Kind, value: object, path: str) -> Any:
    if not kind.repeated:
        return _single(kind, value, path)
    values = value if isinstance(value, list) else [value]
    return [_single(kind, each, f"{path}[{number}]") for number, each in enumerate(values)]


def _single(kind: Kind, value: object, path: str) -> Any:
    if kind.is_message:
        return _object(kind.name, value, path)
    match _TYPES.get(kind.name, {"type": "enum"})["type"]:
        case "enum" if value not in kind.values:
            raise _bad_value(path, "an enumeration's value", value)
        case "boolean" if not isinstance(value, bool):
            raise _bad_value(path, "TYPE_BOOL", value)
        case "integer":
            return _integer(value, path, 32)
        case "number" if isinstance(value, bool) or not isinstance(value, int | float):
            raise _bad_value(path, "a number", value)
        case "string" if kind.name == "int64":
            return str(_integer(value, path, 64))
        case "string" if not isinstance(value, str):
            raise _bad_value(path, "TYPE_STRING", value)
    return value


def _integer(value: object, path: str, bits: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**bits) <= 2 * value < 2**bits:
        raise _bad_value(path, f"TYPE_INT{bits}", value)
    return value


def _bad_value(path: str, kind: str, value: object) -> ApiError:
    return invalid(f"Invalid value at '{path}' ({kind}), {str(value)[:100]!r}")
