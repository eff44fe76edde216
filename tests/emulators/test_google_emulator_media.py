from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Era, Item, generated_jpeg
from picsync.emulators.google.content import read_all
from tests.emulators.google_emulator import API, MP4, GoogleEmulator, error_of, google_emulator, ids, jpeg

LH3 = "lh3.googleusercontent.com"


async def base_url(emulator: GoogleEmulator, item: Item) -> str:
    answer = await emulator.get(f"mediaItems/{item.item_id}")
    url: str = answer.json()["baseUrl"]
    return url


@pytest.mark.parametrize("size", [1100, 1101, 1102, 1103, 70_000, 131_074 + 900, 3_000_000])
def test_generated_jpegs_have_their_size_and_are_pictures(size: int) -> None:
    content = generated_jpeg(7, size)
    data = read_all(content)
    assert len(data) == size == content.size
    assert data == read_all(generated_jpeg(7, size))
    assert data != read_all(generated_jpeg(8, size))
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.size == (64, 48)


def test_a_generated_jpeg_cannot_be_smaller_than_the_picture() -> None:
    with pytest.raises(ValueError, match="at least"):
        generated_jpeg(1, 100)


async def test_many_large_photos_do_not_take_memory() -> None:
    async with google_emulator() as emulator:
        album = emulator.google.add_album("Large")
        for number in range(20):
            emulator.google.add_item(album, f"{number}.jpg", generated_jpeg(number, 3_000_000))
        tracemalloc.start()
        for item in (await emulator.search(albumId=album.album_id))["mediaItems"]:
            async with emulator.http.stream("GET", item["baseUrl"] + "=d") as answer:
                size = 0
                async for chunk in answer.aiter_raw():
                    size += len(chunk)
                assert size == 3_000_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12_000_000
        assert emulator.server.log.bytes_out(host=LH3) == 60_000_000


async def test_the_forms_of_a_photo() -> None:
    async with google_emulator() as emulator:
        original = jpeg(400, 200, orientation=6)
        item = emulator.google.add_item(None, "sch\u00f6n.jpg", original)
        assert (item.width, item.height) == (200, 400)
        url = await base_url(emulator, item)
        full = await emulator.http.get(url + "=d")
        assert full.content == original
        assert full.headers["Content-Type"] == "image/jpeg"
        assert full.headers["Content-Length"] == str(len(original))
        assert full.headers["Content-Disposition"].startswith('attachment;filename="sch_n.jpg"')
        assert full.headers["ETag"].startswith('"v')
        head = await emulator.http.head(url + "=d")
        assert head.headers["Content-Length"] == str(len(original))
        sizes = {
            "=w100-h100": (50, 100),
            "=w100-h100-c": (100, 100),
            "=w4000-h4000": (200, 400),
            "=s100": (50, 100),
            "=w100": (100, 200),
            "": (200, 400),
            "=w50-h50-no": (25, 50),
        }
        for suffix, size in sizes.items():
            answer = await emulator.http.get(url + suffix)
            assert answer.headers["Content-Type"] == "image/jpeg"
            with Image.open(io.BytesIO(answer.content)) as image:
                assert image.size == size, suffix
                assert image.getexif().get(0x0112, 1) == 1
        for suffix, status in {"=dv": 404, "=w99999": 400, "=zz": 400}.items():
            answer = await emulator.http.get(url + suffix)
            assert answer.status_code == status
            assert answer.headers["Content-Type"].startswith("text/html")


async def test_a_video_comes_by_a_redirect_when_it_is_ready() -> None:
    async with google_emulator() as emulator:
        ready_at = emulator.clock.now + 60
        item = emulator.google.add_item(None, "v.mp4", MP4, ready_at=ready_at, details={"fps": 30.0})
        resource = (await emulator.get(f"mediaItems/{item.item_id}")).json()
        assert resource["mediaMetadata"]["video"] == {"fps": 30.0, "status": "PROCESSING"}
        assert "photo" not in resource["mediaMetadata"]
        url = resource["baseUrl"]
        assert (await emulator.http.get(url + "=dv")).status_code == 404
        emulator.clock.now = ready_at
        redirect = await emulator.http.get(url + "=dv")
        assert redirect.status_code == 302
        assert "video-downloads.googleusercontent.com" in redirect.headers["Location"]
        video = await emulator.http.get(redirect.headers["Location"])
        assert (video.content, video.headers["Content-Type"]) == (MP4, "video/mp4")
        part = await emulator.http.get(redirect.headers["Location"], headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, MP4[10:20])
        still = await emulator.http.get(url + "=d")
        assert still.headers["Content-Type"] == "image/jpeg"
        item.failed = True
        assert (await emulator.http.get(url + "=dv")).status_code == 404


