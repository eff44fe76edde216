from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import trustme

from picsync.emulators.nixplay import API, HOSTS, ORIGINALS, UPLOADS, ExpiredSession, Nixplay, RateLimit
from tests.emulators.nixplay_emulator import PASSWORD, USER, FakeTime, NixplayEmulator, nixplay_emulator


@pytest.fixture
async def emulator() -> AsyncIterator[NixplayEmulator]:
    clock = FakeTime()
    async with nixplay_emulator(Nixplay(clock=clock, sleep=clock.sleep)) as emulator:
        yield emulator


@pytest.mark.parametrize("user", [USER, f"{USER}@mynixplay.com"])
async def test_login_takes_name_or_address_and_its_cookies_suffice(
    emulator: NixplayEmulator, user: str
) -> None:
    body = await emulator.login(user)
    assert body == {"valid": True, "success": True, "errors": [], "token": body["token"]}
    assert body["token"]
    profile = await emulator.json("GET", "/user/profile/edit/")
    assert profile["old_username"] == "jane@mynixplay.com"


async def test_cookies_have_the_observed_attributes_by_name(emulator: NixplayEmulator) -> None:
    form = {"email": USER, "password": PASSWORD}
    answer = await emulator.http.post(f"https://{API}/www-login/", data=form)
    csrf, session, balancer = answer.headers.get_list("set-cookie")
    assert csrf.startswith("prod.csrftoken=")
    assert csrf.endswith("; Domain=.nixplay.com; Path=/; Secure")
    assert session.startswith("prod.session.id=")
    assert session.endswith("; Domain=.nixplay.com; Path=/; Secure; HttpOnly")
    assert balancer.startswith("AWSELB=")
    assert "Domain" not in balancer


async def test_cookies_are_usable_through_the_path_prefix(emulator: NixplayEmulator) -> None:
    base = f"{emulator.server.url}/{API}"
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{base}/www-login/", data={"email": USER, "password": PASSWORD})
        assert not any("Secure" in each or "Domain" in each for each in answer.headers.get_list("set-cookie"))
        assert (await http.get(f"{base}/user/profile/edit/")).status_code == 200


async def test_a_wrong_password_is_200_with_errors_as_an_object(emulator: NixplayEmulator) -> None:
    body = await emulator.login(USER, "wrong")
    assert (body["valid"], body["success"], body["token"]) == (False, False, "")
    assert body["errors"] == {"__all__": {"messages": [["Please check your username and password"]]}}
    assert "prod.session.id" not in emulator.http.cookies


async def test_an_empty_login_names_every_field(emulator: NixplayEmulator) -> None:
    body = await emulator.login("", "")
    assert body["errors"]["email"] == {"messages": [["Please enter your email address"]]}
    assert body["errors"]["password"] == {"messages": [["Please enter password"]]}
    assert "__all__" in body["errors"]


async def test_the_second_step_hands_out_the_cookies_again(emulator: NixplayEmulator) -> None:
    token = (await emulator.login())["token"]
    emulator.http.cookies.clear()
    form = {"token": token, "startPairing": "false", "redirectPath": ""}
    answer = await emulator.http.post(f"https://{API}/v2/www-login-redirect/", data=form)
    assert answer.status_code == 302
    assert {"prod.csrftoken", "prod.session.id", "prod.token.id"} <= set(emulator.http.cookies)
    await emulator.json("GET", "/v3/playlists")
    await emulator.create_album("with these cookies")
    wrong = await emulator.http.post(f"https://{API}/v2/www-login-redirect/", data={"token": "no"})
    assert wrong.status_code == 403


async def test_signing_out_ends_the_session(emulator: NixplayEmulator) -> None:
    await emulator.login()
    assert (await emulator.call("GET", "/sign_out/")).status_code == 302
    assert (await emulator.call("GET", "/v3/playlists")).status_code == 302


@pytest.mark.parametrize("header", ["X-CSRFToken", "Origin", "Referer"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/album/create/json/"),
        ("POST", "/v3/playlists"),
        ("DELETE", "/v3/playlists/1"),
        ("PATCH", "/v3/pictures/1/attrs"),
    ],
)
async def test_writing_needs_csrf_token_origin_and_referer(
    emulator: NixplayEmulator, method: str, path: str, header: str
) -> None:
    await emulator.login()
    answer = await emulator.call(method, path, headers={header: "other"}, json={"name": "x"})
    assert answer.status_code == 403
    headers = emulator.csrf_headers()
    del headers[header]
    assert (await emulator.http.request(method, f"https://{API}{path}", headers=headers)).status_code == 403


async def test_writing_needs_the_csrf_cookie(emulator: NixplayEmulator) -> None:
    await emulator.login()
    headers = emulator.csrf_headers()
    emulator.http.cookies.delete("prod.csrftoken")
    url = f"https://{API}/album/create/json/"
    assert (await emulator.http.post(url, headers=headers, data={"name": "x"})).status_code == 403


