"""How Google's API is tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.emulators.faults import Fault, FaultKind
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.source_albums import GoogleAlbum
from tests.faults.tables import googlephotos
from tests.trials import Trial
from tests.vendors.google.google_account import BYTES, google_account


@asynccontextmanager
async def account(_: Path) -> AsyncIterator[SourceWorld]:
    async with google_account() as opened:
        google = opened.google
        album, empty = google.add_album("Known"), google.add_album("Empty")
        for each in ORIGINALS:
            google.add_item(album, each.filename, each.data, mime_type=each.mime_type)
        yield SourceWorld(
            opened.source(),
            album.album_id,
            empty.album_id,
            "A" * len(album.album_id),
            vanish=lambda item: google.remove_item(google.library.items[item.item_id]),
            break_off=lambda _: opened.fail(Fault(kind=FaultKind.TRUNCATE, host=BYTES)),
        )


TRIALS = {
    "googlephotos": Trial(worlds={"": account}, requests=googlephotos.TABLE, album=GoogleAlbum),
}
