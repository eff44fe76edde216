from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from picsync.core.errors import (
    LoginNeeded,
    NotFoundError,
    ProtocolError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.emulators.dropbox import Contention, File, Refusal429
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google.content import read_all
from picsync.vendors.dropbox.api import (
    DOWNLOAD,
    Commit,
    FolderListing,
    Link,
    Uploaded,
    downloaded,
)
from picsync.vendors.dropbox.refusals import DropboxError, DropboxNotFoundError
from picsync.vendors.dropbox.tokens import Login
from tests.emulators.google_emulator import jpeg
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account, paths


@pytest.fixture
async def account() -> AsyncIterator[DropboxAccount]:
    async with dropbox_account() as running:
        yield running


def stored(account: DropboxAccount) -> dict[str, bytes]:
    entries = account.dropbox.owner.tree.entries.values()
    return {entry.path: read_all(entry.content) for entry in entries if isinstance(entry, File)}


async def fetched(account: DropboxAccount, path: str, start: int = 0) -> tuple[bytes, str]:
    data, revision = b"", ""

    async def consume(response: httpx.Response) -> None:
        nonlocal data, revision
        data, revision = await response.aread(), downloaded(DOWNLOAD, response).rev

    await account.apis[-1].download(path, consume, start=start)
    return data, revision


async def test_a_folder_is_listed_page_by_page_and_its_changes_follow(account: DropboxAccount) -> None:
    account.options.page_cap = 1
    for name in ("a", "Größe \u007f 🦄"):
        account.dropbox.put(f"/Family/{name}.jpg", name.encode())
    api = account.api()
    first = await api.list(FolderListing("/family"))
    second = await api.go_on(first.cursor)
    assert paths([*first.entries, *second.entries]) == ["/Family/a.jpg", "/Family/Größe \u007f 🦄.jpg"]
    assert (first.has_more, second.has_more) == (True, False)
    latest = await api.latest_cursor(FolderListing("/family"))
    polling = asyncio.create_task(api.poll(latest))
    await account.server.log.wait_for(lambda log: log.count(path="longpoll") == 1)
    gone = account.dropbox.find("/Family/a.jpg")
    assert gone is not None
    account.dropbox.delete(gone)
    assert (await polling).changes
    for cursor in (latest, second.cursor):
        (change,) = (await api.go_on(cursor)).entries
        assert (change.tag, change.key) == ("deleted", "/family/a.jpg")


async def test_calls_say_what_is_wrong_by_their_tags(account: DropboxAccount) -> None:
    file, api = account.dropbox.put("/a.jpg", b"a"), account.api()
    cursor = (await api.list(FolderListing(""))).cursor
    account.dropbox.reset_cursors()
    with pytest.raises(DropboxError) as reset:
        await api.go_on(cursor)
    assert reset.value.tags == ("reset",)
    with pytest.raises(DropboxError) as no_folder:
        await api.list(FolderListing("/a.jpg"))
    assert no_folder.value.tags == ("path", "not_folder")
    for missing in (api.list(FolderListing("/none")), api.look_at("/none"), api.look_at("id:none")):
        with pytest.raises(DropboxNotFoundError) as not_found:
            await missing
        assert isinstance(not_found.value, NotFoundError)
    with pytest.raises(DropboxError) as conflict:
        await api.upload(Commit("/a.jpg"), b"other")
    assert conflict.value.has("conflict", "file")
    assert str(conflict.value.fields["upload_session_id"]).startswith("pid_upload_session:")
    with pytest.raises(DropboxError) as changed:
        await api.delete("/a.jpg", rev="0123456789")
    assert changed.value.has("path_write", "conflict")
    with pytest.raises(DropboxError, match="does not accept this name"):
        await api.upload(Commit("/desktop.ini"), b"x")
    with pytest.raises(RefusedError, match="does not understand the request"):
        await api.look_at("no-slash")
    assert (await api.look_at(file.entry_id)).path_display == "/a.jpg"
    assert account.retries == []


async def test_bytes_come_from_an_offset_and_say_their_revision(account: DropboxAccount) -> None:
    first = account.dropbox.put("/a.jpg", b"0123456789")
    rev = first.rev
    account.api()
    assert await fetched(account, "/a.jpg", start=4) == (b"456789", rev)
    account.dropbox.put("/a.jpg", b"new")
    assert await fetched(account, f"rev:{rev}") == (b"0123456789", rev)


async def test_uploads_are_repeated_without_a_conflict(account: DropboxAccount) -> None:
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="files/upload$"))
    api, calls = account.api(), 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal calls
        calls += 1
        yield b"pic"
        yield b"ture"

    done = await api.upload(Commit("/New/a.jpg"), content, size_bytes=7)
    assert (done.size, calls, stored(account)) == (7, 2, {"/New/a.jpg": b"picture"})
    newer = await api.upload(Commit("/New/a.jpg", update=done.rev), b"newer")
    with pytest.raises(DropboxError):
        await api.upload(Commit("/New/a.jpg", update=done.rev), b"too late")
    assert (newer.id, stored(account)) == (done.id, {"/New/a.jpg": b"newer"})


