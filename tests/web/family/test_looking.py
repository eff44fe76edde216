"""What is new, albums, a photo's page, searching: pages and API."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from picsync.family.people import Role
from tests.web.family.sample import NOW, add_sample, sample
from tests.web.family.served import Browser, Pages, serve

HOSTILE = [
    '"*',
    "%",
    "",
    "_",
    "a",
    "ab",
    "'",
    '"',
    "NEAR(",
    "AND",
    "-x",
    "*",
    "\\",
    "🙂",
    "👨‍👩‍👧",
    "x" * 1000,
    "\x00",
    "a b c d e f g h i j",
]


async def patched(browser: Browser, path: str, body: Any) -> Any:
    headers = {"Origin": browser.origin, "X-Form-Token": await browser.form_token()}
    return await browser.client.patch(path, json=body, headers=headers)


async def test_new_photos_come_first_and_stay_new_for_a_while(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        assert "no photos yet" in (await browser.get("/")).text
        # The cookie says what is new while she looks around: another device has none.
        first = await add_sample(pages.services.state, [sample(n) for n in range(3)])
        me = (await browser.get("/api/me")).json()
        assert (me["new"], me["looked_at"] is None) == (0, False)  # They are of May, and she looked today.
        text = (await browser.get("/")).text
        assert "3 new photos" in text
        assert text.index(first[2]) < text.index(first[1]) < text.index(first[0])
        assert "3 new photos" in (await browser.get("/")).text
        browser.client.cookies.delete("picsync-since")
        assert "Nothing new" in (await browser.get("/")).text
        later = pages.services.now() + timedelta(seconds=5)
        await add_sample(pages.services.state, [sample(9)], now=later)
        assert (await browser.get("/api/me")).json()["new"] == 1
        text = (await browser.get("/")).text
        assert "1 new photo<" in text
        assert text.count('class="mark new"') == 1
        now = pages.services.now
        pages.services.now = lambda: now() + timedelta(minutes=1)
        headers = {"Origin": pages.url, "X-Form-Token": await browser.form_token()}
        assert (await browser.client.put("/api/me/looked", headers=headers)).status_code == 204
        assert (await browser.get("/api/me")).json()["new"] == 0


async def test_pages_of_a_list_neither_repeat_nor_miss_photos(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        photos = await add_sample(pages.services.state, [sample(n) for n in range(130)])
        seen: list[str] = []
        after, late = "", 1000
        while True:
            found = (await browser.get(f"/api/photos?category=Family&after={after}")).json()
            seen += [each["id"] for each in found["photos"]]
            after = found["more"]
            if not after:
                break
            # What arrives meanwhile shifts nothing.
            await add_sample(pages.services.state, [sample(late)], now=NOW + timedelta(days=1))
            late += 1
        assert seen == photos[::-1]
        assert "Earlier photos" in (await browser.get("/album/Family")).text
        assert (await browser.get("/album/Nobody")).status_code == 404
        for odd in ("x", "1.", "99999999999999999999.a", "\u0661.a"):
            assert (await browser.get(f"/?after={odd}")).status_code == 200


async def test_a_photo_has_its_neighbours_and_its_words(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        old, middle, new = await add_sample(
            pages.services.state,
            [sample(n, place="Lucerne", description="By <b>itself</b>") for n in range(3)],
        )
        text = (await browser.get(f"/photo/{middle}?in=Family")).text
        assert f'href="/photo/{new}?in=Family"' in text
        assert f'href="/photo/{old}?in=Family"' in text
        assert "By &lt;b&gt;itself&lt;/b&gt;" in text
        where = f"/photo/{middle}/words"
        hebrew = "\u05d0\u05d1 \u202e\u05d2"
        assert (await browser.post(where, caption=hebrew, tags="Lake, #Boat,,lake")).status_code == 303
        found = (await browser.get(f"/api/photos/{middle}")).json()
        assert found["text"] == "\u05d0\u05d1 \u05d2"
        assert found["tags"] == ["boat", "lake"]
        assert (found["newer"], found["older"]) == (new, old)
        # What somebody else writes at the same time is not touched by saving tags only.
        assert (await patched(browser, f"/api/photos/{middle}", {"tags": []})).json()["text"] == found["text"]
        long = await browser.post(where, caption="x" * 501, tags="Sea")
        assert (long.status_code, "more than 500 characters" in long.text) == (422, True)
        # What was typed is still there, to be corrected.
        assert f"{'x' * 501}</textarea>" in long.text
        assert 'value="Sea"' in long.text
        huge = await browser.post(where, caption="x" * 1_000_000)
        assert (huge.status_code, "This is too large." in huge.text) == (413, True)
        assert "style-src" in huge.headers["Content-Security-Policy"]
        program = await browser.client.post(where, content=b"x" * 1_000_000, headers={"Accept": "*/*"})
        assert (program.status_code, program.json()["error"]) == (413, "This is too large.")
        assert (await browser.get(f"/api/photos/{middle}")).json()["text"] == found["text"]
        assert (await browser.post(where, caption="", tags="")).status_code == 303
        bare = (await browser.get(f"/photo/{middle}")).text + (await browser.get("/search")).text
        assert "no name" not in bare, "what is in an empty field would be stored with the next change"
        assert (await browser.get(f"/api/photos/{middle}")).json()["text"] == ""
        assert (await browser.get("/photo/forged")).status_code == 404
        assert (await browser.post("/photo/forged/words", caption="x")).status_code == 404


async def test_what_a_member_hides_only_an_administrator_shows_again(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        anna = await pages.signed_in("Anna", Role.ADMINISTRATOR)
        ben = await pages.signed_in("Ben")
        vera = await pages.signed_in("Vera", Role.VIEWER)
        [photo, other] = await add_sample(pages.services.state, [sample(1), sample(2)])
        assert (await vera.post(f"/photo/{photo}/hide")).status_code == 403
        assert (await vera.post(f"/photo/{photo}/words", caption="x")).status_code == 403
        assert (await ben.post(f"/photo/{photo}/hide")).status_code == 303
        assert "Ben said so" in (await anna.get(f"/photo/{photo}")).text
        assert (await vera.get(f"/photo/{photo}")).status_code == 404
        assert (await vera.get(f"/pictures/{photo}/240.jpg")).status_code == 404
        for page in ("/", "/album/Family", "/search?q=IMG"):
            text = (await ben.get(page)).text
            assert photo not in text
            assert other in text
        assert (await ben.post(f"/photo/{photo}/restore")).status_code == 403
        assert (await anna.post(f"/photo/{photo}/restore")).status_code == 303
        assert photo in (await vera.get("/")).text


async def with_words(pages: Pages, person: str) -> list[str]:
    photos = await add_sample(
        pages.services.state,
        [
            sample(1, place="Lucerne, Switzerland", description="Großmutter im GARTEN", sender=person),
            sample(2, description="100% fun"),
            sample(3),
        ],
    )
    await pages.services.looking.describe(photos[2], caption="Birthday cake 🎂", tags=["öl"], by=person)
    return photos


async def test_parts_of_words_are_found(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        me = (await browser.get("/api/me")).json()["id"]
        photos = await with_words(pages, me)

        async def found(query: str) -> list[int]:
            answer = await browser.client.get("/api/photos", params={"q": query})
            assert answer.status_code == 200, query
            return sorted(photos.index(each["id"]) for each in answer.json()["photos"])

        expected = {
            "ucern": [0],
            "garten": [0],
            "SWITZ mutter": [0],
            "switz cake": [],
            "anna": [0],
            "an": [0],
            "0%": [1],
            "img_": [0, 1, 2],
            "🎂": [2],
            "ÖL": [2],
            "rthda": [2],
            "nowhere": [],
        }
        assert {query: await found(query) for query in expected} == expected
        await pages.services.looking.describe(photos[2], caption="Something else", tags=[], by=me)
        assert await found("cake") == await found("öl") == []
        assert await found("thing els") == [2]


async def test_every_text_is_a_query(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        await with_words(pages, (await browser.get("/api/me")).json()["id"])
        for query in HOSTILE:
            for path in ("/search", "/api/photos"):
                answer = await browser.client.get(path, params={"q": query})
                assert answer.status_code == 200, query
        # More than an address may have: refused by the server, and it goes on.
        huge = await browser.client.get("/search", params={"q": "x" * 65_000})
        assert huge.status_code in (400, 414, 431)
        assert (await browser.get("/search?q=cake")).status_code == 200


async def test_the_page_about_the_api_has_every_operation(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
        document = (await browser.get("/api/openapi.json")).json()
        text = (await browser.get("/api")).text
        for path, methods in document["paths"].items():
            for method in methods:
                assert f"<code>{method.upper()} {path}</code>" in text
        assert "http://" not in text.replace(pages.url, "")
