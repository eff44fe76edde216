"""What renditions look like: upright, in sRGB, opaque, of the right size, with the metadata to keep."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from picsync.core.recipe import Fit, Panel, Recipe
from picsync.media import exif, heifgrid, icc, jpeg, pngrows, tiffrows
from picsync.media import tiff as structure
from picsync.rendering import pictures, webp
from picsync.rendering.protocol import Answer, Limits, Task
from tests.media.files import box, ftyp, tiff
from tests.rendering import profiles
from tests.rendering.drawing import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    alike,
    assert_quarters,
    baseline,
    coded,
    corners,
    opened,
    quarters,
)

PAIR = Recipe(panel=Panel(320, 160), pair=True)
PLAIN = Recipe()
SMALL = Recipe(panel=Panel(32, 24))


def made(data: bytes, recipe: Recipe = PLAIN, limits: Limits | None = None) -> tuple[Answer, bytes]:
    target = io.BytesIO()
    answer = pictures.render(io.BytesIO(data), recipe, target, limits or Limits())
    return answer, target.getvalue()


def rendition(data: bytes, recipe: Recipe = PLAIN) -> Image.Image:
    answer, written = made(data, recipe)
    assert answer.treatment == "render"
    assert answer.mime_type == "image/jpeg"
    assert answer.size_bytes == len(written)
    image = opened(written)
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert image.size == (answer.width, answer.height)
    found = jpeg.read(io.BytesIO(written))
    assert found is not None
    assert found.baseline
    assert found.subsampled
    return image


def oriented(number: int, **more: Any) -> bytes:
    found = Image.Exif()
    found[0x0112] = number
    for tag, value in more.items():
        found[int(tag.removeprefix("t"), 16)] = value
    return found.tobytes()


def stored(number: int, image: Image.Image | None = None) -> Image.Image:
    """Return the upright picture as a camera stores it that says it is turned by `number`."""
    inverse = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[number]
    image = image or quarters()
    return pictures._turned(image, inverse)


TURNS = range(1, 9)


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("recipe", [PLAIN, SMALL], ids=["large", "small"])
def test_the_orientation_is_applied_once(kind: str, turned: int, recipe: Recipe) -> None:
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    data = coded(stored(turned), kind, exif=oriented(turned), **options)
    if kind == "JPEG" and turned == 1 and recipe is PLAIN:
        return  # It is sent as it is.
    image = rendition(data, recipe)
    assert image.size == ((64, 48) if recipe is PLAIN else (32, 24))
    assert_quarters(image, 12)
    assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("turned", TURNS)
def test_a_bigtiff_is_a_tiff(turned: int) -> None:
    """Some scanners and panorama programs write them, whatever the size."""
    data = _strips(stored(turned, quarters(256, 192)), 8, exif=oriented(turned), big_tiff=True)
    assert data[:4] == b"II+\0"
    assert tiffrows.open_strips(io.BytesIO(data))
    for limits in (Limits(), Limits(whole_pixels=1)):
        answer, written = made(data, SMALL, limits)
        assert (answer.width, answer.height) == (32, 24)
        assert_quarters(opened(written), 14)


@pytest.mark.parametrize("kind", ["jp2", "j2k"])
def test_jpeg_2000_with_and_without_a_container(kind: str) -> None:
    data = io.BytesIO()
    quarters().save(data, "JPEG2000", no_jp2=kind == "j2k")
    assert data.getvalue().startswith(b"\xff\x4f\xff\x51") == (kind == "j2k")
    assert_quarters(rendition(data.getvalue()), 14)


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_containers_that_turn_by_themselves_are_not_turned_twice(kind: str, turned: int) -> None:
    """The encoders write the turn both into the container's boxes and into Exif, as phones do."""
    data = coded(stored(turned, quarters(128, 96)), kind, exif=oriented(turned), quality=90)
    image = rendition(data)
    assert image.size == (128, 96)
    assert_quarters(image, 14)


