"""Every kind of request of the source with every kind of temporary fault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.http.retry import Operation
from picsync.sources.google.links import client, source
from picsync.sources.google.links.options import SharedLink
from tests.contract.source_contract import downloaded
from tests.sources.google.links.shared_albums import BATCH, BYTES, PAGE, SHORT, SharedAlbums, shared_albums

FAULTS = [
    Fault(kind=FaultKind.STATUS, status=500),
    Fault(kind=FaultKind.STATUS, status=503, headers={"Retry-After": "7"}),
    Fault(kind=FaultKind.STATUS, status=429),
    Fault(kind=FaultKind.BODY, body="<html>Sorry</html>"),
    Fault(kind=FaultKind.RESET_BEFORE),
    Fault(kind=FaultKind.RESET_AFTER),
    Fault(kind=FaultKind.TRUNCATE),
]

WHERE: dict[Operation, tuple[str, str]] = {
    client.OPEN_SHORT_LINK: (SHORT, ""),
    client.READ_ALBUM_PAGE: (PAGE, "^/share/"),
    client.READ_FURTHER_PAGE: (PAGE, BATCH),
    source.DOWNLOAD: (BYTES, ""),
}
"""Host and path by which a request of that kind is recognised."""


@pytest.fixture
async def world() -> AsyncIterator[SharedAlbums]:
    async with shared_albums() as world:
        world.options.page_items = 2
        yield world


async def whole_round(world: SharedAlbums) -> None:
    """Send every kind of request."""
    shared, _ = world.album(3)
    opened = world.source(shared.short_link)
    listing = await opened.list(str(SharedLink.parse(shared.short_link)))
    assert listing.complete, listing.problem
    for number, item in enumerate(listing.items):
        assert await downloaded(opened, item) == b"\xff\xd8\xff\xe0photo %d" % number


def test_every_kind_of_request_is_in_the_matrix() -> None:
    assert set(WHERE) == set(source.OPERATIONS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("operation", source.OPERATIONS, ids=lambda operation: operation.name)
async def test_passing_trouble_is_overcome(world: SharedAlbums, operation: Operation, fault: Fault) -> None:
    host, path = WHERE[operation]
    if operation is client.OPEN_SHORT_LINK and fault.kind is FaultKind.TRUNCATE:
        # Its answer has no body that could be cut.
        fault = replace(fault, kind=FaultKind.RESET_BEFORE)
    placed = replace(fault, host=host, path=path)
    world.fail(placed)
    await whole_round(world)
    assert world.server.faults.hits(placed) == 1
    assert world.retries() == [operation.name]
    usual = 1.0 if operation is source.DOWNLOAD else 2.0
    assert world.waits == [{429: 30.0, 503: 7.0}.get(fault.status, usual)]
