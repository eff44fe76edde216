from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crash.installation import Installation, Pair, open_installation
from tests.e2e.household import Household, open_household


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[Household]:
    async with open_household(tmp_path) as opened:
        yield opened


@pytest.fixture
async def installation(tmp_path: Path, pair: Pair) -> AsyncIterator[Installation]:
    async with open_installation(tmp_path, pair) as opened:
        yield opened
