"""The world of the state machine in memory: ports without a network, a real cache, and an event loop whose
iterations are counted."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from picsync.cache.store import Cache
from picsync.core.errors import (
    ItemError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    RefusedError,
    TransientError,
)
from picsync.core.events import CycleReport
from picsync.core.model import FrameAlbum, MediaKind, PlaylistItem
from picsync.core.plan import Rule
from picsync.frames.base import Rendition, UploadResult
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools
from tests.cache.fresh import open_fresh
from tests.contract.memory_frame import CAPABILITIES, MemoryAlbum, MemoryFrame, MemoryPlaylist
from tests.contract.memory_source import MemorySource
from tests.property.oracle import AlbumSeen, Piece, PlaylistSeen, Seen
from tests.property.worlds import Fate, How, Interruption, Killed, Limit

MEMORY = Path("/dev/shm")  # noqa: S108 - files that are gone in a moment need no disk
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WRITES = {"create_album", "upload", "delete", "create_playlist", "add_items", "remove_items"}

P = ParamSpec("P")
T = TypeVar("T")

ERRORS: Mapping[How, Callable[[], PicsyncError]] = {
    How.BROKEN: lambda: TransientError("The wire broke."),
    How.LOST: lambda: TransientError("The answer was lost."),
    How.GARBLED: lambda: ProtocolError("It answered in Latin."),
    How.REFUSED: lambda: RefusedError("It said no.", status=400),
    How.GONE: lambda: NotFoundError("It is not there.", status=404),
    How.LOGIN: lambda: LoginNeeded("Somebody must log in."),
    How.ITEM: lambda: ItemError("This one cannot be had."),
}


class Inline(ThreadPoolExecutor):
    """Runs its work immediately, so that each run of an example has the same iterations."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


