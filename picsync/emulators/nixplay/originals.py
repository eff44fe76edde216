"""The bucket of originals: photo URLs, signed for GET only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aiohttp import web

from picsync.emulators.nixplay.hosts import ORIGINALS, bucket
from picsync.emulators.nixplay.parts import Parts
from picsync.emulators.nixplay.signing import s3_answer
from picsync.emulators.nixplay.state import Photo
from picsync.emulators.service import params

_CHUNK_BYTES = 64 * 2**10


class Originals:
    """Serves the bytes of photos as they were uploaded."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the bucket."""
        return (web.route("*", "/{key:.*}", self._get),)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        key = params(request)["key"]
        problem = self._parts.signer.query_problem(request, bucket(ORIGINALS), key)
        if problem is not None:
            return problem.response()
        photos = self._parts.state.by_key.get(key)
        if not photos:
            return s3_answer(404, "NoSuchKey", "The specified key does not exist.").response()
        photo = next(iter(photos.values()))
        return await _send(request, photo)


async def _send(request: web.Request, photo: Photo) -> web.StreamResponse:
    wanted = _range(request)
    start, stop, _ = (wanted or slice(None)).indices(photo.size_bytes)
    if start >= stop:
        return s3_answer(416, "InvalidRange", "The requested range is not satisfiable").response()
    headers = {"Content-Type": photo.file_type, "ETag": f'"{photo.md5}"', "Accept-Ranges": "bytes"}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{photo.size_bytes}"
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
    response.content_length = stop - start
    await response.prepare(request)
    for chunk in _chunks(photo.path, start, stop):
        await response.write(chunk)
    return response


def _range(request: web.Request) -> slice | None:
    try:
        wanted = request.http_range
    except ValueError:
        # S3 ignores an invalid range and returns the whole object.
        return None
    return None if wanted == slice(None, None, 1) else wanted


def _chunks(path: Path, start: int, stop: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < stop and (chunk := file.read(min(_CHUNK_BYTES, stop - start))):
            start += len(chunk)
            yield chunk
