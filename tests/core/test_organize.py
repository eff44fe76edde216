"""Where files go, by tables of cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from picsync.core.organize import (
    Left,
    OrganizeRule,
    circle,
    feeds,
    fixed_part,
    log_line,
    may_contain,
    reads_targets,
    template_problem,
)
from tests.core.sorting import NOW, Files, file, sort

RULE = OrganizeRule(
    "camera",
    "/in",
    "/out/{year}/{year}-{month}",
    "/out/{year}/{year}-{month}",
    unsorted="/rest",
    photo_types=frozenset({"jpg", "heic"}),
    video_types=frozenset({"mov", "mp4"}),
)
APART = replace(RULE, photos="/p/{year}/{year}-{month}-photos", videos="/v/{year}/{year}-{month}-videos")
FEB = datetime(2015, 2, 12, 0, 5, 58)  # noqa: DTZ001
STAMP = "20261129-230000"


def test_photos_and_videos_go_to_their_month() -> None:
    files = Files({"/in/a.jpg": "1", "/in/b.MOV": "2"}, taken=FEB)
    assert sort(RULE, files) == {"/out/2015/2015-02/a.jpg": "1", "/out/2015/2015-02/b.MOV": "2"}
    assert sort(APART, files) == {
        "/p/2015/2015-02-photos/a.jpg": "1",
        "/v/2015/2015-02-videos/b.MOV": "2",
    }


def test_all_placeholders() -> None:
    rule = replace(RULE, photos="/{type}/{year}/{month}/{day}", videos="/{type}/{year}")
    files = Files({"/in/a.jpg": "1", "/in/b.mov": "2"}, taken=FEB)
    assert sort(rule, files) == {"/photos/2015/02/12/a.jpg": "1", "/videos/2015/b.mov": "2"}


def test_what_is_no_medium_or_has_no_date_goes_to_unsorted_or_stays() -> None:
    files = Files({"/in/a.jpg": "1", "/in/notes.txt": "2", "/in/README": "3"})
    assert sort(RULE, files) == {"/rest/a.jpg": "1", "/rest/notes.txt": "2", "/rest/README": "3"}
    stays = replace(RULE, unsorted=None)
    assert sort(stays, files) == dict(files.content)
    assert files.left == {
        "/in/a.jpg": Left.NO_DATE, "/in/notes.txt": Left.NOT_MEDIA, "/in/README": Left.NOT_MEDIA,
    }  # fmt: skip


def test_a_taken_name_gets_the_time() -> None:
    files = Files({"/in/a.jpg": "1", "/out/2015/2015-02/a.jpg": "2"}, taken=FEB)
    assert sort(RULE, files) == {
        "/out/2015/2015-02/a.jpg": "2",
        f"/out/2015/2015-02/a_{STAMP}.jpg": "1",
    }


def test_a_taken_name_in_other_capitals_gets_the_time() -> None:
    files = Files({"/in/A.JPG": "1", "/out/2015/2015-02/a.jpg": "2"}, taken=FEB)
    assert f"/out/2015/2015-02/A_{STAMP}.JPG" in sort(RULE, files)


def test_names_that_were_given_in_the_same_second_are_counted() -> None:
    content = {f"/in/{sub}/a.jpg": sub for sub in ("w", "x", "y", "z")}
    sorted_files = sort(replace(RULE, recursive=True), Files(content, taken=FEB))
    assert sorted_files == {
        "/out/2015/2015-02/a.jpg": "w",
        f"/out/2015/2015-02/a_{STAMP}.jpg": "x",
        f"/out/2015/2015-02/a_{STAMP}-2.jpg": "y",
        f"/out/2015/2015-02/a_{STAMP}-3.jpg": "z",
    }


def test_conflicts_may_stay() -> None:
    files = Files({"/in/a.jpg": "1", "/out/2015/2015-02/a.jpg": "2"}, taken=FEB)
    assert sort(replace(RULE, rename=False), files) == dict(files.content)
    assert files.left == {"/in/a.jpg": Left.CONFLICT}


def test_duplicates_go_apart_or_stay() -> None:
    files = Files({"/in/a.jpg": "1", "/out/2015/2015-02/a.jpg": "1"}, taken=FEB)
    assert sort(RULE, files) == {"/out/2015/2015-02/a.jpg": "1", "/rest/duplicates/a.jpg": "1"}
    for rule in (replace(RULE, keep_duplicates=True), replace(RULE, unsorted=None)):
        assert sort(rule, files) == dict(files.content)
        assert files.left == {"/in/a.jpg": Left.DUPLICATE}


def test_a_duplicate_of_a_file_that_a_conflict_renamed_is_one() -> None:
    files = Files(
        {
            "/in/a.jpg": "2",
            "/out/2015/2015-02/a.jpg": "1",
            "/out/2015/2015-02/a_20200101-000000.jpg": "2",
            "/rest/duplicates/a.jpg": "2",
        },
        taken=FEB,
    )
    assert sort(RULE, files).keys() - files.content.keys() == {f"/rest/duplicates/a_{STAMP}.jpg"}


def test_duplicates_of_unsorted_files_are_found_too() -> None:
    files = Files({"/in/notes.txt": "1", "/rest/notes.txt": "1"})
    assert sort(RULE, files) == {"/rest/notes.txt": "1", "/rest/duplicates/notes.txt": "1"}


def test_two_equal_files_in_one_pass_are_duplicates() -> None:
    files = Files({"/in/x/a.jpg": "1", "/in/y/a.jpg": "1"}, taken=FEB)
    assert sort(replace(RULE, recursive=True), files) == {
        "/out/2015/2015-02/a.jpg": "1",
        "/rest/duplicates/a.jpg": "1",
    }


@pytest.mark.parametrize("video", ["IMG_1.mov", "IMG_1.MOV", "img_1.mov"])
def test_the_halves_of_a_live_photo_stay_together(video: str) -> None:
    files = Files({"/in/IMG_1.HEIC": "1", f"/in/{video}": "2"}, taken=FEB)
    assert sort(APART, files) == {
        "/p/2015/2015-02-photos/IMG_1.HEIC": "1",
        f"/p/2015/2015-02-photos/{video}": "2",
    }


def test_a_live_photo_goes_by_the_date_of_its_photo() -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2"}, dates={"/in/1.HEIC": FEB})
    files.dates["/in/1.mov"] = datetime(2015, 3, 1)  # noqa: DTZ001
    assert set(sort(RULE, files)) == {"/out/2015/2015-02/1.HEIC", "/out/2015/2015-02/1.mov"}


def test_a_live_photo_without_a_date_is_unsorted_together() -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2"}, dates={"/in/1.mov": FEB})
    assert set(sort(RULE, files)) == {"/rest/1.HEIC", "/rest/1.mov"}


@pytest.mark.parametrize("there", ["1.HEIC", "1.mov"])
def test_both_halves_take_the_new_stem(there: str) -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2", f"/out/2015/2015-02/{there}": "other"}, taken=FEB)
    assert set(sort(RULE, files)) == {
        f"/out/2015/2015-02/{there}",
        f"/out/2015/2015-02/1_{STAMP}.HEIC",
        f"/out/2015/2015-02/1_{STAMP}.mov",
    }


def test_the_other_half_joins_a_photo_that_is_there() -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2", "/out/2015/2015-02/1.HEIC": "1"}, taken=FEB)
    assert set(sort(RULE, files)) == {
        "/out/2015/2015-02/1.HEIC", "/out/2015/2015-02/1.mov", "/rest/duplicates/1.HEIC",
    }  # fmt: skip


def test_a_live_photo_that_is_there_is_a_duplicate_as_a_whole() -> None:
    there = {"/out/2015/2015-02/1.HEIC": "1", "/out/2015/2015-02/1.mov": "2"}
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2", **there}, taken=FEB)
    assert set(sort(RULE, files)) == {*there, "/rest/duplicates/1.HEIC", "/rest/duplicates/1.mov"}


def test_a_half_that_comes_later_follows_its_photo() -> None:
    name = "2015-02-12 00.05.58"
    there = {f"/p/2015/2015-02-photos/{name}.HEIC": "1"}
    files = Files({f"/in/{name}.mov": "2", **there}, taken=FEB)
    assert set(sort(APART, files)) == {*there, f"/p/2015/2015-02-photos/{name}.mov"}
    # A counter is no proof.
    files = Files({"/in/IMG_1.mov": "2", "/p/2015/2015-02-photos/IMG_1.HEIC": "1"}, taken=FEB)
    assert "/v/2015/2015-02-videos/IMG_1.mov" in sort(APART, files)


def test_a_video_next_to_a_photo_is_moved_first() -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2"}, taken=FEB)
    sort(RULE, files)
    assert [move.file.name for move in files.plan.moves] == ["1.mov", "1.HEIC"]
    assert len({move.unit for move in files.plan.moves}) == 1


def test_two_video_halves_that_differ_in_capitals_do_not_collide() -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2", "/in/1.MOV": "3"}, taken=FEB)
    assert sorted(sort(RULE, files).values()) == ["1", "2", "3"]


@pytest.mark.parametrize("why", [Left.PENDING, Left.UNSETTLED, Left.UNREADABLE])
def test_a_file_that_waits_keeps_its_other_half_waiting(why: Left) -> None:
    files = Files({"/in/1.HEIC": "1", "/in/1.mov": "2"}, taken=FEB, waits={"/in/1.mov": why})
    assert sort(RULE, files) == dict(files.content)
    assert files.left == dict.fromkeys(files.content, why)
    assert why.waits


def test_a_log_line_is_one_line() -> None:
    line = log_line("2026-11-29 23:00:00", "a\nb.jpg", "/out/a\nb.jpg")
    assert line == "2026-11-29 23:00:00 - INFO: Moving a b.jpg to /out/a b.jpg\n"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/a/{year}/{month}-{day}-{type}", None),
        ("/a", None),
        ("/a/{yaer}", "unknown placeholder `{yaer}`"),
        ("/a/{}", "unknown placeholder `{}`"),
        ("/a/{year", "a brace without its counterpart"),
        ("/a/year}", "a brace without its counterpart"),
    ],
)
def test_placeholders(path: str, problem: str | None) -> None:
    found = template_problem(path)
    assert (found is None) if problem is None else (found is not None and problem in found)


@pytest.mark.parametrize(
    ("template", "folder", "contains"),
    [
        ("/Archive/{year}", "/Archive/2015", True),
        ("/Archive/{year}", "/archive/2015/new", True),
        ("/Archive/{year}", "/Archive/new", False),
        ("/Archive/{year}", "/Archive", False),
        ("/Archive", "/Archive/new", True),
        ("/Archive", "/Archive", True),
        ("/Archive", "/Archives", False),
        ("/A/{year}-{month}-{type}", "/A/2015-02-photos", True),
    ],
)
def test_what_a_target_may_contain(template: str, folder: str, contains: bool) -> None:
    assert may_contain(template, folder) is contains


def rule(source: str, to: str, *, recursive: bool = False, unsorted: str | None = None) -> OrganizeRule:
    return OrganizeRule(source, source, to, to, recursive=recursive, unsorted=unsorted)


@pytest.mark.parametrize(
    ("one", "other", "led"),
    [
        (rule("/a", "/b"), rule("/b", "/c"), True),
        (rule("/a", "/b/{year}"), rule("/b", "/c"), False),
        (rule("/a", "/b/{year}"), rule("/b", "/c", recursive=True), True),
        (rule("/a", "/x", unsorted="/b"), rule("/b", "/c"), True),
        (rule("/a", "/x", unsorted="/b"), rule("/b/duplicates", "/c"), True),
        (rule("/a", "/x"), rule("/b", "/c"), False),
        (rule("/a", "/a/{year}"), rule("/a", "/a/{year}"), False),
    ],
)
def test_which_rule_feeds_which(one: OrganizeRule, other: OrganizeRule, led: bool) -> None:
    assert feeds(one, other) is led


def test_circles_are_found() -> None:
    rules = {each.name: each for each in (rule("/a", "/b"), rule("/b", "/c"), rule("/c", "/a"))}
    leads: Mapping[str, list[str]] = {
        name: [other for other in rules if feeds(rules[name], rules[other])] for name in rules
    }
    assert circle(rules, leads) == ["/a", "/b", "/c", "/a"]
    assert circle(rules, {**leads, "/c": []}) is None


def test_what_reads_the_sorted_files() -> None:
    assert fixed_part("/out/{year}/x") == "/out"
    assert fixed_part("/out/x") == "/out/x"
    assert fixed_part("/{year}") == "/"
    for folder, reads in {"/out": True, "/out/2015": True, "/": True, "/other": False}.items():
        assert reads_targets(RULE, folder) is reads


def test_the_time_is_that_of_the_pass() -> None:
    assert f"{NOW:%Y%m%d-%H%M%S}" == STAMP
    assert file("/in/a.jpg").name == "a.jpg"
