from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.profiling.pprof import Frame, Measure, Profile, Stack, encode
from tests.profiling.decoding import Decoded

MEASURES = (Measure("samples", "count"), Measure("cpu", "nanoseconds"))


def profile(samples: dict[Stack, tuple[int, ...]], *comments: str) -> Profile:
    return Profile(MEASURES, samples, began_ns=10**18, duration_ns=7, period=3, comments=comments)


def test_what_is_measured_is_described() -> None:
    read = Decoded(encode(profile({}, "one", "two"), program="picsync"))
    assert read.types == [("samples", "count"), ("cpu", "nanoseconds")]
    assert read.period_type == ("cpu", "nanoseconds")
    assert read.default == "cpu"
    assert read.comments == ["one", "two"]
    assert (read.raw.time_nanos, read.raw.duration_nanos, read.raw.period) == (10**18, 7, 3)
    [mapping] = read.raw.mapping
    assert read.strings[mapping.filename] == "picsync"
    assert mapping.has_functions


def test_the_string_table_begins_with_the_empty_string() -> None:
    assert Decoded(encode(profile({}), program="picsync")).strings[0] == ""


def test_ids_are_shared_and_never_zero() -> None:
    outer, inner, other = Frame("m.f", "f.py", 3, 1), Frame("m.g", "g.py", 9, 8), Frame("m.f", "f.py", 4, 1)
    read = Decoded(encode(profile({(inner, outer): (1, 2), (inner, other): (3, 4)}), program="picsync"))
    assert sorted(each.id for each in read.raw.function) == [1, 2]
    assert sorted(each.id for each in read.raw.location) == [1, 2, 3]
    assert {each.mapping_id for each in read.raw.location} == {1}
    assert {each.start_line for each in read.raw.function} == {1, 8}


@pytest.mark.parametrize("value", [0, 1, 127, 128, -1, -(2**63), 2**63 - 1])
def test_numbers_of_any_size_and_sign(value: int) -> None:
    read = Decoded(
        encode(profile({(Frame("f", "f.py", 1),): (value, -value if value > -(2**63) else 0)}), program="x")
    )
    assert read.samples[0][1][0] == value


frames = st.builds(Frame, st.text(max_size=5), st.text(max_size=5), st.integers(0, 2**31), st.just(0))
stacks = st.lists(frames, max_size=4).map(tuple)
values = st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))


@given(st.dictionaries(stacks, values, max_size=5))
def test_what_is_written_is_read(samples: dict[Stack, tuple[int, int]]) -> None:
    read = Decoded(encode(profile(dict(samples)), program="picsync"))
    assert read.samples == [(tuple(frame[:3] for frame in stack), sums) for stack, sums in samples.items()]