async def test_a_session_goes_on_where_it_stopped(account: DropboxAccount) -> None:
    api = account.api()
    session = await api.start_session(b"one ")
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="append_v2"))
    assert await api.append(session, 4, b"two ") == 8
    assert await api.append(session, 4, b"two ") == 8
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="append_v2"))
    assert await api.append(session, 8, b"three", close=True) == 13
    assert (await api.finish(session, 13, Commit("/all.txt"))).size == 13
    assert stored(account) == {"/all.txt": b"one two three"}
    with pytest.raises(DropboxError) as gone:
        await api.finish(session, 13, Commit("/again.txt"))
    assert gone.value.tags == ("lookup_failed", "not_found")


async def test_sessions_are_committed_together_and_fail_alone(account: DropboxAccount) -> None:
    account.dropbox.put("/taken.jpg", b"there")
    account.options.locked_entries = 1
    api = account.api()
    uploads = [
        Uploaded(await api.start_session(data, close=True), len(data), Commit(path))
        for path, data in (("/a.jpg", b"a"), ("/taken.jpg", b"b"), ("/c.jpg", b"c"))
    ]
    locked, conflict, done = await api.finish_all(uploads)
    assert isinstance(locked.error, TransientError)
    assert isinstance(conflict.error, DropboxError)
    assert conflict.error.has("conflict", "file")
    assert done.metadata is not None
    assert done.metadata.path_display == "/c.jpg"
    (again,) = await api.finish_all(uploads[:1])
    assert again.metadata is not None


@pytest.mark.parametrize("at_once", [True, False])
async def test_files_are_moved_and_deleted_as_jobs(at_once: bool) -> None:
    async with dropbox_account(slow_jobs=2, jobs_at_once=at_once) as account:
        account.dropbox.put("/In/a.jpg", b"a")
        rev = account.dropbox.put("/In/b.jpg", b"b").rev
        api = account.api()
        moved, missing = await api.move_all([("/In/a.jpg", "/2026/a.jpg"), ("/In/x.jpg", "/2026/x.jpg")])
        assert moved.metadata is not None
        assert isinstance(missing.error, DropboxNotFoundError)
        deleted, other = await api.delete_all([("/In/b.jpg", rev), ("/2026/a.jpg", "0123456789")])
        assert deleted.metadata is not None
        assert other.error is not None
        assert stored(account) == {"/2026/a.jpg": b"a"}
        assert bool(account.waits) is not at_once


