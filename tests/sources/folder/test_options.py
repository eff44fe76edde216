"""The options of a folder in picsync.yaml."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from picsync.core.errors import ConfigError
from picsync.run.kinds import read_config
from picsync.sources.folder.options import FolderEntry


def entries(tmp_path: Path, text: str, **environ: str) -> list[FolderEntry]:
    path = tmp_path / "picsync.yaml"
    path.write_text(f"albums:\n- name: X\n  sources:\n    folder: {text}\n", "utf-8")
    config = read_config(path, environ)
    return list(config.albums[0].sources["folder"])


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/photos", "/photos"),
        ("[/photos]", "/photos"),
        ("{path: /photos}", "/photos"),
        ("\n    - path: /photos", "/photos"),
        ("//photos/./a/../b//", "/photos/b"),
        ("/", "/"),
        ("/Größe 北京", "/Größe 北京"),
        ("~/Pictures", "/home/grandma/Pictures"),
    ],
)
def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, path: str) -> None:
    monkeypatch.setenv("HOME", "/home/grandma")
    [entry] = entries(tmp_path, text)
    assert (entry.path, str(entry)) == (path, path)


def test_every_option(tmp_path: Path) -> None:
    text = "{path: /p, include: '*.jpg', exclude: [raw/**, b], quiet: 1m30s, mayBeEmpty: true}"
    [entry] = entries(tmp_path, text)
    assert entry == FolderEntry(
        path="/p",
        include=("*.jpg",),
        exclude=("raw/**", "b"),
        quiet=timedelta(seconds=90),
        may_be_empty=True,
    )
    assert str(entry) == "/p (include *.jpg, exclude raw/**, exclude b, quiet 90s, may be empty)"


def test_options_from_the_environment(tmp_path: Path) -> None:
    variable = "PICSYNC_ALBUMS__0__SOURCES__FOLDER"
    [entry] = entries(tmp_path, "/p", **{variable: "[{path: /q, quiet: 1s}]"})
    assert str(entry) == "/q (quiet 1s)"
    [entry] = entries(tmp_path, "[{path: /p}]", **{f"{variable}__0__MAY_BE_EMPTY": "yes"})
    assert str(entry) == "/p (may be empty)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("photos", "must be an absolute path such as /photos, or begin with `~/`, not 'photos'"),
        ("''", "must be an absolute path"),
        ("~nobody-of-this-name/x", "must be an absolute path"),
        ("{path: /p, quiet: 10}", "needs a unit"),
        ("{path: /p, quiet: 2h}", "must be between `0s` and `1h`"),
        ("{path: /p, quiet: -1s}", "must be between `0s` and `1h`"),
        ("{path: /p, include: /p/2024}", "must be a pattern for paths below the folder"),
        ("{path: /p, exclude: ['{1..100000}']}", "is not a valid pattern"),
        ("{path: /p, mayBeEmpty: perhaps}", "must be true or false"),
        ("{path: /p, recursive: true}", "is not a setting that picsync knows"),
        ("{exclude: [a]}", "is missing; write for example `path: /photos/family`"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        entries(tmp_path, text)
    [found] = caught.value.problems
    assert (found.file, found.line) == (str(tmp_path / "picsync.yaml"), 4)
    assert found.field.startswith("albums[0].sources.folder")
    assert problem in found.message


def test_differing_entries_have_differing_names() -> None:
    options: list[dict[str, object]] = [
        {},
        {"include": ["a"]},
        {"exclude": ["a"]},
        {"include": ["a", "b"]},
        {"include": ["a, include b"]},
        {"quiet": "1s"},
        {"mayBeEmpty": True},
    ]
    made = [FolderEntry.model_validate({"path": "/p", **each}) for each in options]
    assert len({str(entry) for entry in made}) == len(options)
