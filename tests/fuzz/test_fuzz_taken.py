"""Files that lie about when they were taken."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from hypothesis import given
from hypothesis import strategies as st

from picsync.core.namedates import date_in_name
from picsync.media.sparse import MissingPart, SparseFile
from picsync.media.taken import taken
from tests.fuzz.mutations import inputs
from tests.media.files import box, ftyp
from tests.media.test_taken import apple, canon_raw, heic, movie, mvhd, picture

WHOLE = [
    picture("JPEG"),
    picture("PNG"),
    picture("WEBP"),
    picture("TIFF"),
    heic(),
    movie(mvhd(), apple("2015-02-12T00:05:58+0100")),
    movie(box(b"udta", box(b"\xa9day", bytes(4), b"2015-02-12T00:05:58")), mvhd(version=1)),
    ftyp(b"crx ") + box(b"moov", box(b"uuid", bytes(16), box(b"CMT2", canon_raw()))),
]
READS = 500
"""Far more than any file needs, far fewer than an endless loop makes."""


class Counting(io.BytesIO):
    """Counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        assert self.reads < 20 * READS
        return super().read(size)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, min(len(data), 2000) - 1))
        value = draw(
            st.sampled_from([b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1", b"\x7f"])
        )
        data[at : at + len(value)] = value
    return bytes(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data)


@inputs(300)
@given(damaged() | st.binary(max_size=200))
def test_damaged_files_have_a_time_or_none(data: bytes) -> None:
    taken(Counting(data))


@inputs(60)
@given(damaged())
def test_damaged_remote_files_ask_for_a_bounded_number_of_parts(data: bytes) -> None:
    file = SparseFile(len(data))
    for _ in range(READS):
        try:
            taken(cast("BinaryIO", file))
        except MissingPart as missing:
            file.add(missing.start, data[missing.start :][: max(missing.size_bytes, 512)])
        else:
            return
    raise AssertionError("it reads for ever")


@inputs(300)
@given(st.text(max_size=40) | st.from_regex(r"[0-9]{1,9}[-_.: ]?[0-9]{1,4}[-_.: ]?[0-9]{1,9}"))
def test_any_name_has_a_date_or_none(name: str) -> None:
    found = date_in_name(name)
    assert found is None or 2000 <= found.year <= 2099
