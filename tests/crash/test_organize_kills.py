"""A pass of an organizing rule, killed at every system call that changes files."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.mutations import SCALE
from tests.jobs.camera import Camera
from tests.jobs.killing import sort_in_child
from tests.media.test_taken import heic, movie, mvhd

MODES = ("rename", "link", "copy")
"""Each is killed at every third call, beginning with another one; long runs kill each at all of them."""
FILES = {
    "IMG_20150301_000000.mp4": b"two, a video",
    "notes.txt": b"three",
    "dup.jpg": b"four",
    "taken.jpg": b"five",
    "IMG_1.HEIC": heic(),
    "IMG_1.MOV": movie(mvhd()),
}


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """A folder on another file system than the temporary files."""
    if not Path("/dev/shm").is_dir():  # noqa: S108 - its own folder in it
        pytest.skip("this machine has no /dev/shm")
    with tempfile.TemporaryDirectory(prefix="picsync-test-", dir="/dev/shm") as folder:
        yield Path(folder)


def prepare(root: Path, to: Path | None = None) -> Camera:
    """Make a folder with every sort of file."""
    camera = Camera(root, to)
    for name, data in FILES.items():
        camera.add(f"in/{name}", data)
    camera.add("out/2014/2014-06/dup.jpg", b"four")
    camera.add("out/2014/2014-06/taken.jpg", b"another")
    camera.log.write_text("an older line\n")
    return camera


def assert_sorted(camera: Camera) -> None:
    """Check that each file is in one place, and in the log once; and that nothing else is left."""
    files = camera.files()
    assert sorted(files.values()) == sorted([*FILES.values(), b"four", b"another"])
    assert not [path for path in files if path.startswith("in/")]
    halves = [path for path in files if "IMG_1." in path]
    assert len({path.rpartition("/")[0] for path in halves}) == 1
    first, *lines = camera.lines
    assert first == "an older line"
    old = {line.split("Moving ", 1)[1].split(" to /", 1)[0] for line in lines}
    assert old == set(FILES)
    assert len(lines) == len(FILES)
    for line in lines:
        assert Path(line.split(" to ", 1)[1]).is_file(), line
    assert [path.name for path in (camera.root / "own/organize").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_every_call(tmp_path: Path, other_disk: Path, mode: str) -> None:
    def new(name: str) -> Camera:
        return prepare(tmp_path / name, other_disk / name if mode == "copy" else None)

    reference = new("reference")
    calls = sort_in_child(reference, mode)
    assert_sorted(reference)
    assert calls > 20
    first, step = (1, 1) if SCALE > 1 else (1 + MODES.index(mode), len(MODES))
    for kill_at in range(first, calls + 1, step):
        camera = new(str(kill_at))
        # Half of a write is done, and nothing of the other calls.
        assert sort_in_child(camera, mode, kill_at, torn=True) == -1, f"call {kill_at} was not made"
        if mode == "rename":
            # Not even for a moment is a file in two places, or in none.
            assert sorted(camera.files().values()) == sorted([*FILES.values(), b"four", b"another"]), kill_at
        sort_in_child(camera, mode)
        assert_sorted(camera)


@pytest.mark.parametrize("mode", MODES)
def test_killed_again_and_again(tmp_path: Path, other_disk: Path, mode: str) -> None:
    rng = random.Random(mode)
    camera = prepare(tmp_path, other_disk if mode == "copy" else None)
    for _ in range(16):
        sort_in_child(camera, mode, rng.randint(1, 40), torn=rng.random() < 0.5)
    sort_in_child(camera, mode)
    assert_sorted(camera)
