"""A fixed part of `python -m tests.fuzz.hostile`: every client against a hostile server over raw sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.fuzz.hostile import PLAYERS, campaign

RESPONSES = {"client": 200, "nixplay": 60, "google": 30, "immich": 60, "sharedlinks": 20}


@pytest.mark.parametrize("client", PLAYERS)
def test_whatever_a_server_says(client: str) -> None:
    played = asyncio.run(campaign(7, RESPONSES.get(client, 5), only=client))
    assert [f"{each.case}: {each.what}" for each in played.failed] == []
    assert played.responses[client] >= RESPONSES.get(client, 5)
