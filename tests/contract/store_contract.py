"""Requirements of every store, whatever its service: a subclass with a fixture makes it a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from picsync.core.contenthash import ContentHash
from picsync.core.errors import CacheError, NotFoundError, RefusedError
from picsync.core.places import join, split
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    Content,
    CursorResetError,
    Entry,
    EntryKind,
    Move,
    Store,
    Write,
    Written,
    entries_of,
)

NAMES = (
    "a.jpg",
    "Größe 北京 é.jpg",
    "%2F?a=b&c#d .jpg",
    "no extension",
    "\N{SMILING FACE WITH SUNGLASSES}.png",
)
WHEN = datetime(2015, 2, 12, 0, 5, 58, tzinfo=UTC)


@dataclass
class StoreWorld:
    """A store with a folder that is empty at first, whose content a test can change by other means."""

    store: Store
    folder: str
    put: Callable[[str, bytes], Awaitable[None]]
    """Writes a file as another program would, replacing what is at its path; creates folders."""
    get: Callable[[str], Awaitable[bytes | None]]
    """Returns the content of a file by other means; None if there is none."""
    remove: Callable[[str], Awaitable[None]]
    """Removes a file or folder by other means."""
    another: Callable[[], Store]
    """Opens another store for the same files."""

    def at(self, name: str) -> str:
        """The path of something in the folder."""
        return join(self.folder, name)

    async def add(self, name: str, data: bytes = b"bytes") -> Entry:
        """Put a file into the folder; return it as the store lists it."""
        await self.put(self.at(name), data)
        return await self.entry(name)

    async def entry(self, name: str) -> Entry:
        """Return the entry at a path."""
        found = await self.store.stat(self.at(name))
        assert found is not None
        return found

    async def names(self, *, recursive: bool = False) -> list[str]:
        """Return the paths below the folder, by a listing."""
        found, unlisted, _ = await entries_of(self.store, self.folder, recursive=recursive)
        assert not unlisted
        return sorted(entry.path[len(self.folder) + 1 :] for entry in found)


def content(data: bytes, chunk: int = 7) -> Content:
    """Return the content of a file, in small chunks."""

    async def read(start: int) -> AsyncIterator[bytes]:
        for at in range(start, len(data), chunk):
            yield data[at : at + chunk]

    return read


def hash_of(data: bytes) -> str:
    found = ContentHash()
    found.update(data)
    return found.hexdigest()


async def whole(store: Store, entry: Entry, start: int = 0) -> bytes:
    """Return a file's bytes."""
    return b"".join([chunk async for chunk in store.read(entry, start)])


async def vanished(_start: int) -> AsyncIterator[bytes]:
    """The content of a file that goes while it is read."""
    yield b"one"
    raise ChangedError("it is no longer there.")


async def written(store: Store, writes: Iterable[Write]) -> dict[str, Written]:
    """Write files; return the outcomes by path."""
    found: dict[str, Written] = {}
    calls = 0

    async def done(outcomes: Sequence[Written]) -> None:
        nonlocal calls
        calls += 1
        assert calls == 1, "outcomes are reported one call at a time"
        await asyncio.sleep(0)
        found.update((each.write.path, each) for each in outcomes)
        calls -= 1

    await store.write_all(writes, done)
    return found


