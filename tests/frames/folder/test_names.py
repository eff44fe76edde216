"""Names of files: what the levels allow, and numbers that keep an order without renaming everything."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.model import Digest
from picsync.frames.folder import names
from picsync.frames.folder.names import NUMBERS, Numbers
from picsync.frames.folder.options import Level

DIGEST = Digest("md5", "0123456789abcdef" * 2)
DCF = re.compile(r"DCIM/[1-9][0-9]{2}[A-Z0-9_]{5}/[A-Z0-9_]{4}[0-9]{4}\.[A-Z]{3}")


@given(st.text(), st.sampled_from(Level), st.data())
def test_names_say_their_number_and_level(filename: str, level: Level, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, NUMBERS[level].count - 1))
    plain = names.plain(filename, DIGEST, "jpg")
    assert (names.number_of(plain), names.level_of(plain)) == (None, Level.SAFE)
    name = names.numbered(level, number, plain)
    assert names.is_name(name)
    assert (names.number_of(name), names.level_of(name)) == (number, level)
    assert names.numbered(level, number, name) == name
    if level is Level.DCF:
        assert DCF.fullmatch(name)
        assert not name.endswith("0000.JPG")
    if level is Level.SHORT:
        assert re.fullmatch(r"[A-Z0-9]{8}\.[A-Z]{3}", name)


@pytest.mark.parametrize(
    "name",
    [
        "../a.jpg",
        "DCIM/100PICSY/../../a.JPG",
        "a/b.jpg",
        "DCIM/099PICSY/PICS0001.JPG",
        ".picsync",
        "/a.jpg",
        "",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    assert not names.is_name(name)


@given(st.sampled_from(Level), st.data())
def test_names_and_times_ascend_with_the_numbers(level: Level, data: st.DataObject) -> None:
    count = NUMBERS[level].count
    first, second = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=2)))
    assert names.numbered(level, first, "a.jpg") < names.numbered(level, second, "a.jpg")
    assert names.mtime_of(second) - names.mtime_of(first) >= 2
    assert names.mtime_of(count) < 2**31


def _ascending(found: list[int]) -> bool:
    return all(one < two for one, two in itertools.pairwise(found))


SMALL = Numbers(60, 4)


@given(
    st.lists(
        st.one_of(st.none(), st.integers(0, 59)),
        max_size=14,
        unique_by=lambda n: object() if n is None else n,
    ),
    st.sets(st.integers(0, 59), max_size=20),
)
def test_every_order_gets_numbers_and_few_files_move(present: list[int | None], taken: set[int]) -> None:
    taken -= {number for number in present if number is not None}
    found = names.placed(present, taken, SMALL)
    assert found is not None
    assert len(found) == len(present)
    assert _ascending(found)
    assert all(0 <= number < SMALL.count for number in found)
    moved = [new for old, new in zip(present, found, strict=True) if old != new]
    assert not set(moved) & (taken | set(present)), "a file would be replaced"
    numbers = [number for number in present if number is not None]
    if _ascending(numbers) and len(numbers) == len(present):
        assert found == present


def test_a_new_photo_at_the_front_moves_no_other() -> None:
    """The usual order, newest first: thousands of photos come before all others."""
    for level in Level:
        present = names.placed([None] * 500, set(), NUMBERS[level])
        assert present is not None
        for _ in range(300):
            found = names.placed([None, *present], set(), NUMBERS[level])
            assert found is not None
            assert found[1:] == present
            present = found


def test_a_photo_in_the_middle_moves_no_other() -> None:
    present = names.placed([None] * 10, set(), NUMBERS[Level.SAFE])
    assert present is not None
    found = names.placed([*present[:5], None, *present[5:]], set(), NUMBERS[Level.SAFE])
    assert found is not None
    assert [*found[:5], *found[6:]] == present


def test_too_many_photos_get_none() -> None:
    assert names.placed([None] * 61, set(), SMALL) is None
    assert names.next_number(Level.SHORT, range(99_999)) is None
    assert names.next_number(Level.SHORT, {99_998}) == 0
