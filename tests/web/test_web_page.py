"""The page as a browser and a screen reader read it, for every status."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from xml.etree.ElementTree import Element

import html5lib
import pytest

from picsync.core.identity import PhotoKey, keyed_name
from picsync.web.pages import POLICY, status_page
from tests.observe.statuses import ALBUM_IDS, HOSTILE, STATUSES, at_rest, report_of, status_of

EVERY_STATUS = pytest.mark.parametrize("situation", STATUSES)
HTML = "{http://www.w3.org/1999/xhtml}"


def parse(text: str) -> Element:
    """Return the document; raises html5lib's ParseError for anything but valid markup."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), strict=True)
    document: Element = parser.parse(text)
    return document


def all_of(document: Element, tag: str) -> list[Element]:
    return list(document.iter(HTML + tag))


def text_of(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def shown(situation: str) -> str:
    """Return the text of the page's main part."""
    (main,) = all_of(parse(status_page(status_of(situation))), "main")
    return text_of(main)


def test_several_frames_have_a_heading_of_their_own() -> None:
    status = status_of("at_rest")
    first = status.rules[0]
    several = replace(status, rules=(first, replace(first, name="Family on usb", frame="usb")))
    for found, label in ((status, "The frame "), (several, "The frames ")):
        (heading,) = all_of(parse(status_page(found)), "h1")
        assert text_of(heading).startswith(label)


def test_held_deletes_of_a_rule_on_another_frame() -> None:
    """What to write into picsync.yaml has the rule's name there, and photos have theirs without keys."""
    status = status_of("held_deletes")
    rule = next(each for each in status.rules if each.last and each.last.hold)
    assert rule.last is not None
    assert rule.last.hold is not None
    key = keyed_name("Beach 05.50.21", PhotoKey("a" * 10, "b" * 10, "c" * 4, 4096))
    photos = (replace(rule.last.hold.photos[0], filename=key), *rule.last.hold.photos[1:])
    last = replace(rule.last, rule="Grandma on usb", hold=replace(rule.last.hold, photos=photos))
    there = replace(rule, name="Grandma on usb", album="Grandma", frame="usb", last=last)
    page = text_of(parse(status_page(replace(status, rules=(there,)))))
    assert 'albums: - name: "Grandma" maxDelete: 203' in page
    assert "Beach 05.50.21" in page
    assert " ps-" not in page


@EVERY_STATUS
def test_it_is_a_valid_accessible_document(situation: str) -> None:
    document = parse(status_page(status_of(situation)))
    assert document.get("lang") == "en"
    metas = {meta.get("name"): meta.get("content") for meta in all_of(document, "meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    (heading,) = all_of(document, "h1")
    assert text_of(heading).startswith("The frame ")
    assert len(all_of(document, "main")) == 1
    levels = [int(e.tag[-1]) for e in document.iter() if re.fullmatch(HTML + "h[1-6]", str(e.tag))]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [identifier for e in document.iter() if (identifier := e.get("id"))]
    assert len(ids) == len(set(ids))
    assert {e.get("aria-labelledby") for e in document.iter()} - {None} <= set(ids)
    assert all(text_of(badge) for badge in document.iter() if "badge" in (badge.get("class") or ""))
    assert all(bar.get("aria-label") for bar in all_of(document, "progress"))


@EVERY_STATUS
def test_page_is_self_contained_and_within_its_policy(situation: str) -> None:
    document = parse(status_page(status_of(situation)))
    for element in document.iter():
        assert element.get("style") is None
        assert not [name for name in element.keys() if name.startswith("on")]  # noqa: SIM118
        for attribute in ("src", "href"):
            target = element.get(attribute) or ""
            assert target in ("", "status.json", "metrics") or target.startswith("data:image/svg+xml,")
    for tag in ("style", "script"):
        (inline,) = all_of(document, tag)
        digest = b64encode(sha256((inline.text or "").encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in POLICY


@EVERY_STATUS
def test_ids_of_photos_are_not_shown(situation: str) -> None:
    assert "secret-id" not in status_page(status_of(situation))


def test_hostile_text_is_shown_as_text() -> None:
    page = status_page(status_of("hostile"))
    visible = HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd")
    document = parse(page)
    assert visible in {text_of(heading) for heading in all_of(document, "h3")}
    assert len(all_of(document, "script")) == 1
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert shown("hostile").count(visible) > 15


@pytest.mark.parametrize(
    ("situation", "level", "expected"),
    [
        (
            "at_rest",
            "good",
            ["Up to date. All 1,508 photos of 2 albums are in place. Last checked 4 minutes ago."],
        ),
        ("mid_upload", "busy", ["Updating. Grandma: 44 of 120 new photos have been uploaded.", "1 failed"]),
        (
            "held_deletes",
            "attention",
            [
                "Needs attention. Grandma: 203 photos that are in no source stay on the frame",
                "run picsync allow-deletes, or set maxDelete: 203 in the rule",
                'albums: - name: "Grandma" maxDelete: 203',
                "IMG_4400.HEIC",
                "and 178 more photos",
            ],
        ),
        (
            "login_needed",
            "bad",
            ["Stalled. Nixplay refuses the login.", "Check nixplay: in", "login refused"],
        ),
        (
            "config_refused",
            "attention",
            [
                "Needs attention. The changed configuration is invalid",
                "did you mean maxDelete?",
                "12: every:",
            ],
        ),
        (
            "first_start",
            "unknown",
            ["Not known yet. Grandma: The first cycle is running", "Waiting"],
        ),
        (
            "failing",
            "bad",
            [
                "Stalled. Grandma: The last 4 cycles failed. Google Photos does not answer",
                "IMG_0815.HEIC: It is neither a picture nor a video. Remove it from the album.",
                "2 playlists are named ss_Uncle",
            ],
        ),
        (
            "dry_run",
            "unknown",
            ["Dry run. A dry run changes nothing", "it would leave 310 photos on the frame"],
        ),
        ("stopping", "busy", ["Updating. picsync is stopping."]),
    ],
)
def test_each_scene_says_what_matters(situation: str, level: str, expected: list[str]) -> None:
    text = shown(situation)
    for part in expected:
        assert part in text
    assert f'<div class="picture {level}">' in status_page(status_of(situation))


def test_a_repaired_playlist_is_shown() -> None:
    builder = at_rest()
    builder.cycle(report_of("Grandma", 1204, playlists_edited=1, entries_added=3))
    page = status_page(builder.board.status())
    assert "playlist updated (3 added, 0 removed); 1,204 photos on the frame" in page


def test_album_ids_are_there_in_full() -> None:
    document = parse(status_page(status_of("at_rest")))
    shown_ids = [text_of(code) for code in all_of(document, "code") if code.get("class") == "id"]
    assert shown_ids == ALBUM_IDS


def test_the_page_renews_itself_faster_while_something_runs() -> None:
    for situation, seconds in (("at_rest", "15"), ("mid_upload", "3")):
        document = parse(status_page(status_of(situation)))
        assert document.get("data-refresh") == seconds
        (noscript,) = all_of(document, "noscript")
        assert f'content="{seconds}"' in status_page(status_of(situation))
        assert noscript is not None
