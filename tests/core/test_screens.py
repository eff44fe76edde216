"""What counts as a screenshot."""

from __future__ import annotations

import unicodedata

import pytest

from picsync.core.model import MediaItem, facts
from picsync.core.screens import is_screenshot, size_matters


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot_20240131-120000.jpg",
        "Screen Shot 2019-05-01 at 10.00.00.png",
        "Screenshot 2024-01-31 at 12.00.00.png",
        "Bildschirmfoto 2024-01-31 um 12.00.00.png",
        "Capture d\u2019écran 2024-01-31.png",
        "Capture d'écran 2024-01-31.png",
        "Captura de pantalla 2024.png",
        "Снимок экрана 2024.png",
        "스크린샷 2024.png",
    ],
)
def test_names_of_screenshots(name: str) -> None:
    assert is_screenshot(MediaItem("folder", "1", filename=name), None, None)
    # As macOS writes file names.
    decomposed = unicodedata.normalize("NFD", name)
    assert is_screenshot(MediaItem("folder", "1", filename=decomposed), None, None)


@pytest.mark.parametrize(
    "name", ["IMG_0001.png", "Screenshotting trip.jpg", "screening.jpg", "", "Capture.jpg"]
)
def test_other_names(name: str) -> None:
    assert is_screenshot(MediaItem("folder", "1", filename=name), None, None) is False


@pytest.mark.parametrize(
    ("mime_type", "width", "height", "expected"),
    [
        ("image/png", 1080, 2400, True),
        ("image/png", 2400, 1080, True),
        ("image/jpeg", 1080, 2400, False),
        ("image/png", 4000, 3000, False),
        ("image/png", None, None, None),
        ("image/jpeg", None, None, False),
    ],
)
def test_png_of_the_size_of_a_screen(
    mime_type: str, width: int | None, height: int | None, *, expected: bool | None
) -> None:
    item = MediaItem("immich", "1", mime_type=mime_type, facts=facts(width, height))
    assert is_screenshot(item, width, height) is expected
    assert size_matters(item) is (expected is None)
