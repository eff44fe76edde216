"""When a picture was taken, from arbitrary bytes."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.media import exif
from picsync.media.exif import taken_at_s
from tests.sources.folder.test_listing import exif_jpeg

TAKEN_S = 1_620_277_689.0
TIMES = {0x9003: b"2021:05:06 07:08:09\0", 0x9011: b"+02:00\0"}


def block(order: str, texts: dict[int, bytes]) -> bytes:
    """Return an Exif block with these texts."""
    where = 8 + 2 + 12 + 4
    found, data = b"", b""
    for tag, text in texts.items():
        at = where + 2 + 12 * len(texts) + 4 + len(data)
        value = text.ljust(4, b"\0") if len(text) <= 4 else struct.pack(f"{order}I", at)
        found += struct.pack(f"{order}HHI", tag, 2, len(text)) + value
        data += text
    return (
        {"<": b"II*\0", ">": b"MM\0*"}[order]
        + struct.pack(f"{order}IHHHIII", 8, 1, 0x8769, 4, 1, where, 0)
        + struct.pack(f"{order}H", len(texts))
        + found
        + bytes(4)
        + data
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("before", [b"", b"\xff\xd8\xff\xe1\0\0Exif\0\0", b"\0\0\0\x18ftypheic\0\0Exif\0\0"])
def test_in_every_format(order: str, before: bytes) -> None:
    data = before + block(order, TIMES) + b"the picture"
    assert taken_at_s(data) == TAKEN_S


def test_as_another_program_writes_it() -> None:
    assert taken_at_s(exif_jpeg("2021:05:06 07:08:09", "+02:00")) == TAKEN_S


def test_the_moment_of_storing_where_that_of_taking_is_missing() -> None:
    assert taken_at_s(block("<", {0x9004: b"2021:05:06 05:08:09\0"})) == TAKEN_S


def described(value: bytes) -> bytes:
    return b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x010E, 2, len(value), 26) + bytes(4) + value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Großmutter 東京\0".encode(), "Großmutter 東京"),
        ("Großmutter".encode("latin-1") + b"\0", "Großmutter"),
        (b"OLYMPUS DIGITAL CAMERA         \0", ""),
        (b"Exif_JPEG_PICTURE\0", ""),
        (b"      \0", ""),
    ],
)
def test_the_description_unless_the_camera_wrote_it(value: bytes, text: str) -> None:
    assert exif.description(described(value)) == text


def test_the_local_time() -> None:
    assert exif.local_time(block("<", TIMES)) == datetime(2021, 5, 6, 7, 8, 9)  # noqa: DTZ001 - local
    assert exif.local_time(block("<", {0x9003: b"0000:00:00 00:00:00\0"})) is None


def located(order: str, south: bytes, west: bytes, numbers: tuple[int, ...]) -> bytes:
    entries = struct.pack(f"{order}HHI4s", 1, 2, 2, south) + struct.pack(f"{order}HHII", 2, 5, 3, 80)
    entries += struct.pack(f"{order}HHI4s", 3, 2, 2, west) + struct.pack(f"{order}HHII", 4, 5, 3, 104)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IHHHII", 8, 1, 0x8825, 4, 1, 26)
    data = struct.pack(f"{order}12I", *numbers)
    return head + bytes(4) + struct.pack(f"{order}H", 4) + entries + bytes(4) + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_position(order: str) -> None:
    numbers = (33, 1, 51, 1, 3600, 100, 151, 1, 12, 1, 0, 0)
    found = exif.position(located(order, b"S\0", b"E\0", numbers))
    assert found == pytest.approx((-33.86, 151.2))
    assert exif.position(located(order, b"N\0", b"W\0", numbers)) == pytest.approx((33.86, -151.2))


@pytest.mark.parametrize(
    "numbers",
    [(0, 1) * 6, (0, 0) * 6, (91, 1, 0, 1, 0, 1, 12, 1, 0, 1, 0, 1), (9, 1, 0, 1, 0, 1, 181, 1) + (0, 1) * 2],
)
def test_no_position_where_there_cannot_be_one(numbers: tuple[int, ...]) -> None:
    assert exif.position(located("<", b"N\0", b"E\0", numbers)) is None


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for head in (data, b"II*\0" + data, b"Exif\0\0MM\0*" + data):
        taken = taken_at_s(head)
        assert taken is None or isinstance(taken, float)
    exif.description(data), exif.local_time(data), exif.position(data)


@given(st.sampled_from("<>"), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=8))
def test_a_damaged_block(order: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(block(order, TIMES))
    for at, byte in damage:
        data[at % len(data)] = byte
    taken = taken_at_s(bytes(data) + bytes(100_000))
    assert taken is None or isinstance(taken, float)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (TIMES, ""),
        ({0x9003: b"0000:00:00 00:00:00\0"}, "0000:00:00 00:00:00"),
        ({0x9003: b"0000:00:00 00:00:00\0", 0x9004: b"2021:05:06 07:08:09\0"}, ""),
        ({0x9003: b"    :  :     :  :  \0"}, ""),
        ({}, ""),
    ],
)
def test_what_stands_in_the_place_of_a_time_and_is_none(entries: dict[int, bytes], said: str) -> None:
    assert exif.false_time(block("<", entries)) == said
