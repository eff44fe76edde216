"""Tournaments in the database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa

from picsync.family.bracket import Answer, NotDealtError
from picsync.family.games import Game, ratings
from picsync.family.people import People
from picsync.family.photos import Photos
from picsync.family.ratings import Ratings, Since
from picsync.family.sittings import Kind, NotEnoughPhotosError, NoTournamentError, Sitting
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.voting import Voting
from tests.cache.test_cache_postgresql import server, url  # noqa: F401 - fixtures
from tests.family.test_people import Clock
from tests.web.family.sample import NOW, add_sample, sample


@dataclass
class Home:
    state: State
    voting: Voting
    ratings: Ratings
    photos: Photos
    clock: Clock
    people: list[str]


@pytest_asyncio.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    clock = Clock()
    clock.at = NOW
    state = await State.open(str(tmp_path / "cache.db"))
    people = People(state, clock)
    ids = [(await people.invite(name)).person.person for name in ("Anna", "Ben")]
    yield Home(state, Voting(state, clock), Ratings(state, clock), Photos(state, clock), clock, ids)
    await state.aclose()


async def play(home: Home, person: str, answer: Answer = Answer.LEFT, *, most: int = 99) -> Sitting:
    sitting = await home.voting.sit_down(person, "Family")
    for _ in range(most):
        if sitting.pair is None:
            break
        pair = sitting.pair
        sitting = await home.voting.answer(
            person, sitting.tournament, pair.number, pair.left, pair.right, answer
        )
    return sitting


async def stored(home: Home) -> dict[str, tuple[float, float, float]]:
    table = tables.rating
    rows = await home.state.read(lambda connection: connection.execute(sa.select(table)).all())
    return {row.photo: (row.points, row.deviation, row.volatility) for row in rows}


async def log(home: Home) -> list[sa.Row[tuple[object, ...]]]:
    wanted = sa.select(tables.game).order_by(tables.game.c.number)
    return await home.state.read(lambda connection: list(connection.execute(wanted)))


async def test_a_tournament_of_sixteen_has_fifteen_choices_and_a_champion(home: Home) -> None:
    anna = home.people[0]
    await add_sample(home.state, [sample(index) for index in range(20)])
    sitting = await home.voting.sit_down(anna, "Family")
    assert (sitting.kind, sitting.choices, sitting.done, sitting.rounds) == (Kind.BRACKET, 15, 0, 4)
    assert sitting.left is not None
    assert sitting.left.win > 0 > sitting.left.loss
    done = await play(home, anna)
    assert done.finished
    assert done.champion is not None
    assert (await home.ratings.standing(done.champion.photo)).rating.points == pytest.approx(
        1835.06, abs=0.01
    )
    board = await home.ratings.leaderboard("Family")
    assert board.places[0].photo.photo == done.champion.photo
    assert (board.judged, board.games) == (16, 15)
    # The next one is another tournament.
    assert (await home.voting.sit_down(anna, "Family")).tournament != done.tournament


@pytest.mark.parametrize(("photos", "choices"), [(2, 1), (3, 1), (4, 3), (7, 3), (8, 7), (15, 7)])
async def test_fewer_photos_make_a_smaller_bracket(home: Home, photos: int, choices: int) -> None:
    await add_sample(home.state, [sample(index) for index in range(photos)])
    assert (await home.voting.sit_down(home.people[0], "Family")).choices == choices


async def test_two_photos_are_needed(home: Home) -> None:
    await add_sample(home.state, [sample(1)])
    with pytest.raises(NotEnoughPhotosError):
        await home.voting.sit_down(home.people[0], "Family")


async def test_only_the_answer_to_the_pair_that_was_dealt_counts(home: Home) -> None:
    anna, ben = home.people
    await add_sample(home.state, [sample(index) for index in range(16)])
    sitting = await home.voting.sit_down(anna, "Family")
    pair = sitting.pair
    assert pair is not None
    forged = [
        (pair.number, pair.right, pair.left),
        (pair.number + 1, pair.left, pair.right),
        (pair.number, pair.left, "aaaaaaaaaa"),
    ]
    for choice, left, right in forged:
        with pytest.raises(NotDealtError):
            await home.voting.answer(anna, sitting.tournament, choice, left, right, Answer.LEFT)
    with pytest.raises(NoTournamentError):
        await home.voting.answer(ben, sitting.tournament, 0, pair.left, pair.right, Answer.LEFT)
    # Two devices at once: one of them is first.
    results = await asyncio.gather(
        *(
            home.voting.answer(anna, sitting.tournament, 0, pair.left, pair.right, answer)
            for answer in (Answer.LEFT, Answer.RIGHT)
        ),
        return_exceptions=True,
    )
    assert sorted(type(each) is Sitting for each in results) == [False, True]
    assert len(await log(home)) == 1


async def test_a_tournament_goes_on_elsewhere_and_later(home: Home) -> None:
    anna = home.people[0]
    await add_sample(home.state, [sample(index) for index in range(16)])
    before = await play(home, anna, most=5)
    home.clock.at += timedelta(days=30)
    again = await Voting(home.state, home.clock).sit_down(anna, "Family")
    assert (again.tournament, again.done, again.pair) == (before.tournament, 5, before.pair)


async def test_undo_is_exact(home: Home) -> None:
    anna = home.people[0]
    await add_sample(home.state, [sample(index) for index in range(16)])
    states, sitting = [await stored(home)], await home.voting.sit_down(anna, "Family")
    for answer in (Answer.LEFT, Answer.EQUAL, Answer.SKIP, Answer.RIGHT):
        pair = sitting.pair
        assert pair is not None
        sitting = await home.voting.answer(
            anna, sitting.tournament, pair.number, pair.left, pair.right, answer
        )
        states.append(await stored(home))
    for expected in reversed(states[:-1]):
        sitting = await home.voting.undo(anna, sitting.tournament)
        assert await stored(home) == expected
    assert (sitting.done, sitting.can_undo) == (0, False)
    assert (await home.voting.undo(anna, sitting.tournament)).done == 0


async def test_the_last_choice_of_a_finished_tournament_can_be_undone(home: Home) -> None:
    anna = home.people[0]
    await add_sample(home.state, [sample(index) for index in range(4)])
    done = await play(home, anna)
    again = await home.voting.undo(anna, done.tournament)
    assert (again.finished, again.done) == (False, 2)


async def test_a_tournament_is_undone_as_if_it_had_never_been(home: Home) -> None:
    anna, ben = home.people
    await add_sample(home.state, [sample(index) for index in range(16)])
    mine = await play(home, anna, Answer.RIGHT)
    before = await stored(home)
    his = await play(home, ben)
    assert await stored(home) != before
    await home.voting.undo_tournament(his.tournament, by=anna)
    assert await stored(home) == before
    await home.voting.undo_tournament(mine.tournament, by=anna)
    assert await stored(home) == {}
    with pytest.raises(NoTournamentError):
        await home.voting.undo_tournament("unknown", by=anna)


async def test_what_is_answered_counts_if_one_stops(home: Home) -> None:
    anna = home.people[0]
    await add_sample(home.state, [sample(index) for index in range(16)])
    sitting = await play(home, anna, most=3)
    await home.voting.stop(anna, sitting.tournament)
    assert len(await stored(home)) == 6
    assert await home.voting.unfinished(anna, "Family") is None
    with pytest.raises(NoTournamentError):
        await home.voting.answer(anna, sitting.tournament, 3, "a", "b", Answer.LEFT)


async def test_a_photo_that_is_hidden_on_the_way_loses_without_a_game(home: Home) -> None:
    anna = home.people[0]
    await add_sample(home.state, [sample(index) for index in range(4)])
    sitting = await play(home, anna, most=1)
    assert sitting.pair is not None
    gone = {sitting.pair.left, sitting.pair.right}
    for photo in gone:
        await home.photos.hide(photo, by=anna)
    pair = sitting.pair
    done = await home.voting.answer(anna, sitting.tournament, pair.number, pair.left, pair.right, Answer.LEFT)
    assert done.finished
    assert done.champion is not None
    assert done.champion.photo not in gone
    scored = [row for row in await log(home) if row.score is not None]
    assert len(scored) == 2
    # What picsync has decided itself is undone together with the answer before it.
    assert (await home.voting.undo(anna, sitting.tournament)).done == 1


async def test_a_pair_is_not_dealt_to_the_same_person_again_soon(home: Home) -> None:
    anna, ben = home.people
    await add_sample(home.state, [sample(index) for index in range(2)])
    await play(home, anna)
    with pytest.raises(NotEnoughPhotosError):
        await home.voting.sit_down(anna, "Family")
    assert (await home.voting.sit_down(ben, "Family")).choices == 1
    home.clock.at += timedelta(days=61)
    assert (await home.voting.sit_down(anna, "Family")).choices == 1


async def test_two_that_look_alike_are_a_question_of_their_own(home: Home) -> None:
    anna = home.people[0]
    first = sample(0, look=0b1111)
    twin = sample(1, look=0b1110)
    twins = [first, replace(twin, taken_at=first.taken_at)]
    await add_sample(home.state, [*twins, *(sample(index) for index in range(2, 12))])
    kinds = []
    for _ in range(2):
        sitting = await home.voting.sit_down(anna, "Family")
        kinds.append(sitting.kind)
        if sitting.kind is Kind.BRACKET:
            assert sitting.pair is not None
            assert {one.photo for one in twins} != {sitting.pair.left, sitting.pair.right}
        await play(home, anna)
    assert kinds == [Kind.BRACKET, Kind.ALIKE]


async def test_a_week_counts_the_tournaments_of_the_week(home: Home) -> None:
    anna, ben = home.people
    await add_sample(home.state, [sample(index) for index in range(2)])
    await play(home, anna)
    home.clock.at += timedelta(days=8)
    assert (await home.ratings.leaderboard("Family", Since.WEEK)).places == []
    assert len((await home.ratings.leaderboard("Family", Since.MONTH)).places) == 2
    await play(home, ben)
    (first, _) = (await home.ratings.leaderboard("Family", Since.WEEK)).places
    assert first.standing.games == 1


async def test_recomputing_finds_what_is_wrong(home: Home) -> None:
    await add_sample(home.state, [sample(index) for index in range(16)])
    await play(home, home.people[0])
    right = await stored(home)
    found = await home.ratings.recompute()
    assert (found.games, found.photos, found.differing) == (15, 16, 0)
    await home.state.write(lambda connection: connection.execute(sa.update(tables.rating).values(points=1.0)))
    assert (await home.ratings.recompute()).differing == 16
    assert await stored(home) == right


async def test_an_entry_of_another_process_is_noticed(home: Home, tmp_path: Path) -> None:
    anna, ben = home.people
    await add_sample(home.state, [sample(index) for index in range(16)])
    await play(home, anna, most=3)
    other = await State.open(str(tmp_path / "cache.db"))
    try:
        elsewhere = Home(other, Voting(other, home.clock), home.ratings, home.photos, home.clock, home.people)
        await play(elsewhere, ben, most=4)
    finally:
        await other.aclose()
    await play(home, anna, most=2)
    games = [
        Game(row.tournament, row.choice, row.left, row.right, row.score)
        for row in await log(home)
        if row.score is not None
    ]
    expected = {photo: (one.points, one.deviation, one.volatility) for photo, one in ratings(games).items()}
    assert await stored(home) == expected


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_vote_of_fifty_people_is_lost(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    location = str(tmp_path / "cache.db") if database == "sqlite" else request.getfixturevalue("url")
    state = await State.open(location)
    await add_sample(state, [sample(index) for index in range(60)])
    people, voting = People(state), Voting(state)
    judges = [(await people.invite(f"Judge {number}")).person.person for number in range(50)]
    chance = random.Random(1)

    async def judge(person: str) -> int:
        sitting, answered = await voting.sit_down(person, "Family"), 0
        for _ in range(17):
            if (pair := sitting.pair) is None:
                sitting = await voting.sit_down(person, "Family")
                continue
            answer = chance.choice((Answer.LEFT, Answer.RIGHT, Answer.EQUAL))
            # Twice, as from two devices: one of them counts.
            results = await asyncio.gather(
                *(
                    voting.answer(person, sitting.tournament, pair.number, pair.left, pair.right, answer)
                    for _ in range(2)
                ),
                return_exceptions=True,
            )
            (sitting,) = (one for one in results if isinstance(one, Sitting))
            assert sum(isinstance(one, (NotDealtError, NoTournamentError)) for one in results) == 1
            answered += 1
        return answered

    answered = await asyncio.gather(*map(judge, judges))
    found = await Ratings(state).recompute()
    assert (sum(answered), found.games, found.differing) == (800, 800, 0)
    await state.aclose()
