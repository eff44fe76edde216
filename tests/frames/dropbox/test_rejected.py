"""A file that someone deletes from the folder is a request; a folder that is damaged is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from picsync.core.errors import PicsyncError
from picsync.core.model import Digest, FramePhoto
from picsync.core.rejected import Rejected
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.base import Uploaded
from tests.contract.frame_contract import JPEG, ensure_album, rendition
from tests.frames.dropbox.kitchen import FOLDER, Kitchen, open_kitchen, opened

MANIFEST = ".picsync-frame.json"
SOON, LATER, MUCH_LATER = timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1)


@pytest.fixture
async def kitchen() -> AsyncIterator[Kitchen]:
    async with open_kitchen() as found:
        yield found


async def filled(kitchen: Kitchen, count: int) -> Sequence[FramePhoto]:
    album = await ensure_album(kitchen.frame, "Family")
    photos = [rendition(JPEG + str(number).encode()) for number in range(count)]
    await asyncio.gather(*(kitchen.frame.upload(album, each, upcoming=count) for each in photos))
    return (await kitchen.frame.photos(album)).items


async def looked(kitchen: Kitchen, *, later: timedelta = timedelta(0)) -> Rejected:
    """Return what a new process finds, as a cycle asks for it."""
    return await kitchen.open(later=later).rejected()


async def decided(kitchen: Kitchen) -> Rejected:
    await looked(kitchen)
    return await looked(kitchen, later=LATER)


def digests(found: Rejected) -> set[Digest]:
    return {each.digest for each in found.items}


@pytest.mark.parametrize(
    ("count", "gone", "request_"),
    [(1, 1, False), (2, 1, True), (3, 2, False), (6, 3, True), (6, 4, False), (40, 4, True), (40, 5, False)],
)
async def test_few_missing_files_are_a_request_and_many_are_damage(
    kitchen: Kitchen, count: int, gone: int, request_: bool
) -> None:
    photos = await filled(kitchen, count)
    kitchen.delete(*(photo.photo_id for photo in photos[:gone]))
    expected = {photo.digest for photo in photos[:gone]} if request_ else set()
    during = await looked(kitchen)
    assert (digests(during), during.new) == (expected, ()), "they are not written again meanwhile"
    found = await looked(kitchen, later=LATER)
    assert digests(found) == {each.digest for each in found.new} == expected
    assert (found.lost, found.total) == (0 if request_ else gone, count)
    again = await looked(kitchen, later=MUCH_LATER)
    assert (digests(again), again.new, again.lost) == (expected, (), 0), "it is decided once"


async def test_a_request_says_what_was_deleted(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 4)
    kitchen.delete(photos[0].photo_id)
    [one] = (await decided(kitchen)).items
    assert (one.digest, one.filename, one.size_bytes, one.albums) == (
        photos[0].digest,
        photos[0].filename,
        photos[0].size_bytes,
        ("Family",),
    )
    assert one.rejected_at is not None


async def test_nothing_is_decided_while_files_are_being_deleted(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    kitchen.delete(photos[0].photo_id)
    await looked(kitchen)
    kitchen.delete(photos[1].photo_id)
    assert (await looked(kitchen, later=LATER)).new == (), "another one has vanished just now"
    kitchen.delete(*(photo.photo_id for photo in photos[2:]))
    found = await looked(kitchen, later=2 * LATER)
    assert (found.items, found.lost) == ((), 10)
    found = await looked(kitchen, later=3 * LATER)
    assert (found.items, found.lost) == ((), 10)
    assert (await looked(kitchen, later=4 * LATER)).lost == 0


async def test_a_file_that_is_back_in_time_was_never_rejected(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    content = kitchen.files()[photos[0].photo_id]
    kitchen.delete(photos[0].photo_id)
    await looked(kitchen)
    kitchen.account.dropbox.put(f"{FOLDER}/{photos[0].photo_id}", content)
    assert (await looked(kitchen, later=SOON)).items == ()
    kitchen.delete(photos[0].photo_id)
    assert (await looked(kitchen, later=LATER)).new == (), "the time begins again"


async def test_a_file_that_is_put_back_is_restored(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    content = kitchen.files()[photos[0].photo_id]
    kitchen.delete(photos[0].photo_id)
    assert len((await decided(kitchen)).items) == 1
    kitchen.account.dropbox.put(f"{FOLDER}/{photos[0].photo_id}", b"another one")
    assert len((await looked(kitchen, later=MUCH_LATER)).items) == 1
    kitchen.account.dropbox.put(f"{FOLDER}/{photos[0].photo_id}", content)
    assert (await looked(kitchen, later=MUCH_LATER)).items == ()
    album = await ensure_album(kitchen.frame, "Family")
    assert set((await kitchen.frame.photos(album)).items) == set(photos)


async def test_a_folder_that_is_gone_is_no_request(kitchen: Kitchen) -> None:
    await filled(kitchen, 4)
    kitchen.delete("")
    assert await decided(kitchen) == Rejected()
    assert kitchen.files() == {}, "nothing is written"
    assert len(await filled(kitchen, 4)) == 4
    assert (await decided(kitchen)).items == ()


async def test_without_its_manifest_nothing_is_a_request(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 4)
    kitchen.delete(MANIFEST, photos[0].photo_id)
    assert await decided(kitchen) == Rejected()
    assert MANIFEST not in kitchen.files(), "nothing is written"
    await filled(kitchen, 4)
    assert (await decided(kitchen)).items == ()
    assert len(kitchen.photos()) == 4


async def test_a_listing_that_begins_again_decides_nothing_until_it_is_complete(kitchen: Kitchen) -> None:
    kitchen.account.options.page_cap = 2
    photos = await filled(kitchen, 10)
    frame = kitchen.frame
    kitchen.account.fail(
        Fault(
            kind=FaultKind.STATUS,
            status=409,
            content_type="application/json",
            body='{"error_summary": "reset/.", "error": {".tag": "reset"}}',
            path="list_folder/continue$",
            count=1,
        ),
        Fault(kind=FaultKind.STATUS, status=400, path="list_folder/continue$", skip=2, count=1),
    )
    with pytest.raises(PicsyncError):
        await frame.rejected()
    assert kitchen.account.server.faults.spent
    assert (await frame.rejected()).items == ()
    assert len(photos) == len(kitchen.photos()) == 10


async def test_looking_without_recording_writes_nothing(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    kitchen.delete(photos[0].photo_id)
    before = kitchen.manifest()
    for later in (timedelta(0), LATER):
        found = await kitchen.open(later=later).rejected(record=False)
        assert (digests(found), found.new) == ({photos[0].digest}, ())
    assert kitchen.manifest() == before


async def test_a_steady_cycle_looks_twice_and_writes_nothing(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    kitchen.delete(photos[0].photo_id)
    await decided(kitchen)
    for _ in range(2):
        before = len(kitchen.account.names())
        await kitchen.frame.rejected()
        album = await kitchen.frame.find_album("Family")
        assert album is not None
        await kitchen.frame.photos(album)
    assert kitchen.account.names()[before:] == ["files/list_folder/continue"] * 2


async def test_what_was_written_last_is_known_without_a_cycle(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    assert all(row["seen"] for row in kitchen.manifest()["files"].values())
    before = len(kitchen.account.names())
    await kitchen.frame.rejected()
    assert kitchen.account.names()[before:] == ["files/list_folder/continue"]
    kitchen.delete(photos[0].photo_id)
    assert len((await decided(kitchen)).items) == 1


async def test_a_file_that_never_appeared_is_no_request(kitchen: Kitchen) -> None:
    """The list was written, and the process ended."""
    album = await ensure_album(kitchen.frame, "Family")
    await filled(kitchen, 4)
    kitchen.account.fail(Fault(kind=FaultKind.STATUS, status=400, path="finish_batch_v2|upload$", skip=1))
    with pytest.raises(PicsyncError):
        await kitchen.frame.upload(album, rendition(JPEG))
    kitchen.account.server.faults.clear()
    assert len(kitchen.manifest()["files"]) == 5
    assert (await decided(kitchen)).items == ()


async def test_what_picsync_deletes_is_no_request(kitchen: Kitchen) -> None:
    """Even if the process ends once the file is gone."""
    photos = await filled(kitchen, 10)
    album = await ensure_album(kitchen.frame, "Family")
    kitchen.account.fail(Fault(kind=FaultKind.STATUS, status=400, path="delete_v2$", after=True))
    with pytest.raises(PicsyncError):
        await kitchen.frame.delete(album, photos[0])
    assert photos[0].photo_id not in kitchen.files()
    assert (await decided(kitchen)).items == ()


async def test_a_delete_that_fails_is_no_request_and_keeps_the_photo(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    album = await ensure_album(kitchen.frame, "Family")
    kitchen.account.fail(Fault(kind=FaultKind.STATUS, status=400, path="delete_v2$"))
    with pytest.raises(PicsyncError):
        await kitchen.frame.delete(album, photos[0])
    kitchen.account.server.faults.clear()
    frame = kitchen.open()
    assert (await frame.rejected()).items == ()
    assert set((await frame.photos(album)).items) == set(photos), "the next cycle deletes it"
    kitchen.delete(photos[0].photo_id)
    assert digests(await decided(kitchen)) == {photos[0].digest}, "a person was faster"


@pytest.mark.parametrize("after", [False, True])
async def test_what_picsync_renames_is_no_request(kitchen: Kitchen, after: bool) -> None:
    photos = await filled(kitchen, 6)
    album = await ensure_album(kitchen.frame, "Family")
    kitchen.account.fail(Fault(kind=FaultKind.STATUS, status=400, path="move_batch_v2$", after=after))
    with pytest.raises(PicsyncError):
        await kitchen.frame.arrange(album, photos[::-1])
    kitchen.account.server.faults.clear()
    assert (await decided(kitchen)).items == ()
    [*_, last] = (await kitchen.frame.photos(album)).items
    kitchen.delete(last.photo_id)
    assert digests(await decided(kitchen)) == {last.digest}


async def test_a_photo_that_was_written_again_under_another_name_is_no_request(kitchen: Kitchen) -> None:
    """Too many were missing, so they were sent again, without the numbers that their names had."""
    photos = await filled(kitchen, 3)
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.arrange(album, photos[::-1])
    numbered = (await kitchen.frame.photos(album)).items
    kitchen.delete(*(photo.photo_id for photo in numbered[:2]))
    assert (await looked(kitchen)).lost == 2
    assert len(await filled(kitchen, 3)) == 3
    found = await looked(kitchen, later=LATER)
    assert (found.items, found.lost) == ((), 0)


async def test_an_edited_file_that_is_deleted_later_is_no_request(kitchen: Kitchen) -> None:
    """The photo itself is there under another name."""
    photos = await filled(kitchen, 6)
    name = photos[0].photo_id
    kitchen.account.dropbox.put(f"{FOLDER}/{name}", b"edited")
    album = await ensure_album(kitchen.frame, "Family")
    await filled(kitchen, 6)
    assert len(kitchen.photos()) == 7
    kitchen.delete(name)
    assert (await decided(kitchen)).items == ()
    assert {each.digest for each in (await kitchen.frame.photos(album)).items} == {
        each.digest for each in photos
    }


async def test_another_process_may_restore(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 10)
    kitchen.delete(*(photo.photo_id for photo in photos[:2]))
    await looked(kitchen)
    running = kitchen.open(later=LATER)
    first, second = (await running.rejected()).items
    other = opened(kitchen.account)
    await other.restore([first])
    assert (await other.rejected(record=False)).items == (second,)
    assert (await running.rejected()).items == (second,)
    album = await ensure_album(running, "Family")
    contents = [JPEG + str(number).encode() for number in range(10)]
    [again] = [each for each in map(rendition, contents) if each.digest == first.digest]
    assert await running.upload(album, again) == Uploaded()
    assert (await looked(kitchen, later=MUCH_LATER)).items == (second,)
    await other.aclose()


async def test_restored_before_it_is_decided(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 6)
    kitchen.delete(photos[0].photo_id)
    pending = await looked(kitchen)
    assert digests(pending) == {photos[0].digest}
    other = opened(kitchen.account)
    await other.restore(pending.items)
    await other.aclose()
    assert (await looked(kitchen, later=LATER)).items == (), "it is not decided against the restore later"


async def test_two_processes_decide_the_same(kitchen: Kitchen) -> None:
    """The slower one finds that the list has changed meanwhile."""
    photos = await filled(kitchen, 10)
    kitchen.delete(photos[0].photo_id)
    await looked(kitchen)
    one, other = opened(kitchen.account, later=LATER), opened(kitchen.account, later=LATER)
    found = await asyncio.gather(one.rejected(), other.rejected())
    assert [digests(each) for each in found] == [{photos[0].digest}] * 2
    assert len(kitchen.manifest()["rejected"]) == 1
    await one.aclose()
    await other.aclose()


async def test_a_rejection_survives_what_else_happens_to_the_folder(kitchen: Kitchen) -> None:
    photos = await filled(kitchen, 6)
    kitchen.delete(photos[0].photo_id)
    before = (await decided(kitchen)).items
    album = await ensure_album(kitchen.frame, "Family")
    await kitchen.frame.upload(album, rendition(JPEG))
    await kitchen.frame.arrange(album, (await kitchen.frame.photos(album)).items[::-1])
    for photo in (await kitchen.frame.photos(album)).items:
        await kitchen.frame.delete(album, photo)
    assert kitchen.photos() == {}
    assert (await looked(kitchen, later=MUCH_LATER)).items == before
