"""A large folder in which nothing changed costs little: no file is opened, and few calls are made."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from picsync.core.model import Digest
from picsync.frames.folder.frame import FolderFrame
from picsync.frames.folder.names import numbered, plain
from picsync.frames.folder.options import Level
from tests.sources.folder.opened_files import opened_below

PHOTOS = 5_000


MEMORY = Path("/dev/shm")  # noqa: S108 - thousands of files that are gone in a moment need no disk


@pytest.fixture
def stick() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder) / "stick"


def fill(folder: Path, level: Level) -> None:
    """Write what cycles would have written."""
    inner = folder / ".picsync"
    inner.mkdir(parents=True)
    lines: list[dict[str, object]] = [{"picsync": 1, "id": "0" * 32}, {"album": "Trip"}]
    for number in range(PHOTOS):
        content = str(number).encode()
        digest = Digest("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())
        name = plain(f"IMG_{number}.jpg", digest, "jpg")
        name = name if level is Level.SAFE else numbered(level, number, name)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sent = f"IMG_{number} ps-{number:010}-{number:010}-0000-00001.jpg".translate(
            str.maketrans("0189", "abcd")
        )
        line = {"file": name, "md5": digest.hex, "size": len(content), "name": sent, "albums": ["Trip"]}
        lines.append({**line, "seen": True})
    (inner / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(folder, (1_700_000_000,) * 2)


@pytest.mark.parametrize("level", [Level.SAFE, Level.DCF])
async def test_nothing_is_opened_and_little_is_computed(stick: Path, level: Level) -> None:
    fill(folder := stick, level)
    frame = FolderFrame(
        str(folder), own_folder=folder.parent, level=level, now=lambda: datetime.now(UTC) + timedelta(hours=1)
    )

    async def look() -> None:
        """Do what a cycle without changes does."""
        assert not (await frame.rejected()).items
        album = await frame.find_album("Trip")
        assert album is not None
        assert len((await frame.photos(album)).items) == PHOTOS

    with opened_below(folder) as opened:
        await look()
        assert opened in ([], [str(folder / ".picsync" / "manifest.jsonl")])
        opened.clear()
        before = time.process_time()
        await look()
        spent_s = time.process_time() - before
        assert opened == []
    assert spent_s < 0.5
