"""`picsync mirror`: passes, what is remembered, and its list as CSV."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from picsync.cli.main import run

RULES = """\
mirror:
- {{name: gone, from: {root}/nowhere, to: {root}/other}}
- {{name: backup, from: {root}/in, to: {root}/out, quiet: 0s}}
"""
ODD = 'sub/comma, "quote" and ü\udcff.txt'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "in/sub").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", ODD)):
        path = tmp_path / "in" / name
        path.write_bytes(b"x" * (number + 1))
        os.utime(path, (1_500_000_000.75 + number, 1_500_000_000.75 + number))
    (tmp_path / "in/link").symlink_to("a.jpg")
    (tmp_path / "own").mkdir()
    (tmp_path / "picsync.yaml").write_text(RULES.format(root=tmp_path))
    return tmp_path


def mirror(root: Path, *words: str) -> int:
    own = ("--cache", str(root / "own/cache.db"))
    if not words or words[0].startswith("-"):
        return run(["mirror", str(root / "picsync.yaml"), *own, *words])
    return run(["mirror", *words, "--config", str(root / "picsync.yaml"), *own])


def only_backup(root: Path) -> None:
    lines = RULES.format(root=root).splitlines()
    (root / "picsync.yaml").write_text("\n".join([lines[0], lines[2]]))


def test_a_failure_stops_only_its_rule(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mirror(root) == 1
    assert (root / "out/a.jpg").read_bytes() == b"x"
    assert f"There is no folder {root}/nowhere." in capsys.readouterr().err


def test_no_rules_are_a_wrong_configuration(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "picsync.yaml").write_text(f"organize: [{{name: a, from: {root}/in, to: {root}/out}}]")
    for words in ((), ("status",), ("export", "backup")):
        assert mirror(root, *words) == 2
        assert "mirror: is missing; doc/mirror.md has examples." in capsys.readouterr().err


def test_a_wrong_time_zone_is_noted(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_backup(root)
    monkeypatch.setenv("TZ", "Nowhere/Else")
    monkeypatch.setattr("picsync.system.localtime._replaced", [])
    assert mirror(root) == 0
    assert "TZ is 'Nowhere/Else'" in capsys.readouterr().err


def test_the_status_says_what_is_equal_skipped_and_held(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only_backup(root)
    assert mirror(root, "status") == 0
    assert "No file is known to be equal" in capsys.readouterr().out
    mirror(root)
    for name in ("a.jpg", ODD):
        (root / "in" / name).unlink()
    assert mirror(root) == 1
    capsys.readouterr()
    assert mirror(root, "status") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"backup: {root}/in -> {root}/out",
        "  Equal on both sides, as of the last pass: 2 files, 3 B.",
        "  Not mirrored: /link (link or device).",
        "  2 deletes held: run `picsync allow-deletes 'mirror backup'` to permit them.",
    ]


def test_an_exported_list_saves_another_cache_the_reading(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    only_backup(root)
    assert mirror(root) == 0
    capfdbinary.readouterr()
    assert mirror(root, "export", "backup") == 0
    listed = capfdbinary.readouterr().out
    revs = [f"{path.stat().st_size}:{path.stat().st_mtime_ns}:{path.stat().st_ino}"
            for path in (root / "out/a.jpg", root / "out" / ODD)]  # fmt: skip
    odd = ODD.replace('"', '""').encode("utf-8", "surrogateescape")
    assert listed == (
        b"path,rev,mtime\n"
        + f"a.jpg,{revs[0]},1500000000\n".encode()
        + b'"' + odd + f'",{revs[1]},1500000001\n'.encode()
    )  # fmt: skip
    (root / "list.csv").write_bytes(listed)
    (root / "own/cache.db").unlink()
    assert mirror(root, "import", "backup", str(root / "list.csv")) == 0
    assert b"2 files of the mirror backup imported." in capfdbinary.readouterr().out
    assert mirror(root, "export", "backup") == 0
    assert capfdbinary.readouterr().out == listed
    # Files of the same size are known to be equal without being read: both sides may be unreadable now.
    assert mirror(root, "--dry-run") == 0
    assert mirror(root) == 0
    assert b"nothing to do" in capfdbinary.readouterr().err


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a,1\nok,1,2\n,1,2\n../up,1,2\na//b,1,2\nc,,2\nd,1,noon\nok,3,4\ne,1,1e999\n", {1, *range(3, 10)}),
        ("", {None}),
        ("path,rev,mtime\n", {None}),
        ('a,1,2\n"b,1,2\n', {2}),
        ("a\0b,1,2\n", {1}),
    ],
)  # fmt: skip
def test_a_list_that_makes_no_sense_names_file_and_line(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, lines: set[int | None]
) -> None:
    only_backup(root)
    path = root / "list.csv"
    path.write_text(text)
    assert mirror(root, "import", "backup", str(path)) == 2
    said = capsys.readouterr().err
    for line in lines:
        assert (f"{path}: has no files." if line is None else f"{path}:{line}: ") in said
    assert f"{path}:2:" not in said or 2 in lines
    assert mirror(root, "status") == 0
    assert "No file is known" in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_a_suggestion(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "list.csv").write_text("a,1,2\n")
    for words in (("export", "bakup"), ("import", "bakup", str(root / "list.csv"))):
        assert mirror(root, *words) == 2
        assert "Did you mean `backup`?" in capsys.readouterr().err
