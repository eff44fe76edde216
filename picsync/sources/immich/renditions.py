"""Which bytes an asset is downloaded as, and the version that goes with them.

A version names the content, never the bytes of a conversion: Immich makes previews again when its settings
change, and that is no edit. `checksum` is the SHA-1 of the original, but in an external library of its path
alone; the file's time goes with it, so that an edit in place shows there, too. `thumbhash` changes with what
the picture looks like, crop and rotation in Immich included.
"""

from __future__ import annotations

from picsync.core.model import MediaItem, MediaKind
from picsync.media.formats import HEAD_BYTES, promised, sniff
from picsync.media.instants import instant
from picsync.sources.base import Sink
from picsync.sources.immich.options import Wanted
from picsync.sources.immich.wire import AssetWire

KINDS = {"IMAGE": MediaKind.PHOTO, "VIDEO": MediaKind.VIDEO}
"""By the type of an asset; of other types nothing is wanted."""

SHOWABLE = frozenset({"image/jpeg", "image/png", "image/tiff", "image/heic", "image/heif", "video/mp4", ""})
"""What `auto` takes as it is: what frames are known to show, and what Immich does not tell."""

PREVIEW = "thumbnail?size=preview&edited=true"
EDITED = "original?edited=true"
ORIGINAL = "original"
PLAYBACK = "video/playback"
"""What follows an asset's address. Unless it is asked for, Immich gives a picture without its edits."""


def media_item(source: str, asset: AssetWire, wanted: Wanted, *, through: str) -> MediaItem:
    """Return an asset as the rest of picsync speaks of it.

    `through` names the API that leads to it; with the path it is the item's `url`, and with the path of a
    conversion if that may take the original's place: Immich tells the format from the file's name alone.
    """
    mime_type = (asset.original_mime_type or promised(asset.original_file_name) or "").lower()
    path = _path(asset, wanted, mime_type)
    instead = PLAYBACK if asset.type == "VIDEO" else PREVIEW
    ways = [path, instead] if wanted is Wanted.AUTO and path in (ORIGINAL, EDITED) else [path]
    return MediaItem(
        source,
        asset.id,
        _version(asset, path),
        kind=KINDS[asset.type],
        mime_type=mime_type if path == ORIGINAL else "video/mp4" if path == PLAYBACK else "",
        filename=asset.original_file_name,
        taken_at=instant(asset.file_created_at or asset.local_date_time),
        url=" ".join([through, *(f"/assets/{asset.id}/{way}" for way in ways)]),
    )


def _path(asset: AssetWire, wanted: Wanted, mime_type: str) -> str:
    if wanted is Wanted.PREVIEW or (wanted is Wanted.AUTO and mime_type not in SHOWABLE):
        return PLAYBACK if asset.type == "VIDEO" else PREVIEW
    return EDITED if asset.is_edited and wanted is not Wanted.ORIGINAL else ORIGINAL


def _version(asset: AssetWire, path: str) -> str:
    modified_at = instant(asset.file_modified_at)
    at = "" if modified_at is None else f"@{round(modified_at.timestamp() * 1000)}"
    # A link that shows no metadata tells neither; then the looks have to do.
    content = f"{asset.checksum}{at}" if asset.checksum else f"looks:{asset.thumbhash or ''}"
    match path:
        case "original":
            return content
        case "video/playback":
            return f"playback:{content}"
    return f"{'edited' if path == EDITED else 'preview'}:{asset.thumbhash or ''}:{content}"


class WatchedSink:
    """A sink that keeps the first bytes, to see what they are."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._head = b""

    @property
    def showable(self) -> bool:
        """Whether `auto` takes the bytes as they are; what is no picture or video at all is not judged."""
        return (sniff(self._head) or "") in SHOWABLE

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        """Forget what came so far."""
        self._head = b""
        await self._sink.begin(size_bytes, mime_type)

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        await self._sink.write(chunk)
