"""One changed response in a whole cycle: no wanted photo is lost, and the frame is not empty."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from picsync.emulators import server as emulator
from picsync.emulators.faults import Fault, FaultKind
from tests.e2e.household import Household, open_household
from tests.fuzz.mutations import Json, inputs, mutated
from tests.household_services import MEDIA_HOST

MOST_REQUESTS = 26
"""Of the cycle below, a few more or less."""


async def bodies(household: Household) -> list[tuple[str, str, str, bytes]]:
    """Run the cycle once on a twin and return what each request was answered."""
    said: list[tuple[str, str, str, bytes]] = []
    dispatch = emulator._dispatch

    async def listening(router: web.UrlDispatcher, request: web.Request) -> web.StreamResponse:
        response = await dispatch(router, request)
        record = household.server.log.records[-1]
        body = (
            response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
        )
        said.append((request.method, record.host, request.path, body))
        return response

    emulator._dispatch = listening
    try:
        await household.cycle()
    finally:
        emulator._dispatch = dispatch
    return said


async def prepare(household: Household) -> set[str]:
    """Two photos to come, one to go, four that stay; returns what must never go: the digests of the four."""
    household.google.options.page_cap = 3
    household.one_at_a_time = True  # What the twin was told is true of the other one, too.
    items = household.add(5)
    await household.cycle()
    household.google.remove_item(items[0], household.album)
    kept = household.wanted()
    household.add(2)
    household.server.log.clear()
    return kept


async def answers() -> list[tuple[str, str, str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_household(Path(folder)) as household:
            await prepare(household)
            return [each for each in await bodies(household) if each[1] != MEDIA_HOST]


ANSWERS = asyncio.run(answers())


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[int, bytes]:
    """Draw which request of the cycle gets another answer, and which."""
    number = draw(st.integers(0, len(ANSWERS) - 1))
    try:
        document: Json = json.loads(ANSWERS[number][3] or b"{}")
    except ValueError:
        document = {}
    return number, draw(mutated(document))


@inputs(8)
@given(spoilt(), st.booleans())
def test_no_wanted_photo_goes(spoiling: tuple[int, bytes], after: bool) -> None:
    number, body = spoiling

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_household(Path(folder)) as household:
                kept = await prepare(household)
                method, host, path, _ = ANSWERS[number]
                skip = sum(each[:3] == ANSWERS[number][:3] for each in ANSWERS[:number])
                wrong = Fault(
                    kind=FaultKind.BODY,
                    status=200,
                    content_type="application/json",
                    method=method,
                    host=host,
                    path=f"^{path}$".replace("+", "."),
                    skip=skip,
                    body=body,
                    after=after,
                )
                household.server.faults.add(wrong)
                await household.cycle()
                assert kept <= household.on_frame(), "a wanted photo was deleted"
                assert household.in_playlist(), "the playlist is empty"
                assert household.violations == []
                household.server.faults.clear()
                # Another cycle may be needed to let go of what the bad answer left.
                await household.cycle()
                assert kept <= household.on_frame()
                assert household.violations == []

    asyncio.run(run())
