"""The service's JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from picsync.emulators.nixplay.options import OnFrames
from picsync.emulators.nixplay.state import Album, Frame, Photo, Playlist, PlaylistItem

Url = Callable[[Photo], str]
"""Creates the URL under which the calling client can download a photo's bytes."""


def album_json(album: Album, photo_count: int, url: Url) -> dict[str, Any]:
    """Return an album as in the listing."""
    cover = next(reversed(album.photos.values()), None)
    src = [] if cover is None else [url(cover)]
    return {
        "id": album.album_id,
        "title": album.name,
        "photo_count": photo_count,
        "album_type": album.kind,
        "dateCreated": f"{datetime.fromtimestamp(album.created_at, UTC):%d/%b/%Y}",
        "cover_urls": src,
        "thumbs": [{"src": each, "rotation": 0, "orientation": 1} for each in src],
        "published": True,
        "allow_upload": True,
        "allow_delete": album.deletable,
        "allow_delete_pictures": True,
        "allow_reorder": True,
        "is_updated": False,
        "pending_album_id": None,
        "picture_storage_type": "s3",
        "email": "",
    }


def photo_json(photo: Photo, url: Url) -> dict[str, Any]:
    """Return a photo as in the album's pages, without its size."""
    src = url(photo)
    return {
        "id": photo.photo_id,
        "albumId": photo.album_id,
        "filename": photo.filename,
        "md5": photo.md5,
        "caption": photo.caption,
        "url": src,
        "originalUrl": src,
        "previewUrl": src,
        "thumbnailUrl": src,
        "microThumbnailUrl": src,
        "s3filename": photo.key,
        "sortDate": f"{datetime.fromtimestamp(photo.added_at, UTC):%Y%m%d%H%M%S}",
        "orientation": 1,
        "rotation": 0,
        "rotation_allowed": True,
        "published": True,
        "source_id": "unused",
    }


def playlist_json(
    playlist: Playlist, picture_count: int, url: Url, on_frames: OnFrames = OnFrames.OBJECTS
) -> dict[str, Any]:
    """Return a playlist as in the listing; `cover_urls` is a string that contains JSON."""
    updated = _iso(playlist.updated_at)
    shown_on: dict[str, Any] = {"on_scheduled_frames": []}
    match on_frames:
        case OnFrames.OBJECTS:
            shown_on["on_frames"] = [_frame(frame) for frame in playlist.frames]
        case OnFrames.NUMBERS:
            shown_on["on_frames"] = [frame.pk for frame in playlist.frames]
        case OnFrames.NAMES:
            shown_on["on_frames"] = [frame.name for frame in playlist.frames]
        case OnFrames.ABSENT:
            shown_on = {}
    return {
        "id": playlist.playlist_id,
        "name": playlist.name,
        "playlist_name": playlist.name,
        "picture_count": picture_count,
        "version": playlist.version,
        "cover_urls": json.dumps([url(photo) for photo in playlist.photos()[:1]]),
        "duration": -1,
        "transition": "",
        "converted": True,
        "type": "normal",
        "created_date": _iso(playlist.created_at),
        "last_updated_date": updated,
        "member_last_updated_date": updated,
        "config_file": f"playlist/{playlist.playlist_id}.json",
        "upload_key": f"playlist-{playlist.playlist_id}",
        **shown_on,
        "sharing": {},
    }


def slide_json(item: PlaylistItem, url: Url) -> dict[str, Any]:
    """Return a playlist's item, without digest and file name."""
    content = item.content
    if isinstance(content, Photo):
        photo_id, caption, orientation = content.photo_id, content.caption, 1
        original = thumbnail = url(content)
    else:
        photo_id, caption, orientation = None, content.caption, content.orientation
        original, thumbnail = content.photo_url, content.thumbnail_url
    is_video = isinstance(content, Photo) and content.file_type.startswith("video/")
    return {
        "playlistItemId": item.item_id,
        "dbId": photo_id,
        "originalUrl": original,
        "previewUrl": original,
        "thumbnailUrl": thumbnail,
        "mediaItemId": f"m{item.item_id}",
        "mediaType": "video" if is_video else "photo",
        "caption": caption,
        "orientation": orientation,
        "rotation": 0,
        "timestamp": int(item.added_at * 1000),
    }


def frame_json(frame: Frame, number: str) -> dict[str, Any]:
    """Return a frame as in the listing, with its number in the field of that name."""
    both = _frame(frame) if number == "framePk" else {}
    return {**both, "name": frame.name, "serial_number": frame.serial_number, number: frame.pk}


def frame_status_json(frame: Frame, now: float) -> dict[str, Any]:
    """Return a frame's connection status; times in milliseconds."""
    return {
        "framePk": frame.pk,
        "frameId": frame.serial_number,
        "connected": True,
        "compatibility": True,
        "lastSeen": int(now * 1000),
        "lastConnected": int(now * 1000),
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {"pk": frame.pk, "name": frame.name, "serial_number": frame.serial_number}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
