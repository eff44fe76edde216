"""The bytes and versions of downloads, and the messages where there are none."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from picsync.core.errors import ItemError, LoginNeeded, ProtocolError
from picsync.core.model import MediaItem, MediaKind
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.immich import Asset
from picsync.emulators.immich.media import FILM
from picsync.media.formats import sniff
from tests.contract.source_contract import MemorySink, downloaded
from tests.security.servers import http, serving
from tests.sources.immich.immich_server import ImmichServer, immich_server

RAW = b"\x00\x00\x00\x18ftypcrx  raw"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "
MOV = b"\x00\x00\x00\x14ftypqt  "
MP4 = b"\x00\x00\x00\x18ftypmp42 film"


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "JPEG")
    return out.getvalue()


async def only(server: ImmichServer, entry: str) -> MediaItem:
    (item,) = (await server.listed(entry)).items
    return item


async def got(server: ImmichServer, entry: str) -> bytes:
    source = server.source()
    (item,) = (await source.list(entry)).items
    return await downloaded(source, item)


async def test_an_edit_is_what_a_person_sees_and_is_noticed() -> None:
    async with immich_server() as server:
        asset = server.add(server.immich.add_album("Trip"), "a.jpg", picture("red"))
        before = [(await only(server, entry)).version for entry in ("Trip", "original:Trip", "preview:Trip")]
        assert await got(server, "Trip") == picture("red")
        server.immich.edit(asset, picture("blue"))
        after = [(await only(server, entry)).version for entry in ("Trip", "original:Trip", "preview:Trip")]
        assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, False]
        assert len({*before, *after}) == 4
        assert await got(server, "Trip") == await got(server, "edited:Trip") == picture("blue")
        assert await got(server, "original:Trip") == picture("red")
        preview = Image.open(io.BytesIO(await got(server, "preview:Trip")))
        assert isinstance(preview.getpixel((0, 0)), tuple)
        assert preview.getpixel((0, 0))[2] > 200  # type: ignore[index]
        ids = {(await only(server, entry)).item_id for entry in ("Trip", "original:Trip", "preview:Trip")}
        assert len(ids) == 1


async def test_what_frames_do_not_show_comes_as_a_preview_or_film() -> None:
    async with immich_server() as server:
        for name, data, mime_type in (
            ("raw", RAW, "image/x-canon-cr3"),
            ("webp", WEBP, "image/webp"),
            ("avif", b"\x00\x00\x00\x1cftypavif", "image/avif"),
        ):
            server.add(server.immich.add_album(name), f"a.{name}", data, mime_type=mime_type)
            assert (await got(server, name)).startswith(b"\xff\xd8\xff")
            assert await got(server, f"original:{name}") == data
            assert (await only(server, name)).mime_type == ""
            assert (await only(server, f"original:{name}")).mime_type == mime_type
        server.add(server.immich.add_album("mov"), "a.mov", MOV, mime_type="video/quicktime")
        server.add(server.immich.add_album("mp4"), "a.mp4", MP4, mime_type="video/mp4")
        assert await got(server, "mov") == FILM + MOV
        assert await got(server, "mp4") == MP4
        film = await only(server, "mov")
        assert (film.kind, film.mime_type) == (MediaKind.VIDEO, "video/mp4")


async def test_other_settings_for_previews_are_no_edit() -> None:
    async with immich_server() as server:
        server.add(server.immich.add_album("Trip"), "a.jpg", picture("red"))
        before = await only(server, "preview:Trip")
        server.options.preview_edge, server.options.preview_format = 30, "WEBP"
        assert await only(server, "preview:Trip") == before


async def test_in_place_edit_in_an_external_library_is_noticed() -> None:
    async with immich_server() as server:
        asset: Asset = server.add(server.immich.add_album("Trip"), "a.jpg", library_id="x")
        before = await only(server, "Trip")
        asset.modified_at += 1
        after = await only(server, "Trip")
        assert before.item_id == after.item_id
        assert before.version != after.version


async def test_what_changes_only_in_the_database_is_no_edit() -> None:
    async with immich_server() as server:
        asset = server.add(server.immich.add_album("Trip"), "a.jpg")
        before = await only(server, "Trip")
        asset.updated_at += 100
        asset.rating, asset.description, asset.favorite = 5, "new", True
        assert await only(server, "Trip") == before


async def test_a_preview_that_is_not_made_yet_waits_for_the_next_cycle() -> None:
    async with immich_server(preview_delay_s=60) as server:
        server.add(server.immich.add_album("Trip"), "a.jpg", picture("red"))
        with pytest.raises(ItemError, match="no preview of it yet") as caught:
            await got(server, "preview:Trip")
        assert not caught.value.unusable
        server.clock.now += 60
        assert await got(server, "preview:Trip")


async def test_what_has_gone_meanwhile_fails_alone() -> None:
    async with immich_server() as server:
        asset = server.add(server.immich.add_album("Trip"), "a.jpg")
        source = server.source()
        (item,) = (await source.list("Trip")).items
        asset.offline = True
        with pytest.raises(ItemError, match="not its bytes"):
            await downloaded(source, item)
        server.immich.library.remove_asset(asset)
        with pytest.raises(ItemError, match="no longer in Immich"):
            await downloaded(source, item)


async def test_foreign_picture_trashed_meanwhile_fails_alone() -> None:
    async with immich_server() as server:
        eve = server.immich.add_user("Eve")
        album = server.immich.add_album("Trip", owner=eve, members=[server.immich.owner])
        asset = server.add(album, "a.jpg")
        source = server.source()
        (item,) = (await source.list("Trip")).items
        asset.trashed = True
        with pytest.raises(ItemError, match="no longer in Immich"):
            await downloaded(source, item)


@pytest.mark.parametrize(
    ("entry", "permission"), [("Trip", "asset.download"), ("preview:Trip", "asset.view")]
)
async def test_a_key_that_may_not_download_is_said_once_for_all(entry: str, permission: str) -> None:
    async with immich_server() as server:
        server.add(server.immich.add_album("Trip"), "a.jpg")
        source = server.source(permissions=("asset.read", "album.read"))
        (item,) = (await source.list(entry)).items
        with pytest.raises(LoginNeeded, match=f"lacks the permission `{permission}`"):
            await downloaded(source, item)


async def test_the_key_goes_to_no_other_server() -> None:
    async with immich_server() as server, serving(lambda _: http("200 OK")) as stranger:
        server.add(server.immich.add_album("Trip"), "a.jpg")
        source = server.source()
        (item,) = (await source.list("Trip")).items
        server.fail(
            Fault(
                kind=FaultKind.REDIRECT,
                location=f"http://127.0.0.1:{stranger.port}/",
                path="/original",
                count=None,
            )
        )
        with pytest.raises(ProtocolError):
            await downloaded(source, item)
        assert stranger.heads == []


async def test_a_proxy_s_page_in_place_of_a_picture_is_no_picture() -> None:
    async with immich_server() as server:
        server.add(server.immich.add_album("Trip"), "a.jpg")
        source = server.source()
        (item,) = (await source.list("Trip")).items
        server.options.proxy_login = True
        sink = MemorySink()
        with pytest.raises(ProtocolError, match="a photo or video, but got text/html"):
            await source.download(item, sink)
        assert not sink.data


async def test_a_shared_link_brings_its_own_bytes() -> None:
    async with immich_server() as server:
        album = server.immich.add_album("Trip")
        server.add(album, "a.jpg", picture("red"))
        link = server.immich.share(album, password="sesame")
        source = server.source(key="", link_password="sesame")
        entry = server.link(link)
        (item,) = (await source.list(entry)).items
        assert await downloaded(source, item) == picture("red")
        assert link.key not in item.url


async def test_an_item_of_another_run_is_refused() -> None:
    async with immich_server() as server:
        with pytest.raises(ItemError, match="not listed it"):
            await downloaded(server.source(), MediaItem("immich", "x"))


@pytest.mark.parametrize(("kind", "rendition"), [("WEBP", "image/webp"), ("GIF", "image/gif")])
async def test_what_is_not_what_its_name_says_comes_as_a_preview(kind: str, rendition: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, kind)
    async with immich_server() as server:
        album = server.immich.add_album("Trip")
        asset = server.immich.add_asset(album, "IMG_1.jpg", out.getvalue())
        assert asset.mime_type == "image/jpeg"
        source = server.source()
        (item,) = (await source.list("Trip")).items
        assert sniff(await downloaded(source, item)) == "image/jpeg"
        assert [len(server.requests(path)) for path in ("/original", "/thumbnail")] == [1, 1]
        assert sniff(await downloaded(source, item)) == "image/jpeg"
        assert [len(server.requests(path)) for path in ("/original", "/thumbnail")] == [1, 2]
        (as_uploaded,) = (await source.list("original:Trip")).items
        assert sniff(await downloaded(source, as_uploaded)) == rendition


async def test_a_picture_that_is_what_its_name_says_needs_no_preview() -> None:
    async with immich_server() as server:
        server.add(server.immich.add_album("Trip"), "a.jpg", picture("red"))
        assert await got(server, "Trip") == picture("red")
        assert len(server.requests("/thumbnail")) == 0


async def test_thumbnails_are_small_and_need_no_original() -> None:
    large = io.BytesIO()
    Image.new("RGB", (900, 600)).save(large, "JPEG")
    async with immich_server() as server:
        album, _ = server.album(0)
        server.add(album, "a.jpg", large.getvalue())
        source = server.source()
        (item,) = (await source.list("Trip")).items
        sink = MemorySink()
        await source.thumbnail(item, sink)
        assert max(Image.open(io.BytesIO(sink.data)).size) <= 250
        assert len(server.requests("/thumbnail")) == 1
        assert not server.requests("/original")
