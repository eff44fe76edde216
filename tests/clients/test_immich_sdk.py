"""The emulated Immich, asked by Immich's own SDK and held against its types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from picsync.emulators.immich import HOST
from tests.clients.immichsdk import SDKS, Call, call, check
from tests.emulators.immichkit import kit

VERSIONS = pytest.mark.parametrize("version", SDKS, ids=lambda version: ".".join(map(str, version)))


@VERSIONS
async def test_what_everyone_may_ask_has_the_types_of_the_sdk(
    version: tuple[int, int, int], tmp_path: Path
) -> None:
    package = SDKS[version]
    async with kit(version=version) as running:
        calls = [Call("pingServer"), Call("getServerVersion")]
        url = f"{running.http.base_url}/{HOST}/api"
        answers = await call(package, url, running.headers["x-api-key"], calls)
    assert answers[0] == {"res": "pong"}
    await check(package, [(each.name, got) for each, got in zip(calls, answers, strict=True)], tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"res": 1}, "not assignable"),
        ({}, "missing"),
        ({"res": "pong", "more": 1}, "does not exist"),
    ],
)
async def test_the_check_finds_what_is_wrong(answer: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=said):
        await check("immich-sdk-3.2", [("pingServer", answer)], tmp_path)


async def test_the_check_knows_the_values_of_enumerations(tmp_path: Path) -> None:
    answer = {"id": "1", "name": "x", "permissions": ["asset.rea"], "createdAt": "", "updatedAt": ""}
    with pytest.raises(AssertionError, match=r"asset\.rea"):
        await check("immich-sdk-3.2", [("getMyApiKey", answer)], tmp_path)
