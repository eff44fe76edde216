from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.crash.process import ForkServer
from tests.e2e.household import Household, open_household


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    with ForkServer() as started:
        yield started


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[Household]:
    async with open_household(tmp_path) as opened:
        yield opened
