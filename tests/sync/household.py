"""A rule whose source has pictures to convert, with a renderer that needs no decoder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from picsync.core.caption import NOTHING, Details
from picsync.core.errors import ItemError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.identity import key_in, plain_name
from picsync.core.model import NO_FACTS, Facts, facts
from picsync.core.recipe import Panel, Recipe
from picsync.media.treatment import Treatment
from picsync.rendering.pool import Examined, Rendered, Renderer
from tests.cache.fresh import open_fresh
from tests.contract.memory_frame import MemoryFrame
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, PLAYLIST, Harness, open_harness

SMALL = Recipe(panel=Panel(800, 480))
LARGE = Recipe(panel=Panel(1280, 800))
PORTRAIT = facts(600, 800)
LANDSCAPE = facts(800, 600)


@dataclass
class Painter(Renderer):
    """Renders without a decoder: what it makes tells what it was made of, and by which encoder."""

    encoder: int = 1
    workers: int = 2
    rendered: list[bytes] = field(default_factory=list)
    about: list[Details] = field(default_factory=list)

    async def render(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details = NOTHING
    ) -> Rendered:
        await asyncio.sleep(0)
        original = os.pread(source.fileno(), 1 << 20, 0)
        self.rendered.append(original)
        self.about.append(about)
        if b"broken" in original:
            raise ItemError("its pixels cannot be decoded", unusable=True)
        made = (
            self.made(original, recipe) + about.filename.encode()
            if recipe.caption
            else self.made(original, recipe)
        )
        target.write(made)
        notes = ("Its colour profile is damaged and was ignored.",) if b"odd" in original else ()
        if b"strange" in original:
            notes = (f"A remark of its own: {original[24:40]!r}.",)
        return Rendered(Treatment.RENDER, "image/jpeg", 800, 480, len(made), notes, shape(original))

    async def render_half(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details = NOTHING
    ) -> Rendered:
        return await self._half(source, recipe, target, about, b"")

    async def render_pair(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details, left: BinaryIO
    ) -> Rendered:
        return await self._half(source, recipe, target, about, os.pread(left.fileno(), 1 << 20, 0))

    async def examine(self, source: BinaryIO) -> Examined:
        return Examined(*shape(os.pread(source.fileno(), 1 << 20, 0)), None, None)

    async def _half(
        self, source: BinaryIO, recipe: Recipe, target: BinaryIO, about: Details, left: bytes
    ) -> Rendered:
        original = os.pread(source.fileno(), 1 << 20, 0)
        size = shape(original)
        if size[0] > size[1]:
            return Rendered(Treatment.AS_IS, "image/png", 0, 0, 0, original=size)
        done = await self.render(source, recipe, target, about)
        target.write(left)
        return done

    def made(self, original: bytes, recipe: Recipe) -> bytes:
        return b"%b by %b, encoder %d" % (original, str(recipe).encode(), self.encoder)


def shape(original: bytes) -> tuple[int, int]:
    """Return the size of a picture of this name."""
    return (800, 600) if b"wide" in original else (600, 800)


def png(name: str) -> bytes:
    """Return bytes that begin like a PNG file, and have its end."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01" + name.encode() + b"\0\0\0\0IEND\xaeB`\x82"


@dataclass
class Household:
    """A rule whose source has pictures to convert, and what may happen to it."""

    folder: Path
    harness: Harness
    painter: Painter

    def use(self, recipe: Recipe, *, replaced: bool = False) -> None:
        self.harness.rule = replace(self.harness.rule, recipe=recipe, replace=replaced)

    def put(
        self,
        *names: str,
        fitting: bool = False,
        album: str = "a",
        as_item: str = "",
        listed: Facts = NO_FACTS,
    ) -> None:
        for name in names:
            content = jpeg(name) if fitting else png(name)
            self.harness.source.put(album, as_item or name, content, filename=f"{name}.png", facts=listed)

    async def lose_cache(self) -> None:
        await self.harness.tools.cache.aclose()
        for path in self.folder.glob("cache.db*"):
            path.unlink()
        self.harness.tools = replace(self.harness.tools, cache=await open_fresh(self.folder / "cache.db"))

    async def cycle(self) -> CycleReport:
        return await self.harness.cycle()

    async def settle(self, most: int = 4) -> None:
        """Run cycles until nothing is left to do."""
        for _ in range(most):
            before = len(self.harness.frame.calls), len(self.harness.source.downloads)
            report = await self.cycle()
            assert report.outcome is CycleOutcome.DONE, report
            writes = [
                call for call in self.harness.frame.calls[before[0] :] if call[0] in ("upload", "delete")
            ]
            if not writes and len(self.harness.source.downloads) == before[1]:
                return
        raise AssertionError("still at work")

    def shown(self) -> list[str]:
        """Return the names of what is shown, in order."""
        photos = {p.digest: p for p in self.harness.frame.album_named(ALBUM).photos.values()}
        return [
            plain_name(photos[each].filename).rpartition(".")[0]
            for each in self.harness.frame.playlist_digests(PLAYLIST)
        ]

    def marks(self) -> dict[str, str]:
        """Return what the names of the frame's photos say of their recipes."""
        found = {}
        for photo in self.harness.frame.album_named(ALBUM).photos.values():
            key = key_in(photo.filename)
            found[plain_name(photo.filename).rpartition(".")[0]] = key.recipe if key else ""
        return found

    @property
    def uploads(self) -> int:
        return sum(1 for call in self.harness.frame.calls if call[0] == "upload")


@asynccontextmanager
async def household(folder: Path, frame: MemoryFrame | None = None) -> AsyncIterator[Household]:
    async with open_harness(folder, frame) as harness:
        painter = Painter()
        harness.tools = replace(harness.tools, renderer=painter)
        home = Household(folder, harness, painter)
        home.use(SMALL)
        yield home
        await home.harness.tools.cache.aclose()
