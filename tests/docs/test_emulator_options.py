"""The documentation names every option of the emulated Nixplay, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from picsync.emulators.nixplay import NixplayOptions

PAGE = Path(__file__).resolve().parents[2] / "doc" / "emulator.md"


def test_every_option_of_nixplay_is_documented() -> None:
    section = PAGE.read_text("utf-8").partition("\n## Nixplay\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(documented) == sorted(field.name for field in fields(NixplayOptions))
