"""Fixtures for the tests of sources."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sources.folder.folder_album import FolderAlbum


@pytest.fixture
async def album(tmp_path: Path) -> AsyncIterator[FolderAlbum]:
    """An empty folder with a source that can be had for it."""
    made = FolderAlbum(tmp_path / "photos", tmp_path / "own")
    made.root.mkdir()
    made.own.mkdir()
    yield made
    await made.close()


@pytest.fixture
async def public_album() -> AsyncIterator[FolderAlbum]:
    """An empty folder that every user can read; the usual one for temporary files is only for its owner."""
    with tempfile.TemporaryDirectory(prefix="picsync-test-") as folder:
        made = FolderAlbum(Path(folder) / "photos", Path(folder) / "own")
        Path(folder).chmod(0o777)
        for path in (made.root, made.own):
            path.mkdir()
            path.chmod(0o777)
        yield made
        await made.close()
