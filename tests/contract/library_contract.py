"""What every library does, whatever it keeps its files in."""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from picsync.family.library import Library, LibraryUnavailable


@dataclass(frozen=True)
class LibraryWorld:
    """A library, opened once, and what others do to it."""

    library: Library
    again: Callable[[], Library]
    """Returns the same library, as another process finds it."""
    put: Callable[[str, bytes], None]
    """Somebody else stores a file (`album/name`)."""
    content: Callable[[str], bytes]
    vanish: Callable[[], None]
    """The whole library goes away, and an empty place stays."""
    everything: Callable[[], set[str]]
    """All files in it, also unfinished ones, except for the marker."""

    def received(self, content: bytes) -> tuple[Path, str]:
        """Return a received file, and its upload's ID."""
        upload = secrets.token_hex(16)
        path = self.library.incoming / upload
        path.write_bytes(content)
        return path, upload


class LibraryContract:
    """Methods block; these tests call them in threads, as the service does."""

    @abstractmethod
    def world(self) -> LibraryWorld:
        """Return a library with the configured album `Family`."""

    def test_a_placed_file_is_there_completely(self, world: LibraryWorld) -> None:
        part, upload = world.received(b"one")
        assert world.library.place(part, "Family/a.jpg", upload)
        assert not part.exists()
        assert world.content("Family/a.jpg") == b"one"
        assert world.library.has("Family/a.jpg")
        with world.library.read("Family/a.jpg") as file:
            assert file.read() == b"one"
        assert world.everything() == {"Family/a.jpg"}

    def test_nothing_is_overwritten(self, world: LibraryWorld) -> None:
        world.put("Family/a.jpg", b"theirs")
        part, upload = world.received(b"ours")
        assert not world.library.place(part, "Family/a.jpg", upload)
        assert world.content("Family/a.jpg") == b"theirs"
        assert part.read_bytes() == b"ours"

    def test_placing_again_after_a_crash_is_done(self, world: LibraryWorld) -> None:
        part, upload = world.received(b"one")
        assert world.library.place(part, "Family/a.jpg", upload)
        other = world.again()
        assert other.has("Family/a.jpg")
        assert world.content("Family/a.jpg") == b"one"

    def test_albums_are_those_of_the_settings_and_the_others(self, world: LibraryWorld) -> None:
        world.put("Garden/a.jpg", b"x")
        world.put(".hidden/a.jpg", b"x")
        assert world.library.albums() == ["Family", "Garden"]

    def test_stems_ignore_case(self, world: LibraryWorld) -> None:
        for name in ("IMG_1.HEIC", "img_1.mov", "plain"):
            world.put(f"Family/{name}", b"x")
        assert world.library.stems("Family") == {"img_1": {".heic", ".mov"}, "plain": {".plain"}}
        assert world.library.stems("Nothing") == {}

    def test_a_missing_file_is_missing(self, world: LibraryWorld) -> None:
        assert not world.library.has("Family/none.jpg")
        with pytest.raises(FileNotFoundError):
            world.library.read("Family/none.jpg")

    def test_a_library_that_went_away_is_unavailable(self, world: LibraryWorld) -> None:
        world.library.require()
        world.vanish()
        other = world.again()
        with pytest.raises(LibraryUnavailable):
            other.require()
        with pytest.raises(LibraryUnavailable):
            other.open(known=True)

    async def test_files_are_placed_concurrently(self, world: LibraryWorld) -> None:
        received = [world.received(b"%d" % number) for number in range(8)]
        done = await asyncio.gather(
            *(
                asyncio.to_thread(world.library.place, part, f"Family/{number}.jpg", upload)
                for number, (part, upload) in enumerate(received)
            )
        )
        assert all(done)
        assert world.everything() == {f"Family/{number}.jpg" for number in range(8)}
