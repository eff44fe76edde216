"""Kills a real `picsync sync --once` again and again, with a source and a frame of any kind.

The kills are at random requests, at random calls to the operating system, and at random moments.

    python -m tests.crash.random_kills --count 300 --seed 7

After each kill, every wanted photo is still on the frame, nothing was sent before it was recorded, and
nothing was downloaded that was recorded and on the frame. Some kills simulate a power failure: the cache
loses its last writes, even part of one. After one to four kills, an undisturbed sync ends in the same state
as without any kill.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from picsync.emulators.faults import Fault, FaultKind
from tests.crash.installation import Installation, open_installation, pairs
from tests.crash.kill_points import UPLOAD_PERMISSION, Start, prepare, reference
from tests.crash.process import Sync, running
from tests.e2e.household import Household
from tests.fork_server import ForkServer

IMMICH_ORIGINAL = "/original$"
LONGEST_LIFE_S = 0.5
MOST_KILLS_IN_A_ROW = 4
KILLED = -9
POWER_LOSS = 0.4
"""Share of kills that simulate a power failure."""


@dataclass
class Tally:
    """What has been done so far."""

    kills: Counter[str] = field(default_factory=Counter)
    scenarios: int = 0
    survived: int = 0
    """Syncs that ended before the time of their kill."""
    power_losses: int = 0
    """Kills after which the cache lost its last writes."""


@dataclass
class Trial:
    """One scenario: some syncs that are killed, then an undisturbed one."""

    installation: Installation
    fork_server: ForkServer
    start: Start
    rng: random.Random
    tally: Tally

    async def run(self, kills: int) -> None:
        """Prepare, kill, and verify that a last sync repairs everything."""
        installation = self.installation
        household = installation.household
        new = (await prepare(installation, self.start)).new
        for _ in range(kills):
            # What is on the frame and wanted must never be deleted, whatever has happened to the source album
            # since.
            held = installation.on_frame
            done = held & recorded_digests(household)
            sent = household.nixplay.counters["add_photo"]
            await self._kill_one()
            await household.server.drained()
            assert held & installation.wanted <= installation.on_frame, "a wanted photo was deleted"
            assert household.violations == [], household.violations
            assert household.nixplay.counters["add_photo"] - sent <= new
            assert "Traceback" not in (household.folder / "output.txt").read_text("utf-8")
            permitted = household.server.log.count(path=UPLOAD_PERMISSION)
            learnt = recorded_digests(household) - held
            assert permitted <= len(learnt), "a photo was sent before its digest was recorded"
            fetched, due = fetched_originals(household), len(installation.wanted - done)
            files = sorted(path.name for path in household.folder.iterdir())
            # If the log loses a record on which the file depends, the cache is damaged.
            begun_anew = any("damaged" in name for name in files)
            assert fetched <= due or begun_anew, f"fetched again: {fetched} for {due}; {files}"
            household.server.log.clear()
            if self.rng.random() < POWER_LOSS:
                self._lose_power()
            if self.rng.random() < 0.3:
                more = self.rng.randint(1, 3)
                await installation.add(more)
                new += more
        await self._mend(new)

    def _lose_power(self) -> None:
        """Remove the cache's last writes, from any position of its log, and everything that was only in
        memory."""
        cache = self.installation.household.cache
        cache.with_name(f"{cache.name}-shm").unlink(missing_ok=True)
        wal = cache.with_name(f"{cache.name}-wal")
        if wal.exists() and (content := wal.read_bytes()):
            wal.write_bytes(content[: self.rng.randrange(len(content))])
            self.tally.power_losses += 1

    async def _kill_one(self) -> None:
        household, rng = self.installation.household, self.rng
        did = reference(self.installation.pair, self.start)
        how = rng.choice(["request", "moment", *(["call"] if did.calls else [])])
        passing = rng.randrange(did.requests.total())
        kill_at = None
        if how == "request":
            household.server.faults.add(Fault(kind=FaultKind.HANG, skip=passing, count=None))
        elif how == "call":
            call = rng.choice(sorted(did.calls))
            kill_at = self.installation.kill_at(call, rng.randrange(did.calls[call]))
        try:
            async with running(self.fork_server, household, kill_at=kill_at) as sync:
                if how == "request":
                    await self._until_request(sync, passing)
                elif how == "moment":
                    await asyncio.sleep(rng.uniform(0, LONGEST_LIFE_S))
                if how != "call":
                    sync.kill()
                code = await sync.ended()
        finally:
            household.server.faults.clear()
        if code == KILLED:
            self.tally.kills[f"at a {how}"] += 1
        else:
            assert code == 0, sync.output()
            self.tally.survived += 1

    async def _until_request(self, sync: Sync, passing: int) -> None:
        """Return when the unanswered request was sent, or when the process ended before."""
        asking = asyncio.create_task(
            self.installation.household.server.log.wait_for(lambda log: len(log.records) > passing)
        )
        ending = asyncio.create_task(sync.ended())
        await asyncio.wait([asking, ending], return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        ending.cancel()

    async def _mend(self, new: int) -> None:
        installation = self.installation
        async with running(self.fork_server, installation.household) as sync:
            assert await sync.ended() == 0, sync.output()
        installation.frame_album.assert_synced(installation.wanted, new)
        await installation.assert_idle()


def fetched_originals(household: Household) -> int:
    """Return how often the bytes of an original were requested."""
    return household.media_requests() + household.server.log.count(path=IMMICH_ORIGINAL)


def recorded_digests(household: Household) -> set[str]:
    """Return the digests in the cache, leaving its files as a killed process left them."""
    if not household.cache.exists():
        return set()
    with closing(sqlite3.connect(f"file:{household.cache}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'mapping'").fetchall()
        found = connection.execute("SELECT digest FROM mapping").fetchall() if tables else []
    return {digest for (digest,) in found if digest is not None}


def prepare_references() -> None:
    """Run the undisturbed syncs; not to be called from within an event loop."""
    for pair in pairs():
        for start in Start:
            reference(pair, start)


async def torture(count: int, seed: int, *, until: float = math.inf, tally: Tally | None = None) -> Tally:
    """Kill `count` syncs and more, until a scenario ends; raises AssertionError with the scenario's number.

    No scenario is started after `until`, by the monotonic clock. `tally` is what is counted in.
    """
    tally = tally or Tally()
    with ForkServer() as fork_server:
        while tally.kills.total() < count and time.monotonic() < until:
            rng = random.Random(f"{seed} {tally.scenarios}")
            pair, start = rng.choice(pairs()), rng.choice(list(Start))
            with tempfile.TemporaryDirectory() as folder:
                async with open_installation(Path(folder), pair) as installation:
                    trial = Trial(installation, fork_server, start, rng, tally)
                    try:
                        await trial.run(rng.randint(1, MOST_KILLS_IN_A_ROW))
                    except AssertionError as error:
                        error.add_note(f"seed {seed}, scenario {tally.scenarios}, {pair}, {start}")
                        raise
            tally.scenarios += 1
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=300, help="least number of kills")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same kills at requests, roughly the same others"
    )
    arguments = parser.parse_args()
    prepare_references()
    began = time.monotonic()
    tally = asyncio.run(torture(arguments.count, arguments.seed))
    kills = ", ".join(f"{number} {how}" for how, number in sorted(tally.kills.items()))
    print(
        f"{tally.kills.total()} kills ({kills}), {tally.power_losses} of them with a loss of power,"
        f" in {tally.scenarios} scenarios; {tally.survived} were done before."
    )
    print(f"All recovered. {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
