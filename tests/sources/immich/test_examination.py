"""The lines of `picsync doctor` about an Immich server."""

from __future__ import annotations

import pytest

from picsync.core.errors import LoginNeeded
from picsync.core.model import Mark
from picsync.emulators.immich import FUTURE, HOST
from picsync.sources.immich.options import ImmichEntry
from tests.sources.immich.immich_server import ImmichServer, immich_server

ALBUM = ImmichEntry(album="Trip")
ENOUGH = ("asset.read", "asset.view", "asset.download", "asset.statistics", "album.read")


async def said(server: ImmichServer, *entries: ImmichEntry, **fields: object) -> list[tuple[Mark, str]]:
    source = server.source(*(entries or (ALBUM,)), **fields)  # type: ignore[arg-type]
    return [(finding.mark, f"{finding.message} {finding.fix}") for finding in await source.examine()]


async def test_a_key_with_the_permissions_of_the_page_is_enough() -> None:
    async with immich_server() as server:
        findings = await said(server, permissions=ENOUGH)
        assert (Mark.OK, "it has all permissions that picsync needs. ") in findings


async def test_what_a_key_lacks_is_named() -> None:
    async with immich_server() as server:
        person = ImmichEntry(person="Anna")
        findings = await said(server, ALBUM, person, permissions=ENOUGH[1:])
        (problem,) = [text for mark, text in findings if mark is Mark.PROBLEM]
        assert "asset.read, person.read" in problem
        assert "API Keys" in problem


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://nas:2283", False),
        ("http://192.168.1.2:2283", False),
        ("http://nas.local", False),
        ("https://photos.example.org", False),
        ("http://photos.example.org", True),
        ("http://8.8.8.8", True),
    ],
)
async def test_a_key_in_the_clear_is_fine_at_home_only(address: str, warned: bool) -> None:
    async with immich_server(host=address.partition("//")[2].partition(":")[0]) as server:
        findings = await said(server, permissions=ENOUGH, address=address)
        notes = [text for mark, text in findings if mark is Mark.NOTE]
        assert any("unencrypted" in text for text in notes) == warned
        assert (Mark.OK, f"3.3.5 responds at {address}. ") in findings


async def test_an_unknown_version_is_noted() -> None:
    async with immich_server(version=FUTURE) as server:
        findings = await said(server)
        assert any(mark is Mark.NOTE and "does not know version 4.0.0" in text for mark, text in findings)


async def test_a_wrong_key_is_said() -> None:
    async with immich_server() as server:
        with pytest.raises(LoginNeeded):
            await said(server, key="wrong")


async def test_links_alone_have_nothing_to_be_looked_at() -> None:
    async with immich_server() as server:
        entry = ImmichEntry.model_validate(f"https://{HOST}/share/x")
        assert await said(server, entry, key="", address="") == []
        assert await said(server, entry) == []
