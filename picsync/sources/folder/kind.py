"""The kind `folder`: directories of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.config.kinds import Kind, Opening
from picsync.core.places import LOCAL, Reach, StorePlace
from picsync.sources.base import Source
from picsync.sources.folder.options import FolderEntry


def _open(opening: Opening) -> Source:
    from picsync.sources.folder.source import FolderSource

    return FolderSource(
        opening.entries, own_folder=opening.own_folder, pace=opening.pace, sleep=opening.sleep
    )


def _places(_account: str, entry: FolderEntry) -> Sequence[Reach]:
    return (Reach(StorePlace(LOCAL, entry.path)),)


FOLDER: Kind[Source] = Kind(
    name="folder",
    title="Folder",
    summary="Folders of this machine and everything below them: on a disk, on a mounted NAS share, or of a"
    " program such as Syncthing, Nextcloud or Dropbox.",
    example='folder:\n- /photos/family\n- {path: /photos/phone, exclude: ["*screenshot*"]}',
    options=FolderEntry,
    open=_open,
    needs_entry="/path/of/the/photos",
    places=_places,
)
