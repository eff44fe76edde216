"""How shared links are tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.model import MediaItem
from picsync.emulators.faults import Fault, FaultKind
from picsync.sources.google.links.options import SharedLink
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.source_albums import SharedAlbum
from tests.faults.tables import sharedlinks
from tests.sources.google.links.shared_albums import shared_albums
from tests.trials import Trial
from tests.vendors.google.google_account import BYTES


@asynccontextmanager
async def links(_: Path) -> AsyncIterator[SourceWorld]:
    async with shared_albums() as service:
        google = service.google
        album, empty = google.add_album("Known", app_created=False), google.add_album("Empty")
        for each in ORIGINALS:
            google.add_item(album, each.filename, each.data, mime_type=each.mime_type)
        known = google.share(album)
        missing = known.short_link[:-4] + "none"
        shared = (known.link, google.share(empty).short_link, missing)

        def vanish(item: MediaItem) -> None:
            found = google.sharing.shares.item(known, item.item_id)
            assert found is not None
            google.remove_item(found)

        known_id, empty_id, missing_id = (str(SharedLink.parse(link)) for link in shared)
        yield SourceWorld(
            service.source(*shared),
            known_id,
            empty_id,
            missing_id,
            vanish=vanish,
            break_off=lambda _: service.fail(Fault(kind=FaultKind.TRUNCATE, host=BYTES)),
            tells_names=False,
        )


TRIALS = {
    "sharedlinks": Trial(worlds={"": links}, requests=sharedlinks.TABLE, album=SharedAlbum),
}
