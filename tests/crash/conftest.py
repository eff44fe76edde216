from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.household import Household, open_household


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[Household]:
    async with open_household(tmp_path) as opened:
        yield opened
