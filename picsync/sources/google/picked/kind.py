"""The kind `picked`: photos picked in Google Photos."""

from __future__ import annotations

from picsync.config.kinds import Kind, Opening
from picsync.sources.base import AlbumName, Source


def _open(opening: Opening) -> Source:
    from picsync.sources.google.picked.library import FOLDER, Library
    from picsync.sources.google.picked.source import PickedSource

    return PickedSource(Library(opening.own_folder / FOLDER))


PICKED: Kind[Source] = Kind(
    name="picked",
    title="Picked photos",
    summary="Single photos that the user picks in Google Photos, copied to a folder that picsync owns.",
    example="picked:\n- Grandma    # after `picsync googlephotos pick Grandma`",
    options=AlbumName,
    open=_open,
)
