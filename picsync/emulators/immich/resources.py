"""Assets, albums and other objects as JSON, in the format of each version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from picsync.emulators.immich.library import (
    Album,
    ApiKey,
    Asset,
    Library,
    Person,
    SharedLink,
    Tag,
    User,
)
from picsync.emulators.immich.options import V3_3, ImmichOptions

_FILM_MS = 12_340


def instant(at: float) -> str:
    """Return a time in Immich's format: milliseconds and `Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def asset_json(
    asset: Asset, options: ImmichOptions, *, exif: bool = False, people: Iterable[Person] = ()
) -> dict[str, Any]:
    """Return an asset with everything that its owner may see; `people` are those shown in it."""
    taken, modified = instant(asset.taken_at), instant(asset.modified_at)
    body: dict[str, Any] = {
        "id": asset.asset_id,
        "type": asset.type,
        "checksum": asset.checksum,
        "originalFileName": asset.filename,
        "originalMimeType": asset.mime_type,
        "originalPath": asset.path,
        "fileCreatedAt": taken,
        "localDateTime": taken,
        "fileModifiedAt": modified,
        "createdAt": modified,
        "updatedAt": instant(asset.updated_at),
        "ownerId": asset.owner.user_id,
        "libraryId": asset.library_id,
        "isFavorite": asset.favorite,
        "isArchived": asset.visibility == "archive",
        "isTrashed": asset.trashed,
        "isOffline": asset.offline,
        "isEdited": asset.edited is not None,
        "visibility": asset.visibility,
        "hasMetadata": True,
        "resized": True,
        "width": asset.width or None,
        "height": asset.height or None,
        "duration": duration(asset, options),
        "thumbhash": asset.thumbhash if options.now() >= asset.ready_at else None,
        "livePhotoVideoId": asset.motion_id,
        "duplicateId": None,
        "people": [person_json(person, options) | _faces(options) for person in people],
    }
    if not options.strict:
        body |= {"deviceAssetId": f"{asset.filename}-1", "deviceId": "phone"}
    if exif:
        body["exifInfo"] = {
            "description": asset.description,
            "rating": asset.rating,
            "fileSizeInByte": asset.content.size,
            "dateTimeOriginal": taken,
            "exifImageWidth": asset.width or None,
            "exifImageHeight": asset.height or None,
            "country": asset.country,
            "state": asset.state,
            "city": asset.city,
            "make": asset.make,
            "model": asset.model,
            "lensModel": asset.lens_model,
            "timeZone": "UTC",
        }
    return body


def whole_asset_json(asset: Asset, options: ImmichOptions, library: Library) -> dict[str, Any]:
    """Return an asset in the format of its own call, with all details."""
    body = asset_json(asset, options, exif=True, people=library.shown_people(asset))
    tags = [tag_json(tag) for tag in library.shown_tags(asset)]
    faces: dict[str, Any] = {} if options.strict else {"unassignedFaces": []}
    return body | {"owner": user_json(asset.owner), "tags": tags, "stack": None} | faces


def stripped_json(asset: Asset, options: ImmichOptions) -> dict[str, Any]:
    """Return an asset as a shared link without metadata shows it."""
    whole = asset_json(asset, options)
    kept = ("id", "type", "originalMimeType", "thumbhash", "localDateTime", "duration", "livePhotoVideoId")
    return {name: whole[name] for name in (*kept, "width", "height")} | {"hasMetadata": False}


def duration(asset: Asset, options: ImmichOptions) -> str | int | None:
    """Return a video's length: before 3.0 a text, which pictures have too; later milliseconds."""
    if options.strict:
        return _FILM_MS if asset.type == "VIDEO" else None
    return "0:00:12.34000" if asset.type == "VIDEO" else "0:00:00.00000"


def _faces(options: ImmichOptions) -> dict[str, Any]:
    """Return the additional fields of a person in a picture: before 3.0, the faces."""
    return {} if options.strict else {"faces": []}


