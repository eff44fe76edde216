"""A folder in an emulated Dropbox, for the contract of stores."""

from __future__ import annotations

from picsync.core.errors import NotFoundError
from picsync.core.places import split
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.api import Commit
from tests.contract.store_contract import StoreWorld
from tests.vendors.dropbox.dropbox_account import DropboxAccount

FOLDER = "/Family/Files"


async def dropbox_world(account: DropboxAccount) -> StoreWorld:
    other = account.api()
    await other.create_folder(FOLDER)
    store = DropboxStore(account.api(), sleep=account.sleep)

    async def put(path: str, data: bytes) -> None:
        await other.create_folder(split(path)[0])
        try:
            rev = (await other.look_at(path)).rev
        except NotFoundError:
            rev = ""
        await other.upload(Commit(path, update=rev), data)

    async def get(path: str) -> bytes | None:
        entry = await reader.stat(path)
        if entry is None or not entry.is_file:
            return None
        return b"".join([part async for part in reader.read(entry)])

    async def remove(path: str) -> None:
        await other.delete(path)

    reader = DropboxStore(other)
    return StoreWorld(store, FOLDER, put, get, remove, lambda: DropboxStore(account.api()))