@pytest.mark.parametrize("turned", TURNS)
def test_the_part_that_is_shown_is_in_the_middle_however_it_is_stored(turned: int) -> None:
    upright = Image.new("RGB", (96, 32), RED)
    upright.paste(GREEN, (32, 0, 64, 32))
    data = coded(stored(turned, upright), "PNG", exif=oriented(turned))
    image = rendition(data, Recipe(panel=Panel(32, 32), fit=Fit.COVER))
    assert image.size == (32, 32)
    assert all(alike(corner, GREEN) for corner in corners(image))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *((mode, "PNG") for mode in ("RGB", "RGBA", "P")),
        *((mode, "TIFF") for mode in ("RGB", "CMYK", "YCbCr", "LAB")),
        *(("RGB", kind) for kind in ("BMP", "WEBP", "JPEG2000", "HEIF", "AVIF")),
        *(("RGBA", kind) for kind in ("HEIF", "AVIF")),
        ("P", "GIF"),
        ("CMYK", "JPEG"),
    ],
)
@pytest.mark.parametrize("recipe", [PLAIN, Recipe(panel=Panel(64, 48))], ids=["large", "small"])
def test_every_format_and_mode(kind: str, mode: str, recipe: Recipe) -> None:
    source = quarters(128, 96)
    if mode == "LAB":
        source = Image.new("LAB", (128, 96), (255, 128, 128))
        source.paste((87, 129, 176), (0, 0, 64, 48))
    elif mode == "P":
        source = source.quantize(8)
    elif mode != "RGB":
        source = source.convert(mode)
    image = rendition(coded(source, kind), recipe)
    if mode == "LAB":
        assert alike(corners(image)[3], WHITE)
    else:
        assert_quarters(image, 20 if kind in ("JPEG", "HEIF", "AVIF", "GIF") else 12)


def test_grey_in_every_depth() -> None:
    ramp = Image.linear_gradient("L").resize((64, 48))
    deep = ramp.convert("I").point(lambda value: value * 257).convert("I;16")
    bilevel = ramp.point(lambda value: 255 * (value > 127)).convert("1")
    floats = ramp.convert("F").point(lambda value: value * (1 / 255) + 0.0)
    for image, kind in ((ramp, "PNG"), (ramp, "JPEG"), (deep, "PNG"), (deep, "TIFF"), (floats, "TIFF")):
        found = rendition(coded(image, kind))
        for y in (6, 24, 42):
            expected = int(ramp.getpixel((32, y)))  # type: ignore[arg-type]
            assert alike(found.getpixel((32, y)), (expected,) * 3, 4), (image.mode, kind, y)  # type: ignore[arg-type]
    found = rendition(coded(bilevel, "PNG"))
    assert alike(found.getpixel((32, 4)), (0, 0, 0))  # type: ignore[arg-type]
    assert alike(found.getpixel((32, 44)), WHITE)  # type: ignore[arg-type]


def test_sixteen_bits_of_colour() -> None:
    """Pillow writes no such PNG, so it is made by hand."""
    import zlib

    row = b"\0" + b"".join(struct.pack(">3H", *(each * 257 for each in RED)) for _ in range(16))
    chunks = [
        (b"IHDR", struct.pack(">2I5B", 16, 16, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 16)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    assert alike(corners(rendition(data))[0], RED)


@pytest.mark.parametrize("recipe", [PLAIN, SMALL], ids=["large", "small"])
@pytest.mark.parametrize(
    ("background", "shown"), [("", (0, 0, 0)), ("black", (0, 0, 0)), ("#2040c0", (0x20, 0x40, 0xC0))]
)
def test_transparency_shows_the_background(background: str, shown: tuple[int, ...], recipe: Recipe) -> None:
    image = quarters().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 255))
    image.paste((255, 0, 255, 0), (32, 24, 64, 48))
    found = rendition(coded(image, "PNG"), Recipe(panel=recipe.panel, background=background))
    assert [alike(a, b) for a, b in zip(corners(found), (RED, GREEN, BLUE, shown), strict=True)] == [True] * 4


def test_a_transparent_colour_of_a_palette_or_of_rgb() -> None:
    palette = quarters().quantize(4)
    index = palette.getpixel((60, 44))
    assert alike(corners(rendition(coded(palette, "PNG", transparency=index)))[3], (0, 0, 0))
    assert alike(corners(rendition(coded(quarters(), "PNG", transparency=WHITE)))[3], (0, 0, 0))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_first_picture_of_several(kind: str) -> None:
    others = [Image.new("RGB", (64, 48), (9, 9, 9)) for _ in range(2)]
    options: dict[str, Any] = {} if kind == "TIFF" else {"duration": 100}
    image = rendition(coded(quarters(), kind, save_all=True, append_images=others, **options))
    assert_quarters(image, 25)


def test_the_primary_picture_of_several() -> None:
    others = [Image.new("RGB", (128, 96), (9, 9, 9))]
    data = coded(
        others[0], "HEIF", save_all=True, append_images=[quarters(128, 96)], primary_index=1, quality=90
    )
    assert_quarters(rendition(data), 14)


