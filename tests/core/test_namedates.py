"""Dates in file names."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from picsync.core.namedates import date_in_name, has_time

WITH_TIME = (
    "2015-02-12 00.05.58.jpg",
    "2015-02-12 00.05.58-1.jpg",
    "2015-02-12 00.05.58 HDR.HEIC",
    "IMG_20150212_000558.jpg",
    "VID_20150212_000558.mp4",
    "20150212_000558.jpg",
    "20150212_000558(1).jpg",
    "MVIMG_20150212_000558.jpg",
    "IMG_20150212_000558_HDR.jpg",
    "IMG_20150212_000558123.jpg",
    "20150212000558.jpg",
    "Screenshot_20150212-000558_Maps.png",
    "Screenshot_2015-02-12-00-05-58.png",
    "Screenshot 2015-02-12 at 00.05.58.png",
    "WhatsApp Image 2015-02-12 at 00.05.58.jpeg",
    "WhatsApp Video 2015-02-12 at 00.05.58.mp4",
    "photo_2015-02-12_00-05-58.jpg",
    "signal-2015-02-12-000558.jpg",
    "2015-02-12T00:05:58.jpg",
    "2015_02_12 00_05_58.jpg",
    "2015:02:12 00:05:58.jpg",
    "Anna 2015-02-12 00.05.58 at the lake.jpg",
    "2015-2-12 0.05.58.jpg",
)
WITH_DATE = (
    "2015-02-12.jpg",
    "IMG-20150212-WA0001.jpg",
    "VID-20150212-WA0001.mp4",
    "WP_20150212_001.jpg",
    "2015-02-12 99.99.99.jpg",
    "Holiday_2015.02.12_IMG_0042.JPG",
    "9999-12-12 and 2015-02-12.jpg",
    "2015-02-31 then 2015-02-12.jpg",
)
WITHOUT = (
    "",
    "IMG_0042.JPG",
    "DSC01234.ARW",
    "2015-02.jpg",
    "2015-13-01.jpg",
    "2015-00-10.jpg",
    "2015-02-31.jpg",
    "1999-02-12 00.05.58.jpg",
    "2100-02-12.jpg",
    "1577836800000.jpg",
    "FB_IMG_1577836800000.jpg",
    "+4915123456789.jpg",
    "120150212.jpg",
    "201502120.jpg",
    "\u0662\u0660\u0661\u0665-02-12.jpg",
    "2015-02.12.jpg",
)


@pytest.mark.parametrize("name", WITH_TIME)
def test_a_time_is_found(name: str) -> None:
    assert date_in_name(name) == datetime(2015, 2, 12, 0, 5, 58)  # noqa: DTZ001
    assert has_time(name)


@pytest.mark.parametrize("name", WITH_DATE)
def test_a_date_is_found(name: str) -> None:
    assert date_in_name(name) == datetime(2015, 2, 12)  # noqa: DTZ001


@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_no_date(name: str) -> None:
    assert date_in_name(name) is None


def test_pixel_phones_write_utc() -> None:
    assert date_in_name("PXL_20150212_000558123.jpg") == datetime(2015, 2, 12, 0, 5, 58, tzinfo=UTC)
    assert date_in_name("PXL_20150212_000558123.PORTRAIT.jpg") is not None


def test_the_patterns_decide_what_is_a_year_and_a_month() -> None:
    old = date_in_name("1999-02-12.jpg", year=re.compile(r"^(19|20)\d\d$"))
    assert old == datetime(1999, 2, 12)  # noqa: DTZ001
    assert date_in_name("2015-02-12.jpg", month=re.compile(r"^0[3-9]$")) is None
    assert date_in_name("2015-2-12.jpg", month=re.compile(r"^\d\d$")) is None


def test_a_counter_is_not_a_time() -> None:
    assert not has_time("IMG_20150212.jpg")
    assert not has_time("IMG_0042.MOV")
