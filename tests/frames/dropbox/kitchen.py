"""An emulated Dropbox with a folder that is a frame, for tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from picsync.core.model import Digest
from picsync.core.places import StorePlace
from picsync.emulators.dropbox import File
from picsync.emulators.google.content import read_all
from picsync.frames.dropbox.frame import DropboxFrame
from picsync.stores.dropbox.store import DropboxStore
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

FOLDER = "/Frames/Kitchen"
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def md5(content: bytes) -> Digest:
    return Digest.md5(hashlib.md5(content, usedforsecurity=False).hexdigest())


@dataclass
class Kitchen:
    account: DropboxAccount
    frame: DropboxFrame

    def open(self, *, later: timedelta = timedelta(0)) -> DropboxFrame:
        """Return what a new process would have, some time after now."""
        self.frame = opened(self.account, later=later)
        return self.frame

    def delete(self, *names: str) -> None:
        """Delete files, or the folder, as a person does."""
        for name in names:
            found = self.account.dropbox.find(f"{FOLDER}/{name}".rstrip("/"))
            assert found is not None
            self.account.dropbox.delete(found)

    def manifest(self) -> dict[str, Any]:
        """Return the list of files as it is stored."""
        found: dict[str, Any] = json.loads(self.files()[".picsync-frame.json"])
        return found

    def files(self) -> dict[str, bytes]:
        below = self.account.dropbox.owner.tree.below(FOLDER)
        return {each.name: read_all(each.content) for each in below if isinstance(each, File)}

    def photos(self) -> dict[str, bytes]:
        return {name: content for name, content in self.files().items() if name.endswith(".jpg")}


def opened(account: DropboxAccount, *, later: timedelta = timedelta(0)) -> DropboxFrame:
    store, place = DropboxStore(account.api(), sleep=account.sleep), StorePlace("dropbox", FOLDER)
    return DropboxFrame(store, place, sleep=account.sleep, now=lambda: NOW + later)


@asynccontextmanager
async def open_kitchen() -> AsyncIterator[Kitchen]:
    async with dropbox_account() as account:
        found = Kitchen(account, opened(account))
        yield found
        await found.frame.aclose()
