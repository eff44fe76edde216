"""`mirror:` in picsync.yaml: every mistake gets one message, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.config import MaxDelete
from picsync.core.errors import ConfigError
from picsync.core.mirrorstate import IGNORED, ignoring
from picsync.core.places import StorePlace
from picsync.run.settings import SettingsFiles
from tests.config.test_config_organize import load, problems


def rule(**changes: str) -> str:
    settings = {"name": "backup", "from": "/photos", "to": "dropbox:/Backup", **changes}
    lines = [f"  {key}: {value}" for key, value in settings.items() if value]
    return "mirror:\n-" + "\n".join(lines)[1:] + "\n"


def test_the_defaults(tmp_path: Path) -> None:
    (found,) = load(tmp_path, rule()).mirror
    assert (found.from_, found.to) == (StorePlace("local", "/photos"), StorePlace("dropbox", "/Backup"))
    assert (found.ignore, found.delete, found.theirs, found.max_delete) == ((), True, "revert", None)


def test_all_settings(tmp_path: Path) -> None:
    text = rule(ignore="[private/, '*.bak']", delete="false", theirs="keep", maxDelete="20%", every="2h")
    (found,) = load(tmp_path, text).mirror
    assert found.ignore == ("private", "*.bak")
    assert found.max_delete == MaxDelete(percent=20)
    assert (found.delete, found.theirs) == (False, "keep")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"from": "dropbox:/x"}, "mirror[0].from: must be a folder of this machine, not dropbox:/x"),
        ({"from": "/"}, "mirror[0].from: must be a folder, not the whole file system"),
        ({"from": "photos"}, "mirror[0].from: must be an absolute path"),
        ({"to": "/photos"}, "mirror[0].to: is the same folder as `from` (/photos)"),
        ({"to": "/photos/sub"}, "mirror[0].to: is inside `from` (/photos)"),
        ({"from": "/photos/a", "to": "/photos"}, "mirror[0].to: contains `from` (/photos/a)"),
        ({"to": "dropbx:/x"}, "mirror[0].to: names `dropbx`, which is not an account"),
        ({"ignore": "[a/b]"}, "mirror[0].ignore[0]: must be the name of a file or folder"),
        ({"theirs": "ask"}, "mirror[0].theirs: "),
        ({"maxDelete": "many"}, "mirror[0].maxDelete: must be a number of files such as 50"),
        ({"name": "' '"}, "mirror[0].name: must not be empty"),
        ({"colour": "red"}, "mirror[0].colour: "),
    ],
)
def test_a_wrong_setting_has_one_message(tmp_path: Path, changes: dict[str, str], problem: str) -> None:
    (found,) = problems(tmp_path, rule(**changes))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (
            {"name": "backup", "to": "/b", "from": "/c"},
            "mirror[1].name: is 'backup', like that of an earlier",
        ),
        ({"to": "dropbox:/backup/sub"}, "mirror[1].to: overlaps with that of the rule `backup`"),
        ({"from": "/a", "to": "/photos/a"}, ""),
    ],
)
def test_two_rules(tmp_path: Path, second: dict[str, str], problem: str) -> None:
    text = rule() + rule(**{"name": "other", **second}).removeprefix("mirror:\n")
    if not problem:
        assert len(load(tmp_path, text).mirror) == 2
        return
    (found,) = problems(tmp_path, text)
    assert found.startswith(problem)


def test_mirrors_in_a_circle(tmp_path: Path) -> None:
    others = [("b", "/b", "/c/sub"), ("c", "/c", "/a")]
    text = rule(name="a", **{"from": "/a", "to": "/b"})
    text += "".join(
        rule(name=name, **{"from": source, "to": to}).removeprefix("mirror:\n") for name, source, to in others
    )
    (found,) = problems(tmp_path, text)
    assert found.startswith("mirror[0].to: copies files in a circle: a -> b -> c -> a.")


ORGANIZE = """\
organize: {name: sort, from: ROOT/in, to: 'ROOT/out/{year}'}
mirror: {name: m, from: ROOT/x, to: ROOT/out/a}
"""
FRAME = """\
frames: {usb: {kind: folder, path: ROOT/f}}
albums: [{name: A, sources: {folder: ROOT/p}, frames: usb}]
mirror: {name: m, from: ROOT/p, to: ROOT/f/sub}
"""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (ORGANIZE, "a folder of the rule `sort` of `organize`"),
        (FRAME, "the directory of the frame `usb`"),
    ],
)
def test_a_target_that_another_rule_fills(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "picsync.yaml"
    path.write_text(text.replace("ROOT", str(tmp_path)), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        SettingsFiles(path, {}, ()).load()
    assert any(what in one.message and one.field == "mirror[0].to" for one in caught.value.problems)


def test_a_link_that_leads_into_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").symlink_to("in")
    path = tmp_path / "picsync.yaml"
    path.write_text(f"mirror: {{name: m, from: {tmp_path}/in, to: {tmp_path}/out/x}}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        SettingsFiles(path, {}, ()).load()
    assert "by its symbolic links" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [
        ("/.cache/a", True), ("/a/__PYCACHE__/b.pyc", True), ("/a/b.TMP", True), ("/a/b.jpg", False),
        ("/a/private", True), ("/privately", False), ("/cache/a", False), ("/.hidden", False),
    ],
)  # fmt: skip
def test_names_are_ignored_at_any_depth(path: str, is_ignored: bool) -> None:
    assert ignoring((*IGNORED, "private"))(path) is is_ignored
