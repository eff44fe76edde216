"""Fixtures of the frames' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from picsync.frames.nixplay.frame import NixplayFrame
from tests.frames.nixplay.nixplay_account import NixplayAccount, nixplay_account


@pytest.fixture
async def account() -> AsyncIterator[NixplayAccount]:
    async with nixplay_account() as account:
        yield account


@pytest.fixture
async def frame(account: NixplayAccount) -> AsyncIterator[NixplayFrame]:
    frame = account.frame()
    yield frame
    await frame.aclose()
