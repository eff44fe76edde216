"""Any response of Google: at most an error of picsync, in bounded time and memory."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import PicsyncError
from picsync.core.model import MediaItem
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.sources.google.library.source import GooglePhotosSource
from picsync.vendors.google.tokens import GoogleLogin
from tests.fuzz.mutations import DEEP, STATUSES, Json, headers, inputs, monsters, mutated, sweep
from tests.fuzz.wireserver import MONSTER_PEAK_BYTES, Asked, Headers, Loop, Reply, find

BYTES = b"\xff\xd8\xff\xe0 a photo"
ITEM = {
    "id": "m1",
    "baseUrl": "URL/bytes/m1",
    "mimeType": "image/jpeg",
    "filename": "a.jpg",
    "mediaMetadata": {"creationTime": "2020-01-02T03:04:05Z"},
}
REFUSAL = {
    "error": {
        "code": 403,
        "message": "no",
        "status": "PERMISSION_DENIED",
        "errors": [{"message": "m", "domain": "d", "reason": "r"}],
        "details": [{"@type": "t", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}],
    }
}
TOKEN_REFUSAL = {"error": "invalid_grant", "error_description": "gone", "error_subtype": "x"}
DOCUMENTS: dict[str, tuple[str, str, Json]] = {
    "token": (
        "POST",
        "/token",
        {"access_token": "new", "expires_in": 3599, "token_type": "Bearer", "scope": "a b"},
    ),
    "album": ("GET", "/v1/albums/", {"id": "a", "title": "Trip", "mediaItemsCount": "2"}),
    "albums": ("GET", "/v1/albums?", {"albums": [{"id": "a", "title": "Trip", "mediaItemsCount": "2"}]}),
    "items": (
        "POST",
        "/v1/mediaItems:search",
        {"mediaItems": [ITEM, {**ITEM, "id": "m2", "mediaMetadata": {"video": {"status": "READY"}}}]},
    ),
    "batch": (
        "GET",
        "/v1/mediaItems:batchGet",
        {"mediaItemResults": [{"mediaItem": ITEM}, {"status": {"code": 5}}]},
    ),
    "bytes": ("GET", "/bytes/", {}),
}
NAMES = sorted(DOCUMENTS)
BODIES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), mutated(DOCUMENTS[name][2])))


class Sink:
    """Counts what comes."""

    def __init__(self) -> None:
        self.file = io.BytesIO()

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        del size_bytes, mime_type
        self.file = io.BytesIO()

    async def write(self, chunk: bytes) -> None:
        self.file.write(chunk)


def script(loop: Loop, name: str, wrong: Reply) -> Callable[[Asked], Reply]:
    routes = [(method, path, Reply(json.dumps(doc).encode())) for method, path, doc in DOCUMENTS.values()]
    spoilt = "{} {}".format(*DOCUMENTS[name][:2])

    def answer(asked: Asked) -> Reply:
        route, reply = find(routes, asked)
        if route == spoilt:
            reply = wrong
        elif asked.path.startswith("/bytes/"):
            reply = Reply(BYTES)
        return Reply(reply.body.replace(b"URL", loop.server.url.encode()), reply.status, reply.headers)

    return answer


async def no_wait(_seconds: float) -> None:
    """Let time pass at once."""


async def tour(url: str, timeout_s: float = 4) -> None:
    """Make every call of the port; the access token has expired, and one link is too old."""
    retrier = Retrier(RetryPolicy(attempts=2), emit=lambda _event: None, sleep=no_wait)
    expired = datetime.now(UTC) - timedelta(hours=1)
    google = GooglePhotosSource(
        GoogleLogin("id", "secret", "refresh", "old", expired),
        hosts=Hosts(url),
        retrier_for=lambda _policy: retrier,
        emit=lambda _event: None,
        timeout_s=timeout_s,
    )
    items = [MediaItem("googlephotos", "m1"), MediaItem("googlephotos", "m2")]
    try:
        with suppress(PicsyncError):
            async for _ in google.albums():
                continue
        with suppress(PicsyncError):
            items[:0] = (await google.list("a")).items
        for item in items[:4]:
            with suppress(PicsyncError):
                await google.download(item, Sink())
    finally:
        await google.aclose()


def check(loop: Loop, name: str, wrong: Reply, peak_bytes: int | None = None) -> None:
    loop.server.answer = script(loop, name, wrong)
    loop.run(lambda: tour(loop.server.url), peak_bytes)


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


@inputs(20)
@given(
    st.sampled_from(NAMES),
    mutated(REFUSAL) | mutated(TOKEN_REFUSAL),
    st.sampled_from([400, 401, 403, 404, 429, 500]),
)
def test_any_refusal(loop: Loop, name: str, content: bytes, status: int) -> None:
    check(loop, name, Reply(content, status, JSON))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("token", b'\xef\xbb\xbf{"access_token": "new"}'),
        ("token", b'{"access_token": "a\\r\\nb"}'),
        ("token", b'{"access_token": "new", "expires_in": 99999999999999999999}'),
        ("token", b"[" * DEEP),
        ("items", b'{"mediaItems": [{"id": "m1", "baseUrl": "\\ud800"}]}'),
        ("albums", b'{"nextPageToken": "\\ud800"}'),
        ("items", b'{"mediaItems": ' + b"9" * 5000 + b"}"),
    ],
    ids=[
        "byte order mark",
        "token of two lines",
        "endless token",
        "deep",
        "surrogate address",
        "surrogate page",
        "huge number",
    ],
)
def test_what_has_been_found(loop: Loop, name: str, content: bytes) -> None:
    check(loop, name, Reply(content, headers=JSON))


def test_bytes_said_to_be_compressed_that_end_early(loop: Loop) -> None:
    check(loop, "album", Reply(gzip.compress(b"{}" * 500)[:25], headers=[(b"Content-Encoding", b"gzip")]))


@pytest.mark.parametrize("name", [name for name in NAMES if DOCUMENTS[name][2]])
def test_every_field_and_the_worst_values(loop: Loop, name: str) -> None:
    for content in sweep(DOCUMENTS[name][2]):
        check(loop, name, Reply(content, headers=JSON))


@pytest.mark.parametrize("name", ["token", "items"])
def test_monsters(loop: Loop, name: str) -> None:
    for _, content in monsters(DOCUMENTS[name][2]):
        check(loop, name, Reply(content, headers=JSON), MONSTER_PEAK_BYTES)
