"""What the pages of one frame have in common: its photos, and whoever listens for changes.

The list of photos is read once per change, not once per reader. A reader has no queue of events: it has a
mark for what is new, so that a slow one costs nothing, and gets the newest state when it reads again.
Only commands are queued, a few of them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from picsync.core.errors import PicsyncError
from picsync.core.identity import plain_name
from picsync.frames.web.frame import ShownPhoto, WebFrame
from picsync.frames.web.lastseen import Seen
from picsync.frames.web.options import WebFrameOptions
from picsync.web.frame.address import base_of

SETTLE_S = 1.0
"""How long after a change the list is read again: a cycle changes many photos in a row."""
STALE_S = 20.0
"""Age of a list after which it is read again, since another process may have changed the folder."""
MAX_COMMANDS = 16
"""Commands that wait for one reader; more than these, and the oldest are dropped."""
COMMAND_FOR_S = 30.0
"""How long a command waits for a page that polls."""
_MAX_POLLING = 500
_KEY_BYTES = 20
_ID_LENGTH = 16
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}

_log = logging.getLogger("picsync.web")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The photos of a frame at one time."""

    revision: str
    body: bytes
    """The content of photos.json."""
    packed: bytes
    """The same, compressed."""
    by_id: Mapping[str, ShownPhoto]
    by_file: Mapping[str, ShownPhoto]
    """By the last part of their URLs."""
    listed: Mapping[str, Mapping[str, Any]]
    """What photos.json says, by ID."""


@dataclass(slots=True)
class Sent:
    """The pictures that were sent since the process started."""

    pictures: int = 0
    size_bytes: int = 0


