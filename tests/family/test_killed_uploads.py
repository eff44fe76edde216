"""A process that is killed, or loses the power, at any moment of an upload leaves nothing half-done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "step", "at_least"), [("clip.mov", 5, 4), ("photo.jpg", 6, 4)])
def test_what_a_kill_interrupted_is_completed(tmp_path: Path, name: str, step: int, at_least: int) -> None:
    command = [sys.executable, "-m", "tests.family.killed_uploads", str(tmp_path), name, str(step)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= at_least


@pytest.mark.parametrize(
    ("name", "step", "way", "at_least"), [("clip.mov", 6, "tus", 4), ("photo.jpg", 5, "direct", 6)]
)
def test_a_kill_leaves_nothing_half_done_in_a_bucket(
    tmp_path: Path, name: str, step: int, way: str, at_least: int
) -> None:
    command = [sys.executable, "-m", "tests.family.killed_uploads", str(tmp_path), name, str(step), way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= at_least


@pytest.mark.parametrize("names_kept", [False, True])
@pytest.mark.parametrize(("name", "step", "at_least"), [("clip.mov", 8, 3), ("photo.jpg", 7, 3)])
def test_what_is_ready_outlasts_a_power_failure(
    tmp_path: Path, name: str, step: int, names_kept: bool, at_least: int
) -> None:
    command = [sys.executable, "-m", "tests.family.power_loss", str(tmp_path), name]
    command += [str(int(names_kept)), str(step)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= at_least
