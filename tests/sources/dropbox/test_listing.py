from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from picsync.core.errors import FailureCode, LoginNeeded
from picsync.core.events import LoggedIn, LoginRefused
from picsync.core.model import Listing, StoredListing
from picsync.emulators.faults import Fault, FaultKind
from picsync.sources.base import sources_changed
from picsync.sources.dropbox.options import DropboxEntry
from picsync.sources.dropbox.source import DropboxSource
from picsync.sync.shared import Listings
from picsync.vendors.dropbox.tokens import Login
from tests.sources.dropbox.dropbox_server import DropboxServer, dropbox_server, names


@pytest.fixture
async def server() -> AsyncIterator[DropboxServer]:
    async with dropbox_server() as running:
        yield running


async def again(server: DropboxServer, source: DropboxSource, album: str) -> tuple[Listing, list[str]]:
    """List again; return the listing and the calls that it took."""
    before = len(server.names())
    return await source.list(album), server.names()[before:]


async def test_a_folder_is_listed_by_path_and_its_files_by_their_own_marks(server: DropboxServer) -> None:
    first = server.add("/Family/b.jpg")
    server.add("/Family/a.heic")
    for name in ("notes.txt", ".hidden.jpg", "c.jpg.part", "Below/d.jpg"):
        server.add(f"/Family/{name}")
    listing = await server.listed("/family/")
    assert listing.complete
    assert names(listing) == ["a.heic", "b.jpg"]
    item = listing.items[1]
    assert (item.item_id, item.version, item.content_hash) == (first.entry_id, first.rev, first.content_hash)
    assert (item.mime_type, item.size_bytes) == ("image/jpeg", first.size)
    assert item.taken_at is not None
    assert item.taken_at.timestamp() == first.client_modified


async def test_subfolders_and_patterns(server: DropboxServer) -> None:
    for path in (
        "a.jpg",
        "2024/b.jpg",
        "2024/raw/c.jpg",
        "2025/d.png",
        "@eaDir/e.jpg",
        "2025/f screenshot.png",
    ):
        server.add(f"/F/{path}")
    assert names(await server.listed({"path": "/f", "recursive": True})) == [
        "b.jpg", "c.jpg", "d.png", "f screenshot.png", "a.jpg",
    ]  # fmt: skip
    wanted = {
        "path": "/F",
        "recursive": True,
        "include": ["2024/**", "*.png"],
        "exclude": ["RAW", "*screenshot*"],
    }
    assert names(await server.listed(wanted)) == ["b.jpg", "d.png"]
    assert names(await server.listed({"path": "/", "recursive": True, "include": "F/2025/*"})) == [
        "d.png", "f screenshot.png",
    ]  # fmt: skip


async def test_a_steady_cycle_costs_one_call_also_after_a_restart(server: DropboxServer) -> None:
    server.options.page_cap = 2
    for number in range(5):
        server.add(f"/F/{number}.jpg")
    source = server.source("/F")
    first = await source.list("/F")
    listing, calls = await again(server, source, "/F")
    assert (listing, calls) == (first, ["files/list_folder/continue"])
    assert listing.items is first.items
    restarted, calls = await again(server, server.source("/F"), "/F")
    assert (restarted, calls) == (first, ["files/list_folder/continue"])
    assert len(server.memory.saves) == 1


async def test_changes_are_added_to_what_is_known_and_stored_with_the_cursor(server: DropboxServer) -> None:
    old, moved = server.add("/F/old.jpg"), server.add("/F/x/moved.jpg")
    entry = {"path": "/F", "recursive": True}
    source = server.source(DropboxEntry.model_validate(entry))
    album = "/F (recursive)"
    await source.list(album)
    server.dropbox.delete(old)
    server.dropbox.move(moved, "/F/y/renamed.jpg")
    server.add("/F/new.jpg")
    listing, calls = await again(server, source, album)
    assert (names(listing), calls) == (["new.jpg", "renamed.jpg"], ["files/list_folder/continue"])
    assert listing.items[1].item_id == moved.entry_id
    update = server.memory.saves[-1]
    assert not update.replace
    assert set(update.changed) >= {"/f/new.jpg", "/f/y/renamed.jpg"}
    assert {"/f/old.jpg", "/f/x/moved.jpg"} <= set(update.removed)
    assert await server.source(DropboxEntry.model_validate(entry)).list(album) == listing