@dataclass(slots=True, eq=False)
class Reader:
    """A page that listens for events."""

    token_id: str
    commands: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_COMMANDS))
    changed: bool = True
    """Whether there is a revision that it was not told."""
    beat: bool = False
    """Whether a sign of life is due."""
    closed: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let it look at what is new."""
        self._news.set()

    async def wait(self) -> None:
        """Return when something is new."""
        await self._news.wait()
        self._news.clear()


class Channel:
    """The pages of one frame."""

    def __init__(
        self,
        frame: WebFrame,
        options: WebFrameOptions,
        secret: Callable[[], bytes],
        *,
        assets: str,
        seen: dict[str, Seen],
        sent: Sent,
        noted: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        """`secret` returns what the URLs of pictures are made with, and blocks. `assets` is their build.

        `seen` has what devices showed last, by token ID. It is kept up to date, as is `sent`; `noted` is
        called after each change of `seen`.
        """
        self.name = frame.name
        self.frame = frame
        self.options = options
        self.base = base_of(frame.name)
        looks = json.dumps([options.title, options.show.values()], sort_keys=True)
        self.build = hashlib.sha256(f"{assets} {looks}".encode()).hexdigest()[:12]
        self.seen = seen
        self.sent = sent
        self._noted = noted
        self._now = now
        self._secret = secret
        self._readers: set[Reader] = set()
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0
        self._stale = True
        self._reading = asyncio.Lock()
        self._settling: asyncio.TimerHandle | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._sent: deque[tuple[int, float, str]] = deque(maxlen=MAX_COMMANDS)
        self._sent_count = 0
        self._polled: OrderedDict[str, int] = OrderedDict()
        self._failure = ""

    @property
    def readers(self) -> Sequence[Reader]:
        """The pages that listen now."""
        return list(self._readers)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Notice changes of the frame until the end of the context."""
        with self.frame.watched(self.touch):
            try:
                yield
            finally:
                self.close()
                if self._settling is not None:
                    self._settling.cancel()
                if self._refreshing is not None:
                    self._refreshing.cancel()

    def close(self) -> None:
        """Send every reader away."""
        for reader in self._readers:
            reader.closed = True
            reader.wake()

    # --- photos -----------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        """Return the photos; the last known ones if the folder cannot be read.

        Raises what the frame raises if none were ever known.
        """
        loop = asyncio.get_running_loop()
        if self._snapshot is None or self._stale or loop.time() - self._read_at > STALE_S:
            async with self._reading:
                if self._snapshot is None or self._stale or loop.time() - self._read_at > STALE_S:
                    await self._read()
        if self._snapshot is None:
            raise RuntimeError("the list was read")
        return self._snapshot

    async def _read(self) -> None:
        # Changes from here on count as new ones.
        self._stale, self._read_at = False, asyncio.get_running_loop().time()
        before = self._snapshot
        try:
            photos = await self.frame.shown()
        except PicsyncError as error:
            self._tell_failure(error)
            if before is None:
                self._stale = True
                raise
            return
        except BaseException:
            self._stale = True
            raise
        self._failure = ""
        self._snapshot = await asyncio.to_thread(self._listed, photos)
        if before is not None and before.revision != self._snapshot.revision:
            self._announce()

    def touch(self) -> None:
        """Read the photos again soon."""
        self._stale = True
        if self._readers and self._settling is None and self._refreshing is None:
            self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._settle)

    def _settle(self) -> None:
        self._settling = None
        self._refreshing = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            with contextlib.suppress(PicsyncError):
                await self.snapshot()
        finally:
            self._refreshing = None
        if self._stale:
            self.touch()

    def _announce(self) -> None:
        for reader in self._readers:
            reader.changed = True
            reader.wake()

    def _tell_failure(self, error: PicsyncError) -> None:
        if self._failure != error.message:
            self._failure = error.message
            _log.warning(
                "The page of the frame %s shows the photos that it has: %s",
                self.name,
                error.message,
                extra={"action": "frame_unreadable"},
            )

    def _listed(self, photos: Sequence[ShownPhoto]) -> Snapshot:
        secret = self._secret()
        by_id: dict[str, ShownPhoto] = {}
        by_file: dict[str, ShownPhoto] = {}
        listed: dict[str, dict[str, Any]] = {}
        for photo in photos:
            photo_id = photo.digest.hex[:_ID_LENGTH]
            if photo_id in by_id:
                continue
            file = _file_of(photo, secret)
            by_id[photo_id] = by_file[file] = photo
            about = photo.details
            listed[photo_id] = {
                "id": photo_id,
                "url": f"{self.base}/photo/{file}",
                "width": about.width or None,
                "height": about.height or None,
                "taken": about.taken or None,
                "added": int(photo.added_s),
                "caption": about.caption or about.description or None,
                "place": about.place or None,
                "album": photo.album,
            }
        content = json.dumps(list(listed.values()), separators=(",", ":"))
        revision = hashlib.sha256(content.encode()).hexdigest()[:16]
        head = json.dumps({"revision": revision, "build": self.build}, separators=(",", ":"))
        body = f'{head[:-1]},"photos":{content}}}'.encode()
        return Snapshot(revision, body, gzip.compress(body, 6, mtime=0), by_id, by_file, listed)

    # --- readers ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(self, token_id: str) -> Iterator[Reader]:
        """Have a reader for a page, until the end of the context."""
        reader = Reader(token_id)
        self._readers.add(reader)
        if self._stale:
            self.touch()
        reader.wake()
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    async def beat(self) -> None:
        """Look for changes by other processes, and let each reader have a sign of life."""
        with contextlib.suppress(PicsyncError):
            await self.snapshot()
        for reader in self._readers:
            self.note_alive(reader.token_id)
            reader.beat = True
            reader.wake()

    async def take(self, reader: Reader) -> bytes:
        """Return the events that a reader was not told, as they are sent."""
        out = []
        if reader.changed:
            with contextlib.suppress(PicsyncError):
                revision = (await self.snapshot()).revision
                reader.changed = False
                out.append(f"event: photos\ndata: {revision}\n\n")
        while reader.commands:
            out.append(f"event: command\ndata: {reader.commands.popleft()}\n\n")
        if reader.beat and not out:
            # Not a comment: those are invisible to the page, which notices a dead connection by this.
            out.append("event: ping\ndata:\n\n")
        reader.beat = False
        return "".join(out).encode()

    # --- commands ---------------------------------------------------------------------------------------

    def command(self, what: str, photo: str = "") -> int:
        """Send a command to all pages; return how many listen."""
        text = json.dumps({"do": what, "photo": photo} if photo else {"do": what}, separators=(",", ":"))
        self._sent_count += 1
        self._sent.append((self._sent_count, asyncio.get_running_loop().time(), text))
        for reader in self._readers:
            reader.commands.append(text)
            reader.wake()
        return len(self._readers)

    def commands_for(self, client: str) -> list[Any]:
        """Return the commands that a page that polls was not told."""
        known = self._polled.pop(client, None)
        self._polled[client] = self._sent_count
        if len(self._polled) > _MAX_POLLING:
            self._polled.popitem(last=False)
        if known is None:
            return []
        since = asyncio.get_running_loop().time() - COMMAND_FOR_S
        return [json.loads(text) for number, at, text in self._sent if number > known and at >= since]

    def note_seen(self, token_id: str, photo: str, *, paused: bool) -> None:
        """Record what a device shows."""
        self.seen[token_id] = Seen(self._now(), photo, paused)
        self._noted()

    def note_alive(self, token_id: str) -> None:
        """Record that a device still shows what it showed: a paused page reports nothing."""
        self.seen[token_id] = replace(self.seen.get(token_id, Seen(self._now())), at=self._now())
        self._noted()

    def forget(self, token_id: str) -> None:
        """Remove what is known of a device that was sent away."""
        del self.seen[token_id]
        self._noted()

    def filename_of(self, photo_id: str) -> str:
        """Return the original name of a photo; empty if it is not on the frame."""
        photo = self._snapshot.by_id.get(photo_id) if self._snapshot else None
        return plain_name(photo.filename) if photo else ""

    def last_seen(self) -> Seen | None:
        """Return the device that was seen last; None if none ever was."""
        return max(self.seen.values(), key=lambda each: each.at, default=None)


def _file_of(photo: ShownPhoto, secret: bytes) -> str:
    """Return the last part of a picture's URL, which only those know who were told it."""
    text = f"photo {photo.digest} {photo.name}".encode()
    key = hmac.digest(secret, text, "sha256")[:_KEY_BYTES]
    return f"{base64.urlsafe_b64encode(key).decode().rstrip('=')}.{_EXTENSIONS[photo.mime_type]}"
