from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import trustme

from picsync.emulators.nixplay import API, HOSTS, ORIGINALS, UPLOADS, ExpiredSession, Nixplay, RateLimit
from tests.emulators.nixplay_client import PASSWORD, USER, FakeTime, Rig, running


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    clock = FakeTime()
    async with running(Nixplay(clock=clock, sleep=clock.sleep)) as rig:
        yield rig


@pytest.mark.parametrize("user", [USER, f"{USER}@mynixplay.com"])
async def test_login_takes_name_or_address_and_its_cookies_suffice(rig: Rig, user: str) -> None:
    body = await rig.login(user)
    assert body == {"valid": True, "success": True, "errors": [], "token": body["token"]}
    assert body["token"]
    profile = await rig.json("GET", "/user/profile/edit/")
    assert profile["old_username"] == "jane@mynixplay.com"


async def test_cookies_have_the_observed_attributes_by_name(rig: Rig) -> None:
    form = {"email": USER, "password": PASSWORD}
    answer = await rig.http.post(f"https://{API}/www-login/", data=form)
    csrf, session, balancer = answer.headers.get_list("set-cookie")
    assert csrf.startswith("prod.csrftoken=")
    assert csrf.endswith("; Domain=.nixplay.com; Path=/; Secure")
    assert session.startswith("prod.session.id=")
    assert session.endswith("; Domain=.nixplay.com; Path=/; Secure; HttpOnly")
    assert balancer.startswith("AWSELB=")
    assert "Domain" not in balancer


async def test_cookies_are_usable_through_the_path_prefix(rig: Rig) -> None:
    base = f"{rig.server.url}/{API}"
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{base}/www-login/", data={"email": USER, "password": PASSWORD})
        assert not any("Secure" in each or "Domain" in each for each in answer.headers.get_list("set-cookie"))
        assert (await http.get(f"{base}/user/profile/edit/")).status_code == 200


async def test_a_wrong_password_is_200_with_errors_as_an_object(rig: Rig) -> None:
    body = await rig.login(USER, "wrong")
    assert (body["valid"], body["success"], body["token"]) == (False, False, "")
    assert body["errors"] == {"__all__": {"messages": [["Please check your username and password"]]}}
    assert "prod.session.id" not in rig.http.cookies


async def test_an_empty_login_names_every_field(rig: Rig) -> None:
    body = await rig.login("", "")
    assert body["errors"]["email"] == {"messages": [["Please enter your email address"]]}
    assert body["errors"]["password"] == {"messages": [["Please enter password"]]}
    assert "__all__" in body["errors"]


async def test_the_second_step_hands_out_the_cookies_again(rig: Rig) -> None:
    token = (await rig.login())["token"]
    rig.http.cookies.clear()
    form = {"token": token, "startPairing": "false", "redirectPath": ""}
    answer = await rig.http.post(f"https://{API}/v2/www-login-redirect/", data=form)
    assert answer.status_code == 302
    assert {"prod.csrftoken", "prod.session.id", "prod.token.id"} <= set(rig.http.cookies)
    await rig.json("GET", "/v3/playlists")
    await rig.create_album("with these cookies")
    wrong = await rig.http.post(f"https://{API}/v2/www-login-redirect/", data={"token": "no"})
    assert wrong.status_code == 403


async def test_signing_out_ends_the_session(rig: Rig) -> None:
    await rig.login()
    assert (await rig.call("GET", "/sign_out/")).status_code == 302
    assert (await rig.call("GET", "/v3/playlists")).status_code == 302


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
    rig: Rig, method: str, path: str, header: str
) -> None:
    await rig.login()
    answer = await rig.call(method, path, headers={header: "other"}, json={"name": "x"})
    assert answer.status_code == 403
    headers = rig.csrf_headers()
    del headers[header]
    assert (await rig.http.request(method, f"https://{API}{path}", headers=headers)).status_code == 403


async def test_writing_needs_the_csrf_cookie(rig: Rig) -> None:
    await rig.login()
    headers = rig.csrf_headers()
    rig.http.cookies.delete("prod.csrftoken")
    url = f"https://{API}/album/create/json/"
    assert (await rig.http.post(url, headers=headers, data={"name": "x"})).status_code == 403


