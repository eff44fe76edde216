"""A sitting of up to sixteen photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.family.bracket import SIZES, Answer, Bracket, NotDealtError
from tests.family.playing import games

answers = st.lists(st.sampled_from(list(Answer)), min_size=15, max_size=15)
sizes = st.sampled_from(SIZES)
names = st.text(max_size=5)


def bracket(size: int, name: str = "t") -> Bracket:
    return Bracket(name, tuple(f"p{n}" for n in range(size)))


def played(start: Bracket, given_answers: Sequence[Answer]) -> Bracket:
    for answer in given_answers:
        if (pair := start.pair()) is None:
            break
        start = start.answered(pair.number, pair.left, pair.right, answer)
    return start


@given(names, sizes, answers)
def test_it_ends_after_one_choice_fewer_than_photos(name: str, size: int, some: list[Answer]) -> None:
    end = played(bracket(size, name), some)

    assert len(end.answers) == end.choices == size - 1
    assert end.pair() is None
    assert end.champion() in end.entrants


@given(names, sizes, answers)
def test_each_photo_plays_until_it_loses(name: str, size: int, some: list[Answer]) -> None:
    decided = [answer if answer in (Answer.LEFT, Answer.RIGHT) else Answer.LEFT for answer in some]
    end = played(bracket(size, name), decided)
    lost = [game.right if game.score == 1 else game.left for game in games(end)]

    assert len(set(lost)) == len(lost) == size - 1
    assert set(end.entrants) - set(lost) == {end.champion()}


@given(names, answers, st.integers(0, 14))
def test_undone_steps_can_be_answered_again(name: str, some: list[Answer], back: int) -> None:
    end = played(bracket(16, name), some)
    earlier = replace(end, answers=end.answers[: 15 - back])

    assert played(earlier, some[15 - back :]) == end
    assert games(earlier) == [game for game in games(end) if game.number < 15 - back]


@given(names, answers, st.integers(0, 15), names, names, st.integers(-1, 16))
def test_only_the_pair_that_was_dealt_is_accepted(
    name: str, some: list[Answer], stop: int, left: str, right: str, number: int
) -> None:
    at = played(bracket(16, name), some[:stop])
    pair = at.pair()

    with pytest.raises(NotDealtError):
        at.answered(number, left, right, Answer.LEFT)
    if pair is not None:
        with pytest.raises(NotDealtError):
            at.answered(pair.number, pair.right, pair.left, Answer.LEFT)
        once = at.answered(pair.number, pair.left, pair.right, Answer.LEFT)
        with pytest.raises(NotDealtError):
            once.answered(pair.number, pair.left, pair.right, Answer.LEFT)


def test_rounds_of_sixteen() -> None:
    at, rounds = bracket(16), []
    while (pair := at.pair()) is not None:
        rounds.append(pair.round)
        at = at.answered(pair.number, pair.left, pair.right, Answer.RIGHT)

    assert rounds == [1] * 8 + [2] * 4 + [3] * 2 + [4]
    assert at.rounds == 4


def test_equal_is_half_a_game_and_a_skipped_pair_is_none() -> None:
    end = played(bracket(4), [Answer.EQUAL, Answer.SKIP, Answer.LEFT])

    assert [(game.number, game.score) for game in games(end)] == [(0, 0.5), (2, 1.0)]
    # The earlier one of each pair went on.
    assert {games(end)[1].left, games(end)[1].right} == {"p0", "p2"}


def test_both_sides_are_used() -> None:
    lefts = [bracket(2, f"{n}").pair() for n in range(200)]

    assert 70 < sum(pair is not None and pair.left == "p0" for pair in lefts) < 130


@pytest.mark.parametrize("entrants", [(), ("a",), ("a", "b", "c"), ("a", "a"), tuple("abcdefghijklmnopq")])
def test_other_numbers_of_photos_are_no_bracket(entrants: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="different photos"):
        Bracket("t", entrants)


def test_the_champion_is_known_only_at_the_end() -> None:
    at = bracket(4)
    while (pair := at.pair()) is not None:
        assert at.champion() is None
        at = at.answered(pair.number, pair.left, pair.right, Answer.LEFT)

    assert at.champion() is not None
    assert len(games(at)) == 3
