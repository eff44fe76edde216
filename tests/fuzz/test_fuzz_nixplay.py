"""Any response of Nixplay: at most an error of picsync, in bounded time and memory, and no delete."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.caption import AboutPhoto
from picsync.core.errors import PicsyncError
from picsync.core.events import Emit, Event, RequestFinished
from picsync.core.model import Digest, FrameAlbum, FramePhoto, Photos, Playlist, PlaylistItem
from picsync.frames.base import Rendition
from picsync.frames.nixplay import wire
from picsync.frames.nixplay.assigning import ShowOn
from picsync.frames.nixplay.client import OPERATIONS
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.session import NixplayLogin
from picsync.http.client import TIMEOUT, Hosts
from picsync.http.retry import Retrier, RetryPolicy
from tests.fuzz.mutations import STATUSES, Json, headers, inputs, monsters, mutated, sweep
from tests.fuzz.wireserver import MONSTER_PEAK_BYTES, Asked, Headers, Loop, Reply, find

MD5 = "0123456789abcdef0123456789abcdef"
BYTES = b"\xff\xd8\xff\xe0 a photo"
ALBUM = FrameAlbum("11", "Trip", 2)
PHOTO = FramePhoto("21", Digest("md5", MD5), "a.jpg")
ITEM = PlaylistItem("31", "21")
PLAYLIST = Playlist("41", "ss_Trip", (ITEM,))
TICKET = {
    "data": {
        "key": "k",
        "acl": "private",
        "fileType": "image/jpeg",
        "batchUploadId": "b",
        "userUploadIds": ["u"],
        "AWSAccessKeyId": "A",
        "Policy": "P",
        "Signature": "S",
        "s3UploadUrl": "URL/s3/",
    }
}
DOCUMENTS: dict[str, tuple[str, str, Json]] = {
    "login": ("POST", "/www-login/", {"success": True, "errors": []}),
    "web albums": (
        "GET",
        "/v2/albums/web/",
        [{"id": 10, "title": "My Uploads", "photo_count": 7}, {"id": 11, "title": "Trip", "photo_count": 2}],
    ),
    "email albums": ("GET", "/v2/albums/email/", [{"id": 12, "title": "me@", "photo_count": 0}]),
    "album created": ("POST", "/album/create/", [{"id": 13, "title": "New", "photo_count": 0}]),
    "photos": (
        "GET",
        "/pictures/json/",
        {"photos": [{"id": 21, "md5": MD5, "filename": "a.jpg"}, {"id": 22, "md5": MD5[::-1]}]},
    ),
    "receiver": ("POST", "/v3/upload/receivers/", {"token": "t"}),
    "permission": ("POST", "/v3/photo/upload/", TICKET),
    "stored": ("POST", "/s3/", {}),
    "monitor": ("GET", "/status", {}),
    "playlists": (
        "GET",
        "/v3/playlists HTTP",
        [
            {
                "id": 41,
                "name": "ss_Trip",
                "picture_count": 1,
                "on_frames": [{"pk": 1}],
                "on_scheduled_frames": [],
            }
        ],
    ),
    "slides": ("GET", "/slides", {"slides": [{"playlistItemId": "31", "dbId": 21}]}),
    "playlist created": ("POST", "/v3/playlists HTTP", {"playlistId": 42}),
    "added": ("POST", "/items", {}),
    "removed": ("DELETE", "/items", {}),
    "deleted": ("POST", "/delete/json/", {}),
    "captioned": ("PATCH", "/attrs", {}),
    "frames": ("GET", "/v3/frames HTTP", [{"name": "Living Room", "pk": 51, "framePk": 51}]),
    "statuses": ("GET", "/v3/frame/online-status HTTP", {"frames": [{"framePk": 51, "connected": True}]}),
    "assigned": ("POST", "/v3/shared-frames/", {}),
    "profile": ("GET", "/user/profile/edit/", {}),
}
T = TypeVar("T")
NAMES = sorted(DOCUMENTS)
ID = r"[A-Za-z0-9_-]+"
ALLOWED = re.compile(
    rf"POST /api\.nixplay\.com/picture/{ID}/delete/json/"
    rf"|DELETE /api\.nixplay\.com/v3/playlists/{ID}/items\?id=[A-Za-z0-9_%.-]+"
    # Just made, and listed as empty under a name that was not asked for.
    r"|POST /api\.nixplay\.com/album/13/delete/json/|DELETE /api\.nixplay\.com/v3/playlists/42"
)
"""What the tour below may lead to, whatever the ids are made of."""

BODIES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), mutated(DOCUMENTS[name][2])))


def script(loop: Loop, name: str, wrong: Reply, count: int | None) -> Callable[[Asked], Reply]:
    """Answer as Nixplay does, but `name` (the first `count` times) by `wrong`."""
    routes = [(method, path, Reply(json.dumps(doc).encode())) for method, path, doc in DOCUMENTS.values()]
    spoilt = "{} {}".format(*DOCUMENTS[name][:2])
    left = [-1 if count is None else count]

    def answer(asked: Asked) -> Reply:
        bare = Asked(asked.method, f"{asked.path.partition('?')[0]} HTTP")
        route, reply = find(routes, bare)
        if route == spoilt and left[0]:
            left[0] -= 1
            reply = wrong
        return Reply(reply.body.replace(b"URL", loop.server.url.encode()), reply.status, reply.headers)

    return answer


async def no_wait(_seconds: float) -> None:
    """Let time pass at once."""


async def tour(
    url: str,
    timeout: httpx.Timeout = TIMEOUT,
    monitor_timeout_s: float = 5,
    emit: Emit = lambda _event: None,
) -> None:
    """Make every call of the port, with what the calls before it returned."""
    retrier = Retrier(RetryPolicy(attempts=2), emit=emit, sleep=no_wait)
    frame = NixplayFrame(
        NixplayLogin("u", "p"),
        hosts=Hosts(url),
        retrier=retrier,
        emit=lambda _event: None,
        timeout=timeout,
        monitor_timeout_s=monitor_timeout_s,
        show_on=ShowOn(("Living Room",), only=True),
    )
    digest = Digest("md5", hashlib.md5(BYTES, usedforsecurity=False).hexdigest())
    rendition = Rendition(io.BytesIO(BYTES), len(BYTES), digest, "image/jpeg", "a.jpg")
    try:
        await attempt(frame.albums())
        album = await attempt(frame.find_album("Trip")) or ALBUM
        photos = (await attempt(frame.photos(album)) or Photos((PHOTO,))).items or (PHOTO,)
        await attempt(frame.upload(album, rendition))
        await attempt(frame.create_album("New"))
        found = await attempt(frame.playlists("ss_Trip")) or [PLAYLIST]
        await attempt(frame.create_playlist("ss_New"))
        for playlist in found:
            await attempt(frame.add_items(playlist, photos))
            await attempt(frame.remove_items(playlist, playlist.items))
            await attempt(frame.assign(playlist))
        await attempt(frame.devices())
        for photo in photos:
            await attempt(frame.describe(album, photo, AboutPhoto(caption="Rome")))
            await attempt(frame.delete(album, photo))
    finally:
        await frame.aclose()


async def attempt(call: Awaitable[T]) -> T | None:
    """Return what the call returns, or None for an error of picsync's own."""
    with suppress(PicsyncError):
        return await call
    return None