def test_ten_bits_and_grids_of_heic() -> None:
    import pillow_heif

    pixels = quarters(128, 96).tobytes()
    words = b"".join(struct.pack("<H", value << 8) for value in pixels)
    deep = pillow_heif.from_bytes("RGB;16", (128, 96), words)
    file = io.BytesIO()
    deep.save(file, quality=90)
    assert_quarters(rendition(file.getvalue()), 14)
    grid = coded(quarters(256, 192), "HEIF", tile_size=64, quality=90)
    assert grid.count(b"hvc1") > 4
    assert_quarters(rendition(grid), 14)


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("size", [(256, 192), (250, 180)], ids=["whole tiles", "parts of tiles"])
def test_a_large_grid_is_decoded_row_by_row_with_the_same_result(size: tuple[int, int], turned: int) -> None:
    image = stored(turned, quarters(*size))
    data = coded(image, "HEIF", tile_size=64, quality=90, exif=oriented(turned))
    grid = heifgrid.read_grid(data)
    assert grid is not None
    assert (grid.width, grid.height, grid.turned) == (*image.size, turned)
    recipe = Recipe(panel=Panel(80, 60))
    answer, written = made(data, recipe, Limits(whole_pixels=1))
    whole_answer, whole = made(data, recipe)
    assert (answer.width, answer.height) == (whole_answer.width, whole_answer.height)
    assert_quarters(opened(written), 14)
    difference = ImageChops.difference(opened(written), opened(whole)).convert("L")
    assert ImageStat.Stat(difference).mean[0] < 2
    _, unreduced = made(data, PLAIN, Limits(whole_pixels=1))
    assert_quarters(opened(unreduced), 14)


@pytest.mark.parametrize("size", [(60_000, 60_000), (257, 193), (100, 100), (0, 0)])
@pytest.mark.parametrize("whole_pixels", [1, 10**9])
def test_a_grid_that_lies_about_its_size_is_refused_in_words(
    size: tuple[int, int], whole_pixels: int
) -> None:
    data = coded(quarters(256, 192), "HEIF", tile_size=64, quality=90)
    grid = b"\0\0\2\3" + struct.pack(">HH", 256, 192)
    assert data.count(grid) == 1
    limits = Limits(whole_pixels=whole_pixels)
    with pytest.raises((OSError, RuntimeError, ValueError)) as caught:
        made(data.replace(grid, grid[:4] + struct.pack(">HH", *size)), SMALL, limits)
    said = pictures.reason(caught.value, limits)
    assert said.startswith("its data is damaged")
    assert type(caught.value).__name__ not in said


def test_other_pictures_of_heic_are_decoded_as_a_whole() -> None:
    single = coded(quarters(128, 96), "HEIF", quality=90)
    transparent = coded(quarters(256, 192).convert("RGBA"), "HEIF", tile_size=64, quality=90)
    for data in (single, transparent, b"", single[:50]):
        assert heifgrid.read_grid(data) is None
    assert_quarters(opened(made(single, SMALL, Limits(whole_pixels=1))[1]), 14)


