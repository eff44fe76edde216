"""Sends the file of a picture: conditional requests, ranges, and clients that read slowly."""

from __future__ import annotations

import asyncio
import re
from typing import BinaryIO

from aiohttp import web

from picsync.frames.web.frame import ShownPhoto, WebFrame

CHUNK_BYTES = 64 * 1024
"""What is in memory for one reader at a time."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_ETAGS = re.compile(r'(?:W/)?("[^"]*")')


async def send_picture(request: web.Request, frame: WebFrame, photo: ShownPhoto) -> web.StreamResponse:
    """Answer with a picture, whose URL never has another content. 404 if its file is gone."""
    etag = f'"{photo.digest.hex}"'
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",
        "ETag": etag,
        "Accept-Ranges": "bytes",
    }
    if _matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    try:
        file = await asyncio.to_thread(frame.open, photo)
    except OSError:
        return web.Response(status=404, text="This photo is no longer on the frame.\n")
    try:
        return await _send(request, file, photo, headers)
    finally:
        file.close()


async def _send(
    request: web.Request, file: BinaryIO, photo: ShownPhoto, headers: dict[str, str]
) -> web.StreamResponse:
    size = photo.size_bytes
    asked = request.headers.get("Range")
    if asked is not None and request.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
        asked = None
    part = byte_range(asked, size)
    if part is None:
        headers = {**headers, "Content-Range": f"bytes */{size}", "Cache-Control": "no-store"}
        return web.Response(status=416, headers=headers)
    start, stop = part
    whole = (start, stop) == (0, size)
    if not whole:
        headers = {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    response = web.StreamResponse(status=200 if whole else 206, headers=headers)
    response.content_type = photo.mime_type
    response.content_length = stop - start
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    at = start
    while at < stop:
        chunk = await asyncio.to_thread(_read, file, at, min(CHUNK_BYTES, stop - at))
        if not chunk:
            # The file became shorter. The client notices that the response is incomplete.
            if request.transport is not None:
                request.transport.abort()
            break
        await response.write(chunk)
        at += len(chunk)
    return response


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def byte_range(text: str | None, size: int) -> tuple[int, int] | None:
    """Return the part that a `Range` asks for, as start and stop; everything if it is none, or several.

    None if it asks for nothing that exists.
    """
    found = _RANGE.fullmatch(text.replace(" ", "")) if text else None
    if found is None or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        last = min(int(found[2]), size)
        return (size - last, size) if last else None
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return 0, size  # Invalid, so it is to be ignored.
    return (start, min(int(found[2]) + 1, size) if found[2] else size) if start < size else None


def _matches(header: str | None, etag: str) -> bool:
    return header is not None and (header.strip() == "*" or etag in _ETAGS.findall(header))
