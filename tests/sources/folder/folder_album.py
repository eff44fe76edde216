"""A folder of pictures on the real disk, and the source that shows it."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from picsync.core.model import Listing, MediaItem
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.source import FolderSource
from tests.contract.source_contract import JPEG, MemorySink

NOBODY = 65534

LATER_S = 3600.0
"""The source's clock goes ahead by this, so that files just made are old."""


@dataclass
class FolderAlbum:
    """A folder `root`, and sources over it that remember in `own`."""

    root: Path
    own: Path
    options: dict[str, object] = field(default_factory=dict)
    ahead_s: float = LATER_S
    """How far the source's clocks are ahead of the disk's."""
    waits: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    """Happens during each wait."""
    broken_reads: dict[str, int] = field(default_factory=dict)
    """Path -> how often its end cannot be read."""
    answering: threading.Event = field(default_factory=threading.Event)
    """Cleared while the disk gives no answer to reading."""
    stall_timeout_s: float = 60.0
    opened: list[FolderSource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answering.set()

    @property
    def entry(self) -> FolderEntry:
        return FolderEntry.model_validate({"path": str(self.root), **self.options})

    def put(self, path: str, data: bytes = b"") -> Path:
        """Write a picture, its path below the folder."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data or JPEG + path.encode("utf-8", "surrogateescape"))
        return file

    def source(self, *others: FolderEntry) -> FolderSource:
        """Return what a new process would have."""
        began_s = time.monotonic()
        source = FolderSource(
            {str(entry): entry for entry in (self.entry, *others)},
            own_folder=self.own,
            sleep=self._sleep,
            now=lambda: time.time() + self.ahead_s,
            clock=lambda: began_s + sum(self.waits),
            read=self._read,
            stall_timeout_s=self.stall_timeout_s,
            busy_timeout_s=0.01,
        )
        self.opened.append(source)
        return source

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.meanwhile()

    def _read(self, number: int, size: int) -> bytes:
        self.answering.wait()
        path = str(Path(f"/proc/self/fd/{number}").readlink())
        chunk = os.read(number, size)
        if not chunk and self.broken_reads.get(path):
            self.broken_reads[path] -= 1
            raise OSError(116, "Stale file handle")
        return chunk

    async def list(self, source: FolderSource | None = None) -> Listing:
        """List the folder, with a source of its own unless there is one."""
        return await (source or self.source()).list(str(self.entry))

    async def close(self) -> None:
        for source in self.opened:
            await source.aclose()


def names(listing: Listing | Sequence[MediaItem]) -> list[str]:
    """Return the file names in order."""
    return [item.filename for item in (listing.items if isinstance(listing, Listing) else listing)]


async def content(source: FolderSource, item: MediaItem) -> bytes:
    sink = MemorySink()
    await source.download(item, sink)
    return bytes(sink.data)


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Make a path unreadable, for root by being somebody else meanwhile."""
    mode, user = stat.S_IMODE(path.stat().st_mode), os.geteuid()
    path.chmod(0)
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)
