"""A folder of camera uploads with its rule, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from picsync.core.events import Event, FileMoved, PassReport
from picsync.core.organize import OrganizeRule
from picsync.core.places import LOCAL, StorePlace
from picsync.jobs.organize import OrganizeContext, OrganizeJob, Organizing
from picsync.media.formats import extensions
from picsync.stores.local.store import LocalStore

NOW = datetime(2026, 11, 29, 23, tzinfo=UTC)


@dataclass
class Camera:
    """The folders `in`, `out` and `rest` below one, with a log beside them."""

    root: Path
    to: Path | None = None
    """Where the target folders are, if not below the root."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Of the rule."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the job."""
    now: datetime = NOW
    events: list[Event] = field(default_factory=list)
    leaving: Callable[[], bool] = lambda: False
    store: LocalStore | None = None
    quiet_s: float = 0.0

    def __post_init__(self) -> None:
        (self.root / "in").mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def lines(self) -> list[str]:
        return self.log.read_text("utf-8").splitlines() if self.log.exists() else []

    def add(self, name: str, data: bytes = b"x", modified: str = "2014-06-01") -> Path:
        """Put a file below the root, last modified at noon UTC of a day."""
        path = (self.root if name.startswith("in/") else self.to or self.root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        noon = datetime.fromisoformat(modified).replace(tzinfo=UTC) + timedelta(hours=12)
        os.utime(path, (noon.timestamp(), noon.timestamp()))
        return path

    def job(self) -> OrganizeJob:
        """Return the job, as a new process would make it."""
        root, to = str(self.root), str(self.to or self.root)
        rule = OrganizeRule(
            "camera",
            f"{root}/in",
            f"{to}/out/{{year}}/{{year}}-{{month}}",
            f"{to}/out/{{year}}/{{year}}-{{month}}",
            unsorted=f"{to}/rest",
            photo_types=frozenset(extensions("image")),
            video_types=frozenset(extensions("video")),
        )
        self.store = self.store or LocalStore(
            [f"{root}/in", f"{to}/out", f"{to}/rest", root, to], quiet_s=self.quiet_s
        )
        settings = Organizing(replace(rule, **self.changes), LOCAL, log=StorePlace(LOCAL, str(self.log)))
        context = OrganizeContext(
            {LOCAL: self.store},
            self.root / "own",
            self.events.append,
            lambda: self.leaving(),
            now=lambda: self.now,
        )
        return OrganizeJob(replace(settings, **self.settings), None, context)

    async def sort(self) -> PassReport:
        """Run a pass."""
        return await self.job().run()

    def files(self) -> dict[str, bytes]:
        """Return all files but the log and picsync's own, by relative path."""
        return {
            str(path.relative_to(root)): path.read_bytes()
            for root in dict.fromkeys((self.root, self.to or self.root))
            for path in sorted(root.rglob("*"))
            if path.is_file() and path != self.log and not path.is_relative_to(self.root / "own")
        }

    def moved(self) -> list[tuple[str, str]]:
        """Return what events say was moved."""
        found = [(event.path, event.to) for event in self.events if isinstance(event, FileMoved)]
        return [
            (str(Path(path).relative_to(self.root)), str(Path(to).relative_to(self.root)))
            for path, to in found
        ]

    def assert_logged_once(self) -> None:
        """Check that the log has each file that is no longer in the folder, once."""
        targets = [line.split(" to ", 1)[1] for line in self.lines]
        there = [str(self.root / path) for path in self.files() if not path.startswith("in/")]
        assert sorted(targets) == sorted(there)

    async def aclose(self) -> None:
        if self.store is not None:
            await self.store.aclose()
