"""Metadata and bytes of single files."""

from __future__ import annotations

import asyncio
import base64
import io
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from PIL import Image, ImageOps, UnidentifiedImageError

from picsync.emulators.dropbox.arguments import FLAG, TEXT, list_of, pattern, struct, union, within
from picsync.emulators.dropbox.calls import CONTENT, Asked, Call, Style, answered, result_header
from picsync.emulators.dropbox.errors import DropboxError, malformed, refused, tagged
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.paths import REVISION, problem
from picsync.emulators.dropbox.resources import deleted_json, metadata_json, time_json, untagged
from picsync.emulators.dropbox.sharing import Sharing
from picsync.emulators.dropbox.tree import Entry, File
from picsync.emulators.google import ranges
from picsync.emulators.google.content import BytesContent, dimensions, read_all
from picsync.emulators.service import params

LINK_HOST = "uc0000000000.dl.dropboxusercontent.com"
LINK_LIFE_S = 4 * 3600
MAX_THUMBNAIL_BYTES = 20 * 2**20
_SUFFIXES = frozenset({"jpg", "jpeg", "png", "tiff", "tif", "gif", "webp", "ppm", "bmp"})
_SIZES = ("w32h32", "w64h64", "w128h128", "w256h256", "w480h320", "w640h480", "w960h640", "w1024h768",
          "w2048h1536")  # fmt: skip
_THUMBNAIL = {
    "format": union("jpeg", "png", "webp"),
    "size": union(*_SIZES),
    "mode": union("strict", "bestfit", "fitone_bestfit", "original"),
}
_SCOPE = "files.content.read"


