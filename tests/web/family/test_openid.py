"""Signing in through an OpenID provider, and linking accounts there."""

from __future__ import annotations

import base64
import hmac
import html
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from picsync.family.openid import Provider
from picsync.family.people import EmailTakenError, Role
from tests.web.family.provider import CLIENT, SECRET, SampleProvider, sample_provider, sent_back
from tests.web.family.served import Browser, Pages, serve

CANNOT = "cannot be used at the moment"
DONE = "/sign-in/openid/done"


@asynccontextmanager
async def family(tmp_path: Path) -> AsyncIterator[tuple[Pages, SampleProvider]]:
    async with sample_provider() as sample, serve(tmp_path) as pages:
        use(pages, sample.url)
        sample.redirect_uris = [f"{pages.url}{DONE}"]
        yield pages, sample


def use(pages: Pages, issuer: str, *, client_secret: str = SECRET, by_email: bool = False) -> None:
    pages.services.openid = Provider(
        issuer,
        name="Auth",
        client_id=CLIENT,
        client_secret=client_secret,
        redirect_uri=f"{pages.url}{DONE}",
        by_email=by_email,
    )


async def gone_on(response: httpx.Response) -> str:
    """Return where the provider sends the browser back to that a page has sent there."""
    found = re.search(r'href="([^"]+)" rel="noreferrer">Go on to Auth', response.text)
    assert found is not None, response.text
    address = html.unescape(found[1])
    assert response.headers["refresh"] == f"0; url={address}"
    return await sent_back(address)


async def begin_linking(browser: Browser) -> str:
    """Begin to link an account; return where the provider sends the browser back to."""
    return await gone_on(await browser.post("/you/openid"))


async def link(browser: Browser) -> int:
    """Link the provider's account to who is signed in; return the status of the last answer."""
    return (await browser.get(await begin_linking(browser))).status_code


async def begin(browser: Browser) -> str:
    """Begin to sign in; return where the provider sends the browser back to."""
    response = await browser.get("/sign-in/openid")
    assert response.status_code == 303, response.text
    return await sent_back(response.headers["location"])


async def name_of(browser: Browser) -> str | None:
    response = await browser.get("/api/me")
    return str(response.json()["name"]) if response.status_code == 200 else None


