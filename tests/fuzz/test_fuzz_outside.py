"""A fixed part of `python -m tests.fuzz.outside`: any environment, credentials and settings."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="forks a process with threads behind it")
def test_whatever_a_machine_says() -> None:
    # A process of its own, since it forks.
    command = [sys.executable, "-m", "tests.fuzz.outside", "--seed", "7", "--count", "25"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "25 commands" in done.stdout
