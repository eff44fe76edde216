"""doc/frames.md describes every kind of frame completely."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from picsync.config.known import Checks
from picsync.config.settings import Config
from picsync.config.shape import shape_of
from picsync.frames.kinds import FRAMES
from picsync.run.kinds import known

PAGE = (Path(__file__).parents[2] / "doc" / "frames.md").read_text(encoding="utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"(?m)^## `(\w+)`.*$", PAGE)[1:])] * 2, strict=True))


def test_every_kind_has_a_section() -> None:
    assert set(SECTIONS) == set(FRAMES)


@pytest.mark.parametrize("kind", FRAMES)
def test_its_section_begins_with_its_summary(kind: str) -> None:
    assert " ".join(SECTIONS[kind].split()).startswith(FRAMES[kind].summary)


@pytest.mark.parametrize("kind", [name for name, kind in FRAMES.items() if kind.options is not None])
def test_its_section_has_every_option(kind: str) -> None:
    page = " ".join(SECTIONS[kind].split())
    for path, shape in shape_of(FRAMES[kind].options).walk():
        assert shape.info is not None
        assert f"| `{path[-1]}` | {shape.info.description} |" in page


@pytest.mark.parametrize("kind", FRAMES)
def test_its_example_is_valid(kind: str) -> None:
    frames: Any = YAML(typ="safe").load(FRAMES[kind].example)
    [name] = frames
    rule = {"name": "X", "frames": [name], "sources": {"picked": ["Y"]}}
    written = {"frames": frames, "albums": [rule]}
    loaded = TypeAdapter(Config).validate_python(written, context=Checks(known()))
    assert loaded.frame(name, {}).kind == kind
