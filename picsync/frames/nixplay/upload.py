"""Uploads one file to Nixplay: token, permission, S3, and the monitor's confirmation.

A token is requested for the number of upcoming photos, and is used for no more. One client's code says that
the service does not enforce the number, which nobody else has confirmed. A token that is refused earlier is
replaced.

A duplicate is recognised by the monitor's 400 whose text begins with `Error: image-exists` (observed). The
response for full storage is not known: status 402 or 507, or a refusal that mentions quota, storage or space,
counts as such. Other refusals concern this file only. It counts as unusable, and is not retried soon, only if
the service blames the bytes or their type: a 400 for the type (observed), a 400 of the monitor that names the
image, or S3's EntityTooLarge. An HTML page comes from a proxy and says nothing about the file.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import field
from pathlib import PurePosixPath

from picsync.core.errors import (
    ItemError,
    LoginNeeded,
    PicsyncError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.core.model import FrameAlbum
from picsync.core.values import dataclass
from picsync.frames.base import AlreadyThere, Rendition, Uploaded, UploadResult
from picsync.frames.nixplay import wire
from picsync.frames.nixplay.client import NixplayClient
from picsync.http.pace import ConcurrencyLimit
from picsync.http.retry import Answer, WireError

MAX_NAME_BYTES = 255

SEND_ATTEMPTS = 2
"""Maximum number of permission requests per file."""

SMALLER_TOTAL = 20
"""Photos per token if the service refuses one for more; a client was observed to upload as many at once."""

TYPES = frozenset({"image/jpeg", "image/png", "image/tiff", "image/heic", "video/mp4"})
"""The types that the service accepts (observed)."""

_EXISTS = "Error: image-exists"
_FULL_STATUSES = (402, 507)
_FILE = re.compile(r"image|photo|picture|video|file|type|format", re.IGNORECASE)
_TYPE = re.compile(r"type", re.IGNORECASE)

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\U00010000-\U0010ffff/\\\\]")
"""Control characters, line ends and path separators; and what some services reject in names, such as emoji.
"""
_EXTENSIONS = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/tiff": (".tif", ".tiff"),
    "image/heic": (".heic", ".heif"),
    "video/mp4": (".mp4", ".m4v"),
}
"""By type; the first one is appended to names that have none of them."""
_REPLACED = frozenset({*sum(_EXTENSIONS.values(), ()), ".gif", ".webp", ".avif", ".bmp", ".dng", ".mov"})


def file_type(mime_type: str) -> str:
    """Return Nixplay's name of a type: HEIF pictures are sent as `image/heic`."""
    return "image/heic" if mime_type == "image/heif" else mime_type


def safe_name(filename: str, mime_type: str) -> str:
    """Return a file name for the service: one path segment of at most 255 bytes with a matching extension."""
    stem, suffix = _UNSAFE.sub("_", filename).strip(" ."), ""
    if fitting := _EXTENSIONS.get(file_type(mime_type)):
        given = PurePosixPath(stem).suffix
        suffix = given if given.lower() in fitting else fitting[0]
        stem = stem.removesuffix(given) if given.lower() in _REPLACED else stem
    room = MAX_NAME_BYTES - len(suffix)
    return (stem or "photo").encode()[:room].decode(errors="ignore") + suffix


@dataclass(slots=True, eq=False)
class _Token:
    """An upload token of the service."""

    text: str = field(repr=False)
    total: int
    """How many photos it was requested for."""
    used: int = 0
    """For how many it has been used."""