async def test_reading_needs_no_csrf(emulator: NixplayEmulator) -> None:
    await emulator.login()
    assert (await emulator.http.get(f"https://{API}/v3/playlists")).status_code == 200


@pytest.mark.parametrize(
    ("setting", "status", "kind"),
    [
        (ExpiredSession.JSON_401, 401, "application/json"),
        (ExpiredSession.HTML_401, 401, "text/html"),
        (ExpiredSession.JSON_403, 403, "application/json"),
        (ExpiredSession.HTML_403, 403, "text/html"),
        (ExpiredSession.PAGE, 200, "text/html"),
    ],
)
async def test_an_expired_session_is_answered_as_set(
    emulator: NixplayEmulator, setting: ExpiredSession, status: int, kind: str
) -> None:
    emulator.nixplay.options.expired_session = setting
    await emulator.login()
    emulator.nixplay.expire_sessions()
    for answer in (
        await emulator.call("GET", "/albums/web/json/"),
        await emulator.call("POST", "/v3/playlists", json={"name": "x"}),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith(kind)
    await emulator.login()
    await emulator.json("GET", "/albums/web/json/")


async def test_an_expired_session_can_end_in_a_page_with_status_200(emulator: NixplayEmulator) -> None:
    await emulator.login()
    emulator.nixplay.expire_sessions()
    answer = await emulator.call("GET", "/albums/web/json/", follow_redirects=True)
    assert answer.status_code == 200
    assert (answer.url.host, answer.url.path) == ("app.nixplay.com", "/login")
    assert answer.headers["content-type"].startswith("text/html")


async def test_sessions_end_by_time_or_by_use() -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with nixplay_emulator(nixplay) as emulator:
        nixplay.options.session_seconds = 60
        await emulator.login()
        await clock.sleep(60)
        await emulator.json("GET", "/v3/playlists")
        await clock.sleep(1)
        assert (await emulator.call("GET", "/v3/playlists")).status_code == 302
        nixplay.options.session_requests = 2
        await emulator.login()
        answers = [(await emulator.call("GET", "/v3/playlists")).status_code for _ in range(3)]
        assert answers == [200, 200, 302]


@pytest.mark.parametrize("retry_after", [None, 7])
async def test_the_rate_limit_is_429_until_time_has_passed(retry_after: int | None) -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with nixplay_emulator(nixplay) as emulator:
        await emulator.login()
        nixplay.options.rate_limit = RateLimit(2, 10, retry_after)
        answers = [await emulator.call("GET", "/v3/playlists") for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert answers[2].headers.get("Retry-After") == (None if retry_after is None else "7")
        await clock.sleep(10)
        await emulator.json("GET", "/v3/playlists")


async def test_a_client_by_name_over_tls_is_led_from_host_to_host() -> None:
    authority = trustme.CA()
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*HOSTS).configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    async with nixplay_emulator(Nixplay(), server_tls, client_tls) as emulator:
        await emulator.login()
        album_id = await emulator.create_album("a")
        data = (await emulator.permission({"albumId": album_id}, "a.jpg", 4)).json()["data"]
        assert data["s3UploadUrl"] == f"https://{UPLOADS}/"
        assert (await emulator.store(data, b"four")).status_code == 201
        assert (await emulator.status(data["userUploadId"])).status_code == 200
        (photo,) = await emulator.pictures(album_id)
        assert photo["url"].startswith(f"https://{ORIGINALS}/")
        assert (await emulator.http.get(photo["url"])).content == b"four"
        emulator.nixplay.expire_sessions()
        answer = await emulator.call("GET", "/v3/playlists")
        assert answer.headers["Location"] == "https://app.nixplay.com/login"


async def test_users_do_not_see_each_other(emulator: NixplayEmulator) -> None:
    emulator.nixplay.add_user("john", "other")
    album = emulator.nixplay.add_album("hers")
    photo = emulator.nixplay.add_photo(album, "a.jpg", b"a")
    await emulator.login("john", "other")
    assert (await emulator.call("GET", f"/picture/{photo.photo_id}/")).status_code == 404
    path = f"/album/{album.album_id}/pictures/json/?page=1&limit=100"
    assert (await emulator.call("GET", path)).status_code == 404


async def test_unknown_paths_are_404_in_the_backend_s_own_way(emulator: NixplayEmulator) -> None:
    old, new = await emulator.call("GET", "/nothing/"), await emulator.call("GET", "/v3/nothing")
    assert (old.status_code, new.status_code) == (404, 404)
    assert old.headers["content-type"].startswith("text/html")
    assert new.json()["code"] == 404
