"""`python -m benchmarks select`."""

from __future__ import annotations

from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.selection import CHOICES


def test_each_choice_is_measured() -> None:
    result = CliRunner().invoke(main, ["select", "--photos", "700"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "| choice among 700 photos | chosen | CPU |"
    assert len(lines) == 2 + len(CHOICES)
    assert all("| 500 |" in line for line in lines[2:-1])
