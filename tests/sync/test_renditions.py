"""What a frame is sent is chosen by a recipe, and known again whatever is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from picsync.core.caption import NOTHING
from picsync.core.errors import QuotaError
from picsync.core.events import CycleOutcome, NoticeKind
from picsync.core.identity import FITTING_BYTES, ORIGINAL_BYTES
from picsync.core.model import MediaKind
from picsync.core.plan import HoldReason
from picsync.core.recipe import ORIGINAL, Panel, Recipe
from picsync.core.select import Skip
from picsync.observe.words import notice_sentence
from picsync.sync.cycle import REMARKS, run_cycle
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, PLAYLIST, digest
from tests.sync.household import LARGE, SMALL, Household, household, png


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with household(tmp_path) as home:
        yield home


async def test_what_a_recipe_makes_is_sent_under_a_name_that_tells_what_it_is(home: Household) -> None:
    home.put("a", "b")
    home.put("c", fitting=True)
    await home.settle()
    frame = home.harness.frame
    assert frame.digests(ALBUM) == {
        digest(home.painter.made(png("a"), SMALL)),
        digest(home.painter.made(png("b"), SMALL)),
        digest(jpeg("c")),
    }
    assert home.marks() == {"a": SMALL.key, "b": SMALL.key, "c": FITTING_BYTES}
    assert sorted(home.painter.rendered) == [png("a"), png("b")]


@pytest.mark.parametrize("encoder", [1, 2])
async def test_a_lost_cache_downloads_and_uploads_nothing(home: Household, encoder: int) -> None:
    home.put("a", "b")
    home.put("c", fitting=True)
    await home.settle()
    downloads, uploads = len(home.harness.source.downloads), home.uploads
    home.painter.encoder = encoder
    await home.lose_cache()
    await home.settle()
    assert (len(home.harness.source.downloads), home.uploads) == (downloads, uploads)
    assert sorted(home.shown()) == ["a", "b", "c"]
    # What the names have told is recorded.
    await home.harness.assert_idle()


async def test_one_photo_from_two_sources_is_one_photo(home: Household) -> None:
    home.put("a")
    home.put("a", as_item="copy of a")
    home.put("f", fitting=True)
    home.put("f", fitting=True, as_item="copy of f")
    await home.settle()
    assert sorted(home.shown()) == ["a", "f"]
    downloads = len(home.harness.source.downloads)
    assert downloads == 4
    await home.lose_cache()
    await home.settle()
    # Which photo shows the copies can't be told without a look at them.
    assert len(home.harness.source.downloads) <= downloads + 2
    assert sorted(home.shown()) == ["a", "f"]
    assert home.uploads <= 4


async def test_a_copy_that_comes_later_is_the_same_photo_whatever_the_encoder(home: Household) -> None:
    home.put("a")
    home.put("f", fitting=True)
    await home.settle()
    home.painter.encoder = 2
    home.put("a", as_item="copy of a")
    home.put("f", fitting=True, as_item="copy of f")
    await home.settle()
    assert sorted(home.shown()) == ["a", "f"]
    assert home.painter.rendered == [png("a")]
    assert len(home.harness.source.downloads) == 4


async def test_copies_are_replaced_together(home: Household) -> None:
    home.put("a")
    home.put("a", as_item="copy of a")
    await home.settle()
    home.use(LARGE)
    downloads = len(home.harness.source.downloads)
    report = await home.cycle()
    assert (report.hold, report.deleted) == (None, 1)
    assert home.marks() == {"a": LARGE.key}
    assert len(home.harness.source.downloads) == downloads + 1
    await home.harness.assert_idle()


async def test_originals_of_an_earlier_version_count_as_they_are(home: Household) -> None:
    home.put("a", "b")
    photos = [home.harness.frame.put(ALBUM, png(name), f"{name}.png") for name in "ab"]
    home.harness.frame.add_playlist(PLAYLIST, photos)
    await home.settle()
    assert home.uploads == 0
    home.put("c")
    await home.settle()
    assert home.marks() == {"a": "", "b": "", "c": SMALL.key}
    home.use(LARGE)
    await home.settle()
    assert home.marks() == {"a": "", "b": "", "c": LARGE.key}
    home.use(LARGE, replaced=True)
    await home.settle()
    assert home.marks() == {"a": LARGE.key, "b": LARGE.key, "c": LARGE.key}
    uploads = home.uploads
    await home.settle()
    assert home.uploads == uploads


async def test_a_change_from_or_to_original_moves_nothing_until_asked(home: Household) -> None:
    home.use(ORIGINAL)
    home.put("a", fitting=True)
    home.put("b", fitting=True)
    await home.settle()
    home.use(SMALL)
    await home.settle()
    assert home.marks() == {"a": ORIGINAL_BYTES, "b": ORIGINAL_BYTES}
    home.put("c")
    await home.settle()
    downloads, uploads = len(home.harness.source.downloads), home.uploads
    home.harness.source.content["a"].originals.update(c=png("c"))
    home.use(replace(ORIGINAL))
    await home.settle()
    assert (len(home.harness.source.downloads), home.uploads) == (downloads, uploads)
    assert home.marks()["c"] == SMALL.key


async def test_another_panel_replaces_step_by_step_and_shows_no_fewer(home: Household) -> None:
    names = [f"p{number:02}" for number in range(12)]
    home.put(*names)
    await home.settle()
    home.harness.with_rule(replace_per_cycle=5)
    home.use(LARGE)
    least: list[int] = []
    home.harness.frame.observers.append(lambda: least.append(len(set(home.shown()))))
    done = []
    for _ in range(4):
        uploads = home.uploads
        report = await home.cycle()
        assert (report.outcome, report.hold) == (CycleOutcome.DONE, None)
        done.append(home.uploads - uploads)
        assert len(home.harness.frame.album_named(ALBUM).photos) == 12
    assert done == [5, 5, 2, 0]
    assert min(least) == 12
    assert set(home.marks().values()) == {LARGE.key}


async def test_what_fits_is_looked_at_again_for_another_recipe(home: Household) -> None:
    home.put("a", fitting=True)
    await home.settle()
    home.use(LARGE)
    downloads, uploads = len(home.harness.source.downloads), home.uploads
    await home.settle()
    assert (len(home.harness.source.downloads), home.uploads) == (downloads + 1, uploads)
    await home.lose_cache()
    home.use(Recipe(panel=Panel(1920, 1200)))
    await home.settle()
    assert (len(home.harness.source.downloads), home.uploads) == (downloads + 1, uploads)


async def test_a_full_frame_keeps_what_is_to_be_replaced(home: Household) -> None:
    home.put("a", "b", "c")
    await home.settle()
    home.use(LARGE)
    home.harness.frame.room = 3
    for _ in range(3):
        report = await home.cycle()
        assert isinstance(report.failures[0].error, QuotaError)
        assert sorted(home.shown()) == ["a", "b", "c"]
        assert set(home.marks().values()) == {SMALL.key}
    home.harness.frame.room = None
    await home.settle()
    assert set(home.marks().values()) == {LARGE.key}


async def test_replaced_photos_are_deleted_although_others_cannot_be_uploaded(home: Household) -> None:
    home.put("a", "b")
    await home.settle()
    home.put("broken")
    home.use(LARGE)
    report = await home.cycle()
    assert report.deleted == 2
    assert report.skipped == {Skip.UNUSABLE: 1}
    assert home.marks() == {"a": LARGE.key, "b": LARGE.key}


async def test_a_picture_that_cannot_be_rendered_costs_itself_once(home: Household) -> None:
    home.put("broken", "a")
    report = await home.cycle()
    assert [str(failure.error) for failure in report.failures] == ["its pixels cannot be decoded"]
    assert home.shown() == ["a"]
    rendered = len(home.painter.rendered)
    report = await home.cycle()
    assert (report.outcome, report.failures) == (CycleOutcome.DONE, ())
    assert len(home.painter.rendered) == rendered


async def test_a_photo_whose_replacement_cannot_be_made_stays(home: Household) -> None:
    home.put("a", "broken")
    photos = [home.harness.frame.put(ALBUM, png(name), f"{name}.png") for name in ("a", "broken")]
    home.harness.frame.add_playlist(PLAYLIST, photos)
    home.use(SMALL, replaced=True)
    await home.cycle()
    assert home.marks() == {"a": SMALL.key, "broken": ""}
    downloads = len(home.harness.source.downloads)
    report = await home.cycle()
    assert (report.outcome, report.deleted) == (CycleOutcome.DONE, 0)
    assert len(home.harness.source.downloads) == downloads


async def test_the_brake_counts_what_is_gone_not_what_is_replaced(home: Household) -> None:
    names = [f"p{number:02}" for number in range(30)]
    home.put(*names)
    await home.settle()
    home.use(LARGE)
    home.harness.remove(*names[:15])
    report = await home.cycle()
    assert report.hold is not None
    assert (report.hold.reason, report.hold.count, report.deleted) == (HoldReason.BRAKE, 15, 15)
    assert Counter(home.marks().values()) == {LARGE.key: 15, SMALL.key: 15}


async def test_videos_are_sent_as_they_are(home: Household) -> None:
    home.harness.with_rule(videos=True)
    video = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08moov\0\0\0\x08mdat"
    home.harness.source.put("a", "v", video, filename="v.mp4", kind=MediaKind.VIDEO, mime_type="video/mp4")
    await home.settle()
    assert home.harness.frame.digests(ALBUM) == {digest(video)}
    await home.lose_cache()
    downloads = len(home.harness.source.downloads)
    await home.settle()
    assert len(home.harness.source.downloads) == downloads


async def test_a_caption_is_told_what_the_picture_may_not_say(tmp_path: Path) -> None:
    async with household(tmp_path) as home:
        home.put("a", "b")
        await home.settle()
        assert set(home.painter.about) == {NOTHING}
        home.painter.about.clear()
        home.use(Recipe(panel=Panel(800, 480), caption="{filename} {album}"))
        await home.settle()
        told = {(about.filename, about.album) for about in home.painter.about}
        assert told == {("a.png", ALBUM), ("b.png", ALBUM)}
        assert set(home.marks().values()) == {home.harness.rule.recipe.key}, "one recipe for all photos"


@pytest.mark.parametrize(("dated", "expected"), [(True, "2024-05-03T23:30:00"), (False, "")])
async def test_the_date_of_a_caption_is_local_and_never_the_age_of_a_file(
    tmp_path: Path, dated: bool, expected: str
) -> None:
    async with household(tmp_path) as home:
        home.harness.tools = replace(home.harness.tools, zone=timezone(timedelta(hours=2)))
        source = home.harness.source
        source._capabilities = replace(source.capabilities, dated=dated)
        source.put("a", "a", png("a"), taken_at=datetime(2024, 5, 3, 21, 30, tzinfo=UTC))
        home.use(Recipe(panel=Panel(800, 480), caption="{taken}"))
        await home.cycle()
        assert [about.taken_at for about in home.painter.about] == [expected]


async def test_a_lost_cache_and_another_recipe_replace_each_photo_once(home: Household) -> None:
    """What another recipe made is not known to be equal: it is fetched when it is replaced, and only then."""
    names = [f"p{number}" for number in range(6)]
    home.put(*names)
    await home.settle()
    home.harness.with_rule(replace_per_cycle=2)
    downloads = len(home.harness.source.downloads)
    await home.lose_cache()
    home.use(LARGE)
    fetched = []
    for _ in range(4):
        before = len(home.harness.source.downloads)
        await home.cycle()
        fetched.append(len(home.harness.source.downloads) - before)
        assert sorted(home.shown()) == names
    assert fetched == [2, 2, 2, 0]
    assert set(home.marks().values()) == {LARGE.key}
    await home.lose_cache()
    await home.harness.assert_idle()
    assert len(home.harness.source.downloads) == downloads + 6


async def test_what_is_to_be_said_of_photos_is_said_once(tmp_path: Path) -> None:
    async with household(tmp_path) as home:
        home.put("odd-1", "fine", "odd-2")
        report = await home.cycle()
        (notice,) = [each for each in report.notices if each.kind is NoticeKind.PHOTO_NOTE]
        assert notice_sentence(notice) == (
            f"{notice.name}: Its colour profile is damaged and was ignored."
            " 1 further photo has a remark of this kind."
        )
        assert notice.name in {"odd-1.png", "odd-2.png"}
        again = await home.cycle()
        assert [each.kind for each in again.notices].count(NoticeKind.PHOTO_NOTE) == 0


async def test_different_remarks_are_said_by_themselves_as_far_as_they_are_few(tmp_path: Path) -> None:
    async with household(tmp_path) as home:
        home.put("odd-1", "odd-2", *(f"strange-{number}" for number in range(8)))
        report = await home.cycle()
    notices = [each for each in report.notices if each.kind is NoticeKind.PHOTO_NOTE]
    assert len(notices) == REMARKS
    assert sum(1 + each.count for each in notices) == 10
    assert len({each.said for each in notices}) == REMARKS


async def test_a_stop_waits_for_no_photo_that_is_not_converted_yet(home: Household) -> None:
    names = [f"p{number:02}" for number in range(12)]
    home.put(*names)
    report = await run_cycle(
        home.harness.rule, home.harness.tools, stopping=lambda: len(home.painter.rendered) >= 2
    )
    assert report.outcome is CycleOutcome.STOPPED
    # Those that were being converted are sent; no other one waits for a worker.
    # The first one had ended before the stop, and another one had its turn.
    assert 2 <= len(home.painter.rendered) <= 1 + 2 * home.painter.workers
    assert home.uploads == len(home.painter.rendered)
    await home.settle()
    assert sorted(home.shown()) == names
    assert home.uploads == 12


async def test_what_waits_for_room_is_counted_as_it_would_be_sent(home: Household) -> None:
    home.put("a", "b", "c")
    home.harness.frame.room = 1
    report = await home.cycle()
    waiting = report.failures[0].waiting
    assert waiting is not None
    made = len(home.painter.made(png("a"), SMALL))
    assert (waiting.count, waiting.size_bytes) == (2, 2 * min(made, len(png("a"))))