class StoreContract:
    """Subclasses provide the fixture `world` and close its store."""

    @pytest.fixture
    async def world(self) -> StoreWorld:
        raise NotImplementedError

    # --- listing --------------------------------------------------------------------------------------

    async def test_an_empty_folder_has_no_entries(self, world: StoreWorld) -> None:
        assert await world.names() == []

    async def test_a_folder_that_is_missing_is_an_error(self, world: StoreWorld) -> None:
        with pytest.raises(NotFoundError, match="nowhere"):
            await entries_of(world.store, world.at("nowhere"))

    async def test_a_file_is_no_folder(self, world: StoreWorld) -> None:
        await world.add("a.jpg")
        with pytest.raises(RefusedError):
            await entries_of(world.store, world.at("a.jpg"))

    async def test_names_are_kept(self, world: StoreWorld) -> None:
        for name in NAMES:
            await world.add(name)
        assert await world.names() == sorted(NAMES)

    async def test_a_listing_says_what_the_files_are(self, world: StoreWorld) -> None:
        await world.add("a.jpg", b"12345")
        await world.add("sub/b.jpg", b"")
        listed, _, _ = await entries_of(world.store, world.folder)
        by_name = {entry.name: entry for entry in listed}
        assert by_name.keys() == {"a.jpg", "sub"}
        assert by_name["sub"].kind is EntryKind.FOLDER
        file = by_name["a.jpg"]
        assert (file.kind, file.size_bytes, file.folder) == (EntryKind.FILE, 5, world.folder)
        assert file.modified_at is not None
        assert file.modified_at.tzinfo is not None
        assert file.rev
        assert replace(file, settled=True) == await world.store.stat(file.path)

    async def test_a_recursive_listing_has_everything_below(self, world: StoreWorld) -> None:
        await world.add("a.jpg")
        await world.add("x/y/b.jpg")
        assert await world.names(recursive=True) == ["a.jpg", "x", "x/y", "x/y/b.jpg"]
        assert await world.names() == ["a.jpg", "x"]

    async def test_listings_may_run_at_the_same_time(self, world: StoreWorld) -> None:
        await world.add("a.jpg")
        found = await asyncio.gather(*(world.names() for _ in range(4)))
        assert found == [["a.jpg"]] * 4

    async def test_changes_continue_a_listing_or_ask_for_a_new_one(self, world: StoreWorld) -> None:
        gone = await world.add("gone.jpg")
        await world.add("kept.jpg")
        _, _, cursor = await entries_of(world.store, world.folder)
        assert cursor or not world.store.capabilities.cursors
        await world.remove(gone.path)
        await world.add("new.jpg")
        if not world.store.capabilities.cursors:
            with pytest.raises(CursorResetError):
                [page async for page in world.store.changes(world.folder, cursor)]
            return
        pages = [page async for page in world.store.changes(world.folder, cursor)]
        assert [entry.name for page in pages for entry in page.entries] == ["new.jpg"]
        assert [key for page in pages for key in page.gone] == [gone.key]
        later = [page async for page in world.store.changes(world.folder, pages[-1].cursor)]
        assert not any(page.entries for page in later)

    async def test_nothing_is_at_a_free_path(self, world: StoreWorld) -> None:
        assert await world.store.stat(world.at("nothing")) is None
        assert await world.store.stat(world.at("no/thing")) is None

    async def test_a_new_version_has_another_rev(self, world: StoreWorld) -> None:
        before = await world.add("a.jpg", b"one")
        assert (await world.add("a.jpg", b"three")).rev != before.rev

    # --- reading --------------------------------------------------------------------------------------

    async def test_files_are_read_whole_and_in_parts(self, world: StoreWorld) -> None:
        data = bytes(range(256)) * 9000
        entry = await world.add("a.jpg", data)
        assert await whole(world.store, entry) == data
        assert await whole(world.store, entry, 2_000_000) == data[2_000_000:]
        assert await world.store.read_part(entry, 100, 50) == data[100:150]
        assert await world.store.read_part(entry, len(data) - 10, 50) == data[-10:]
        assert await world.store.content_hash(entry) == hash_of(data)

    async def test_an_empty_file_is_read(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"")
        assert await whole(world.store, entry) == b""
        assert await world.store.read_part(entry, 0, 10) == b""
        assert await world.store.content_hash(entry) == hash_of(b"")

    async def test_another_version_is_not_read(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"one")
        await world.put(entry.path, b"another")
        with pytest.raises(ChangedError):
            await whole(world.store, entry)
        with pytest.raises(ChangedError):
            await world.store.read_part(entry, 0, 3)

    async def test_a_file_that_is_gone_has_changed(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"one")
        await world.remove(entry.path)
        with pytest.raises(ChangedError):
            await whole(world.store, entry)

    # --- writing --------------------------------------------------------------------------------------

    async def test_a_file_is_written_with_its_folders_and_time(self, world: StoreWorld) -> None:
        path = world.at("x/y/new.jpg")
        entry = await world.store.write(path, content(b"the bytes"), 9, modified_at=WHEN)
        assert (entry.path, entry.size_bytes, entry.modified_at) == (path, 9, WHEN)
        assert await world.get(path) == b"the bytes"
        assert await world.names(recursive=True) == ["x", "x/y", "x/y/new.jpg"]

    async def test_writing_never_overwrites(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"first")
        with pytest.raises(ConflictError):
            await world.store.write(entry.path, content(b"other"), 5)
        assert await world.get(entry.path) == b"first"
        again = await world.store.write(entry.path, content(b"first"), 5)
        assert again.path == entry.path
        assert await world.names() == ["a.jpg"]

    async def test_a_version_is_replaced_only_if_it_is_the_seen_one(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"first")
        newer = await world.store.replace(entry, content(b"second"), 6)
        assert await world.get(entry.path) == b"second"
        with pytest.raises(ChangedError):
            await world.store.replace(entry, content(b"third"), 5)
        assert await world.get(entry.path) == b"second"
        assert newer.rev != entry.rev

    async def test_many_files_are_written_and_fail_independently(self, world: StoreWorld) -> None:
        seen = await world.add("old.jpg", b"old")
        stale = await world.add("stale.jpg", b"stale")
        await world.add("taken.jpg", b"somebody's")
        await world.add("same.jpg", b"same")
        await world.put(stale.path, b"newer")
        data = {f"new/{number}.jpg": b"%d" % number * number for number in range(20)}
        writes = [Write(world.at(name), content(each), len(each), WHEN) for name, each in data.items()]
        writes += [
            Write(seen.path, content(b"replaced"), 8, replaces=seen),
            Write(stale.path, content(b"mine"), 4, replaces=stale),
            Write(world.at("taken.jpg"), content(b"mine"), 4),
            Write(world.at("same.jpg"), content(b"same"), 4),
            Write(world.at("vanished.jpg"), vanished, 5),
        ]
        found = await written(world.store, writes)
        assert found.keys() == {write.path for write in writes}
        for name, each in data.items():
            entry = found[world.at(name)].entry
            assert entry is not None, found[world.at(name)].error
            assert (entry.size_bytes, entry.content_hash, entry.modified_at) == (
                len(each), hash_of(each), WHEN,
            )  # fmt: skip
            assert await world.get(entry.path) == each
        assert await world.get(seen.path) == b"replaced"
        assert await world.get(world.at("same.jpg")) == b"same"
        errors = {split(path)[1]: type(one.error) for path, one in found.items() if one.entry is None}
        assert errors == {
            "stale.jpg": ChangedError, "taken.jpg": ConflictError, "vanished.jpg": ChangedError,
        }  # fmt: skip
        assert await world.get(stale.path) == b"newer"
        assert await world.get(world.at("taken.jpg")) == b"somebody's"

    @pytest.mark.parametrize("count", [0, 1])
    async def test_few_files_are_written_like_many(self, world: StoreWorld, count: int) -> None:
        found = await written(world.store, [Write(world.at("a.jpg"), content(b"one"), 3)] * count)
        assert len(found) == count
        assert await world.names() == ["a.jpg"] * count

    async def test_writes_end_early(self, world: StoreWorld) -> None:
        asked = []

        def writes() -> Iterator[Write]:
            for number in range(1000):
                asked.append(number)
                yield Write(world.at(f"{number}.jpg"), content(b"one"), 3)
                if number >= 40:
                    return

        found = await written(world.store, writes())
        assert len(found) == len(asked) == len(await world.names())

    async def test_what_reports_outcomes_may_fail(self, world: StoreWorld) -> None:
        async def done(_outcomes: Sequence[Written]) -> None:
            raise CacheError("full", hint="")

        with pytest.raises(CacheError):
            await world.store.write_all(
                [Write(world.at(f"{number}.jpg"), content(b"one"), 3) for number in range(3)], done
            )

    async def test_a_log_grows(self, world: StoreWorld) -> None:
        path = world.at("Logs/log.txt")
        first = await world.store.append(path, b"one\n", None)
        second = await world.store.append(path, b"two\n", first)
        assert second.size_bytes == 8
        assert await world.get(path) == b"one\ntwo\n"
        for seen in (first, None):
            with pytest.raises(ChangedError):
                await world.store.append(path, b"three\n", seen)
        assert await world.get(path) == b"one\ntwo\n"
        assert await world.names(recursive=True) == ["Logs", "Logs/log.txt"]

    # --- moving ---------------------------------------------------------------------------------------

    async def test_a_file_is_moved_to_a_new_folder(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"one")
        to = world.at("2015/2015-02/b.jpg")
        moved = await world.store.move(Move(entry, to, "t1"))
        assert (moved.path, moved.size_bytes, moved.id) == (to, 3, entry.id)
        assert await world.get(to) == b"one"
        assert await world.get(entry.path) is None
        assert await whole(world.store, moved) == b"one"

    async def test_moving_never_overwrites(self, world: StoreWorld) -> None:
        entry, other = await world.add("a.jpg", b"one"), await world.add("x/b.jpg", b"two")
        for to in (other.path, other.folder):
            with pytest.raises(ConflictError):
                await world.store.move(Move(entry, to, "t1"))
        assert await world.get(entry.path) == b"one"
        assert await world.get(other.path) == b"two"

    async def test_a_file_in_place_of_a_folder_is_kept(self, world: StoreWorld) -> None:
        entry, other = await world.add("a.jpg", b"one"), await world.add("2015", b"two")
        with pytest.raises(ConflictError):
            await world.store.move(Move(entry, world.at("2015/a.jpg"), "t1"))
        assert (await world.get(entry.path), await world.get(other.path)) == (b"one", b"two")

    async def test_a_file_that_is_gone_is_not_moved(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg")
        await world.remove(entry.path)
        with pytest.raises((NotFoundError, ChangedError)):
            await world.store.move(Move(entry, world.at("x/a.jpg"), "t1"))

    async def test_many_moves_fail_independently(self, world: StoreWorld) -> None:
        entries = [await world.add(f"{number}.jpg", b"%d" % number) for number in range(5)]
        await world.add("to/1.jpg", b"in the way")
        await world.remove(entries[3].path)
        moves = [Move(each, world.at(f"to/{each.name}"), f"t{at}") for at, each in enumerate(entries)]
        moved = await world.store.move_all(moves)
        assert [each.move for each in moved] == moves
        assert [each.entry is not None for each in moved] == [True, False, True, False, True]
        assert isinstance(moved[1].error, ConflictError)
        assert isinstance(moved[3].error, NotFoundError | ChangedError)
        assert await world.names(recursive=True) == [
            "1.jpg", "to", "to/0.jpg", "to/1.jpg", "to/2.jpg", "to/4.jpg",
        ]  # fmt: skip
        assert await world.get(world.at("to/1.jpg")) == b"in the way"
        assert await world.store.move_all([]) == []

    async def test_a_move_that_happened_is_told_from_one_that_did_not(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"one")
        move = Move(entry, world.at("x/a.jpg"), "t1")
        assert await world.store.settle(move) is None
        await world.store.move(move)
        settled = await world.store.settle(move)
        assert settled is not None
        assert settled.path == move.to
        # A file with the same name that came later is another one.
        await world.add("a.jpg", b"two")
        assert await world.store.settle(move) is not None
        assert await world.get(entry.path) == b"two"

    async def test_a_file_in_the_way_is_not_taken_for_the_moved_one(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"one")
        await world.add("x/a.jpg", b"two")
        assert await world.store.settle(Move(entry, world.at("x/a.jpg"), "t1")) is None
        assert await world.get(entry.path) == b"one"

    # --- folders, deleting, changes -------------------------------------------------------------------

    async def test_folders_are_made(self, world: StoreWorld) -> None:
        for _ in range(2):
            made = await world.store.make_folder(world.at("x/y"))
            assert (made.kind, made.path) == (EntryKind.FOLDER, world.at("x/y"))
        await world.add("file")
        with pytest.raises(ConflictError):
            await world.store.make_folder(world.at("file"))

    async def test_deleting_is_done_once(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg")
        await world.store.delete(entry)
        await world.store.delete(entry)
        assert await world.names() == []

    async def test_a_newer_version_is_not_deleted(self, world: StoreWorld) -> None:
        entry = await world.add("a.jpg", b"one")
        await world.put(entry.path, b"newer")
        with pytest.raises(ChangedError):
            await world.store.delete(entry)
        assert await world.get(entry.path) == b"newer"

    async def test_many_deletions_fail_independently(self, world: StoreWorld) -> None:
        gone, stale, kept = [await world.add(f"{name}.jpg") for name in ("gone", "stale", "kept")]
        files = [await world.add(f"sub/{number}.jpg") for number in range(3)]
        await world.remove(gone.path)
        await world.put(stale.path, b"newer")
        outcomes = await world.store.delete_all([gone, stale, *files])
        assert [type(each) for each in outcomes] == [type(None), ChangedError, *[type(None)] * 3]
        assert await world.names(recursive=True) == ["kept.jpg", "stale.jpg", "sub"]
        assert await world.store.delete_all([await world.entry("sub")]) == [None]
        assert await world.store.delete_all([kept]) == [None]
        assert await world.store.delete_all([]) == []
        assert await world.names() == ["stale.jpg"]

    async def test_a_new_file_is_noticed(self, world: StoreWorld) -> None:
        if not world.store.capabilities.reports_changes:
            return
        await world.add("a.jpg")
        _, _, cursor = await entries_of(world.store, world.folder)
        waiting = asyncio.ensure_future(world.store.changed(world.folder, cursor))
        await world.put(world.at("b.jpg"), b"new")
        async with asyncio.timeout(30):
            await waiting

    async def test_closing_twice_is_safe(self, world: StoreWorld) -> None:
        await world.store.aclose()
        await world.store.aclose()

    # --- owners ---------------------------------------------------------------------------------------

    async def test_a_folder_has_one_owner(self, world: StoreWorld) -> None:
        assert await world.store.own(world.folder, "cabin 4711") == ""
        assert await world.store.own(world.folder, "cabin 4711") == ""
        other = world.another()
        assert await other.own(world.folder, "kiosk 42") == "cabin 4711"
        await world.store.aclose()
        await other.disown(world.folder)
        assert await other.own(world.folder, "kiosk 42") == ""
        await other.aclose()

    async def test_folders_on_one_volume(self, world: StoreWorld) -> None:
        await world.store.make_folder(world.at("one"))
        assert await world.store.one_volume([world.folder, world.at("one"), world.at("missing")]) == ""
