"""`picsync inbox`, and a sync of a spool as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.pictures import jpeg

CONFIG = """\
frames: {usb: {kind: folder, path: ROOT/usb}}
albums:
- name: Family
  frames: usb
  rendition: original
  sources: {inbox: {incoming: ROOT/incoming, work: ROOT/work, done: ROOT/done, quiet: 0s}}
"""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for name in ("incoming", "work", "done", "usb"):
        (tmp_path / name).mkdir()
    (tmp_path / "picsync.yaml").write_text(CONFIG.replace("ROOT", str(tmp_path)))
    return tmp_path


def test_status_and_retry(cli: CommandLine, spool: Path) -> None:
    (spool / "incoming" / "a.jpg").write_bytes(jpeg("a"))
    (spool / "incoming" / "b.jpg").write_bytes(b"no picture")
    config = str(spool / "picsync.yaml")
    assert cli.run("sync", config).code == 0
    first, second = cli.run("inbox", "status", config).out.splitlines()
    assert first == f"{spool}/incoming: 0 files to be taken in, 0 in work, 1 failed, 1 done"
    assert second == "  b.jpg: Its content is neither a picture nor a video."
    cli.run("inbox", "retry", config, "a.jpg").assert_message(1, "a.jpg has not failed")
    result = cli.run("inbox", "retry", config)
    assert (result.code, result.out) == (0, f"b.jpg is in {spool}/incoming again.\n")
    assert [path.name for path in (spool / "incoming").iterdir()] == ["b.jpg"]
    assert cli.run("inbox", "retry", config).out == "Nothing has failed.\n"
    assert cli.run("inbox", "take-over", config).code == 0


def test_without_a_spool(cli: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "picsync.yaml"
    config.write_text(
        "frames: {usb: {kind: folder, path: /usb}}\n"
        "albums: [{name: A, frames: usb, sources: {folder: [/p]}}]\n"
    )
    cli.run("inbox", "status", str(config)).assert_message(2, "no rule has a source `inbox`")
