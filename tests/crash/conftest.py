from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.crash.process import Nursery
from tests.e2e.household import Road, open_road


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with open_road(tmp_path) as opened:
        yield opened
