"""The emulated shared albums, as a browser and as a script see them."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from picsync.emulators.google import SharedAlbum, SharingOptions, Unshared
from tests.emulators.google_emulator import MP4, GoogleEmulator, google_emulator, jpeg

SHORT, PAGE, MEDIA = "/photos.app.goo.gl", "/photos.google.com", "lh3.googleusercontent.com"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Cookie": "SOCS=CAI"}


def shared(emulator: GoogleEmulator, count: int, title: str = "Trip") -> SharedAlbum:
    album = emulator.google.add_album(title, app_created=False)
    for number in range(count):
        emulator.google.add_item(album, f"{number}.jpg", jpeg(64, 48, colour=f"#{number:06x}"))
    return emulator.google.share(album)


async def page(emulator: GoogleEmulator, album: SharedAlbum, **headers: str) -> httpx.Response:
    path = f"{PAGE}/share/{album.album_key}"
    return await emulator.http.get(path, params={"key": album.auth_key}, headers={**BROWSER, **headers})


def data_of(html: str, key: str = "ds:1") -> Any:
    found = re.search(rf"key: '{key}', hash: '\d+', data:(.*?), sideChannel: {{}}}}\);</script>", html)
    assert found is not None
    return json.loads(found[1])


async def call(
    emulator: GoogleEmulator, album_key: str, token: object, auth_key: str, query: str = "&rt=c"
) -> str:
    asked = json.dumps([album_key, token, None, auth_key])
    answer = await emulator.http.post(
        f"{PAGE}/u/0/_/PhotosUi/data/batchexecute?rpcids=snAcKc{query}",
        data={"f.req": json.dumps([[["snAcKc", asked, None, "generic"]]])},
    )
    assert answer.status_code == 200
    assert answer.text.startswith(")]}'\n\n")
    return answer.text.removeprefix(")]}'\n\n")


def result_of(text: str) -> list[Any]:
    """Return the call's result from the lines of lengths and lists."""
    lines = text.splitlines()
    assert all(len(text) + 2 == int(length) for length, text in zip(lines[::2], lines[1::2], strict=True))
    [result] = [each for line in lines[1::2] for each in json.loads(line) if each[0] == "wrb.fr"]
    assert isinstance(result, list)
    return result


async def test_short_link_redirects_scripts_and_browsers_differently() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 1)
        assert re.fullmatch(r"https://photos\.app\.goo\.gl/[A-Za-z0-9]{17}", album.short_link)
        answer = await emulator.http.get(f"{SHORT}/{album.code}", headers={"User-Agent": "curl/8.0"})
        assert answer.status_code == 302
        assert answer.headers["Location"] == album.link.replace("https:/", emulator.server.url)
        assert (await emulator.http.get(f"{SHORT}/{album.code}", headers=BROWSER)).status_code == 200
        emulator.google.options.sharing.interstitial_for_browsers = False
        assert (await emulator.http.get(f"{SHORT}/{album.code}", headers=BROWSER)).status_code == 302
        assert (await emulator.http.get(f"{SHORT}/AAAABBBBCCCCDDDDE")).status_code == 404


async def test_by_its_name_the_service_hands_out_the_real_addresses() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 1)
        answer = await emulator.http.get(f"/{album.code}", headers={"Host": "photos.app.goo.gl"})
        assert answer.headers["Location"].startswith("http://photos.google.com/share/AF1Qip")


async def test_a_page_holds_the_first_items_among_other_data() -> None:
    async with google_emulator(sharing=SharingOptions(page_items=2)) as emulator:
        album = shared(emulator, 3, title='Tom & "Jerry" </script> ]}')
        emulator.google.add_item(album.album, "film.mp4", MP4, mime_type="video/mp4")
        html = (await page(emulator, album)).text
        assert "<title>Tom &amp; &quot;Jerry&quot; &lt;/script&gt; ]} - Google Photos</title>" in html
        nothing, items, token, meta, *_ = data_of(html)
        assert nothing is None
        assert token.startswith("AH_")
        assert (meta[0], meta[1], meta[19], meta[21]) == (
            album.album_key,
            'Tom & "Jerry" </script> ]}',
            album.auth_key,
            4,
        )
        (key, (url, width, height, *_, size), taken, dedup_key, *_, extras), _ = items
        assert key.startswith("AF1Qip")
        assert key != album.album.items[0].item_id
        assert url.startswith(f"{emulator.server.url}/{MEDIA}/pw/")
        assert (width, height, size) == (64, 48, [album.album.items[0].content.size])
        assert isinstance(taken, int)
        assert len(dedup_key) == 27
        assert extras == {"15": 1565}
        assert (
            f"request:{json.dumps([album.album_key, None, None, album.auth_key], separators=(',', ':'))}"
            in html
        )


