"""Files of users are read within limits, and files that picsync writes are private."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from picsync.config import merge_login
from picsync.config.tree import MAX_BYTES, parse_yaml, read_text
from picsync.core.errors import ConfigError
from picsync.run.settings import SettingsFiles
from picsync.vendors.google.credentials import GoogleAccess, GooglePhotosLogin, login_fields

LIMIT_S = 8.0
"""Of processor time: each takes a second at most, and without bounds up to a minute."""

HUGE = {
    "brackets": "[" * 100_000,
    "closed brackets": "[" * 2_000 + "]" * 2_000,
    "braces": "{a: " * 2_000 + "}" * 2_000,
    "blocks": "".join(" " * depth + "a:\n" for depth in range(1_000)),
    "dashes": "- " * 500_000,
    "questions": "? " * 300_000,
    "lines": "a: 1\n" * 200_000,
    "keys": "".join(f"k{number}: 1\n" for number in range(100_000)),
    "items": "- 1\n" * 200_000,
    "tag": "a: !" + "t" * 1_000_000,
    "verbatim tag": "a: !<" + "t" * 1_000_000 + ">",
    "anchor": "a: &" + "t" * 1_000_000 + " b",
    "alias": "a: *" + "t" * 1_000_000,
    "anchors": "".join(f"k{number}: &a{number} 1\n" for number in range(50_000)),
    "aliases": "a: &a [x, x, x]\n"
    + "".join(
        f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join(['*' + chr(97 + at)] * 9)}]\n" for at in range(20)
    ),
}


@pytest.mark.parametrize("what", HUGE)
def test_settings_beyond_all_measure_are_dealt_with_at_once(tmp_path: Path, what: str) -> None:
    path = tmp_path / "picsync.yaml"
    path.write_text(HUGE[what][:MAX_BYTES])
    began = time.process_time()
    with contextlib.suppress(ConfigError):
        file = read_text(path)
        assert file is not None
        assert len(list(parse_yaml(file.text, "picsync.yaml", []).walk())) < 10, "taken"
    assert time.process_time() - began < LIMIT_S


def test_settings_of_many_rules_are_read() -> None:
    rule = "- name: Album {0} [with] {{odd}} [brackets]\n  sources: {{googlephotos: [a{0}, b{0}]}}\n"
    text = "albums:\n" + "".join(rule.format(number) for number in range(500))
    problems: list[object] = []
    assert len(list(parse_yaml(text, "picsync.yaml", problems).walk())) > 3_000  # type: ignore[arg-type]
    assert problems == []


def test_a_file_larger_than_settings_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "picsync.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * 10_000)
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        read_text(path)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_credentials_are_never_anybody_else_s(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o700)
    path = folder / "credentials.yaml"
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(folder):
                try:
                    seen.add(entry.stat().st_mode & 0o777)
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(30):
            token = SecretStr(f"token-{number}")
            merge_login(
                path,
                ("googlephotos",),
                login_fields(GooglePhotosLogin(access=GoogleAccess(refresh_token=token))),
            )
    finally:
        done.set()
        watcher.join()
    seen.add(path.stat().st_mode & 0o777)
    assert seen <= {0o600 & ~umask}


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_no_special_file_hangs_the_start(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "file"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        if kind == "socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
        with pytest.raises(ConfigError, match="cannot be read"):
            read_text(path)
        files = SettingsFiles(path, {}, [path])
        assert files.fingerprint() == (None, None)
        with pytest.raises(ConfigError) as caught:
            files.load()
        assert [problem.file for problem in caught.value.problems] == [str(path)]


def test_an_empty_device_is_an_empty_file() -> None:
    found = read_text(Path(os.devnull))
    assert found is not None
    assert found.text == ""
