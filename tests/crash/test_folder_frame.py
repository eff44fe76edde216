"""A real `picsync sync --once` to a directory, killed at any point; the next one ends where it should."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.process import running
from tests.e2e.household import Household
from tests.fork_server import ForkServer


def pictures(stick: Path) -> list[Path]:
    return [path for path in stick.iterdir() if path.is_file()]


def journal(stick: Path) -> list[bytes]:
    path = stick / ".picsync" / "manifest.jsonl"
    return path.read_bytes().splitlines() if path.exists() else []


def parts(stick: Path) -> list[Path]:
    return list((stick / ".picsync").glob("*.part")) if (stick / ".picsync").exists() else []


POINTS: dict[str, Callable[[Path], bool]] = {
    "the manifest is there": lambda stick: bool(journal(stick)),
    "the album is in the manifest": lambda stick: len(journal(stick)) >= 2,
    "a file is being written": lambda stick: bool(parts(stick)),
    "a file is in the manifest": lambda stick: len(journal(stick)) >= 3,
    "one picture is there": lambda stick: len(pictures(stick)) >= 1,
    "half are there": lambda stick: len(pictures(stick)) >= 6,
    "all are there": lambda stick: len(pictures(stick)) >= 12,
}


def digests(stick: Path) -> list[str]:
    return [hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in pictures(stick)]


@pytest.fixture
def stick(household: Household) -> Path:
    folder = household.folder / "stick"
    folder.mkdir()
    household.rule_lines = ["frames: usb"]
    household.top_lines = [f"frames: {{usb: {{kind: folder, path: {folder}}}}}"]
    return folder


@pytest.mark.parametrize("point", POINTS)
async def test_killed_while_it_fills_a_directory(
    household: Household, fork_server: ForkServer, stick: Path, point: str
) -> None:
    household.add(12)
    async with running(fork_server, household) as sync:
        while not POINTS[point](stick):
            await asyncio.sleep(0)
        sync.kill()
    there = digests(stick)
    assert set(there) <= household.wanted(), "half a picture is shown"
    async with running(fork_server, household) as sync:
        assert await sync.ended() == 0
    assert sorted(digests(stick)) == sorted(household.wanted())
    assert not parts(stick)
    named = {json.loads(line).get("file") for line in journal(stick)}
    assert {path.name for path in pictures(stick)} <= named, "a file is not known as picsync's own"


async def test_killed_while_it_deletes(household: Household, fork_server: ForkServer, stick: Path) -> None:
    items = household.add(12)
    async with running(fork_server, household) as sync:
        assert await sync.ended() == 0
    for item in items[:5]:
        household.album.items.remove(item)
    household.rule_lines.append("maxDelete: 5")
    async with running(fork_server, household) as sync:
        while len(pictures(stick)) == 12:
            await asyncio.sleep(0)
        sync.kill()
    async with running(fork_server, household) as sync:
        assert await sync.ended() == 0
    assert sorted(digests(stick)) == sorted(household.wanted())
