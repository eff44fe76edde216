"""Sends bytes, or the part that a `Range` header asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from aiohttp import web

from picsync.emulators.google.content import Content

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


async def send(
    request: web.Request, content: Content, headers: Mapping[str, str], *, ranges: bool = True
) -> web.StreamResponse:
    """Send the content with these headers; with `ranges`, or the requested range of it."""
    size = content.size
    begin, end, status = 0, size, 200
    match = _RANGE.fullmatch(request.headers.get("Range", "")) if ranges else None
    if match is not None and any(match.groups()):
        first, last = match.groups()
        begin = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        status = 206
        if begin >= end:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = end - begin
    if ranges:
        response.headers["Accept-Ranges"] = "bytes"
    if status == 206:
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    await response.prepare(request)
    if request.method != "HEAD":
        for piece in _slice(content.chunks(), begin, end):
            await response.write(piece)
    return response


def _slice(chunks: Iterator[bytes], begin: int, end: int) -> Iterator[bytes]:
    position = 0
    for chunk in chunks:
        if piece := chunk[max(0, begin - position) : max(0, end - position)]:
            yield piece
        position += len(chunk)
        if position >= end:
            return