def user_json(user: User) -> dict[str, Any]:
    """Return a user."""
    return {
        "id": user.user_id,
        "name": user.name,
        "email": user.email,
        "avatarColor": "primary",
        "profileImagePath": "",
        "profileChangedAt": instant(user.created_at),
    }


def key_json(key: ApiKey) -> dict[str, Any]:
    """Return an API key without its secret."""
    made = instant(key.created_at)
    return {
        "id": key.key_id,
        "name": key.name,
        "permissions": sorted(key.permissions),
        "createdAt": made,
        "updatedAt": made,
    }


def album_json(album: Album, options: ImmichOptions, links: Iterable[SharedLink]) -> dict[str, Any]:
    """Return an album; its count excludes assets in the trash, hidden or locked."""
    shown = album.shown()
    taken = [asset.taken_at for asset in shown]
    linked = any(link.album is album for link in links)
    body: dict[str, Any] = {
        "id": album.album_id,
        "albumName": album.name,
        "description": "",
        "createdAt": instant(album.created_at),
        "updatedAt": instant(album.updated_at),
        "albumThumbnailAssetId": shown[0].asset_id if shown else None,
        "assetCount": len(shown),
        "shared": bool(album.members) or linked,
        "hasSharedLink": linked,
        "isActivityEnabled": True,
        "order": "desc",
    }
    if taken:
        body |= {
            "startDate": instant(min(taken)),
            "endDate": instant(max(taken)),
            "lastModifiedAssetTimestamp": instant(max(asset.updated_at for asset in shown)),
        }
    members = [{"role": "editor", "user": user_json(user)} for user in album.members]
    if options.strict:
        body["albumUsers"] = [{"role": "owner", "user": user_json(album.owner)}, *members]
    else:
        body |= {
            "albumUsers": members,
            "owner": user_json(album.owner),
            "ownerId": album.owner.user_id,
            "assets": [],
        }
    return body


def person_json(person: Person, options: ImmichOptions) -> dict[str, Any]:
    """Return a person; since 3.3 with the users that it is shared with."""
    sharing = ("otherPeople", "sharedBy", "sharedWith") if options.version >= V3_3 else ()
    return {name: [] for name in sharing} | {
        "id": person.person_id,
        "name": person.name,
        "birthDate": None,
        "thumbnailPath": f"/data/thumbs/{person.person_id}.jpeg",
        "isHidden": person.hidden,
        "isFavorite": False,
        "updatedAt": instant(person.created_at),
    }


def tag_json(tag: Tag) -> dict[str, Any]:
    """Return a tag."""
    made = instant(tag.created_at)
    name = tag.value.rpartition("/")[2]
    return {"id": tag.tag_id, "name": name, "value": tag.value, "createdAt": made, "updatedAt": made}


def link_json(link: SharedLink, options: ImmichOptions, links: Iterable[SharedLink]) -> dict[str, Any]:
    """Return a shared link as a visitor sees it; an album's assets are not included."""
    body: dict[str, Any] = {
        "id": link.link_id,
        "key": link.key,
        "slug": link.slug,
        "type": "ALBUM" if link.album else "INDIVIDUAL",
        "assets": [link_asset_json(asset, link, options) for asset in link.assets if not asset.trashed],
        "description": None,
        "password": None,
        "expiresAt": None if link.expires_at is None else instant(link.expires_at),
        "allowDownload": link.allow_download,
        "allowUpload": False,
        "showMetadata": link.show_metadata,
        "createdAt": instant(link.created_at),
        "userId": link.owner.user_id,
    }
    return body | ({"album": album_json(link.album, options, links)} if link.album else {})


def link_asset_json(
    asset: Asset, link: SharedLink, options: ImmichOptions, *, exif: bool = False
) -> dict[str, Any]:
    """Return an asset as far as the link shows it."""
    return asset_json(asset, options, exif=exif) if link.show_metadata else stripped_json(asset, options)
