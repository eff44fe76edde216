"""What counts as a screenshot, by the listing alone."""

from __future__ import annotations

import unicodedata

import pytest

from picsync.core.model import MediaItem, facts
from picsync.core.screens import is_screenshot


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
    assert is_screenshot(MediaItem("folder", "1", filename=name))
    # As macOS writes file names.
    assert is_screenshot(MediaItem("folder", "1", filename=unicodedata.normalize("NFD", name)))


@pytest.mark.parametrize(
    "name", ["IMG_0001.png", "Screenshotting trip.jpg", "screening.jpg", "", "Capture.jpg"]
)
def test_other_names(name: str) -> None:
    assert not is_screenshot(MediaItem("folder", "1", filename=name))


@pytest.mark.parametrize(
    ("mime_type", "width", "height", "expected"),
    [
        ("image/png", 1080, 2400, True),
        ("image/png", 2400, 1080, True),
        ("image/jpeg", 1080, 2400, False),
        ("image/png", 4000, 3000, False),
        ("image/png", None, None, False),
    ],
)
def test_png_of_the_size_of_a_screen(
    mime_type: str, width: int | None, height: int | None, *, expected: bool
) -> None:
    item = MediaItem("immich", "1", mime_type=mime_type, facts=facts(width, height))
    assert is_screenshot(item) is expected
