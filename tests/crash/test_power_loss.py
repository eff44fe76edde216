"""The files of the cache after a power failure: without the last writes, truncated anywhere."""

from __future__ import annotations

import asyncio
import shutil
import struct
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.core.events import CacheWritten, Event
from picsync.core.model import Digest, Mapping
from picsync.sync.cycle import run_cycle
from tests.cache.builders import item, known, opened
from tests.fuzz.mutations import SCALE
from tests.sync.harness import Harness, open_harness

WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
ITEMS = 40
ROUNDS = 6


@dataclass
class History:
    """A cache's files at several commits, and every digest that was ever recorded."""

    folder: Path
    moments: int = 0
    digests: dict[str, set[Digest | None]] = field(default_factory=lambda: defaultdict(set))

    def take(self, cache: Path) -> None:
        """Copy the files as they are now; nothing may be writing."""
        for suffix in ("", "-wal"):
            if (source := cache.with_name(cache.name + suffix)).exists():
                shutil.copy(source, self.folder / f"{self.moments}{suffix}")
        self.moments += 1

    def restore(self, moment: int, cut: int | float | None, cache: Path) -> None:
        """Restore the files of a moment, without -shm; the log ends at a frame or within one."""
        shutil.copy(self.folder / str(moment), cache)
        wal = self.folder / f"{moment}-wal"
        if not wal.exists():
            return
        content = wal.read_bytes()
        if isinstance(cut, int) and content:
            (page_bytes,) = struct.unpack(">I", content[8:12])
            content = content[: WAL_HEADER_BYTES + cut * (FRAME_HEADER_BYTES + page_bytes)]
        elif isinstance(cut, float):
            content = content[: int(len(content) * cut)]
        cache.with_name(f"{cache.name}-wal").write_bytes(content)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("power")
    history = History(folder)

    async def fill() -> None:
        path = folder / "picsync.db"
        async with opened(path) as cache:
            history.take(path)
            for number in range(ROUNDS * ITEMS):
                what = item(number % ITEMS)
                digest = Digest("md5", f"{number:032x}")
                history.digests[what.item_id].add(digest)
                await cache.record(Mapping(what.source, what.item_id, "", "original", digest))
                if number % 7 == 0:
                    history.take(path)
        history.take(path)

    asyncio.run(fill())
    return history


CUTS = st.none() | st.integers(0, 300) | st.floats(0, 1)


@settings(max_examples=60 * SCALE, deadline=None, database=None)
@given(moment=st.integers(0, ROUNDS * ITEMS // 7 + 2), cut=CUTS)
def test_no_digest_is_read_that_was_not_recorded(
    history: History, moment: int, cut: int | float | None
) -> None:
    messages: list[str] = []

    async def reopen(cache_path: Path) -> None:
        async with opened(cache_path, notify=messages.append) as cache:
            for mapping in await known(cache, [item(number) for number in range(ITEMS)]):
                assert mapping.digest in history.digests[mapping.item_id]
            new = Mapping("googlephotos", "item-0", "", "original", Digest("md5", "f" * 32))
            await cache.record(new)
            assert {found.digest for found in await known(cache, [item(0)])} == {new.digest}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picsync.db"
        history.restore(min(moment, history.moments - 1), cut, path)
        asyncio.run(reopen(path))
        assert len(messages) == len(list(path.parent.glob("picsync.db.damaged-*Z")))


@pytest.mark.parametrize("moment", [0, 2, 5, -1])
@pytest.mark.parametrize("cut", [None, 0, 1, 3, 0.5, 0.97], ids=str)
async def test_the_next_cycle_ends_in_sync(tmp_path: Path, moment: int, cut: int | float | None) -> None:
    """After the power failure a photo is removed and one added; what the cache forgot is only read again."""
    before, after, kept = tmp_path / "before", tmp_path / "after", tmp_path / "kept"
    for folder in (before, after, kept):
        folder.mkdir()
    history = History(kept)
    async with open_harness(before) as harness:
        harness.put(*"abcdef")

        def keep(event: Event) -> None:
            harness.events.append(event)
            if isinstance(event, CacheWritten):
                history.take(before / "cache.db")

        harness.tools = replace(harness.tools, emit=keep)
        await harness.cycle()
        harness.assert_synced(*"abcdef")
        await _after_power_loss(harness, history, range(history.moments)[moment], cut, after)


async def _after_power_loss(
    harness: Harness, history: History, moment: int, cut: int | float | None, folder: Path
) -> None:
    uploads = sum(call[0] == "upload" for call in harness.frame.calls)
    history.restore(moment, cut, folder / "cache.db")
    harness.remove("a")
    harness.put("g")
    async with open_harness(folder) as later:
        tools = replace(harness.tools, cache=later.tools.cache, emit=later.events.append)
        report = await run_cycle(harness.rule, tools)
        assert report.outcome == "done", report
        harness.assert_synced(*"bcdefg")
        assert sum(call[0] == "upload" for call in harness.frame.calls) == uploads + 1
        harness.tools = tools
        await harness.assert_idle()
