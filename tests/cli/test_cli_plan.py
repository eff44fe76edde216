"""`picsync plan`: which photos would be shown, and why the others would not."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from picsync.cli.main import run
from picsync.cli.plan import rows
from picsync.core.model import MediaItem, facts
from picsync.core.recipe import ORIGINAL, Panel, Recipe
from picsync.core.select import Candidate
from picsync.sync.cycle import Preview
from tests.rendering.drawing import baseline

CONFIG = """\
frames:
  usb: {kind: folder, path: FOLDER/usb}
albums:
- name: Best
  sources: {folder: {path: FOLDER/photos, quiet: 0s}}
  frames: usb
  select: {most: 2, exclude: screenshots}
- {name: All, sources: {folder: {path: FOLDER/photos, quiet: 0s}}, frames: usb}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PICSYNC_")]:
        monkeypatch.delenv(name)
    (tmp_path / "picsync.yaml").write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    (tmp_path / "usb").mkdir()
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(("<b>old</b>.jpg", "mid.jpg", "new.jpg", "Screenshot_1.jpg")):
        path = tmp_path / "photos" / name.replace("/", "-")
        path.write_bytes(baseline(64 + number))
        os.utime(path, (1_700_000_000 + number * 86_400,) * 2)
    return tmp_path


def test_prints_what_is_shown_and_why_not_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "Best"]) == 0
    summary, headings, *lines = capsys.readouterr().out.splitlines()
    assert summary == (
        "Best on usb: 2 of 4 photos shown, 2 of them to be sent."
        " Not shown: 1 ranked too low (`most`), 1 of an excluded kind (`exclude`)."
    )
    assert headings.split() == ["PLAN", "WHY", "TAKEN", "SOURCE", "FILE", "NAME", "SIZE", "SENT", "AS"]
    assert [re.split(r"  +", line)[:2] for line in lines] == [
        ["shown", "to be sent"],
        ["shown", "to be sent"],
        ["left out", "of an excluded kind (`exclude`)"],
        ["left out", "ranked too low (`most`)"],
    ]
    assert [re.split(r"  +", line)[4:] for line in lines[:2]] == [
        [name, f"{len(baseline(edge))} B", "JPEG, or as it is"]
        for name, edge in (("mid.jpg", 65), ("new.jpg", 66))
    ]
    assert [len(re.split(r"  +", line)) for line in lines[2:]] == [6, 6], "nothing is sent of the others"
    assert not list((folder / "usb").iterdir())


def test_says_what_has_no_room(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = (folder / "picsync.yaml").read_text()
    (folder / "picsync.yaml").write_text(config.replace("/usb}", "/usb, capacity: {photos: 4}}"))
    assert run(["plan", "All"]) == 0
    summary, _, *lines = capsys.readouterr().out.splitlines()
    assert summary.endswith("Not shown: 2 without room on the frame.")
    assert [re.split(r"  +", line)[:2] for line in lines[2:]] == [
        ["left out", "without room on the frame"]
    ] * 2


def test_each_rule_by_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "picsync.yaml").rename(folder / "other.yaml")
    assert run(["plan", "--config", "other.yaml"]) == 0
    out = capsys.readouterr().out
    assert "All on usb: 4 of 4 photos shown, 4 of them to be sent.\n" in out
    assert "Best on usb: 2 of 4" in out


def test_json_has_the_same_photos(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "Best", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["rule"], found["failures"]) == ("Best on usb", [])
    by_name = {photo["filename"]: photo for photo in found["photos"]}
    assert by_name["new.jpg"]["decision"] == "shown"
    assert by_name["new.jpg"]["why"] == "to be sent"
    assert by_name["new.jpg"]["size_bytes"] == len(baseline(66))
    assert by_name["Screenshot_1.jpg"]["why"] == "of an excluded kind (`exclude`)"


def test_pairs_are_named() -> None:
    left, right, alone = (MediaItem("memory", name, filename=name) for name in "abc")
    candidates = [
        Candidate(left, pair=(left, right)),
        Candidate(right, pair=(left, right)),
        Candidate(alone),
    ]
    preview = Preview("A", candidates, recipe=Recipe(panel=Panel(1280, 800), pair=True))
    assert [(row.why, row.rendition) for row in rows(preview)] == [
        ("to be sent, beside b", "half of a JPEG, 1280x800"),
        ("to be sent, beside a", "half of a JPEG, 1280x800"),
        ("to be sent", "JPEG, or as it is"),
    ]


