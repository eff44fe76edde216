"""Every frame in the registry against the contract of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.frames.base import Frame, PlaylistFrame
from picsync.frames.kinds import FRAMES
from tests.contract.frame_contract import FrameContract, PlaylistContract
from tests.trials import variants


class TestFrame(FrameContract):
    @pytest.fixture(params=variants(FRAMES))
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Frame]:
        async with request.param(tmp_path) as frame:
            yield frame


class TestPlaylistFrame(PlaylistContract):
    @pytest.fixture(params=variants(FRAMES, lambda kind: kind.playlists))
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PlaylistFrame]:
        async with request.param(tmp_path) as frame:
            yield frame
