"""Questions that are answered together, and what a transaction that fails leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from picsync.core.errors import StateError
from picsync.family.bracket import Answer
from picsync.family.people import People
from picsync.family.ratings import Ratings
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.voting import Voting
from tests.web.family.sample import add_sample, sample


async def test_questions_that_wait_share_a_transaction(tmp_path: Path) -> None:
    state = await State.open(str(tmp_path / "cache.db"))
    loop, begun, asked = asyncio.get_running_loop(), asyncio.Event(), []
    go_on = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go_on.wait()

    def work(connection: sa.Connection, numbers: Sequence[int]) -> Sequence[int | Exception]:
        asked.append(list(numbers))
        if len(asked) == 1:
            asyncio.run_coroutine_threadsafe(wait(), loop).result(30)
        return [ValueError("odd") if number % 2 else number * 10 for number in numbers]

    ask = state.read_together(work)
    first = asyncio.create_task(ask(0))
    await begun.wait()
    others = [asyncio.create_task(ask(number)) for number in range(1, 5)]
    left = asyncio.create_task(ask(6))
    await asyncio.sleep(0)  # Each has asked.
    left.cancel()
    go_on.set()
    answers = await asyncio.gather(first, *others, return_exceptions=True)
    assert asked == [[0], [1, 2, 3, 4, 6]]
    assert [one for one in answers if isinstance(one, int)] == [0, 20, 40]
    assert [str(one) for one in answers if isinstance(one, Exception)] == ["odd", "odd"]
    # The next one does not wait for anything.
    assert await ask(8) == 80
    await state.aclose()


async def test_a_bug_is_an_answer_to_all_and_the_next_are_answered(tmp_path: Path) -> None:
    state = await State.open(str(tmp_path / "cache.db"))

    def work(_connection: sa.Connection, numbers: Sequence[int]) -> Sequence[float | Exception]:
        return [1 / number for number in numbers]

    ask = state.write_together(work)
    answers = await asyncio.gather(*map(ask, (0, 0)), return_exceptions=True)
    assert {type(one) for one in answers} == {ZeroDivisionError}
    assert await ask(2) == 0.5
    await state.aclose()


async def test_answers_that_a_full_disk_refuses_are_not_in_the_ratings(tmp_path: Path) -> None:
    state = await State.open(str(tmp_path / "cache.db"))
    voting, people = Voting(state), People(state)
    await add_sample(state, [sample(index) for index in range(80)])
    judges = [(await people.invite(f"Judge {number}")).person.person for number in range(20)]
    sittings = [await voting.sit_down(judge, "Family") for judge in judges]

    def limit(connection: sa.Connection, pages: int) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    async def answer_once(index: int) -> None:
        pair = sittings[index].pair
        assert pair is not None
        sittings[index] = await voting.answer(
            judges[index], sittings[index].tournament, pair.number, pair.left, pair.right, Answer.LEFT
        )

    # One connection is in use, so the limit holds for all that follows.
    used = await state.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await state.read(lambda connection: limit(connection, used))
    right = refused = 0
    while not refused:
        results = await asyncio.gather(*map(answer_once, range(20)), return_exceptions=True)
        right += sum(one is None for one in results)
        refused = sum(isinstance(one, StateError) for one in results)
        assert all(one is None or isinstance(one, StateError) for one in results)
    await state.read(lambda connection: limit(connection, used * 10))
    stored = await state.read(
        lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(tables.game))
    )
    assert stored == right
    # What was refused can be answered now: the pairs are still the ones to be judged.
    assert await asyncio.gather(*map(answer_once, range(20))) == [None] * 20
    found = await Ratings(state).recompute()
    assert (found.games, found.differing) == (right + 20, 0)
    await state.aclose()


async def test_an_undone_transaction_is_told_before_the_next_one_begins(tmp_path: Path) -> None:
    state = await State.open(str(tmp_path / "cache.db"))
    told: list[str] = []

    def work(connection: sa.Connection, what: str) -> None:
        told.append(what)
        state.if_undone(lambda: told.append(f"undone {what}"))
        connection.exec_driver_sql("SELECT no_such_function()" if what == "bad" else "SELECT 1")

    for what in ("good", "bad", "good again"):
        outcome = await asyncio.gather(
            state.write(lambda connection, what=what: work(connection, what)),  # type: ignore[misc]
            return_exceptions=True,
        )
        assert isinstance(outcome[0], StateError) is (what == "bad")
    assert told == ["good", "bad", "undone bad", "good again"]
    with pytest.raises(StateError):
        await state.write(lambda connection: connection.exec_driver_sql("nonsense"))
    assert told == ["good", "bad", "undone bad", "good again"]
    await state.aclose()
