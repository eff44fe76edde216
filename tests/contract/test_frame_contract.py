"""Every frame against the contract of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from picsync.emulators.nixplay import NixplayOptions, OverLimit
from picsync.frames.base import Frame
from tests.contract.frame_contract import FrameContract
from tests.frames.nixplay_account import nixplay_account
from tests.ports.memory_frame import MemoryFrame


class TestMemoryFrame(FrameContract):
    @pytest.fixture
    def frame(self) -> Frame:
        return MemoryFrame()


class TestNixplayFrame(FrameContract):
    @pytest.fixture
    async def frame(self) -> AsyncIterator[Frame]:
        async with nixplay_account() as account:
            frame = account.frame()
            yield frame
            await frame.aclose()


class TestNixplayFrameOnABadDay(FrameContract):
    """Short sessions, counts that lag behind, large pages refused."""

    @pytest.fixture
    async def frame(self) -> AsyncIterator[Frame]:
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
