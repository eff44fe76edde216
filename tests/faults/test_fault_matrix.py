"""Every kind of request with every family of troubles; `python -m tests.faults --all` plays all of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.matrix import Cell, chosen, every_cell, play
from tests.faults.operations import NEVER_IN_A_CYCLE, OPERATIONS, PLACES
from tests.faults.scenes import Scene, reference


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the cells from what cycles do, so that a new kind of request is among them by itself."""
    if "cell" in metafunc.fixturenames:
        cells = chosen(every_cell())
        metafunc.parametrize(("number", "cell"), list(enumerate(cells)), ids=list(map(str, cells)))


def test_every_kind_of_request_is_in_the_matrix() -> None:
    asked = {operation for scene in Scene for operation in reference(scene).asked}
    assert set(PLACES) == set(OPERATIONS)
    assert set(OPERATIONS) - asked == NEVER_IN_A_CYCLE


async def test_trouble_passes_without_a_trace(tmp_path: Path, number: int, cell: Cell) -> None:
    result = await play(cell, tmp_path, restart=number % 2 == 1)
    assert result.cycles == 1
