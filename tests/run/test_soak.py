"""A short soak; PICSYNC_SOAK_CYCLES makes it longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.run.resources import assert_flat
from tests.run.soak import run

CYCLES = int(os.environ.get("PICSYNC_SOAK_CYCLES", "40"))


@pytest.mark.timeout(600 + CYCLES)  # Far more than it takes; a busy machine must not fail it.
def test_soak_converges_and_leaks_nothing(tmp_path: Path) -> None:
    soak = run(tmp_path, cycles=CYCLES, looks=9, seed=7)
    assert soak.cycles >= CYCLES
    assert soak.judged["struck"], "no fault has struck"
    assert "done" in soak.outcomes
    assert soak.applied > 2
    assert soak.scrapes
    assert soak.miscounted() == []
    assert_flat(soak.taken)
