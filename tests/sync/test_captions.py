"""Captions that a frame shows as text: each photo gets the wanted one, and nothing is done twice."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from PIL import Image

from picsync.core.caption import AboutPhoto, Captions, Wording
from picsync.core.errors import LoginNeeded, NotFoundError, PicsyncError, RefusedError, TransientError
from picsync.core.events import CycleOutcome, NoticeKind
from picsync.core.recipe import ORIGINAL, Recipe
from picsync.observe.words import notice_sentence, report_result
from tests.contract.memory_frame import CAPABILITIES, MemoryFrame
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, Harness, digest, open_harness

TEMPLATE = "{description} · {taken:%B %Y}"


def photo(description: str, taken: str = "2024:05:03 09:08:07", *, located: bool = False) -> bytes:
    """Return a JPEG file that frames show as it is."""
    found = Image.Exif()
    found[0x010E] = description.encode()
    found.get_ifd(0x8769)[0x9003] = taken
    if located:
        found.get_ifd(0x8825).update({1: "N", 2: (41.0, 53.4, 0.0), 3: "E", 4: (12.0, 29.4, 0.0)})
    target = io.BytesIO()
    Image.new("RGB", (32, 24), "white").save(target, "JPEG", exif=found, subsampling="4:2:0")
    return target.getvalue()


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path) as prepared:
        with_captions(prepared)
        yield prepared


def with_captions(harness: Harness, captions: Captions = Captions.OWN) -> None:
    frame = MemoryFrame(replace(CAPABILITIES, captions=captions))
    harness.frame = frame
    zone = timezone(timedelta(hours=2))
    harness.tools = replace(harness.tools, frames={"nixplay": frame}, zone=zone)
    harness.rule = replace(harness.rule, wording=Wording(TEMPLATE))


def worded(harness: Harness, template: str, language: str = "") -> None:
    harness.rule = replace(harness.rule, wording=Wording(template, language))


def shown(harness: Harness) -> dict[str, str | None]:
    """Return the captions by the descriptions in the pictures."""
    photos = harness.frame.album_named(ALBUM).photos
    return {harness.frame.about[each].description: one.caption for each, one in photos.items()}


def put(harness: Harness, *descriptions: str) -> None:
    for description in descriptions:
        harness.source.put("a", description, photo(description))


def calls(harness: Harness, method: str) -> list[tuple[str, ...]]:
    return [call for call in harness.frame.calls if call[0] == method]


async def assert_idle(harness: Harness) -> None:
    """Assert that two more cycles write no captions and fetch nothing."""
    downloads = len(harness.source.downloads)
    for _ in range(2):
        before = len(harness.frame.calls)
        report = await harness.cycle()
        assert not [call for call in harness.frame.calls[before:] if call[0] in ("upload", "describe")]
        assert report.captions_written == 0
    assert len(harness.source.downloads) == downloads


@pytest.mark.parametrize("with_upload", [True, False])
async def test_a_photo_that_goes_byte_for_byte_gets_its_caption(harness: Harness, with_upload: bool) -> None:
    harness.frame.captions_with_upload = with_upload
    put(harness, "Granny", "Rome")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert shown(harness) == {"Granny": "Granny · May 2024", "Rome": "Rome · May 2024"}
    assert report.captions_written == (0 if with_upload else 2)
    assert harness.frame.digests(ALBUM) == {digest(photo("Granny")), digest(photo("Rome"))}
    await assert_idle(harness)


async def test_what_is_known_of_a_photo_comes_with_it(harness: Harness) -> None:
    harness.rule = replace(harness.rule, recipe=Recipe(), wording=Wording())
    harness.source.put("a", "one", photo("Granny\n at home", located=True))
    harness.source.put("a", "two", jpeg("two"), taken_at=datetime(2025, 1, 2, 3, 4, tzinfo=UTC))
    await harness.cycle()
    about = sorted(harness.frame.about.values(), key=lambda one: one.width)
    assert about == [
        AboutPhoto(datetime.fromisoformat("2025-01-02T05:04"), "", "", "", 16, 16),
        AboutPhoto(datetime.fromisoformat("2024-05-03T09:08:07"), "Granny at home", "Rome", "", 32, 24),
    ]
    await assert_idle(harness)


async def test_another_template_sends_no_photo_again(harness: Harness) -> None:
    put(harness, "Granny", "Rome")
    await harness.cycle()
    for template, expected in [
        ("{description}, {taken:%Y}", "Granny, 2024"),
        ("{filename} in {album}", "Granny.jpg in Family"),
        ("{place}", ""),
        ("", ""),
    ]:
        worded(harness, template)
        await harness.cycle()
        assert shown(harness)["Granny"] == expected
        await assert_idle(harness)
    assert len(calls(harness, "upload")) == 2
    # The place was looked up with the upload, since such a frame may show it.
    assert len(harness.source.downloads) == 2


async def test_the_language_changes_without_a_photo(harness: Harness) -> None:
    put(harness, "Oma")
    await harness.cycle()
    worded(harness, TEMPLATE, "de")
    await harness.cycle()
    assert shown(harness) == {"Oma": "Oma · Mai 2024"}
    assert len(calls(harness, "upload")) == 1


async def test_a_lost_cache_costs_downloads_only_and_some_at_a_time(tmp_path: Path) -> None:
    async with open_harness(tmp_path) as harness:
        with_captions(harness)
        harness.with_rule(replace_per_cycle=2)
        put(harness, *"abcde")
        await harness.cycle()
        frame, source = harness.frame, harness.source
    (tmp_path / "cache.db").unlink()
    async with open_harness(tmp_path) as harness:
        with_captions(harness)
        harness.frame, harness.source = frame, source
        harness.tools = replace(harness.tools, frames={"nixplay": frame}, sources={"googlephotos": source})
        harness.with_rule(replace_per_cycle=2)
        # The photos are known by their names, and their captions stay until they are to be others.
        worded(harness, "{description}!")
        downloads = []
        for _ in range(4):
            before = len(source.downloads)
            report = await harness.cycle()
            assert report.uploaded == 0
            downloads.append(len(source.downloads) - before)
        assert downloads == [2, 2, 1, 0]
        assert set(shown(harness).values()) == {"a!", "b!", "c!", "d!", "e!"}


async def test_photos_with_a_drawn_caption_are_replaced_and_get_none_before(harness: Harness) -> None:
    drawn = replace(harness.rule, recipe=Recipe(caption=TEMPLATE), wording=None)
    sent = replace(harness.rule, recipe=Recipe(), wording=Wording(TEMPLATE))
    harness.rule = drawn
    harness.with_rule(replace_per_cycle=1)
    put(harness, "Granny", "Rome")
    await harness.cycle()
    assert {one.caption for one in harness.frame.album_named(ALBUM).photos.values()} == {""}
    harness.rule = sent
    harness.with_rule(replace_per_cycle=1)
    counts = []
    for _ in range(3):
        await harness.cycle()
        captions = [one.caption for one in harness.frame.album_named(ALBUM).photos.values()]
        counts.append((len(captions), captions.count("")))
    assert counts == [(2, 1), (2, 0), (2, 0)]
    assert shown(harness) == {"Granny": "Granny · May 2024", "Rome": "Rome · May 2024"}
    # And back: the text would be shown beside the drawn one.
    harness.rule = drawn
    for _ in range(3):
        await harness.cycle()
    assert {one.caption for one in harness.frame.album_named(ALBUM).photos.values()} == {""}


async def test_a_rule_that_asks_for_none_leaves_captions_alone(harness: Harness) -> None:
    harness.rule = replace(harness.rule, wording=None)
    put(harness, "Granny")
    await harness.cycle()
    [each] = harness.frame.album_named(ALBUM).photos
    photos = harness.frame.album_named(ALBUM).photos
    photos[each] = replace(photos[each], caption="by hand")
    await assert_idle(harness)
    assert photos[each].caption == "by hand"


def at(harness: Harness, day: int) -> None:
    harness.tools = replace(harness.tools, now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))


def refusals(count: int = 99, kind: type[RefusedError] = RefusedError) -> list[PicsyncError]:
    return [kind("Nixplay refused it.", status=404) for _ in range(count)]


@pytest.mark.parametrize("kind", [RefusedError, NotFoundError])
async def test_a_service_that_takes_no_captions_fails_nothing(
    harness: Harness, kind: type[RefusedError]
) -> None:
    harness.frame.captions_with_upload = False
    harness.frame.fail["describe"] = [*refusals(kind=kind)]
    put(harness, *"abcdefgh")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    [notice] = [one for one in report.notices if one.kind is NoticeKind.CAPTIONS_MISSING]
    assert "Nixplay refused it." in notice_sentence(notice)
    asked = len(calls(harness, "describe"))
    assert asked <= 5
    report = await harness.cycle()
    assert len(calls(harness, "describe")) == asked
    assert [one.count for one in report.notices if one.kind is NoticeKind.CAPTIONS_MISSING] == [8]
    harness.frame.fail.clear()
    at(harness, 2)
    report = await harness.cycle()
    assert report.captions_written == 8
    assert not [one for one in report.notices if one.kind is NoticeKind.CAPTIONS_MISSING]


async def test_one_refused_caption_holds_up_no_other(harness: Harness) -> None:
    harness.frame.captions_with_upload = False
    put(harness, *"abcdefgh")
    harness.frame.fail["describe"] = refusals(1)
    report = await harness.cycle()
    assert report.captions_written == 7
    await assert_idle(harness)


async def test_captions_that_are_listed_otherwise_are_not_sent_in_each_cycle(harness: Harness) -> None:
    harness.frame.captions_with_upload = False
    harness.frame.observers.clear()
    put(harness, "Granny")
    await harness.cycle()
    photos = harness.frame.album_named(ALBUM).photos
    [each] = photos
    photos[each] = replace(photos[each], caption="gRANNY")
    await assert_idle(harness)
    report = await harness.cycle()
    [notice] = [one for one in report.notices if one.kind is NoticeKind.CAPTIONS_MISSING]
    assert "other texts" in notice_sentence(notice)
    at(harness, 2)
    assert (await harness.cycle()).captions_written == 1


async def test_a_service_that_fails_is_tried_again_in_the_next_cycle(harness: Harness) -> None:
    harness.frame.captions_with_upload = False
    put(harness, *"abcdefgh")
    harness.frame.fail["describe"] = [TransientError("The wire broke.")]
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert report.captions_written < 8
    report = await harness.cycle()
    assert not [one for one in report.notices if one.kind is NoticeKind.CAPTIONS_MISSING]
    assert "" not in shown(harness).values()


async def test_a_login_that_is_needed_is_said(harness: Harness) -> None:
    harness.frame.captions_with_upload = False
    put(harness, "a")
    harness.frame.fail["describe"] = [LoginNeeded("The password is wrong.")]
    assert (await harness.cycle()).outcome is CycleOutcome.LOGIN_NEEDED


async def test_a_dry_run_writes_no_captions_and_says_how_many(harness: Harness) -> None:
    put(harness, "a", "b")
    await harness.cycle()
    worded(harness, "{album}")
    real, harness.rule = harness.rule, replace(harness.rule, dry_run=True)
    report = await harness.cycle()
    assert report_result(report, timed=False) == (
        "dry run, nothing was changed; it would set 2 captions and leave 2 photos on the frame."
    )
    assert not calls(harness, "describe")
    harness.rule = real
    report = await harness.cycle()
    assert report_result(report, timed=False) == "2 captions set; 2 photos on the frame."


@pytest.mark.parametrize("recipe", [ORIGINAL, Recipe()])
async def test_an_item_without_metadata_has_a_caption_of_what_its_listing_says(
    harness: Harness, recipe: Recipe
) -> None:
    harness.rule = replace(harness.rule, recipe=recipe)
    harness.source.put("a", "one", jpeg("one"))
    await harness.cycle()
    assert [one.caption for one in harness.frame.album_named(ALBUM).photos.values()] == [""]
    worded(harness, "{description} {filename}")
    await harness.cycle()
    assert [one.caption for one in harness.frame.album_named(ALBUM).photos.values()] == ["one.jpg"]
