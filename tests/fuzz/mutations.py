"""Valid JSON with defects: missing keys, other types, huge numbers, deep nesting, corrupted bytes."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any, TypeAlias

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

Json: TypeAlias = Any
"""What `json.loads` returns."""
Path: TypeAlias = tuple[str | int, ...]

SCALE = int(os.environ.get("PICSYNC_FUZZ_SCALE", "1"))
"""How many times the suite's number of inputs; raise it for a long run."""

SWEPT = 5
"""How many of the worst values each document of the suite gets; all of them in long runs."""
DEEP = 100_000
HUGE_TEXT = 10 * 2**20


def inputs(count: int) -> settings:
    """Return the settings for so many inputs, times `SCALE`; hangs are the harness's to find."""
    return settings(
        max_examples=count * SCALE,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
        database=None,
        print_blob=True,
        # A hang would be drawn again and again to make it smaller.
        phases=(Phase.explicit, Phase.generate),
    )


class Raw(str):
    """JSON text that `json.dumps` would never write, put in as it is."""

    __slots__ = ()


HOSTILE: tuple[Json, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    2**64 + 1,
    10**400,
    Raw("9" * 5000),
    Raw("NaN"),
    Raw("-Infinity"),
    Raw("1e999"),
    Raw("1.5"),
    "",
    " ",
    ".",
    "..",
    "../../album/1",
    "1/../../album/1/delete/json/?",
    "?",
    "#",
    "%2e%2e",
    "\ud800",
    "\x00",
    "a\r\nSet-Cookie: a=b",
    "ünï",
    "\u202e\U0001f600",
    "٣",
    "1_0",
    "http://[::1",
    "http://a:99999999/",
    "file:///etc/passwd",
    "//",
    "<" * 3000,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    Raw('{"id": 1, "id": [], "error": {}, "error": 5}'),
)
TEXT = st.text(st.characters(), max_size=12)
LEAVES = st.sampled_from(HOSTILE) | st.integers() | st.floats().map(lambda x: Raw(json.dumps(x))) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


def paths(value: Json, here: Path = ()) -> Iterator[Path]:
    """Yield the place of each part of a document, the whole first."""
    yield here
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield from paths(each, (*here, key))


def replaced(value: Json, path: Path, new: Json) -> Json:
    """Return a copy of a document with one part replaced."""
    if not path:
        return new
    copy: Json = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def without(value: Json, path: Path) -> Json:
    """Return a copy of a document with one part, not the whole, left out."""
    copy: Json = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(value[path[0]], path[1:])
    return copy


def text_of(value: Json) -> str:
    """Write a document, with its `Raw` parts as they are."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))}: {text_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return json.dumps(value)


@st.composite
def mutated(draw: st.DrawFn, document: Json) -> bytes:
    """Draw one to three changes to a document, then perhaps one to its bytes."""
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(list(paths(document))))
        match draw(st.sampled_from(["value", "value", "drop", "wrap", "repeat", "extra"])):
            case "value":
                document = replaced(document, where, draw(VALUES))
            case "drop" if where:
                document = without(document, where)
            case "wrap":
                document = replaced(document, where, [part(document, where)])
            case "repeat" if isinstance(part(document, where), list):
                document = replaced(document, where, part(document, where) * 3)
            case "extra" if isinstance(part(document, where), dict):
                document = replaced(document, where, {**part(document, where), draw(TEXT): draw(VALUES)})
    return draw(torn(text_of(document).encode()))


def part(value: Json, path: Path) -> Json:
    for key in path:
        value = value[key]
    return value


@st.composite
def torn(draw: st.DrawFn, body: bytes) -> bytes:
    """Draw what became of the bytes on their way: mostly nothing."""
    match draw(st.sampled_from(["", "", "", "", "cut", "flip", "before", "after", "twice", "bytes"])):
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "flip" if body:
            place = draw(st.integers(0, len(body) - 1))
            return body[:place] + draw(st.binary(min_size=1, max_size=4)) + body[place + 1 :]
        case "before":
            return (
                draw(st.sampled_from([b"\xef\xbb\xbf", b")]}'\n", b"<html>", b"\0", b" \n", b"\xff\xfe"]))
                + body
            )
        case "after":
            return body + draw(st.binary(min_size=1, max_size=4))
        case "twice":
            return body + body
        case "bytes":
            return draw(st.binary(max_size=40))
        case _:
            return body


def sweep(document: Json) -> Iterator[bytes]:
    """Yield a document with each part left out, and replaced by the worst values: a sample, or all."""
    every = [(where, new) for where in paths(document) for new in HOSTILE]
    for where, new in every if SCALE > 1 else random.Random(0).sample(every, min(SWEPT, len(every))):
        yield text_of(replaced(document, where, new)).encode()
    for where in paths(document):
        if where:
            yield text_of(without(document, where)).encode()


def monsters(document: Json) -> Iterator[tuple[str, bytes]]:
    """Yield bodies too large to draw: a part of a document as a huge text, and nesting beyond bearing."""
    everywhere = list(paths(document))
    for where in everywhere if SCALE > 1 else everywhere[-1:]:
        yield f"{where}: 10 MB of text", text_of(replaced(document, where, "<" * HUGE_TEXT)).encode()
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        for depth in (900, DEEP):
            yield f"{depth} deep {opening}", (opening * depth + "1" + closing * depth).encode()
        nested = Raw(opening * 700 + "1" + closing * 700)
        for where in everywhere if SCALE > 1 else everywhere[-1:]:
            yield f"{where}: 700 deep {opening}", text_of(replaced(document, where, nested)).encode()


@st.composite
def headers(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """Draw headers that mean something to a client, with values that mean little."""
    names = st.sampled_from(HEADER_NAMES)
    return [(name.encode(), draw(HEADER_VALUES)) for name in draw(st.lists(names, max_size=3))]


STATUSES = st.sampled_from(
    [200, 200, 200, 201, 204, 301, 302, 304, 400, 401, 402, 403, 404, 409, 429, 500, 503, 599]
)
HEADER_NAMES = (
    "Content-Type",
    "Content-Encoding",
    "Retry-After",
    "Set-Cookie",
    "Location",
    "WWW-Authenticate",
    "Cache-Control",
    "ETag",
)
HEADER_VALUES = st.sampled_from(
    [
        b"application/json",
        b"text/html; charset=hex",
        b"text/html; charset=undefined",
        b"application/json; charset=rot13",
        b"text/plain; charset=idna",
        b"text/plain; charset=\xff",
        b"gzip",
        b"deflate, gzip",
        b"br",
        b"identity",
        b"-1",
        b"99999999999999999999",
        b"Mon, 01 Jan 99999999999 00:00:00 GMT",
        b"Mon, 01 Jan 2020 00:00:00 +9999999999999999999",
        b"Fri, 31 Dec 9999 23:59:59 -2359",
        b"Mon, 01 Jan 0001 00:00:00 +2359",
        b"prod.csrftoken=\xff\xfe; Path=/",
        b"prod.csrftoken",
        b"prod.csrftoken=a b\tc; Path=/; Expires=Mon, 99 Foo 99999999999 00:00:00",
        b'prod.csrftoken="x\\"y"; Max-Age=99999999999999999999; Domain=..; Secure',
        b"=; ;;=",
        b"http://[::1",
        b"//\xff",
        b"javascript:1",
        b'Digest realm="\xff", nonce=',
        b"Basic realm=",
        b"",
    ]
) | st.binary(max_size=20).map(lambda raw: raw.translate(None, b"\r\n\0"))