async def test_a_linked_account_signs_in_and_no_other_does(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as phone:
        assert "Sign in with Auth" in (await pages.browser().get("/welcome")).text
        stranger = pages.browser()
        refused = await stranger.get(await begin(stranger))
        assert (refused.status_code, "linked to nobody here" in refused.text) == (403, True)
        assert await link(phone) == 303
        tablet = pages.browser()
        done = await tablet.get(await begin(tablet))
        assert (done.status_code, done.headers["location"]) == (303, "/")
        cookies = done.headers.get_list("set-cookie")
        assert any("HttpOnly" in one and one.startswith("picsync-family=") for one in cookies)
        assert await name_of(tablet) == "Anna"
        sample.account = "ben-at-provider"
        assert (await stranger.get(await begin(stranger))).status_code == 403
        assert [person.name for person in await pages.services.people.people()] == ["Anna"]
        assert (await phone.post("/you/openid/unlink")).status_code == 303
        sample.account = "anna-at-provider"
        assert (await stranger.get(await begin(stranger))).status_code == 403
        assert await name_of(tablet) == "Anna"


async def test_an_invitation_is_accepted_through_the_provider_in_one_step(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample):
        people, browser = pages.services.people, pages.browser()
        own = {"Origin": pages.url}
        made, other = await people.invite("Anna"), await people.invite("Ben")
        path = f"/join/{made.token}"
        assert "Come in with Auth" in (await browser.get(path)).text
        for headers in ({"Origin": "https://evil.example"}, {}):
            assert (await browser.client.post(f"{path}/openid", headers=headers)).status_code == 403
        answer = await gone_on(await browser.client.post(f"{path}/openid", headers=own))
        assert await name_of(browser) is None
        assert (await browser.get(answer)).status_code == 303
        assert await name_of(browser) == "Anna"
        # It is used up, and the account signs in elsewhere.
        assert (await browser.client.post(f"{path}/openid", headers=own)).status_code == 404
        tablet = pages.browser()
        await tablet.get(await begin(tablet))
        assert await name_of(tablet) == "Anna"
        # The account is Anna's: Ben's invitation stays as it is, and works with another account.
        path = f"/join/{other.token}/openid"
        answer = await gone_on(await tablet.client.post(path, headers=own))
        refused = await tablet.get(answer)
        assert (refused.status_code, "linked to somebody else" in refused.text) == (403, True)
        assert await name_of(tablet) == "Anna"
        sample.account = "ben-at-provider"
        answer = await gone_on(await tablet.client.post(path, headers=own))
        assert await people.accept(other.token, "another device") is not None
        assert (await tablet.get(answer)).status_code == 404
        use(pages, "http://127.0.0.1:9")
        path = f"/join/{(await people.invite('Ben')).token}"
        away = await tablet.client.post(f"{path}/openid", headers=own)
        assert (away.status_code, CANNOT in away.text) == (503, True)
        assert (await tablet.client.post(path, headers=own)).status_code == 303


EMAIL = "anna@example.org"
PROVEN = {"email": "Anna@Example.org", "email_verified": True}


async def test_a_verified_address_links_an_account(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample):
        people, browser, tablet = pages.services.people, pages.browser(), pages.browser()
        anna = (await people.invite("Anna", email=" ANNA@example.org ")).person
        ben = await pages.signed_in("Ben")
        with pytest.raises(EmailTakenError):
            await people.invite("Ben", email=EMAIL)
        sample.change = lambda claims: claims | PROVEN
        # Without the setting, addresses are neither asked for nor used.
        assert (await browser.get(await begin(browser))).status_code == 403
        use(pages, sample.url, by_email=True)
        sample.scope = "openid email"
        for wrong in (
            {"email_verified": "true"},
            {"email_verified": 1},
            {"email_verified": False},
            {"email": "ben@example.org"},
            {"email": "anna@example.or\N{KELVIN SIGN}"},
            {"email": [EMAIL]},
        ):
            sample.change = lambda claims, wrong=wrong: claims | PROVEN | wrong  # type: ignore[misc]
            assert (await browser.get(await begin(browser))).status_code == 403, wrong
        sample.change = lambda claims: claims | PROVEN
        assert (await browser.get(await begin(browser))).status_code == 303
        assert await name_of(browser) == "Anna"
        # Whoever has the address later is not Anna: her account is linked.
        sample.account = "another account"
        assert (await tablet.get(await begin(tablet))).status_code == 403
        # An account that is linked to Ben stays his, whatever its address.
        assert await link(ben) == 303
        await tablet.get(await begin(tablet))
        assert await name_of(tablet) == "Ben"
        # Unlinking is for good: the address is gone, too.
        assert (await browser.post("/you/openid/unlink")).status_code == 303
        sample.account = "anna-at-provider"
        assert (await tablet.get(await begin(tablet))).status_code == 403
        await people.invite("Anna", email=EMAIL)
        await pages.services.people.invite("Carla", Role.ADMINISTRATOR)
        await people.remove(anna.person)
        assert (await tablet.get(await begin(tablet))).status_code == 403


async def test_the_address_may_be_told_by_userinfo_only(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample):
        await pages.services.people.invite("Anna", email=EMAIL)
        use(pages, sample.url, by_email=True)
        sample.scope, browser = "openid email", pages.browser()
        sample.userinfo = {**PROVEN, "sub": "somebody else"}
        assert (await browser.get(await begin(browser))).status_code == 403
        sample.userinfo = {**PROVEN, "sub": sample.account}
        assert (await browser.get(await begin(browser))).status_code == 303
        assert await name_of(browser) == "Anna"
        # Its answer is not needed for an account that is linked.
        sample.userinfo = {}
        tablet = pages.browser()
        assert (await tablet.get(await begin(tablet))).status_code == 303


async def test_administrators_enter_addresses(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample):
        anna = await pages.signed_in("Anna", Role.ADMINISTRATOR)
        assert 'name="email"' not in (await anna.get("/admin")).text
        use(pages, sample.url, by_email=True)
        assert 'name="email"' in (await anna.get("/admin")).text
        assert "/join/" in (await anna.post("/admin/invite", name="Ben", email="Ben@example.org")).text
        assert "ben@example.org" in (await anna.get("/admin")).text
        # An empty field leaves it as it is.
        await anna.post("/admin/invite", name="Ben", email="")
        for name, email, said in (
            ("Carla", "ben@example.org", "somebody else has this"),
            ("Carla", "ben", "no e-mail address"),
        ):
            refused = await anna.post("/admin/invite", name=name, email=email)
            assert (refused.status_code, said in refused.text) == (422, True)
        assert [each.email for each in await pages.services.people.people()] == ["", "ben@example.org"]


KEYS: dict[str, Callable[[], Any]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "PS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def by_shared_secret(claims: dict[str, Any], secret: bytes) -> str:
    """Return a token that is signed with HS256; the library refuses to make one with a public key."""
    parts = [{"alg": "HS256", "kid": "one"}, claims]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = hmac.digest(secret, signed, "sha256")
    return b".".join([signed, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.mark.parametrize("algorithm", KEYS)
async def test_other_kinds_of_keys(tmp_path: Path, algorithm: str) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as phone:
        sample.key, sample.algorithm = KEYS[algorithm](), algorithm
        assert await link(phone) == 303
        tablet = pages.browser()
        assert (await tablet.get(await begin(tablet))).status_code == 303
        # Another key of the same kind, and the public key as a shared secret.
        other, public = KEYS[algorithm](), sample.keys()["keys"][0]
        sample.encode = lambda claims: jwt.encode(claims, other, algorithm, headers={"kid": "one"})
        assert (await tablet.get(await begin(tablet))).status_code == 403
        sample.encode = lambda claims: by_shared_secret(claims, json.dumps(public).encode())
        assert (await tablet.get(await begin(tablet))).status_code == 403


async def test_an_account_belongs_to_one_person_and_leaves_with_them(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, _sample):
        anna, ben = await pages.signed_in("Anna"), await pages.signed_in("Ben")
        assert (await link(anna), await link(ben)) == (303, 422)
        tablet = pages.browser()
        await tablet.get(await begin(tablet))
        assert await name_of(tablet) == "Anna"
        people = pages.services.people
        await people.link(next(one.person for one in await people.people() if one.name == "Anna"), None)
        assert await link(ben) == 303
        await people.remove(next(one.person for one in await people.people() if one.name == "Ben"))
        assert (await tablet.get(await begin(tablet))).status_code == 403


async def test_an_answer_counts_once_and_only_in_the_browser_that_asked(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as phone:
        await link(phone)
        mine, other = pages.browser(), pages.browser()
        answer = await begin(mine)
        await begin(other)
        redeemed = sample.redeemed
        assert (await other.get(answer)).status_code == 403
        assert (await pages.browser().get(answer)).status_code == 403
        wrong_issuer = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", await begin(mine))
        assert (await mine.get(wrong_issuer)).status_code == 403
        assert sample.redeemed == redeemed
        answer = await begin(mine)
        assert (await mine.get(answer)).status_code == 303
        assert (await mine.get(answer)).status_code == 403
        assert sample.redeemed == redeemed + 1


async def test_linking_needs_the_session_that_began_it(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as anna:
        answer = await begin_linking(anna)
        # Ben signs in on the same device before the provider answers.
        made = await pages.services.people.invite("Ben")
        await anna.client.post(f"/join/{made.token}", headers={"Origin": pages.url})
        assert (await anna.get(answer)).status_code == 403
        assert sample.redeemed == 0
        token = await anna.form_token()
        foreign = {"Origin": "https://evil.example"}
        sent = await anna.client.post("/you/openid", data={"form_token": token}, headers=foreign)
        assert sent.status_code == 403


def another_key(sample: SampleProvider, claims: dict[str, Any]) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})


def unsigned(sample: SampleProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": "one"})


def with_the_secret(sample: SampleProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, SECRET * 4, algorithm="HS256", headers={"kid": "one"})


def unknown_key(sample: SampleProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, sample.key, algorithm="RS256", headers={"kid": "two"})


def changed(**values: Any) -> Callable[[SampleProvider, dict[str, Any]], str]:
    def encode(sample: SampleProvider, claims: dict[str, Any]) -> str:
        mixed = {**claims, **values}
        return sample.signed({name: value for name, value in mixed.items() if value is not None})

    return encode


WRONG = {
    "another key": another_key,
    "unsigned": unsigned,
    "with the secret": with_the_secret,
    "unknown key": unknown_key,
    "no token": lambda _sample, _claims: "a.b.c",
    "issuer": changed(iss="https://evil.example"),
    "audience": changed(aud="another"),
    "shared audience": changed(aud=[CLIENT, "another"]),
    "authorized party": changed(azp="another"),
    "expired": changed(exp=1_000_000_000),
    "no expiry": changed(exp=None),
    "expiry of text": changed(exp="soon"),
    "future": changed(iat=9_000_000_000),
    "nonce": changed(nonce="another"),
    "no nonce": changed(nonce=None),
    "no subject": changed(sub=None),
    "empty subject": changed(sub=""),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_token_that_proves_nothing_opens_nothing(tmp_path: Path, wrong: str) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as phone:
        assert await link(phone) == 303
        sample.encode = lambda claims: WRONG[wrong](sample, claims)
        tablet = pages.browser()
        refused = await tablet.get(await begin(tablet))
        assert (refused.status_code, "could not be verified" in refused.text) == (403, True)
        assert await name_of(tablet) is None
        sample.encode = sample.signed
        assert (await tablet.get(await begin(tablet))).status_code == 303


async def test_the_secret_is_sent_as_the_provider_wants_it(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as phone:
        sample.methods = ["client_secret_post"]
        assert await link(phone) == 303
        use(pages, sample.url, client_secret="wrong")
        tablet = pages.browser()
        refused = await tablet.get(await begin(tablet))
        assert (refused.status_code, CANNOT in refused.text) == (503, True)


async def test_a_provider_that_is_away_leaves_the_other_ways(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, sample), await pages.signed_in("Anna") as phone:
        for issuer in ("http://127.0.0.1:9", f"{sample.url}/"):  # Nobody is there; it calls itself otherwise.
            use(pages, issuer)
            away = await pages.browser().get("/sign-in/openid")
            assert (away.status_code, CANNOT in away.text) == (503, True)
            assert CANNOT in (await phone.post("/you/openid")).text
        assert await name_of(phone) == "Anna"
        assert await name_of(await pages.signed_in("Ben")) == "Ben"


async def test_guessing_answers_is_limited(tmp_path: Path) -> None:
    async with family(tmp_path) as (pages, _sample):
        browser = pages.browser()
        for number in range(30):
            assert (await browser.get(f"{DONE}?state=x{number}&code=y")).status_code == 403
        assert (await browser.get(f"{DONE}?state=x&code=y")).status_code == 429
        assert (await browser.get("/sign-in/openid")).status_code == 429


async def test_without_the_setting_there_is_nothing(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        assert (await browser.get("/sign-in/openid")).status_code == 404
        assert (await browser.get(DONE)).status_code == 404
        assert (await browser.post("/you/openid")).status_code == 404
        assert "openid" not in (await browser.get("/you")).text
