"""Photos arrive whole, exactly once, and only if they are photos."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from PIL import Image

from picsync.core.model import FrameAlbum
from picsync.family.gallery import Gallery
from picsync.family.people import Role
from picsync.family.photos import photo_id
from picsync.family.uploads.service import KEPT_FOR
from picsync.family.uploads.values import Upload, UploadError, UploadState
from tests.web.family.sent import Tus, bomb, movie, photo
from tests.web.family.served import Pages, serve


async def settled(pages: Pages, *uploads: str) -> list[Upload]:
    """Return uploads once they are settled, in the given order."""
    assert pages.services.uploads is not None
    person = (await pages.services.people.people())[0].person
    found = {each.upload: each for each in await pages.services.uploads.wait(person, uploads, limit_s=60)}
    return [found[upload] for upload in uploads]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_photo_arrives_in_blocks_and_becomes_one_of_the_family(tmp_path: Path) -> None:
    content = photo(taken=datetime.fromisoformat("2024-07-03T10:20:00"))
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        created = await tus.create("Summer.JPG", len(content), album="Garden")
        location = created.headers["Location"]
        assert created.headers["Upload-Expires"].endswith("GMT")
        for at in range(0, len(content), 200):
            assert (await tus.offset(location)).headers["Upload-Offset"] == str(at)
            block = content[at : at + 200]
            answer = await tus.append(location, at, block)
            assert answer.headers["Upload-Offset"] == str(at + len(block))
        [upload] = await settled(pages, location.rpartition("/")[2])
        assert upload.state is UploadState.READY
        assert (tmp_path / "library/Garden/Summer.JPG").read_bytes() == content
        found = await pages.services.photos.find(upload.photo or "")
        assert found is not None
        assert (found.width, found.height, found.taken_at) == (
            64,
            48,
            datetime.fromisoformat("2024-07-03T10:20:00"),
        )
        assert found.sender == upload.person
        assert pages.services.pictures.has(found.photo)
        assert pages.services.uploads is not None
        use = pages.services.uploads.use()
        assert (use.settled["ready"], use.bytes_received, use.library_available) == (1, len(content), True)
    assert names(tmp_path / "library/.picsync-incoming") == []


async def test_what_the_tunnel_interrupted_continues(tmp_path: Path) -> None:
    content = photo(2)

    async def cut() -> AsyncIterator[bytes]:
        yield content[:300]
        raise httpx.ReadError("the tunnel")

    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        location = (await tus.create("a.jpg", len(content))).headers["Location"]
        headers = {**tus.own, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        with pytest.raises(httpx.ReadError):
            await browser.client.patch(location, headers=headers, content=cut())
        # Whoever asks for the offset ends the request that still seems to be under way.
        offset = int((await tus.offset(location)).headers["Upload-Offset"])
        assert offset in (0, 300)
        assert (await tus.append(location, offset, content[offset:])).status_code == 204
        [upload] = await settled(pages, location.rpartition("/")[2])
        assert upload.state is UploadState.READY


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_block_counts_only_with_the_right_checksum(tmp_path: Path, algorithm: str) -> None:
    content = photo(3)
    digest = base64.b64encode(hashlib.new(algorithm, content[:100]).digest()).decode()
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        location = (await tus.create("a.jpg", len(content))).headers["Location"]
        header = {"Upload-Checksum": f"{algorithm} {digest}"}
        assert (await tus.append(location, 0, content[1:101], **header)).status_code == 460
        assert (await tus.offset(location)).headers["Upload-Offset"] == "0"
        assert (await tus.append(location, 0, content[:100], **header)).status_code == 204
        assert (await tus.append(location, 100, b"", **{"Upload-Checksum": "md5 AA=="})).status_code == 400


async def test_an_upload_that_is_begun_again_by_its_key_is_the_same(tmp_path: Path) -> None:
    content = photo(5)
    async with (
        serve(tmp_path) as pages,
        await pages.signed_in("Anna") as browser,
        await pages.signed_in("Ben") as other,
    ):
        tus, of_other = await Tus.of(browser), await Tus.of(other)
        begun = await asyncio.gather(*(tus.create("a.jpg", len(content), key="mine") for _ in range(5)))
        [location] = {each.headers["Location"] for each in begun}
        assert (await of_other.create("a.jpg", len(content), key="mine")).headers["Location"] != location
        assert (await tus.create("a.jpg", len(content) + 1, key="mine")).status_code == 400
        assert (await tus.create("a.jpg", len(content), key="m" * 101)).status_code == 400
        assert (await tus.append(location, 0, content[:50])).status_code == 204
        assert (await tus.create("a.jpg", len(content), key="mine")).headers["Location"] == location
        assert (await tus.offset(location)).headers["Upload-Offset"] == "50"
        assert (await tus.append(location, 50, content[50:])).status_code == 204
        upload = location.rpartition("/")[2]
        assert [each["id"] for each in (await browser.client.get("/api/uploads")).json()] == [upload]
        [done] = await settled(pages, upload)
        assert done.state is UploadState.READY
        assert (await tus.create("a.jpg", len(content), key="mine")).headers["Location"] == location
    assert len(names(tmp_path / "library/.picsync-incoming")) == 1, "that of the other person"


async def test_lies_are_refused_and_lose_nothing(tmp_path: Path) -> None:
    content = photo(4)
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        location = (await tus.create("a.jpg", len(content))).headers["Location"]
        assert (await tus.append(location, 0, content[:50])).status_code == 204
        assert (await tus.append(location, 7, content)).status_code == 409
        assert (await tus.append(location, 50, content)).status_code == 400
        assert (await tus.offset(location)).headers["Upload-Offset"] == "50"
        assert (await tus.create("a.jpg", 2**50)).status_code == 413
        assert (await tus.create("a.jpg", 10, album="../up")).status_code == 400
        assert (await tus.create("a.jpg", 10, sha256="abc")).status_code == 400
        assert (
            await browser.client.patch(location, headers={**tus.own, "Upload-Offset": "x"})
        ).status_code == 415
        no_version = {name: value for name, value in tus.own.items() if name != "Tus-Resumable"}
        assert (await browser.client.head(location, headers=no_version)).status_code == 412
        assert (await tus.offset("/api/uploads/tus/" + "0" * 32)).status_code == 404
        assert (await tus.offset("/api/uploads/tus/..%2f..")).status_code == 404
        assert (await tus.append(location, 50, content[50:])).status_code == 204
        claimed = await tus.send("b.jpg", photo(5), sha256=hashlib.sha256(b"other").hexdigest())
        [damaged] = await settled(pages, claimed)
        assert damaged.state is UploadState.FAILED
        assert "damaged" in damaged.reason


async def test_the_content_decides_what_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cases = {
        "letter.jpg": (b"%PDF-1.7 not a picture", "neither a picture nor a video"),
        "page.jpg": (b"<html><script>alert(1)</script>", "neither a picture nor a video"),
        "cut.jpg": (photo(6)[:-40], "end is missing"),
        "empty.jpg": (b"", "empty"),
        "broken.png": (b"\x89PNG\r\n\x1a\n" + bytes(40) + b"IEND\xaeB`\x82", "cannot be shown"),
        "bomb.png": (bomb(), "cannot be shown"),
    }
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        for name, (content, why) in cases.items():
            if content:
                upload = await tus.send(name, content)
            else:
                upload = (await tus.create(name, 0)).headers["Location"].rpartition("/")[2]
            [failed] = await settled(pages, upload)
            assert failed.state is UploadState.FAILED, name
            assert why in failed.reason, failed.reason
            # What decoders and the system say is in the log only.
            assert "Error" not in failed.reason, failed.reason
            assert "process" not in failed.reason, failed.reason
            assert {"broken.png": "broken.png", "bomb.png": "pixels"}.get(name, "") in caplog.text
        named_wrong = await tus.send("holiday.mp4", photo(7))
        [ready] = await settled(pages, named_wrong)
        assert ready.stored == "Family/holiday.jpg"
    assert names(tmp_path / "library") == [".picsync-library", "Family/holiday.jpg"]


async def test_what_did_not_continue_for_a_week_is_removed(tmp_path: Path) -> None:
    clock = [datetime.now(UTC)]
    async with (
        serve(tmp_path, now=lambda: clock[0]) as pages,
        await pages.signed_in("Anna") as browser,
    ):
        uploads = pages.services.uploads
        assert uploads is not None
        tus, content = await Tus.of(browser), photo(12)
        location = (await tus.create("a.jpg", len(content))).headers["Location"]
        await tus.append(location, 0, content[:100])
        clock[0] += KEPT_FOR
        await uploads.expire()
        assert (await tus.offset(location)).headers["Upload-Offset"] == "100"
        clock[0] += timedelta(seconds=1)
        await uploads.expire()
        [gone] = await settled(pages, location.rpartition("/")[2])
        assert (gone.state, "week" in gone.reason) == (UploadState.FAILED, True)
        assert (await tus.offset(location)).status_code == 410
        assert (await tus.append(location, 100, content[100:])).status_code == 409
    assert names(tmp_path / "library") == [".picsync-library"]


async def test_the_same_photo_is_stored_once(tmp_path: Path) -> None:
    content = photo(8)
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        sent = await asyncio.gather(*(tus.send(f"{number}.jpg", content) for number in range(4)))
        found = await settled(pages, *sent)
        assert sorted(each.state for each in found) == ["duplicate", "duplicate", "duplicate", "ready"]
        assert all("already have this one" in each.reason for each in found if each.state == "duplicate")
        [stored] = list((tmp_path / "library/Family").iterdir())
        # Once it was removed from the library, it may be sent again.
        stored.unlink()
        [again] = await settled(pages, await tus.send("again.jpg", content))
        assert again.state is UploadState.READY


async def test_equal_names_do_not_replace_each_other(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        (tmp_path / "library/Family/img_1.PNG").write_bytes(b"by hand")
        sent = await asyncio.gather(*(tus.send("IMG_1.jpg", photo(number)) for number in range(10, 13)))
        found = await settled(pages, *sent)
        expected = {f"Family/IMG_1 ({number}).jpg" for number in range(2, 5)}
        assert {each.stored for each in found} == expected
        assert (tmp_path / "library/Family/img_1.PNG").read_bytes() == b"by hand"


@pytest.mark.parametrize("photo_first", [True, False])
async def test_the_files_of_a_live_photo_stay_together(tmp_path: Path, photo_first: bool) -> None:
    files = [("IMG_7.jpg", photo(20)), ("IMG_7.MOV", movie(20))]
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        await settled(pages, await tus.send("IMG_7.jpg", photo(19), album="Family"))
        (tmp_path / "library/Family/IMG_7.mov").touch()
        stored = []
        for name, content in files if photo_first else files[::-1]:
            [upload] = await settled(pages, await tus.send(name, content))
            stored.append(upload)
        assert sorted(each.stored for each in stored) == ["Family/IMG_7 (2).MOV", "Family/IMG_7 (2).jpg"]
        of_movie = photo_id(hashlib.sha256(movie(20)).hexdigest())
        assert await pages.services.photos.find(of_movie) is None
        assert not pages.services.pictures.has(of_movie), "nobody sees its cover"


async def test_a_video_is_stored_and_known(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        [upload] = await settled(pages, await tus.send("clip.mov", movie()))
        found = await pages.services.photos.find(upload.photo or "")
        assert found is not None
        assert found.kind == "video"
        assert (tmp_path / "library/Family/clip.mov").read_bytes() == movie()
        assert f"/photo/{found.photo}" in (await browser.get("/")).text
        assert f'src="/pictures/{found.photo}/original"' in (await browser.get(f"/photo/{found.photo}")).text
        original = f"/pictures/{found.photo}/original"
        part = await browser.client.get(original, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, movie()[4:8])
        # It cannot be decoded, so its cover is drawn; one that is lost is drawn again.
        for _ in range(2):
            answer = await browser.get(f"/pictures/{found.photo}/480.jpg")
            with Image.open(io.BytesIO(answer.content)) as cover:
                assert cover.size == (480, 270)
            await pages.services.pictures.remove(found.photo)


async def test_lists_show_the_videos_that_are_in_the_library(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        uploads, looking = pages.services.uploads, pages.services.looking
        assert uploads is not None
        sent = [await tus.send(f"clip{number}.mov", movie(number)) for number in range(3)]
        sent.append(await tus.send("other.mov", movie(3), album="Garden"))
        stays, *_, elsewhere = await settled(pages, *sent)
        stored = tmp_path / "library/Family"
        (stored / "clip1.mov").unlink()
        (stored / "clip2.mov").rename(tmp_path / "clip2.mov")

        async def listed() -> set[str]:
            return {each.filename for each in (await looking.latest("Family")).photos}

        assert await listed() == {"clip0.mov", "clip1.mov", "clip2.mov"}, "of one category only"
        await uploads.list_videos()
        assert await listed() == {"clip0.mov"}
        (tmp_path / "clip2.mov").rename(stored / "clip2.mov")
        await uploads.list_videos()
        assert await listed() == {"clip0.mov", "clip2.mov"}
        (tmp_path / "library").rename(tmp_path / "away")
        with pytest.raises(UploadError):
            await uploads.list_videos()
        assert await listed() == {"clip0.mov", "clip2.mov"}, "a library that is not there says nothing"
        # The frame of the pages, which has photos only, neither knows videos nor takes them away.
        gallery = Gallery(pages.services.state, pages.services.pictures)
        assert not (await gallery.photos(FrameAlbum("Family", "Family"))).items
        assert {stays.state, elsewhere.state} == {"ready"}


async def test_a_cancelled_upload_leaves_nothing(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        location = (await tus.create("a.jpg", 1000)).headers["Location"]
        await tus.append(location, 0, b"x" * 10)
        assert (await browser.client.delete(location, headers=tus.own)).status_code == 204
        assert (await tus.offset(location)).status_code == 404
        assert names(tmp_path / "library/.picsync-incoming") == []


async def test_an_upload_belongs_to_who_began_it(tmp_path: Path) -> None:
    async with (
        serve(tmp_path) as pages,
        await pages.signed_in("Anna") as anna,
        await pages.signed_in("Ben") as ben,
        await pages.signed_in("Vera", Role.VIEWER) as vera,
    ):
        own, other = await Tus.of(anna), await Tus.of(ben)
        location = (await own.create("a.jpg", 1000)).headers["Location"]
        assert (await other.offset(location)).status_code == 404
        assert (await other.append(location, 0, b"x")).status_code == 404
        assert (await (await Tus.of(vera)).create("a.jpg", 10)).status_code == 403
        without = Tus(anna, "")
        assert (await without.create("a.jpg", 10)).status_code == 403


async def test_a_library_that_is_not_mounted_is_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    content = photo(30)
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        location = (await tus.create("a.jpg", len(content))).headers["Location"]
        await tus.append(location, 0, content[:50])
        (tmp_path / "library").rename(tmp_path / "away")
        (tmp_path / "library").mkdir()
        refused = await tus.append(location, 50, content[50:])
        assert refused.status_code == 503
        assert "not available" in refused.json()["error"]
        assert "not available" in (await browser.get("/send")).text
        assert list((tmp_path / "library").iterdir()) == []
        (tmp_path / "library").rmdir()
        (tmp_path / "away").rename(tmp_path / "library")
        assert (await tus.offset(location)).headers["Upload-Offset"] == "50"
        assert (await tus.append(location, 50, content[50:])).status_code == 204
        [upload] = await settled(pages, location.rpartition("/")[2])
        assert upload.state is UploadState.READY


async def test_a_form_without_scripts_sends_several_files(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        token = await browser.form_token()
        files = [("files", ("a.jpg", photo(40))), ("files", ("b.txt", b"hello")), ("files", ("", b""))]
        fields = {"form_token": token, "album": "Family", "other": ""}
        own = {"Origin": pages.url}
        answer = await browser.client.post("/send", data=fields, files=files, headers=own)
        assert answer.status_code == 200, answer.text
        assert "1 of 2 arrived" in answer.text
        assert "neither a picture nor a video" in answer.text
        stale = await browser.client.post("/send", data={"form_token": "0" * 32}, files=files, headers=own)
        assert stale.status_code == 403
        no_token = await browser.client.post("/send", files=files, headers=own)
        assert no_token.status_code == 403
        elsewhere = await browser.client.post(
            "/send", data=fields, files=files, headers={"Origin": "http://evil.example"}
        )
        assert elsewhere.status_code == 403
        assert names(tmp_path / "library/Family") == ["a.jpg"]


async def test_a_program_sends_by_its_token(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        text = (await browser.post("/you/token", name="Shortcut")).text
        token = text.split('<code class="secret">')[1].split("<")[0]
        async with httpx.AsyncClient(
            base_url=pages.url, headers={"Authorization": f"Bearer {token}"}
        ) as program:
            raw = await program.post("/api/uploads?name=IMG_1.HEIC&album=Garden", content=photo(50))
            assert raw.json()[0]["state"] == "ready"
            assert (tmp_path / "library/Garden/IMG_1.jpg").exists()

            async def unknown_size() -> AsyncIterator[bytes]:
                yield photo(51)[:100]
                yield photo(51)[100:]

            chunked = await program.post("/api/uploads?name=b.jpg", content=unknown_size())
            assert chunked.json()[0]["state"] == "ready"
            form = await program.post(
                "/api/uploads", files=[("f", ("c.jpg", photo(52)))], data={"album": "X"}
            )
            assert [(each["state"], each["album"]) for each in form.json()] == [("ready", "X")]
            again = await program.post("/api/uploads?name=c.jpg", content=photo(52))
            assert again.json()[0]["state"] == "duplicate"
            assert len((await program.get("/api/uploads")).json()) == 4
            assert (await program.get("/api/uploads/albums")).json() == ["Family", "Garden", "X"]
            assert (await program.options("/api/uploads/tus")).headers["Tus-Version"] == "1.0.0"


async def test_the_app_can_be_installed_and_is_shared_with(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser:
        manifest = (await browser.get("/manifest.webmanifest")).json()
        assert manifest["share_target"]["action"] == "/send/shared"
        for icon in manifest["icons"]:
            assert (await browser.get(icon["src"])).headers["Content-Type"] == "image/png"
        assert (await browser.get("/sw.js")).headers["Content-Type"].startswith("text/javascript")
        shared = await browser.client.post("/send/shared", files=[("files", ("a.jpg", b"x" * 100))])
        assert (shared.status_code, shared.headers["Location"]) == (303, "/send?shared=again")


async def test_uploads_outlast_a_restart(tmp_path: Path) -> None:
    content = photo(60)
    async with serve(tmp_path) as pages:
        browser = await pages.signed_in("Anna")
        tus = await Tus.of(browser)
        location = (await tus.create("a.jpg", len(content))).headers["Location"]
        await tus.append(location, 0, content[:100])
        stray = tmp_path / "library/.picsync-incoming" / ("f" * 32)
        stray.touch()
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        tus = await Tus.of(browser)
        assert not stray.exists()
        assert (await tus.offset(location)).headers["Upload-Offset"] == "100"
        assert (await tus.append(location, 100, content[100:])).status_code == 204
        [upload] = await settled(pages, location.rpartition("/")[2])
        assert upload.state is UploadState.READY


async def test_pictures_are_for_the_family_and_are_made_again_if_they_are_lost(tmp_path: Path) -> None:
    content = photo(70, size=(1200, 900))
    async with (
        serve(tmp_path) as pages,
        await pages.signed_in("Anna") as browser,
        await pages.signed_in("Vera", Role.VIEWER) as viewer,
    ):
        tus = await Tus.of(browser)
        [upload] = await settled(pages, await tus.send("Ä b.jpg", content))
        path = f"/pictures/{upload.photo}/240.jpg"
        async with pages.browser() as stranger:
            assert (await stranger.client.get(path, headers={"Accept": "*/*"})).status_code == 401
        answer = await viewer.get(path)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert "immutable" in answer.headers["Cache-Control"]
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert (await viewer.client.get(path, headers=tag)).status_code == 304
        await pages.services.pictures.remove(upload.photo or "")
        assert (await viewer.get(path)).content == answer.content
        original = await viewer.get(f"/pictures/{upload.photo}/original")
        assert original.content == content
        assert "attachment" in original.headers["Content-Disposition"]
        await pages.services.photos.hide(upload.photo or "", by=None)
        assert (await viewer.get(path)).status_code == 404
        assert (await browser.get(path)).status_code == 200
        for wrong in (
            f"/pictures/{upload.photo}/241.jpg",
            "/pictures/..%2f..%2fx/240.jpg",
            "/pictures/x/240.jpg",
        ):
            assert (await viewer.get(wrong)).status_code in (404, 422)
