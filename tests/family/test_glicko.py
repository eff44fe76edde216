"""Ratings: the worked example of the method's author, further numbers, and what holds of every period."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.family.glicko import (
    MAX_DEVIATION,
    MIN_DEVIATION,
    SCALE,
    UNJUDGED,
    Rating,
    Result,
    outlook,
    rate,
)

JUDGED = Rating(1600, 60)
ratings = st.builds(
    Rating,
    st.floats(-1500, 4500),
    st.floats(MIN_DEVIATION, MAX_DEVIATION),
    st.floats(0.04, 0.1),
)
results = st.builds(Result, ratings, st.sampled_from([0.0, 0.5, 1.0]))
periods = st.lists(results, min_size=1, max_size=6)


def test_the_worked_example() -> None:
    games = [
        Result(Rating(1400, 30), 1),
        Result(Rating(1550, 100), 0),
        Result(Rating(1700, 300), 0),
    ]

    after = rate(Rating(1500, 200), games)

    assert after.points == pytest.approx(1464.0507, abs=1e-3)
    assert after.deviation == pytest.approx(151.5165, abs=1e-3)
    assert after.volatility == pytest.approx(0.0599960, abs=1e-6)
    # What the paper prints was rounded on the way.
    assert after.points == pytest.approx(1464.06, abs=0.02)
    assert after.deviation == pytest.approx(151.52, abs=0.01)
    assert after.volatility == pytest.approx(0.05999, abs=0.00001)


@pytest.mark.parametrize(("tau", "volatility"), [(0.2, 0.059999), (1.2, 0.059977)])
def test_tau_hardly_matters_without_surprises(tau: float, volatility: float) -> None:
    games = [
        Result(Rating(1400, 30), 1),
        Result(Rating(1550, 100), 0),
        Result(Rating(1700, 300), 0),
    ]

    assert rate(Rating(1500, 200), games, tau=tau).volatility == pytest.approx(volatility, abs=1e-6)


@pytest.mark.parametrize(
    ("before", "opponent", "score", "points", "deviation"),
    [
        (UNJUDGED, UNJUDGED, 1, 1662.311, 290.319),
        (UNJUDGED, UNJUDGED, 0, 1337.689, 290.319),
        (UNJUDGED, UNJUDGED, 0.5, 1500, 290.319),
        (JUDGED, UNJUDGED, 1, 1605.71, 60.50),
        (UNJUDGED, JUDGED, 0, 1368.20, 253.64),
        (JUDGED, UNJUDGED, 0, 1591.61, 60.50),
        (UNJUDGED, JUDGED, 1, 1732.00, 253.64),
    ],
)
def test_one_game(before: Rating, opponent: Rating, score: float, points: float, deviation: float) -> None:
    after = rate(before, [Result(opponent, score)])

    assert after.points == pytest.approx(points, abs=0.006)
    assert after.deviation == pytest.approx(deviation, abs=0.006)


def test_four_surprises_raise_the_volatility() -> None:
    after = rate(Rating(1500, 60), [Result(Rating(1900, 60), 1)] * 4)

    assert after.points == pytest.approx(1573.03, abs=0.006)
    assert after.deviation == pytest.approx(59.71, abs=0.006)
    assert after.volatility == pytest.approx(0.060155, abs=1e-6)


@pytest.mark.parametrize(
    ("wins", "games", "points", "deviation"),
    [
        (0, 1, 1337.69, 290.32),
        (1, 2, 1500.00, 253.40),
        (2, 3, 1599.88, 227.74),
        (3, 4, 1667.53, 208.56),
        (4, 4, 1835.06, 208.56),
    ],
)
def test_a_first_bracket(wins: int, games: int, points: float, deviation: float) -> None:
    after = rate(UNJUDGED, [Result(UNJUDGED, float(n < wins)) for n in range(games)])

    assert after.points == pytest.approx(points, abs=0.006)
    assert after.deviation == pytest.approx(deviation, abs=0.006)


@given(ratings, periods, st.randoms(use_true_random=False))
def test_the_order_of_games_changes_nothing(
    before: Rating, played: list[Result], chance: random.Random
) -> None:
    mixed = chance.sample(played, len(played))

    one, other = rate(before, played), rate(before, mixed)

    assert one.points == pytest.approx(other.points, abs=1e-6)
    assert one.deviation == pytest.approx(other.deviation, abs=1e-6)


@given(ratings, st.floats(MIN_DEVIATION, MAX_DEVIATION), st.floats(-1500, 4500))
def test_what_one_wins_the_other_loses(one: Rating, deviation: float, points: float) -> None:
    one = replace(one, deviation=deviation, volatility=0.06)
    other = Rating(points, deviation)

    gained = rate(one, [Result(other, 1)]).points - one.points
    lost = rate(other, [Result(one, 0)]).points - other.points

    assert gained == pytest.approx(-lost, abs=1e-6)


@given(ratings, periods)
def test_always_finite_and_more_certain_than_without_the_games(before: Rating, played: list[Result]) -> None:
    after = rate(before, played)

    assert all(map(math.isfinite, (after.points, after.deviation, after.volatility)))
    widened = math.hypot(before.deviation, SCALE * after.volatility)
    assert MIN_DEVIATION <= after.deviation < max(widened, MIN_DEVIATION + 1e-9)
    assert after.volatility > 0


@given(ratings, periods)
def test_wins_never_lower_and_losses_never_raise(before: Rating, played: list[Result]) -> None:
    assert rate(before, [replace(one, score=1.0) for one in played]).points >= before.points
    assert rate(before, [replace(one, score=0.0) for one in played]).points <= before.points


@given(ratings)
def test_no_games_change_nothing(before: Rating) -> None:
    assert rate(before, []) == before


@given(ratings, ratings)
def test_the_outlook_is_what_happens(one: Rating, other: Rating) -> None:
    won, lost = outlook(one, other)

    assert one.points + won == pytest.approx(rate(one, [Result(other, 1)]).points)
    assert one.points + lost == pytest.approx(rate(one, [Result(other, 0)]).points)
    assert won >= 0 >= lost


@pytest.mark.parametrize("points", [-1e9, 1e9, 3000.0])
def test_absurd_ratings_end_in_a_number(points: float) -> None:
    after = rate(Rating(points, 30), [Result(Rating(-points, 30), 1)] * 16)

    assert math.isfinite(after.deviation)
    assert math.isfinite(after.points)


def test_a_photo_judged_a_thousand_times_can_still_change() -> None:
    rating = UNJUDGED
    for _ in range(300):
        rating = rate(rating, [Result(Rating(1500, 60), 1), Result(Rating(1500, 60), 0)])

    assert rating.deviation >= MIN_DEVIATION
    assert rate(rating, [Result(Rating(1500, 60), 0)] * 4).points < rating.points - 1
