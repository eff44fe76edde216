"""Nothing is ever lost, deleted or overwritten by sorting, whatever the files are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from picsync.core.organize import Left, OrganizeRule
from picsync.core.places import fold, split, stem_and_suffix
from tests.core.sorting import Files, planned, sort

STEMS = st.sampled_from(
    ["1", "a", "A", "é", "e\u0301", "a_20261129-230000", "2015-02-12 00.05.58", ".x", "..y"]
)
SUFFIXES = st.sampled_from([".jpg", ".JPG", ".heic", ".mov", ".MOV", ".mp4", ".txt", ""])
NAMES = st.tuples(STEMS, SUFFIXES).map("".join)
FOLDERS = st.sampled_from(
    ["/in", "/in/sub", "/out/2015/2015-02", "/out/2015/2015-03", "/v/2015", "/rest", "/rest/duplicates"]
)
PATHS = st.tuples(FOLDERS, NAMES).map("/".join)
DATES = st.sampled_from([datetime(2015, 2, 12), datetime(2015, 3, 1), None])  # noqa: DTZ001
CONTENT = st.sampled_from(["", "1", "2", "22", "33"])
RULES = st.builds(
    OrganizeRule,
    st.just("camera"),
    st.just("/in"),
    st.just("/out/{year}/{year}-{month}"),
    st.sampled_from(["/out/{year}/{year}-{month}", "/v/{year}"]),
    recursive=st.booleans(),
    unsorted=st.sampled_from([None, "/rest"]),
    photo_types=st.just(frozenset({"jpg", "heic"})),
    video_types=st.just(frozenset({"mov", "mp4"})),
    rename=st.booleans(),
    keep_duplicates=st.booleans(),
)


@st.composite
def all_files(draw: st.DrawFn) -> Files:
    content = draw(st.dictionaries(PATHS, CONTENT, max_size=14))
    dates = {path: date for path in content if (date := draw(DATES)) is not None}
    waits = {path: draw(st.sampled_from(Left)) for path in content if draw(st.integers(0, 9)) == 0}
    return Files(content, dates=dates, waits=waits)


@given(RULES, all_files())
def test_each_file_is_in_exactly_one_place(rule: OrganizeRule, files: Files) -> None:
    after = sort(rule, files)
    assert Counter(after.values()) == Counter(files.content.values())
    moved = {move.file.path for move in files.plan.moves}
    found = {each.path for each in files.found(rule)}
    assert moved | files.left.keys() == found
    assert not moved & files.left.keys()
    assert all(after[path] == files.content[path] for path in files.content.keys() - moved)
    targets = [fold(move.to) for move in files.plan.moves]
    assert len(set(targets)) == len(targets)
    assert not set(targets) & {fold(path) for path in files.content.keys() - moved}


@given(RULES, all_files())
def test_a_second_pass_moves_nothing(rule: OrganizeRule, files: Files) -> None:
    after = sort(rule, files)
    again = Files(after, dates=files.dates, waits=files.waits)
    assert planned(rule, again).moves == ()


@given(RULES, all_files(), st.data())
def test_any_part_of_a_pass_may_fail(rule: OrganizeRule, files: Files, data: st.DataObject) -> None:
    done = data.draw(st.sets(st.sampled_from(planned(rule, files).moves or (None,))))
    after = dict(files.content)
    for move in done - {None}:
        assert move is not None
        after[move.to] = after.pop(move.file.path)
    rest = Files(after, dates=files.dates, waits=files.waits)
    assert Counter(sort(rule, rest).values()) == Counter(files.content.values())


@given(RULES, all_files())
def test_the_halves_of_a_live_photo_are_in_one_folder(rule: OrganizeRule, files: Files) -> None:
    sort(rule, files)
    where = {move.file.path: move.to for move in files.plan.moves}
    units: dict[int, list[str]] = {}
    for move in files.plan.moves:
        units.setdefault(move.unit, []).append(move.file.path)
    for unit in units.values():
        assert len({split(where[path])[0] for path in unit}) == 1
        stems = {fold(stem_and_suffix(path)[0]) for path in unit}
        assert len(stems) == 1
        assert len({fold(stem_and_suffix(where[path])[0]) for path in unit}) == 1


@given(all_files())
def test_without_a_place_for_them_no_unsorted_file_moves(files: Files) -> None:
    rule = OrganizeRule(
        "camera", "/in", "/out", "/out", recursive=True, photo_types={"jpg"}, video_types={"mp4"}
    )
    sort(replace(rule, unsorted=None), files)
    assert all(move.sorted for move in files.plan.moves)
