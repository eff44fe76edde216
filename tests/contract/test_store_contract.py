"""Every store fulfils the same contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.stores.kinds import STORES
from tests.contract.store_contract import StoreContract, StoreWorld
from tests.stores.dropbox.world import dropbox_world
from tests.stores.local.world import local_world
from tests.vendors.dropbox.dropbox_account import dropbox_account


class TestLocalStore(StoreContract):
    @pytest.fixture
    async def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoreWorld]:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
        found = local_world(tmp_path)
        yield found
        await asyncio.shield(found.store.aclose())


class TestDropboxStore(StoreContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[StoreWorld]:
        async with dropbox_account() as account:
            found = await dropbox_world(account)
            yield found
            await found.store.aclose()


def test_every_kind_of_store_has_its_contract() -> None:
    assert set(STORES) == {"local", "dropbox"}, "add a class for the new kind above"
