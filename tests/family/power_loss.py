"""Sends a file to a folder, loses the power at each flush and each commit, and then continues.

`python -m tests.family.power_loss FOLDER NAME KEPT STEP` prints how often the power was lost, or what failed.
Of the library and the small versions, only what was flushed is there afterwards; with KEPT=1 also names that
were not, since a disk may write them by itself. What the database has committed is there: SQLite flushes it.
One process imports everything, and forks the others.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import sqlalchemy as sa

from picsync.family.people import People
from picsync.family.uploads.values import UploadState
from tests.family.killed_uploads import KINDS, blocks, continue_and_check, in_a_process, opened, prepare
from tests.faults.disk import Armed, Call, Disk

ALBUM = "Garden"
"""It exists only once something is in it."""
LOST = 9


class Power:
    """Fails at a moment; then the process ends."""

    def __init__(self, disk: Disk, passing: int, *, names_kept: bool) -> None:
        self._disk = disk
        self._left = passing
        self._names_kept = names_kept

    def passed(self, *_: object) -> None:
        self._left -= 1
        if self._left < 0:
            self.fail(LOST)

    def fail(self, code: int) -> None:
        # Other threads change nothing meanwhile: `by_hand` has the lock of all calls.
        with self._disk.by_hand():
            self._disk.restart(power_lost=True, names_kept=self._names_kept)
            os._exit(code)


async def begin(folder: Path, name: str, passing: int, names_kept: bool) -> None:
    """Send a file in two blocks, until the power fails; at last when the file is ready."""
    content = KINDS[name]
    disk = Disk(folder, what=lambda _: "file")
    power = Power(disk, passing, names_kept=names_kept)
    with disk.watching():
        async with opened(folder, database=_database(folder)) as (state, uploads, _):
            person = (await People(state).people())[0].person
            sa.event.listen(state._engine, "commit", power.passed)
            disk.arm(Armed(Call("flush", "file"), None, after=power.passed))
            upload = await uploads.create(person, ALBUM, name, len(content))
            half = len(content) // 2
            await uploads.append(person, upload.upload, 0, blocks(content[:half]))
            await uploads.append(person, upload.upload, half, blocks(content[half:]))
            [done] = await uploads.wait(person, [upload.upload])
            assert done.state is UploadState.READY, done
            power.fail(0)


def _database(folder: Path) -> Path:
    return folder.parent / "state" / "cache.db"


def main(folder: Path, name: str, step: int, *, names_kept: bool) -> int:
    """Lose the power at every `step`-th moment; return how often. Raises AssertionError."""
    losses = 0
    while True:
        at = folder / str(losses) / "disk"
        (at / "library").mkdir(parents=True)
        _database(at).parent.mkdir()
        assert in_a_process(lambda at=at: prepare(at, _database(at))) == 0  # type: ignore[misc] # its own
        ended = in_a_process(lambda at=at, losses=losses: begin(at, name, losses * step, names_kept))  # type: ignore[misc]
        assert ended in (0, LOST), ended
        # Whatever is listed is whole, before anything continues.
        listed = [path.read_bytes() for path in (at / "library" / ALBUM).glob("*")]
        assert listed in ([], [KINDS[name]]), f"loss {losses}"
        assert listed or ended, "it was ready, and is lost"
        continued = in_a_process(lambda at=at: continue_and_check(at, name, _database(at), ALBUM))  # type: ignore[misc]
        assert continued == 0, f"loss {losses}"
        if ended == 0:
            return losses
        losses += 1


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[4]), names_kept=sys.argv[3] == "1"))
