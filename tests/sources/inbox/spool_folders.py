"""A spool on the real disk, and the source that takes in what is put there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from picsync.core.errors import TransientError
from picsync.core.model import Listing
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.source import InboxSource
from picsync.stores.base import Entry
from picsync.stores.local.store import LocalStore
from tests.contract.source_contract import JPEG


class BreakingStore(LocalStore):
    """This machine's files, of which some cannot be read to the end at first."""

    def __init__(self, roots: list[str], *, quiet_s: float = 0.0) -> None:
        super().__init__(roots, quiet_s=quiet_s)
        self.broken: dict[str, int] = {}
        """Name of a file -> how often its reading breaks off."""

    async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
        """Yield a file's bytes."""
        async for chunk in super().read(entry, start):
            if self.broken.get(entry.name):
                self.broken[entry.name] -= 1
                yield chunk[: len(chunk) // 2]
                raise TransientError("The connection broke off.")
            yield chunk


def entry_of(root: Path, **options: object) -> InboxEntry:
    """Return the spool in a folder, as picsync.yaml names it."""
    folders = {name: str(root / name) for name in ("incoming", "work", "done")}
    return InboxEntry.model_validate({**folders, "quiet": "0s", **options}, by_alias=True, by_name=False)


class SpoolFolders:
    """Three folders; each source is what a new process would have."""

    def __init__(self, root: Path, own: Path, **options: object) -> None:
        self.root = root
        self.own = own
        self.entry = entry_of(root, **options)
        self.now = datetime.fromisoformat("2026-08-01T12:00:00+00:00")
        self.opened: list[InboxSource] = []
        for name in ("incoming", "work", "done"):
            (root / name).mkdir(parents=True, exist_ok=True)
        own.mkdir(exist_ok=True)

    @property
    def album_id(self) -> str:
        return str(self.entry)

    def put(self, path: str, data: bytes = b"") -> Path:
        """Write a picture, its path below the spool."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data or JPEG + path.encode())
        return file

    def source(
        self,
        *others: InboxEntry,
        store: LocalStore | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> InboxSource:
        entries = {str(entry): entry for entry in (self.entry, *others)}
        roots = [place.path for entry in entries.values() for place in entry.folders]
        source = InboxSource(
            entries,
            {"local": store or LocalStore(roots, quiet_s=self.entry.quiet.total_seconds())},
            own_folder=self.own,
            sleep=sleep,
            now=lambda: self.now,
        )
        self.opened.append(source)
        return source

    def later(self, **length: float) -> None:
        self.now += timedelta(**length)

    def names(self, folder: str) -> list[str]:
        """Return the names in one of the folders, without picsync's own files."""
        return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith("."))

    async def taken_in(self, source: InboxSource) -> Listing:
        """List as a cycle does that is no dry run."""
        source.take_in(self.album_id)
        return await source.list(self.album_id)

    async def close(self) -> None:
        for source in self.opened:
            await source.aclose()
