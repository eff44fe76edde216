"""Every case of doc/how-it-works.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "doc" / "how-it-works.md").read_text("utf-8")
HEADS = ("| rule | meaning | tested by |", "| case | what picsync does | tested by |")


def rows() -> list[str]:
    lines = TEXT.splitlines()
    found = []
    for head in HEADS:
        start = lines.index(head) + 2
        found += lines[start : next(n for n in range(start, len(lines)) if not lines[n].startswith("|"))]
    return found


def names_in(path: Path) -> set[str]:
    """Return the names of a file's tests; those of a class, or of a state machine, by its own name."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                found.add(name)
    return {name for name in found if name.lower().startswith("test")}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip()[:40])
def test_what_holds_a_case_up_exists(row: str) -> None:
    named = re.findall(r"`([^`]+)`", row.split("|")[3])
    assert named, "no test is named"
    for name in named:
        file, _, test = name.partition("::")
        path = TESTS / file
        if path.is_dir():
            assert list(path.glob("test_*.py"))
            continue
        assert path.is_file(), f"there is no {file}"
        tests = names_in(path)
        assert tests, f"{file} has no test"
        assert not test or test in tests, f"{file} has no {test}"
