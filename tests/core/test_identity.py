"""The names that photos are sent under: readable, and known again whatever a service makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.identity import (
    FITTING_BYTES,
    PhotoKey,
    content_key,
    item_key,
    key_in,
    keyed_name,
    plain_name,
)
from picsync.core.model import Digest, MediaItem
from picsync.core.recipe import Recipe

ITEM = MediaItem("googlephotos", "AF1Qip", "2")
KEY = PhotoKey(item_key(ITEM), content_key(Digest.md5("0" * 32)), Recipe().key, 347_000)


def test_keys_stay_as_they_are_in_the_names_of_photos_on_frames() -> None:
    assert keyed_name("IMG_1.HEIC", KEY) == "IMG_1 ps-rwbaz7qyjf-b7dg75axsz-36ul-000ar.HEIC"


@given(st.text(max_size=300), st.integers(0, 10**12))
def test_a_name_tells_its_key(filename: str, size_bytes: int) -> None:
    key = PhotoKey(KEY.item, KEY.content, FITTING_BYTES, size_bytes)
    name = keyed_name(filename, key)
    found = key_in(name)
    assert found is not None
    assert (found.item, found.content, found.recipe) == (key.item, key.content, key.recipe)
    assert 0 <= found.size_bytes - size_bytes < 1_000 or found.size_bytes == 33_554_431_000
    assert len(name) <= 120 + 40 + 13
    assert key_in(keyed_name(name, KEY)) == KEY


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1 {}.jpg",
        "{}",
        "IMG_1_{}.jpg",
        "IMG_1 {} (2).jpeg",
        "IMG_1-{}-photo.jpg",
        "img_1 {}.jpg",
    ],
)
def test_services_may_change_names_a_little(name: str) -> None:
    for form in (str(KEY), str(KEY).upper()):
        assert key_in(name.format(form)) == KEY


@pytest.mark.parametrize(
    "name", ["", "IMG_1.jpg", "ps-1.jpg", "tips-abc.jpg", f"x{KEY}y.jpg", "ps-" + "a" * 40]
)
def test_other_names_have_no_key(name: str) -> None:
    assert key_in(name) is None
    assert plain_name(name) == name
