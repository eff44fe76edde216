"""doc/architecture.md describes the campaigns as they are, and the command works as described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.campaign import CAMPAIGNS, main
from tests.mutants import MUTANTS, ROOT, Mutant

TEXT = (ROOT / "doc" / "architecture.md").read_text("utf-8")


def test_every_campaign_is_documented_and_no_other() -> None:
    table = TEXT[TEXT.index("| campaign |") :].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(CAMPAIGNS)


def test_a_campaign_ends_with_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "5", "--budget", "0.1", "--only", "machine"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["campaign", "how", "many", "what", "failures", "seconds"]
    assert re.fullmatch(r"machine +\d+ +examples, \d+ cycles +0 +\d+", row)


def test_an_unknown_campaign_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "machine,flood"])
    assert ended.value.code == 2
    assert "no campaign flood" in capsys.readouterr().err


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_still_be_made(mutant: Mutant) -> None:
    text = Path(ROOT, mutant.file).read_text("utf-8")
    assert text.count(mutant.old) == 1
    compile(text.replace(mutant.old, mutant.new), mutant.file, "exec")
    assert all(Path(ROOT, each).exists() for each in mutant.tests)
