"""What a request is about vanishes between two of its transactions: it is refused, and nothing crashes.

Every route is asked once for each of its transactions and each way of vanishing.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import sqlalchemy as sa

from picsync.family.archive import export, restore
from picsync.family.people import People, Role
from picsync.family.photos import Photos
from picsync.family.shares import ShareKind, Shares
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.voting import Voting
from picsync.serving.guesses import Guesses
from picsync.web.family.guards import COOKIE, form_token
from tests.web.family.provider import sample_provider
from tests.web.family.sample import add_sample, sample
from tests.web.family.served import Pages, routes_of, serve
from tests.web.family.test_openid import DONE, begin, begin_linking, link, name_of, use

T = TypeVar("T")
PASSWORD = "a long enough password"
TUS = {"Tus-Resumable": "1.0.0"}
FORM: Mapping[str, Mapping[str, str]] = {
    "/sign-in": {"name": "Ben", "password": PASSWORD},
    "/you/token": {"name": "a program"},
    "/you/password": {"password": f"{PASSWORD}!", "current": PASSWORD},
    "/you/sign-out": {"device": "{device}"},
    "/photo/{photo}/words": {"caption": "another one", "tags": "lake, summer"},
    "/admin/invite": {"name": "Ben"},
    "/admin/role": {"person": "{other}", "role": "viewer"},
    "/admin/remove": {"person": "{other}"},
    "/admin/sign-out": {"person": "{person}", "device": "{device}"},
    "/admin/restore": {"photo": "{hidden}"},
    "/admin/undo": {"tournament": "{tournament}"},
    "/vote/{category:path}": {
        "do": "answer",
        "tournament": "{tournament}",
        "choice": "0",
        "left": "{left}",
        "right": "{right}",
        "answer": "left",
    },
}
JSON: Mapping[str, Mapping[str, Any]] = {
    "PATCH /api/photos/{photo}": {"caption": "another one", "tags": ["lake"]},
    "POST /api/people": {"name": "Somebody"},
    "PATCH /api/people/{person}": {"role": "viewer"},
    "POST /api/shares": {"kind": "photo", "target": "{photo}"},
    "POST /api/tournaments": {"category": "Garden"},
    "POST /api/tournaments/{tournament}/answers": {
        "choice": 0,
        "left": "{left}",
        "right": "{right}",
        "answer": "left",
    },
    "POST /api/uploads/direct": {"filename": "a.jpg", "size_bytes": 10},
}
WITH_HEADERS: Mapping[str, Mapping[str, str]] = {
    "OPTIONS /api/uploads/tus": TUS,
    "POST /api/uploads/tus": {
        **TUS,
        "Upload-Length": "10",
        "Upload-Metadata": f"album {base64.b64encode(b'Family').decode()}",
    },
    "HEAD /api/uploads/tus/{upload}": TUS,
    "PATCH /api/uploads/tus/{upload}": {
        **TUS,
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    },
    "DELETE /api/uploads/tus/{upload}": TUS,
}
BODIES: Mapping[str, bytes] = {
    "PATCH /api/uploads/tus/{upload}": b"0123456789",
    "POST /api/uploads": b"0123456789",
}


class Interrupted(State):
    """A database in which something else happens between two transactions."""

    happens: Callable[[], Coroutine[Any, Any, None]] | None = None
    left = 0
    """How many transactions there are until then."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        super().__init__(engine, name)
        self._loop = asyncio.get_running_loop()

    # Every transaction runs in one of these two, in a thread; also those that answer many questions together.

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        self._step()
        return super()._read(work)

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        self._step()
        return super()._write(work)

    def _step(self) -> None:
        if self.happens is not None:
            if self.left == 0:
                happens, self.happens = self.happens, None
                asyncio.run_coroutine_threadsafe(happens(), self._loop).result()
            self.left -= 1


@asynccontextmanager
async def interrupted(tmp_path: Path) -> AsyncIterator[tuple[Pages, Interrupted, State]]:
    """Serve the pages, and wait until no transactions but those of requests follow.

    Also yield their database, and the same one as another process sees it.
    """
    cache, swept = str(tmp_path / "cache.db"), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        swept.set()
        await asyncio.Event().wait()

    state, other = await Interrupted.open(cache), await State.open(cache)
    try:
        async with serve(tmp_path, state=state, sleep=sleep) as pages:
            await swept.wait()
            # The limits of wrong tokens are no subject here.
            pages.services.wrong = Guesses(most=10**9, most_of_address=10**9)
            yield pages, state, other
    finally:
        await other.aclose()
        await state.aclose()


