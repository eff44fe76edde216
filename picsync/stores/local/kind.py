"""The kind `local`: folders of this machine."""

from __future__ import annotations

from picsync.config.kinds import Kind, Opening
from picsync.core.places import LOCAL
from picsync.stores.base import Store


def _open(opening: Opening) -> Store:
    from picsync.stores.local.store import QUIET_S, LocalStore

    quiet = opening.entries.values()
    quiet_s = max((each for each in quiet if isinstance(each, float)), default=QUIET_S)
    return LocalStore(tuple(opening.entries) or ("/",), quiet_s=quiet_s, sleep=opening.sleep)


STORE: Kind[Store] = Kind(
    name=LOCAL,
    title="Folder",
    summary="Folders of this machine: on a disk, or on a mounted share.",
    example="/photos/Camera",
    open=_open,
)
