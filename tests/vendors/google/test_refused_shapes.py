"""Refusals whose JSON has a structure that Google never sent: its library must not end picsync."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from picsync.core.errors import LoginNeeded
from picsync.emulators.faults import Fault, FaultKind
from tests.vendors.google.google_account import API, GoogleAccount, google_account

BODIES = [
    "",
    "[]",
    "[{}]",
    "[1]",
    "{}",
    "null",
    "7",
    '"no"',
    '{"error": null}',
    '{"error": 7}',
    '{"error": []}',
]
BODIES += ['{"error": {"errors": [7]}}', '{"error": {"errors": {}}}', '{"error":', "\xff"]


@pytest.fixture
async def account() -> AsyncIterator[GoogleAccount]:
    async with google_account() as account:
        yield account


@pytest.mark.parametrize("status", [400, 403, 404, 429])
@pytest.mark.parametrize("body", BODIES)
async def test_a_refusal_of_any_shape_is_no_complete_listing(
    account: GoogleAccount, body: str, status: int
) -> None:
    album, _ = account.album(2)
    google = account.source()
    refused = Fault(
        kind=FaultKind.STATUS,
        status=status,
        body=body,
        content_type="application/json",
        host=API,
        path="mediaItems:search",
        count=None,
    )
    account.fail(refused)
    # Some shapes leave open whether a person is needed.
    with contextlib.suppress(LoginNeeded):
        listing = await google.list(album.album_id)
        assert not listing.complete
    assert account.server.faults.hits(refused) >= 1
