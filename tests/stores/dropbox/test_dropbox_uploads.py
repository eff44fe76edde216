"""Writing to Dropbox: commits in batches, answers that are lost, sessions that are continued."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from picsync.core.errors import QuotaError, RefusedError
from picsync.emulators.faults import Fault, FaultKind
from picsync.stores.base import ChangedError, Write
from picsync.stores.dropbox import uploads
from picsync.stores.dropbox.store import DropboxStore
from tests.contract.store_contract import StoreWorld, content, written
from tests.stores.dropbox.world import dropbox_world
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

START = "files/upload_session/start"
APPEND = "files/upload_session/append_v2"
FINISH = "files/upload_session/finish_batch_v2"
LARGE = bytes(range(256)) * 20


@pytest.fixture
async def account() -> AsyncIterator[DropboxAccount]:
    async with dropbox_account() as found:
        yield found


@pytest.fixture
async def world(account: DropboxAccount) -> StoreWorld:
    return await dropbox_world(account)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 1000)


def small(world: StoreWorld, count: int) -> Iterator[Write]:
    return (
        Write(world.at(f"{number}.jpg"), content(b"%d" % number), len(str(number))) for number in range(count)
    )


def of(account: DropboxAccount, name: str) -> int:
    return account.names().count(name)


async def test_each_file_is_one_request_and_all_are_one_commit(
    account: DropboxAccount, world: StoreWorld
) -> None:
    account.options.commit_s = 0.01
    account.requests()
    before = len(account.names())
    found = await written(world.store, small(world, 50))
    assert all(each.entry for each in found.values())
    assert sorted(account.names()[before:]) == [FINISH, *[START] * 50]
    assert account.retries == []


async def test_a_batch_ends_at_so_many_bytes(
    account: DropboxAccount, world: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "BATCH_BYTES", 30)
    found = await written(
        world.store, [Write(world.at(f"{at}.jpg"), content(b"123456789"), 9) for at in range(12)]
    )
    assert all(each.entry for each in found.values())
    assert of(account, FINISH) == 3


async def test_entries_that_other_writes_hold_up_are_committed_again(
    account: DropboxAccount, world: StoreWorld
) -> None:
    account.options.locked_entries = 3
    found = await written(world.store, small(world, 5))
    assert all(each.entry for each in found.values())
    assert of(account, START) == 5
    assert account.waits[0] == uploads.LOCK_WAITS_S[0]


@pytest.mark.parametrize("identical_is_a_conflict", [False, True])
async def test_an_answer_that_is_lost_sends_nothing_again(
    account: DropboxAccount, world: StoreWorld, identical_is_a_conflict: bool
) -> None:
    account.options.refuse_identical = identical_is_a_conflict
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="finish_batch"))
    found = await written(world.store, small(world, 5))
    assert [each.error for each in found.values()] == [None] * 5
    assert of(account, START) == 5
    assert len(await world.names()) == 5


async def test_a_file_of_somebody_else_is_not_taken_for_the_one_that_was_sent(
    account: DropboxAccount, world: StoreWorld
) -> None:
    await world.add("1.jpg", b"theirs")
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="finish_batch"))
    found = await written(world.store, small(world, 3))
    assert [each.entry is not None for _, each in sorted(found.items())] == [True, False, True]
    assert await world.get(world.at("1.jpg")) == b"theirs"


async def test_names_and_space_are_errors_of_their_files(account: DropboxAccount, world: StoreWorld) -> None:
    names = ["a.jpg", ".DS_Store", "desktop.ini"]
    found = await written(world.store, [Write(world.at(name), content(b"1"), 1) for name in names])
    errors = [found[world.at(name)].error for name in names]
    assert errors[0] is None
    assert all(isinstance(each, RefusedError) and "name" in each.message for each in errors[1:])
    account.options.space_bytes = 0
    found = await written(world.store, [Write(world.at(name), content(b"23"), 2) for name in ("b", "c")])
    assert all(isinstance(each.error, QuotaError) for each in found.values())


@pytest.mark.usefixtures("small_pieces")
async def test_large_files_are_sent_in_pieces_and_continue_after_a_broken_connection(
    account: DropboxAccount, world: StoreWorld
) -> None:
    account.fail(
        Fault(kind=FaultKind.RESET_AFTER, path="append_v2", skip=1),
        Fault(kind=FaultKind.RESET_BEFORE, path="append_v2", skip=2),
    )
    path = world.at("large.mov")
    found = await written(world.store, [Write(path, content(LARGE), len(LARGE))])
    assert found[path].entry is not None
    assert await world.get(path) == LARGE
    assert (of(account, START), of(account, APPEND)) == (1, 8)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("sent_bytes", [0, 1000, 3000, len(LARGE)])
async def test_a_session_of_a_killed_process_is_continued(
    account: DropboxAccount, world: StoreWorld, sent_bytes: int
) -> None:
    store, path, noted = world.store, world.at("large.mov"), []

    async def breaking(start: int) -> AsyncIterator[bytes]:
        async for chunk in content(LARGE[:sent_bytes], 1000)(start):
            yield chunk
        if sent_bytes < len(LARGE):
            raise ChangedError("This is where the process is killed.")

    async def began(token: str) -> None:
        noted.append(token)

    if sent_bytes == len(LARGE):
        account.fail(Fault(kind=FaultKind.STATUS, path="finish_batch", status=500, count=None))
    await written(store, [Write(path, breaking, len(LARGE), began=began)])
    account.server.faults.clear()
    assert len(noted) == 1
    assert await world.get(path) is None

    read: list[int] = []

    async def counting(start: int) -> AsyncIterator[bytes]:
        read.append(start)
        async for chunk in content(LARGE)(start):
            yield chunk

    found = await written(store, [Write(path, counting, len(LARGE), resume=noted[0], began=began)])
    assert found[path].error is None
    assert await world.get(path) == LARGE
    assert read == [sent_bytes] * (sent_bytes < len(LARGE))
    assert (of(account, START), len(noted)) == (1, 1)


@pytest.mark.usefixtures("small_pieces")
async def test_a_session_that_has_expired_starts_over(account: DropboxAccount, world: StoreWorld) -> None:
    noted = [await account.apis[0].start_session(LARGE[:1000])]
    account.clock.now += 8 * 86400

    async def began(token: str) -> None:
        noted.append(token)

    path = world.at("large.mov")
    write = Write(path, content(LARGE), len(LARGE), resume=noted[0], began=began)
    assert (await written(world.store, [write]))[path].error is None
    assert await world.get(path) == LARGE
    assert len(noted) == 2


@pytest.mark.usefixtures("small_pieces")
async def test_a_session_that_was_committed_says_so_by_the_file(
    account: DropboxAccount, world: StoreWorld
) -> None:
    # The commit succeeded, and the process was killed before it could remember that.
    session = await account.apis[0].start_session(LARGE, close=True)
    path = world.at("large.mov")
    for _ in range(2):
        found = await written(world.store, [Write(path, content(LARGE), len(LARGE), resume=session)])
        assert found[path].error is None
    assert await world.get(path) == LARGE


@pytest.mark.usefixtures("small_pieces")
async def test_a_session_with_too_many_bytes_is_not_used(account: DropboxAccount, world: StoreWorld) -> None:
    session = await account.apis[0].start_session(LARGE + b"more")
    path = world.at("large.mov")
    found = await written(world.store, [Write(path, content(LARGE), len(LARGE), resume=session)])
    assert found[path].error is None
    assert await world.get(path) == LARGE


async def test_deletions_are_one_job(account: DropboxAccount, world: StoreWorld) -> None:
    assert isinstance(world.store, DropboxStore)
    entries = [await world.add(f"{number}.jpg") for number in range(5)]
    before = len(account.names())
    assert await world.store.delete_all(entries) == [None] * 5
    assert account.names()[before:] == ["files/delete_batch", "files/delete_batch/check"]
