"""Uploads in progress: permitted, received, processed, and the monitor's response."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from picsync.emulators.nixplay.options import Answer, NixplayOptions, Refused, StorageRefusal
from picsync.emulators.nixplay.spool import Blob
from picsync.emulators.nixplay.state import Account, Album, Photo, Playlist, State

GOOD = Answer.text(200, "OK")
DUPLICATE = Answer.text(400, "Error: image-exists")
_NO_ALBUM = Answer.text(400, "Error: album-not-found")
Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Receiver:
    """The destination of an upload token's photos."""

    token: str
    account: Account
    album_id: int
    playlist_id: int | None = None
    total: int = 1
    """Number of photos that it was requested for."""
    used: int = 0
    """Number of permissions that it has given."""


@dataclass(slots=True, eq=False)
class Upload:
    """One file that may be uploaded, or was."""

    upload_id: str
    batch_id: str
    key: str
    receiver: Receiver
    filename: str
    file_type: str
    size_bytes: int
    """As announced."""
    blob: Blob | None = None
    received_at: float = 0.0
    outcome: Answer | None = None


class Uploads:
    """Every upload of every account."""

    def __init__(self, state: State, clock: Callable[[], float], sleep: Sleep = asyncio.sleep) -> None:
        self._state = state
        self._clock = clock
        self._sleep = sleep
        self._receivers: dict[str, Receiver] = {}
        self._by_id: dict[str, Upload] = {}
        self._by_key: dict[str, Upload] = {}
        self._waiting: list[Upload] = []

    @property
    def _options(self) -> NixplayOptions:
        return self._state.options

    def open(self, account: Account, album: Album, playlist: Playlist | None, total: int) -> Receiver:
        """Create a token for `total` uploads to an album, or through it to a playlist."""
        playlist_id = playlist.playlist_id if playlist else None
        receiver = Receiver(secrets.token_hex(20), account, album.album_id, playlist_id, total)
        self._receivers[receiver.token] = receiver
        return receiver

    def receiver(self, account: Account, token: str) -> Receiver | None:
        """Return the receiver of an upload token."""
        receiver = self._receivers.get(token)
        return receiver if receiver and receiver.account is account else None

    def permit(self, receiver: Receiver, filename: str, file_type: str, size_bytes: int) -> Upload:
        """Permit one upload; refused if the token is used up, or the announced size exceeds the storage."""
        if self._options.enforce_token_total and receiver.used >= receiver.total:
            raise Refused(self._options.spent_token)
        if self._options.storage_refusal is StorageRefusal.PERMISSION:
            self._check_storage(receiver.account, size_bytes)
        upload = Upload(
            upload_id=secrets.token_hex(12),
            batch_id=secrets.token_hex(12),
            key=f"{receiver.account.number}/{secrets.token_hex(16)}",
            receiver=receiver,
            filename=filename,
            file_type=file_type,
            size_bytes=size_bytes,
        )
        receiver.used += 1
        self._by_id[upload.upload_id] = upload
        self._by_key[upload.key] = upload
        return upload

    def is_permitted(self, key: str) -> bool:
        """Return whether an upload may be stored under this key."""
        return key in self._by_key

    def received(self, key: str, blob: Blob) -> None:
        """Store the bytes of an upload; repeating it replaces them until they are processed."""
        upload = self._by_key[key]
        if upload.outcome is not None:
            blob.discard()
            return
        if upload.blob is None:
            self._waiting.append(upload)
        else:
            upload.blob.discard()
        upload.blob = blob
        upload.received_at = self._clock()
        self.settle()

    def settle(self) -> None:
        """Process uploads whose time has come."""
        for upload in list(self._waiting):
            if self._due_in(upload) <= 0:
                self._process(upload)

    def listed(self, album: Album) -> list[Photo]:
        """Return the photos that a listing of an album currently shows, in its order."""
        self.settle()
        latest = self._clock() - self._options.listing_seconds
        return [photo for photo in self._state.pictures_listed(album) if photo.added_at <= latest]

    async def status(self, upload_id: str) -> Answer:
        """Return the monitor's response after the upload was processed."""
        upload = self._by_id.get(upload_id)
        if upload is None:
            return self._options.unknown_upload
        if upload.outcome is None and upload.blob is None:
            return self._options.monitor_gives_up
        waits = self._options.monitor_waits and upload.outcome is None
        if waits and (due := self._due_in(upload)) > 0:
            most = self._options.monitor_seconds
            await self._sleep(due if most is None else min(due, most))
            if most is not None and most < due and upload.outcome is None:
                return self._options.monitor_gives_up
        return self._process(upload)

    def _due_in(self, upload: Upload) -> float:
        return upload.received_at + self._options.processing_seconds - self._clock()

    def _process(self, upload: Upload) -> Answer:
        if upload.outcome is None:
            assert upload.blob is not None  # noqa: S101 - only received uploads are processed
            self._waiting.remove(upload)
            upload.outcome = self._outcome(upload, upload.blob)
        return upload.outcome

    def _outcome(self, upload: Upload, blob: Blob) -> Answer:
        receiver = upload.receiver
        album = receiver.account.albums.get(receiver.album_id)
        if album is None:
            blob.discard()
            return _NO_ALBUM
        photo = album.by_md5.get(blob.md5)
        if photo is not None:
            blob.discard()
            self._link(receiver, photo)
            return DUPLICATE
        if self._options.decode_images and not _is_picture(blob.path):
            blob.discard()
            return self._options.broken_image
        if self._options.storage_refusal is StorageRefusal.MONITOR:
            try:
                self._check_storage(receiver.account, blob.size_bytes)
            except Refused as refused:
                blob.discard()
                return refused.answer
        photo = self._state.add_photo(receiver.account, album, blob, upload.filename, upload.file_type)
        self._link(receiver, photo)
        return GOOD

    def _link(self, receiver: Receiver, photo: Photo) -> None:
        playlist = receiver.account.playlists.get(receiver.playlist_id or 0)
        if playlist is not None and photo not in playlist.photos():
            self._state.append_items(playlist, [photo])

    def _check_storage(self, account: Account, more_bytes: int) -> None:
        limit = self._options.storage_limit_bytes
        if limit is not None and account.stored_bytes + more_bytes > limit:
            raise Refused(self._options.storage_answer)


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            return True
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return True
