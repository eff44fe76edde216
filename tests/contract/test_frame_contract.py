"""Every frame in the registry against the contract of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from picsync.core.caption import Captions
from picsync.frames.base import Frame, PlaylistFrame, Rejects
from picsync.frames.kinds import FRAMES
from tests.contract.frame_contract import (
    CaptionsContract,
    FrameContract,
    OrderContract,
    PlaylistContract,
    RejectsContract,
)
from tests.contract.memory_frame import MemoryAlbumFrame
from tests.trials import variants


@asynccontextmanager
async def _in_memory(_folder: Path) -> AsyncIterator[Frame]:
    yield MemoryAlbumFrame()


IN_MEMORY = pytest.param(_in_memory, id="memory")


class TestFrame(FrameContract):
    @pytest.fixture(params=variants(FRAMES))
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Frame]:
        async with request.param(tmp_path) as frame:
            yield frame

    def test_its_kind_says_the_same(self, frame: Frame) -> None:
        able, kind = frame.capabilities, FRAMES.get(frame.capabilities.kind)
        if kind is None:
            assert able.kind == "memory", "only the toy is in no registry"
            return
        assert (able.captions, able.keeps_order) == (kind.captions, kind.keeps_order)
        assert not (kind.playlists and kind.keeps_order)
        assert kind.playlists is isinstance(frame, PlaylistFrame)
        assert kind.rejects is isinstance(frame, Rejects)


class TestPlaylistFrame(PlaylistContract):
    @pytest.fixture(params=variants(FRAMES, lambda kind: kind.playlists))
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PlaylistFrame]:
        async with request.param(tmp_path) as frame:
            yield frame


class TestCaptions(CaptionsContract):
    @pytest.fixture(params=[*variants(FRAMES, lambda kind: kind.captions is not Captions.NONE), IN_MEMORY])
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Frame]:
        async with request.param(tmp_path) as frame:
            yield frame


class TestOrder(OrderContract):
    @pytest.fixture(params=[*variants(FRAMES, lambda kind: kind.keeps_order), IN_MEMORY])
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Frame]:
        async with request.param(tmp_path) as frame:
            yield frame


class TestRejectingFrame(RejectsContract):
    @pytest.fixture(params=variants(FRAMES, lambda kind: kind.rejects))
    async def frame(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Frame]:
        async with request.param(tmp_path) as frame:
            yield frame