@pytest.mark.parametrize("fails", [False, True])
async def test_a_void_cursor_starts_over_and_deletes_nothing_on_the_way(fails: bool) -> None:
    async with dropbox_server(page_cap=2) as server:
        files = [server.add(f"/F/{number}.jpg") for number in range(6)]
        source = server.source("/F")
        before = await source.list("/F")
        server.dropbox.reset_cursors()
        server.dropbox.delete(files[0])
        if fails:
            # The second page of the new listing.
            server.fail(Fault(kind=FaultKind.STATUS, path="continue", skip=1, count=None))
            listing = await source.list("/F")
            assert not listing.complete
            assert listing.items == before.items
            assert len(server.memory.saves) == 1
            server.server.faults.clear()
        listing = await source.list("/F")
        assert listing.complete
        assert names(listing) == [f"{number}.jpg" for number in range(1, 6)]
        assert server.memory.saves[-1].replace
        assert (await server.source("/F").list("/F")).items == listing.items


async def test_changes_that_break_off_go_on_where_they_stopped(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    source = server.source("/F")
    await source.list("/F")
    server.options.page_cap = 1
    for name in "bcd":
        server.add(f"/F/{name}.jpg")
    server.fail(Fault(kind=FaultKind.STATUS, path="continue", skip=1, count=None))
    listing = await source.list("/F")
    assert (names(listing), listing.cause) == (["a.jpg", "b.jpg"], FailureCode.UNAVAILABLE)
    server.server.faults.clear()
    listing, calls = await again(server, server.source("/F"), "/F")
    assert (names(listing), len(calls)) == (["a.jpg", "b.jpg", "c.jpg", "d.jpg"], 2)


async def test_hostile_pages_are_read(server: DropboxServer) -> None:
    options = server.options
    options.page_cap, options.empty_page_every = 1, 2
    options.repeat_entries = options.unknown_deletions = options.without_hash = True
    for name in ("a", "Größe 🦄", "e\u0301 \u007f"):
        server.add(f"/F/{name}.jpg")
    listing = await server.listed("/F")
    assert listing.complete
    assert len(listing.items) == 3
    assert {item.content_hash for item in listing.items} == {""}


async def test_a_stored_listing_that_cannot_be_read_is_listed_again(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    await server.listed("/F")
    stored = server.memory.stored["/F"]
    for spoilt in (
        StoredListing("other", stored.cursor, stored.entries),
        StoredListing(stored.arguments, stored.cursor, {"/f/a.jpg": "{"}),
        StoredListing(stored.arguments, stored.cursor, {"/f/a.jpg": '["file", 1]'}),
    ):
        server.memory.stored["/F"] = spoilt
        listing, calls = await again(server, server.source("/F"), "/F")
        assert (names(listing), calls) == (["a.jpg"], ["files/list_folder"])


async def test_a_folder_that_is_gone_or_no_folder_is_no_empty_album(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    source = server.source("/F")
    before = await source.list("/F")
    folder = server.dropbox.find("/F")
    assert folder is not None
    server.dropbox.delete(folder)
    gone = await source.list("/F")
    assert (gone.complete, gone.cause, gone.items) == (False, FailureCode.NOT_FOUND, before.items)
    assert "There is no folder /F" in str(gone.problem)
    server.dropbox.put("/F", b"now a file")
    replaced = await source.list("/F")
    assert (replaced.complete, replaced.items) == (False, before.items)
    server.memory.stored.clear()
    assert "is a file, not a folder" in str((await server.listed("/F")).problem)


async def test_a_path_that_an_app_folder_does_not_contain_says_so(server: DropboxServer) -> None:
    server.add("/Family/a.jpg")
    app = server.dropbox.add_app(folder="Frame")
    listing = await server.listed("/Family", login=server.login(app=app))
    assert "App folder" in str(listing.problem)
    server.add("/Apps/Frame/b.jpg")
    assert names(await server.listed("/", login=server.login(app=app))) == ["b.jpg"]


async def test_somebody_else_s_folder_by_link_with_its_subfolders(server: DropboxServer) -> None:
    hans = server.dropbox.add_user("Hans")
    for path in ("b.jpg", "Day 1/a.jpg", "Day 1/Deep/c.jpg", "#recycle/x.jpg"):
        server.add(f"/Trip/{path}", user=hans)
    link = server.share("/Trip", user=hans)
    login = Login(server.dropbox.app.key, server.dropbox.app.secret)
    assert names(await server.listed(link.url, login=login)) == ["b.jpg"]
    entry = DropboxEntry(link=link.url, recursive=True)
    source = server.source(entry, login=login)
    listing = await source.list(str(entry))
    assert names(listing) == ["c.jpg", "a.jpg", "b.jpg"]
    _, calls = await again(server, source, str(entry))
    assert calls == ["files/list_folder/continue"] * 3
    deep = server.dropbox.find("/Trip/Day 1/Deep", user=hans)
    assert deep is not None
    server.dropbox.delete(deep, user=hans)
    assert names(await source.list(str(entry))) == ["a.jpg", "b.jpg"]
    before = await source.list(str(entry))
    link.revoked = True
    revoked = await source.list(str(entry))
    assert (revoked.complete, revoked.items) == (False, before.items)
    assert "revoked" in str(revoked.problem)
    assert link.url not in str(revoked) + str(entry) + repr(entry) + str(server.memory.stored.keys())


async def test_links_with_passwords_and_links_of_files(server: DropboxServer) -> None:
    server.add("/Trip/a.jpg")
    locked = server.share("/Trip", password="sesame")
    listing = await server.listed(locked.url)
    assert "link_password" in str(listing.problem)
    assert names(await server.listed(locked.url, link_password="sesame")) == ["a.jpg"]
    file = server.share("/Trip/a.jpg")
    url = file.url.replace("/scl/fi/", "/scl/fo/")
    file.url = url
    assert "of a file" in str((await server.listed(url)).problem)


async def test_a_login_that_is_refused_is_raised_and_told_once_accepted_again(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    source = server.source("/F")
    await source.list("/F")
    await source.list("/F")
    server.dropbox.revoke_all()
    with pytest.raises(LoginNeeded, match="revoked"):
        await source.list("/F")
    told = [type(event) for event in server.events if isinstance(event, LoggedIn | LoginRefused)]
    assert told == [LoggedIn, LoginRefused]


async def test_the_entries_and_the_folders_at_the_top_are_the_albums(server: DropboxServer) -> None:
    server.add("/Family/a.jpg")
    server.add("/Other/a.jpg")
    source = server.source("/Family", "/Family/Deep")
    assert [album.album_id async for album in source.albums()] == ["/Family", "/Family/Deep", "/Other"]


async def test_changes_are_noticed_at_once_and_told_once(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    source = server.source("/F")
    waiting = asyncio.create_task(source.changed("/F"))
    await source.list("/F")
    await server.server.log.wait_for(lambda log: log.count(path="longpoll") == 1)
    server.add("/F/b.jpg")
    await waiting
    # Until the folder was listed again, the same change is not told again.
    waiting = asyncio.create_task(source.changed("/F"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await source.list("/F")
    await server.server.log.wait_for(lambda log: log.count(path="longpoll") == 2)
    server.dropbox.reset_cursors()
    server.add("/F/c.jpg")
    await waiting


async def test_a_listing_in_the_meantime_has_seen_the_change(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    source = server.source("/F")
    await source.list("/F")
    held = asyncio.Event()

    async def pause(_: float) -> None:
        await held.wait()

    server.fail(Fault(kind=FaultKind.STATUS, status=400, path="longpoll", body="trouble"))
    source._sleep = pause
    waiting = asyncio.create_task(source.changed("/F"))
    await server.server.log.wait_for(lambda log: log.count(path="longpoll", status=400) == 1)
    server.add("/F/b.jpg")
    await source.list("/F")
    held.set()
    await server.server.log.wait_for(lambda log: log.count(path="longpoll") == 2)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_change_that_one_rule_has_seen_is_told_to_the_others(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    source, listings = server.source("/F"), Listings()

    def noticed(job: str) -> asyncio.Future[None]:
        return asyncio.ensure_future(
            sources_changed({"dropbox": ["/F"]}, {"dropbox": source}, listings.newer(job))
        )

    for job in ("kitchen", "hall"):
        await listings.list(source, "dropbox", "/F", job=job)
    server.add("/F/b.jpg")
    await noticed("kitchen")
    # The other one is in the pause after its last cycle, and begins to wait only after this listing.
    await listings.list(source, "dropbox", "/F", job="kitchen")
    polls = server.server.log.count(path="longpoll")
    await noticed("hall")
    await listings.list(source, "dropbox", "/F", job="hall")
    # Now both have seen everything.
    waiting = [noticed("kitchen"), noticed("hall")]
    await server.server.log.wait_for(lambda log: log.count(path="longpoll") >= polls + 2)
    assert not any(each.done() for each in waiting)
    server.add("/F/c.jpg")
    await asyncio.gather(*waiting)


async def test_a_folder_by_link_tells_of_no_changes(server: DropboxServer) -> None:
    server.add("/F/a.jpg")
    entry = DropboxEntry(link=server.share("/F").url)
    source = server.source(entry)
    await source.list(str(entry))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.changed(str(entry)), 0.01)
    assert server.requests("longpoll") == []