async def test_folders_moves_copies_and_deletions_one_by_one(account: DropboxAccount) -> None:
    api = account.api()
    made = await api.create_folder("/New")
    assert made is not None
    assert await api.create_folder("/new") is None
    account.dropbox.put("/New/a.jpg", b"a")
    assert (await api.move("/New", "/Old")).tag == "folder"
    assert (await api.copy("/Old/a.jpg", "/b.jpg")).tag == "file"
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="delete_v2"))
    assert await api.delete("/Old") is None  # the repeated request finds nothing
    assert stored(account) == {"/b.jpg": b"a"}
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="move_v2"))
    with pytest.raises(TransientError):
        await api.move("/b.jpg", "/c.jpg")
    assert stored(account) == {"/c.jpg": b"a"}


@pytest.mark.parametrize("contention", list(Contention))
async def test_a_lock_that_is_taken_is_waited_for(contention: Contention) -> None:
    async with dropbox_account(locked_writes=1, contention=contention) as account:
        assert (await account.api().move_all([])) == []
        assert len(account.retries) == 1
        account.dropbox.put("/a.jpg", b"a")
        account.options.locked_writes = 1
        assert (await account.api().move("/a.jpg", "/b.jpg")).name == "b.jpg"


async def test_writes_of_one_account_exclude_each_other() -> None:
    async with dropbox_account(commit_s=0.01) as account:
        api = account.api()
        await asyncio.gather(*(api.upload(Commit(f"/{number}.jpg"), b"x") for number in range(5)))
        assert (len(stored(account)), account.retries) == (5, [])


@pytest.mark.parametrize(("form", "wait_s"), [(Refusal429.JSON, 15.0), (Refusal429.TEXT, 5.0)])
async def test_limits_are_waited_for(form: Refusal429, wait_s: float) -> None:
    async with dropbox_account(requests_per_minute=0, refusal=form) as account:
        with pytest.raises(TransientError) as limited:
            await account.api().list(FolderListing(""))
        assert limited.value.status == 429
        assert account.retries[0] == wait_s


async def test_the_body_tells_how_long_to_wait_if_no_header_does(account: DropboxAccount) -> None:
    body = '{"error": {"reason": {".tag": "too_many_requests"}, "retry_after": 33}}'
    account.fail(Fault(kind=FaultKind.STATUS, status=429, body=body, path="list_folder"))
    await account.api().list(FolderListing(""))
    assert account.retries == [33.0]


async def test_a_full_dropbox_is_named(account: DropboxAccount) -> None:
    account.options.space_bytes = 1
    with pytest.raises(QuotaError, match="full"):
        await account.api().upload(Commit("/a.jpg"), b"12")


async def test_scopes_that_are_missing_are_named() -> None:
    async with dropbox_account() as account:
        with pytest.raises(LoginNeeded, match=r"login does not have the permission `files\.content\.write`"):
            await account.api(account.login("files.metadata.read")).create_folder("/A")
        app = account.dropbox.add_app(scopes=["files.metadata.read"])
        with pytest.raises(
            LoginNeeded, match=r"app does not have the permission `files\.content\.write`"
        ) as error:
            await account.api(account.login("files.metadata.read", app=app)).create_folder("/A")
        assert "App Console" in error.value.hint


async def test_an_app_without_a_user_follows_links_only(account: DropboxAccount) -> None:
    account.dropbox.put("/Trip/a.jpg", jpeg(600, 400))
    trip = account.dropbox.find("/Trip")
    assert trip is not None
    shared = account.dropbox.share(trip, password="pass")
    app, link = account.dropbox.app, Link(shared.url, "pass")
    api = account.api(Login(app.key, app.secret))
    (entry,) = (await api.list(FolderListing("", link=link))).entries
    assert (entry.key, entry.path_lower) == ("a.jpg", None)
    assert (await api.open_link(link)).tag == "folder"
    sizes = []

    async def consume(response: httpx.Response) -> None:
        sizes.append(len(await response.aread()))

    await api.download_linked(link, "/a.jpg", consume)
    await api.thumbnail("/a.jpg", consume, link=link)
    assert sizes[0] > sizes[1]
    with pytest.raises(LoginNeeded):
        await api.list(FolderListing(""))
    with pytest.raises(DropboxError) as denied:
        await api.open_link(Link(shared.url))
    assert denied.value.tags == ("shared_link_access_denied",)
    shared.revoked = True
    with pytest.raises(DropboxNotFoundError):
        await api.list(FolderListing("", link=link))
    with pytest.raises(DropboxError) as revoked:
        await api.open_link(link)
    assert revoked.value.tags == ("shared_link_not_found",)
    with pytest.raises(LoginNeeded, match="key and secret"):
        await account.api(Login(app.key, "wrong")).open_link(link)


