import re
from pathlib import Path

import pytest

from picsync.cli.reference import SETTINGS, insert_reference, reference, settings_of
from picsync.config.loading import credentials_shape
from picsync.config.settings import Config
from picsync.config.tree import field_name
from picsync.frames.nixplay.credentials import require_account
from picsync.run.kinds import known, logins
from picsync.vendors.google.credentials import require_client
from tests.config.builders import config, credentials

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "doc" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = re.sub(r"<\w+>", "x", (ROOT / "picsync.yaml.example").read_text(encoding="utf-8"))


def test_the_page_has_the_reference_of_the_models() -> None:
    command = "python -m picsync.cli.reference doc/configuration.md"
    assert insert_reference(PAGE) == PAGE, f"run: {command}"


def test_the_reference_has_every_setting_with_a_description() -> None:
    for one in (SETTINGS, credentials_shape(logins())):
        for path, shape in settings_of(one):
            assert f"| `{field_name(path).replace('[0]', '[]')}` |" in reference()
            assert shape.info is not None
            assert shape.info.description
            assert shape.info.examples or shape.keys or path == ("smugmug",)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        insert_reference("# Configuration\n")


def test_the_example_is_valid(tmp_path: Path) -> None:
    assert config(tmp_path, EXAMPLE, may_name=known({"grandpa": "nixplay"})).albums[0].name == "AllMyStuff"


def test_example_is_valid_and_has_every_setting(tmp_path: Path) -> None:
    loaded = config(
        tmp_path, re.sub(r"(?m)^( *)#(?=\S)", r"\1", EXAMPLE), may_name=known({"grandpa": "nixplay"})
    )
    assert loaded.model_fields_set == set(Config.model_fields)
    assert loaded.albums[0].model_fields_set == set(type(loaded.albums[0]).model_fields)


def test_the_credentials_on_the_page_are_valid(tmp_path: Path) -> None:
    block = re.search(r"(?m)^ {4}# \.picsync-credentials\.yaml\n(?: {4}.*\n)+", PAGE)
    assert block
    loaded = credentials(tmp_path, re.sub(r"(?m)^ {4}", "", block[0]))
    assert require_account(loaded.account("nixplay")).username == "user"
    assert require_client(loaded.account("googlephotos")).key


def test_the_variables_on_the_page_are_valid(tmp_path: Path) -> None:
    found = dict(re.findall(r"(?m)^ {4}(PICSYNC_\w+)=(.*)$", PAGE))
    assert len(found) == 4
    environ = {name: value.strip("'") for name, value in found.items()}
    assert config(tmp_path, None, environ).albums[0].delete is False
    assert credentials(tmp_path, None, environ).sections.get("nixplay") is not None
