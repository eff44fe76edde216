"""A local folder with its mirror in another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from picsync.core.events import Event, FileSkipped, PassReport, StepsPlanned
from picsync.core.mirrorstate import KnownFile, MirrorState, MirrorUpdate
from picsync.core.places import LOCAL, StorePlace
from picsync.jobs.mirror import MirrorContext, Mirroring, MirrorJob
from picsync.stores.base import Entry, Store
from picsync.stores.local.store import LocalStore
from picsync.system.control import Requests


class Reading(LocalStore):
    """Counts the files whose content is hashed."""

    hashed = 0

    async def content_hash(self, entry: Entry) -> str:
        self.hashed += not entry.content_hash
        return await super().content_hash(entry)


class Remembering:
    """What a cache keeps of mirrors, in memory."""

    def __init__(self) -> None:
        self.states: dict[str, MirrorState] = {}
        self.writes = 0

    async def mirror(self, name: str) -> MirrorState | None:
        return self.states.get(name)

    async def record_mirror(self, name: str, update: MirrorUpdate) -> None:
        self.writes += bool(update.changed or update.removed)
        before = self.states.get(name)
        files: dict[Any, KnownFile] = {} if before is None or update.replace else {**before.files}
        for key in update.removed:
            files.pop(key, None)
        files.update(((one.side, one.path), one) for one in update.changed)
        self.states[name] = MirrorState(update.arguments, update.cursor, files)


@dataclass
class Mirrored:
    """The folder `in`, and its mirror `out`."""

    root: Path
    settings: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    memory: Remembering = field(default_factory=Remembering)
    store: Reading = field(init=False)
    other: tuple[str, Store] | None = None
    """Account and store of the other side, if it is not this machine."""
    to: StorePlace | None = None
    leaving: Callable[[], bool] = lambda: False
    steps_done: bool = False
    """For what a test does once."""

    def __post_init__(self) -> None:
        self.source.mkdir(exist_ok=True)
        self.store = Reading([str(self.source), str(self.target)], quiet_s=0.0)

    @property
    def source(self) -> Path:
        return self.root / "in"

    @property
    def target(self) -> Path:
        return self.root / "out"

    @property
    def requests(self) -> Requests:
        return Requests(self.root / "requests")

    def add(self, name: str, data: bytes = b"x", at: int = 1_400_000_000) -> Path:
        """Put a file into the folder, or into `out` if the name begins so."""
        path = self.root / name if name.startswith("out/") else self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (at, at))
        return path

    def job(self) -> MirrorJob:
        """Return the job, as a new process would make it."""
        to = self.to or StorePlace(LOCAL, str(self.target))
        stores: dict[str, Store] = {LOCAL: self.store, **dict([self.other] if self.other else [])}
        context = MirrorContext(
            stores, self.memory, self.requests, self.events.append, lambda: self.leaving()
        )
        return MirrorJob(replace(Mirroring("backup", str(self.source), to), **self.settings), None, context)

    async def use(self, kind: type[Reading]) -> None:
        """Replace the store of this machine."""
        await self.store.aclose()
        self.store = kind([str(self.source), str(self.target)], quiet_s=0.0)

    async def run(self) -> PassReport:
        """Run a pass."""
        return await self.job().run()

    def skipped(self) -> list[tuple[str, str]]:
        return [(one.path, one.why) for one in self.events if isinstance(one, FileSkipped)]

    def steps(self) -> list[tuple[str, str, str]]:
        return [step for one in self.events if isinstance(one, StepsPlanned) for step in one.steps]

    def trees(self) -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
        """Return both sides."""
        return tree(self.source), tree(self.target)

    def assert_equal(self) -> None:
        ours, theirs = self.trees()
        assert theirs == ours


def tree(root: Path) -> dict[str, bytes | None]:
    """Return all files and folders below one, by relative path; None for folders."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }
