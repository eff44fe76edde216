"""Two processes that write to one database at once, as with PostgreSQL: what one has read stays true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from picsync.family.gallery import Gallery
from picsync.family.looking import Looking
from picsync.family.people import People
from picsync.family.photos import Photos
from picsync.family.pictures import Pictures
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.state.remembered import remember
from picsync.rendering.pool import Renderer
from tests.cache.test_cache_postgresql import closing_engine, server, url  # noqa: F401 - fixtures
from tests.web.family.sample import add_sample, sample

T = TypeVar("T")
_WAITING = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


class Slow(State):
    """Calls `before_commit` at the end of each writing transaction."""

    before_commit: Callable[[], None] = staticmethod(lambda: None)

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        def and_wait(connection: sa.Connection) -> T:
            found = work(connection)
            self.before_commit()
            return found

        return super()._write(and_wait)


def now() -> datetime:
    return datetime.now(UTC)


async def hide(state: State, photo: str, _person: str) -> object:
    return await Photos(state).hide(photo, by=None)


async def write_caption(state: State, photo: str, person: str) -> object:
    return await Looking(state, now).describe(photo, caption="At the lake", by=person)


async def write_tags(state: State, photo: str, person: str) -> object:
    return await Looking(state, now).describe(photo, tags=["lake", "sun"], by=person)


async def create_album(state: State, _photo: str, _person: str) -> object:
    return (await Gallery(state, Pictures(Path("unused"), Renderer(1))).create_album("New")).name


async def invite(state: State, _photo: str, _person: str) -> object:
    return (await People(state).invite("Berta")).person.person


async def remember_one(state: State, _photo: str, _person: str) -> object:
    return await state.write(lambda connection: remember(connection, "digest", "sent"))


@pytest.mark.parametrize(
    ("act", "same"),
    [
        (hide, False),
        (write_caption, True),
        (write_tags, True),
        (create_album, True),
        (invite, True),
        (remember_one, True),
    ],
)
async def test_the_second_one_waits_and_sees_what_the_first_has_done(
    act: Callable[[State, str, str], Awaitable[object]],
    same: bool,
    url: str,  # noqa: F811 - the fixture
) -> None:
    slow, other = await Slow.open(url), await State.open(url)
    try:
        photo = sample(0)
        await add_sample(slow, [photo])
        person = (await People(slow).invite("Anna")).person.person
        loop = asyncio.get_running_loop()
        second: list[asyncio.Task[object]] = []
        with closing_engine(url) as engine:

            def start_another() -> None:
                """Let the other process do the same, until it waits for this one, or is done."""
                slow.before_commit = lambda: None
                asyncio.run_coroutine_threadsafe(started(), loop).result()
                with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    while not second[0].done() and not connection.scalar(_WAITING):
                        pass

            async def started() -> None:
                second.append(asyncio.ensure_future(act(other, photo.photo, person)))

            slow.before_commit = start_another
            first = await act(slow, photo.photo, person)
            assert (first == await second[0]) is same
            people = await other.read(
                lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(tables.person))
            )
            assert people == (2 if act is invite else 1)
    finally:
        await slow.aclose()
        await other.aclose()
