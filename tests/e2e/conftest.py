from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.household import Road, open_road


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with open_road(tmp_path) as opened:
        yield opened