@pytest.mark.parametrize(("panel", "said"), [(", panel: 480x800", "is 480x800"), ("", "none is set")])
def test_pairs_need_a_landscape_panel(
    folder: Path, capsys: pytest.CaptureFixture[str], panel: str, said: str
) -> None:
    config = (folder / "picsync.yaml").read_text()
    (folder / "picsync.yaml").write_text(config.replace("/usb}", f"/usb{panel}, rendition: {{pair: true}}}}"))
    assert run(["plan"]) == 2
    message = capsys.readouterr().err
    assert "picsync.yaml:2: frames.usb.rendition.pair: has `pair: true`" in message
    assert said in message


def test_a_rule_that_asks_for_pairs_in_vain_is_named_by_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (folder / "picsync.yaml").read_text()
    rule = "  select: {most: 2, exclude: screenshots}\n"
    changed = config.replace(rule, rule + "  rendition:\n    pair: true\n")
    (folder / "picsync.yaml").write_text(changed)
    assert run(["plan"]) == 2
    line = changed.splitlines().index("    pair: true") + 1
    assert f"picsync.yaml:{line}: albums[0].rendition.pair: has `pair: true`" in capsys.readouterr().err


def test_unknown_rule_is_a_usage_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "Bests", "--html", "plan.html"]) == 2
    assert "There is no rule 'Bests'. Did you mean `Best`? Known rules: Best, All." in capsys.readouterr().err
    assert not (folder / "plan.html").exists()


def test_page_has_thumbnails_and_needs_nothing_else(folder: Path) -> None:
    assert run(["plan", "Best", "--html", "plan.html"]) == 0
    page = (folder / "plan.html").read_text()
    assert page.count('src="data:image/jpeg;base64,/9j/') == 4
    assert "&lt;b&gt;old&lt;-b&gt;.jpg" in page
    assert "Left out: ranked too low (`most`)" in page
    assert not re.search(r"<script|<link|https?:|<b>old", page)


def test_page_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "All", "--html", str(folder / "missing" / "plan.html")]) != 0
    assert "missing/plan.html" in capsys.readouterr().err


def test_source_that_fails_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (folder / "photos").iterdir():
        path.unlink()
    (folder / "photos").rmdir()
    assert run(["plan", "Best"]) != 0
    said = capsys.readouterr().out
    assert str(folder / "photos") in said
    assert "0 of 0" not in said


def test_says_what_is_sent_instead_of_an_original() -> None:
    def sent_as(mime_type: str, width: int | None, height: int | None, recipe: Recipe) -> str:
        item = MediaItem("immich", "1", mime_type=mime_type, facts=facts(width, height))
        preview = Preview("A", [Candidate(item)], recipe=recipe)
        return next(rows(preview)).rendition

    panel = Recipe(panel=Panel(1280, 800))
    assert sent_as("image/jpeg", 4000, 3000, panel) == "JPEG, 1066x800"
    assert sent_as("image/heic", 600, 400, panel) == "JPEG, 600x400"
    assert sent_as("image/heic", None, None, panel) == "JPEG"
    assert sent_as("image/jpeg", None, None, panel) == "JPEG, or as it is"
    assert sent_as("image/jpeg", 600, 400, panel) == "as it is, if nothing is wrong with it"
    assert sent_as("image/jpeg", 600, 400, replace(panel, caption="{taken}")) == "JPEG, 600x400"
    assert sent_as("image/heic", 4000, 3000, ORIGINAL) == "as it is"


def test_says_why_a_photo_cannot_be_used_once_that_is_known(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "photos" / "cut.jpg").write_bytes(baseline(640)[:2_000])
    assert run(["sync"]) == 0
    capsys.readouterr()
    assert run(["plan", "All"]) == 0
    summary, _, *lines = capsys.readouterr().out.splitlines()
    assert summary.endswith("Not shown: 1 as unusable; each is tried again after a day.")
    [why] = [re.split(r"  +", line)[1] for line in lines if "cut.jpg" in line]
    assert why == "as unusable; each is tried again after a day (its content is truncated)"
