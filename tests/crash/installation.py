"""A source of any kind and a frame of any kind, in the installation of a picsync that is killed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.frames.kinds import FRAMES
from picsync.sources.kinds import SOURCES
from tests.crash.frame_albums import AskedNixplayAlbum, FrameAlbum
from tests.crash.kill_at_call import KillAt
from tests.e2e.household import Household, open_household
from tests.faults.directory_source import Directory
from tests.faults.disk import Call, Disk
from tests.faults.sorts_of_files import in_a_frame, in_a_source
from tests.faults.source_albums import SourceAlbum
from tests.household_services import md5
from tests.trials import killed_as


@dataclass(frozen=True, order=True)
class Pair:
    """A kind of source and a kind of frame."""

    source: str
    frame: str
    asked: bool = False
    """Whether the frame is asked for captions, and to show the playlist and no other one."""

    def __str__(self) -> str:
        return f"{self.source} to {self.frame}{' with captions' if self.asked else ''}"


MAIN = Pair("googlephotos", "nixplay")
ASKED = Pair("googlephotos", "nixplay", asked=True)


def pairs() -> list[Pair]:
    """Return the main pair, and each other kind of source or frame with the frame or source of that."""
    return [
        MAIN,
        ASKED,
        *(Pair(name, MAIN.frame) for name in SOURCES if name != MAIN.source),
        *(Pair(MAIN.source, name) for name in FRAMES if name != MAIN.frame),
    ]


class Album(Protocol):
    """The album of a source."""

    @property
    def written(self) -> Sequence[object]:
        """What is in picsync.yaml for it."""

    @property
    def root(self) -> Path | None:
        """The directory that picsync reads; None if it sends requests."""

    async def put(self, number: int) -> bytes:
        """Add the photo of that number and return its bytes."""

    def remove(self, number: int) -> None:
        """Remove the photo of that number."""


class _AtAService:
    root = None

    def __init__(self, album: SourceAlbum, photo_bytes: int) -> None:
        self.written: Sequence[object] = album.written
        self._album = album
        self._photo_bytes = photo_bytes
        self._photos: dict[int, object] = {}

    async def put(self, number: int) -> bytes:
        content = read_all(generated_jpeg(number, self._photo_bytes))
        self._photos[number] = self._album.add(f"IMG_{number}.jpg", content)
        return content

    def remove(self, number: int) -> None:
        self._album.remove(self._photos.pop(number))


class _InADirectory:
    def __init__(self, directory: Directory) -> None:
        self.written = [directory.written]
        self.root: Path | None = directory.root
        self._directory = directory

    async def put(self, number: int) -> bytes:
        return await self._directory.put(f"IMG_{number}.jpg")

    def remove(self, number: int) -> None:
        self._directory.remove(f"IMG_{number}.jpg")


@dataclass
class Installation:
    """A configured picsync, and what its rule is about."""

    pair: Pair
    household: Household
    album: Album
    frame_album: FrameAlbum
    digests: dict[int, str] = field(default_factory=dict)
    """Digests of the source's photos, by number."""

    @property
    def wanted(self) -> set[str]:
        return set(self.digests.values())

    @property
    def on_frame(self) -> set[str]:
        return set(self.frame_album.digests())

    def disk(self) -> Disk | None:
        """Return what observes the directory of the source or the frame; None if neither has one."""
        root, sort = self.directory
        return None if root is None else Disk(root, what=sort)

    def kill_at(self, call: Call, passing: int) -> KillAt:
        """Return the point at which so many such calls have been made."""
        root, sort = self.directory
        return KillAt(str(root), sort.__name__, call.function, call.what, passing)

    @property
    def directory(self) -> tuple[Path | None, Callable[[str], str]]:
        """The directory of the source or the frame, and what names the sorts of its files."""
        if self.album.root is not None:
            return self.album.root, in_a_source
        return self.frame_album.root, in_a_frame

    async def add(self, count: int) -> None:
        """Add photos to the album of the source."""
        for _ in range(count):
            self.household.made += 1
            number = self.household.made
            self.digests[number] = md5(await self.album.put(number))

    def remove(self, number: int) -> None:
        """Remove a photo from the album of the source."""
        self.album.remove(number)
        del self.digests[number]

    async def assert_idle(self) -> None:
        """Assert that the next cycle transfers and writes nothing."""
        self.household.server.log.clear()
        report = await self.household.cycle()
        assert report.outcome == "done", report
        assert not report.changed, report
        assert report.downloaded == 0, report
        assert self.household.writes() == []


@asynccontextmanager
async def open_installation(folder: Path, pair: Pair = MAIN) -> AsyncIterator[Installation]:
    """Open an installation with an empty album at the source and nothing on the frame."""
    source, frame = killed_as(SOURCES[pair.source]), killed_as(FRAMES[pair.frame])
    assert frame.frame_album is not None
    async with open_household(folder) as household:
        album: Album
        if source.album is not None:
            album = _AtAService(source.album(household.world), household.photo_bytes)
        else:
            assert source.directory is not None
            directory = source.directory(folder)
            album = _InADirectory(directory)
            household.top_lines = list(getattr(directory, "top_lines", ()))
        frame_album = AskedNixplayAlbum(household) if pair.asked else frame.frame_album(household)
        household.source_lines = [f"{pair.source}: {json.dumps(list(album.written))}"]
        household.rule_lines = [f"frames: [{frame_album.frame}]"]
        if frame_album.entries:
            household.top_lines.append(f"frames: {json.dumps(frame_album.entries)}")
        yield Installation(pair, household, album, frame_album)
