"""How Nixplay is tried as a frame."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.emulators.nixplay import NixplayOptions, OverLimit
from picsync.frames.base import PlaylistFrame
from tests.crash.frame_albums import NixplayAlbum
from tests.faults.tables import nixplay
from tests.frames.nixplay.nixplay_account import nixplay_account
from tests.trials import Trial


@asynccontextmanager
async def account(_: Path, options: NixplayOptions | None = None) -> AsyncIterator[PlaylistFrame]:
    async with nixplay_account(options) as opened:
        frame = opened.frame()
        yield frame
        await frame.aclose()


@asynccontextmanager
async def on_a_bad_day(folder: Path) -> AsyncIterator[PlaylistFrame]:
    """Short sessions, counts that lag behind, large pages refused."""
    options = NixplayOptions(
        session_requests=13,  # One more than the suite ever has under way at once.
        photo_count_seconds=3600.0,
        over_limit=OverLimit.REFUSE,
        pictures_limit=100,
    )
    async with account(folder, options) as frame:
        yield frame


TRIALS = {
    "nixplay": Trial(
        worlds={"": account, "on a bad day": on_a_bad_day},
        requests=nixplay.TABLE,
        frame_album=NixplayAlbum,
    ),
}
