"""A folder of this machine, for the contract of stores."""

from __future__ import annotations

import shutil
from pathlib import Path

from picsync.stores.local.store import LocalStore
from tests.contract.store_contract import StoreWorld


def local_world(folder: Path) -> StoreWorld:
    root = folder / "files"
    root.mkdir()

    async def put(path: str, data: bytes) -> None:
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    async def get(path: str) -> bytes | None:
        place = Path(path)
        return place.read_bytes() if place.is_file() else None

    async def remove(path: str) -> None:
        place = Path(path)
        shutil.rmtree(place) if place.is_dir() else place.unlink()

    def store() -> LocalStore:
        return LocalStore([str(root)], quiet_s=0)

    return StoreWorld(store(), str(root), put, get, remove, store)
