"""A ledger says what computing everything anew says."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.family.games import Game, Record, Undone, ratings
from picsync.family.glicko import UNJUDGED
from picsync.family.ledger import Ledger, Standing

PHOTOS = st.sampled_from("abcdef")


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    records: list[Record] = []
    for _ in range(draw(st.integers(0, 25))):
        tournament, number = draw(st.sampled_from("123")), draw(st.integers(0, 4))
        if draw(st.booleans()) or not records:
            left, right = draw(st.lists(PHOTOS, min_size=2, max_size=2, unique=True))
            records.append(Game(tournament, number, left, right, draw(st.sampled_from((0.0, 0.5, 1.0)))))
        else:
            records.append(Undone(tournament, draw(st.sampled_from((None, number)))))
    return records


@settings(max_examples=200)
@given(log=logs())
def test_each_entry_changes_what_it_has_to(log: list[Record]) -> None:
    ledger = Ledger()
    for count, record in enumerate(log, 1):
        told = ledger.add(record)
        expected = ratings(log[:count])
        found = {photo: standing.rating for photo, standing in ledger.standings().items()}
        assert found == expected
        for photo, standing in told.items():
            assert standing.rating == expected.get(photo, UNJUDGED)
    assert {photo: one.rating for photo, one in Ledger(log).standings().items()} == ratings(log)


@settings(max_examples=200)
@given(log=logs(), size=st.integers(1, 7))
def test_entries_that_are_added_together_change_what_they_have_to(log: list[Record], size: int) -> None:
    ledger = Ledger()
    known: dict[str, Standing] = {}
    for start in range(0, len(log), size):
        known |= ledger.add(*log[start : start + size])
        expected = ratings(log[: start + size])
        assert {photo: one.rating for photo, one in ledger.standings().items()} == expected
        assert {photo: one.rating for photo, one in known.items() if one.games} == expected


@settings(max_examples=100)
@given(
    log=logs(),
    record=st.builds(
        Game, st.sampled_from("123"), st.integers(0, 9), st.just("a"), st.just("b"), st.just(1.0)
    ),
)
def test_what_is_not_told_has_not_changed(log: list[Record], record: Record) -> None:
    ledger = Ledger(log)
    before = ledger.standings()
    told = ledger.add(record)
    for photo, standing in ledger.standings().items():
        if photo not in told:
            assert before[photo] == standing


def test_an_answer_costs_little_however_long_the_log_is() -> None:
    log: list[Record] = [
        Game(f"t{number // 15}", number % 15, f"p{number * 7 % 400}", f"p{number * 11 % 400 + 400}", 1.0)
        for number in range(9_000)
    ]
    ledger = Ledger(log)
    began = time.thread_time()
    for number in range(15):
        ledger.add(Game("last", number, f"p{number}", f"p{number + 400}", 0.0))
    cost_s = time.thread_time() - began
    began = time.thread_time()
    ratings(log)
    assert cost_s < (time.thread_time() - began) / 3
