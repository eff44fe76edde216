"""Chooses the bytes that are downloaded for an asset, and the matching version.

A version identifies the content, not the bytes of a conversion: Immich generates previews again when its
settings change, which is not an edit. `checksum` is the SHA-1 of the original, but for external libraries
that of the path alone; the file's time is added, so that an edit in place is noticed there, too. `thumbhash`
changes with the appearance, including crops and rotations made in Immich.
"""

from __future__ import annotations

from picsync.core.model import Facts, MediaItem, MediaKind, facts
from picsync.media.formats import HEAD_BYTES, promised, sniff
from picsync.media.instants import instant
from picsync.sources.base import Sink
from picsync.sources.immich.options import Rendition
from picsync.sources.immich.wire import AssetWire

KINDS = {"IMAGE": MediaKind.PHOTO, "VIDEO": MediaKind.VIDEO}
"""By asset type; other types are skipped."""

SHOWABLE = frozenset({"image/jpeg", "image/png", "image/tiff", "image/heic", "image/heif", "video/mp4", ""})
"""What `auto` downloads unchanged: formats that frames are known to show, and unknown formats."""

PREVIEW = "thumbnail?size=preview&edited=true"
THUMBNAIL = "thumbnail?size=thumbnail&edited=true"
EDITED = "original?edited=true"
ORIGINAL = "original"
PLAYBACK = "video/playback"
"""Suffix of an asset's path. Without `edited=true`, Immich returns a picture without its edits."""


def media_item(source: str, asset: AssetWire, wanted: Rendition, *, through: str) -> MediaItem:
    """Return an asset as a media item.

    `through` names the API that leads to it. The item's `url` consists of that name, the path, and the path
    of a conversion that may replace the original: Immich derives the format from the file name alone.
    """
    mime_type = (asset.original_mime_type or promised(asset.original_file_name) or "").lower()
    path = _path(asset, wanted, mime_type)
    instead = PLAYBACK if asset.type == "VIDEO" else PREVIEW
    ways = [path, instead] if wanted is Rendition.AUTO and path in (ORIGINAL, EDITED) else [path]
    return MediaItem(
        source,
        asset.id,
        _version(asset, path),
        kind=KINDS[asset.type],
        mime_type=mime_type if path == ORIGINAL else "video/mp4" if path == PLAYBACK else "",
        filename=asset.original_file_name,
        taken_at=instant(asset.file_created_at or asset.local_date_time),
        facts=_facts(asset),
        url=" ".join([through, *(f"/assets/{asset.id}/{way}" for way in ways)]),
    )


def _facts(asset: AssetWire) -> Facts:
    exif = asset.exif_info
    return facts(
        _number(asset.width),
        _number(asset.height),
        rating=None if exif is None else _number(exif.rating) or 0,
        favorite=asset.is_favorite,
    )


def _number(value: object) -> int | None:
    # Not a boolean, which Python counts as a number, nor NaN.
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    return int(value) if known and isinstance(value, int | float) else None


def _path(asset: AssetWire, wanted: Rendition, mime_type: str) -> str:
    if wanted is Rendition.PREVIEW or (wanted is Rendition.AUTO and mime_type not in SHOWABLE):
        return PLAYBACK if asset.type == "VIDEO" else PREVIEW
    return EDITED if asset.is_edited and wanted is not Rendition.ORIGINAL else ORIGINAL


def _version(asset: AssetWire, path: str) -> str:
    modified_at = instant(asset.file_modified_at)
    at = "" if modified_at is None else f"@{round(modified_at.timestamp() * 1000)}"
    # A link without metadata provides neither; then the thumbnail hash has to do.
    content = f"{asset.checksum}{at}" if asset.checksum else f"looks:{asset.thumbhash or ''}"
    match path:
        case "original":
            return content
        case "video/playback":
            return f"playback:{content}"
    return f"{'edited' if path == EDITED else 'preview'}:{asset.thumbhash or ''}:{content}"


class WatchedSink:
    """A sink that keeps the first bytes, to detect their format."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._head = b""

    @property
    def showable(self) -> bool:
        """Whether `auto` takes the bytes unchanged; bytes that are not a picture or video are not judged."""
        return (sniff(self._head) or "") in SHOWABLE

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        """Discard the bytes received so far."""
        self._head = b""
        await self._sink.begin(size_bytes, mime_type)

    async def write(self, chunk: bytes) -> None:
        """Append bytes."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        await self._sink.write(chunk)
