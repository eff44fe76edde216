"""Pictures of every format, damaged: each is rendered or refused with a reason, and the next one too."""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PIL import Image

from picsync.core.errors import ItemError
from picsync.core.recipe import Panel, Recipe
from picsync.rendering.pool import Rendered, Renderer
from picsync.rendering.protocol import Limits
from tests.fuzz.mutations import SCALE
from tests.media.files import box, ftyp, tiff
from tests.rendering import profiles
from tests.rendering.drawing import baseline, coded, quarters
from tests.rendering.test_pictures import full_exif

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECIPE = Recipe(panel=Panel(32, 24))
PROFILE = profiles.matrix(profiles.DISPLAY_P3)
PICTURES = {
    "jpeg": baseline(exif=full_exif(6), icc_profile=PROFILE, xmp=b"<x/>"),
    "progressive": coded(quarters(), "JPEG", progressive=True),
    "cmyk": coded(quarters().convert("CMYK"), "JPEG", icc_profile=profiles.cmyk()),
    "mpo": coded(quarters(), "MPO", save_all=True, append_images=[quarters()]),
    "png": coded(quarters().convert("RGBA"), "PNG", exif=full_exif(), icc_profile=PROFILE),
    "apng": coded(quarters(), "PNG", save_all=True, append_images=[quarters(32, 24)]),
    "palette": coded(quarters().quantize(8), "PNG", transparency=1),
    "gif": coded(quarters(), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48))]),
    "webp": coded(quarters(), "WEBP", exif=full_exif()),
    "lossless": coded(quarters().convert("RGBA"), "WEBP", lossless=True),
    "tiff": coded(quarters(), "TIFF", exif=full_exif(), icc_profile=PROFILE),
    "lzw": coded(quarters(), "TIFF", compression="tiff_lzw"),
    "bmp": coded(quarters(), "BMP"),
    "jp2": coded(quarters(), "JPEG2000"),
    "heic": coded(quarters(128, 96), "HEIF", exif=full_exif(6), icc_profile=PROFILE),
    "grid": coded(quarters(128, 128), "HEIF", tile_size=64),
    "avif": coded(quarters(), "AVIF", exif=full_exif(6)),
    "raw": tiff({50706: 1, 274: 6}) + baseline(160, 120),
    "cr3": ftyp(b"crx ")
    + box(b"moov", box(b"uuid", bytes(16), box(b"CMT1", tiff({274: 8}))))
    + baseline(160, 120),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer() -> AsyncIterator[Renderer]:
    one = Renderer(1)
    yield one
    await one.aclose()


async def rendered(renderer: Renderer, data: bytes) -> Rendered | str:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(data)
        source.flush()
        try:
            done = await renderer.render(source, RECIPE, target)
        except ItemError as error:
            if not error.unusable:
                raise
            return error.message
        if done.treatment != "as is":
            assert os.fstat(target.fileno()).st_size == done.size_bytes > 0
            assert max(done.width, done.height) <= 64
        return done


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with some changed, cut off, doubled or moved; mostly those of the headers."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        if len(found) < 10:
            break
        at = chance.randrange(min(len(found), chance.choice((64, 400, len(found)))))
        match chance.randrange(5):
            case 0:
                found[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, chance.randrange(256)))
            case 1:
                found[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\0\1\0\0")
                )
            case 2:
                del found[at : at + chance.randrange(1, 16)]
            case 3:
                found[at:at] = found[at : at + chance.randrange(1, 64)]
            case 4 if len(found) > 100:
                del found[chance.randrange(50, len(found)) :]
    return bytes(found)


@pytest.mark.parametrize("name", PICTURES)
async def test_a_damaged_picture_is_rendered_or_refused(name: str, renderer: Renderer) -> None:
    chance = random.Random(name)
    assert isinstance(await rendered(renderer, PICTURES[name]), Rendered)
    for _ in range(25 * SCALE):
        await rendered(renderer, damaged(PICTURES[name], chance))
    assert isinstance(await rendered(renderer, PICTURES[name]), Rendered)


def patched(data: bytes, kind: bytes, offset: int, value: bytes) -> bytes:
    """Return a file with `value` written into every box of that kind."""
    found = bytearray(data)
    at = found.find(kind)
    while at >= 0:
        found[at + 4 + offset : at + 4 + offset + len(value)] = value
        at = found.find(kind, at + 4)
    return bytes(found)


HUGE = (60_000).to_bytes(4) * 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (patched(PICTURES["grid"], b"ispe", 4, HUGE), "damaged|claims"),
        (patched(PICTURES["avif"], b"ispe", 4, HUGE), "damaged|claims"),
        (patched(PICTURES["grid"], b"idat", 0, b"\0\0\xff\xff\xff\xff\xff\xff"), "damaged|claims|memory"),
        (patched(PICTURES["png"], b"IHDR", 0, HUGE), "damaged"),
        (PICTURES["gif"][:6] + b"\x60\xea\x60\xea" + PICTURES["gif"][10:], "60,000 x 60,000 pixels"),
        (PICTURES["bmp"][:18] + b"\x60\xea\0\0" * 2 + PICTURES["bmp"][26:], "60,000 x 60,000 pixels"),
    ],
    ids=["size of a grid", "size of an AVIF", "grid", "png", "gif", "bmp"],
)
async def test_a_picture_that_lies_about_its_size(data: bytes, words: str, renderer: Renderer) -> None:
    found = await rendered(renderer, data)
    assert isinstance(found, str)
    assert re.search(words, found), found


async def test_a_damaged_picture_is_split_or_decoded_as_a_whole() -> None:
    chance = random.Random("rows")
    split = Renderer(1, limits=Limits(whole_pixels=1))
    noise = coded(Image.effect_noise((200, 150), 40).convert("RGB"), "PNG")
    scan = coded(Image.effect_noise((200, 150), 40), "TIFF", compression="tiff_lzw", strip_size=1_600)
    for data in (PICTURES["grid"], noise, scan, coded(Image.effect_noise((400, 300), 40), "WEBP")):
        for _ in range(20 * SCALE):
            await rendered(split, damaged(data, chance))
        assert isinstance(await rendered(split, data), Rendered)
    await split.aclose()
