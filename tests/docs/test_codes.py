"""The tables of codes in doc/monitoring.md are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from picsync.core import errors
from picsync.core.errors import FailureCode, PicsyncError
from picsync.observe.health import LEVELS, HealthCode

PAGE = (Path(__file__).parents[2] / "doc" / "monitoring.md").read_text("utf-8")


def rows(head: str) -> list[list[str]]:
    table = PAGE.split(f"| {head} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_every_failure_code_is_documented() -> None:
    assert [row[0] for row in rows("failure code")] == [f"`{code}`" for code in FailureCode]


def test_every_health_code_is_documented_with_its_level() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("health code")}
    assert documented == {str(code): str(LEVELS[code]) for code in HealthCode}


def test_every_kind_of_error_has_a_code_and_every_code_an_error() -> None:
    kinds = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, PicsyncError) and each is not PicsyncError
    ]
    assert all("_code" in vars(kind) or kind.__mro__[1] is not PicsyncError for kind in kinds)
    by_class = {kind._code for kind in kinds}
    by_value = {FailureCode.RATE_LIMITED, FailureCode.UNAVAILABLE, FailureCode.ITEM_UNUSABLE}
    assert by_class | by_value == set(FailureCode)


def test_nothing_is_decided_by_the_text_of_a_message() -> None:
    text = re.compile(r"(in|startswith\() *\w*\.?(error\.)?message\b|message\.(startswith|partition|split)")
    root = Path(__file__).parents[2] / "picsync"
    places = [
        f"{path.relative_to(root)}: {line.strip()}"
        for folder in ("core", "sync", "observe", "run", "web")
        for path in sorted((root / folder).rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if text.search(line)
    ]
    assert places == []
