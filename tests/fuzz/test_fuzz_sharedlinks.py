"""Any page of a shared album: at most an error of picsync, and no photo counts as removed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import PicsyncError
from picsync.core.model import Listing
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.sources.google.links.markup import NotUnderstood, call_result, data_blocks, decode
from picsync.sources.google.links.options import SharedLink
from picsync.sources.google.links.source import SharedLinksSource
from tests.contract.source_contract import MemorySink
from tests.fuzz.mutations import DEEP, STATUSES, Json, headers, inputs, monsters, mutated, sweep, torn
from tests.fuzz.wireserver import MONSTER_PEAK_BYTES, Asked, Headers, Loop, Reply, bounded

CODE, ALBUM, KEY, TOKEN = "Ab12Cd34Ef56Gh78I", "AF1QipTheAlbum", "TheKey", "AH_next"
ITEMS = ("AF1QipItem-0", "AF1QipItem-1", "AF1QipItem-2")
HTML = [(b"Content-Type", b"text/html; charset=utf-8")]


def item(number: int) -> Json:
    extras = {"15": 1565, **({"76647426": [12500]} if number == 1 else {})}
    picture = [f"URL/lh3.googleusercontent.com/pw/{number}", 64, 48, *[None] * 5, [None, None, 1], [99]]
    return [ITEMS[number], picture, 1525436582000, f"dedup{number}", 7200000, 0, ["me"], [[2]], 2, extras]


def page(items: list[Json], token: str | None, count: int) -> Json:
    meta = [ALBUM, "Trip", *[None] * 17, KEY, None, count]
    return [None, items, token, meta, None, 0]


FIRST, SECOND, EMPTY = page([item(0), item(1)], TOKEN, 3), page([item(2)], "", 3), page([], "", 0)
DOCUMENTS = {"first": FIRST, "second": SECOND, "empty": EMPTY}
BODIES = st.sampled_from(["first", "second"]).flatmap(
    lambda name: st.tuples(st.just(name), mutated(DOCUMENTS[name]))
)


def html(data: bytes) -> bytes:
    return (
        b"<!doctype html><title>Trip</title><script>AF_initDataCallback({key: 'ds:0', hash: '1', data:[1], "
        b"sideChannel: {}});</script><script>AF_initDataCallback({key: 'ds:1', hash: '2', data:"
        + data
        + b", sideChannel: {}});</script>"
    )


def result(data: bytes) -> bytes:
    inner = json.dumps(data.decode("utf-8", "replace"))
    return f')]}}\'\n\n9\n[["wrb.fr","snAcKc",{inner},null,null,null,"generic"]]\n5\n[["e",4]]\n'.encode()


def script(loop: Loop, wrong: dict[str, Reply]) -> Callable[[Asked], Reply]:
    place = f"URL/photos.google.com/share/{ALBUM}?key={KEY}".encode()
    good = {
        "short": Reply(status=302, headers=[(b"Location", place)]),
        "first": Reply(html(json.dumps(FIRST).encode()), headers=HTML),
        "second": Reply(result(json.dumps(SECOND).encode())),
        "bytes": Reply(b"\xff\xd8\xff\xe0 a photo", headers=[(b"Content-Type", b"image/jpeg")]),
    }

    def answer(asked: Asked) -> Reply:
        host = asked.path.split("/")[1]
        name = {"photos.app.goo.gl": "short", "lh3.googleusercontent.com": "bytes"}.get(host, "")
        name = name or ("first" if asked.method == "GET" else "second")
        reply, url = {**good, **wrong}[name], loop.server.url.encode()
        return Reply(
            reply.body.replace(b"URL", url),
            reply.status,
            [(header, value.replace(b"URL", url)) for header, value in reply.headers],
        )

    return answer


async def no_wait(_seconds: float) -> None:
    """Let time pass at once."""


async def tour(url: str, timeout_s: float = 4) -> Listing:
    """List the album and download what it shows."""
    retrier = Retrier(RetryPolicy(attempts=2), emit=lambda _event: None, sleep=no_wait)
    link = SharedLink(code=CODE)
    source = SharedLinksSource(
        {str(link): link},
        hosts=Hosts(url),
        retrier_for=lambda _policy: retrier,
        emit=lambda _event: None,
        timeout_s=timeout_s,
    )
    try:
        listing = await source.list(str(link))
        for each in listing.items[:1]:
            try:
                await source.download(each, MemorySink())
            except PicsyncError:
                continue
    finally:
        await source.aclose()
    return listing


def check(loop: Loop, wrong: dict[str, Reply], peak_bytes: int | None = None) -> Listing:
    """Run it; a photo that is still spoken of anywhere is not left out of a complete listing."""
    loop.server.answer = script(loop, wrong)
    listing = loop.run(lambda: tour(loop.server.url), peak_bytes)
    if listing.complete:
        called = any(asked.method == "POST" for asked in loop.server.asked)
        served = b"".join(
            wrong[name].body if name in wrong else json.dumps(DOCUMENTS[name]).encode()
            for name in (("first", "second") if called else ("first",))
        )
        shown = {each.item_id for each in listing.items}
        assert [key for key in ITEMS if key not in shown and key.encode() in served] == []
    for secret in (KEY, CODE):
        assert secret not in (listing.problem or "").replace(str(SharedLink(code=CODE)), "")
    return listing


def test_the_unspoilt_pages_are_a_complete_listing(loop: Loop) -> None:
    listing = check(loop, {})
    assert listing.complete, listing.problem
    assert [each.item_id for each in listing.items] == list(ITEMS)
    empty = check(loop, {"first": Reply(html(json.dumps(EMPTY).encode()))})
    assert empty.complete, empty.problem


def reply_of(name: str, data: bytes) -> Reply:
    return Reply(html(data), headers=HTML) if name == "first" else Reply(result(data))


@inputs(40)
@given(BODIES)
def test_any_data(loop: Loop, body: tuple[str, bytes]) -> None:
    name, data = body
    check(loop, {name: reply_of(name, data)})


@inputs(20)
@given(torn(html(json.dumps(FIRST).encode())), torn(result(json.dumps(SECOND).encode())))
def test_any_page_and_answer(loop: Loop, first: bytes, second: bytes) -> None:
    check(loop, {"first": Reply(first, headers=HTML), "second": Reply(second)})


@inputs(20)
@given(st.sampled_from(["short", "first", "second", "bytes"]), STATUSES, headers(), st.binary(max_size=50))
def test_any_answer(loop: Loop, name: str, status: int, more: Headers, body: bytes) -> None:
    check(loop, {name: Reply(body, status, more)})


@inputs(20)
@given(
    st.from_regex(
        r"(https?:)?[/\\]{0,2}[a-z0-9.@:\[\]%]{0,20}/(share/)?[A-Za-z0-9_./%?=&-]{0,30}", fullmatch=True
    )
)
def test_any_place_that_a_link_may_lead_to(loop: Loop, location: str) -> None:
    listing = check(loop, {"short": Reply(status=302, headers=[(b"Location", location.encode())])})
    assert not listing.complete
    assert all(asked.path.startswith("/photos.") for asked in loop.server.asked)


@pytest.mark.parametrize("name", ["first", "second"])
def test_every_place_and_the_worst_values(loop: Loop, name: str) -> None:
    for data in sweep(DOCUMENTS[name]):
        check(loop, {name: reply_of(name, data)})


@pytest.mark.parametrize("name", ["first", "second"])
def test_monsters(loop: Loop, name: str) -> None:
    for _, data in monsters(DOCUMENTS[name]):
        check(loop, {name: reply_of(name, data)}, 2 * MONSTER_PEAK_BYTES)


REPEATED = (
    "AF_initDataCallback(",
    "AF_initDataCallback({key: 'ds:1',",
    "AF_initDataCallback({key: 'ds:1', hash: '2', data:",
    "AF_initDataCallback({key: 'ds:1', hash: '2', data:[",
    "AF_initDataCallback({key: 'ds:1', hash: '2', data:[1]",
    "AF_initDataCallback({key: 'ds:1'," + " " * 30,
    " " * 50,
    '["a","',
    "9" * 50,
)


@pytest.mark.parametrize("piece", REPEATED, ids=range(len(REPEATED)))
def test_the_time_to_read_a_text_grows_with_its_length_alone(piece: str) -> None:
    for text in (piece * (10**6 // len(piece)), ")]}'" + piece * (10**6 // len(piece))):
        bounded(lambda text=text: _read(text), 64 * 2**20)  # type: ignore[misc]


def _read(text: str) -> None:
    list(data_blocks(text))
    for read in (lambda: call_result(text, "snAcKc"), lambda: decode(text)):
        try:
            read()
        except NotUnderstood:
            continue


@inputs(100)
@given(st.text(), st.text())
def test_any_text_is_read_or_not_understood(before: str, after: str) -> None:
    _read(before + "AF_initDataCallback({key: 'ds:1', hash: '2', data:" + after)
    _read(")]}'" + after)
    _read("[" * DEEP + after)
