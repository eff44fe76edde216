"""How the toys are tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.model import MediaItem
from picsync.frames.base import PlaylistFrame
from tests.contract.memory_frame import MemoryFrame
from tests.contract.memory_source import MemorySource
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.ports import frame_cells, source_cells
from tests.trials import Trial


@asynccontextmanager
async def boxes(_: Path) -> AsyncIterator[SourceWorld]:
    source = MemorySource("boxes")
    for number, each in enumerate(ORIGINALS):
        source.put(
            "red",
            f"item-{number}",
            each.data,
            filename=each.filename,
            mime_type=each.mime_type,
            kind=each.kind,
        )
    source.put_album("empty")

    def break_off(item: MediaItem) -> None:
        source.broken_off[item.item_id] = 1

    yield SourceWorld(
        source,
        "red",
        "empty",
        "missing",
        vanish=lambda item: source.remove("red", item.item_id),
        break_off=break_off,
    )


@asynccontextmanager
async def shelf(_: Path) -> AsyncIterator[PlaylistFrame]:
    yield MemoryFrame()


TRIALS = {
    "boxes": Trial(worlds={"": boxes}, cells=lambda: source_cells("boxes")),
    "shelf": Trial(worlds={"": shelf}, cells=lambda: frame_cells("shelf")),
}
