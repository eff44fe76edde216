"""The log and its ratings."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.family.games import Game, Record, Undone, period, ratings, standing
from picsync.family.glicko import UNJUDGED, Result, rate

PHOTOS = [f"photo{n}" for n in range(8)]


@st.composite
def games(draw: st.DrawFn) -> Game:
    left, right = draw(st.permutations(PHOTOS))[:2]
    return Game(
        draw(st.sampled_from("abc")),
        draw(st.integers(0, 6)),
        left,
        right,
        draw(st.sampled_from([0.0, 0.5, 1.0])),
    )


undone = st.builds(Undone, st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 6)))
logs = st.lists(st.one_of(games(), games(), games(), undone), max_size=40)


def test_a_tournament_is_one_period() -> None:
    log = [Game("t", 0, "a", "b", 1), Game("t", 1, "c", "d", 1), Game("t", 2, "a", "c", 1)]

    after = ratings(log)

    # The final is played against a fresh rating as well, not against that of a winner.
    assert after["a"] == rate(UNJUDGED, [Result(UNJUDGED, 1), Result(UNJUDGED, 1)])
    assert after["b"].points == pytest.approx(1337.69, abs=0.006)
    assert after["c"].points == pytest.approx(1500)


@given(logs, st.randoms(use_true_random=False))
def test_the_order_of_answers_within_a_tournament_changes_nothing(
    log: list[Record], chance: random.Random
) -> None:
    counted = standing(log)
    ordered = [game for tournament in counted.values() for game in tournament.values()]
    mixed = list(ordered)
    chance.shuffle(mixed)
    mixed.sort(key=lambda game: list(counted).index(game.tournament))

    assert ratings(ordered) == ratings(mixed)


@given(logs)
def test_a_tournament_taken_back_never_was(log: list[Record]) -> None:
    without = [record for record in log if record.tournament != "b"]

    assert ratings([*log, Undone("b")]) == ratings(without)


@given(logs, games())
def test_a_choice_taken_back_never_was(log: list[Record], game: Game) -> None:
    if game.number in standing(log).get(game.tournament, {}):
        return

    assert ratings([*log, game, Undone(game.tournament, game.number)]) == ratings(log)


@given(logs)
def test_equal_logs_give_equal_ratings_and_only_judged_photos_have_one(log: list[Record]) -> None:
    rated = ratings(log)

    assert rated == ratings(list(log))
    assert set(rated) == {
        photo
        for tournament in standing(log).values()
        for game in tournament.values()
        for photo in (game.left, game.right)
    }


@given(logs)
def test_one_period_after_the_other_is_all_of_them(log: list[Record]) -> None:
    rated = dict.fromkeys(PHOTOS, UNJUDGED)
    for tournament in standing(log).values():
        rated |= period(tournament.values(), rated)

    assert {photo: rated[photo] for photo in ratings(log)} == ratings(log)


def test_an_answer_given_twice_counts_once_and_as_given_first() -> None:
    once = [Game("t", 0, "a", "b", 1)]

    assert ratings([*once, Game("t", 0, "a", "b", 0)]) == ratings(once)
