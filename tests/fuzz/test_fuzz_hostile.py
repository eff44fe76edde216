"""A fixed part of `python -m tests.fuzz.hostile`: every client against a hostile server over raw sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.fuzz.hostile import PLAYERS, campaign

RESPONSES = {"client": 100, "nixplay": 30, "google": 20, "immich": 30, "dropbox": 30, "sharedlinks": 10}


@pytest.mark.parametrize("client", PLAYERS)
def test_whatever_a_server_says(client: str) -> None:
    played = asyncio.run(campaign(7, RESPONSES.get(client, 5), only=client))
    assert [f"{each.case}: {each.what}" for each in played.failed] == []
    assert played.responses[client] >= RESPONSES.get(client, 5)
