"""oidc-provider, a certified OpenID provider, signs people in, with its own pages for that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.clients import HERE, need_npm
from tests.web.family.provider import CLIENT, SECRET
from tests.web.family.served import Pages, serve
from tests.web.family.test_openid import DONE, name_of, use

WAITING_S = 60


@asynccontextmanager
async def provider(pages: Pages) -> AsyncIterator[str]:
    """Run the provider for these pages; yields its issuer."""
    need_npm("oidc-provider")
    process = await asyncio.create_subprocess_exec(
        *("node", HERE / "provider.mjs", f"{pages.url}{DONE}", CLIENT, SECRET),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WAITING_S):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def signed_in_there(address: str, login: str) -> str:
    """Open the provider's address, as a browser, and fill in its forms; return the path back at picsync."""
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.get(address)
        for _ in range(10):
            if response.is_redirect:
                place = response.headers["location"]
                if DONE in place:
                    return f"{DONE}{place.partition(DONE)[2]}"
                response = await client.get(httpx.URL(address).join(place))
                continue
            assert response.status_code == 200, response.text
            action = re.search(r'<form [^>]*action="([^"]+)" method="post"', response.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert action is not None, response.text
            assert prompt is not None, response.text
            fields = {"prompt": prompt[1], "login": login, "password": "any"}
            response = await client.post(httpx.URL(address).join(action[1]), data=fields)
    raise AssertionError("the provider has not sent the browser back")


async def test_people_sign_in(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, provider(pages) as issuer:
        use(pages, issuer, client_secret=SECRET)
        people, phone, tablet = pages.services.people, pages.browser(), pages.browser()
        made = await people.invite("Anna")
        begun = await phone.client.post(f"/join/{made.token}/openid", headers={"Origin": pages.url})
        address = begun.headers["refresh"].partition("url=")[2]
        assert (await phone.get(await signed_in_there(address, "anna"))).status_code == 303
        assert await name_of(phone) == "Anna"
        begun = await tablet.get("/sign-in/openid")
        back = await signed_in_there(begun.headers["location"], "anna")
        assert (await tablet.get(back)).status_code == 303
        assert await name_of(tablet) == "Anna"
        # It tells addresses by userinfo only.
        await people.invite("Ben", email="ben@example.org")
        for by_email, status, name in ((False, 403, "Anna"), (True, 303, "Ben")):
            use(pages, issuer, client_secret=SECRET, by_email=by_email)
            begun = await tablet.get("/sign-in/openid")
            back = await signed_in_there(begun.headers["location"], "ben")
            assert (await tablet.get(back)).status_code == status
            assert await name_of(tablet) == name