@pytest.mark.parametrize(
    "mode", ["RGB", "RGBA", "L", "LA", "P", "transparent P", "transparent RGB", "transparent L"]
)
@pytest.mark.parametrize("size", [(256, 1024), (251, 1021)])
def test_a_large_png_is_decoded_in_parts_with_the_same_result(mode: str, size: tuple[int, int]) -> None:
    noise = Image.effect_noise(size, 30)
    image = Image.merge(
        "RGB",
        (noise, Image.linear_gradient("L").resize(size), noise.transpose(Image.Transpose.FLIP_TOP_BOTTOM)),
    )
    image.paste(quarters(size[0] // 2, size[1] // 2), (0, 0))
    last = mode.split()[-1]
    image = image.quantize(16) if last == "P" else image.convert(last)
    options: dict[str, Any] = {}
    if mode.startswith("transparent"):
        options["transparency"] = {"P": 3, "RGB": RED, "L": 77}[last]
    elif "A" in mode:
        image.putalpha(noise)
    data = coded(image, "PNG", **options)
    recipe = Recipe(panel=Panel(40, 160), background="#204060")
    pictures_bytes, pictures._ROWS_BYTES = pictures._ROWS_BYTES, 5_000
    try:
        _, parts = made(data, recipe, Limits(whole_pixels=1))
    finally:
        pictures._ROWS_BYTES = pictures_bytes
    _, whole = made(data, recipe)
    assert opened(parts).size == opened(whole).size
    difference = ImageChops.difference(opened(parts), opened(whole)).convert("L")
    assert ImageStat.Stat(difference).mean[0] < 3
    # What is not reduced is decoded as a whole.
    assert made(data, PLAIN, Limits(whole_pixels=1)) == made(data, PLAIN)


def test_other_png_files_are_decoded_as_a_whole() -> None:
    deep = Image.linear_gradient("L").convert("I").point(lambda value: value * 257).convert("I;16")
    for image in (deep, quarters().convert("1")):
        assert pngrows.open_rows(io.BytesIO(coded(image, "PNG"))) is None
    assert pngrows.open_rows(io.BytesIO(coded(quarters(), "PNG")[:40])) is None


def test_a_large_png_that_is_cut_is_truncated() -> None:
    data = coded(Image.effect_noise((256, 256), 50), "PNG")
    for cut in (data[: len(data) // 2], data[: len(data) // 2] + data[-12:]):
        with pytest.raises(Exception, match=r"truncated|incorrect|invalid|damaged|Error") as caught:
            made(cut, SMALL, Limits(whole_pixels=1))
        assert "truncated" in pictures.reason(caught.value, Limits()) or "damaged" in str(
            pictures.reason(caught.value, Limits())
        )


def _strips(image: Image.Image, rows: int, **options: Any) -> bytes:
    return coded(
        image, "TIFF", strip_size=rows * len(image.crop((0, 0, image.width, 1)).tobytes()), **options
    )


def _difference(one: bytes, other: bytes) -> float:
    assert opened(one).size == opened(other).size
    return ImageStat.Stat(ImageChops.difference(opened(one), opened(other)).convert("L")).mean[0]


@pytest.mark.parametrize("coding", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("rows", [3, 16, 10_000], ids=["3 rows", "16 rows", "one strip"])
def test_a_large_tiff_is_decoded_in_parts_with_the_same_result(coding: str, mode: str, rows: int) -> None:
    image = Image.linear_gradient("L").resize((251, 509)).convert("RGB")
    image.paste(quarters(150, 200), (0, 0))
    if mode == "P":
        image = image.quantize(16)
    elif mode == "I;16":
        image = image.convert("I").point(lambda value: value * 257).convert("I;16")
    else:
        image = image.convert(mode)
    if coding == "jpeg" and mode not in ("RGB", "L"):
        pytest.skip("JPEG has no such pictures")
    data = _strips(image, rows, compression=coding)
    strips = tiffrows.open_strips(io.BytesIO(data))
    assert (strips is None) == (rows == 10_000 and coding != "raw")
    # Two ways to reduce a sharp edge differ a little; without reduction, every pixel is the same.
    for recipe, most in ((Recipe(panel=Panel(40, 80), background="#204060"), 4.0), (PLAIN, 0.0)):
        _, parts = made(data, recipe, Limits(whole_pixels=1))
        assert _difference(parts, made(data, recipe)[1]) <= most


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("recipe", [PLAIN, SMALL], ids=["large", "small"])
def test_a_large_tiff_in_parts_is_turned_once(turned: int, recipe: Recipe) -> None:
    data = _strips(stored(turned, quarters(256, 192)), 8, exif=oriented(turned))
    assert tiffrows.open_strips(io.BytesIO(data))
    answer, written = made(data, recipe, Limits(whole_pixels=1))
    whole, _ = made(data, recipe)
    assert (answer.width, answer.height) == (whole.width, whole.height)
    assert_quarters(opened(written), 14)


def test_other_tiff_files_are_decoded_as_a_whole() -> None:
    numbers = Image.linear_gradient("L").convert("F")
    data = _strips(quarters(), 8)
    # Separate planes.
    changed = data.replace(struct.pack("<HHIH", 284, 3, 1, 1), struct.pack("<HHIH", 284, 3, 1, 2))
    assert changed != data
    for other in (_strips(numbers, 8), b"II*\0", data[:60], b"", changed):
        assert tiffrows.open_strips(io.BytesIO(other)) is None


def test_a_large_tiff_that_is_cut_is_truncated() -> None:
    data = _strips(Image.effect_noise((256, 256), 50), 8)
    with pytest.raises((OSError, ValueError, SyntaxError, pictures.Unusable)) as caught:
        made(data[: len(data) // 2], SMALL, Limits(whole_pixels=1))
    assert "truncated" in str(pictures.reason(caught.value, Limits()))


@pytest.mark.parametrize("options", [{"quality": 95}, {"lossless": True}], ids=["lossy", "lossless"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_is_reduced_while_it_is_decoded_with_the_same_result(
    mode: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.linear_gradient("L").resize((640, 480)).convert("RGB")
    image.paste(quarters(300, 200), (50, 50))
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize((640, 480)))
    data = coded(image, "WEBP", exif=oriented(6), icc_profile=profiles.matrix(profiles.DISPLAY_P3), **options)
    recipe = Recipe(panel=Panel(80, 60), background="#204060")
    assert webp.reduced(data, (64, 48))
    answer, smaller = made(data, recipe)
    monkeypatch.setattr(webp, "reduced", lambda *_: None)
    whole, by_pillow = made(data, recipe)
    assert (answer.width, answer.height) == (whole.width, whole.height)
    assert _difference(smaller, by_pillow) < 2


def test_webp_that_only_pillow_decodes() -> None:
    animation = coded(quarters(), "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    for data in (animation, coded(quarters(), "WEBP")[:80], b"", b"RIFF"):
        assert webp.reduced(data, (16, 12)) is None
    assert_quarters(rendition(animation, Recipe(panel=Panel(16, 12))), 60)


def test_progressive_and_other_codings_become_baseline() -> None:
    for options in ({"progressive": True}, {"subsampling": "4:4:4"}):
        assert_quarters(rendition(coded(quarters(), "JPEG", quality=95, **options)))


def test_progressive_is_sent_if_it_is_wanted() -> None:
    photo = coded(quarters(), "JPEG", progressive=True, subsampling="4:2:0")
    assert made(photo, Recipe(progressive=True))[0].treatment == "as is"
    _, written = made(coded(quarters(), "PNG"), Recipe(progressive=True))
    found = jpeg.read(io.BytesIO(written))
    assert found is not None
    assert found.progressive


def ycck(image: Image.Image) -> bytes:
    """Return a JPEG in Adobe's YCCK: the inks but black as luma and chroma."""
    cyan, magenta, yellow, black = image.convert("CMYK").split()
    luma = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()
    inverted = [band.point(lambda value: 255 - value) for band in luma]
    data = coded(Image.merge("CMYK", (*inverted, black)), "JPEG", quality=95, subsampling="4:4:4")
    at = data.index(b"Adobe")
    return data[: at + 11] + b"\2" + data[at + 12 :]


def test_inks_of_cmyk_and_ycck_are_not_inverted() -> None:
    assert_quarters(
        rendition(
            coded(quarters(), "JPEG").replace(b"", b"")
            and coded(quarters().convert("CMYK"), "JPEG", quality=95)
        ),
        14,
    )
    assert_quarters(rendition(ycck(quarters())), 14)


def test_display_p3_is_converted() -> None:
    """A red of sRGB as Display P3 stores it: IEC 61966-2-1 and SMPTE EG 432-1, computed independently."""
    data = coded(
        Image.new("RGB", (16, 16), (234, 51, 35)), "PNG", icc_profile=profiles.matrix(profiles.DISPLAY_P3)
    )
    assert alike(corners(rendition(data))[0], (255, 0, 0), 4)
    grey = coded(
        Image.new("RGB", (16, 16), (128, 128, 128)), "PNG", icc_profile=profiles.matrix(profiles.DISPLAY_P3)
    )
    assert alike(corners(rendition(grey))[0], (128, 128, 128), 2)


@pytest.mark.parametrize(("primaries", "shown"), [(1, (234, 51, 35)), (12, (255, 0, 0))])
@pytest.mark.parametrize("whole_pixels", [1, 10**9])
def test_the_colours_that_a_number_names_are_converted(
    primaries: int, shown: tuple[int, ...], whole_pixels: int
) -> None:
    numbers = {"color_primaries": primaries, "transfer_characteristics": 13, "matrix_coefficients": 6}
    image = Image.new("RGB", (256, 192), (234, 51, 35))
    data = coded(image, "HEIF", quality=95, tile_size=64, full_range_flag=1, **numbers)
    assert b"colrnclx" in data
    _, written = made(data, PLAIN, Limits(whole_pixels=whole_pixels))
    assert alike(corners(opened(written))[0], shown, 8), corners(opened(written))


def test_adobe_rgb_is_converted_whether_a_profile_or_a_letter_says_so() -> None:
    """A green of sRGB has the values (144, 255, 60) in Adobe RGB."""
    image = Image.new("RGB", (16, 16), (144, 255, 60))
    assert alike(corners(rendition(coded(image, "PNG", icc_profile=icc.adobe_rgb())))[0], (0, 255, 0), 4)
    found = Image.Exif()
    found.get_ifd(0x8769)[0xA001] = 0xFFFF
    found.get_ifd(0x8769)[0xA005] = {1: "R03"}
    data = coded(image, "JPEG", quality=95, subsampling="4:2:0", exif=found.tobytes())
    assert exif.is_adobe_rgb(jpeg.read(io.BytesIO(data)).exif or b"")  # type: ignore[union-attr]
    assert alike(corners(rendition(data))[0], (0, 255, 0), 6)


def test_grey_with_a_profile_is_converted() -> None:
    data = coded(Image.new("L", (16, 16), 128), "PNG", icc_profile=profiles.grey(1.0))
    assert alike(corners(rendition(data))[0], (188, 188, 188), 3)


def test_inks_with_a_profile_are_converted() -> None:
    data = coded(Image.new("CMYK", (16, 16), (0, 0, 255, 0)), "JPEG", quality=95, icc_profile=profiles.cmyk())
    red, green, blue = corners(rendition(data))[0]
    assert red > 180
    assert max(green, blue) < 80
    white = coded(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "TIFF", icc_profile=profiles.cmyk())
    assert alike(corners(rendition(white))[0], WHITE, 6)


@pytest.mark.parametrize(
    "profile",
    [b"x" * 500, bytes(128), profiles.matrix(profiles.DISPLAY_P3)[:200], profiles.grey(2.2), profiles.cmyk()],
    ids=["garbage", "zeros", "cut", "of grey", "of inks"],
)
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes) -> None:
    assert_quarters(rendition(coded(quarters(), "PNG", icc_profile=profile)))


def test_a_damaged_profile_is_mentioned_and_removed_without_encoding_again() -> None:
    photo = baseline(icc_profile=b"garbage" * 30)
    answer, written = made(photo)
    assert answer.treatment == "metadata"
    assert answer.notes == ("Its colour profile is damaged and was ignored.",)
    assert b"ICC_PROFILE" not in written
    assert opened(written).tobytes() == opened(photo).tobytes()
    answer, _ = made(coded(quarters(), "PNG", icc_profile=b"garbage" * 30))
    assert answer.notes == ("Its colour profile is damaged and was ignored.",)


def test_bars_and_their_colour() -> None:
    tall = Image.new("RGB", (24, 48), GREEN)
    recipe = Recipe(panel=Panel(64, 48), background="#c02040")
    image = rendition(coded(tall, "PNG"), recipe)
    assert image.size == (64, 48)
    assert alike(image.getpixel((32, 24)), GREEN)  # type: ignore[arg-type]
    assert alike(image.getpixel((4, 24)), (0xC0, 0x20, 0x40))  # type: ignore[arg-type]
    assert rendition(coded(tall, "PNG"), Recipe(panel=Panel(64, 48))).size == (24, 48)


def test_bars_of_a_blurred_copy() -> None:
    image = rendition(coded(quarters(48, 96), "PNG"), Recipe(panel=Panel(64, 48), background="blur"))
    assert image.size == (64, 48)
    left = image.getpixel((2, 24))
    assert isinstance(left, tuple)
    assert 20 < sum(left) / 3 < 150


def test_nothing_is_enlarged() -> None:
    assert rendition(coded(quarters(), "PNG"), Recipe(panel=Panel(640, 480))).size == (64, 48)
    assert rendition(coded(quarters(), "PNG"), Recipe(panel=Panel(640, 480), background="black")).size == (
        640,
        480,
    )


def test_odd_sizes_become_even_without_resampling() -> None:
    image = rendition(coded(quarters(65, 49), "PNG"))
    assert image.size == (64, 48)
    assert_quarters(image)
    assert rendition(coded(Image.new("RGB", (1, 9)), "PNG")).size == (1, 8)


DATES = {"t9003": "2024:05:06 07:08:09", "t9011": "+02:00", "t9291": "123"}


def full_exif(turned: int = 1) -> bytes:
    found = Image.Exif()
    found[0x0112] = turned
    found[0x010E] = "Grandma's birthday"
    found[0x010F] = "Camera maker"
    found[0x927C] = b"maker note"
    inner = found.get_ifd(0x8769)
    inner.update(
        {0x9003: DATES["t9003"], 0x9011: DATES["t9011"], 0x9291: DATES["t9291"], 0x927C: b"note" * 20}
    )
    found.get_ifd(0x8825).update(
        {1: "N", 2: (48.0, 8.0, 14.2), 3: "E", 4: (11.0, 34.0, 31.0), 5: b"\0", 6: 520.0}
    )
    return found.tobytes()


def assert_metadata(written: bytes, *, location: bool) -> None:
    found = opened(written).getexif()
    assert found[0x010E] == "Grandma's birthday"
    inner = found.get_ifd(0x8769)
    assert inner == {0x9003: DATES["t9003"], 0x9011: DATES["t9011"], 0x9291: DATES["t9291"]}
    gps = found.get_ifd(0x8825)
    assert set(found) <= {0x010E, 0x8769, 0x8825}
    if location:
        assert (gps[1], gps[2], gps[4]) == ("N", (48.0, 8.0, 14.2), (11.0, 34.0, 31.0))
    else:
        assert gps == {}
        assert b"maker" not in written.lower()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
@pytest.mark.parametrize("location", [False, True])
def test_time_and_description_are_kept_and_the_rest_is_not(kind: str, location: bool) -> None:
    data = coded(quarters(128, 96), kind, exif=full_exif())
    answer, written = made(data, Recipe(panel=Panel(64, 48), keep_location=location))
    assert answer.treatment == "render"
    assert_metadata(written, location=location)


def test_a_position_alone_is_removed_without_encoding_again() -> None:
    photo = baseline(exif=full_exif(), comment=b"secret place")
    answer, written = made(photo)
    assert answer.treatment == "metadata"
    assert (answer.width, answer.height, answer.size_bytes) == (64, 48, len(written))
    assert opened(written).tobytes() == opened(photo).tobytes()
    assert_metadata(written, location=False)
    assert b"secret" not in written
    assert made(written)[0].treatment == "as is"
    assert made(photo, Recipe(keep_location=True))[0].treatment == "as is"


def test_a_position_in_xmp_is_removed() -> None:
    photo = baseline(xmp=b"<x:xmpmeta exif:GPSLatitude='48,8.2N'/>")
    answer, written = made(photo)
    assert answer.treatment == "metadata"
    assert b"GPSLatitude" not in written


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:45 99:99:99", ""])
def test_a_time_that_is_none_is_dropped(taken: str) -> None:
    found = Image.Exif()
    found.get_ifd(0x8769)[0x9003] = taken
    answer, written = made(coded(quarters(), "PNG", exif=found.tobytes()))
    assert opened(written).getexif().get_ifd(0x8769) == {}
    # A field of blanks says that the time is not known, which is no fault.
    said = (f"Its metadata has no valid date taken ({taken}).",) if taken.strip(": ") else ()
    assert answer.notes == said
    answer, _ = made(baseline(exif=found.tobytes()))
    assert (answer.treatment, answer.notes) == ("as is", said)


def test_what_stands_before_and_after_a_photo_is_removed() -> None:
    photo = baseline()
    for data in (b"HTTP/1.1 200 OK\r\n\r\n" + photo, photo + b"a video" * 1000, photo + photo):
        answer, written = made(data)
        assert answer.treatment == "metadata"
        assert opened(written).tobytes() == opened(photo).tobytes()
    assert made(photo + bytes(100))[0].treatment == "as is"


def test_junk_before_a_photo_that_is_rendered() -> None:
    assert_quarters(rendition(b"\r\n\r\n" + baseline(640, 480), SMALL))


def test_the_first_picture_of_an_mpo() -> None:
    first, second = quarters(), Image.new("RGB", (64, 48))
    data = coded(first, "MPO", save_all=True, append_images=[second], subsampling="4:2:0", quality=95)
    answer, written = made(data)
    assert answer.treatment == "metadata"
    assert_quarters(opened(written))
    assert b"MPF" not in written
    assert_quarters(rendition(data, SMALL))


def test_the_same_bytes_each_time() -> None:
    photo = baseline(640, 480)
    assert made(photo, SMALL) == made(photo, SMALL)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither a picture nor a video"),
        (b"hello", "neither a picture nor a video"),
        (baseline(640, 480)[:3000], "truncated"),
        (coded(quarters(), "PNG")[:60], "truncated|damaged"),
        (coded(quarters(128, 96), "HEIF")[:-100], "damaged|truncated"),
        (ftyp(b"isom") + box(b"moov") + box(b"mdat"), "it is a video"),
        (b"\xff\x0a" + bytes(100), "picsync cannot read JXL files$"),
        (tiff({50706: 1, 271: b"Maker"}), "cannot read DNG files without a preview"),
    ],
)
def test_a_picture_that_cannot_be_read_says_why(data: bytes, words: str) -> None:
    import re

    with pytest.raises(Exception) as caught:
        made(data, SMALL)
    assert re.search(words, pictures.reason(caught.value, Limits()))


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    import zlib

    head = struct.pack(">2I5B", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    with pytest.raises(
        pictures.Unusable, match="60,000 x 60,000 pixels; at most 250 megapixels are accepted"
    ):
        made(data)


def raw(preview: bytes, make: bytes = b"Maker") -> bytes:
    return tiff({50706: 1, 271: make}) + bytes(64) + preview + bytes(1000)


def test_the_preview_of_a_raw_file() -> None:
    small = baseline(160, 120)
    large = coded(quarters(1200, 800), "JPEG", quality=90)
    image = rendition(raw(small + large), Recipe(panel=Panel(128, 96)))
    assert image.size == (128, 84)
    assert_quarters(image)


def test_the_preview_of_a_raw_file_is_turned_like_the_file() -> None:
    preview = coded(stored(6, quarters(1200, 800)), "JPEG", quality=90)
    data = tiff({50706: 1, 271: b"Maker", 274: 6}) + preview
    image = rendition(data, Recipe(panel=Panel(120, 120)))
    assert image.size == (120, 80)
    assert_quarters(image)


def test_a_small_preview_is_refused_with_the_reason() -> None:
    message = (
        "the preview in this DNG file is too small: its long edge has 160 pixels, at least 1,000 are needed"
    )
    with pytest.raises(pictures.Unusable, match=message):
        made(raw(baseline(160, 120)))
    with pytest.raises(pictures.Unusable, match="at least 640 are needed"):
        made(raw(baseline(160, 120)), Recipe(panel=Panel(480, 640)))
    assert_quarters(rendition(raw(baseline(160, 120)), Recipe(panel=Panel(160, 120))))


def test_canons_newer_raw_files() -> None:
    directory = tiff({274: 8, 271: b"Canon"})
    preview = coded(stored(8, quarters(1200, 800)), "JPEG", quality=90)
    data = (
        ftyp(b"crx ") + box(b"moov", box(b"uuid", bytes(16), box(b"CMT1", directory))) + box(b"mdat", preview)
    )
    assert_quarters(rendition(data, Recipe(panel=Panel(120, 80))))


TIME = (2, 20, b"2018:02:21 12:08:56\0")
"""Type, number of values, and value of a time in Exif."""


def test_canons_newer_raw_files_keep_time_and_description_and_the_position_if_wanted() -> None:
    def degrees(*numbers: int) -> tuple[int, int, bytes]:
        return 5, 3, struct.pack("<6I", *(part for number in numbers for part in (number, 1)))

    position = {1: (2, 2, b"N\0"), 2: degrees(48, 8, 0), 3: (2, 2, b"E\0"), 4: degrees(11, 34, 0)}
    boxes = [
        box(b"CMT1", tiff({274: 1, 270: b"At the lake"})),
        box(b"CMT2", b"II*\0\x08\0\0\0" + structure.directory({0x9003: TIME}, "<", 8)),
        box(b"CMT4", b"II*\0\x08\0\0\0" + structure.directory(position, "<", 8)),
    ]
    preview = coded(quarters(1200, 800), "JPEG", quality=90)
    data = ftyp(b"crx ") + box(b"moov", box(b"uuid", bytes(16), *boxes)) + box(b"mdat", preview)
    for keep in (False, True):
        found = rendition(data, Recipe(panel=Panel(120, 80), keep_location=keep)).getexif()
        assert found[270] == "At the lake"
        assert found.get_ifd(0x8769)[0x9003] == "2018:02:21 12:08:56"
        assert found.get_ifd(0x8825).get(2) == ((48.0, 8.0, 0.0) if keep else None)


def test_the_time_of_a_raw_file_is_found_behind_its_preview() -> None:
    """Programs that edit metadata write them at the end of the file."""
    rest = coded(quarters(1200, 800), "JPEG", quality=90) + bytes(300_000)
    entries: dict[int, int | bytes] = {50706: 1, 271: b"Maker", 0x8769: 1_000_000}
    behind = len(tiff(entries)) + len(rest)
    data = tiff({**entries, 0x8769: behind}) + rest + structure.directory({0x9003: TIME}, "<", behind)
    found = rendition(data, Recipe(panel=Panel(120, 80))).getexif()
    assert found.get_ifd(0x8769)[0x9003] == "2018:02:21 12:08:56"


def upright(colour: str | tuple[int, ...], size: tuple[int, int] = (120, 160), **options: Any) -> bytes:
    return coded(Image.new("RGB", size, colour), "JPEG", quality=95, **options)


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    found = image.getpixel(at)
    assert isinstance(found, tuple)
    return found


def pair(left: bytes, right: bytes, recipe: Recipe = PAIR) -> Image.Image:
    half, target = io.BytesIO(), io.BytesIO()
    pictures.render(io.BytesIO(left), recipe, half, Limits(), task=Task.LEFT)
    half.seek(0)
    answer = pictures.render(io.BytesIO(right), recipe, target, Limits(), task=Task.RIGHT, left=half)
    assert (answer.treatment, answer.mime_type) == ("render", "image/jpeg")
    image = opened(target.getvalue())
    assert (answer.width, answer.height) == image.size
    return image


def test_two_portraits_stand_side_by_side() -> None:
    image = pair(upright(RED), upright(BLUE))
    assert image.size == (120 + 4 + 120, 160)
    assert alike(pixel(image, (60, 80)), RED)
    assert alike(pixel(image, (122, 80)), (0, 0, 0), 40)
    assert alike(pixel(image, (184, 80)), BLUE)


def test_the_halves_are_upright_and_as_large_as_they_fit() -> None:
    turned = upright(RED, (1600, 1200), exif=b"Exif\0\0" + tiff({274: 6}))
    image = pair(turned, upright(BLUE, (60, 80)))
    # The second one is never enlarged.
    assert image.size == (120 + 4 + 60, 160)
    assert alike(pixel(image, (60, 80)), RED)
    assert alike(pixel(image, (154, 80)), BLUE)
    assert alike(pixel(image, (154, 20)), (0, 0, 0))


@pytest.mark.parametrize("background", ["blur", "#204060"])
def test_a_pair_with_a_background_fills_the_panel(background: str) -> None:
    image = pair(upright(RED), upright(BLUE, (60, 80)), replace(PAIR, background=background))
    assert image.size == (320, 160)
    if background != "blur":
        assert alike(pixel(image, (316, 80)), (0x20, 0x40, 0x60))


def test_a_pair_is_only_made_of_portraits() -> None:
    target = io.BytesIO()
    for size in ((160, 120), (120, 120)):
        for task in (Task.LEFT, Task.RIGHT):
            answer = pictures.render(
                io.BytesIO(upright(RED, size)), PAIR, target, Limits(), task=task, left=io.BytesIO()
            )
            assert (answer.treatment, answer.original_width, answer.original_height) == ("as is", *size)
            assert not target.getvalue()