async def test_reading_needs_no_csrf(rig: Rig) -> None:
    await rig.login()
    assert (await rig.http.get(f"https://{API}/v3/playlists")).status_code == 200


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
    rig: Rig, setting: ExpiredSession, status: int, kind: str
) -> None:
    rig.nixplay.options.expired_session = setting
    await rig.login()
    rig.nixplay.expire_sessions()
    for answer in (
        await rig.call("GET", "/albums/web/json/"),
        await rig.call("POST", "/v3/playlists", json={"name": "x"}),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith(kind)
    await rig.login()
    await rig.json("GET", "/albums/web/json/")


async def test_an_expired_session_can_end_in_a_page_with_status_200(rig: Rig) -> None:
    await rig.login()
    rig.nixplay.expire_sessions()
    answer = await rig.call("GET", "/albums/web/json/", follow_redirects=True)
    assert answer.status_code == 200
    assert (answer.url.host, answer.url.path) == ("app.nixplay.com", "/login")
    assert answer.headers["content-type"].startswith("text/html")


async def test_sessions_end_by_time_or_by_use() -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with running(nixplay) as rig:
        nixplay.options.session_seconds = 60
        await rig.login()
        await clock.sleep(60)
        await rig.json("GET", "/v3/playlists")
        await clock.sleep(1)
        assert (await rig.call("GET", "/v3/playlists")).status_code == 302
        nixplay.options.session_requests = 2
        await rig.login()
        answers = [(await rig.call("GET", "/v3/playlists")).status_code for _ in range(3)]
        assert answers == [200, 200, 302]


@pytest.mark.parametrize("retry_after", [None, 7])
async def test_the_rate_limit_is_429_until_time_has_passed(retry_after: int | None) -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with running(nixplay) as rig:
        await rig.login()
        nixplay.options.rate_limit = RateLimit(2, 10, retry_after)
        answers = [await rig.call("GET", "/v3/playlists") for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert answers[2].headers.get("Retry-After") == (None if retry_after is None else "7")
        await clock.sleep(10)
        await rig.json("GET", "/v3/playlists")


async def test_a_client_by_name_over_tls_is_led_from_host_to_host() -> None:
    authority = trustme.CA()
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*HOSTS).configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    async with running(Nixplay(), server_tls, client_tls) as rig:
        await rig.login()
        album_id = await rig.create_album("a")
        data = (await rig.permission({"albumId": album_id}, "a.jpg", 4)).json()["data"]
        assert data["s3UploadUrl"] == f"https://{UPLOADS}/"
        assert (await rig.store(data, b"four")).status_code == 201
        assert (await rig.status(data["userUploadId"])).status_code == 200
        (photo,) = await rig.pictures(album_id)
        assert photo["url"].startswith(f"https://{ORIGINALS}/")
        assert (await rig.http.get(photo["url"])).content == b"four"
        rig.nixplay.expire_sessions()
        answer = await rig.call("GET", "/v3/playlists")
        assert answer.headers["Location"] == "https://app.nixplay.com/login"


async def test_users_do_not_see_each_other(rig: Rig) -> None:
    rig.nixplay.add_user("john", "other")
    album = rig.nixplay.add_album("hers")
    photo = rig.nixplay.add_photo(album, "a.jpg", b"a")
    await rig.login("john", "other")
    assert (await rig.call("GET", f"/picture/{photo.photo_id}/")).status_code == 404
    path = f"/album/{album.album_id}/pictures/json/?page=1&limit=100"
    assert (await rig.call("GET", path)).status_code == 404


async def test_unknown_paths_are_404_in_the_backend_s_own_way(rig: Rig) -> None:
    old, new = await rig.call("GET", "/nothing/"), await rig.call("GET", "/v3/nothing")
    assert (old.status_code, new.status_code) == (404, 404)
    assert old.headers["content-type"].startswith("text/html")
    assert new.json()["code"] == 404