@pytest.mark.parametrize(
    ("others", "member", "limit", "free"),
    [
        (None, 0, "off", 997),
        (397, 0, "off", 600),
        (397, 0, "stop_sync", 600),
        (397, 100, "off", 600),
        (397, 100, "alert_only", 600),
        (397, 100, "stop_sync", 97),
        (947, 100, "stop_sync", 50),
        (397, 2, "stop_sync", 0),
        (2_000, 0, "off", 0),
    ],
)
async def test_what_is_free_in_an_account_and_in_a_team(
    account: DropboxAccount, others: int | None, member: int, limit: str, free: int
) -> None:
    account.dropbox.put("/a", b"abc")
    options = account.options
    options.space_bytes, options.others_bytes = 1_000, others
    options.member_bytes, options.member_limit = member, limit
    api = account.api()
    assert (await api.space()).free_bytes == free
    with pytest.raises(QuotaError, match="full"):
        await api.upload(Commit("/b"), bytes(free + 1))
    if free:
        await api.upload(Commit("/b"), bytes(free))
        assert (await api.space()).free_bytes == 0


async def test_the_account_tells_of_itself_and_ends_its_login(account: DropboxAccount) -> None:
    api = account.api()
    await api.check_login()
    assert (await api.account()).name.display_name == "Anna Example"
    assert (await api.space()).allocation.allocated == 2 * 2**30
    await api.revoke()
    with pytest.raises(LoginNeeded, match="revoked"):
        await api.check_login()


@pytest.mark.parametrize("body", ["", "[]", '{"entries": 1}', '{"entries": [], "has_more": false}', "<html>"])
async def test_answers_that_make_no_sense_are_no_empty_folders(account: DropboxAccount, body: str) -> None:
    account.fail(Fault(kind=FaultKind.BODY, body=body, path="list_folder", count=None))
    with pytest.raises(ProtocolError):
        await account.api().list(FolderListing(""))


async def test_unknown_tags_fields_and_reasons_are_tolerated(account: DropboxAccount) -> None:
    page = '{"entries": [{".tag": "symlink", "name": "x", "new": [1]}], "cursor": "c", "has_more": false}'
    account.fail(Fault(kind=FaultKind.BODY, body=page, path="list_folder"))
    (entry,) = (await account.api().list(FolderListing(""))).entries
    assert entry.tag == "symlink"
    error = '{"error": {".tag": "brand_new", "brand_new": {".tag": "deeper"}}}'
    account.fail(Fault(kind=FaultKind.STATUS, status=409, body=error, path="list_folder"))
    with pytest.raises(DropboxError, match="brand_new/deeper"):
        await account.api().list(FolderListing(""))


@pytest.mark.parametrize(
    ("reason", "delayed"), [("too_many_requests", True), ("too_many_write_operations", False)]
)
async def test_a_429_delays_all_requests_of_the_account(reason: str, delayed: bool) -> None:
    async with dropbox_account() as account:
        api = account.api()
        await api.check_login()
        body = f'{{"error": {{"reason": {{".tag": "{reason}"}}, "retry_after": 60}}}}'
        account.fail(Fault(kind=FaultKind.STATUS, path="create_folder", status=429, body=body))
        await api.create_folder("/a")
        (own,) = account.waits
        await api.list(FolderListing(""))
        assert own == 60.0
        assert [0 < wait <= 60.0 for wait in account.waits[1:]] == [True] * delayed
