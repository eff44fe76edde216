"""Any response of an Immich server: at most an error of picsync, in bounded time and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import PicsyncError
from picsync.core.model import Listing, MediaItem
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.source import ImmichLogin, ImmichSource
from tests.contract.source_contract import MemorySink
from tests.fuzz.mutations import DEEP, STATUSES, Json, headers, inputs, monsters, mutated, sweep
from tests.fuzz.wireserver import MONSTER_PEAK_BYTES, Asked, Headers, Loop, Reply, find

ID = "0a1b2c3d-1111-4222-8333-944455556666"
BYTES = b"\xff\xd8\xff\xe0 a photo"
ASSET = {
    "id": ID,
    "type": "IMAGE",
    "checksum": "Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "originalFileName": "a.heic",
    "originalMimeType": "image/heic",
    "fileCreatedAt": "2026-08-01T07:10:11.000Z",
    "fileModifiedAt": "2026-08-01T07:10:11.000Z",
    "thumbhash": "2QcOHIR4eIeAeIiIeHePCPeHVw==",
    "visibility": "timeline",
    "isEdited": True,
    "isTrashed": False,
    "livePhotoVideoId": None,
}
ALBUM = {"id": ID, "albumName": "Trip", "assetCount": 3}
REFUSAL = {
    "message": "Validation failed",
    "errors": [{"code": "invalid_type", "path": ["page"], "message": "no"}],
    "error": "Bad Request",
    "statusCode": 400,
}
DOCUMENTS: dict[str, tuple[str, str, Json]] = {
    "version": ("GET", "/server/version", {"major": 3, "minor": 2, "patch": 0, "prerelease": None}),
    "key": ("GET", "/api-keys/me", {"permissions": ["all"]}),
    "album": ("GET", f"/api/albums/{ID}", ALBUM),
    "albums": ("GET", "/api/albums", [ALBUM]),
    "people": ("GET", "/api/people", {"people": [{"id": ID, "name": "Anna"}], "hasNextPage": False}),
    "tags": ("GET", "/api/tags", [{"id": ID, "name": "Rome", "value": "Trips/Rome"}]),
    "link": (
        "GET",
        "/shared-links/me",
        {"type": "ALBUM", "album": ALBUM, "assets": [], "allowDownload": True},
    ),
    "login": ("POST", "/shared-links/login", {}),
    "search": (
        "POST",
        "/search/metadata",
        {"assets": {"count": 1, "items": [ASSET], "nextPage": None, "nextCursor": None}},
    ),
    "count": ("POST", "/search/statistics", {"total": 1}),
    "bytes": ("GET", "/api/assets/", {}),
}
NAMES = sorted(name for name in DOCUMENTS if name not in ("bytes", "login"))
BODIES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), mutated(DOCUMENTS[name][2])))
ENTRIES = [
    ImmichEntry(album="Trip"),
    ImmichEntry(album=ID, rendition="preview"),
    ImmichEntry(person="Anna"),
    ImmichEntry(tag="Rome"),
    ImmichEntry.model_validate("http://immich.example/share/abc"),
]


def script(name: str, wrong: Reply) -> Callable[[Asked], Reply]:
    routes = [(method, path, Reply(json.dumps(doc).encode())) for method, path, doc in DOCUMENTS.values()]
    spoilt = "{} {}".format(*DOCUMENTS[name][:2])

    def answer(asked: Asked) -> Reply:
        route, reply = find(routes, asked)
        if route == spoilt:
            return wrong
        return Reply(BYTES) if "/api/assets/" in asked.path else reply

    return answer


async def no_wait(_seconds: float) -> None:
    """Let time pass at once."""


async def tour(url: str, timeout_s: float = 4) -> list[Listing]:
    """Make every call of the port."""
    retrier = Retrier(RetryPolicy(attempts=2), emit=lambda _event: None, sleep=no_wait)
    source = ImmichSource(
        ImmichLogin("http://immich.example", "key", "sesame"),
        entries={str(entry): entry for entry in ENTRIES},
        hosts=Hosts(url),
        retrier_for=lambda _policy: retrier,
        emit=lambda _event: None,
        timeout_s=timeout_s,
    )
    listings: list[Listing] = []
    items: list[MediaItem] = []
    try:
        with suppress(PicsyncError):
            await source.examine()
        with suppress(PicsyncError):
            async for _ in source.albums():
                continue
        for entry in ENTRIES:
            with suppress(PicsyncError):
                listings.append(await source.list(str(entry)))
                items += listings[-1].items[:1]
        for item in items:
            with suppress(PicsyncError):
                await source.download(item, MemorySink())
    finally:
        await source.aclose()
    return listings


def check(loop: Loop, name: str, wrong: Reply, peak_bytes: int | None = None) -> list[Listing]:
    loop.server.answer = script(name, wrong)
    return loop.run(lambda: tour(loop.server.url), peak_bytes)


JSON = [(b"Content-Type", b"application/json")]


@inputs(20)
@given(BODIES)
def test_any_body(loop: Loop, body: tuple[str, bytes]) -> None:
    name, content = body
    check(loop, name, Reply(content, headers=JSON))


@inputs(20)
@given(BODIES, STATUSES, headers())
def test_any_answer(loop: Loop, body: tuple[str, bytes], status: int, more: Headers) -> None:
    name, content = body
    check(loop, name, Reply(content, status, more))


@inputs(15)
@given(st.sampled_from([*NAMES, "bytes"]), mutated(REFUSAL), st.sampled_from([400, 401, 403, 404, 429, 500]))
def test_any_refusal(loop: Loop, name: str, content: bytes, status: int) -> None:
    check(loop, name, Reply(content, status, JSON))


@inputs(30)
@given(mutated(DOCUMENTS["search"][2]))
def test_no_spoilt_search_is_a_complete_listing_of_nothing(loop: Loop, content: bytes) -> None:
    for listing in check(loop, "search", Reply(content, headers=JSON)):
        assert listing.items or not listing.complete


@pytest.mark.parametrize("name", NAMES)
def test_every_field_and_the_worst_values(loop: Loop, name: str) -> None:
    for content in sweep(DOCUMENTS[name][2]):
        check(loop, name, Reply(content, headers=JSON))


def test_monsters(loop: Loop) -> None:
    for _, content in monsters(DOCUMENTS["search"][2]):
        check(loop, "search", Reply(content, headers=JSON), MONSTER_PEAK_BYTES)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("version", b'{"major": 99999999999999999999, "minor": 0, "patch": 0}'),
        ("search", b"[" * DEEP),
        ("search", b'{"assets": {"items": [], "nextPage": "2", "nextCursor": "\\ud800"}}'),
        ("albums", b'[{"id": "../../../../../../../../etc/passwd/x", "albumName": "Trip", "assetCount": 1}]'),
        ("people", b'{"people": [], "hasNextPage": true}'),
    ],
    ids=["huge version", "deep", "surrogate cursor", "an id that climbs", "people without end"],
)
def test_what_was_thought_of(loop: Loop, name: str, content: bytes) -> None:
    check(loop, name, Reply(content, headers=JSON))
