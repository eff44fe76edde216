"""The world of the state machine over real HTTP: emulated services, real source and frame, kills at any
request."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from picsync.core.events import CycleReport
from picsync.core.plan import Rule
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Album as GoogleAlbum
from picsync.emulators.google import Item
from picsync.emulators.nixplay.state import Album, Foreign, Photo, Playlist, PlaylistItem
from picsync.frames.nixplay import client as nixplay
from picsync.frames.nixplay import frame as nixplay_frame
from picsync.http.retry import Operation
from picsync.sources.google.library import api as google
from picsync.sources.google.library.source import DOWNLOAD
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.transfer import Tools
from tests.faults.harness import Harness, open_harness
from tests.faults.interception import Rewrite
from tests.faults.operations import PLACES
from tests.property.oracle import AlbumSeen, Piece, PlaylistSeen, Seen
from tests.property.worlds import Fate, How, Interruption, Limit

T = TypeVar("T")

OPERATIONS: Mapping[str, Sequence[Operation]] = {
    "list": (google.LOOK_AT_ALBUM, google.LIST_MEDIA_ITEMS),
    "download": (DOWNLOAD,),
    "find_album": (nixplay.LIST_WEB_ALBUMS,),
    "create_album": (nixplay.CREATE_ALBUM,),
    "photos": (nixplay.LIST_PHOTOS,),
    "upload": (
        nixplay.OPEN_RECEIVER,
        nixplay.PERMIT_UPLOAD,
        nixplay.STORE_BYTES,
        nixplay.AWAIT_PROCESSING,
    ),
    "delete": (nixplay.DELETE_PHOTO,),
    "playlists": (nixplay.LIST_PLAYLISTS, nixplay.LIST_SLIDES),
    "create_playlist": (nixplay.CREATE_PLAYLIST,),
    "add_items": (nixplay.ADD_ITEMS,),
    "remove_items": (nixplay.REMOVE_ITEM,),
}
HTML = "<!DOCTYPE html><html><body>Sorry</body></html>"
FAULTS: Mapping[How, Mapping[str, Any]] = {
    How.BROKEN: {"kind": FaultKind.RESET_BEFORE},
    How.LOST: {"kind": FaultKind.RESET_AFTER},
    How.GARBLED: {"kind": FaultKind.BODY, "body": HTML},
    How.REFUSED: {"kind": FaultKind.STATUS, "status": 400, "body": HTML},
    How.GONE: {"kind": FaultKind.STATUS, "status": 404, "body": HTML},
    How.LOGIN: {"kind": FaultKind.STATUS, "status": 401, "body": HTML},
    How.ITEM: {"kind": FaultKind.STATUS, "status": 503, "body": HTML},
}
LASTING = 4
"""This number of times or more means: until all faults end."""
BYTES_OF_A_PHOTO = 20


class WireWorld:
    """Implements `World`."""

    edits_items = False

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.changed: Callable[[str], None] = lambda _: None
        self.uploading: Callable[[str], None] = lambda _: None
        self._folder = Path(tempfile.mkdtemp(prefix="wire-"))
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._stage: Harness = self._run(self._stack.enter_async_context(open_harness(self._folder)))
        self._set_limit()
        self._albums: dict[str, GoogleAlbum] = {}
        self._items: dict[str, Item] = {}
        self._process: AsyncExitStack | None = None
        self._tools: Tools | None = None
        self._task: asyncio.Task[CycleReport] | None = None
        self._copies: list[Path] = []
        self._as_it_died: Path | None = None
        self._stopping = False
        self._step = 0
        self._interruptions: dict[int, Callable[[], None]] = {}
        self._stage.log.observers.append(lambda _operation: self._passing())
        self._stage.nixplay.observers.append(lambda _nixplay, change: self._has_changed(change))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _set_limit(self) -> None:
        before = nixplay_frame.CAPABILITIES
        nixplay_frame.CAPABILITIES = replace(before, playlist_limit=self.limit)

        def as_before() -> None:
            nixplay_frame.CAPABILITIES = before

        self._stack.callback(as_before)
        self._stage.nixplay.options.playlist_limit = self.limit or 2000

    # --- the sources ----------------------------------------------------------------------------------

    def add_source_album(self, name: str) -> None:
        """Create an album at Google."""
        self._albums[name] = self._stage.google.add_album(name)

    def put(self, album: str, item: str, piece: Piece) -> None:
        album_there = self._albums[album]
        known = self._items.get(item)
        if known is None:
            fields: dict[str, Any] = {"width": 4, "height": 3, "created_at": 1.7e9 + 60 * piece.taken}
            self._items[item] = self._stage.google.add_item(
                album_there, f"{item}.jpg", piece.data, mime_type=piece.mime_type, **fields
            )
        elif known not in album_there.items:
            self._stage.google.put_item(album_there, known)

    def take(self, album: str, item: str) -> None:
        known = self._items[item]
        self._stage.google.remove_item(known, self._albums[album])
        if not any(known in each.items for each in self._albums.values()):
            self._stage.google.remove_item(self._items.pop(item))

    def reorder(self, album: str, items: Sequence[str]) -> None:
        self._albums[album].items[:] = [self._items[item] for item in items]

    # --- the frame's side, by hand --------------------------------------------------------------------

    def seen(self) -> Seen:
        account = self._stage.nixplay.account()
        return Seen(
            tuple(
                AlbumSeen(
                    str(each.album_id),
                    each.name,
                    {str(photo.photo_id): photo.md5 for photo in each.photos.values()},
                )
                for each in account.albums.values()
            ),
            tuple(
                PlaylistSeen(str(each.playlist_id), each.name, tuple(map(_photo_id, each.items)))
                for each in account.playlists.values()
            ),
        )

    def _album(self, album_id: str) -> Album:
        return self._stage.nixplay.account().albums[int(album_id)]

    def _playlist(self, playlist_id: str) -> Playlist:
        return self._stage.nixplay.account().playlists[int(playlist_id)]

    def _photos(self, photo_ids: Sequence[str]) -> list[Photo]:
        return [self._stage.nixplay.account().photos[int(photo_id)] for photo_id in photo_ids]

    def add_album(self, name: str) -> str:
        return str(self._stage.nixplay.add_album(name).album_id)

    def rename_album(self, album_id: str, name: str) -> None:
        self._album(album_id).name = name

    def delete_album(self, album_id: str) -> None:
        self._stage.nixplay.state.delete_album(self._stage.nixplay.account(), self._album(album_id))

    def add_photo(self, album_id: str, data: bytes) -> None:
        self._stage.nixplay.add_photo(self._album(album_id), "by hand.jpg", data)

    def delete_photo(self, photo_id: str) -> None:
        self._stage.nixplay.delete_photo(self._photos([photo_id])[0])

    def add_playlist(self, name: str, photo_ids: Sequence[str]) -> None:
        self._stage.nixplay.add_playlist(name, self._photos(photo_ids))

    def rename_playlist(self, playlist_id: str, name: str) -> None:
        self._playlist(playlist_id).name = name

    def delete_playlist(self, playlist_id: str) -> None:
        self._stage.nixplay.state.delete_playlist(self._stage.nixplay.account(), self._playlist(playlist_id))

    def set_playlist(self, playlist_id: str, photo_ids: Sequence[str]) -> None:
        state, playlist = self._stage.nixplay.state, self._playlist(playlist_id)
        state.remove_items(playlist, [])
        elsewhere = Foreign("https://example.com/elsewhere.jpg")
        contents = [self._photos([each])[0] if each else elsewhere for each in photo_ids]
        state.append_items(playlist, contents)

    # --- faults ---------------------------------------------------------------------------------------

    def trouble(self, method: str, how: How, times: int, pick: int) -> bool:
        operations = OPERATIONS[method]
        count = None if times >= LASTING else times
        self._arm(operations[pick % len(operations)], {**FAULTS[how], "count": count, "skip": pick // 10})
        return True

    def _arm(self, operation: Operation, fault: Mapping[str, Any]) -> None:
        place = PLACES[operation]
        where: dict[str, Any] = {"method": place.method, "host": place.host, "path": f"^{place.path}$"}
        self._stage.server.faults.add(Fault(**where, **fault))

    def limited(self, what: Limit, amount: int, pick: int) -> bool:
        options, google_options = self._stage.nixplay.options, self._stage.google.options
        match what:
            case Limit.LISTED:
                broken = {"kind": FaultKind.STATUS, "status": 500, "count": None, "skip": amount}
                self._arm(google.LIST_MEDIA_ITEMS, broken)
                return False  # It is not known whether it comes before the first listing of a cycle.
            case Limit.PHOTOS:
                options.photo_count_seconds = 3600.0 * amount
                return False
            case Limit.UNLISTED:
                rewrite = Rewrite(nixplay.LIST_PHOTOS, lambda body: _without(body, 1 + amount), 1 + pick)
                self._stage.wire.rewrites.append(rewrite)
            case Limit.LATE:
                options.listing_seconds = 3600.0
            case Limit.ROOM:
                stored = self._stage.nixplay.account().stored_bytes
                options.storage_limit_bytes = stored + BYTES_OF_A_PHOTO * amount
            case Limit.DOWNLOADS:
                google_options.media_requests_per_day = amount
            case _:
                return False
        return True

    def heal(self) -> None:
        self._stage.heal()
        options, google_options = self._stage.nixplay.options, self._stage.google.options
        options.photo_count_seconds, options.listing_seconds, options.storage_limit_bytes = 0.0, 0.0, None
        google_options.media_requests_per_day = None
        # The process remembers the rest of the daily quota.
        self._run(self._end())

    # --- picsync --------------------------------------------------------------------------------------

    def cycle(
        self, rule: Rule, interruptions: Sequence[Interruption] = (), *, dry_run: bool = False
    ) -> CycleReport | None:
        self._copies = [*self._copies[-4:], self._copy()]
        return self._run(self._cycle(rule, interruptions, dry_run=dry_run))

    async def _cycle(
        self, rule: Rule, interruptions: Sequence[Interruption], *, dry_run: bool
    ) -> CycleReport | None:
        tools = await self._begin()
        self._step, self._stopping = 0, False
        self._interruptions = {each.step: each.action for each in interruptions}
        albums = [album.album_id for album in self._albums.values()]
        album_rule = AlbumRule(rule, {"googlephotos": albums}, dry_run=dry_run)
        self._task = asyncio.create_task(run_cycle(album_rule, tools, stopping=lambda: self._stopping))
        try:
            await asyncio.wait([self._task])
            await self._stage.log.wait_for(lambda log: all(record.done for record in log.records))
            return None if self._task.cancelled() else self._task.result()
        finally:
            self._task, self._interruptions = None, {}
            if self._as_it_died is not None:
                await self._end()
                self._put_back(self._as_it_died)
                self._as_it_died = None

    async def _begin(self) -> Tools:
        if self._tools is None:
            self._process = AsyncExitStack()
            self._tools = await self._process.enter_async_context(self._stage.picsync(token_expired=False))
        return self._tools

    async def _end(self) -> None:
        if self._process is not None:
            await self._process.aclose()
        self._process = self._tools = None

    def _has_changed(self, change: str) -> None:
        self.changed(change)
        self._passing()

    def _passing(self) -> None:
        if self._task is None:
            return
        self._step += 1
        if action := self._interruptions.pop(self._step, None):
            action()

    def kill(self) -> None:
        self._as_it_died = self._copy()
        self._interruptions = {}
        self.break_off()

    def break_off(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        self._stopping = True

    def restart(self, fate: Fate, pick: int) -> None:
        as_it_is = self._copy()
        self._run(self._end())
        if fate is Fate.LOST:
            self._put_back(None)
        elif fate is Fate.OLDER and self._copies:
            self._put_back(self._copies[pick % len(self._copies)])
        elif fate is Fate.TORN:
            wal = as_it_is / "cache.db-wal"
            if wal.exists():
                content = wal.read_bytes()
                wal.write_bytes(content[: len(content) * pick // 30])
            self._put_back(as_it_is)

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
        return {
            "writes": self._stage.nixplay.counters.total(),
            "downloads": self._stage.log.asked(DOWNLOAD),
        }

    def close(self) -> None:
        self._run(self._end())
        self._run(self._stack.aclose())
        self._runner.close()
        shutil.rmtree(self._folder)


def _photo_id(item: PlaylistItem) -> str:
    return str(item.content.photo_id) if isinstance(item.content, Photo) else ""


def _without(body: bytes, count: int) -> bytes:
    """Omit the last photos of a page."""
    answer = json.loads(body)
    return json.dumps({**answer, "photos": answer["photos"][:-count]}).encode()
