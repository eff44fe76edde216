"""The routes of web frames over real HTTP: who gets what, and clients that lie."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from picsync.core.errors import ListenError
from picsync.frames.web.access import Access
from picsync.frames.web.options import ShowSettings
from picsync.serving.server import Limits
from picsync.web.frame.pairing import CODE_FOR_S, MAX_CODES_OF_ADDRESS, MAX_GUESSES_OF_ADDRESS, TOLD_FOR_S
from picsync.web.frame.pictures import byte_range
from picsync.web.frame.routes import MAX_WRONG_TOKENS_OF_ADDRESS
from picsync.web.frame.settings import show_settings
from tests.web.frame.running import RunningFrames, running

READS = ("photos.json", "events", "poll", "state.json", "still")
CHANGES = ("seen", "reject", "next", "previous", "pause", "resume", "show")


@pytest.fixture
async def frames(tmp_path: Path) -> AsyncIterator[RunningFrames]:
    async with running(tmp_path) as frames:
        yield frames


def settings_of(page: httpx.Response) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="settings">(.*?)</script>', page.text, re.DOTALL)
    assert found, page.text
    settings: dict[str, Any] = json.loads(found[1])
    return settings


# --- who gets what --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Frame-Token": "x" * 32},
        {"X-Frame-Token": "ä\u2028".encode().decode("latin-1")},
        {"Authorization": "Bearer " + "a" * 5_000},
        {"Authorization": "Basic OnRva2Vu"},
        {"Cookie": 'picsync-frame-5bed85bd="; Path=/"; picsync-frame-5bed85bd=' + "y" * 32},
    ],
)
async def test_nobody_gets_anything_without_a_token(frames: RunningFrames, headers: dict[str, str]) -> None:
    await frames.add("one")
    other = frames.token("hall")
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    async with httpx.AsyncClient(base_url=frames.url, headers=raw) as device:
        for answer in (
            *[await device.get(f"/frame/tablet/{name}") for name in READS],
            *[await device.get(f"/frame/tablet/{name}?token={other}") for name in READS],
            *[await device.post(f"/frame/tablet/{name}", json={"photo": "x"}) for name in CHANGES],
        ):
            assert answer.status_code == 401
            assert "photo/" not in answer.text
        page = await device.get("/frame/tablet")
        assert settings_of(page)["pair"]["code"]
        assert "photo/" not in page.text
        [photo] = await frames.photos(frames.token())
        for url in (photo["url"], f"{photo['url']}?token={other}", "/frame/tablet/photo/AAAA.jpg"):
            refused = await device.get(url)
            assert (refused.status_code, refused.headers["content-type"]) == (
                401,
                "text/plain; charset=utf-8",
            )


async def test_a_link_with_a_token_is_needed_once(frames: RunningFrames) -> None:
    await frames.add("one")
    token = frames.token()
    async with frames.device() as device:
        answer = await device.get(f"/frame/tablet?interval=5&token={token}&order=newest")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/frame/tablet?interval=5&order=newest"
        cookie = answer.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=Lax", "Path=/frame/tablet", "Max-Age=34560000"):
            assert part in cookie
        assert "Secure" not in cookie
        page = await device.get(answer.headers["location"])
        settings = settings_of(page)
        assert (settings["interval"], settings["order"], settings["token"]) == (5, "newest", None)
        assert settings["title"] == "Grandma's kitchen"
        assert token not in page.text
        assert "set-cookie" in page.headers, "it would expire some day"
        assert (await device.get("/frame/tablet/photos.json")).status_code == 200
        assert (await device.get("/frame/hall/photos.json")).status_code == 401


async def test_a_browser_without_cookies_keeps_the_token_in_its_url(frames: RunningFrames) -> None:
    token = frames.token()
    page = await frames.client.get(f"/frame/tablet?token={token}&keep=1&clock=0&nonsense=1&interval=never")
    settings = settings_of(page)
    assert (page.status_code, settings["token"], settings["clock"]) == (200, token, True)
    assert settings["ignored"] == ["clock=0", "nonsense=1", "interval=never"]
    assert (await frames.client.get(f"/frame/tablet/photos.json?token={token}")).status_code == 200
    for name in ("Authorization", "X-Frame-Token"):
        value = f"Bearer {token}" if name == "Authorization" else token
        answer = await frames.client.get("/frame/tablet/photos.json", headers={name: value})
        assert answer.status_code == 200


async def test_every_answer_is_protected(frames: RunningFrames) -> None:
    await frames.add("one")
    token = frames.token()
    [photo] = await frames.photos(token)
    for path in (
        "/",
        "/frame/tablet",
        "/frame/nobody",
        "/frame/tablet/sw.js",
        "/frame/tablet/next",
        photo["url"],
    ):
        answer = await frames.client.get(path)
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        embeddable = path in ("/frame/tablet", "/frame/nobody")
        assert ("frame-ancestors *" in policy) == embeddable, path


@pytest.mark.parametrize(
    ("embed", "ancestors"),
    [((), "'none'"), (("http://ha:8123", "https://b"), "http://ha:8123 https://b"), (None, "*")],
)
async def test_who_may_embed_the_page_is_a_setting(
    tmp_path: Path, embed: tuple[str, ...] | None, ancestors: str
) -> None:
    async with running(tmp_path, embed=embed) as frames:
        policy = (await frames.client.get("/frame/tablet")).headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors {ancestors}")


async def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_only(frames: RunningFrames) -> None:
    answer = await frames.client.get(
        f"/frame/tablet?token={frames.token()}", headers={"X-Forwarded-Proto": "https"}
    )
    assert "Secure" in answer.headers["set-cookie"]


async def test_other_sites_change_nothing_with_the_cookie(frames: RunningFrames) -> None:
    await frames.add("one", "two")
    token = frames.token()
    async with frames.device() as device:
        await device.get(f"/frame/tablet?token={token}")
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": frames.url},
            {"Content-Type": "text/plain"},
            {},
        ):
            answer = await device.post("/frame/tablet/next", headers=headers)
            assert answer.status_code == 403, headers
        for headers in ({"Origin": frames.url, "Sec-Fetch-Site": "same-origin"}, {"Origin": frames.url}):
            assert (await device.post("/frame/tablet/next", headers=headers)).status_code == 200
        assert (await device.post("/frame/tablet/next", json={})).status_code == 200
    async with frames.device(token, Origin="http://homeassistant") as program:
        assert (await program.post("/frame/tablet/next")).status_code == 200


async def test_wrong_tokens_are_limited_and_right_ones_always_work(frames: RunningFrames) -> None:
    answers = [
        (await frames.client.get("/frame/tablet/photos.json")).status_code
        for _ in range(MAX_WRONG_TOKENS_OF_ADDRESS + 1)
    ]
    assert answers == [401] * MAX_WRONG_TOKENS_OF_ADDRESS + [429]
    assert await frames.photos(frames.token()) == []


async def test_revoked_devices_are_sent_away_at_once(frames: RunningFrames) -> None:
    await frames.add("one")
    access = frames.household.access
    stays, goes = frames.token(), frames.token()
    [before] = await frames.photos(goes)
    async with frames.stream(goes) as gone, frames.stream(stays) as kept:
        await gone.until("photos")
        await kept.until("photos")
        gone_id = next(
            each.token_id for each in access.tokens("tablet") if access.token("tablet", goes) == each
        )
        access.revoke("tablet", [gone_id])
        frames.server.look()
        assert await gone.next() == ("end", "")
        answer = await frames.client.get("/frame/tablet/photos.json", headers={"X-Frame-Token": goes})
        assert answer.status_code == 401
        assert (await frames.picture(before["url"], goes)).status_code == 401
        assert (await frames.picture(before["url"], stays)).status_code == 200
        assert await frames.photos(stays) == [before]
        access.revoke("tablet", None)
        frames.server.look()
        assert await kept.next() == ("end", "")
    # All were sent away, so the old URLs are of no use to anybody.
    token = frames.token()
    [after] = await frames.photos(token)
    assert (await frames.picture(before["url"], token)).status_code == 404
    assert (await frames.picture(after["url"], token)).status_code == 200


async def test_no_secret_is_logged(frames: RunningFrames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await frames.add("one")
    token = frames.token()
    await frames.photos(token)
    await frames.server.close()
    frames.household.access.folder.joinpath("frames.json").unlink()
    assert token not in caplog.text.replace("X-Frame-Token", "")
    stored = frames.household.access.folder
    assert all(token not in path.read_text("utf-8") for path in stored.iterdir() if path.is_file())


# --- lists and pictures ---------------------------------------------------------------------------------


async def test_the_list_has_what_the_page_needs(frames: RunningFrames) -> None:
    await frames.add("one", size=(160, 90))
    token = frames.token()
    async with frames.device(token) as device:
        first = await device.get("/frame/tablet/photos.json")
        [photo] = first.json()["photos"]
        assert photo == {
            "id": photo["id"],
            "url": photo["url"],
            "width": 160,
            "height": 90,
            "taken": None,
            "added": photo["added"],
            "caption": None,
            "place": None,
            "album": "Family",
        }
        assert re.fullmatch(r"/frame/tablet/photo/[A-Za-z0-9_-]{27}\.jpg", photo["url"])
        again = await device.get(
            "/frame/tablet/photos.json", headers={"If-None-Match": first.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        plain = await device.get("/frame/tablet/photos.json", headers={"Accept-Encoding": "identity"})
        assert plain.json() == first.json()
        await frames.add("two")
        later = await device.get(
            "/frame/tablet/photos.json", headers={"If-None-Match": first.headers["etag"]}
        )
        assert len(later.json()["photos"]) == 2


async def test_two_frames_with_one_photo_have_different_urls(frames: RunningFrames) -> None:
    await frames.add("one")
    await frames.add("one", frame=frames.hall)
    theirs_token = frames.token("hall")
    [mine], [theirs] = await frames.photos(frames.token()), await frames.photos(theirs_token, "hall")
    assert mine["url"].rpartition("/")[2] != theirs["url"].rpartition("/")[2]
    swapped = mine["url"].replace("/tablet/", "/hall/")
    assert (await frames.picture(swapped, theirs_token)).status_code == 404


async def test_a_picture_is_sent_once_and_cached_forever(frames: RunningFrames) -> None:
    await frames.add("x" * 60_000, extra=200_000)
    token = frames.token()
    [photo] = await frames.photos(token)
    whole = await frames.picture(photo["url"], token)
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["cache-control"] == "private, max-age=31536000, immutable"
    size = len(whole.content)
    head = await frames.picture(photo["url"], token, method="HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(size))
    for etag in (whole.headers["etag"], f'W/{whole.headers["etag"]}, "x"', "*"):
        again = await frames.picture(photo["url"], token, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
    part = await frames.picture(photo["url"], token, headers={"Range": "bytes=100-70099"})
    assert (part.status_code, part.content) == (206, whole.content[100:70100])
    assert part.headers["content-range"] == f"bytes 100-70099/{size}"
    changed = await frames.picture(photo["url"], token, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
    assert (changed.status_code, len(changed.content)) == (200, size)
    beyond = await frames.picture(photo["url"], token, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (0, 100)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=-0", None),
        ("bytes=100-", None),
        ("bytes=5-4", (0, 100)),
        ("bytes=-", (0, 100)),
        ("bytes=1-2,5-6", (0, 100)),
        ("bytes=-1-5", (0, 100)),
        ("lines=1-2", (0, 100)),
        ("bytes=" + "9" * 40 + "-", (0, 100)),
        ("bytes=٣-٤", (0, 100)),
    ],
)
def test_what_a_range_asks_for(text: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(text, 100) == expected


async def test_a_file_that_others_replace_is_not_sent(frames: RunningFrames, tmp_path: Path) -> None:
    await frames.add("one", "two")
    token = frames.token()
    photos = await frames.photos(token)
    secret = tmp_path / "secret"
    files = sorted(path for path in (tmp_path / "web-frames" / "tablet").iterdir() if path.is_file())
    secret.write_bytes(files[0].read_bytes())
    files[0].unlink()
    files[0].symlink_to(secret)
    os.truncate(files[1], 10)
    for photo in photos:
        answer = await frames.picture(photo["url"], token)
        assert answer.status_code == 404
        assert answer.headers["cache-control"] == "no-store"


async def test_the_last_list_stays_while_the_folder_is_away(
    frames: RunningFrames, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await frames.add("one")
    token = frames.token()
    before = await frames.photos(token)
    folder = tmp_path / "web-frames" / "tablet"
    folder.rename(tmp_path / "away")
    folder.mkdir()  # The mount point of a volume that is not mounted.
    frames.server.channels["tablet"].touch()
    assert await frames.photos(token) == before
    frames.server.channels["tablet"].touch()
    assert await frames.photos(token) == before
    said = [record.message for record in caplog.records if "no manifest" in record.message]
    assert len(said) == 1, "once, not at each request"
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    assert (await frames.picture(before[0]["url"], token)).status_code == 200


async def test_a_frame_without_photos_is_an_empty_list(frames: RunningFrames) -> None:
    token = frames.token()
    assert await frames.photos(token) == []
    async with frames.device(token) as device:
        assert (await device.get("/frame/tablet/still")).status_code == 404
        assert (await device.get("/frame/tablet/state.json")).json()["photos"] == 0


async def test_browsers_of_the_stone_age_are_sent_to_the_photo_that_is_due(frames: RunningFrames) -> None:
    await frames.add("one", "two")
    token = frames.token()
    urls = {photo["url"] for photo in await frames.photos(token)}
    answer = await frames.client.get(f"/frame/tablet/still?token={token}")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store")
    url, _, query = answer.headers["location"].partition("?")
    assert (url in urls, query) == (True, f"token={token}"), "a browser without cookies has only the URL"
    assert (await frames.client.get(answer.headers["location"])).status_code == 200
    async with frames.device(token) as device:
        assert (await device.get("/frame/tablet/still")).headers["location"] in urls


# --- pairing --------------------------------------------------------------------------------------------


async def test_a_code_lets_in_the_browser_that_shows_it(frames: RunningFrames) -> None:
    await frames.add("one")
    async with frames.device() as tablet, frames.device() as other:
        pair = settings_of(await tablet.get("/frame/tablet"))["pair"]
        others = settings_of(await other.get("/frame/tablet"))["pair"]
        assert re.fullmatch(r"[0-9]{6}", pair["code"])
        assert (pair["expires"], pair["code"] != others["code"]) == (CODE_FOR_S, True)
        assert settings_of(await tablet.get("/frame/tablet"))["pair"]["code"] == pair["code"]
        assert (await tablet.get(pair["poll"])).json()["paired"] is False
        assert frames.household.pairing.enter(f"{pair['code'][:3]} {pair['code'][3:]}") == "tablet"
        assert (await other.get(others["poll"])).json()["paired"] is False
        answer = await tablet.get(pair["poll"])
        assert answer.json() == {"paired": True}
        assert (await tablet.get("/frame/tablet/photos.json")).status_code == 200
        assert (await other.get("/frame/tablet/photos.json")).status_code == 401
        [token] = frames.household.access.tokens("tablet")
        assert token.way == "code"
        # The code is used up.
        assert frames.household.pairing.enter(pair["code"]) is None


async def test_a_lost_answer_is_given_again(frames: RunningFrames) -> None:
    async with frames.device() as tablet:
        pair = settings_of(await tablet.get("/frame/tablet"))["pair"]
        frames.household.pairing.enter(pair["code"])
        first, second = [(await tablet.get(pair["poll"])).headers["set-cookie"] for _ in range(2)]
        assert first == second
        assert len(frames.household.access.tokens("tablet")) == 1
    frames.clock.now += TOLD_FOR_S + 1
    async with frames.device() as thief:
        assert (await thief.get(pair["poll"])).json()["paired"] is False


async def test_a_browser_without_cookies_can_be_paired(frames: RunningFrames) -> None:
    pair = settings_of(await frames.client.get("/frame/tablet"))["pair"]
    frames.household.pairing.enter(pair["code"])
    async with httpx.AsyncClient(base_url=frames.url) as forgetful:
        answer = (await forgetful.get(pair["poll"])).json()
    async with httpx.AsyncClient(base_url=frames.url) as forgetful:
        settings = settings_of(await forgetful.get(answer["open"]))
    assert settings["token"] in answer["open"]


async def test_an_expired_code_is_replaced(frames: RunningFrames) -> None:
    async with frames.device() as tablet:
        pair = settings_of(await tablet.get("/frame/tablet"))["pair"]
        frames.clock.now += CODE_FOR_S
        assert frames.household.pairing.enter(pair["code"]) is None
        new = (await tablet.get(pair["poll"])).json()
        assert new["code"] != pair["code"]
        assert frames.household.pairing.enter(new["code"]) == "tablet"


async def test_one_address_cannot_take_all_codes(frames: RunningFrames) -> None:
    for _ in range(MAX_CODES_OF_ADDRESS):
        async with frames.device() as device:
            assert (await device.get("/frame/tablet")).status_code == 200
    async with frames.device() as device:
        answer = await device.get("/frame/tablet")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        frames.clock.now += 61
        # The pages that are gone no longer ask.
        assert (await device.get("/frame/tablet")).status_code == 200


async def test_guessing_codes_is_limited(frames: RunningFrames) -> None:
    pairing = frames.household.pairing
    async with frames.device() as tablet:
        code = settings_of(await tablet.get("/frame/tablet"))["pair"]["code"]
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        assert [frames.household.pair(wrong, "a") for _ in range(MAX_GUESSES_OF_ADDRESS)] == (
            ["unpaired"] * MAX_GUESSES_OF_ADDRESS
        )
        assert frames.household.pair(code, "a") == "guessed"
        assert [frames.household.pair(wrong, "b") for _ in range(6)][-1] == "guessed"
        assert frames.household.pair(code, "c") == "guessed", "from all addresses together"
        frames.clock.now += 61
        assert pairing.enter(code, "a") == "tablet"


# --- events and commands --------------------------------------------------------------------------------


async def test_two_tablets_learn_of_every_change(frames: RunningFrames) -> None:
    await frames.add("one")
    tokens = frames.token(), frames.token()
    async with frames.stream(tokens[0]) as first, frames.stream(tokens[1]) as second:
        known = {await first.until("photos"), await second.until("photos")}
        assert len(known) == 1
        await frames.add("two")
        added = {await first.until("photos"), await second.until("photos")}
        assert len(added) == 1
        assert added != known
        assert len(await frames.photos(tokens[0])) == 2
        await frames.remove("two")
        assert {await first.until("photos"), await second.until("photos")} == known
        answer = await frames.client.post("/frame/tablet/pause", headers={"X-Frame-Token": tokens[0]})
        assert answer.json() == {"pages": 2}
        assert [json.loads(await each.until("command")) for each in (first, second)] == [{"do": "pause"}] * 2


async def test_a_rejected_photo_leaves_the_list_at_once(frames: RunningFrames) -> None:
    await frames.add("one", "two")
    token = frames.token()
    gone, stays = await frames.photos(token)
    async with frames.stream(token) as stream:
        await stream.until("photos")
        async with frames.device(token) as device:
            answer = await device.post("/frame/tablet/reject", json={"photo": gone["id"]})
            assert answer.status_code == 204
            assert await frames.photos(token) == [stays]
            assert (await device.get(gone["url"])).status_code == 404
            assert (await device.post("/frame/tablet/reject", json={"photo": gone["id"]})).status_code == 404
            # The frame is never empty.
            assert (await device.post("/frame/tablet/reject", json={"photo": stays["id"]})).status_code == 204
            assert await frames.photos(token) == [stays]
        await stream.until("photos")
    assert len((await frames.tablet.rejected()).items) == 2


async def test_what_is_shown_now_can_be_asked_for_and_controlled(frames: RunningFrames) -> None:
    await frames.add("one", "two")
    token = frames.token()
    photo = (await frames.photos(token))[1]
    async with frames.device(token) as device:
        state = (await device.get("/frame/tablet/state.json")).json()
        assert (state["photos"], state["seen"], state["photo"]) == (2, None, None)
        said = {"photo": photo["id"], "paused": True}
        assert (await device.post("/frame/tablet/seen", json=said)).status_code == 204
        state = (await device.get("/frame/tablet/state.json")).json()
        assert (state["seen"], state["paused"], state["photo"]) == ("2026-08-01T12:30:00Z", True, photo)
        assert (await device.post("/frame/tablet/show", json={"photo": "nothing"})).status_code == 404
        async with frames.stream(token) as stream:
            await device.post("/frame/tablet/show", json={"photo": photo["id"]})
            assert json.loads(await stream.until("command")) == {"do": "show", "photo": photo["id"]}


async def test_when_a_device_was_seen_outlasts_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await first.add("one")
        token, gone = first.token(), first.token()
        photo = (await first.photos(token))[0]
        for each in (token, gone):
            async with first.device(each) as device:
                said = {"photo": photo["id"], "paused": True}
                assert (await device.post("/frame/tablet/seen", json=said)).status_code == 204
        [_, newest] = first.household.access.tokens("tablet")
    Access(first.household.requests.folder).revoke("tablet", [newest.token_id])
    async with running(tmp_path) as second:
        async with second.device(token) as device:
            state = (await device.get("/frame/tablet/state.json")).json()
        assert (state["seen"], state["paused"]) == ("2026-08-01T12:30:00Z", True)
        assert state["photo"]["id"] == photo["id"]
        assert len(second.server.channels["tablet"].seen) == 1, "a revoked device is forgotten"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"frames": 3}', b'{"frames": {"tablet": {"x": 3, "y": {"at": "no"}}}}']
)
async def test_a_damaged_file_of_devices_costs_only_the_times(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache.db.requests").mkdir()
    (tmp_path / "cache.db.requests" / "frames-seen.json").write_bytes(content)
    async with running(tmp_path) as frames:
        assert frames.server.channels["tablet"].last_seen() is None


async def test_an_open_page_is_seen_though_it_reports_nothing(frames: RunningFrames) -> None:
    channel = frames.server.channels["tablet"]
    async with frames.stream(frames.token()) as stream:
        await stream.until("photos")
        assert channel.last_seen() is None
        await channel.beat()
        seen = channel.last_seen()
        assert seen is not None
        assert seen.at == datetime(2026, 8, 1, 12, 30, tzinfo=UTC)
    async with frames.device(frames.token()) as device:
        await device.get("/frame/tablet/poll")
    assert len(channel.seen) == 2


async def test_the_use_of_frames_is_counted(frames: RunningFrames) -> None:
    await frames.add("one")
    token = frames.token()
    [photo] = await frames.photos(token)
    whole = await frames.picture(photo["url"], token)
    await frames.picture(photo["url"], token, headers={"If-None-Match": whole.headers["etag"]})
    await frames.picture(photo["url"], token, method="HEAD")
    async with frames.stream(token) as stream:
        await stream.until("photos")
        use, other = frames.server.uses()
    assert (use.frame, use.pages, use.devices, use.seen_at) == ("tablet", 1, 1, None)
    assert (use.pictures_sent, use.bytes_sent) == (1, len(whole.content))
    assert (other.frame, other.pictures_sent) == ("hall", 0)


async def test_pages_that_poll_get_each_command_once(frames: RunningFrames) -> None:
    token = frames.token()
    async with frames.device(token) as device:
        first = (await device.get("/frame/tablet/poll?revision=x&build=y")).json()
        assert first["commands"] == []
        await device.post("/frame/tablet/next")
        await frames.add("one")
        second = (await device.get(f"/frame/tablet/poll?revision={first['revision']}")).json()
        assert second["commands"] == [{"do": "next"}]
        assert second["revision"] != first["revision"]
        assert (await device.get("/frame/tablet/poll")).json()["commands"] == []


async def test_a_stream_says_that_it_is_alive(frames: RunningFrames) -> None:
    async with frames.stream(frames.token()) as stream:
        await stream.until("photos")
        await frames.server.channels["tablet"].beat()
        assert await stream.next() == ("ping", "")


async def test_a_beat_notices_what_another_process_has_changed(frames: RunningFrames) -> None:
    await frames.add("one", "two")
    async with frames.stream(frames.token()) as stream:
        before = await stream.until("photos")
        next((frames.folder / "web-frames" / "tablet").glob("one*.jpg")).unlink()
        channel = frames.server.channels["tablet"]
        channel._read_at -= 100
        await channel.beat()
        assert await stream.until("photos") != before


async def test_a_reader_that_does_not_read_costs_nothing(frames: RunningFrames) -> None:
    channel = frames.server.channels["tablet"]
    with channel.reading("slow") as reader:
        for number in range(1_000):
            channel.command("next" if number % 2 else "previous")
            channel._announce()
        events = await channel.take(reader)
        assert (events.count(b"event: photos"), events.count(b"event: command")) == (1, 16)
        assert await channel.take(reader) == b""


async def test_two_hundred_pages_listen_and_pictures_still_come(frames: RunningFrames) -> None:
    await frames.add("one")
    token = frames.token()
    opened = [await asyncio.open_connection("127.0.0.1", frames.server.port) for _ in range(200)]
    request = f"GET /frame/tablet/events HTTP/1.1\r\nHost: x\r\nX-Frame-Token: {token}\r\n\r\n".encode()
    try:
        for _, writer in opened:
            writer.write(request)
        async with asyncio.timeout(30):
            for reader, _ in opened:
                await reader.readuntil(b"event: photos")
            [photo] = await frames.photos(token)
            assert (await frames.picture(photo["url"], token)).status_code == 200
            answer = await frames.client.post("/frame/tablet/next", headers={"X-Frame-Token": token})
            assert answer.json() == {"pages": 200}
            for reader, _ in opened:
                await reader.readuntil(b"event: command")
    finally:
        for _, writer in opened:
            writer.close()


async def test_beyond_the_limit_pages_have_to_poll(tmp_path: Path) -> None:
    async with running(tmp_path, limits=Limits(connections=5)) as frames:
        token = frames.token()
        opened = [frames.stream(token) for _ in range(4)]
        for each in opened:
            await each.__aenter__()
        answer = await frames.client.get("/frame/tablet/events", headers={"X-Frame-Token": token})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        for each in opened:
            await each.__aexit__(None, None, None)


async def test_a_closing_server_does_not_wait_for_readers(frames: RunningFrames) -> None:
    async with frames.stream(frames.token()) as stream:
        await stream.until("photos")
        async with asyncio.timeout(5):
            await frames.server.close()
        assert await stream.next() == ("end", "")


# --- bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[" * 4_000, 400),
        (b"\xff", 400),
        (b'{"photo": ' + b"1" * 3_000 + b"}", 404),
        (b'{"photo": {}}', 404),
        (b"x" * 5_000, 413),
    ],
)
async def test_nonsense_bodies_are_refused(frames: RunningFrames, body: bytes, status: int) -> None:
    await frames.add("one")
    async with frames.device(frames.token()) as device:
        for name in ("reject", "show"):
            assert (await device.post(f"/frame/tablet/{name}", content=body)).status_code == status
        assert (await device.get("/frame/tablet/photos.json")).status_code == 200


async def test_endless_headers_end_their_connection_only(frames: RunningFrames) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", frames.server.port)
    writer.write(b"GET /frame/tablet HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000)
    answer = await reader.read(100)
    assert answer.split(b" ")[1] in (b"400", b"431")
    writer.close()
    assert (await frames.client.get("/frame/tablet")).status_code == 200


@pytest.mark.parametrize("name", ["nobody", "..", "%00", "x" * 300, "tablet%2F..", "%ff", "Tablet"])
async def test_an_unknown_frame_is_said_to_be_one(frames: RunningFrames, name: str) -> None:
    answer = await frames.client.get(f"{frames.url}/frame/{name}")
    assert answer.status_code in (400, 404)
    assert (await frames.client.get(f"{frames.url}/frame/{name}/photos.json")).status_code in (400, 404)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("interval", "2"), ("interval", "1e9"), ("interval", "nan"), ("transition", "spin"),
        ("transitionTime", "-1"), ("background", "#12345"), ("background", "url(x)"),
        ("night", "25:00-26:00"), ("night", "22:00"), ("order", ""), ("language", "<script>"),
        ("timeFormat", "13"), ("clock", "maybe"), ("transition_time", "1"), ("", ""),
    ],
)  # fmt: skip
def test_nonsense_parameters_fall_back(parameter: str, value: str) -> None:
    shown, ignored = show_settings(ShowSettings(), {parameter: value, "token": "x", "keep": "1"})
    assert (shown, ignored) == (ShowSettings().values(), [f"{parameter}={value}"])


def test_parameters_are_read_like_settings() -> None:
    query = {
        "interval": "5m",
        "transitionTime": "0.5",
        "night": "9:00-17:30",
        "pairs": "no",
        "timeFormat": "24",
    }
    shown, ignored = show_settings(ShowSettings(clock=False), query)
    assert ignored == []
    assert {
        **query,
        "interval": 300,
        "transitionTime": 0.5,
        "night": "09:00-17:30",
        "pairs": False,
    }.items() <= (shown.items())
    assert shown["clock"] is False


async def test_a_taken_port_is_said_with_its_setting(frames: RunningFrames, tmp_path: Path) -> None:
    other = RunningFrames(tmp_path / "other").server
    with pytest.raises(
        ListenError, match=r"web\.listen: cannot listen on .* another process already uses it"
    ):
        await other.start("127.0.0.1", frames.server.port)
    await other.close()
