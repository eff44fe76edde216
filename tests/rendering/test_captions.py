"""Captions in pictures: legible on every ground, in many scripts, and never boxes."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from picsync.core.caption import Details
from picsync.core.recipe import Panel, Recipe
from picsync.media.treatment import Treatment
from picsync.rendering import captions, pictures
from picsync.rendering.captions import Told
from picsync.rendering.pool import Renderer
from picsync.rendering.protocol import Answer, Limits
from tests.rendering.drawing import baseline, opened

TAKEN = datetime(2024, 5, 3, 9, 8)  # noqa: DTZ001 - local
RECIPE = Recipe(panel=Panel(320, 200), caption="{description} · {taken:%B %Y}")


def photo(
    description: str = "Granny",
    size: tuple[int, int] = (320, 200),
    colour: str = "white",
    located: bool = False,
) -> bytes:
    found = Image.Exif()
    found[0x010E] = description.encode()
    found.get_ifd(0x8769)[0x9003] = "2024:05:03 09:08:07"
    if located:
        found.get_ifd(0x8825).update({1: "N", 2: (41.0, 53.4, 0.0), 3: "E", 4: (12.0, 29.4, 0.0)})
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "JPEG", exif=found)
    return target.getvalue()


def made(data: bytes, recipe: Recipe = RECIPE, about: Details | None = None) -> tuple[Answer, bytes]:
    target = io.BytesIO()
    return pictures.render(io.BytesIO(data), recipe, target, Limits(), about or Details()), target.getvalue()


def told(text: str, language: str = "", caption: str = "{description}") -> captions.Caption:
    recipe = Recipe(caption=caption, language=language)
    return captions.caption(recipe, Told(text, None, TAKEN), Details("a.jpg", "Family"))


@pytest.mark.parametrize("colour", ["white", "black", "#808080", "yellow"])
@pytest.mark.parametrize("size", [(320, 200), (200, 320)])
def test_it_is_legible_on_every_ground(colour: str, size: tuple[int, int]) -> None:
    answer, data = made(photo(colour=colour, size=size))
    assert answer.notes == ()
    image = opened(data)
    above = image.crop((0, 0, image.width, image.height // 2))
    assert ImageChops.difference(above, Image.new("RGB", above.size, colour)).getbbox() is None
    bottom = image.crop((0, int(image.height * 0.88), image.width, image.height))
    ((dark, light),) = ImageStat.Stat(bottom.convert("L")).extrema
    assert light > 225, "the letters"
    assert dark < 110, "and what is around them"


def test_nothing_is_written_if_nothing_is_left() -> None:
    fine = baseline()
    answer, data = made(fine, Recipe(caption="{description} · {taken}"))
    assert (answer.treatment, data) == ("as is", b"")
    assert made(fine, Recipe(caption="{album}"), Details(album="Family"))[0].treatment == "render"


def test_a_caption_that_no_font_can_write_is_said_all_the_same() -> None:
    answer, _ = made(baseline(), Recipe(caption="{album}"), Details(album="\U00012000"))
    assert answer.treatment == "as is"
    assert answer.notes == ("Its caption lacks characters that no installed font has: \U00012000.",)


def test_the_source_tells_the_date_if_the_picture_does_not() -> None:
    recipe = Recipe(caption="{taken:%Y}")
    assert made(baseline(), recipe, Details(taken_at="2024-05-03T09:08:07"))[0].treatment == "render"


@pytest.mark.parametrize(
    ("language", "form", "expected"),
    [
        ("", "{taken:%B %Y}", "May 2024"),
        ("de", "{taken:%A, %e. %B %Y}", "Freitag, 3. Mai 2024"),
        ("ru", "{taken:%B %Y}", "май 2024"),
        ("ru", "{taken:%e %B %Y}", "3 мая 2024"),
        ("pt-BR", "{taken:%b %y}", "mai. 24"),
        ("fr", "{taken}", "3 mai 2024"),
        ("en", "{taken:%d/%m/%Y %H:%M %I %p %j}", "03/05/2024 09:08 09 AM 124"),
        ("", "{description} in {album}, {filename}", "Granny in Family, a.jpg"),
    ],
)
def test_dates_in_every_language(language: str, form: str, expected: str) -> None:
    assert told("Granny", language, form).text == expected


def test_the_place_is_that_of_the_picture() -> None:
    recipe = Recipe(caption="{description} · {place}, {taken:%Y}")
    assert captions.caption(recipe, Told("Zoo", (41.89, 12.49), TAKEN), Details()).text == "Zoo · Rome, 2024"
    assert captions.caption(recipe, Told("Zoo", None, TAKEN), Details()).text == "Zoo · 2024"


@pytest.mark.parametrize(
    "text",
    [
        "Großmutter ętø",
        "Ελλάδα",
        "Бабушка",
        "नमस्ते",
        "سلام",
        "שלום",
        "สวัสดี",
        "தமிழ்",
        "తెలుగు",
        "ខ្មែរ",
        "Tiếng Việt",
        "東京の祖母 안녕 奶奶",
    ],
)
def test_scripts_that_have_a_font(text: str) -> None:
    assert told(text) == captions.Caption(text)


def test_what_no_font_has_is_left_out_and_said_once() -> None:
    found = told("At the zoo 🦓🦓 with \U00012000", caption="{description}, {taken:%Y}")
    assert found.text == "At the zoo with, 2024"
    assert found.notes == ("Its caption lacks characters that no installed font has: 🦓 \U00012000.",)
    assert told("\U00012000\U00012001", caption="{description} · {taken:%Y}").text == "2024"


def test_characters_without_a_font_are_never_boxes() -> None:
    with_it, without = made(photo("Zoo \U00012000")), made(photo("Zoo"))
    assert ImageChops.difference(opened(with_it[1]), opened(without[1])).getbbox() is None


def test_without_a_library_that_orders_text_some_scripts_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(captions, "_shapes", lambda: False)
    captions._file_of.cache_clear()
    try:
        assert told("Oma שלום").text == "Oma"
    finally:
        captions._file_of.cache_clear()


def _one(text: str) -> float:
    return float(len(text))


@given(st.text("ab cd", max_size=80), st.integers(4, 30), st.integers(1, 3))
def test_lines_fit_and_keep_the_words(text: str, width: int, most: int) -> None:
    text = " ".join(text.split())
    lines = captions._lines(text, width, most, _one)
    assert len(lines) <= most
    assert all(len(line) <= width for line in lines)
    if len(text) <= width:
        assert lines == ([text] if text else [])
    elif not "".join(lines).endswith("…"):
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    else:
        assert text.replace(" ", "").startswith("".join(lines)[:-1].replace(" ", ""))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120), st.integers(1, 400), st.integers(1, 400))
def test_any_text_in_a_picture_of_any_size(text: str, width: int, height: int) -> None:
    captions.draw(Image.new("RGB", (width, height)), told(text).text)


def test_a_picture_may_be_too_small() -> None:
    answer, _ = made(photo(size=(40, 30)))
    assert answer.notes == ("It is too small for a caption.",)


async def test_a_worker_finds_fonts_and_languages(tmp_path: Path) -> None:
    """Although it may open no other files."""
    source_file, target_file = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source_file.write_bytes(photo("سلام", located=True))
    renderer = Renderer(1)
    try:
        with source_file.open("rb") as source, target_file.open("w+b") as target:
            recipe = Recipe(caption="{description} · {album} · {place} · {taken:%B}", language="de")
            done = await renderer.render(source, recipe, target, Details("a.jpg", "Family"))
    finally:
        await renderer.aclose()
    assert (done.treatment, done.notes) == (Treatment.RENDER, ())
    _, expected = made(photo("سلام", located=True), recipe, Details("a.jpg", "Family"))
    assert target_file.read_bytes() == expected