def check(loop: Loop, name: str, wrong: Reply, count: int | None, peak_bytes: int | None = None) -> None:
    loop.server.answer = script(loop, name, wrong, count)
    loop.run(lambda: tour(loop.server.url), peak_bytes)
    for asked in loop.server.deletions():
        assert ALLOWED.fullmatch(f"{asked.method} {asked.path}"), asked


def test_every_request_is_in_the_tour(loop: Loop) -> None:
    events: list[Event] = []
    loop.server.answer = script(loop, "login", Reply(b""), 0)
    loop.run(lambda: tour(loop.server.url, emit=events.append))
    sent = {each.operation for each in events if isinstance(each, RequestFinished)}
    # Only what picsync has just made is ever deleted, and here the service keeps its name.
    assert {each.name for each in OPERATIONS} - sent == {"delete_album", "delete_playlist"}


@inputs(25)
@given(BODIES, st.sampled_from([1, None]))
def test_any_body(loop: Loop, body: tuple[str, bytes], count: int | None) -> None:
    name, content = body
    check(loop, name, Reply(content, headers=[(b"Content-Type", b"application/json")]), count)


@inputs(25)
@given(BODIES, STATUSES, headers(), st.sampled_from([1, None]))
def test_any_answer(
    loop: Loop, body: tuple[str, bytes], status: int, more: Headers, count: int | None
) -> None:
    name, content = body
    check(loop, name, Reply(content, status, more), count)


@pytest.mark.parametrize(
    "photo_id", ["../../album/11", "21/../../../album/11", "21?", "%2e%2e", "x", " ", "."]
)
def test_an_id_never_makes_it_another_request(loop: Loop, photo_id: str) -> None:
    document = {"photos": [{"id": photo_id, "md5": MD5}]}
    check(loop, "photos", Reply(json.dumps(document).encode()), None)


@pytest.mark.parametrize("name", ["album created", "playlist created"])
def test_what_was_there_before_is_not_taken_for_new(loop: Loop, name: str) -> None:
    """A creation's answer that names the album or playlist of a person must not have it cleaned up."""
    wrong = b'[{"id": 10, "title": "New"}]' if name == "album created" else b'{"playlistId": 41}'
    check(loop, name, Reply(wrong), None)


@pytest.mark.parametrize("charset", ["hex", "undefined", "rot13", "idna"])
def test_a_refusal_in_a_coding_that_is_no_text(loop: Loop, charset: str) -> None:
    kind = f"text/html; charset={charset}".encode()
    check(loop, "monitor", Reply(b"no\xff", 400, [(b"Content-Type", kind)]), None)


@pytest.mark.parametrize("name", [name for name in NAMES if DOCUMENTS[name][2]])
def test_every_field_and_the_worst_values(loop: Loop, name: str) -> None:
    for content in sweep(DOCUMENTS[name][2]):
        check(loop, name, Reply(content), None)


@pytest.mark.parametrize("name", ["login", "photos"])
def test_monsters(loop: Loop, name: str) -> None:
    for _, content in monsters(DOCUMENTS[name][2]):
        check(loop, name, Reply(content), 1, MONSTER_PEAK_BYTES)


@inputs(200)
@given(st.text() | st.binary(max_size=300).map(lambda raw: raw.decode(errors="replace")))
def test_words(text: str) -> None:
    assert len(wire.words(text)) <= wire.WORDS_CHARACTERS
    assert wire.is_full(text) in (True, False)
