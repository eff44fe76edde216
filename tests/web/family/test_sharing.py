"""Links for people without an account."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from picsync.family.people import Role
from picsync.family.shares import ShareKind
from picsync.family.state import tables
from tests.web.family.sample import add_sample, sample
from tests.web.family.served import Browser, Pages, serve

LINK = re.compile(r'<code class="secret">([^<]+)</code>')


async def shared(browser: Browser, path: str) -> str:
    """Share what is at a path; return the path of the link."""
    page = await browser.post(path)
    assert page.status_code == 200, page.text
    found = LINK.search(page.text)
    assert found is not None
    return found[1].removeprefix(browser.origin)


async def painted(pages: Pages, photos: list[str]) -> None:
    for photo in photos:
        for size in (240, 480, 960):
            path = pages.services.pictures.path(photo, size)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{photo} {size}".encode())


async def test_a_link_shows_one_photo_to_anybody_and_nothing_else(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as anna, pages.browser() as aunt:
        [photo, other] = await add_sample(pages.services.state, [sample(1, description="Lake"), sample(2)])
        await painted(pages, [photo, other])
        link = await shared(anna, f"/photo/{photo}/share")
        page = await aunt.get(link)
        assert page.status_code == 200
        assert f'property="og:image" content="{pages.url}{link}/{photo}/960.jpg"' in page.text
        assert "noindex" in page.text
        assert "noindex" in page.headers["X-Robots-Tag"]
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert (await aunt.get(f"{link}/{photo}/960.jpg")).content == f"{photo} 960".encode()
        download = await aunt.get(f"{link}/{photo}/download")
        assert "attachment" in download.headers["Content-Disposition"]
        for hidden in (f"{link}/{other}", f"{link}/{other}/960.jpg", f"{link}/{other}/download"):
            assert (await aunt.get(hidden)).status_code == 404
        for closed in ("/", f"/photo/{photo}", f"/pictures/{photo}/960.jpg"):
            assert (await aunt.get(closed)).status_code in (303, 401)
        pages.services.downloads = False
        assert "Download" not in (await aunt.get(link)).text
        assert (await aunt.get(f"{link}/{photo}/download")).status_code == 403
        await anna.post(f"/photo/{photo}/hide")
        assert (await aunt.get(link)).status_code == 404
        assert (await aunt.get(f"{link}/{photo}/960.jpg")).status_code == 404
        assert (await anna.post(f"/photo/{photo}/share")).status_code == 409


async def test_an_album_shows_what_is_in_it_now(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as anna, pages.browser() as aunt:
        photos = await add_sample(pages.services.state, [sample(n) for n in range(3)], "Öma & Opa/1")
        [other] = await add_sample(pages.services.state, [sample(9)], "Garden")
        await painted(pages, [*photos, other])
        link = await shared(anna, "/album/%C3%96ma%20%26%20Opa/1")
        text = (await aunt.get(link)).text
        assert all(photo in text for photo in photos)
        assert other not in text
        page = (await aunt.get(f"{link}/{photos[1]}")).text
        assert f"{link}/{photos[0]}" in page
        assert f"{link}/{photos[2]}" in page
        await anna.post(f"/photo/{photos[1]}/hide")
        assert photos[1] not in (await aunt.get(link)).text
        assert (await aunt.get(f"{link}/{photos[1]}/480.jpg")).status_code == 404


async def test_a_link_ends(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        admin = await pages.signed_in("Anna", Role.ADMINISTRATOR)
        ben, carl = await pages.signed_in("Ben"), await pages.signed_in("Carl")
        [photo] = await add_sample(pages.services.state, [sample(1)])
        first, second = await shared(ben, f"/photo/{photo}/share"), await shared(ben, f"/photo/{photo}/share")
        assert [each["target"] for each in (await ben.get("/api/shares")).json()] == [photo, photo]
        assert (await carl.get("/api/shares")).json() == []
        [newest, oldest] = await pages.services.shares.valid()
        assert (await carl.post(f"/shares/{oldest.share}/revoke")).status_code == 404
        assert (await ben.post(f"/shares/{oldest.share}/revoke")).status_code == 303
        assert (await carl.get(second)).status_code == 200
        headers = {"Origin": pages.url, "X-Form-Token": await admin.form_token()}
        gone = await admin.client.delete(f"/api/shares/{newest.share}", headers=headers)
        assert gone.status_code == 204
        for link in (first, second):
            assert (await carl.get(link)).status_code == 404
        third = await shared(ben, f"/photo/{photo}/share")
        now = pages.services.now
        pages.services.now = lambda: now() + timedelta(days=31)
        assert (await carl.get(third)).status_code == 404


async def test_a_photo_that_left_all_albums_is_shared_no_more(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as anna:
        [photo] = await add_sample(pages.services.state, [sample(1)])
        await painted(pages, [photo])
        link = await shared(anna, f"/photo/{photo}/share")
        gone = sa.delete(tables.entry)
        await pages.services.state.write(lambda connection: connection.execute(gone))
        for path in (link, f"{link}/{photo}/960.jpg", f"{link}/{photo}/download"):
            assert (await anna.get(path)).status_code == 404
        assert "Share by a link" not in (await anna.get(f"/photo/{photo}")).text
        assert (await anna.post(f"/photo/{photo}/share")).status_code == 409
        await add_sample(pages.services.state, [sample(1)])
        assert (await anna.get(link)).status_code == 200


async def test_who_shared_something_long_ago_still_finds_the_link(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        anna, ben = await pages.signed_in("Anna", Role.ADMINISTRATOR), await pages.signed_in("Ben")
        [photo] = await add_sample(pages.services.state, [sample(1)])
        await ben.post(f"/photo/{photo}/share")
        me, shares = (await anna.get("/api/me")).json()["id"], pages.services.shares
        for _ in range(100):
            await shares.create(ShareKind.PHOTO, photo, by=me, valid_for=timedelta(days=40), downloads=False)
        assert len((await ben.get("/api/shares")).json()) == 1
        assert len((await anna.get("/api/shares")).json()) == 100
        assert len((await anna.get("/api/shares?offset=100")).json()) == 1


async def test_links_cannot_be_guessed(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as anna, pages.browser() as thief:
        [photo] = await add_sample(pages.services.state, [sample(1)])
        link = await shared(anna, f"/photo/{photo}/share")
        assert (await thief.get(link)).status_code == 200
        for number in range(30):
            assert (await thief.get(f"/s/wrong{number}")).status_code == 404
        assert (await thief.get("/s/wrong")).status_code == 429
        # What was right before is still shown: a household has one address.
        assert (await thief.get(link)).status_code == 200


async def test_viewers_share_nothing(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        await pages.signed_in("Anna")
        vera = await pages.signed_in("Vera", Role.VIEWER)
        [photo] = await add_sample(pages.services.state, [sample(1)])
        assert (await vera.post(f"/photo/{photo}/share")).status_code == 403
        assert "Share by a link" not in (await vera.get(f"/photo/{photo}")).text
        assert (await vera.post("/album/Nobody")).status_code == 403
