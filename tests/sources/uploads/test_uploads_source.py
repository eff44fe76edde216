"""The library as a source: unavailable when it is not mounted, and Live Photos are one item."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from picsync.core.errors import ConfigError, TransientError
from picsync.sources.kinds import SOURCES
from picsync.system.library import MARKER
from tests.contract.source_contract import JPEG, MemorySink
from tests.sources.uploads.trial import uploads
from tests.web.family.sent import movie


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    (root / "Family").mkdir(parents=True)
    (root / MARKER).touch()
    (root / "Family/a.jpg").write_bytes(JPEG)
    return root


async def test_a_library_that_is_not_mounted_is_unavailable(library: Path, tmp_path: Path) -> None:
    source = uploads(library, tmp_path)
    [item] = (await source.list("Family")).items
    library.rename(tmp_path / "away")
    (library / "Family").mkdir(parents=True)
    listing = await source.list("Family")
    assert not listing.complete
    assert "not mounted" in str(listing.problem)
    assert MARKER in str(listing.problem)
    with pytest.raises(TransientError, match="not mounted"):
        await source.download(item, MemorySink())
    await source.aclose()


async def test_an_emptied_album_is_empty(library: Path, tmp_path: Path) -> None:
    source = uploads(library, tmp_path)
    assert len((await source.list("Family")).items) == 1
    (library / "Family/a.jpg").unlink()
    listing = await source.list("Family")
    assert listing.complete
    assert listing.items == ()
    await source.aclose()


async def test_items_keep_their_identity_when_the_library_moves(library: Path, tmp_path: Path) -> None:
    source = uploads(library, tmp_path)
    before = (await source.list("Family")).items
    assert [item.item_id for item in before] == ["Family/a.jpg"]
    await source.aclose()
    moved = library.rename(tmp_path / "elsewhere")
    source = uploads(moved, tmp_path)
    assert (await source.list("Family")).items == before
    await source.aclose()


async def test_the_video_of_a_live_photo_is_no_video(library: Path, tmp_path: Path) -> None:
    (library / "Family/A.MOV").write_bytes(movie())
    (library / "Family/b.mov").write_bytes(movie())
    source = uploads(library, tmp_path)
    assert [item.filename for item in (await source.list("Family")).items] == ["a.jpg", "b.mov"]
    await source.aclose()


async def test_a_new_file_is_noticed(library: Path, tmp_path: Path) -> None:
    source = uploads(library, tmp_path)
    await source.list("Family")
    waiting = asyncio.ensure_future(source.changed("Family"))
    part = library / "part"
    part.write_bytes(JPEG)
    part.rename(library / "Family/b.jpg")
    await asyncio.wait_for(waiting, 30)
    await source.aclose()


def test_the_settings_must_name_the_library(tmp_path: Path) -> None:
    from picsync.config.credentials import Account
    from picsync.config.kinds import Opening
    from picsync.http.client import Hosts

    account = Account("uploads", "uploads")
    opening = Opening(account, {"Family": "Family"}, None, Hosts(), lambda _: None, asyncio.sleep, tmp_path)
    with pytest.raises(ConfigError, match=r"family: \{library"):
        SOURCES["uploads"].open(opening)