async def test_base_urls_expire_and_cannot_be_guessed() -> None:
    async with google_emulator(base_url_s=1800, media_requests_per_day=3) as emulator:
        item = emulator.google.add_item(None, "a.jpg", jpeg())
        url = await base_url(emulator, item)
        emulator.clock.now += 1799
        assert (await emulator.http.get(url + "=d")).status_code == 200
        emulator.clock.now += 1
        expired = await emulator.http.get(url + "=d")
        assert expired.status_code == 403
        assert expired.headers["Content-Type"].startswith("text/html")
        assert (await emulator.http.get(url[:-90] + "=d")).status_code == 404
        fresh = await base_url(emulator, item)
        emulator.google.replace_bytes(item, jpeg(colour="blue"))
        assert (await emulator.http.get(fresh + "=d")).content == jpeg(colour="blue")
        emulator.google.remove_item(item)
        assert (await emulator.http.get(fresh + "=d")).status_code == 404
        assert (await emulator.http.get(fresh + "=d")).status_code == 429
        assert (await emulator.get("albums")).status_code == 200


async def test_media_by_name_and_with_faults() -> None:
    async with google_emulator() as emulator:
        item = emulator.google.add_item(None, "a.jpg", jpeg())
        headers = {**emulator.headers, "Host": API}
        answer = await emulator.http.get(f"/v1/mediaItems/{item.item_id}", headers=headers)
        assert answer.json()["baseUrl"].startswith(f"http://{LH3}/lr/")
        emulator.server.faults.add(Fault(kind=FaultKind.TRUNCATE, host=LH3))
        url = await base_url(emulator, item)
        with pytest.raises(httpx.RemoteProtocolError):
            await emulator.http.get(url + "=d")
        assert (await emulator.http.get(url + "=d")).content == jpeg()


async def test_uploads_become_items_one_by_one() -> None:
    async with google_emulator(video_processing_s=60) as emulator:
        album = (await emulator.post("albums", {"album": {"title": "Up"}})).json()["id"]
        tokens = [
            await emulator.upload(jpeg(), "one.jpg"),
            await emulator.upload(b"no picture at all"),
            await emulator.upload(MP4),
        ]
        new: list[dict[str, Any]] = [
            {"simpleMediaItem": {"uploadToken": token}} for token in [*tokens, "nonsense"]
        ]
        new[2] = {"description": "a film", "simpleMediaItem": {"uploadToken": tokens[2], "fileName": "v.mp4"}}
        answer = await emulator.post("mediaItems:batchCreate", {"albumId": album, "newMediaItems": new})
        assert answer.status_code == 207
        results = answer.json()["newMediaItemResults"]
        assert [result["status"].get("code", 0) for result in results] == [0, 3, 0, 3]
        first, film = results[0]["mediaItem"], results[2]["mediaItem"]
        assert "baseUrl" not in first
        assert (first["filename"], film["filename"], film["description"]) == ("one.jpg", "v.mp4", "a film")
        assert film["mediaMetadata"]["video"]["status"] == "PROCESSING"
        assert ids(await emulator.search(albumId=album)) == [first["id"], film["id"]]
        again = {"newMediaItems": [{"simpleMediaItem": {"uploadToken": await emulator.upload(jpeg())}}]}
        repeated = await emulator.post("mediaItems:batchCreate", again)
        assert repeated.status_code == 200
        assert repeated.json()["newMediaItemResults"][0]["mediaItem"]["id"] == first["id"]
        foreign = emulator.google.add_album("Own", app_created=False)
        answer = await emulator.post("mediaItems:batchCreate", {**again, "albumId": foreign.album_id})
        assert error_of(answer)[:2] == (403, "PERMISSION_DENIED")
        bare = await emulator.http.post(f"/{API}/v1/uploads", content=b"x", headers=emulator.headers)
        assert error_of(bare)[0] == 400
        emulator.login("photoslibrary.readonly.appcreateddata")
        headers = {**emulator.headers, "X-Goog-Upload-Protocol": "raw"}
        assert (
            await emulator.http.post(f"/{API}/v1/uploads", content=b"x", headers=headers)
        ).status_code == 403


