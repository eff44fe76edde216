"""Who is drawn for a tournament, and how much judging tells."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.family.bracket import SIZES
from picsync.family.draw import Entrant, alike, draw
from picsync.family.glicko import SCALE, Rating
from tests.family.simulation import simulate

families = st.lists(
    st.builds(
        Entrant,
        st.integers(0, 60).map(lambda n: f"p{n}"),
        st.builds(Rating, st.floats(1000, 2000), st.floats(30, 350)),
        st.booleans(),
        st.sampled_from(["", "", "", "x", "y"]),
    ),
    max_size=50,
    unique_by=lambda one: one.photo,
)
seeds = st.text(max_size=4)


@st.composite
def judged(draw_: st.DrawFn) -> frozenset[frozenset[str]]:
    numbers = st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(lambda two: two[0] != two[1])
    return frozenset(frozenset((f"p{a}", f"p{b}")) for a, b in draw_(st.lists(numbers, max_size=60)))


def pairs(drawn: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(drawn[::2], drawn[1::2], strict=True))


@given(families, judged(), seeds)
def test_what_holds_of_every_draw(some: list[Entrant], lately: frozenset[frozenset[str]], seed: str) -> None:
    known = {one.photo: one for one in some}

    drawn = draw(some, lately, seed=seed)

    assert len(drawn) in (0, *SIZES)
    assert len(set(drawn)) == len(drawn)
    assert len({known[photo].video for photo in drawn}) <= 1
    for left, right in pairs(drawn):
        assert frozenset((left, right)) not in lately
        assert not known[left].group or known[left].group != known[right].group
    assert drawn == draw(list(reversed(some)), lately, seed=seed)


@pytest.mark.parametrize(
    ("count", "size"), [(0, 0), (1, 0), (2, 2), (3, 2), (7, 4), (15, 8), (16, 16), (500, 16)]
)
def test_the_largest_bracket_that_can_be_filled(count: int, size: int) -> None:
    assert len(draw([Entrant(f"p{n}") for n in range(count)], (), seed="s")) == size


def test_what_nobody_has_judged_comes_first() -> None:
    known = [Entrant(f"known{n}", Rating(1400 + n, 60)) for n in range(100)]
    fresh = [Entrant(f"fresh{n}") for n in range(8)]

    drawn = draw([*known, *fresh], (), seed="s")

    assert {one.photo for one in fresh} <= set(drawn)
    others = [one.rating.points for one in known if one.photo in drawn]
    assert min(others) > 1490  # the nearest to 1500


def test_videos_are_judged_apart() -> None:
    photos = [Entrant(f"p{n}", Rating(1500, 60)) for n in range(30)]
    videos = [Entrant(f"v{n}", video=True) for n in range(5)]

    assert all(one.startswith("v") for one in draw([*photos, *videos], (), seed="s"))


def test_a_person_who_has_judged_everything_is_dealt_nothing() -> None:
    three = [Entrant(name) for name in "abc"]
    everything = {frozenset(two) for two in itertools.combinations("abc", 2)}

    assert draw(three, everything, seed="s") == ()
    assert len(draw(three, everything - {frozenset("ac")}, seed="s")) == 2


def test_which_of_these_two() -> None:
    best = Entrant("best", Rating(1700, 60), group="x")
    some = [Entrant("other"), best, Entrant("worse", group="x"), Entrant("alone", group="y")]

    assert alike(some, ()) == ("best", "worse")
    assert alike(some, {frozenset(("best", "worse"))}) is None
    assert alike([replace(one, video=True) for one in some], ()) is None


@pytest.mark.parametrize(("tournaments", "right", "rank"), [(32, 0.46, 0.41), (64, 0.53, 0.59)])
def test_a_judge_finds_the_best_of_five_hundred(tournaments: int, right: float, rank: float) -> None:
    found, correlation = simulate(tournaments, range(4))

    # The figures were simulated with 12 runs of another program; a run spreads by about 0.04.
    assert found == pytest.approx(right, abs=0.06)
    assert correlation == pytest.approx(rank, abs=0.06)


def test_a_point_of_strength_is_a_log_odds_of_one() -> None:
    assert pytest.approx(173.7178, abs=1e-4) == SCALE
