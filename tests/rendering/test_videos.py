"""Covers of videos: a frame that shows something, upright; else a drawn still. Real workers, confined."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from picsync.core.recipe import Panel, Recipe
from picsync.media.taken import duration_s
from picsync.rendering.pool import Renderer
from picsync.rendering.videos import clock

RECIPE = Recipe(panel=Panel(960, 960), quality=82)
RED, BLUE = (200, 30, 30), (30, 30, 200)
CLOCKWISE = (0, 1, -1, 0)
"""The matrix of a phone that was held upright: the picture is to be turned (ISO/IEC 14496-12, 8.3.2)."""


def two_halves(width: int, height: int) -> Image.Image:
    """Return a picture whose upper half is red, and the lower one blue."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width, height // 2))
    return image


def video(
    *pictures: Image.Image, codec: str = "mpeg4", kind: str = "mp4", matrix: tuple[int, ...] = ()
) -> io.BytesIO:
    """Return a video of these pictures, a tenth of a second each."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = Fraction(1, 10)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))  # type: ignore[no-untyped-call]
        container.mux(stream.encode())
    content = bytearray(out.getvalue())
    if matrix:
        header = content.index(b"tkhd") + 4 + 40
        a, b, c, d = (each << 16 for each in matrix)
        content[header : header + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return io.BytesIO(content)


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    made = Renderer(1)
    yield made
    await made.aclose()


async def cover(renderer: Renderer, content: io.BytesIO, folder: Path) -> Image.Image:
    (folder / "video").write_bytes(content.getvalue())
    with (folder / "video").open("rb") as source, (folder / "cover").open("w+b") as target:
        done = await renderer.cover(source, RECIPE, target)
    with Image.open(folder / "cover") as image:
        image.load()
        assert image.format == "JPEG"
        assert image.size == (done.width, done.height)
        return image


def near(found: Any, colour: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(found, colour, strict=True))


def is_drawn(image: Image.Image) -> bool:
    """Whether it is the drawn still: dark, with the light sign of its middle."""
    middle: Any = image.getpixel((image.width // 2, image.height // 2))
    corner: Any = image.getpixel((2, 2))
    return image.size == (960, 540) and min(middle) > 200 and max(corner) < 90


@pytest.mark.parametrize(("codec", "kind"), [("mpeg4", "mp4"), ("libx264", "mp4"), ("mjpeg", "avi")])
async def test_a_frame_is_the_cover(renderer: Renderer, tmp_path: Path, codec: str, kind: str) -> None:
    image = await cover(renderer, video(*[two_halves(320, 240)] * 3, codec=codec, kind=kind), tmp_path)
    assert image.size == (320, 240)
    assert near(image.getpixel((160, 40)), RED)
    assert near(image.getpixel((160, 200)), BLUE)


async def test_a_cover_is_upright(renderer: Renderer, tmp_path: Path) -> None:
    image = await cover(renderer, video(*[two_halves(320, 240)] * 3, matrix=CLOCKWISE), tmp_path)
    assert image.size == (240, 320)
    # Turned clockwise, what was above is on the right.
    assert near(image.getpixel((200, 160)), RED)
    assert near(image.getpixel((40, 160)), BLUE)


async def test_black_frames_are_passed_over(renderer: Renderer, tmp_path: Path) -> None:
    black = Image.new("RGB", (320, 240))
    image = await cover(renderer, video(*[black] * 12, *[two_halves(320, 240)] * 3), tmp_path)
    assert near(image.getpixel((160, 40)), RED)


async def test_a_large_video_has_a_small_cover(renderer: Renderer, tmp_path: Path) -> None:
    image = await cover(renderer, video(two_halves(3840, 2160)), tmp_path)
    assert image.size == (960, 540)
    assert near(image.getpixel((480, 100)), RED)


@pytest.mark.parametrize("damage", ["no pictures", "cut", "garbage", "too large"])
async def test_a_video_that_cannot_be_decoded_gets_a_drawn_still(
    renderer: Renderer, tmp_path: Path, damage: str
) -> None:
    content = video(*[two_halves(320, 240)] * 3).getvalue()
    hostile = {
        "no pictures": content[: content.index(b"mdat") + 4],
        "cut": content[:60],
        "garbage": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(range(256)) * 40,
        "too large": video(Image.new("RGB", (8192, 4336)), codec="mjpeg", kind="avi").getvalue(),
    }[damage]
    assert is_drawn(await cover(renderer, io.BytesIO(hostile), tmp_path))
    # It has cost nothing but its own cover.
    assert not is_drawn(await cover(renderer, video(two_halves(320, 240)), tmp_path))


def test_durations() -> None:
    assert duration_s(video(*[two_halves(64, 48)] * 25)) == pytest.approx(2.5, abs=0.1)
    assert duration_s(video(two_halves(64, 48), codec="mjpeg", kind="avi")) is None
    assert duration_s(io.BytesIO(b"\0\0\0\x10moov\0\0\0\x08mvhd")) is None
    assert [clock(each) for each in (0.4, 25.5, 61, 3725)] == ["0:00", "0:26", "1:01", "1:02:05"]
