"""A rule that asks for an order has it on the frame; nothing is empty on the way or done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.choice import Choice, Order
from picsync.core.events import CycleOutcome, NoticeKind
from picsync.core.model import Digest, FramePhoto, Playlist, PlaylistItem
from picsync.core.plan import AddItems, Content, RemoveItems, plan_edit, steps
from picsync.observe.words import notice_sentence
from picsync.sync.cycle import UNORDERED_FOR
from tests.contract.memory_frame import CAPABILITIES, MemoryAlbumFrame, MemoryFrame
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, PLAYLIST, Harness, digest, open_harness

NEWEST = Choice(order=Order.NEWEST, ordered=True)
START = datetime(2025, 1, 1, tzinfo=UTC)


def with_frame(harness: Harness, frame: MemoryFrame) -> None:
    frame.observers += harness.frame.observers
    harness.frame = frame
    harness.tools = replace(harness.tools, frames={"nixplay": frame})


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path) as prepared:
        prepared.rule = replace(prepared.rule, choice=NEWEST)
        yield prepared


def put(harness: Harness, **days: int) -> None:
    for name, day in days.items():
        harness.source.put("a", name, jpeg(name), taken_at=START + timedelta(days=day))


def in_playlist(harness: Harness) -> str:
    names = {digest(jpeg(name)): name for name in harness.source.content["a"].items}
    return "".join(names.get(each, "?") for each in harness.frame.playlist_digests(PLAYLIST))


def in_album(harness: Harness) -> str:
    names = {digest(jpeg(name)): name for name in harness.source.content["a"].items}
    return "".join(names[photo.digest] for photo in harness.frame.album_named(ALBUM).photos.values())


async def test_the_playlist_has_the_order_and_keeps_it(harness: Harness) -> None:
    put(harness, a=1, b=3, c=2)
    await harness.cycle()
    assert in_playlist(harness) == "bca"
    await harness.assert_idle()
    put(harness, d=4, e=0)
    await harness.cycle()
    assert in_playlist(harness) == "dbcae"
    await harness.assert_idle()
    harness.rule = replace(harness.rule, choice=Choice(order=Order.OLDEST, ordered=True))
    await harness.cycle()
    assert in_playlist(harness) == "eacbd"
    harness.remove("c")
    await harness.cycle()
    assert in_playlist(harness) == "eabd"
    await harness.assert_idle()


async def test_without_an_order_the_entries_stay_where_they_are(harness: Harness) -> None:
    harness.rule = replace(harness.rule, choice=Choice(order=Order.NEWEST))
    put(harness, a=1, b=3)
    await harness.cycle()
    put(harness, c=2, d=4)
    await harness.cycle()
    assert in_playlist(harness) == "abcd"


async def test_what_was_appended_at_the_end_costs_no_removal(harness: Harness) -> None:
    harness.rule = replace(harness.rule, choice=Choice(order=Order.OLDEST, ordered=True))
    put(harness, a=1, b=2)
    await harness.cycle()
    put(harness, c=3)
    await harness.cycle()
    assert in_playlist(harness) == "abc"
    assert not [call for call in harness.frame.calls if call[0] == "remove_items"]


async def test_an_incomplete_listing_moves_nothing(harness: Harness) -> None:
    put(harness, a=1, b=3, c=2)
    await harness.cycle()
    harness.frame.playlist_named(PLAYLIST).items.reverse()
    harness.source.listing_problem["a"] = "a page failed"
    await harness.cycle()
    assert in_playlist(harness) == "acb"
    harness.source.listing_problem.clear()
    await harness.cycle()
    assert in_playlist(harness) == "bca"


@pytest.mark.parametrize("gone", ["abcdefgh", "bdfh", "hgf", "abc"])
@pytest.mark.parametrize("frame", [MemoryFrame, MemoryAlbumFrame])
async def test_photos_whose_deletion_is_held_keep_their_places(
    harness: Harness, frame: type[MemoryFrame], gone: str
) -> None:
    with_frame(harness, frame())
    harness.with_rule(delete=False)
    put(harness, a=1, b=5, c=2, d=7, e=3, f=4, g=6, h=8)
    await harness.cycle()
    names = {digest(jpeg(name)): name for name in "abcdefghz"}

    def shown() -> str:
        if isinstance(harness.frame, MemoryAlbumFrame):
            return "".join(names[each.digest] for each in harness.frame.album_named(ALBUM).photos.values())
        return "".join(names[each] for each in harness.frame.playlist_digests(PLAYLIST))

    assert shown() == "hdgbfeca"
    for name in gone:
        harness.remove(name)
    before = len(harness.frame.calls)
    await harness.cycle()
    assert shown() == "hdgbfeca"
    assert not {"add_items", "remove_items", "arrange"} & {call[0] for call in harness.frame.calls[before:]}
    if len(gone) < 8:
        put(harness, z=9)
        await harness.cycle()
        assert shown() == "zhdgbfeca"
        await harness.assert_idle()


@pytest.mark.parametrize("limit", [3, 4, 5, 8])
async def test_a_full_playlist_is_ordered_without_being_empty(harness: Harness, limit: int) -> None:
    with_frame(harness, MemoryFrame(replace(CAPABILITIES, playlist_limit=limit)))
    put(harness, a=1, b=2, c=3, d=4)
    await harness.cycle()
    put(harness, e=5)
    for _ in range(6):
        await harness.cycle()
    assert in_playlist(harness) == "edcba"[:limit]
    await harness.assert_idle()


class Shuffling(MemoryFrame):
    """Lists a playlist in an order of its own."""

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        found = await super().playlist(known, expected=expected)
        return found and replace(found, items=tuple(sorted(found.items, key=lambda one: one.photo_id)))

    async def playlists(self, name: str) -> tuple[Playlist, ...]:
        found = await super().playlists(name)
        return tuple(
            replace(each, items=tuple(sorted(each.items, key=lambda one: one.photo_id))) for each in found
        )


async def test_a_service_that_keeps_no_order_is_asked_once_a_day(harness: Harness) -> None:
    with_frame(harness, Shuffling())
    put(harness, a=1, b=3, c=2)
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    put(harness, d=4)
    reports = [report, await harness.cycle()]
    said = [one for each in reports for one in each.notices if one.kind is NoticeKind.ORDER_NOT_KEPT]
    assert len(said) == 1
    assert "does not keep the order" in notice_sentence(said[0])
    assert set(in_playlist(harness)) == set("abcd")
    await harness.assert_idle()
    later = harness.tools.now() + UNORDERED_FOR
    harness.tools = replace(harness.tools, now=lambda: later)
    before = len(harness.frame.calls)
    assert (await harness.cycle()).outcome is CycleOutcome.DONE
    assert [call[0] for call in harness.frame.calls[before:]].count("add_items") == 1
    await harness.assert_idle()


async def test_a_frame_without_playlists_is_asked_only_for_another_order(harness: Harness) -> None:
    with_frame(harness, MemoryAlbumFrame())
    put(harness, a=1, b=3, c=2)
    await harness.cycle()
    assert in_album(harness) == "bca"
    put(harness, d=4)
    harness.remove("b")
    harness.with_rule(delete=True)
    await harness.cycle()
    assert in_album(harness) == "dca"
    before = len(harness.frame.calls)
    await harness.cycle()
    assert "arrange" not in [call[0] for call in harness.frame.calls[before:]]
    harness.rule = replace(harness.rule, choice=None)
    put(harness, e=9)
    await harness.cycle()
    assert in_album(harness) == "dcae"


async def test_a_dry_run_says_that_photos_would_be_arranged(harness: Harness) -> None:
    with_frame(harness, MemoryAlbumFrame())
    put(harness, a=1, b=3)
    await harness.cycle()
    harness.rule = replace(harness.rule, choice=Choice(order=Order.OLDEST, ordered=True), dry_run=True)
    before = len(harness.frame.calls)
    await harness.cycle()
    assert in_album(harness) == "ba"
    assert "arrange" not in [call[0] for call in harness.frame.calls[before:]]


def photo(number: int) -> FramePhoto:
    return FramePhoto(f"p{number}", Digest("md5", f"{number:032x}"))


@given(
    before=st.lists(st.integers(0, 7), max_size=12),
    wanted=st.permutations(range(8)).flatmap(lambda all_: st.integers(0, 8).map(lambda n: all_[:n])),
    limit=st.one_of(st.none(), st.integers(8, 12)),
    unseen=st.sets(st.integers(0, 7)),
    doubtful=st.booleans(),
)
def test_any_playlist_gets_the_order_and_is_never_empty(
    before: list[int], wanted: list[int], limit: int | None, unseen: set[int], doubtful: bool
) -> None:
    before = before[:limit]
    items = tuple(PlaylistItem(f"i{place}", f"p{number}") for place, number in enumerate(before))
    content = Content("ss_X", tuple(map(photo, wanted)), ordered=True)
    seen = {f"p{number}" for number in range(8) if number not in unseen} if doubtful else None
    edit = plan_edit(Playlist("1", "ss_X", items), content, seen=seen)
    now, number = list(items), len(items)
    stuck = False
    for step in steps(edit, limit):
        if isinstance(step, AddItems):
            for each in step.photos:
                now.append(PlaylistItem(f"i{number}", each.photo_id))
                number += 1
        else:
            assert isinstance(step, RemoveItems)
            now = [item for item in now if item not in step.items]
        assert limit is None or len(now) <= limit
        assert now or not wanted
    stays = [n for n in before if doubtful and n in unseen and n not in wanted]
    stuck = limit is not None and len(wanted) + len(stays) > limit
    shown = [item.photo_id for item in now]
    if not stuck:
        assert [each for each in shown if each in {f"p{n}" for n in wanted}] == [f"p{n}" for n in wanted]
        after = plan_edit(Playlist("1", "ss_X", tuple(now)), content, seen=seen)
        assert after.empty
    assert {f"p{n}" for n in stays} <= set(shown)
