"""The cost of a steady cycle over a folder: no file is opened, and memory is a few hundred bytes per file."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from picsync.sources.folder.database import FolderDatabase, StoredFolder
from tests.contract.source_contract import JPEG
from tests.sources.folder.folder_album import FolderAlbum
from tests.sources.folder.opened_files import opened_below


async def test_each_version_of_a_file_is_looked_into_once(album: FolderAlbum) -> None:
    album.put("a.jpg")
    album.put("b")
    album.put("words.jpg", b"words")
    album.put("IMG_1.xmp", b"<x:xmpmeta>")
    with opened_below(album.root) as opened:
        source = album.source()
        await album.list(source)
        assert sorted(opened) == sorted(str(file) for file in album.root.iterdir())
        opened.clear()
        await album.list(source)
        # Not even by another process.
        await album.list()
        assert opened == []
        (album.root / "b").write_bytes(JPEG + b"new")
        opened.clear()
        await album.list(source)
        assert opened == [str(album.root / "b")]


async def test_what_is_gone_is_forgotten(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    album.put("b.jpg")
    source = album.source()
    await album.list(source)
    file.unlink()
    await album.list(source)
    assert set(source._database.load(str(album.entry)).probes) == {"b.jpg"}


async def test_a_listing_needs_little_memory_for_each_file(album: FolderAlbum) -> None:
    count = 2000
    for number in range(count):
        album.put(f"{number // 100}/IMG_{number}.jpg", JPEG)
    source = album.source()
    await album.list(source)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        listing = await album.list(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(listing.items) == count
    assert (peak - before) / count < 1200


async def test_two_albums_begin_the_database_at_the_same_time(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def begin(number: int) -> StoredFolder:
        database = FolderDatabase(tmp_path)
        barrier.wait()
        return database.load(str(number))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(begin, range(8))) == [StoredFolder()] * 8