@dataclass
class Scene:
    """A family in which everything exists that a request may be about."""

    pages: Pages
    state: Interrupted
    other: State
    """The same database, as another process sees it."""
    client: httpx.AsyncClient
    session: str = ""
    form_token: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    async def furnish(self) -> None:
        """Let the family do something of everything."""
        people, services = self.pages.services.people, self.pages.services
        anna = (await people.invite("Anna", Role.ADMINISTRATOR)).person
        ben = (await people.invite("Ben", Role.ADMINISTRATOR)).person
        await people.set_password(ben.person, PASSWORD)
        invitation = await people.invite_again(ben.person)
        session = await people.sign_in(ben.person, "phone")
        tablet = await people.sign_in(ben.person, "tablet")
        photos = await add_sample(services.state, [sample(n) for n in range(8)])
        garden = await add_sample(services.state, [sample(n) for n in range(8, 16)], "Garden")
        await services.photos.hide(photos[1], by=ben.person)
        await services.looking.describe(photos[0], caption="a caption", tags=["old"], by=anna.person)
        sitting = await services.voting.sit_down(ben.person, "Family")
        assert sitting.pair is not None
        share, token = await services.shares.create(
            ShareKind.ALBUM, "Garden", by=ben.person, valid_for=timedelta(days=9), downloads=True
        )
        assert services.uploads is not None
        upload = await services.uploads.create(ben.person, "Family", "a.jpg", 10)
        self.session, self.form_token = session.token, form_token(session)
        self.ids = {
            "person": ben.person,
            "other": anna.person,
            "device": tablet.device.device,
            "photo": photos[0],
            "inside": garden[0],
            "hidden": photos[1],
            "category": "Family",
            "tournament": sitting.tournament,
            "left": sitting.pair.left,
            "right": sitting.pair.right,
            "share": share.share,
            "token": invitation.token,
            "shared": token,
            "upload": upload.upload,
            "size": "240",
            "build": "1",
            "name": "sw.js",
        }

    async def send(self, method: str, path: str) -> httpx.Response:
        """Send a request as one of the pages, or a program, would."""
        shared = path.startswith("/s/")
        ids = {**self.ids, "token": self.ids["shared"], "photo": self.ids["inside"]} if shared else self.ids
        ids["category:path"] = ids["category"]

        def filled(value: Any) -> Any:
            return value.format_map(ids) if isinstance(value, str) else value

        address = path.replace("{category:path}", "{category}").format_map(ids)
        label = f"{method} {path}"
        headers = {"Origin": self.pages.url, "X-Form-Token": self.form_token, **WITH_HEADERS.get(label, {})}
        self.client.cookies.clear()
        self.client.cookies.set(COOKIE, self.session)
        options: dict[str, Any] = {}
        if label in BODIES:
            options["content"] = BODIES[label]
        elif label in JSON:
            options["json"] = {name: filled(value) for name, value in JSON[label].items()}
        elif method == "POST" and not path.startswith("/api/"):
            fields = {name: filled(value) for name, value in FORM.get(path, {}).items()}
            options["data"] = {"form_token": self.form_token, **fields}
        return await self.client.request(method, address, headers=headers, **options)


async def everything(scene: Scene, nothing: Path) -> None:
    """An archive without anything is imported."""
    await restore(scene.other, nothing, replace=True)


async def person(scene: Scene, _nothing: Path) -> None:
    """The person who has sent the request is removed."""
    await People(scene.other).remove(scene.ids["person"])


async def things(scene: Scene, _nothing: Path) -> None:
    """Photos are hidden, or leave their albums; a tournament, a link, sessions and uploads end."""
    people, ids, shares = People(scene.other), scene.ids, Shares(scene.other, scene.pages.services.time)

    def work(connection: sa.Connection) -> None:
        for table in (tables.entry, tables.upload):
            connection.execute(sa.delete(table))

    for each in ("photo", "inside", "left", "right"):
        await Photos(scene.other).hide(ids[each], by=None)
    await Voting(scene.other).undo_tournament(ids["tournament"], by=None)
    await shares.revoke(ids["share"], by=ids["other"])
    for device in await people.devices(ids["person"]):
        await people.sign_out(ids["person"], device.device)
    await scene.other.write(work)


WAYS = (everything, person, things)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_route_fails(tmp_path: Path, way: Callable[[Scene, Path], Awaitable[None]]) -> None:
    nothing, full = tmp_path / "nothing.zip", tmp_path / "full.zip"
    wrong, fired = [], 0
    async with (
        interrupted(tmp_path) as (pages, state, other),
        httpx.AsyncClient(base_url=pages.url, headers={"Accept": "text/html"}, timeout=60) as client,
    ):
        await export(other, nothing)
        pages.services.wrong_passwords = Guesses(most=10**9, most_of_address=10**9)
        pages.services.passwords = True
        scene = Scene(pages, state, other, client)
        await scene.furnish()
        await export(other, full)

        async def happens() -> None:
            nonlocal fired
            fired += 1
            await way(scene, nothing)

        for route in routes_of(pages.services):
            assert route.path
            for method in route.methods or ():
                for moment in range(12):
                    await restore(other, full, replace=True)
                    state.left, state.happens = moment, happens
                    response = await scene.send(method, route.path)
                    if response.status_code in (500, 503):
                        wrong.append(f"{method} {route.path} at {moment}: {response.status_code}")
                    if state.happens is not None:
                        state.happens = None
                        break
    assert not wrong, "\n".join(wrong)
    assert fired > 100


# One transaction signs in. Two link: the first one reads the session.
@pytest.mark.parametrize(("linking", "expected"), [(False, [403, 303]), (True, [403, 409, 303])])
async def test_signing_in_and_linking_fail_for_who_is_removed(
    tmp_path: Path, linking: bool, expected: list[int]
) -> None:
    async with sample_provider() as sample, interrupted(tmp_path) as (pages, state, other):
        use(pages, sample.url)
        sample.redirect_uris = [f"{pages.url}{DONE}"]
        statuses = []
        for moment in range(len(expected)):
            sample.account = f"account {moment}"
            browser = await pages.signed_in(f"Ben {moment}")
            if not linking:
                assert await link(browser) == 303
                browser = pages.browser()
            answer = await (begin_linking if linking else begin)(browser)

            async def removed(name: str = f"Ben {moment}") -> None:
                people = People(other)
                await people.invite("Anna", Role.ADMINISTRATOR)
                found = await people.find(name)
                assert found is not None
                await people.remove(found.person)

            state.left, state.happens = moment, removed
            statuses.append((await browser.get(answer)).status_code)
            happened, state.happens = state.happens is None, None
            assert happened == (statuses[-1] != 303), statuses
            assert (await name_of(browser) is None) == happened
        assert statuses == expected
