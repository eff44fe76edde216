"""Every frame against the contract of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.emulators.nixplay import NixplayOptions, OverLimit
from picsync.frames.base import Frame, PlaylistFrame
from picsync.frames.folder.frame import FolderFrame
from picsync.frames.kinds import FRAMES
from tests.contract.frame_contract import FrameContract, PlaylistFrameContract
from tests.contract.memory_frame import MemoryFrame
from tests.frames.nixplay.nixplay_account import nixplay_account


class TestMemoryFrame(PlaylistFrameContract):
    @pytest.fixture
    def frame(self) -> PlaylistFrame:
        return MemoryFrame()


class TestNixplayFrame(PlaylistFrameContract):
    kind = "nixplay"

    @pytest.fixture
    async def frame(self) -> AsyncIterator[PlaylistFrame]:
        async with nixplay_account() as account:
            frame = account.frame()
            yield frame
            await frame.aclose()


class TestNixplayFrameOnABadDay(PlaylistFrameContract):
    """Short sessions, counts that lag behind, large pages refused."""

    @pytest.fixture
    async def frame(self) -> AsyncIterator[PlaylistFrame]:
        options = NixplayOptions(
            session_requests=13,  # One more than the suite ever has under way at once.
            photo_count_seconds=3600.0,
            over_limit=OverLimit.REFUSE,
            pictures_limit=100,
        )
        async with nixplay_account(options) as account:
            frame = account.frame()
            yield frame
            await frame.aclose()


class TestFolderFrame(FrameContract):
    kind = "folder"

    @pytest.fixture
    def frame(self, tmp_path: Path) -> Frame:
        folder = tmp_path / "frame"
        folder.mkdir()
        return FolderFrame(str(folder), own_folder=tmp_path)


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_is_held_to_the_contract(kind: str) -> None:
    cases = [*FrameContract.__subclasses__(), *PlaylistFrameContract.__subclasses__()]
    assert kind in {case.kind for case in cases}, (
        f"add a subclass of FrameContract with `kind = {kind!r}` to this file"
    )
