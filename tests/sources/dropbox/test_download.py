from __future__ import annotations

import pytest

from picsync.core.errors import ItemError, TransientError
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google.content import read_all
from picsync.sources.dropbox.options import DropboxEntry
from tests.emulators.google_emulator import jpeg
from tests.sources.dropbox.dropbox_server import Sink, dropbox_server, fetched


async def test_the_bytes_are_those_of_the_listed_revision() -> None:
    async with dropbox_server() as server:
        server.add("/F/a.jpg")
        source = server.source("/F")
        (old,) = (await source.list("/F")).items
        newer = server.add("/F/a.jpg", b"newer")
        with pytest.raises(ItemError, match="changed since"):
            await fetched(source, old)
        (new,) = (await source.list("/F")).items
        assert (new.item_id, new.version == old.version) == (old.item_id, False)
        assert await fetched(source, new) == read_all(newer.content)


async def test_a_file_that_was_moved_since_is_still_found() -> None:
    async with dropbox_server() as server:
        file = server.add("/F/a.jpg")
        source = server.source("/F")
        (item,) = (await source.list("/F")).items
        rev = file.rev
        server.dropbox.move(file, "/Elsewhere/b.jpg")
        file.rev = rev  # Whether a move makes a new revision is not known.
        assert await fetched(source, item) == read_all(file.content)


@pytest.mark.parametrize("way", ["folder", "link"])
async def test_bytes_that_do_not_have_the_hash_are_not_taken(way: str) -> None:
    async with dropbox_server() as server:
        file = server.add("/F/a.jpg", b"\xff\xd8\xff right")
        entry = DropboxEntry(path="/F") if way == "folder" else DropboxEntry(link=server.share("/F").url)
        source = server.source(entry)
        (item,) = (await source.list(str(entry))).items
        headers = {"Dropbox-API-Result": f'{{"name": "a.jpg", "rev": "{file.rev}"}}'}
        wrong = Fault(
            kind=FaultKind.BODY,
            body=b"\xff\xd8\xff wrong",
            path="download|shared_link_file",
            content_type="application/octet-stream",
            headers=headers,
        )
        server.fail(wrong)
        assert await fetched(source, item) == b"\xff\xd8\xff right"
        assert len(server.retries) == 1
        server.fail(*[wrong] * 5)
        with pytest.raises(TransientError, match="content hash"):
            await fetched(source, item)


async def test_a_file_that_a_link_no_longer_shows_is_only_its_own_trouble() -> None:
    async with dropbox_server() as server:
        file = server.add("/F/a.jpg")
        entry = DropboxEntry(link=server.share("/F").url)
        source = server.source(entry)
        (item,) = (await source.list(str(entry))).items
        server.dropbox.delete(file)
        with pytest.raises(ItemError, match="no longer in Dropbox"):
            await fetched(source, item)


async def test_small_versions_come_from_dropbox_or_are_the_original() -> None:
    async with dropbox_server() as server:
        big = jpeg(1200, 900)
        server.add("/F/a.jpg", big)
        server.add("/F/b.heic", b"no picture for Dropbox")
        for entry in (DropboxEntry(path="/F"), DropboxEntry(link=server.share("/F").url)):
            source = server.source(entry)
            small, original = Sink(), Sink()
            first, second = (await source.list(str(entry))).items
            await source.thumbnail(first, small)
            await source.thumbnail(second, original)
            assert small.begun[0][1] == "image/jpeg"
            assert 0 < len(small.data) < len(big)
            assert original.data == b"no picture for Dropbox"