class Uploader:
    """Uploads renditions to albums; safe for concurrent use."""

    def __init__(self, client: NixplayClient, sending: ConcurrencyLimit) -> None:
        """Use `sending` to limit how many photos may be between permission and their last byte."""
        self._client = client
        self._sending = sending
        self._tokens: dict[str, _Token] = {}
        """By album ID; some may have no uses left."""
        self._unprepared: dict[str, PicsyncError] = {}
        """Album ID -> why no token could be had ahead of the first upload."""
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By album ID."""
        self._ascii_names = False
        """Whether the service has refused a non-ASCII file name."""

    async def prepare(self, album_id: str, upcoming: int) -> None:
        """Request the token for uploads that follow; if that fails, the first of them raises the error."""
        async with self._opening[album_id]:
            try:
                self._tokens[album_id] = await self._open(album_id, upcoming)
            except PicsyncError as error:
                self._unprepared[album_id] = error

    async def upload(self, album: FrameAlbum, rendition: Rendition, upcoming: int) -> UploadResult:
        """Send one file and wait until the service has processed it.

        `upcoming` is the number of expected uploads to the album, including this one. Also raises ItemError
        and QuotaError.
        """
        async with self._sending.slot():
            ticket = await self._send(album, rendition, upcoming)
        try:
            await self._client.await_processing(ticket)
        except (RefusedError, TransientError) as error:
            _raise_if_full(error)
            if not isinstance(error, RefusedError):
                raise
            if error.status == 400 and error.excerpt.startswith(_EXISTS):
                return AlreadyThere()
            blames_file = not wire.is_page(error.excerpt) and bool(_FILE.search(error.excerpt))
            about_file = error.status == 400 and blames_file
            raise _item_error(error, rendition, unusable=about_file) from error
        return Uploaded()

    async def _send(self, album: FrameAlbum, rendition: Rendition, upcoming: int) -> wire.Ticket:
        name = safe_name(rendition.filename, rendition.mime_type)
        for attempt in range(1, SEND_ATTEMPTS + 1):
            ticket = await self._permission(album, rendition, name, upcoming)
            try:
                await self._client.store_bytes(ticket, rendition, name)
            except RefusedError as error:
                too_large = "EntityTooLarge" in error.excerpt
                # The policy may have expired while the file waited: the bucket judges it by its own clock.
                if error.status == 403 and not too_large and attempt < SEND_ATTEMPTS:
                    continue
                raise _item_error(error, rendition, unusable=too_large) from error
            return ticket
        raise AssertionError("unreachable")

    async def _permission(
        self, album: FrameAlbum, rendition: Rendition, name: str, upcoming: int
    ) -> wire.Ticket:
        only_ascii, tried_another = _ascii(name), False
        if self._ascii_names:
            name = only_ascii
        while True:
            token, fresh = await self._token(album.album_id, upcoming)
            try:
                ticket = await self._ask(token.text, album, rendition, name)
            except (ItemError, LoginNeeded):
                # A used token may be exhausted or expired. The response to a fresh one counts.
                if self._tokens.get(album.album_id) is token:
                    del self._tokens[album.album_id]
                if not fresh:
                    continue
                if name == only_ascii:
                    raise
            except TransientError as error:
                # Databases that lack some characters respond like this.
                if error.status != 500 or name == only_ascii:
                    raise
            else:
                self._ascii_names = self._ascii_names or tried_another
                return ticket
            # Nothing depends on the names of photos.
            name, tried_another = only_ascii, True

    async def _token(self, album_id: str, upcoming: int) -> tuple[_Token, bool]:
        """Return a token with one use taken, and whether this is its first use."""
        async with self._opening[album_id]:
            if error := self._unprepared.pop(album_id, None):
                raise error
            token = self._tokens.get(album_id)
            if token is None or token.used >= token.total:
                token = self._tokens[album_id] = await self._open(album_id, max(upcoming, 1))
            token.used += 1
            return token, token.used == 1

    async def _open(self, album_id: str, total: int) -> _Token:
        try:
            return _Token(await self._client.open_receiver(album_id, total), total)
        except RefusedError as error:
            # The largest allowed total is not known. The web app selects many photos at once, so some work.
            if error.status not in (400, 413, 422) or total <= SMALLER_TOTAL:
                raise
        return _Token(await self._client.open_receiver(album_id, SMALLER_TOTAL), SMALLER_TOTAL)

    async def _ask(self, token: str, album: FrameAlbum, rendition: Rendition, name: str) -> wire.Ticket:
        kind = file_type(rendition.mime_type)
        try:
            return await self._client.request_upload(
                token, album.album_id, filename=name, file_type=kind, size_bytes=rendition.size_bytes
            )
        except (RefusedError, TransientError) as error:
            _raise_if_full(error)
            if not isinstance(error, RefusedError):
                raise
            blames_type = not wire.is_page(error.excerpt) and bool(_TYPE.search(error.excerpt))
            about_type = error.status == 400 and (kind not in TYPES or blames_type)
            raise _item_error(error, rendition, unusable=about_type) from error


def _ascii(name: str) -> str:
    return "".join(char if char.isascii() else "_" for char in name)


def _item_error(error: RefusedError, rendition: Rendition, *, unusable: bool) -> ItemError:
    said = wire.words(error.excerpt) or "no reason given"
    kind = rendition.mime_type or "unknown type"
    message = f"Nixplay refused {rendition.filename!r} ({kind}) with status {error.status}: {said}."
    return ItemError(message, unusable=unusable)


def _raise_if_full(error: RefusedError | TransientError) -> None:
    """Raise QuotaError if the refusal means that the storage is full."""
    cause = error.__cause__
    answer = cause.result if isinstance(cause, WireError) else None
    if not isinstance(answer, Answer):
        return
    if answer.status in _FULL_STATUSES or (answer.status < 500 and wire.is_full(answer.excerpt)):
        said = wire.words(answer.excerpt) or f"status {answer.status}"
        raise QuotaError(
            f"Nixplay has no storage left for more photos: {said}.",
            hint="Delete photos in the Nixplay app, sync fewer albums, or buy storage.",
        ) from error
