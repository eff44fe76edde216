"""Every source against the contract of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.core.model import MediaItem
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.immich import V2_7, V3_0, V3_2, V3_3
from picsync.sources.folder.options import FolderEntry
from picsync.sources.google.links.options import SharedLink
from picsync.sources.google.picked.source import PickedSource
from picsync.sources.kinds import SOURCES
from tests.contract.memory_source import MemorySource
from tests.contract.source_contract import ORIGINALS, SourceContract, SourceWorld
from tests.sources.folder.folder_album import FolderAlbum
from tests.sources.google.links.shared_albums import shared_albums
from tests.sources.google.picked.picked_library import Openings, item, library, put
from tests.sources.immich.immich_server import immich_server
from tests.vendors.google.google_account import BYTES, google_account


class TestMemorySource(SourceContract):
    @pytest.fixture
    async def world(self) -> SourceWorld:
        source = MemorySource()
        for number, each in enumerate(ORIGINALS):
            source.put(
                "album",
                f"item-{number}",
                each.data,
                filename=each.filename,
                mime_type=each.mime_type,
                kind=each.kind,
            )
        source.put_album("empty")

        def break_off(item: MediaItem) -> None:
            source.broken_off[item.item_id] = 1

        return SourceWorld(
            source,
            "album",
            "empty",
            "missing",
            vanish=lambda item: source.remove("album", item.item_id),
            break_off=break_off,
        )


class TestGooglePhotosSource(SourceContract):
    kind = "googlephotos"

    @pytest.fixture
    async def world(self) -> AsyncIterator[SourceWorld]:
        async with google_account() as account:
            google = account.google
            album, empty = google.add_album("Known"), google.add_album("Empty")
            for each in ORIGINALS:
                google.add_item(album, each.filename, each.data, mime_type=each.mime_type)
            yield SourceWorld(
                account.source(),
                album.album_id,
                empty.album_id,
                "A" * len(album.album_id),
                vanish=lambda item: google.remove_item(google.library.items[item.item_id]),
                break_off=lambda _: account.fail(Fault(kind=FaultKind.TRUNCATE, host=BYTES)),
            )


class TestSharedLinksSource(SourceContract):
    kind = "sharedlinks"

    @pytest.fixture
    async def world(self) -> AsyncIterator[SourceWorld]:
        async with shared_albums() as service:
            google = service.google
            album, empty = google.add_album("Known", app_created=False), google.add_album("Empty")
            for each in ORIGINALS:
                google.add_item(album, each.filename, each.data, mime_type=each.mime_type)
            known = google.share(album)
            missing = known.short_link[:-4] + "none"
            links = (known.link, google.share(empty).short_link, missing)

            def vanish(item: MediaItem) -> None:
                found = google.sharing.shares.item(known, item.item_id)
                assert found is not None
                google.remove_item(found)

            known_id, empty_id, missing_id = (str(SharedLink.parse(link)) for link in links)
            yield SourceWorld(
                service.source(*links),
                known_id,
                empty_id,
                missing_id,
                vanish=vanish,
                break_off=lambda _: service.fail(Fault(kind=FaultKind.TRUNCATE, host=BYTES)),
                tells_names=False,
            )


class TestImmichSource(SourceContract):
    kind = "immich"

    @pytest.fixture(params=[V2_7, V3_0, V3_2, V3_3], ids=["2.7", "3.0", "3.2", "3.3"])
    async def world(self, request: pytest.FixtureRequest) -> AsyncIterator[SourceWorld]:
        async with immich_server(version=request.param, page_cap=4) as server:
            album, empty = server.immich.add_album("Known"), server.immich.add_album("Empty")
            for each in ORIGINALS:
                server.add(album, each.filename, each.data, mime_type=each.mime_type)
            yield SourceWorld(
                server.source(),
                album.album_id,
                empty.album_id,
                "6f1c0d5e-1111-4222-8333-944455556666",
                vanish=lambda item: server.immich.library.remove_asset(
                    server.immich.library.assets[item.item_id]
                ),
                break_off=lambda _: server.fail(Fault(kind=FaultKind.TRUNCATE, path="/original")),
            )


class TestPickedSource(SourceContract):
    kind = "picked"

    @pytest.fixture
    async def world(self, tmp_path: Path) -> SourceWorld:
        albums, openings = library(tmp_path), Openings()
        for number, each in enumerate(ORIGINALS):
            await put(albums.album("Known"), item(number, each.filename), each.data)
        albums.album("Empty").create()

        def vanish(gone: MediaItem) -> None:
            albums.album("Known").remove({gone.item_id})

        def break_off(broken: MediaItem) -> None:
            openings.broken[broken.url] = 1

        source = PickedSource(albums, openings)
        return SourceWorld(source, "Known", "Empty", "Missing", vanish=vanish, break_off=break_off)


class TestFolderSource(SourceContract):
    kind = "folder"

    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[SourceWorld]:
        album = FolderAlbum(tmp_path / "known", tmp_path)
        paths = {}
        for number, each in enumerate(ORIGINALS):
            file = album.put(f"{number}/{each.filename}", each.data)
            paths[str(file)] = file
        (tmp_path / "empty").mkdir()
        empty, missing = (FolderEntry(path=str(tmp_path / name)) for name in ("empty", "missing"))

        def break_off(item: MediaItem) -> None:
            album.broken_reads[item.item_id] = 1

        yield SourceWorld(
            album.source(empty, missing),
            str(album.entry),
            str(empty),
            str(missing),
            vanish=lambda item: paths[item.item_id].unlink(),
            break_off=break_off,
        )
        await album.close()


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_is_held_to_the_contract(kind: str) -> None:
    assert kind in {case.kind for case in SourceContract.__subclasses__()}, (
        f"add a subclass of SourceContract with `kind = {kind!r}` to this file"
    )
