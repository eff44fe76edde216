from __future__ import annotations

import asyncio
import base64
import hashlib
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import google.auth.exceptions
import google_auth_httplib2
import httplib2
import httpx
import pytest
from google.oauth2.credentials import Credentials

from picsync.emulators.google.account import SCOPE_PREFIX
from picsync.emulators.google.service import DEFAULT_SCOPES
from tests.emulators.google_emulator import GoogleEmulator, google_emulator

READ = SCOPE_PREFIX + "photoslibrary.readonly.appcreateddata"
APPEND = SCOPE_PREFIX + "photoslibrary.appendonly"
PICKER = SCOPE_PREFIX + "photospicker.mediaitems.readonly"
REDIRECT = "http://127.0.0.1:8765/"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


async def consent(emulator: GoogleEmulator, **query: str) -> httpx.Response:
    asked = {
        "client_id": emulator.google.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": f"{READ} {APPEND}",
        "state": "s t/1",
        **query,
    }
    return await emulator.http.get("/accounts.google.com/o/oauth2/v2/auth", params=asked)


def sent_back(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(REDIRECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


async def token(emulator: GoogleEmulator, **form: str) -> httpx.Response:
    client = emulator.google.account.clients[emulator.google.client_id]
    known = {"client_id": client.client_id, "client_secret": client.client_secret}
    return await emulator.http.post("/oauth2.googleapis.com/token", data={**known, **form})


async def exchange(emulator: GoogleEmulator, code: str, **form: str) -> httpx.Response:
    return await token(
        emulator, **{"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": code, **form}
    )


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert set(answer.json()) == {"error", "error_description"}
    return answer.status_code, answer.json()["error"]


async def test_login_with_pkce_and_a_code_that_is_good_once() -> None:
    async with google_emulator() as emulator:
        pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        back = sent_back(await consent(emulator, **pkce))
        assert back["state"] == "s t/1"
        answer = (await exchange(emulator, back["code"], code_verifier=VERIFIER)).json()
        assert answer["access_token"].startswith("ya29.")
        assert (answer["expires_in"], answer["token_type"]) == (3599, "Bearer")
        assert answer["scope"].split() == [READ, APPEND]
        assert answer["refresh_token"]
        emulator.headers = {"Authorization": f"Bearer {answer['access_token']}"}
        assert (await emulator.get("albums")).json() == {}
        assert refused(await exchange(emulator, back["code"], code_verifier=VERIFIER)) == (
            400,
            "invalid_grant",
        )
        for wrong in ({}, {"code_verifier": "other"}):
            code = sent_back(await consent(emulator, **pkce))["code"]
            assert refused(await exchange(emulator, code, **wrong)) == (400, "invalid_grant")
        code = sent_back(await consent(emulator))["code"]
        answer2 = await exchange(emulator, code, redirect_uri=REDIRECT.rstrip("/"))
        assert refused(answer2) == (400, "redirect_uri_mismatch")
        code = sent_back(await consent(emulator))["code"]
        emulator.clock.now += 601
        assert refused(await exchange(emulator, code)) == (400, "invalid_grant")


async def test_the_consent_page_refuses_denies_and_grants_in_part() -> None:
    async with google_emulator() as emulator:
        pages = {
            400: [
                {"redirect_uri": "urn:ietf:wg:oauth:2.0:oob"},
                {"redirect_uri": "https://example.com/cb"},
                {"scope": "nonsense"},
                {"response_type": "magic"},
            ],
            401: [{"client_id": "nobody"}],
        }
        for status, queries in pages.items():
            for query in queries:
                answer = await consent(emulator, **query)
                assert answer.status_code == status, query
                assert answer.headers["Content-Type"].startswith("text/html")
        emulator.google.options.untick = frozenset({APPEND})
        back = sent_back(await consent(emulator))
        assert (await exchange(emulator, back["code"])).json()["scope"] == READ
        emulator.google.options.deny = True
        assert sent_back(await consent(emulator)) == {"state": "s t/1", "error": "access_denied"}


async def refresh(emulator: GoogleEmulator, refresh_token: str, **form: str) -> httpx.Response:
    return await token(emulator, grant_type="refresh_token", refresh_token=refresh_token, **form)


async def test_refreshing_and_its_refusals() -> None:
    async with google_emulator(refresh_token_s=604800) as emulator:
        issued = emulator.google.issue_credentials(expired=True)
        emulator.headers = {"Authorization": f"Bearer {issued['access_token']}"}
        assert (await emulator.get("albums")).status_code == 401
        answer = (await refresh(emulator, issued["refresh_token"])).json()
        assert "refresh_token" not in answer
        assert answer["refresh_token_expires_in"] == 604800
        emulator.headers = {"Authorization": f"Bearer {answer['access_token']}"}
        assert (await emulator.get("albums")).status_code == 200
        emulator.google.add_client("other", "secret")
        other = {"client_id": "other", "client_secret": "secret"}
        assert refused(await refresh(emulator, issued["refresh_token"], **other)) == (
            401,
            "unauthorized_client",
        )
        wrong = {"client_secret": "wrong"}
        assert refused(await refresh(emulator, issued["refresh_token"], **wrong)) == (401, "invalid_client")
        assert refused(await refresh(emulator, "", client_id="nobody")) == (401, "invalid_client")
        assert refused(await token(emulator, grant_type="magic")) == (400, "unsupported_grant_type")
        assert refused(await token(emulator, grant_type="refresh_token")) == (400, "invalid_request")
        emulator.clock.now += 604800
        gone = await refresh(emulator, issued["refresh_token"])
        assert gone.json() == {
            "error": "invalid_grant", "error_description": "Token has been expired or revoked."
        }  # fmt: skip


async def test_client_by_basic_authentication() -> None:
    async with google_emulator() as emulator:
        issued = emulator.google.issue_credentials()
        form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
        login = httpx.BasicAuth(issued["client_id"], issued["client_secret"])
        answer = await emulator.http.post("/oauth2.googleapis.com/token", data=form, auth=login)
        assert answer.status_code == 200
        answer = await emulator.http.post("/www.googleapis.com/oauth2/v4/token", data=form, auth=("x", "y"))
        assert refused(answer) == (401, "invalid_client")


async def test_revoking_and_inspecting() -> None:
    async with google_emulator() as emulator:
        issued = emulator.google.issue_credentials([READ])
        query = {"access_token": issued["access_token"]}
        told = await emulator.http.get("/oauth2.googleapis.com/tokeninfo", params=query)
        assert (told.json()["scope"], told.json()["expires_in"]) == (READ, "3599")
        revoked = await emulator.http.post(f"/oauth2.googleapis.com/revoke?token={issued['refresh_token']}")
        assert (revoked.status_code, revoked.json()) == (200, {})
        assert refused(await refresh(emulator, issued["refresh_token"])) == (400, "invalid_grant")
        told = await emulator.http.get("/oauth2.googleapis.com/tokeninfo", params=query)
        assert refused(told) == (400, "invalid_token")


async def test_the_hundred_and_first_refresh_token_ends_the_first() -> None:
    async with google_emulator() as emulator:
        tokens = [emulator.google.issue_credentials()["refresh_token"] for _ in range(101)]
        assert refused(await refresh(emulator, tokens[0])) == (400, "invalid_grant")
        assert (await refresh(emulator, tokens[-1])).status_code == 200


async def test_device_login() -> None:
    async with google_emulator() as emulator:
        url = "/oauth2.googleapis.com/device/code"
        barred = await emulator.http.post(url, data={"client_id": emulator.google.client_id, "scope": READ})
        assert refused(barred) == (400, "invalid_scope")
        asked = {"client_id": emulator.google.client_id, "scope": PICKER}
        started = (await emulator.http.post(url, data=asked)).json()
        assert (started["interval"], started["expires_in"]) == (5, 1800)
        grant = "urn:ietf:params:oauth:grant-type:device_code"

        async def poll() -> httpx.Response:
            return await token(emulator, grant_type=grant, device_code=started["device_code"])

        assert refused(await poll()) == (428, "authorization_pending")
        assert refused(await poll()) == (403, "slow_down")
        emulator.clock.now += 5
        emulator.google.answer_device(started["user_code"])
        assert (await poll()).json()["refresh_token"]
        started = (await emulator.http.post(url, data=asked)).json()
        emulator.google.answer_device(started["user_code"], agree=False)
        assert refused(await poll()) == (403, "access_denied")


async def test_google_auth_refreshes_and_reports_an_invalid_login() -> None:
    async with google_emulator() as emulator:
        issued: dict[str, Any] = emulator.google.issue_credentials(expired=True)
        uri = f"{emulator.server.url}/oauth2.googleapis.com/token"
        credentials = Credentials(  # type: ignore[no-untyped-call]  # google-auth is only partly typed
            issued["access_token"],
            refresh_token=issued["refresh_token"],
            token_uri=uri,
            client_id=issued["client_id"],
            client_secret=issued["client_secret"],
        )

        def renew() -> None:
            with closing(httplib2.Http()) as http:
                # google-auth is only partly typed.
                credentials.refresh(google_auth_httplib2.Request(http))  # type: ignore[no-untyped-call]

        await asyncio.to_thread(renew)
        assert credentials.token != issued["access_token"]
        emulator.google.revoke_all()
        with pytest.raises(google.auth.exceptions.RefreshError) as caught:
            await asyncio.to_thread(renew)
        assert not caught.value.retryable


async def test_who_has_logged_in_is_told_as_far_as_the_scopes_go() -> None:
    async with google_emulator() as emulator:
        paths = ("/www.googleapis.com/oauth2/v2/userinfo", "/openidconnect.googleapis.com/v1/userinfo")
        told: list[set[str]] = []
        for scopes in ((), ("userinfo.email",), ("userinfo.profile",)):
            emulator.login(*DEFAULT_SCOPES, *scopes)
            told += [set((await emulator.http.get(path, headers=emulator.headers)).json()) for path in paths]
        assert told == [
            {"id", "picture"},
            {"sub", "picture"},
            {"id", "picture", "email", "verified_email"},
            {"sub", "picture", "email", "email_verified"},
            {"id", "picture", "name", "given_name", "family_name"},
            {"sub", "picture", "name", "given_name", "family_name"},
        ]
