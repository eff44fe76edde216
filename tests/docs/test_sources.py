"""doc/sources.md describes every kind of source completely."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from picsync.config.known import Checks
from picsync.config.loading import config_shape
from picsync.config.settings import Config
from picsync.run.kinds import known
from picsync.sources.kinds import SOURCES

PAGE = (Path(__file__).parents[2] / "doc" / "sources.md").read_text(encoding="utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"(?m)^## `(\w+)`.*$", PAGE)[1:])] * 2, strict=True))
PLACEHOLDER = re.compile(r"<[^>]*>")


def test_every_kind_has_a_section() -> None:
    assert set(SECTIONS) == set(SOURCES)


@pytest.mark.parametrize("kind", SOURCES)
def test_its_section_begins_with_its_summary(kind: str) -> None:
    assert " ".join(SECTIONS[kind].split()).startswith(SOURCES[kind].summary)


@pytest.mark.parametrize("kind", SOURCES)
def test_its_section_has_every_option_as_the_model_describes_it(kind: str) -> None:
    page = " ".join(SECTIONS[kind].split())
    sources = config_shape(known()).at(("albums", 0, "sources", kind, 0))
    assert sources is not None
    for path, shape in sources.walk():
        assert shape.info is not None
        assert shape.info.description
        assert f"| `{path[-1]}` | {shape.info.description} |" in page


@pytest.mark.parametrize("kind", SOURCES)
def test_its_example_is_valid(kind: str) -> None:
    example: Any = YAML(typ="safe").load(PLACEHOLDER.sub("x", SOURCES[kind].example))
    rule = {"name": "X", "sources": example}
    loaded = TypeAdapter(Config).validate_python({"albums": [rule]}, context=Checks(known()))
    assert loaded.albums[0].sources[kind]
