"""What receivers are told of the photos, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.events import Crashed, Event
from picsync.family.news import CHAMPIONS_APART, Found, Newsroom, Told, Wanted, decide
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.run.news import NewsSender
from tests.cache.test_cache_postgresql import server, url  # noqa: F401 - fixtures
from tests.family.test_people import Clock
from tests.observe.notify.test_notifier import SECRETS, Receiver, serving
from tests.web.family.sample import NOW, add_sample, sample

DAY = timedelta(days=1)
WEEK = Wanted(7 * DAY)
BOTH = Wanted(7 * DAY, champions=True)
ROSE, TULIP = sample(1, description="A rose"), sample(2)


def body(wanted: Wanted, told: Told, found: Found, pages: str = "") -> str:
    news, _ = decide(wanted, told, found, NOW, pages=pages)
    return "" if news is None else news.body


def test_the_first_look_tells_nothing() -> None:
    news, told = decide(BOTH, Told(), Found(9, ROSE, {"Family": ROSE}), NOW, pages="")
    assert (news, told) == (None, Told(NOW, {"Family": ROSE.photo}))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Found(12, ROSE), '12 new photos this week, the best is "A rose".'),
        (Found(1, ROSE), '1 new photo this week: "A rose".'),
        (Found(1200), "1,200 new photos this week."),
        (Found(2, TULIP), '2 new photos this week, the best is "IMG_2.jpg".'),
        (Found(), ""),
    ],
)
def test_digest(found: Found, text: str) -> None:
    assert body(WEEK, Told(NOW - 7 * DAY), found) == text


def test_links_lead_to_the_pages() -> None:
    told = Told(NOW - 7 * DAY)
    assert body(WEEK, told, Found(3, ROSE), "http://nas/").endswith(f" http://nas/photo/{ROSE.photo}")
    assert body(WEEK, told, Found(3), "http://nas/").endswith(" http://nas/")


def test_a_digest_that_was_late_says_so() -> None:
    assert body(WEEK, Told(NOW - 30 * DAY), Found(3)) == "3 new photos in the last 30 days."
    assert body(Wanted(DAY), Told(NOW - DAY), Found(3)) == "3 new photos today."


def test_a_week_without_photos_is_over_as_well() -> None:
    assert decide(WEEK, Told(NOW - 7 * DAY), Found(), NOW, pages="") == (None, Told(NOW))


def test_a_new_champion() -> None:
    told = Told(champions={"Family": TULIP.photo, "Garden": ROSE.photo})
    found = Found(champions={"Family": ROSE, "Garden": ROSE})
    news, after = decide(Wanted(champions=True), told, found, NOW, pages="")
    assert news is not None
    assert news.title == "Family photos: a new champion"
    assert news.body == 'Family has a new champion: "A rose".'
    assert after == Told(None, {"Family": ROSE.photo, "Garden": ROSE.photo}, NOW)
    again = Found(champions={"Family": TULIP})
    assert decide(Wanted(champions=True), after, again, NOW + DAY / 2, pages="") == (None, after)
    assert decide(Wanted(champions=True), after, again, NOW + DAY, pages="")[0] is not None


photos = st.sampled_from([ROSE, TULIP, sample(3)])


@given(
    st.lists(
        st.tuples(
            st.integers(-72, 72),
            st.integers(0, 3),
            st.dictionaries(st.sampled_from("FG"), photos),
            st.booleans(),
        )
    )
)
def test_nothing_is_told_twice_nor_too_often(
    steps: list[tuple[int, int, dict[str, object], bool]],
) -> None:
    """Whatever happens, also to the clock and to deliveries."""
    wanted, told, now = Wanted(2 * DAY, champions=True), Told(), NOW
    for hours, count, champions, delivered in steps:
        now += timedelta(hours=hours)
        news, after = decide(wanted, told, Found(count, None, champions), now, pages="")  # type: ignore[arg-type]
        if news is None:
            assert told.champions is None or after.champions == told.champions
        else:
            digests = news.body.count("new photo")
            assert digests == 0 or (told.until is not None and now - told.until >= 2 * DAY and count)
            if "champion" in news.body and told.announced_at is not None:
                assert not timedelta() <= now - told.announced_at < CHAMPIONS_APART
            # What it says is all that there was: right after, there is nothing to say.
            assert decide(wanted, after, Found(count, None, champions), now, pages="")[0] is None  # type: ignore[arg-type]
        if news is None or delivered:
            told = after


def test_what_is_off_begins_anew() -> None:
    told = Told(NOW - 90 * DAY, {"Family": TULIP.photo})
    _, off = decide(Wanted(), told, Found(), NOW, pages="")
    assert off == Told()
    assert body(BOTH, off, Found(5, ROSE, {"Family": ROSE})) == ""


# --- with the database, and real requests ------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "cache.db")
    return str(request.getfixturevalue("url"))


@pytest_asyncio.fixture
async def state(cache: str) -> AsyncIterator[State]:
    state = await State.open(cache)
    yield state
    await state.aclose()


class Sender:
    """A sender that can be restarted."""

    def __init__(self, state: State, *receivers: Receiver, wanted: Wanted = BOTH) -> None:
        self.state, self.receivers, self.wanted = state, receivers, wanted
        self.clock = Clock()
        self.clock.at = NOW
        self.events: list[Event] = []
        self.start()

    def start(self) -> None:
        urls = [receiver.url for receiver in self.receivers]
        room = Newsroom(self.state)
        self.sender = NewsSender(room, urls, self.wanted, "http://nas/", self.events.append, now=self.clock)

    async def after(self, delay: timedelta) -> None:
        self.clock.at += delay
        await self.sender.send()
        assert not [event for event in self.events if isinstance(event, Crashed)]


async def rate(state: State, photo: str, points: float) -> None:
    row = {"photo": photo, "points": points, "deviation": 50.0, "volatility": 0.06, "games": 9}
    await state.write(lambda connection: connection.execute(sa.insert(tables.rating).values(**row)))


async def test_each_receiver_is_told_once(state: State, caplog: pytest.LogCaptureFixture) -> None:
    old = (await add_sample(state, [sample(9)], now=NOW - DAY))[0]
    await rate(state, old, 1600)
    async with serving() as one, serving() as other:
        sender = Sender(state, one, other)
        await sender.after(timedelta())
        await add_sample(state, [ROSE, TULIP], now=NOW + DAY)
        await rate(state, ROSE.photo, 1700)
        other.status = 500
        await sender.after(7 * DAY)
        assert one.letters.qsize() == 1
        # The request reached it; it is tried again until one is accepted, also by another process.
        other.letters.get_nowait()
        sender.start()
        other.status = 200
        await sender.after(timedelta(minutes=15))
        await sender.after(timedelta(minutes=15))
        sender.start()
        await sender.after(timedelta(hours=30))
        told = [one.letters.get_nowait(), other.letters.get_nowait()]
        assert one.letters.empty()
        assert other.letters.empty()
    for letter in told:
        assert letter["title"] == "Family photos: new photos and a new champion"
        link = f"http://nas/photo/{ROSE.photo}"
        assert letter["message"].splitlines() == [
            f'2 new photos this week, the best is "A rose". {link}',
            f'Family has a new champion: "A rose". {link}',
        ]
    assert "A rose" not in caplog.text
    stored = await state.read(lambda connection: connection.execute(sa.select(tables.setting)).all())
    assert not [word for word in SECRETS if word in f"{caplog.text} {stored}"]


async def test_hidden_photos_are_no_news(state: State) -> None:
    async with serving() as receiver:
        sender = Sender(state, receiver)
        await sender.after(timedelta())
        await add_sample(state, [ROSE], now=NOW + DAY)
        await rate(state, ROSE.photo, 1700)
        hide = sa.insert(tables.hidden).values(photo=ROSE.photo, hidden_at=0)
        await state.write(lambda connection: connection.execute(hide))
        await sender.after(7 * DAY)
        assert receiver.letters.empty()
        await state.write(lambda connection: connection.execute(sa.delete(tables.hidden)))
        await sender.after(timedelta(minutes=15))
        assert "new champion" in receiver.letters.get_nowait()["message"]


async def test_a_database_that_cannot_be_read_ends_nothing(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    await state.write(
        lambda connection: connection.execute(sa.text("ALTER TABLE family_setting RENAME TO x"))
    )
    async with serving() as receiver:
        sender = Sender(state, receiver)
        await sender.after(DAY)
        await sender.after(DAY)
        assert receiver.letters.empty()
        await state.write(
            lambda connection: connection.execute(sa.text("ALTER TABLE x RENAME TO family_setting"))
        )
        await sender.after(DAY)
    assert caplog.text.count("No news of the photos is sent for now") == 1