async def test_further_pages_come_by_the_page_s_call() -> None:
    async with google_emulator(sharing=SharingOptions(page_items=2)) as emulator:
        album = shared(emulator, 5)
        _, first, token, *_ = data_of((await page(emulator, album)).text)
        keys = [item[0] for item in first]
        while token:
            _, items, token, meta, *_ = json.loads(
                result_of(await call(emulator, album.album_key, token, album.auth_key))[2]
            )
            assert meta[21] == 5
            keys += [item[0] for item in items]
        assert len(set(keys)) == len(keys) == 5
        result = result_of(await call(emulator, album.album_key, None, album.auth_key))
        assert [item[0] for item in json.loads(result[2])[1]] == keys[:2]
        plain = await call(emulator, album.album_key, None, album.auth_key, query="")
        assert json.loads(plain)[0][:2] == ["wrb.fr", "snAcKc"]


async def test_a_call_for_what_is_not_there_is_a_200_with_a_number() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 1)
        other = shared(emulator, 2)
        for asked in (
            (album.album_key, None, "wrong"),
            ("AF1QipNone", None, album.auth_key),
            (other.album_key, None, album.auth_key),
        ):
            result = result_of(await call(emulator, *asked))
            assert (result[2], result[5]) == (None, [5])
        for token in ("AH_bad", "x", "AH_MDow"):
            result = result_of(await call(emulator, album.album_key, token, album.auth_key))
            assert (result[2], result[5]) == (None, [3])


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "[[]]", '[[["other","[]",null,"generic"]]]', '[[["snAcKc","[1]",null,""]]]']
)
async def test_a_call_that_makes_no_sense_is_a_400(body: str) -> None:
    async with google_emulator() as emulator:
        answer = await emulator.http.post(
            f"{PAGE}/_/PhotosUi/data/batchexecute?rpcids=snAcKc&rt=c", data={"f.req": body}
        )
        assert answer.status_code == 400
        answer = await emulator.http.post(f"{PAGE}/_/PhotosUi/data/batchexecute", data={"f.req": body})
        assert answer.status_code == 400


async def test_keys_stay_and_urls_change() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 2)
        one, other = [data_of((await page(emulator, album)).text)[1] for _ in range(2)]
        assert [item[0] for item in one] == [item[0] for item in other]
        assert [item[3] for item in one] == [item[3] for item in other]
        assert one[0][1][0] != other[0][1][0]
        for url in (one[0][1][0], other[0][1][0]):
            assert (await emulator.http.get(f"{url}=d")).content == jpeg(64, 48, colour="#000000")
        emulator.google.options.sharing.changing_urls = False
        one, other = [data_of((await page(emulator, album)).text)[1] for _ in range(2)]
        assert one == other


async def test_edit_changes_the_dedup_key_that_equal_pictures_share() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 1)
        item = album.album.items[0]
        emulator.google.add_item(album.album, "copy.jpg", jpeg(64, 48, colour="#000000"))
        [before, copy] = data_of((await page(emulator, album)).text)[1]
        assert before[3] == copy[3]
        emulator.google.replace_bytes(item, jpeg(64, 48, colour="blue"))
        [after, copy] = data_of((await page(emulator, album)).text)[1]
        assert after[0] == before[0]
        assert after[3] != copy[3] == before[3]


async def test_bytes_need_no_login_and_do_not_expire() -> None:
    async with google_emulator(media_requests_per_day=0) as emulator:
        album = shared(emulator, 0)
        emulator.google.add_item(album.album, "film.mp4", MP4, mime_type="video/mp4")
        emulator.google.add_item(album.album, "photo.jpg", jpeg())
        [film, photo] = data_of((await page(emulator, album)).text)[1]
        emulator.clock.now += 10 * 365 * 86_400
        assert film[-1]["76647426"][0] > 0
        redirect = await emulator.http.get(f"{film[1][0]}=dv")
        assert redirect.status_code == 302
        assert "video-downloads.googleusercontent.com" in redirect.headers["Location"]
        original = await emulator.http.get(f"{photo[1][0]}=d")
        assert original.headers["Content-Disposition"] == 'attachment;filename="photo.jpg"'
        assert (await emulator.http.get(f"{photo[1][0]}=dv")).status_code == 404
        emulator.google.options.sharing.url_s = 60
        assert (await emulator.http.get(f"{photo[1][0]}=d")).status_code == 403


