"""How Immich is tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.immich import V2_7, V3_0, V3_2, V3_3
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.source_albums import ImmichAlbum
from tests.faults.tables import immich
from tests.sources.immich.immich_server import immich_server
from tests.trials import Trial


@asynccontextmanager
async def server(_: Path, *, version: tuple[int, int, int]) -> AsyncIterator[SourceWorld]:
    async with immich_server(version=version, page_cap=4) as opened:
        library = opened.immich.library
        album, empty = opened.immich.add_album("Known"), opened.immich.add_album("Empty")
        for each in ORIGINALS:
            opened.add(album, each.filename, each.data, mime_type=each.mime_type)
        yield SourceWorld(
            opened.source(),
            album.album_id,
            empty.album_id,
            "6f1c0d5e-1111-4222-8333-944455556666",
            vanish=lambda item: library.remove_asset(library.assets[item.item_id]),
            break_off=lambda _: opened.fail(Fault(kind=FaultKind.TRUNCATE, path="/original")),
        )


VERSIONS = {"2.7": V2_7, "3.0": V3_0, "3.2": V3_2, "3.3": V3_3}

TRIALS = {
    "immich": Trial(
        worlds={name: partial(server, version=version) for name, version in VERSIONS.items()},
        requests=immich.TABLE,
        album=ImmichAlbum,
    ),
}
