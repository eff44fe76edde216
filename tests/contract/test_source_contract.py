"""Every source in the registry against the contract of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.sources.kinds import SOURCES
from tests.contract.source_contract import SourceContract, SourceWorld
from tests.trials import variants


class TestSource(SourceContract):
    @pytest.fixture(params=variants(SOURCES))
    async def world(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SourceWorld]:
        async with request.param(tmp_path) as world:
            yield world
