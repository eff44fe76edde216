from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from picsync.media import icc
from tests.rendering import profiles


def test_srgb_is_recognized_however_its_curve_is_written() -> None:
    for curve in (profiles.parametric(), profiles.sampled(2.2), b"curv" + bytes(7) + b"\1\2\x33"):
        assert icc.is_srgb(profiles.matrix(profiles.SRGB, curve)) is True
    made = io.BytesIO(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert icc.is_srgb(made.getvalue()) is True


@pytest.mark.parametrize(
    "profile",
    [
        profiles.matrix(profiles.DISPLAY_P3),
        profiles.matrix(profiles.SRGB, profiles.sampled(1.8)),
        profiles.matrix(profiles.SRGB, b"curv" + bytes(8)),
        profiles.matrix(profiles.SRGB, b"odd"),
        profiles.grey(2.2),
        profiles.cmyk(),
        icc.adobe_rgb(),
    ],
)
def test_other_profiles_are_not_srgb(profile: bytes) -> None:
    assert icc.is_srgb(profile) is False
    assert icc.is_valid(profile)


def test_a_damaged_profile_describes_nothing() -> None:
    whole = profiles.matrix(profiles.SRGB)
    for damaged in (b"", b"garbage", bytes(200), whole[:140], whole.replace(b"acsp", b"xxxx")):
        assert icc.is_srgb(damaged) is None
        assert not icc.is_valid(damaged)


def test_the_profile_of_adobe_rgb_is_one_for_others_too() -> None:
    found = ImageCms.ImageCmsProfile(io.BytesIO(icc.adobe_rgb()))
    assert found.profile.xcolor_space.strip() == "RGB"


@given(st.data())
def test_any_change_of_a_profile_raises_nothing(data: st.DataObject) -> None:
    profile = bytearray(profiles.matrix(profiles.SRGB, profiles.sampled(2.2, 32)))
    for _ in range(data.draw(st.integers(1, 8))):
        profile[data.draw(st.integers(100, len(profile) - 1))] = data.draw(st.integers(0, 255))
    icc.is_srgb(bytes(profile[: data.draw(st.integers(0, len(profile)))]))
