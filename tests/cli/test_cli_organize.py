"""`picsync organize` and `picsync sync` with organizing rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.cli.main import run

RULES = """\
organize:
- name: missing
  from: {root}/nowhere
  to: {root}/other
  quiet: 0s
- name: camera
  from: {root}/in
  to: "{root}/out/{{year}}/{{year}}-{{month}}"
  unsorted: {root}/rest
  log: {root}/log.txt
  quiet: 0s
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("in", "own"):
        (tmp_path / folder).mkdir()
    for name in ("2015-02-12 00.05.58.jpg", "notes.txt"):
        (tmp_path / "in" / name).write_bytes(b"x")
    (tmp_path / "picsync.yaml").write_text(RULES.format(root=tmp_path))
    return tmp_path


def command(root: Path, name: str, *options: str) -> int:
    return run([name, str(root / "picsync.yaml"), "--cache", str(root / "own/cache.db"), *options])


def below(root: Path, folder: str) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in (root / folder).rglob("*") if path.is_file())


def only_camera(root: Path) -> None:
    camera = RULES.format(root=root).partition("- name: camera")
    (root / "picsync.yaml").write_text("organize:\n" + "".join(camera[1:]))


@pytest.mark.parametrize("name", ["organize", "sync"])
def test_a_dry_run_prints_the_moves(root: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    only_camera(root)
    assert command(root, name, "--dry-run") == 0
    old = "2015-02-12 00.05.58.jpg"
    assert capsys.readouterr().out.splitlines() == [
        f"move {root}/in/{old} -> {root}/out/2015/2015-02/{old}",
        f"move {root}/in/notes.txt -> {root}/rest/notes.txt",
    ]
    assert below(root, "in") == [f"in/{old}", "in/notes.txt"]


@pytest.mark.parametrize("name", ["organize", "sync"])
def test_a_failure_stops_only_its_rule(root: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert command(root, name) == 1
    assert below(root, "out") == ["out/2015/2015-02/2015-02-12 00.05.58.jpg"]
    assert below(root, "rest") == ["rest/notes.txt"]
    assert len((root / "log.txt").read_text().splitlines()) == 2
    said = capsys.readouterr().err
    assert f"There is no folder {root}/nowhere." in said
    assert "Traceback" not in said


def test_a_second_pass_has_nothing_to_do(root: Path) -> None:
    only_camera(root)
    assert [command(root, "organize") for _ in range(2)] == [0, 0]
    assert len((root / "log.txt").read_text().splitlines()) == 2


def test_without_rules_it_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "picsync.yaml").write_text(
        "albums: [{name: A, sources: {folder: [/photos]}, frames: [usb]}]\n"
        f"frames: {{usb: {{kind: folder, path: {root}/usb}}}}\n"
    )
    assert command(root, "organize") == 2
    assert "organize: is missing" in capsys.readouterr().err


def test_sorted_files_are_on_the_frame_in_the_same_cycle(root: Path) -> None:
    from tests.media.test_taken import picture

    (root / "usb").mkdir()
    (root / "in/a.jpg").write_bytes(picture("JPEG"))
    only_camera(root)
    with (root / "picsync.yaml").open("a") as file:
        file.write(
            f"albums: [{{name: A, sources: {{folder: [{{path: {root}/out, quiet: 0s}}]}}, frames: [usb]}}]\n"
            f"frames: {{usb: {{kind: folder, path: {root}/usb}}}}\n"
        )
    (root / "in/2015-02-12 00.05.58.jpg").unlink()
    assert command(root, "sync", "--once") == 0
    assert below(root, "out") == ["out/2015/2015-02/a.jpg"]
    assert [path.suffix for path in (root / "usb").iterdir() if path.is_file()] == [".jpg"]


def test_a_frame_in_a_sorted_folder_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only_camera(root)
    with (root / "picsync.yaml").open("a") as file:
        file.write(
            "albums: [{name: A, sources: {folder: [/photos]}, frames: [usb]}]\n"
            f"frames: {{usb: {{kind: folder, path: {root}/in}}}}\n"
        )
    assert command(root, "sync") == 2
    assert "the rule `camera` of `organize` sorts" in capsys.readouterr().err


def test_the_doctor_looks_at_the_folders(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(root, "doctor")
    said = capsys.readouterr().out
    assert f"There is no folder {root}/nowhere." in said
    assert f"2 files in {root}/in;" in said
    assert "Traceback" not in said
