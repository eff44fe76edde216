"""`picsync frame`: what is on the frames, and what their viewers do not want."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from picsync.cli.main import run
from tests.rendering.drawing import baseline

CONFIG = """\
frames:
  usb: {kind: folder, path: FOLDER/usb}
  hall: {kind: folder, path: FOLDER/hall}
albums:
- {name: All, sources: {folder: {path: FOLDER/photos, quiet: 0s}}, frames: [usb, hall]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PICSYNC_")]:
        monkeypatch.delenv(name)
    (tmp_path / "picsync.yaml").write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    for name in ("usb", "hall", "photos"):
        (tmp_path / name).mkdir()
    for number in range(6):
        (tmp_path / "photos" / f"p{number}.jpg").write_bytes(baseline(64 + number))
    assert run(["sync", "--once"]) == 0
    return tmp_path


def file(folder: Path, name: str) -> Path:
    [path] = (folder / "usb").glob(f"{name}-*")
    return path


def reject(folder: Path, *names: str) -> None:
    """Delete files, and have it noticed some time later."""
    for name in names:
        file(folder, name).unlink()
    os.utime(folder / "usb", (1_700_000_000,) * 2)
    assert run(["sync", "--once"]) == 0


def test_lists_and_restores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reject(folder, "p1", "p2")
    log = capsys.readouterr().err
    assert "p1.jpg and 1 other photo were deleted from the folder" in log
    assert run(["frame", "rejected"]) == 0
    headings, *lines = capsys.readouterr().out.splitlines()
    assert headings.split("  ")[0] == "FRAME"
    cells = [re.split(r"  +", line) for line in lines]
    assert [(row[0], row[3], row[5]) for row in cells] == [
        ("usb", "All", "p1.jpg"),
        ("usb", "All", "p2.jpg"),
    ]
    assert run(["frame", "restore", "usb", "p1.jpg"]) == 0
    assert "usb: p1.jpg may be shown again." in capsys.readouterr().out
    assert run(["frame", "rejected", "usb", "--json"]) == 0
    [left] = json.loads(capsys.readouterr().out)
    assert (left["filename"], left["frame"], left["rules"]) == ("p2.jpg", "usb", ["All"])
    assert run(["frame", "restore", "usb", left["id"]]) == 0
    assert run(["sync", "--once"]) == 0
    assert file(folder, "p1").exists()
    assert file(folder, "p2").exists()
    assert run(["frame", "rejected"]) == 0
    assert "No photos were rejected." in capsys.readouterr().err


def test_restores_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reject(folder, "p1", "p2")
    assert run(["frame", "restore", "usb", "--all"]) == 0
    assert run(["frame", "restore", "usb", "--all"]) == 1
    assert "No photos were rejected at the frame usb." in capsys.readouterr().err
    assert run(["sync", "--once"]) == 0
    assert len(list((folder / "usb").glob("*.jpg"))) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rejected", "ubs"], "There is no frame 'ubs'. Did you mean `usb`? Frames: usb, hall."),
        (["restore", "usb"], "Name one PHOTO, or use --all."),
        (["restore", "usb", "p1.jpg", "--all"], "Name one PHOTO, or use --all."),
    ],
)
def test_wrong_usage(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["frame", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_unknown_photo(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["frame", "restore", "usb", "p9.jpg"]) == 1
    assert "No photo 'p9.jpg' was rejected at the frame usb." in capsys.readouterr().err


def test_lists_what_is_on_the_frames(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["frame", "list"]) == 0
    headings, *lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", headings)[:5] == ["FRAME", "KIND", "ACCOUNT", "PHOTOS", "SIZE"]
    assert [line.split()[:3] for line in lines] == [["usb", "folder", "-"], ["hall", "folder", "-"]]
    assert [line.split()[3] for line in lines] == ["6", "6"]
    assert run(["frame", "list", "--json"]) == 0
    usb, hall = json.loads(capsys.readouterr().out)
    assert (usb["name"], usb["photos"], usb["rules"], usb["error"]) == ("usb", 6, ["All"], None)
    assert usb["size_bytes"] == sum(path.stat().st_size for path in (folder / "usb").glob("*.jpg"))
    assert hall["size_bytes"] == usb["size_bytes"]


def test_a_frame_that_cannot_be_reached_hides_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "usb").rename(folder / "elsewhere")
    capsys.readouterr()
    assert run(["frame", "list"]) == 1
    captured = capsys.readouterr()
    assert [line.split()[3] for line in captured.out.splitlines()[1:]] == ["?", "6"]
    message = f"The folder {folder}/usb cannot be used: There is no such directory."
    assert f"picsync: usb: {message}" in captured.err
    assert run(["frame", "show", "usb"]) == 1


def test_shows_the_photos_of_a_frame(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["frame", "show", "usb"]) == 0
    headings, *lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", headings) == ["PHOTO", "RULE", "SIZE", "FILE NAME"]
    names = sorted(path.name for path in (folder / "usb").glob("*.jpg"))
    assert [line.split()[0] for line in lines] == names
    assert run(["frame", "show", "usb", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["filename"], each["rule"]) for each in found] == [(f"p{n}.jpg", "All") for n in range(6)]


def test_shows_them_as_a_page_that_needs_nothing_else(folder: Path) -> None:
    assert run(["frame", "show", "usb", "--html", "usb.html"]) == 0
    page = (folder / "usb.html").read_text()
    assert "<h1>What is on the frame usb</h1>" in page
    assert page.count("data:image/jpeg;base64,") == 6
    assert not re.search(r"https?://|<script|src=\"(?!data:)", page)
