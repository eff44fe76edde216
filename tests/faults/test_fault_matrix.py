"""Every kind of request with every family of troubles; `python -m tests.faults --all` plays all of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.frames.kinds import FRAMES
from picsync.frames.nixplay import OPERATIONS
from picsync.sources.kinds import SOURCES
from tests.faults.matrix import Cell, chosen, every_cell, play
from tests.faults.operations import FRAME, TABLES
from tests.faults.scenarios import Scenario, reference, scenarios_of
from tests.faults.source_albums import SOURCE_ALBUMS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the cells from what cycles do, so that a new kind of request is among them by itself."""
    if "cell" in metafunc.fixturenames:
        cells = chosen(every_cell())
        metafunc.parametrize(("number", "cell"), list(enumerate(cells)), ids=list(map(str, cells)))


@pytest.mark.parametrize("kind", SOURCES)
def test_matrix_covers_every_request_of_each_source_kind(kind: str) -> None:
    operations = set(SOURCES[kind].operations())
    if not operations:
        return  # It reads a disk.
    assert kind in TABLES, f"tests/faults/tables has no table of the requests of {kind}"
    assert kind in SOURCE_ALBUMS, f"tests/faults/source_albums has no album of {kind}"
    table = TABLES[kind]
    assert set(table.places) == operations
    asked = {operation for scenario in scenarios_of(kind) for operation in reference(scenario, kind).asked}
    assert operations - asked == table.unplayed


@pytest.mark.parametrize("kind", FRAMES)
def test_matrix_has_every_frame_that_sends_requests(kind: str) -> None:
    if operations := set(FRAMES[kind].operations()):
        assert kind in TABLES, f"tests/faults/tables has no table of the requests of {kind}"
        assert set(TABLES[kind].places) == operations


def test_matrix_covers_every_request_to_the_frame() -> None:
    asked = {operation for scenario in Scenario for operation in reference(scenario).asked}
    assert set(TABLES[FRAME].places) == set(OPERATIONS)
    assert set(OPERATIONS) <= asked


async def test_trouble_passes_without_a_trace(tmp_path: Path, number: int, cell: Cell) -> None:
    result = await play(cell, tmp_path, restart=number % 2 == 1)
    assert result.cycles == 1
