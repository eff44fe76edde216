"""What is particular to a folder in Dropbox as a frame."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from picsync.core.errors import PicsyncError, QuotaError, RefusedError
from picsync.core.model import Digest, Mark
from picsync.core.places import StorePlace
from picsync.emulators.dropbox import File
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.base import AlreadyThere, Uploaded
from picsync.frames.dropbox.frame import LEAST_FREE_BYTES, LIST_BYTES, DropboxFrame
from picsync.frames.dropbox.sending import BATCH
from picsync.frames.folder.names import number_of
from picsync.stores.dropbox.store import DropboxStore
from tests.contract.frame_contract import JPEG, ensure_album, rendition
from tests.frames.dropbox.kitchen import FOLDER, Kitchen, md5, open_kitchen, opened
from tests.vendors.dropbox.dropbox_account import dropbox_account


@pytest.fixture
async def kitchen() -> AsyncIterator[Kitchen]:
    async with open_kitchen() as found:
        yield found


async def test_many_photos_are_a_handful_of_commits(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    before = len(kitchen.account.names())
    count = 2 * BATCH
    photos = [rendition(JPEG + str(number).encode()) for number in range(count)]
    results = await asyncio.gather(*(kitchen.frame.upload(album, each, upcoming=count) for each in photos))
    assert set(map(type, results)) == {Uploaded}
    asked = Counter(kitchen.account.names()[before:])
    assert asked["files/upload_session/finish_batch_v2"] <= 6
    assert asked["files/upload"] <= 6, "the manifest is written once for each batch"
    assert asked["files/upload_session/start"] == count
    assert len((await kitchen.frame.photos(album)).items) == len(kitchen.photos()) == count
    assert not any(each.status == 429 for each in kitchen.account.requests())


async def test_one_photo_waits_for_no_others(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG), upcoming=1)
    assert kitchen.account.waits == []


async def test_many_deletes_are_one_batch(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    photos = [rendition(JPEG + str(number).encode()) for number in range(20)]
    await asyncio.gather(*(kitchen.frame.upload(album, each, upcoming=20) for each in photos))
    items = (await kitchen.frame.photos(album)).items
    before = len(kitchen.account.names())
    await asyncio.gather(*(kitchen.frame.delete(album, each) for each in items))
    asked = Counter(kitchen.account.names()[before:])
    assert (asked["files/delete_batch"], asked["files/upload"]) == (1, 1)
    assert kitchen.photos() == {}


async def test_files_of_others_are_left_alone(kitchen: Kitchen) -> None:
    kitchen.account.dropbox.put(f"{FOLDER}/mine.jpg", b"mine")
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG))
    [photo] = (await kitchen.frame.photos(album)).items
    await kitchen.frame.delete(album, photo)
    assert kitchen.photos() == {"mine.jpg": b"mine"}


async def test_a_file_that_somebody_has_edited_is_theirs(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG))
    [photo] = (await kitchen.frame.photos(album)).items
    kitchen.account.dropbox.put(f"{FOLDER}/{photo.photo_id}", b"edited")
    assert (await kitchen.frame.photos(album)).items == ()
    await kitchen.frame.delete(album, photo)
    assert kitchen.photos() == {photo.photo_id: b"edited"}
    assert await kitchen.frame.upload(album, rendition(JPEG)) == Uploaded()
    assert sorted(kitchen.photos().values()) == sorted([b"edited", JPEG])


async def test_a_file_that_was_deleted_is_written_again(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG))
    found = kitchen.account.dropbox.find(f"{FOLDER}/{next(iter(kitchen.photos()))}")
    assert isinstance(found, File)
    kitchen.account.dropbox.delete(found)
    assert (await kitchen.frame.photos(album)).items == ()
    assert await kitchen.frame.upload(album, rendition(JPEG)) == Uploaded()


async def test_a_lost_manifest_sends_nothing_again(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG))
    manifest = kitchen.account.dropbox.find(f"{FOLDER}/.picsync-frame.json")
    assert isinstance(manifest, File)
    kitchen.account.dropbox.delete(manifest)
    frame = kitchen.open()
    album = await ensure_album(frame, "Family")
    before = len(kitchen.account.names())
    assert await frame.upload(album, rendition(JPEG)) == Uploaded()
    assert len(kitchen.photos()) == len((await frame.photos(album)).items) == 1
    assert kitchen.account.names()[before:].count("files/upload") == 2, "only the manifest"


async def test_a_damaged_manifest_changes_nothing(kitchen: Kitchen) -> None:
    kitchen.account.dropbox.put(f"{FOLDER}/.picsync-frame.json", b"{")
    with pytest.raises(RefusedError, match=r"picsync-frame\.json is damaged"):
        await kitchen.frame.find_album("Family")


async def test_two_processes_keep_each_others_entries(kitchen: Kitchen) -> None:
    other = opened(kitchen.account)
    album = await ensure_album(kitchen.frame, "Family")
    trips = await ensure_album(other, "Trips")
    await kitchen.frame.upload(album, rendition(JPEG + b"1"))
    await other.upload(trips, rendition(JPEG + b"2"))
    assert {each.name for each in await kitchen.frame.albums()} == {"Family", "Trips"}
    assert len((await kitchen.frame.photos(album)).items) == len((await other.photos(trips)).items) == 1
    await other.aclose()


async def test_a_steady_look_costs_a_request_each(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG))
    await kitchen.frame.photos(album)
    before = len(kitchen.account.names())
    assert await kitchen.frame.find_album("Family") is not None
    await kitchen.frame.photos(album)
    assert kitchen.account.names()[before:] == ["files/list_folder/continue"] * 2


async def test_a_full_dropbox_says_so(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    kitchen.account.options.space_bytes = 1
    before = len(kitchen.account.names())
    with pytest.raises(QuotaError, match="no room left in Dropbox for photos in dropbox:/Frames/Kitchen"):
        await kitchen.frame.upload(album, rendition(JPEG))
    assert kitchen.photos() == {}
    asked = kitchen.account.names()[before:]
    assert asked[-1] == "users/get_space_usage", "nothing is sent after that"
    assert "files/upload" not in asked


async def test_what_fits_is_sent(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    used = kitchen.account.dropbox.owner.tree.used_bytes
    free = 5_000  # The list of files grows, too.
    kitchen.account.options.space_bytes = used + free
    assert await kitchen.frame.free_bytes() == 0, "so little is left for the list"
    kitchen.account.options.space_bytes += LIST_BYTES
    assert await kitchen.frame.free_bytes() == free
    kitchen.account.options.space_bytes -= LIST_BYTES
    large, small = JPEG + bytes(free), JPEG + b"1"
    contents = (large, small, large)
    outcomes = await asyncio.gather(
        *(kitchen.frame.upload(album, rendition(each), upcoming=3) for each in contents),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [QuotaError, Uploaded, QuotaError]
    assert list(kitchen.photos().values()) == [small]
    assert [each.digest for each in (await kitchen.frame.photos(album)).items] == [md5(small)]


async def test_the_list_of_files_needs_room_too(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    tree, options = kitchen.account.dropbox.owner.tree, kitchen.account.options
    photo = JPEG + bytes(5_000)
    options.space_bytes = tree.used_bytes + len(photo)
    before = kitchen.files()
    with pytest.raises(QuotaError, match="no room left in Dropbox for photos in dropbox:/Frames/Kitchen"):
        await kitchen.frame.upload(album, rendition(photo))
    assert kitchen.files() == before
    options.space_bytes += 1_000
    assert await kitchen.frame.upload(album, rendition(photo)) == Uploaded()


@pytest.mark.parametrize(
    ("free", "mark", "text", "fix"),
    [
        (LEAST_FREE_BYTES, Mark.OK, "20.0 MB are free.", ""),
        (LEAST_FREE_BYTES - 1, Mark.NOTE, "only 20.0 MB are free, so new photos may not fit.", "get more"),
        (0, Mark.NOTE, "only 0 B are free, so new photos may not fit.", "Delete files"),
        (None, Mark.NOTE, "how much space is free is unknown", "asks for the permission to see it."),
    ],
)
async def test_the_doctor_tells_how_much_is_free(free: int | None, mark: Mark, text: str, fix: str) -> None:
    async with dropbox_account() as account:
        account.dropbox.put("/a", b"abc")
        scopes = ["files.metadata.read", "files.content.read", "files.content.write"]
        if free is None:
            account.options.space_bytes = 0  # What it cannot see does not matter.
        else:
            account.options.space_bytes = 3 + free
            scopes.append("account_info.read")
        store = DropboxStore(account.api(account.login(*scopes)), sleep=account.sleep)
        frame = DropboxFrame(store, StorePlace("dropbox", FOLDER), sleep=account.sleep)
        found = (await frame.examine())[-1]
        assert (found.mark, found.subject) == (mark, "dropbox:/Frames/Kitchen")
        assert text in found.message
        assert fix in found.fix
        assert bool(found.fix) == bool(fix)
        await frame.aclose()


async def test_without_the_permission_the_free_space_is_unknown() -> None:
    async with dropbox_account() as account:
        login = account.login("files.metadata.read", "files.content.read", "files.content.write")
        store = DropboxStore(account.api(login), sleep=account.sleep)
        frame = DropboxFrame(store, StorePlace("dropbox", FOLDER), sleep=account.sleep)
        album = await ensure_album(frame, "Family")
        assert await frame.free_bytes() is None
        assert await frame.upload(album, rendition(JPEG)) == Uploaded()
        account.options.space_bytes = 1
        with pytest.raises(QuotaError):
            await frame.upload(album, rendition(JPEG + b"1"))
        await frame.aclose()


async def test_an_upload_that_is_cancelled_delays_no_other(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    given_up = rendition(JPEG + b"1")
    first = asyncio.create_task(kitchen.frame.upload(album, given_up, upcoming=2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    given_up.file.close()
    assert await kitchen.frame.upload(album, rendition(JPEG + b"2"), upcoming=1) == Uploaded()
    assert list(kitchen.photos().values()) == [JPEG + b"2"]
    assert await kitchen.frame.upload(album, rendition(JPEG + b"2")) == AlreadyThere()


async def ordered(kitchen: Kitchen, count: int) -> list[Digest]:
    """Fill an album, give it the reverse order, and return that."""
    album = await ensure_album(kitchen.frame, "Family")
    photos = [rendition(JPEG + str(number).encode()) for number in range(count)]
    await asyncio.gather(*(kitchen.frame.upload(album, each, upcoming=count) for each in photos))
    wanted = (await kitchen.frame.photos(album)).items[::-1]
    await kitchen.frame.arrange(album, wanted)
    return [each.digest for each in wanted]


async def test_an_order_is_in_the_names_and_costs_few_requests(kitchen: Kitchen) -> None:
    wanted = await ordered(kitchen, 20)
    album = await ensure_album(kitchen.frame, "Family")
    names = sorted(kitchen.photos())
    assert [md5(kitchen.photos()[name]) for name in names] == wanted
    assert all(number_of(name) is not None for name in names)
    items = (await kitchen.frame.photos(album)).items
    before = len(kitchen.account.names())
    await kitchen.frame.arrange(album, items)
    assert kitchen.account.names()[before:] == ["files/list_folder/continue"]
    await kitchen.frame.arrange(album, [items[-1], *items[:-1]])
    asked = Counter(kitchen.account.names()[before + 1 :])
    assert asked == {"files/list_folder/continue": 2, "files/upload": 2, "files/move_v2": 1}
    assert len(set(kitchen.photos()) - set(names)) == 1, "only the photo that has moved is renamed"


async def test_many_names_change_in_one_batch(kitchen: Kitchen) -> None:
    before = len(kitchen.account.names())
    await ordered(kitchen, 2 * BATCH)
    assert Counter(kitchen.account.names()[before:])["files/move_batch_v2"] == 1


async def test_an_order_that_could_not_be_carried_out_loses_nothing(kitchen: Kitchen) -> None:
    album = await ensure_album(kitchen.frame, "Family")
    photos = [rendition(JPEG + str(number).encode()) for number in range(5)]
    await asyncio.gather(*(kitchen.frame.upload(album, each, upcoming=5) for each in photos))
    items = (await kitchen.frame.photos(album)).items
    # The files are renamed, but the answer says the opposite.
    path = "^/2/files/move_batch_v2$"
    kitchen.account.fail(Fault(kind=FaultKind.STATUS, status=400, path=path, after=True, count=1))
    with pytest.raises(PicsyncError):
        await kitchen.frame.arrange(album, items[::-1])
    frame = kitchen.open()
    assert {each.digest for each in (await frame.photos(album)).items} == {each.digest for each in items}
    wanted = [each.digest for each in reversed(items)]
    now = {each.digest: each for each in (await frame.photos(album)).items}
    await frame.arrange(album, [now[digest] for digest in wanted])
    assert [each.digest for each in (await frame.photos(album)).items] == wanted
    assert len(kitchen.photos()) == 5


async def test_a_lost_manifest_sends_ordered_photos_not_again(kitchen: Kitchen) -> None:
    await ordered(kitchen, 3)
    manifest = kitchen.account.dropbox.find(f"{FOLDER}/.picsync-frame.json")
    assert isinstance(manifest, File)
    kitchen.account.dropbox.delete(manifest)
    names = set(kitchen.photos())
    frame = kitchen.open()
    album = await ensure_album(frame, "Family")
    for number in range(3):
        assert await frame.upload(album, rendition(JPEG + str(number).encode())) == Uploaded()
    assert set(kitchen.photos()) == names
