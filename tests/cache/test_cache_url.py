"""URLs of databases that cannot be reached; a password is never shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from picsync.cache.store import Cache
from picsync.core.errors import CacheError


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://frame:hunter2@127.0.0.1:1/cache?connect_timeout=5",
        "postgres://127.0.0.1:1/cache?user=frame&password=hunter2",
        "postgresql+nodriver://frame:hunter2@db/cache",
        "postgresql://frame:hunter2@db:port/cache",
        "mysql://frame:hunter2@db/cache",
        "://hunter2",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
async def test_the_password_is_not_shown(url: str) -> None:
    for attempt in (Cache.open(url, notify=pytest.fail), Cache.inspect(url)):
        with pytest.raises(CacheError) as caught:
            await attempt
        assert caught.value.hint
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = await Cache.open("~/picsync.db", notify=pytest.fail)
    assert (await cache.status()).location == str(tmp_path / "picsync.db")
    await cache.aclose()
