"""What must hold of every choice, whatever the items, the settings and what is shown."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.core.choice import (
    CLOCK_TOLERANCE,
    NEW_SHARE,
    WEEK,
    Choice,
    Chosen,
    Excluded,
    First,
    LeftOut,
    Order,
    Orientation,
    Span,
    Subject,
    choose,
)
from picsync.core.judgements import UNJUDGED, Judged

FEWER = settings(max_examples=40)
"""As many examples as others of this folder have, of larger inputs."""
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
FORTNIGHT = Span(time=timedelta(days=14))
SIZES = st.sampled_from([(4000, 3000), (3000, 4000), (2000, 2000), (None, None)])


JUDGED = st.one_of(
    st.just(UNJUDGED),
    st.builds(Judged, st.floats(900, 2100), st.one_of(st.floats(30, 200), st.floats(200, 350))),
)


@st.composite
def subjects(draw: st.DrawFn, *, looked_at: bool = True) -> Subject[str]:
    width, height = draw(SIZES)
    ago = draw(st.one_of(st.none(), st.integers(-3, 900)))
    seen = draw(st.one_of(st.none(), st.none(), st.integers(0, 60)))
    return Subject(
        "",
        "",
        taken_at=None if ago is None else NOW - timedelta(days=ago, seconds=draw(st.integers(0, 30))),
        seen_at=None if seen is None else NOW - timedelta(days=seen),
        width=width,
        height=height,
        rating=draw(st.one_of(st.none(), st.integers(0, 5))),
        favorite=draw(st.one_of(st.none(), st.booleans())),
        judged=draw(JUDGED),
        screenshot=draw(st.sampled_from([*[False] * 8, True, None])),
        look=draw(st.one_of(st.none(), st.sampled_from([0, 7, (1 << 64) - 1]))),
        looked_at=looked_at or draw(st.booleans()),
    )


def albums(*, looked_at: bool = True) -> st.SearchStrategy[list[Subject[str]]]:
    return st.lists(subjects(looked_at=looked_at), max_size=20).map(
        lambda found: [replace(one, key=f"k{n}", name=f"n{n}", place=n) for n, one in enumerate(found)]
    )


DAYS = st.one_of(
    st.none(),
    st.dates(date(2024, 1, 1), date(2027, 1, 1)),
    st.integers(0, 30).map(lambda months: Span(months)),
)
SPANS = st.one_of(st.none(), st.integers(1, 60).map(lambda days: Span(time=timedelta(days=days))))


@st.composite
def choices(draw: st.DrawFn, *, filters: bool = True, most: bool = False) -> Choice:
    order = draw(st.sampled_from(Order))
    choice = Choice(
        most=draw(st.integers(1, 30) if most else st.one_of(st.none(), st.integers(1, 30))),
        order=order,
        first=draw(st.one_of(st.none(), st.none(), st.just(First.WEEK))),
        fresh=draw(SPANS),
        rotate_days=draw(st.one_of(st.none(), st.integers(1, 9))) if order is Order.RANDOM else None,
    )
    if not filters:
        return choice
    return replace(
        choice,
        since=draw(DAYS),
        until=draw(DAYS),
        orientation=draw(st.one_of(st.none(), st.none(), st.sampled_from(Orientation))),
        min_rating=draw(st.one_of(st.none(), st.integers(1, 5))),
        favorites=draw(st.booleans()),
        similar_one=draw(st.booleans()),
        exclude=draw(st.sampled_from([frozenset(), frozenset(Excluded)])),
    )


def chosen(
    items: Sequence[Subject[str]],
    choice: Choice,
    shown: Collection[str] = frozenset(),
    *,
    now: datetime = NOW,
    absent: int = 0,
) -> Chosen[str]:
    return choose(items, choice, shown=shown, now=now, zone=BERLIN, seed="Grandma", absent=absent)


def subsets(items: Sequence[Subject[str]]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from([one.key for one in items])) if items else st.just(frozenset())


@FEWER
@given(albums(), st.integers(1, 30))
def test_what_nobody_has_judged_has_a_share(items: list[Subject[str]], most: int) -> None:
    found = chosen(items, Choice(most=most, order=Order.FRESH_THEN_RATING))
    by_key = {one.key: one for one in items}
    new = [by_key[key] for key in found.keys if by_key[key].judged.new]
    others = [by_key[key] for key in found.keys if not by_key[key].judged.new]
    all_new = [one for one in items if one.judged.new]
    left = [one for one in items if not one.judged.new and one.key in found.left_out]
    share = min(len(all_new), -(-min(most, len(items)) // NEW_SHARE))
    assert len(new) >= share
    assert len(new) == share or not left, "beyond its share, only what is left over"
    assert [*found.keys] == [one.key for one in (*new, *others)], "the new ones are shown first"
    assert all(one.judged.cautious >= other.judged.cautious for one in others for other in left)


@FEWER
@given(albums(), choices(filters=False))
def test_the_best_of_the_week_always_has_a_place(items: list[Subject[str]], choice: Choice) -> None:
    found = chosen(items, replace(choice, first=First.WEEK))
    week = [
        one
        for one in items
        if one.judged.cautious > UNJUDGED.cautious
        and (
            (one.taken_at is not None and WEEK.before(NOW) <= one.taken_at <= NOW + CLOCK_TOLERANCE)
            or (one.seen_at is not None and one.seen_at >= WEEK.before(NOW))
        )
    ]
    if week:
        best = max(one.judged.cautious for one in week)
        assert found.keys[0] in {one.key for one in week if one.judged.cautious == best}


@FEWER
@given(albums(), st.integers(1, 30))
def test_a_better_rating_never_costs_a_place(items: list[Subject[str]], most: int) -> None:
    choice = Choice(most=most, order=Order.RATING)
    before = set(chosen(items, choice).keys)
    for at, one in enumerate(items):
        judged = replace(one.judged, points=one.judged.points + 300)
        better = [*items[:at], replace(one, judged=judged), *items[at + 1 :]]
        assert one.key not in before or one.key in chosen(better, choice).keys


@FEWER
@given(st.data(), albums(looked_at=False), choices())
def test_each_item_is_chosen_or_has_one_reason(
    data: st.DataObject, items: list[Subject[str]], choice: Choice
) -> None:
    found = chosen(items, choice, data.draw(subsets(items)), absent=data.draw(st.integers(0, 40)))
    assert sorted([*found.keys, *found.left_out]) == sorted(one.key for one in items)
    assert len(found.keys) <= (choice.most or len(items))
    assert len(set(found.to_look_at)) == len(found.to_look_at)
    unlooked = {one.key for one in items if not one.looked_at}
    assert unlooked.issuperset(found.to_look_at)


@FEWER
@given(st.data(), albums(looked_at=False), choices())
def test_what_is_shown_stays_until_it_was_looked_at(
    data: st.DataObject, items: list[Subject[str]], choice: Choice
) -> None:
    shown = data.draw(subsets(items))
    found = chosen(items, choice, shown, absent=data.draw(st.integers(0, 40)))
    assert not {key for key in shown if found.left_out.get(key) is LeftOut.UNKNOWN}


@FEWER
@given(st.data(), albums(looked_at=False), choices())
def test_order_of_input_does_not_matter(
    data: st.DataObject, items: list[Subject[str]], choice: Choice
) -> None:
    shown = data.draw(subsets(items))
    shuffled = data.draw(st.permutations(items))
    assert chosen(shuffled, choice, shown) == chosen(items, choice, shown)


@FEWER
@given(albums(), choices())
def test_choice_stays_as_it_is_once_shown(items: list[Subject[str]], choice: Choice) -> None:
    first = chosen(items, choice)
    again = chosen(items, choice, first.keys)
    assert set(again.keys) == set(first.keys)
    assert again.left_out == first.left_out


@FEWER
@given(albums(), choices(most=True), st.integers(0, 40))
def test_fresh_photos_are_chosen_first(items: list[Subject[str]], choice: Choice, days: int) -> None:
    choice = replace(choice, fresh=Span(time=timedelta(days=days)))
    found = chosen(items, choice, [one.key for one in items[::2]])
    since = NOW - timedelta(days=days)
    fresh = {
        one.key
        for one in items
        if (one.taken_at is not None and since <= one.taken_at <= NOW + CLOCK_TOLERANCE)
        or (one.seen_at is not None and one.seen_at >= since)
    }
    left_out = {key for key in fresh if found.left_out.get(key) is LeftOut.MOST}
    if left_out:
        assert fresh.issuperset(found.keys)
        assert len(found.keys) == choice.most


def check_one_item_less(
    data: st.DataObject, items: list[Subject[str]], choice: Choice, *, most_gone: int, most_new: int
) -> None:
    """Take one item away, and count what that changes besides."""
    if not items:
        return
    shown = data.draw(subsets(items))
    gone = data.draw(st.sampled_from(items))
    before = set(chosen(items, choice, shown).keys)
    after = set(chosen([one for one in items if one is not gone], choice, shown - {gone.key}).keys)
    assert len(before - after - {gone.key}) <= most_gone
    assert len(after - before) <= most_new


@FEWER
@given(st.data(), albums(), choices(filters=False, most=True))
def test_one_item_less_changes_little(data: st.DataObject, items: list[Subject[str]], choice: Choice) -> None:
    # One takes its place; with `spread`, the others of its month move up by one, too.
    check_one_item_less(data, items, choice, most_gone=2, most_new=3)


@FEWER
@given(st.data(), albums(), choices(filters=False, most=True))
def test_one_item_that_changes_changes_little(
    data: st.DataObject, items: list[Subject[str]], choice: Choice
) -> None:
    if not items:
        return
    choice = replace(choice, similar_one=data.draw(st.booleans()))
    shown = data.draw(subsets(items))
    at = data.draw(st.integers(0, len(items) - 1))
    other = replace(data.draw(subjects()), key=items[at].key, name=items[at].name, place=items[at].place)
    before = set(chosen(items, choice, shown).keys)
    after = set(chosen([*items[:at], other, *items[at + 1 :]], choice, shown).keys)
    # As if one went and another one came; each of them may join or part two groups of similar photos.
    most = 10 if choice.similar_one else 5
    assert len(before - after) <= most
    assert len(after - before) <= most


@FEWER
@given(st.data(), albums(), choices(filters=False, most=True))
def test_one_item_less_changes_little_among_similar_ones(
    data: st.DataObject, items: list[Subject[str]], choice: Choice
) -> None:
    # Its group gets another best one, or becomes two groups.
    check_one_item_less(data, items, replace(choice, similar_one=True), most_gone=4, most_new=5)


@FEWER
@given(albums(), choices())
def test_of_similar_photos_the_best_one_stays(items: list[Subject[str]], choice: Choice) -> None:
    choice = replace(choice, similar_one=True, most=None, rotate_days=None)
    found = chosen(items, choice)
    by_key = {one.key: one for one in items}
    for key, reason in found.left_out.items():
        if reason is LeftOut.SIMILAR:
            one = by_key[key]
            assert any(
                other.look is not None
                and one.look is not None
                and (other.look ^ one.look).bit_count() <= 10
                and (other.rating or 0) >= (one.rating or 0)
                for other in map(by_key.__getitem__, found.keys)
            )


@FEWER
@given(st.integers(0, 5), st.booleans(), st.integers(81, 100), st.integers(0, 20))
def test_a_shown_photo_stays_while_it_is_nearly_the_best_of_similar_ones(
    stars: int, favorite: bool, percent: int, seconds: int
) -> None:
    """It stays when a slightly larger one comes, and goes for one with more pixels by far, or more stars."""
    shown = Subject("shown", "b", 0, NOW, width=1000, height=8 * percent, look=0, looked_at=True)
    shown = replace(shown, rating=stars, favorite=favorite)
    larger = replace(shown, key="larger", name="c", height=800, taken_at=NOW + timedelta(seconds=seconds / 2))
    choice = Choice(similar_one=True)
    assert chosen([shown, larger], choice, {"shown"}).keys == ("shown",)
    assert chosen([shown, larger], choice).keys == ("larger",)
    for better in (replace(larger, height=1001), replace(larger, rating=stars + 1)):
        assert chosen([shown, better], choice, {"shown"}).keys == ("larger",)


@FEWER
@given(st.data(), albums(), choices(filters=False, most=True), st.integers(10, 20))
def test_newcomer_of_the_last_tenth_displaces_nothing(
    data: st.DataObject, items: list[Subject[str]], choice: Choice, most: int
) -> None:
    choice = replace(choice, most=most, rotate_days=None, fresh=None)
    shown = data.draw(subsets(items))
    ranks = chosen(items, replace(choice, most=len(items) or 1)).keys
    found = chosen(items, choice, shown)
    if {key for key in shown if key in found.left_out}:
        first = set(ranks[: most - most // 10])
        assert all(key in shown or key in first for key in found.keys)
        assert first.issubset(found.keys)


@FEWER
@given(st.data(), albums(), choices(most=True))
def test_missing_items_bring_in_no_fillers(
    data: st.DataObject, items: list[Subject[str]], choice: Choice
) -> None:
    choice = replace(choice, similar_one=False)
    shown = data.draw(subsets(items))
    missing = data.draw(subsets(items))
    whole = chosen(items, choice, shown)
    listed = [one for one in items if one.key not in missing]
    part = chosen(listed, choice, shown - missing, absent=len(shown & missing))
    if missing <= shown:
        assert set(part.keys) - shown <= set(whole.keys)


@FEWER
@given(albums())
def test_similar_needs_looks_and_time(items: list[Subject[str]]) -> None:
    found = chosen(items, Choice(similar_one=True))
    kept = [one for one in items if one.key in found.keys]
    for one in items:
        if one.key in found.left_out:
            assert one.look is not None
            assert one.taken_at is not None
    for at, one in enumerate(kept):
        for other in kept[at + 1 :]:
            if None not in (one.look, other.look, one.taken_at, other.taken_at):
                near = abs((one.taken_at or NOW) - (other.taken_at or NOW)) <= timedelta(seconds=10)
                assert not near or ((one.look or 0) ^ (other.look or 0)).bit_count() > 10


# --- rotation -------------------------------------------------------------------------------------------


def _rotating(count: int, most: int, days: int) -> list[set[str]]:
    """Return what is shown on each of `days` + 10 days."""
    items = [Subject(f"k{n}", f"immich/{n}", n, NOW - timedelta(hours=n)) for n in range(count)]
    choice = Choice(most=most, order=Order.RANDOM, rotate_days=days)
    shown: set[str] = set()
    result = []
    for day in range(days + 10):
        now = NOW + timedelta(days=day)
        shown = set(chosen(items, choice, shown, now=now).keys)
        assert shown == set(chosen(items, choice, shown, now=now + timedelta(hours=10)).keys)
        assert len(shown) == most
        result.append(shown)
    return result


@pytest.mark.parametrize(
    ("count", "most", "days"), [(1000, 250, 7), (1500, 250, 14), (1000, 100, 2), (400, 30, 30), (300, 50, 1)]
)
def test_rotation_changes_all_in_time_and_few_per_day(count: int, most: int, days: int) -> None:
    shown = _rotating(count, most, days)
    for day in range(10):
        assert not shown[day] & shown[day + days]
    for before, after in itertools.pairwise(shown):
        new = len(after - before)
        assert new <= 2 * most / days + 4
        assert new or most < 2 * days


@pytest.mark.parametrize(("count", "most", "days"), [(200, 100, 7), (140, 100, 7), (110, 50, 3)])
def test_rotation_of_a_large_share_rests_each_photo(count: int, most: int, days: int) -> None:
    shown = _rotating(count, most, days)
    for day in range(10):
        resting = [shown[day + later] for later in range(1, days + 1)]
        stayed = {key for key in shown[day] if all(key in there for there in resting)}
        assert len(stayed) <= (0 if count >= 2 * most else most // 4)


def test_rotation_shows_everything_over_time() -> None:
    items = [Subject(f"k{n}", f"n{n}", n) for n in range(400)]
    choice = Choice(most=50, order=Order.RANDOM, rotate_days=7)
    seen: set[str] = set()
    for day in range(365):
        seen.update(chosen(items, choice, now=NOW + timedelta(days=day)).keys)
    assert len(seen) == len(items)


# --- orders and dates -----------------------------------------------------------------------------------


def test_days_are_local_and_both_included() -> None:
    def at(text: str) -> Subject[str]:
        return Subject(text, text, taken_at=datetime.fromisoformat(text).astimezone(UTC))

    items = [
        at("2025-06-30T23:59:59+02:00"),
        at("2025-07-01T00:00:00+02:00"),
        at("2025-07-31T23:59:59+02:00"),
        at("2025-08-01T00:00:00+02:00"),
    ]
    found = chosen(items, Choice(since=date(2025, 7, 1), until=date(2025, 7, 31)))
    assert set(found.keys) == {items[1].key, items[2].key}
    assert found.left_out == {items[0].key: LeftOut.SINCE, items[3].key: LeftOut.UNTIL}
    spans = Choice(since=Span(24), until=Span(time=timedelta(days=14)))
    edges = [
        at("2024-11-28T23:59:59+01:00"),
        at("2024-11-29T00:00:00+01:00"),
        at("2026-11-15T23:59:59+01:00"),
    ]
    assert set(chosen(edges, spans).keys) == {edges[1].key, edges[2].key}


def test_spans_of_months_end_in_short_months() -> None:
    assert Span(1).before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert Span(12).before(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2023, 2, 28, tzinfo=UTC)
    assert Span(12 * 5000).before(NOW).year == 1


def test_spread_covers_the_whole_time() -> None:
    rnd = random.Random(5)
    # Nine tenths were taken in the last year.
    ago = [rnd.randrange(365) for _ in range(9000)] + [rnd.randrange(3650) for _ in range(1000)]
    items = [Subject(f"k{n}", f"n{n}", n, NOW - timedelta(days=days)) for n, days in enumerate(ago)]
    found = set(chosen(items, Choice(most=240, order=Order.SPREAD)).keys)
    taken = [one.taken_at for one in items if one.key in found and one.taken_at is not None]
    months = {(at.year, at.month) for at in taken}
    assert len(months) >= 119
    few = set(chosen(items, Choice(most=12, order=Order.SPREAD)).keys)
    years = {one.taken_at.year for one in items if one.key in few and one.taken_at is not None}
    assert len(years) >= 7


def test_doubtful_items_are_tried_beside_the_others() -> None:
    items = [Subject(f"k{n}", f"n{n}", n, doubtful=n == 0) for n in range(4)]
    found = chosen(items, Choice(most=2, order=Order.ALBUM))
    assert found.keys == ("k0", "k1", "k2")


def test_unknown_sizes_are_looked_at_as_far_as_needed() -> None:
    def one(number: int, width: int | None, *, looked_at: bool = False) -> Subject[str]:
        return Subject(
            f"k{number}", f"n{number}", number, width=width, height=width and 3, looked_at=looked_at
        )

    items = [one(0, None), one(1, 4), one(2, None, looked_at=True), one(3, None), one(4, 4), one(5, None)]
    found = chosen(items, Choice(most=2, order=Order.ALBUM, orientation=Orientation.LANDSCAPE))
    assert found.keys == ("k1", "k4")
    assert found.to_look_at == ("k0", "k3")
    assert found.left_out == {
        "k0": LeftOut.UNKNOWN,
        "k2": LeftOut.ORIENTATION,
        "k3": LeftOut.UNKNOWN,
        "k5": LeftOut.MOST,
    }
