"""Picking over real HTTP: the user's time, refusals of the service, and interruptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from picsync.core.errors import LoginNeeded, PicsyncError, TransientError
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Item
from picsync.emulators.google.picker import API_HOST, SCOPE
from picsync.http.retry import Retrier
from picsync.sources.google.picked.api import OPERATIONS, GooglePicker
from picsync.sources.google.picked.library import PickedAlbum
from picsync.sources.google.picked.picking import Picked, PickingCallbacks, pick
from picsync.sources.google.picked.port import PickingSession
from tests.contract.source_contract import JPEG, MP4
from tests.sources.google.picked.picked_library import library
from tests.vendors.google.google_account import BYTES, GoogleAccount, google_account


@dataclass
class Person:
    """Picks when the page has been shown so many polls ago."""

    account: GoogleAccount
    album: PickedAlbum
    choice: list[Item] = field(default_factory=list)
    after_polls: int = 2
    shown: list[PickingSession] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def picker(self, *scopes: str) -> AsyncIterator[GooglePicker]:
        picker = GooglePicker(
            self.account.login(scopes=scopes or (SCOPE,)),
            hosts=self.account.hosts,
            retrier_for=lambda policy: Retrier(policy, emit=self.account.note, sleep=self._rest),
            clock=lambda: self.account.now,
            timeout_s=10.0,
        )
        try:
            yield picker
        finally:
            await picker.aclose()

    async def pick(self, *scopes: str) -> Picked:
        async with self.picker(*scopes) as picker:
            guide = PickingCallbacks(
                show=self.shown.append,
                arrived=lambda done, total: self.progress.append((done, total)),
                sleep=self._wait,
                clock=lambda: self.account.now,
            )
            return await pick(picker, self.album, guide)

    async def _rest(self, seconds: float) -> None:
        """Pass over the time between attempts."""

    async def _wait(self, seconds: float) -> None:
        self.account.now += seconds
        self.waits.append(seconds)
        if len(self.waits) == self.after_polls:
            self.account.google.picker.pick(self.choice)
            self.meanwhile()

    def kept(self) -> list[tuple[str, str]]:
        return [(record.filename, record.mime_type) for record in self.album.read()[0]]


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    async with google_account() as account:
        google = account.google
        choice = [
            google.add_item(None, f"IMG_{n}.jpg", JPEG + bytes([n]) * 5000, created_at=1e9 + n)
            for n in range(3)
        ]
        film = MP4 + b"film" * 999
        choice.append(google.add_item(None, "clip.mp4", film, mime_type="video/mp4", created_at=2e9))
        yield Person(account, library(tmp_path).album("Grandma"), choice)


async def test_what_was_picked_arrives(person: Person) -> None:
    result = await person.pick()
    assert (result.new, result.already_there, result.failures) == (4, 0, [])
    assert person.kept() == [*((f"IMG_{n}.jpg", "image/jpeg") for n in range(3)), ("clip.mp4", "video/mp4")]
    [session] = person.shown
    assert session.url.startswith(person.account.server.url)
    assert person.waits == [5.0, 5.0]
    assert person.progress[-1] == (4, 4)
    assert person.account.google.picker.sessions == {}
    assert person.album.session is None


async def test_picking_again_adds_and_fetches_nothing_twice(person: Person) -> None:
    await person.pick()
    person.account.server.log.clear()
    person.waits.clear()
    more = person.account.google.add_item(None, "more.jpg", JPEG + b"more", app_created=False)
    person.choice.append(more)
    result = await person.pick()
    assert (result.new, result.already_there) == (1, 4)
    assert len(person.account.requests(host=BYTES)) == 1


async def test_a_person_who_takes_too_long(person: Person) -> None:
    person.after_polls = 10_000
    with pytest.raises(TransientError, match="Nothing was picked before the time limit"):
        await person.pick()
    assert sum(person.waits) <= 1799.9
    assert person.album.session is not None


async def test_a_session_goes_on_where_it_was_left(person: Person) -> None:
    person.after_polls = 10_000
    with pytest.raises(TransientError):
        await person.pick()
    person.account.google.picker.pick(person.choice)
    assert (await person.pick()).new == 4
    assert len(person.shown) == 1


async def test_a_session_that_is_over_gives_way_to_a_new_one(person: Person) -> None:
    person.album.create()
    person.album.session = "a1b2"
    assert (await person.pick()).new == 4


async def test_an_item_that_fails_comes_with_the_next_try(person: Person) -> None:
    person.account.fail(Fault(kind=FaultKind.STATUS, status=503, host=BYTES, count=5 * 4))
    result = await person.pick()
    assert len(result.failures) == 4
    assert person.album.session is not None
    person.account.server.faults.clear()
    assert (await person.pick()).new == 4
    assert len(person.shown) == 1
    assert person.album.session is None


async def test_a_video_that_is_not_ready_is_only_its_own_trouble(person: Person) -> None:
    person.choice[3].ready_at = 4e9
    result = await person.pick()
    assert result.new == 3
    [(name, error)] = result.failures
    assert (name, error.message) == ("clip.mp4", "Google is still processing this video.")


async def test_an_expired_address_is_renewed(person: Person) -> None:
    google = person.account.google
    google.options.now = lambda: person.account.now
    google.options.base_url_s = 30.0
    refusals = Fault(kind=FaultKind.STATUS, status=403, host=BYTES, count=1)
    person.account.fail(refusals)
    result = await person.pick()
    assert (result.new, result.failures) == (4, [])


async def test_an_expired_token_is_renewed(person: Person) -> None:
    person.meanwhile = person.account.google.expire_access_tokens
    assert (await person.pick()).new == 4


async def test_pages_that_repeat_are_no_pick(person: Person) -> None:
    person.account.google.options.page_cap = 1
    person.account.google.options.stuck_token_from = 1
    with pytest.raises(PicsyncError, match="pages repeat"):
        await person.pick()
    assert person.album.session is not None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda google: setattr(google.options.picker, "enabled", False), "does not let this login pick"),
        (lambda google: google.revoke_all(), "no longer accepts this login"),
    ],
)
async def test_a_login_that_may_not(person: Person, spoil: Callable[[object], None], words: str) -> None:
    async with person.picker() as picker:
        spoil(person.account.google)
        with pytest.raises(LoginNeeded, match=words):
            await picker.begin()


async def test_a_login_for_another_purpose(person: Person) -> None:
    with pytest.raises(LoginNeeded, match="does not let this login pick"):
        await person.pick("photoslibrary.readonly.appcreateddata")


async def test_too_many_sessions(person: Person) -> None:
    person.account.google.options.picker.sessions = 0
    with pytest.raises(TransientError, match="429"):
        await person.pick()


async def test_a_session_whose_answer_was_lost_is_begun_once(person: Person) -> None:
    person.account.fail(Fault(kind=FaultKind.RESET_AFTER, host=API_HOST, method="POST", count=1))
    async with person.picker() as picker:
        await picker.begin()
    assert len(person.account.google.picker.sessions) == 1


def test_every_request_has_a_name() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