@pytest.mark.parametrize(("unshared", "status"), [(Unshared.NOT_FOUND, 404), (Unshared.LOGIN, 302)])
async def test_a_link_that_is_switched_off_opens_nothing(unshared: Unshared, status: int) -> None:
    async with google_emulator(sharing=SharingOptions(unshared=unshared)) as emulator:
        album = shared(emulator, 1)
        wrong = await emulator.http.get(f"{PAGE}/share/{album.album_key}?key=wrong", headers=BROWSER)
        keyless = await emulator.http.get(f"{PAGE}/share/{album.album_key}", headers=BROWSER)
        assert (wrong.status_code, keyless.status_code) == (status, status)
        assert (await page(emulator, album)).status_code == 200
        album.active = False
        assert (await page(emulator, album)).status_code == status
        assert emulator.google.share(album.album) is album
        assert (await page(emulator, album)).status_code == 200


async def test_by_default_every_visitor_sees_the_album() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 1)
        answer = await page(emulator, album, **{"Cookie": "", "User-Agent": "python-httpx/0.28"})
        assert len(data_of(answer.text)[1]) == 1


async def test_a_visitor_may_be_asked_for_consent() -> None:
    async with google_emulator(sharing=SharingOptions.of(["consent"])) as emulator:
        album = shared(emulator, 1)
        assert (await page(emulator, album)).status_code == 200
        answer = await page(emulator, album, Cookie="")
        assert answer.status_code == 302
        consent = await emulator.http.get(answer.headers["Location"])
        assert consent.status_code == 200
        assert "AF_initDataCallback" not in consent.text
    async with google_emulator(sharing=SharingOptions.of(["consent-always"])) as emulator:
        assert (await page(emulator, shared(emulator, 1))).status_code == 302


async def test_a_visitor_may_get_a_page_of_scripts() -> None:
    async with google_emulator(sharing=SharingOptions.of(["scripts"])) as emulator:
        album = shared(emulator, 1)
        assert "AF_initDataCallback" in (await page(emulator, album)).text
        answer = await page(emulator, album, **{"User-Agent": "python-httpx/0.28"})
        assert answer.status_code == 200
        assert "AF_initDataCallback" not in answer.text
    async with google_emulator(sharing=SharingOptions.of(["scripts-always"])) as emulator:
        assert "AF_initDataCallback" not in (await page(emulator, shared(emulator, 1))).text


async def test_the_page_speaks_the_visitor_s_language() -> None:
    async with google_emulator() as emulator:
        album = shared(emulator, 1)
        german = await page(emulator, album, **{"Accept-Language": "de-AT,de;q=0.9,en;q=0.1"})
        assert "<title>Trip - Google Fotos</title>" in german.text
        assert data_of(german.text)[3][1] == "Trip"


async def test_too_many_requests_in_a_minute_are_refused() -> None:
    async with google_emulator(sharing=SharingOptions(requests_per_minute=2)) as emulator:
        album = shared(emulator, 1)
        assert [(await page(emulator, album)).status_code for _ in range(3)] == [200, 200, 429]
        emulator.clock.now += 60
        assert (await page(emulator, album)).status_code == 200


async def test_a_directory_plays_a_shared_album(tmp_path: Any) -> None:
    async with google_emulator() as emulator:
        (tmp_path / "a.jpg").write_bytes(jpeg(colour="red"))
        album = emulator.google.share(emulator.google.directory_album(tmp_path, "Family"))
        assert len(data_of((await page(emulator, album)).text)[1]) == 1
        (tmp_path / "b.jpg").write_bytes(jpeg(colour="blue"))
        assert len(data_of((await page(emulator, album)).text)[1]) == 2
        (tmp_path / "a.jpg").unlink()
        (tmp_path / "b.jpg").unlink()
        _, items, token, meta, *_ = data_of((await page(emulator, album)).text)
        assert (items, token, meta[21]) == ([], "", None)