async def test_resumable_uploads(tmp_path: Path) -> None:
    async with google_emulator(upload_directory=tmp_path) as emulator:
        data = jpeg(300, 300)

        async def command(url: str, name: str, body: bytes = b"", **headers: str) -> httpx.Response:
            sent = {**emulator.headers, "X-Goog-Upload-Command": name}
            sent |= {f"X-Goog-Upload-{key}": value for key, value in headers.items()}
            return await emulator.http.post(url, content=body, headers=sent)

        size = {"Raw-Size": str(len(data)), "Protocol": "resumable", "File-Name": "big.jpg"}
        started = await command(f"/{API}/v1/uploads", "start", b"", **size)
        url = started.headers["X-Goog-Upload-URL"]
        assert (await command(url, "upload", data[:500], Offset="0")).headers[
            "X-Goog-Upload-Status"
        ] == "active"
        assert (await command(url, "upload", data[:500], Offset="0")).status_code == 400
        assert (await command(url, "upload, finalize", b"short", Offset="500")).status_code == 400
        received = int((await command(url, "query")).headers["X-Goog-Upload-Size-Received"])
        assert received == 505
        fresh = (await command(f"/{API}/v1/uploads", "start", b"", **size)).headers["X-Goog-Upload-URL"]
        final = await command(fresh, "upload, finalize", data, Offset="0")
        assert final.headers["X-Goog-Upload-Status"] == "final"
        body = {"newMediaItems": [{"simpleMediaItem": {"uploadToken": final.text}}]}
        created = (await emulator.post("mediaItems:batchCreate", body)).json()["newMediaItemResults"][0][
            "mediaItem"
        ]
        item = emulator.google.library.items[created["id"]]
        assert (await emulator.http.get(await base_url(emulator, item) + "=d")).content == data


async def test_a_directory_is_looked_at_again_for_every_listing(tmp_path: Path) -> None:
    async with google_emulator() as emulator:
        album = emulator.google.directory_album(tmp_path, "Folder")
        (tmp_path / "b.jpg").write_bytes(jpeg())
        (tmp_path / "a.png").write_bytes(jpeg(colour="green"))
        (tmp_path / "v.mp4").write_bytes(MP4)
        (tmp_path / ".hidden.jpg").write_bytes(jpeg())
        (tmp_path / "notes.jpg").write_text("text")
        (tmp_path / "half.jpg").write_bytes(jpeg()[:-100])
        (tmp_path / "c.jpg.part").write_bytes(jpeg())
        os.utime(tmp_path / "b.jpg", (1.6e9, 1.6e9))

        async def listed() -> dict[str, dict[str, Any]]:
            page = await emulator.search(albumId=album.album_id)
            return {item["filename"]: item for item in page.get("mediaItems", ())}

        before = await listed()
        assert list(before) == ["a.png", "b.jpg", "v.mp4"]
        assert before["b.jpg"]["mediaMetadata"]["creationTime"] == "2020-09-13T12:26:40Z"
        assert before["a.png"]["mimeType"] == "image/jpeg"
        (tmp_path / "half.jpg").write_bytes(jpeg())
        (tmp_path / "b.jpg").write_bytes(jpeg(100, 100))
        (tmp_path / "v.mp4").unlink()
        gone = before["v.mp4"]["baseUrl"]
        after = await listed()
        assert list(after) == ["a.png", "b.jpg", "half.jpg"]
        assert after["a.png"]["id"] == before["a.png"]["id"]
        assert after["b.jpg"]["id"] != before["b.jpg"]["id"]
        assert (await emulator.http.get(gone + "=dv")).status_code == 404
        got = await emulator.http.get(after["b.jpg"]["baseUrl"] + "=d")
        assert hashlib.sha256(got.content).digest() == hashlib.sha256(jpeg(100, 100)).digest()
        assert (await emulator.get(f"albums/{album.album_id}")).json()["mediaItemsCount"] == "3"


async def test_one_picture_in_two_albums_has_one_id() -> None:
    async with google_emulator(era=Era.Y2025) as emulator:
        first, second = emulator.google.add_album("One"), emulator.google.add_album("Two")
        item = emulator.google.add_item(first, "a.jpg", jpeg())
        emulator.google.put_item(second, item)
        pages = [await emulator.search(albumId=album.album_id) for album in (first, second)]
        assert ids(*pages) == [item.item_id] * 2
        emulator.google.remove_item(item, first)
        assert await emulator.search(albumId=first.album_id) == {}
