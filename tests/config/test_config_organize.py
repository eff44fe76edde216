"""`organize:` in picsync.yaml: every mistake gets one message, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from picsync.config import Config
from picsync.core.errors import ConfigError
from picsync.core.namedates import MONTH, YEAR
from picsync.core.places import StorePlace
from picsync.run.dropbox import needed_scopes
from picsync.run.kinds import read_config

GOOD = """\
organize:
- name: camera
  from: /photos/Camera
  to: "/photos/{year}/{year}-{month}"
"""
ACCOUNTS = {"dropbox": "dropbox", "anna": "dropbox", "nixplay": "nixplay"}


def load(tmp_path: Path, text: str, accounts: Mapping[str, str] = ACCOUNTS) -> Config:
    path = tmp_path / "picsync.yaml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, {}, accounts)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [f"{one.field}: {one.message}" for one in caught.value.problems]


def rule(**changes: str) -> str:
    settings = {"name": "camera", "from": "/photos/Camera", "to": '"/photos/{year}"', **changes}
    lines = [f"  {key}: {value}" for key, value in settings.items() if value]
    return "organize:\n-" + "\n".join(lines)[1:] + "\n"


def test_albums_are_only_needed_without_another_job(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    assert (found.albums, len(found.organize)) == ((), 1)
    (found_problem,) = problems(tmp_path, "every: 1h\n")
    assert found_problem.startswith("albums: is missing; write for example `albums: [{name: AllMyStuff, ")


def test_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD).organize[0]
    found = settings.rule
    assert (found.source, found.photos, found.unsorted) == (
        "/photos/Camera", "/photos/{year}/{year}-{month}", None,
    )  # fmt: skip
    assert {"jpg", "jpeg", "heic", "png", "dng"} <= set(found.photo_types)
    assert {"mov", "mp4", "3gp"} <= set(found.video_types)
    assert (settings.taken, settings.year, settings.month) == (
        ("exif", "name", "media_info", "modified"), YEAR.pattern, MONTH.pattern,
    )  # fmt: skip
    assert found.rename
    assert not found.recursive


def test_everything(tmp_path: Path) -> None:
    text = rule(
        **{
            "from": '"dropbox:/Camera Uploads/"',
            "recursive": "true",
            "to": '{photos: "dropbox:/P/{year}", videos: "dropbox:/V/{type}/{day}"}',
            "unsorted": '"dropbox:/Unsorted"',
            "types": "{photos: [.JPG, '*.heic'], videos: mov}",
            "taken": "[name, modified]",
            "year": "'^(19|20)\\d\\d$'",
            "month": "'^\\d\\d$'",
            "log": '"anna:/Logs/picsync.txt"',
            "logDate": '"%d.%m.%Y"',
            "conflict": "leave",
            "duplicates": "leave",
            "quiet": "0s",
            "every": "5m",
            "dryRun": "true",
        }
    )
    settings = load(tmp_path, text).organize[0]
    assert settings.from_ == StorePlace("dropbox", "/Camera Uploads")
    assert settings.log == StorePlace("anna", "/Logs/picsync.txt")
    assert settings.rule.photo_types == {"jpg", "heic"}
    assert settings.rule.video_types == {"mov"}
    assert (settings.rule.rename, settings.rule.keep_duplicates, settings.rule.duplicates) == (
        False, True, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ""}, "organize[0].name: is missing"),
        ({"from": "photos/Camera"}, "organize[0].from: must be an absolute path"),
        ({"from": '"/a/../b"'}, "organize[0].from: must not contain `..`"),
        ({"from": '"dropbx:/a"'}, "which is not an account of the credentials file; did you mean `dropbox`?"),
        ({"from": '"nixplay:/a"'}, "an account of the kind `nixplay`, which holds no files"),
        ({"to": '"/photos/{yaer}"'}, "organize[0].to: has an unknown placeholder `{yaer}`"),
        ({"to": '"/photos/{year"'}, "organize[0].to: has a brace without its counterpart"),
        ({"to": '{photos: "/p"}'}, "organize[0].to.videos: is missing"),
        ({"to": '"dropbox:/photos"'}, "organize[0].to: is in another account than `from`"),
        ({"to": "/photos/Camera"}, "organize[0].to: is the same folder as `from`"),
        ({"to": "/photos/camera/"}, "organize[0].to: is the same folder as `from`"),
        ({"to": "/photos"}, "organize[0].to: contains `from`"),
        ({"from": "/photos/2015"}, "organize[0].to: is the same folder as `from`"),
        ({"from": "/photos/2015/new"}, "organize[0].to: contains `from`"),
        ({"recursive": "true", "to": '"/photos/Camera/{year}"'}, "organize[0].to: is inside `from`"),
        ({"unsorted": "/photos/Camera"}, "organize[0].unsorted: is the same folder as `from`"),
        ({"recursive": "true", "unsorted": "/photos/Camera/x"}, "organize[0].unsorted: is inside `from`"),
        ({"unsorted": '"dropbox:/x"'}, "organize[0].unsorted: is in another account"),
        ({"duplicates": "unsorted"}, "organize[0].duplicates: must be `leave`, or `unsorted` must be"),
        ({"types": "{photos: ['a.b']}"}, "must be the extension of a file name such as `jpg`"),
        ({"taken": "[exif, exif]"}, "organize[0].taken: names an origin twice"),
        ({"taken": "[]"}, "organize[0].taken: must not be empty"),
        ({"taken": "[exiv]"}, "must be `exif`, `name`, `media_info` or `modified`"),
        ({"year": "'('"}, "organize[0].year: is not a regular expression"),
        ({"log": "/photos/Camera/log.txt"}, "organize[0].log: is in `from`"),
        ({"log": "/"}, "organize[0].log: must name a file, not a folder"),
        ({"logDate": '"a\\nb"'}, "organize[0].logDate: must be a format"),
        ({"conflict": "overwrite"}, "organize[0].conflict: must be `rename` or `leave`"),
        ({"quiet": "2h"}, "organize[0].quiet: must be between `0s` and `1h`"),
        ({"every": "0s"}, "organize[0].every: must be greater than zero"),
        ({"colour": "red"}, "organize[0].colour: is not a setting that picsync knows"),
    ],
)  # fmt: skip
def test_each_mistake_has_one_message(tmp_path: Path, changes: dict[str, str], expected: str) -> None:
    (found,) = problems(tmp_path, rule(**changes))
    assert expected in found


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = rule(to='"/photos/{yaer}"', duplicates="unsorted", log="/") + rule(name="b", to='"/x/{"')[10:]
    assert len(problems(tmp_path, text)) == 4


def test_sorting_below_a_folder_that_is_not_recursive_is_allowed(tmp_path: Path) -> None:
    assert load(tmp_path, rule(to='"/photos/Camera/{year}"', unsorted="/photos/Camera/rest")).organize


def test_circles_are_refused(tmp_path: Path) -> None:
    text = rule(to="/b") + rule(**{"name": "back", "from": "/b", "to": "/photos/Camera"})[10:]
    (found,) = problems(tmp_path, text)
    assert "organize[0].to: moves files in a circle: camera -> back -> camera." in found


def test_a_chain_is_no_circle(tmp_path: Path) -> None:
    assert load(tmp_path, rule(to="/b") + rule(**{"name": "on", "from": "/b", "to": "/c"})[10:]).organize


def test_names_are_unique(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, rule() + rule(**{"from": "/other"})[10:])
    assert "organize[1].name: is 'camera', like that of an earlier rule" in found


def test_sorting_in_dropbox_needs_the_permission_to_write(tmp_path: Path) -> None:
    text = rule(**{"from": '"dropbox:/Camera Uploads"', "to": '"dropbox:/Archive/{year}"'})
    assert "files.content.write" in needed_scopes(load(tmp_path, text), "dropbox")
    assert "files.content.write" not in needed_scopes(load(tmp_path, text), "anna")


def test_a_frame_in_dropbox_needs_the_permission_to_see_the_free_space(tmp_path: Path) -> None:
    text = (
        "albums: [{name: Family, sources: {folder: [{path: /pictures}]}, frames: [kitchen]}]\n"
        "frames: {kitchen: {kind: dropbox, path: /Frames/Kitchen}}\n"
    )
    scopes = needed_scopes(load(tmp_path, text), "dropbox")
    assert {"files.content.write", "account_info.read"} <= scopes
    sorts = load(tmp_path, rule(**{"from": '"dropbox:/Camera"', "to": '"dropbox:/Archive/{year}"'}))
    assert "account_info.read" not in needed_scopes(sorts, "dropbox")
