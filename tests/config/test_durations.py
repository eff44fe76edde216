from contextlib import suppress
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from picsync.config import parse_duration

UNITS_NS = {
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 1000,
    "\u00b5s": 1000,
    "\u03bcs": 1000,
    "ns": 1,
}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("5s", 5),
        ("30s", 30),
        ("1478s", 1478),
        ("-5s", -5),
        ("+5s", 5),
        ("-0", 0),
        ("+0", 0),
        ("5.0s", 5),
        ("5.6s", 5.6),
        ("5.s", 5),
        (".5s", 0.5),
        ("1.0s", 1),
        ("1.00s", 1),
        ("1.004s", 1.004),
        ("1.0040s", 1.004),
        ("100.00100s", 100.001),
        ("12\u00b5s", 12e-6),
        ("12\u03bcs", 12e-6),
        ("14s16ms", 14.016),
        ("3h30m", 12600),
        ("10.5s4m", 250.5),
        ("-2m3.4s", -123.4),
        ("1h2m3s4ms5us6ns", 3723.004005),
        ("39h9m14.425s", 140954.425),
        ("0.3333333333333333333h", 1200),
        ("0.100000000000000000000h", 360),
        ("1.5h", 5400),
        ("300ms", 0.3),
        ("-.5h", -1800),
        ("999ns", 0),
        ("-1999ns", -1e-6),
    ],
)
def test_reads_what_go_reads(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+",
        "3",
        "90",
        "s",
        ".",
        "-.",
        ".s",
        "+.s",
        "1d",
        "1 h",
        " 1h",
        "1h ",
        "1h-2m",
        "--1s",
        "1s2",
        "1H",
        "\u0663s",
        "1e3s",
        "3000000h",
        "9223372036854775808ns",
        "9223372036s855ms",
        "9" * 5000 + "s",
        "-9223372036854775809ns",
    ],
)
def test_refuses_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|needs a|unknown unit"):
        parse_duration(text)


def test_reads_the_limits() -> None:
    assert parse_duration("9223372036854775807ns") == timedelta(microseconds=9223372036854775)
    assert parse_duration("-9223372036854775808ns") == timedelta(microseconds=-9223372036854775)


def test_a_bare_number_is_told_its_unit() -> None:
    with pytest.raises(ValueError, match="write `90s` for seconds or `90m` for minutes"):
        parse_duration("90")


@given(
    st.lists(st.tuples(st.integers(0, 10**5), st.sampled_from(sorted(UNITS_NS))), min_size=1, max_size=6),
    st.booleans(),
)
def test_whole_parts_add_up(parts: list[tuple[int, str]], negative: bool) -> None:
    text = "-" * negative + "".join(f"{number}{unit}" for number, unit in parts)
    length = timedelta(microseconds=sum(number * UNITS_NS[unit] for number, unit in parts) // 1000)
    assert parse_duration(text) == (-length if negative else length)


@given(st.timedeltas(timedelta(0), timedelta(days=90_000)))
def test_round_trip(length: timedelta) -> None:
    minutes, rest = divmod(length, timedelta(minutes=1))
    text = f"{minutes // 60}h{minutes % 60}m{rest.seconds}s{rest.microseconds}us"
    assert parse_duration(text) == length


@given(
    st.integers(0, 10**6), st.text("0123456789", min_size=1, max_size=25), st.sampled_from(sorted(UNITS_NS))
)
@example(0, "3333333333333333333", "h")
def test_fractions_are_cut_as_go_cuts_them(whole: int, decimals: str, unit: str) -> None:
    exact_ns = Fraction(f"{whole}.{decimals}") * UNITS_NS[unit]
    assert abs(parse_duration(f"{whole}.{decimals}{unit}") / timedelta(microseconds=1) - exact_ns / 1000) <= 1


@given(st.text(alphabet="0123456789.hmsnu\u00b5+- d", max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_duration(text), timedelta)
