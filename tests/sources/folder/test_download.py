"""The bytes of a file, if it has not changed since it was listed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from picsync.core.errors import ItemError, TransientError
from picsync.core.model import MediaItem
from picsync.http.pace import Pace
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.source import CHUNK_BYTES, FolderSource
from tests.contract.source_contract import JPEG, MemorySink
from tests.sources.folder.folder_album import NOBODY, FolderAlbum, content, unreadable
from tests.sources.folder.test_certainty import listed_while


async def only(album: FolderAlbum) -> MediaItem:
    [item] = (await album.list()).items
    return item


async def test_a_large_file_comes_in_pieces(album: FolderAlbum) -> None:
    data = JPEG + os.urandom(3 * CHUNK_BYTES)
    album.put("a.jpg", data)
    assert await content(album.source(), await only(album)) == data


@pytest.mark.parametrize("data", [b"", b"<html>no picture</html>", b"Dear grandma", b"\0" * 5000])
async def test_what_is_no_picture_is_unusable(album: FolderAlbum, data: bytes) -> None:
    album.put("a.jpg").write_bytes(data)
    item = await only(album)
    sink = MemorySink()
    with pytest.raises(ItemError) as caught:
        await album.source().download(item, sink)
    assert caught.value.unusable
    assert sink.begun == []


def grow(album: FolderAlbum) -> None:
    with (album.root / "a.jpg").open("ab") as file:
        file.write(b"more")


def shrink(album: FolderAlbum) -> None:
    os.truncate(album.root / "a.jpg", 20)


def rewrite(album: FolderAlbum) -> None:
    """Other bytes of the same size; a clock with coarse ticks may not have moved since."""
    file = album.root / "a.jpg"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"!")
    os.utime(file, (1, 1))


@pytest.mark.parametrize("change", [grow, shrink, rewrite])
@pytest.mark.parametrize("meanwhile", [False, True])
async def test_changing_file_fails_alone_and_is_sent_next_cycle(
    album: FolderAlbum, change: Callable[[FolderAlbum], None], meanwhile: bool
) -> None:
    album.put("a.jpg", JPEG + bytes(3 * CHUNK_BYTES))
    item = await only(album)
    sink = ChangingSink()
    if meanwhile:
        sink.change = lambda: change(album)
    else:
        change(album)
    with pytest.raises(ItemError, match="changed since it was listed") as caught:
        await album.source().download(item, sink)
    assert not caught.value.unusable
    assert await content(album.source(), await only(album)) == (album.root / "a.jpg").read_bytes()


class ChangingSink(MemorySink):
    """Something happens when the first bytes have come."""

    def __init__(self) -> None:
        super().__init__()
        self.change: Callable[[], None] = lambda: None

    async def write(self, chunk: bytes) -> None:
        await super().write(chunk)
        self.change()
        self.change = lambda: None


async def test_a_file_replaced_by_a_link_is_not_followed(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    item = await only(album)
    file.rename(album.root.with_name("elsewhere.jpg"))
    file.symlink_to(album.root.with_name("elsewhere.jpg"))
    with pytest.raises(ItemError, match="no longer in its folder"):
        await content(album.source(), item)


@pytest.mark.parametrize("while_listed", [False, True])
async def test_a_folder_replaced_by_a_link_shows_nothing_of_elsewhere(
    album: FolderAlbum, while_listed: bool
) -> None:
    album.put("own.jpg")
    album.put("sub/deeper/a.jpg")
    elsewhere = album.root.with_name("elsewhere")
    (elsewhere / "deeper").mkdir(parents=True)
    (elsewhere / "deeper/a.jpg").write_bytes(JPEG + b"secret")

    def put_a_link() -> None:
        (album.root / "sub").rename(album.root.with_name("moved"))
        (album.root / "sub").symlink_to(elsewhere)

    if while_listed:
        # The walk has seen a folder, and comes to read it.
        entered: list[str] = []

        def enter(folder: str) -> None:
            entered.append(folder)
            if folder.endswith("/sub"):
                put_a_link()

        seen = await listed_while(album, enter)
        assert [item.filename for item in seen.items] == ["own.jpg"]
        assert f"{album.root}/sub disappeared while it was listed." in seen.problems
        return
    source = album.source()
    _, item = (await album.list(source)).items
    put_a_link()
    # As the attacker would have it, the file looks the same from outside.
    times = (album.root.with_name("moved") / "deeper/a.jpg").stat()
    os.utime(elsewhere / "deeper/a.jpg", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(ItemError, match="no longer in its folder"):
        await content(source, item)


@pytest.mark.parametrize("path", ["../elsewhere.jpg", "sub/../../elsewhere.jpg"])
async def test_no_path_leads_out_of_the_folder(album: FolderAlbum, path: str) -> None:
    album.put("sub/a.jpg")
    album.root.with_name("elsewhere.jpg").write_bytes(JPEG)
    source = album.source()
    [item] = (await album.list(source)).items
    with pytest.raises(ItemError, match="no longer in its folder"):
        await content(source, replace(item, item_id=f"{album.root}/{path}"))


async def test_a_folder_that_is_a_link_itself_is_downloaded_from(album: FolderAlbum) -> None:
    album.put("2024/a.jpg")
    link = album.root.with_name("link")
    link.symlink_to(album.root)
    inner = FolderEntry(path=f"{link}/2024")
    source = album.source(FolderEntry(path=str(link)), inner)
    for entry in (FolderEntry(path=str(link)), inner):
        [item] = (await source.list(str(entry))).items
        assert item.item_id == f"{link}/2024/a.jpg"
        assert (await content(source, item)).startswith(JPEG)


async def test_a_file_replaced_by_a_pipe_is_not_waited_for(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    item = await only(album)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ItemError, match="no longer in its folder"):
        await content(album.source(), item)


async def test_a_file_that_may_not_be_read(public_album: FolderAlbum) -> None:
    album = public_album
    file = album.put("a.jpg")
    item = await only(album)
    user = os.geteuid() or NOBODY
    with unreadable(file), pytest.raises(ItemError) as caught:
        await content(album.source(), item)
    assert not caught.value.unusable
    assert str(caught.value) == (
        "it cannot be read: Permission denied."
        f" Give the user that picsync runs as (UID {user}) read access to {file}."
    )


async def test_a_server_that_restarts_is_asked_again_but_not_for_ever(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    item = await only(album)
    album.broken_reads[str(file)] = 2
    assert await content(album.source(), item) == JPEG + b"a.jpg"
    album.broken_reads[str(file)] = 3
    with pytest.raises(TransientError, match="Stale file handle"):
        await content(album.source(), item)


async def test_no_file_stays_open(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    album.put("b.jpg").write_bytes(b"")
    source = album.source()
    for item in (await album.list(source)).items:
        album.broken_reads[str(file)] = 1
        try:
            await content(source, item)
        except ItemError:
            continue
    numbers = Path("/proc/self/fd")
    opened = [os.path.realpath(number) for number in numbers.iterdir()]
    assert not [path for path in opened if path.startswith(str(album.root))]


class Counting(MemorySink):
    """Counts the files that are read at the same time."""

    now = 0
    most = 0
    expected = 2
    all_there = asyncio.Event()

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        Counting.now += 1
        Counting.most = max(Counting.most, Counting.now)
        if Counting.now == Counting.expected:
            Counting.all_there.set()
        await Counting.all_there.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        await super().begin(size_bytes, mime_type)
        Counting.now -= 1


async def test_folder_reads_obey_the_setting(album: FolderAlbum) -> None:
    for number in range(12):
        album.put(f"{number}.jpg", JPEG + bytes([number]))
    items = (await album.list()).items
    source = FolderSource({str(album.entry): album.entry}, own_folder=album.own, pace=Pace({"downloads": 2}))
    Counting.now = Counting.most = 0
    Counting.all_there = asyncio.Event()
    await asyncio.gather(*(source.download(item, Counting()) for item in items))
    assert Counting.most == 2
    await source.aclose()