class Files:
    """The calls about single files."""

    def __init__(self, options: DropboxOptions, sharing: Sharing) -> None:
        self._options = options
        self._sharing = sharing
        self._links: dict[str, tuple[File, float]] = {}

    def calls(self) -> Sequence[Call]:
        """Return the calls."""
        path = {"path!": pattern(REVISION)}
        metadata = {
            **path,
            "include_media_info": FLAG,
            "include_deleted": FLAG,
            "include_has_explicit_shared_members": FLAG,
        }
        link = struct({"url!": TEXT, "path": TEXT, "password": TEXT})
        thumbnail = {
            **_THUMBNAIL,
            "resource!": union(path=pattern(REVISION), link=link),
            "exclude_media_info": FLAG,
            "preserve_transparency": FLAG,
        }
        batch = struct({**path, **_THUMBNAIL})
        read = "files.metadata.read"
        return (
            Call(name="files/get_metadata", handle=self.metadata, scope=read, fields=metadata),
            Call(
                name="files/list_revisions", handle=self.revisions, scope=read,
                fields={
                    **path, "mode": union("path", "id"), "limit": within(1, 100), "before_rev": TEXT,
                    "include_restorable_info": FLAG,
                },
            ),
            Call(
                name="files/download", handle=self.download, scope=_SCOPE, fields={**path, "rev": TEXT},
                host=CONTENT, style=Style.DOWNLOAD,
            ),
            Call(name="files/get_temporary_link", handle=self.temporary_link, scope=_SCOPE, fields=path),
            Call(
                name="files/get_thumbnail", handle=self.thumbnail, scope=_SCOPE, host=CONTENT,
                fields={**path, **_THUMBNAIL}, style=Style.DOWNLOAD,
            ),
            Call(
                name="files/get_thumbnail_v2", handle=self.thumbnail_v2, scope=_SCOPE, host=CONTENT,
                fields=thumbnail, style=Style.DOWNLOAD, app_auth=True,
            ),
            Call(
                name="files/get_thumbnail_batch", handle=self.thumbnails, scope=_SCOPE, host=CONTENT,
                fields={"entries!": list_of(batch, 25)},
            ),
        )  # fmt: skip

    def link_routes(self) -> list[web.RouteDef]:
        """Return the routes of the host of temporary links."""
        return [web.get("/cd/0/get/{token}/file", answered(self._linked))]

    async def metadata(self, asked: Asked) -> Any:
        """Describe a file or folder."""
        argument, view = asked.argument, asked.caller.view
        path = argument["path"]
        if path == "":
            raise malformed("files/get_metadata", "request body: path: The root folder is unsupported.")
        if path.startswith("rev:"):
            return metadata_json(self._file(asked, path), view, self._options)
        place = view.resolve(path)
        wrong = problem(place) if place else None
        if wrong is not None:
            raise refused("path", str(wrong[".tag"]))
        entry = None if place is None else view.tree.find(place)
        if entry is None:
            gone = None if place is None else view.tree.deleted.get(place.lower())
            if argument.get("include_deleted") and gone is not None:
                return deleted_json(gone, view)
            raise refused("path", "not_found")
        body = metadata_json(entry, view, self._options)
        if argument.get("include_media_info") and isinstance(entry, File):
            body |= _media_info(entry)
        return body

    async def revisions(self, asked: Asked) -> Any:
        """List the revisions of a path, the newest first."""
        view = asked.caller.view
        place = view.resolve(asked.argument["path"])
        if place is None:
            raise refused("path", "not_found")
        entry = view.tree.find(place)
        known = [file for key, file in view.tree.revisions.values() if key == place.lower()]
        if not known:
            raise refused("path", "not_found" if entry is None else "not_file")
        entries = [untagged(metadata_json(each, view, self._options)) for each in reversed(known)]
        limit = asked.argument.get("limit", 10)
        return {"is_deleted": entry is None, "entries": entries[:limit], "has_more": len(entries) > limit}

    async def download(self, asked: Asked) -> Any:
        """Send a file's bytes."""
        argument = asked.argument
        path = f"rev:{argument['rev']}" if "rev" in argument else argument["path"]
        file = self._file(asked, path)
        tag = f'W/"{file.rev}"'
        if asked.request.method == "GET" and asked.request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        body = untagged(metadata_json(file, asked.caller.view, self._options))
        headers = {"Content-Type": "application/octet-stream", "ETag": tag, **result_header(body)}
        return await ranges.send(asked.request, file.content, headers)

    async def temporary_link(self, asked: Asked) -> Any:
        """Return an address that needs no login."""
        file = self._file(asked, asked.argument["path"])
        token = secrets.token_urlsafe(48)
        self._links[token] = (file, self._options.now() + LINK_LIFE_S)
        metadata = untagged(metadata_json(file, asked.caller.view, self._options))
        return {"metadata": metadata, "link": f"https://{LINK_HOST}/cd/0/get/{token}/file"}

    async def thumbnail(self, asked: Asked) -> Any:
        """Send a small version of a picture."""
        file = self._file(asked, asked.argument["path"])
        data = await self._thumbnail(file, asked.argument)
        body = untagged(metadata_json(file, asked.caller.view, self._options))
        return web.Response(
            body=data, headers={"Content-Type": "application/octet-stream", **result_header(body)}
        )

    async def thumbnail_v2(self, asked: Asked) -> Any:
        """Send a small version of a picture, also of one behind a shared link."""
        resource = asked.argument["resource"]
        if resource[".tag"] == "path":
            file = self._file(asked, resource["path"])
            result = {"file_metadata": metadata_json(file, asked.caller.view, self._options)}
        else:
            file = self._linked_file(resource["link"])
            result = {"link_metadata": {"url": resource["link"]["url"], "id": file.entry_id, "rev": file.rev}}
        data = await self._thumbnail(file, asked.argument)
        return web.Response(
            body=data, headers={"Content-Type": "application/octet-stream", **result_header(result)}
        )

    async def thumbnails(self, asked: Asked) -> Any:
        """Return small versions of several pictures."""
        entries: list[dict[str, Any]] = []
        for one in asked.argument["entries"]:
            try:
                file = self._file(asked, one["path"])
                data = await self._thumbnail(file, one)
            except DropboxError as error:
                entries.append({".tag": "failure", "failure": error.error})
                continue
            metadata = untagged(metadata_json(file, asked.caller.view, self._options))
            entries.append(
                {".tag": "success", "metadata": metadata, "thumbnail": base64.b64encode(data).decode()}
            )
        return {"entries": entries}

    async def _linked(self, request: web.Request) -> web.StreamResponse:
        file, expires_at = self._links.get(params(request)["token"], (None, 0.0))
        if file is None or expires_at <= self._options.now():
            raise DropboxError(410, text="This link has expired.")
        return await ranges.send(request, file.content, {"Content-Type": "application/octet-stream"})

    def _file(self, asked: Asked, path: str) -> File:
        view = asked.caller.view
        entry: Entry | None
        if path.startswith("rev:"):
            _, entry = view.tree.revisions.get(path[4:], ("", None))
            if entry is not None and not view.contains(entry):
                entry = None
        else:
            place = view.resolve(path)
            wrong = problem(place) if place else None
            if wrong is not None:
                raise refused("path", str(wrong[".tag"]))
            entry = None if place is None else view.tree.find(place)
        if entry is None:
            raise refused("path", "not_found")
        if not isinstance(entry, File):
            raise refused("path", "not_file")
        return entry

    def _linked_file(self, resource: Mapping[str, Any]) -> File:
        link = self._sharing.find(resource["url"])
        if link is None or not link.is_alive(self._options.now()):
            raise refused("not_found")
        if not link.opens(resource.get("password", "")):
            raise refused("access_denied")
        entry: Entry | None = link.entry
        view = link.view()
        if view is not None:
            place = view.resolve(resource.get("path", ""))
            entry = None if place is None else view.tree.find(place)
        if not isinstance(entry, File):
            raise refused("not_found")
        return entry

    async def _thumbnail(self, file: File, wanted: Mapping[str, Any]) -> bytes:
        suffix = file.name.rpartition(".")[2].lower()
        if suffix not in _SUFFIXES:
            raise refused("unsupported_extension")
        if file.size > MAX_THUMBNAIL_BYTES:
            raise refused("unsupported_image")
        size = wanted.get("size", {}).get(".tag", "w64h64")
        width, height = (int(each) for each in size[1:].split("h"))
        kind = wanted.get("format", {}).get(".tag", "jpeg")
        try:
            return await asyncio.to_thread(_reduced, read_all(file.content), (width, height), kind)
        except (UnidentifiedImageError, OSError, ValueError):
            raise refused("conversion_error") from None


def _reduced(data: bytes, box: tuple[int, int], kind: str) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    image.thumbnail(box)
    out = io.BytesIO()
    image.save(out, kind.upper())
    return out.getvalue()


def _media_info(file: File) -> dict[str, Any]:
    width, height = dimensions(BytesContent(read_all(file.content)))
    if not width:
        return {"media_info": tagged("pending")}
    photo = {
        ".tag": "photo",
        "dimensions": {"height": height, "width": width},
        "time_taken": time_json(file.client_modified),
    }
    return {"media_info": {".tag": "metadata", "metadata": photo}}
