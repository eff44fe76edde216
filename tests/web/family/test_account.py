"""Invitations, sessions, and the guard of everything that writes."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from pathlib import Path

import httpx

from picsync.family.people import Role
from picsync.web.family import guards
from tests.web.family.served import Browser, Pages, routes_of, serve

GUARDS = {guards.viewer, guards.member, guards.administrator, guards.streaming_member}
OPEN = {
    *("/join/{token}", "/welcome", "/sign-in", "/family/assets/{build}/{name}"),
    *("/sign-in/openid", "/sign-in/openid/done", "/join/{token}/openid"),
    *("/manifest.webmanifest", "/sw.js", "/send/shared"),
    *("/s/{token}", "/s/{token}/{photo}", "/s/{token}/{photo}/{size}.jpg", "/s/{token}/{photo}/download"),
}
"""Paths that need no session."""


async def test_an_invitation_signs_one_device_in(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        made = await pages.services.people.invite("Anna")
        async with pages.browser() as phone, pages.browser() as other:
            assert "Hello, Anna!" in (await phone.get(f"/join/{made.token}")).text
            # The preview of a messenger has not used it up.
            done = await phone.client.post(f"/join/{made.token}", headers={"Origin": pages.url})
            assert done.status_code == 303
            cookie = done.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=lax" in cookie
            assert (await phone.get("/api/me")).json()["role"] == "administrator"
            again = await other.client.post(f"/join/{made.token}", headers={"Origin": pages.url})
            assert again.status_code == 404
            assert (await other.get("/api/me")).status_code == 401


async def test_somebody_without_a_session_is_told_how_to_get_one(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser:
        response = await browser.get("/you")
        assert (response.status_code, response.headers["location"]) == (303, "/welcome")
        assert "invitation" in (await browser.get("/welcome")).text


async def test_every_route_has_a_guard(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        routes = routes_of(pages.services)
    assert {route.path for route in routes} > {*OPEN, "/you", "/api/people"}
    for route in routes:
        if route.path in OPEN:
            continue
        found = {each.call for each in route.dependant.dependencies}
        assert found & GUARDS, f"{route.methods} {route.path} has no guard"


async def test_forms_need_the_token_and_our_origin(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        token = await browser.form_token()
        refused = [
            ({}, {"form_token": token}),
            ({"Origin": "http://evil.example"}, {"form_token": token}),
            ({"Origin": pages.url, "Sec-Fetch-Site": "cross-site"}, {"form_token": token}),
            ({"Origin": pages.url}, {}),
            ({"Origin": pages.url}, {"form_token": "0" * 32}),
        ]
        for headers, fields in refused:
            response = await browser.client.post("/you/device", headers=headers, data=fields)
            assert response.status_code == 403, (headers, fields)
        assert "QR code" in (await browser.post("/you/device")).text


async def test_another_device_is_signed_in_by_a_link_and_signed_out_again(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as phone:
        text = (await phone.post("/you/device")).text
        link = text.split('<code class="secret">')[1].split("<")[0]
        async with pages.browser() as tablet:
            await tablet.client.post(link, headers={"Origin": pages.url})
            devices = (await tablet.get("/api/me/devices")).json()
            assert len(devices) == 2
            (own,) = [each["id"] for each in devices if each["current"]]
            assert (await phone.post("/you/sign-out", device=own)).status_code == 303
            assert (await tablet.get("/api/me")).status_code == 401


async def test_an_api_token_needs_no_form_token_and_is_no_cookie(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        text = (await browser.post("/you/token", name="Shortcut")).text
        token = text.split('<code class="secret">')[1].split("<")[0]
        bearer = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=pages.url) as program:
            assert (await program.get("/api/me", headers=bearer)).json()["name"] == "Anna"
            (own,) = [
                each["id"]
                for each in (await program.get("/api/me/devices", headers=bearer)).json()
                if each["current"]
            ]
            as_cookie = {"Cookie": f"{guards.COOKIE}={token}"}
            assert (await program.get("/api/me", headers=as_cookie)).status_code == 401
            gone = await program.delete(f"/api/me/devices/{own}", headers=bearer)
            assert gone.status_code == 204
            assert (await program.get("/api/me", headers=bearer)).status_code == 401


async def test_guessing_is_limited_by_address(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser, await pages.signed_in("Anna") as anna:
        assert (await anna.get("/api/me")).status_code == 200
        for number in range(30):
            assert (await browser.get(f"/join/wrong{number}")).status_code == 404
        assert (await browser.get("/join/wrong")).status_code == 429
        bearer = {"Authorization": "Bearer wrong"}
        assert (await browser.client.get("/api/me", headers=bearer)).status_code == 429
        # Who was let in before has the same address, and is not affected.
        assert (await anna.get("/api/me")).status_code == 200


async def test_a_proxy_is_believed_only_if_it_is_configured(tmp_path: Path) -> None:
    passed = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "pics.example",
    }
    home = (ipaddress.ip_network("127.0.0.0/8"),)
    for proxies, secure in (((), False), (home, True)):
        async with serve(tmp_path, proxies=proxies) as pages, pages.browser() as browser:
            made = await pages.services.people.invite("Anna", Role.MEMBER)
            origin = "https://pics.example" if secure else pages.url
            done = await browser.client.post(f"/join/{made.token}", headers={**passed, "Origin": origin})
            assert done.status_code == 303
            assert ("secure" in done.headers["set-cookie"].lower()) is secure


async def test_errors_do_not_quote_what_was_sent(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        response = await browser.post("/you/sign-out", device="x" * 100)
        assert response.status_code == 422
        assert "x" * 20 not in response.text
        huge = await browser.client.post("/you/device", content=b"x" * 200_000)
        assert huge.status_code == 413


RIGHT = "correct horse"


async def password_set(pages: Pages, name: str = "Anna") -> None:
    pages.services.passwords = True
    person = (await pages.services.people.invite(name)).person
    await pages.services.people.set_password(person.person, RIGHT)


async def try_to_sign_in(browser: Browser, name: str, password: str) -> httpx.Response:
    form = {"name": name, "password": password}
    return await browser.client.post("/sign-in", data=form, headers={"Origin": browser.origin})


async def test_a_password_signs_in_on_any_device(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser:
        await password_set(pages)
        assert 'action="/sign-in"' in (await browser.get("/welcome")).text
        done = await try_to_sign_in(browser, "anna", RIGHT)
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert (await browser.get("/api/me")).json()["name"] == "Anna"
        foreign = {"Origin": "https://evil.example"}
        assert (await browser.client.post("/sign-in", headers=foreign)).status_code == 403


async def test_a_wrong_password_says_nothing_about_names(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser:
        await password_set(pages)
        await pages.services.people.invite("Ben")
        answers = [await try_to_sign_in(browser, name, "wrong") for name in ("Xaver", "Anna", "Ben")]
        texts = {re.sub(r'value="\w+"', "", each.text) for each in answers}
        assert ({each.status_code for each in answers}, len(texts)) == ({403}, 1)


async def test_guessing_passwords_is_limited(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser:
        await password_set(pages)
        tries = await asyncio.gather(*(try_to_sign_in(browser, "Anna", f"wrong {n}") for n in range(12)))
        assert sorted(each.status_code for each in tries) == [403] * 5 + [429] * 7
        assert (await try_to_sign_in(browser, "Anna", RIGHT)).status_code == 429


async def test_a_person_changes_a_password_that_they_know(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        assert (await browser.post("/you/password", password=RIGHT)).status_code == 404
        pages.services.passwords = True
        weak = await browser.post("/you/password", password="short")
        assert (weak.status_code, "10 to 200 characters" in weak.text) == (422, True)
        assert (await browser.post("/you/password", password=RIGHT)).status_code == 303
        other = "another horse"
        assert (await browser.post("/you/password", password=other)).status_code == 422
        assert (await browser.post("/you/password", password=other, current=RIGHT)).status_code == 303
        async with pages.browser() as device:
            assert (await try_to_sign_in(device, "Anna", RIGHT)).status_code == 403
            assert (await try_to_sign_in(device, "Anna", other)).status_code == 303
        gone = await browser.post("/you/password", current=other, remove="yes")
        assert gone.status_code == 303
        async with pages.browser() as device:
            assert (await try_to_sign_in(device, "Anna", other)).status_code == 403


async def test_without_the_setting_no_password_opens(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, pages.browser() as browser:
        await password_set(pages)
        pages.services.passwords = False
        assert (await try_to_sign_in(browser, "Anna", RIGHT)).status_code == 404
        assert "/sign-in" not in (await browser.get("/welcome")).text
