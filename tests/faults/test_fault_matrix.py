"""Every kind with every family of faults; `python -m tests.faults` plays every fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.config.kinds import AnyKind
from picsync.frames.nixplay.client import OPERATIONS
from tests.faults.cells import Cell
from tests.faults.matrix import chosen, every_cell
from tests.faults.operations import FRAME, TABLES
from tests.faults.scenarios import UNRELIABLE, Scenario, reference, scenarios_of
from tests.trials import kinds, trial_of, with_toys


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the cells from the registries and from reference cycles, so that new ones are included."""
    if "cell" in metafunc.fixturenames:
        with with_toys():
            cells = chosen(every_cell())
        metafunc.parametrize(("number", "cell"), list(enumerate(cells)), ids=list(map(str, cells)))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_matrix_covers_every_kind(kind: AnyKind) -> None:
    trial = trial_of(kind)
    operations = set(kind.operations())
    if not operations:
        assert trial.cells(), f"the trial of {kind.name} needs `cells`"
        return
    assert trial.requests is not None, f"the trial of {kind.name} needs `requests`"
    assert set(trial.requests.places) == operations
    if trial.album is not None:
        asked = {
            each for scenario in scenarios_of(kind.name) for each in reference(scenario, kind.name).asked
        }
        assert operations - asked == trial.requests.unplayed


def test_matrix_covers_every_request_to_the_frame() -> None:
    asked = {operation for scenario in Scenario for operation in reference(scenario).asked}
    assert set(TABLES[FRAME].places) == set(OPERATIONS)
    assert set(OPERATIONS) - asked <= UNRELIABLE


def test_a_new_kind_is_in_the_matrix() -> None:
    def places() -> set[str]:
        return {str(cell).partition(":")[0] for cell in every_cell()}

    before = places()
    with with_toys():
        assert places() - before == {"boxes", "shelf"}


def test_a_kind_without_a_trial_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.run.trial.TRIALS", {})
    with (
        with_toys(),
        pytest.raises(AssertionError, match=r"write tests/run/trial.py with `TRIALS = {'boxes'"),
    ):
        every_cell()


async def test_every_fault_is_recovered_from(tmp_path: Path, number: int, cell: Cell) -> None:
    result = await cell.play(tmp_path, restart=number % 2 == 1)
    assert result.cycles == 1
