"""`picsync render`: what a frame would get of files."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from picsync.cli.main import run
from tests.rendering.drawing import assert_quarters, baseline, coded, opened, quarters

CONFIG = """\
frames:
  usb: {kind: folder, path: /u, panel: 64x48}
albums:
- {name: A, sources: {folder: [/p]}, frames: [usb, nixplay]}
- {name: B, sources: {folder: [/p]}, frames: usb, rendition: {quality: 80}}
- {name: C, sources: {folder: [/p]}, frames: nixplay}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PICSYNC_")]:
        monkeypatch.delenv(name)
    (tmp_path / "picsync.yaml").write_text(CONFIG)
    (tmp_path / "fine.jpg").write_bytes(baseline())
    (tmp_path / "large.png").write_bytes(coded(quarters(256, 192), "PNG"))
    (tmp_path / "behind.jpg").write_bytes(baseline() + b"a video")
    (tmp_path / "odd.heic").write_bytes(b"no picture")
    return tmp_path


def test_says_and_writes_what_the_frame_would_get(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["large.png", "fine.jpg", "behind.jpg", "odd.heic"]
    assert run(["render", *files, "--frame", "usb", "--rule", "A", "-o", "out"]) == 0
    large, fine, behind, odd = capsys.readouterr().out.splitlines()
    assert large.startswith("large.png: rendered as 64x48, ")
    assert large.endswith(": out/large.jpg.")
    assert fine == f"fine.jpg: sent as it is, {len(baseline())} B -> {len(baseline())} B: out/fine.jpg."
    assert behind.startswith("behind.jpg: metadata rewritten, ")
    assert odd == "odd.heic: unusable: its content is neither a picture nor a video."
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["behind.jpg", "fine.jpg", "large.jpg"]
    assert_quarters(opened((folder / "out" / "large.jpg").read_bytes()))
    assert (folder / "out" / "fine.jpg").read_bytes() == baseline()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii:strict"])
def test_lines_stand_above_the_progress_bar_on_a_terminal(folder: Path, encoding: str) -> None:
    files = [f"größe{number}.jpg" for number in range(6)]
    for name in files:
        (folder / name).write_bytes(baseline())
    code = "from picsync.cli.main import main; main()"
    options = ["--frame", "usb", "--rule", "A", "-o", "out"]
    command = [sys.executable, "-c", code, "render", *files, *options]
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "60", "PYTHONIOENCODING": encoding}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # EIO: the other end was closed.
            while chunk := os.read(ours, 65536):
                said += chunk
    os.close(ours)
    assert process.returncode == 0, said
    assert b"Rendering" in said
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode("utf-8")))
    found = [line for line in lines if "sent as it is" in line]
    assert len(found) == len(files)
    assert all(line.startswith("gr") and line.endswith(".jpg.") for line in found), found


def test_portraits_share_a_photo_where_the_frame_shows_pairs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "picsync.yaml").write_text(
        CONFIG.replace("panel: 64x48", "panel: 64x48, rendition: {pair: true}")
    )
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").write_bytes(coded(quarters(60, 90), "PNG"))
    files = ["a.png", "odd.heic", "large.png", "b.png", "c.png"]
    assert run(["render", *files, "--frame", "usb", "--rule", "A", "-o", "out"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["a.png + b.png", "odd.heic", "large.png", "c.png"]
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["a + b.jpg", "c.jpg", "large.jpg"]
    assert opened((folder / "out" / "a + b.jpg").read_bytes()).size == (64, 48)


def test_originals_and_equal_names_are_not_overwritten(folder: Path) -> None:
    (folder / "fine.png").write_bytes(coded(quarters(), "PNG"))
    assert run(["render", "fine.jpg", "fine.png", "--frame", "nixplay", "-o", "."]) == 0
    assert (folder / "fine.jpg").read_bytes() == baseline()
    names = {path.name for path in folder.iterdir()}
    assert {"fine-2.jpg", "fine-3.jpg"} <= names
    assert not any(name.endswith(".part") for name in names)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frame", "usbb"], "There is no frame 'usbb'. Did you mean `usb`? Known frames: usb, nixplay."),
        (["--frame", "usb"], "Rules convert photos for 'usb' differently. Add --rule, one of: 'A', 'B'."),
        (["--frame", "usb", "--rule", "C"], "No rule 'C' sends photos to the frame 'usb'."),
        ([], "Missing option '--frame'"),
    ],
)
def test_an_unknown_frame_or_rule_is_a_usage_error(
    folder: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["render", "fine.jpg", *options, "-o", "out"]) == 2
    assert words in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_another_file_of_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "picsync.yaml").rename(folder / "other.yaml")
    options = ["render", "large.png", "--frame", "nixplay", "-o", "out"]
    assert run(options) != 0
    assert run([*options, "--config", "other.yaml"]) == 0
    assert "rendered as 256x192" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "taken").write_text("")
    assert run(["render", "fine.jpg", "--frame", "nixplay", "-o", "taken/below"]) != 0
    assert "taken" in capsys.readouterr().err


def test_only_workers_load_a_decoder(folder: Path) -> None:
    code = (
        "import sys\n"
        "from picsync.cli.main import run\n"
        "import picsync.run.process, picsync.run.wiring\n"
        "code = run(['render', 'large.png', '--frame', 'nixplay', '-o', 'out'])\n"
        "found = {'PIL', 'pillow_heif', 'picsync.rendering.pictures'} & sys.modules.keys()\n"
        "sys.exit(f'{code} {found}' if code or found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "out" / "large.jpg").exists()
