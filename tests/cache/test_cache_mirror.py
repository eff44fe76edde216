"""What mirrors remember in the cache."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from picsync.cache.store import Cache
from picsync.core.mirrorstate import KnownFile, MirrorState, MirrorUpdate, Side

AT = datetime(2026, 11, 30, 1, 2, 3, 456, tzinfo=UTC)
PATHS = ["/plain", "/back\\slash\\u0041", "/Ü", "/undecodable\udcff", "/a\\0b"]


async def test_files_of_any_name_come_back_as_they_were(tmp_path: Path) -> None:
    files = [KnownFile(Side.HERE, path, 5, AT, "77", "r1", "ab" * 32) for path in PATHS]
    files.append(KnownFile(Side.THERE, "/folder"))
    cache = await Cache.open(tmp_path / "picsync.db", notify=print)
    try:
        assert await cache.mirror("mirror a") is None
        await cache.record_mirror("mirror a", MirrorUpdate("args", "cursor", files))
        found = await cache.mirror("mirror a")
        assert found == MirrorState("args", "cursor", {(one.side, one.path): one for one in files})

        update = MirrorUpdate("args", "later", [KnownFile(Side.EQUAL, "/plain")], [(Side.HERE, PATHS[3])])
        await cache.record_mirror("mirror a", update)
        found = await cache.mirror("mirror a")
        assert found is not None
        assert found.cursor == "later"
        assert (Side.EQUAL, "/plain") in found.files
        assert (Side.HERE, PATHS[3]) not in found.files
        assert len(found.files) == len(files)

        await cache.record_mirror("mirror a", MirrorUpdate("other", "", replace=True))
        assert await cache.mirror("mirror a") == MirrorState("other", "", {})
        assert await cache.mirror("mirror b") is None
    finally:
        await cache.aclose()