class WatchedFrame(MemoryFrame):
    """Announces what is about to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.uploading: Callable[[str], object] = lambda _: None

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        rendition.file.seek(0)
        self.uploading(hashlib.md5(rendition.file.read(), usedforsecurity=False).hexdigest())
        return await super().upload(album, rendition, upcoming=upcoming)


async def _no_wait(_seconds: float) -> None:
    return None


class MemoryWorld:
    """Implements `World`."""

    edits_items = True

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.changed: Callable[[str], None] = lambda _: None
        self.uploading: Callable[[str], None] = lambda _: None
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(Inline())
        self._stack = ExitStack()
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        )
        self._folder = Path(folder)
        self._copies: list[Path] = []
        self.source = MemorySource()
        self.frame = WatchedFrame()
        self.frame.capabilities = replace(CAPABILITIES, playlist_limit=limit)
        self.frame.observers.append(lambda: self.changed("a change"))
        self.frame.uploading = lambda md5: self.uploading(md5)
        self.frame.passing = self.source.passing = self._passing
        self._step = 0
        self._interruptions: dict[int, Callable[[], None]] = {}
        self._task: asyncio.Task[CycleReport] | None = None
        self._stopping = self._dead = False
        self._as_it_died: Path | None = None
        self._cache = self._open()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    # --- the sources ----------------------------------------------------------------------------------

    def put(self, album: str, item: str, piece: Piece) -> None:
        kind = MediaKind.VIDEO if piece.video else MediaKind.PHOTO
        self.source.put(
            album,
            item,
            piece.data,
            kind=kind,
            mime_type=piece.mime_type,
            version=str(piece.taken),
            taken_at=NOW + timedelta(minutes=piece.taken),
        )

    def take(self, album: str, item: str) -> None:
        self.source.remove(album, item)

    def reorder(self, album: str, items: Sequence[str]) -> None:
        self.source.reorder(album, items)

    # --- the frame's side, by hand --------------------------------------------------------------------

    def seen(self) -> Seen:
        return Seen(
            tuple(
                AlbumSeen(
                    each.album.album_id,
                    each.album.name,
                    {photo.photo_id: photo.digest.hex for photo in each.photos.values()},
                )
                for each in self.frame.album_list
            ),
            tuple(
                PlaylistSeen(
                    each.playlist_id,
                    each.name,
                    tuple(item.photo_id or item.item_id for item in each.items),
                )
                for each in self.frame.playlist_list
            ),
        )

    def _album(self, album_id: str) -> MemoryAlbum:
        return next(each for each in self.frame.album_list if each.album.album_id == album_id)

    def _playlist(self, playlist_id: str) -> MemoryPlaylist:
        return next(each for each in self.frame.playlist_list if each.playlist_id == playlist_id)

    def add_album(self, name: str) -> str:
        return self.frame.add_album(name).album.album_id

    def rename_album(self, album_id: str, name: str) -> None:
        album = self._album(album_id)
        album.album = replace(album.album, name=name)

    def delete_album(self, album_id: str) -> None:
        album = self._album(album_id)
        for photo_id in list(album.photos):
            self.frame.remove(photo_id)
        self.frame.album_list.remove(album)

    def add_photo(self, album_id: str, data: bytes) -> None:
        self.frame.put_into(self._album(album_id), data, "by hand.jpg")

    def delete_photo(self, photo_id: str) -> None:
        self.frame.remove(photo_id)

    def add_playlist(self, name: str, photo_ids: Sequence[str]) -> None:
        self.set_playlist(self.frame.add_playlist(name).playlist_id, photo_ids)

    def rename_playlist(self, playlist_id: str, name: str) -> None:
        self._playlist(playlist_id).name = name

    def delete_playlist(self, playlist_id: str) -> None:
        self.frame.playlist_list.remove(self._playlist(playlist_id))

    def set_playlist(self, playlist_id: str, photo_ids: Sequence[str]) -> None:
        self._playlist(playlist_id).items = [
            PlaylistItem(self.frame.new_id("h"), photo_id) for photo_id in photo_ids
        ]

    # --- faults ---------------------------------------------------------------------------------------

    def trouble(self, method: str, how: How, times: int, pick: int) -> bool:
        error = ERRORS[how]
        items = sorted({item for album in self.source.content.values() for item in album.items})
        match method:
            case "list" if how is How.LOGIN:
                self.source.login_needed = LoginNeeded("Somebody must log in.")
            case "list":
                return False
            case "download":
                for item in items[pick % (len(items) or 1) :][: times + 1]:
                    if how is How.LOST:
                        self.source.broken_off[item] = times
                    else:
                        self.source.fail_downloads[item] = error()
            case _ if how is How.ITEM and method != "upload":
                return False
            case _:
                script = self.frame.fail_after if how is How.LOST else self.frame.fail
                script[method] = [error() for _ in range(times)]
        return True

    def limited(self, what: Limit, amount: int, pick: int) -> bool:
        photos = [key for album in self.frame.album_list for key in album.photos]
        if what in (Limit.LISTED, Limit.DOWNLOADS):
            self._source_limited(what, amount, pick)
            return True
        match what:
            case Limit.PHOTOS:
                self.frame.photos_problem = "It lists fewer than it counts."
                for photo_id in photos[:amount]:
                    self.frame.unlisted[photo_id] = 1000
            case Limit.UNLISTED:
                for photo_id in photos[pick % (len(photos) or 1) :][: 1 + amount * 2]:
                    self.frame.unlisted[photo_id] = 1 + pick
            case Limit.LATE:
                self.frame.listed_late = 1 + pick
            case Limit.ROOM:
                self.frame.room = max(0, len(photos) - 1) + amount
            case Limit.ADDS_BREAK_OFF:
                self.frame.adds_break_off = [amount] * (1 + pick % 3)
            case _:
                self.frame.adds_drop = [amount] * (1 + pick % 4)
        return True

    def _source_limited(self, what: Limit, amount: int, pick: int) -> None:
        if what is Limit.DOWNLOADS:
            self.source.downloads_left = amount
        else:
            album = sorted(self.source.content)[pick % len(self.source.content)]
            self.source.listing_problem[album] = "Page 2 never came."
            self.source.listed_until[album] = amount

    def heal(self) -> None:
        self.source.login_needed = None
        self.source.downloads_left = None
        for each in (
            self.source.listing_problem,
            self.source.listed_until,
            self.source.fail_downloads,
            self.source.broken_off,
            self.frame.fail,
            self.frame.fail_after,
            self.frame.unlisted,
            self.frame.adds_break_off,
            self.frame.adds_drop,
        ):
            each.clear()
        self.frame.photos_problem = self.frame.room = None
        self.frame.listed_late = 0

    # --- picsync --------------------------------------------------------------------------------------

    def cycle(
        self, rule: Rule, interruptions: Sequence[Interruption] = (), *, dry_run: bool = False
    ) -> CycleReport | None:
        self._step, self._stopping = 0, False
        self._interruptions = {each.step: each.action for each in interruptions}
        self._keep_copy()
        album_rule = AlbumRule(rule, {"googlephotos": sorted(self.source.content)}, dry_run=dry_run)
        tools = Tools(
            {"googlephotos": self.source},
            {"nixplay": self.frame},
            self._cache,
            Spool(self._folder),
            lambda _event: None,
            now=lambda: NOW,
            sleep=_no_wait,
        )
        work = run_cycle(album_rule, tools, stopping=lambda: self._stopping)
        self._task = self._loop.create_task(work)
        try:
            return self._run(_ended(self._task))
        finally:
            self._task, self._interruptions = None, {}
            if self._dead:
                self._bury()

    def _passing(self, _method: str) -> None:
        if self._dead:
            raise Killed
        self._step += 1
        if action := self._interruptions.pop(self._step, None):
            action()

    def kill(self) -> None:
        self._as_it_died = self._copy()
        self._dead = True
        raise Killed

    def break_off(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        self._stopping = True

    def _bury(self) -> None:
        self._run(self._cache.aclose())
        assert self._as_it_died is not None
        self._put_back(self._as_it_died)
        self._as_it_died, self._dead = None, False
        self._cache = self._open()

    def restart(self, fate: Fate, pick: int) -> None:
        # As a killed process leaves it, with its write-ahead log.
        as_it_is = self._copy()
        self._run(self._cache.aclose())
        match fate:
            case Fate.KEPT:
                pass
            case Fate.LOST:
                self._put_back(None)
            case Fate.OLDER:
                if self._copies:
                    self._put_back(self._copies[pick % len(self._copies)])
            case Fate.TORN:
                wal = as_it_is / "cache.db-wal"
                if wal.exists():
                    content = wal.read_bytes()
                    wal.write_bytes(content[: len(content) * pick // 30])
                self._put_back(as_it_is)
        self._cache = self._open()

    def _open(self) -> Cache:
        return self._run(open_fresh(self._folder / "cache.db"))

    def _keep_copy(self) -> None:
        self._copies = [*self._copies[-4:], self._copy()]

    def _copy(self) -> Path:
        kept = Path(tempfile.mkdtemp(dir=self._folder, prefix="copy-"))
        for suffix in ("", "-wal"):
            if (file := self._folder / f"cache.db{suffix}").exists():
                shutil.copy(file, kept)
        return kept

    def _put_back(self, kept: Path | None) -> None:
        for path in self._folder.glob("cache.db*"):
            path.unlink()
        if kept is not None:
            for path in kept.iterdir():
                shutil.copy(path, self._folder)

    def counts(self) -> Mapping[str, int]:
        writes = sum(call[0] in WRITES for call in self.frame.calls)
        return {"writes": writes, "downloads": len(self.source.downloads)}

    def close(self) -> None:
        self._run(self._cache.aclose())
        self._loop.close()
        left = [path for path in self._folder.iterdir() if path.name.startswith("picsync-")]
        self._stack.close()
        assert not left, "files were left behind"


async def _ended(task: asyncio.Task[CycleReport]) -> CycleReport | None:
    await asyncio.wait([task])
    if task.cancelled():
        return None
    error = task.exception()
    if isinstance(error, Killed):
        return None
    return task.result()
