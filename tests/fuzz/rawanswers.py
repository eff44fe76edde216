"""Responses that no correct server sends: status lines, headers, framing, encoding, endings."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.mutations import HEADER_NAMES, HOSTILE, Json, paths, replaced, text_of, without
from tests.fuzz.wireserver import Reply

ENDLESS_BYTES = 96 * 2**20
"""An endless body ends here: a client has hung up by then, though a kernel may take 33 MB for it."""

KEEP, CLOSE, RESET, SILENCE, DRIP, HALF = "keep", "close", "reset", "silence", "drip", "half"


@dataclass
class Answer:
    """What a server writes, and what it does then."""

    written: bytes
    endless: bytes = b""
    """Repeated until the client hangs up."""
    ending: str = KEEP
    pieces: int = 1
    """Written in so many parts."""
    reads_first: bool = True
    """Whether the request's body is read before this is written."""


@dataclass
class _Head:
    status: bytes = b"HTTP/1.1 200 OK"
    lines: list[bytes] = field(default_factory=list)
    end: bytes = b"\r\n"
    before: bytes = b""


STATUS_LINES = (
    b"HTTP/1.0 200 OK",
    b"HTTP/0.9 200 OK",
    b"HTTP/2 200 OK",
    b"HTTP/3.14 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 ",
    b"HTTP/1.1  200  OK",
    b"HTTP/1.1 OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 000 Zero",
    b"HTTP/1.1 099 Low",
    b"HTTP/1.1 600 High",
    b"HTTP/1.1 999 Highest",
    b"HTTP/1.1 -200 OK",
    b"HTTP/1.1 2e2 OK",
    b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK",
    b"HTTP/1.1 200 \x1b[2J\xff\xfe",
    b"HTTP/1.1 200 " + b"y" * 70_000,
    b"ICY 200 OK",
    b"http/1.1 200 ok",
    b"SSH-2.0-OpenSSH_9.9",
    b"220 mail.example ESMTP",
    b"\x16\x03\x01\x02\x00",
    b"",
    b"\x00",
    b"GET / HTTP/1.1",
)
STATUSES = (
    *[200] * 8,
    201,
    202,
    203,
    204,
    205,
    206,
    207,
    226,
    300,
    301,
    302,
    303,
    304,
    305,
    306,
    307,
    308,
    400,
    401,
    402,
    403,
    404,
    405,
    406,
    407,
    408,
    409,
    410,
    411,
    412,
    413,
    416,
    418,
    421,
    425,
    426,
    429,
    431,
    451,
    500,
    501,
    502,
    503,
    504,
    505,
    507,
    511,
    599,
)
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
    b"HTTP/1.1 199 What\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    b"\r\n",
    b"\r\n\r\n\r\n",
    b" ",
)
HOSTS = (
    b"xn--0",
    b"xn--",
    b"xn--a",
    b"xn--" + b"a" * 60,
    b"xn--zca",
    "ß".encode(),
    "é".encode(),
    "\u2460".encode(),
    "\U0001f600".encode(),
    "a\u200db".encode(),
    "\u0660.\u0661".encode(),
    "\u3002".encode(),
    b"\xff\xfe",
    b"%00",
    b"%E9",
    b"a..b",
    b".",
    b"..",
    b"-",
    b"a" * 64,
    b"a" * 300,
    b"[::1",
    b"[::1]:x",
    b"[v1.a]",
    b"[fe80::1%25eth0]",
    b"[::ffff:127.0.0.1]",
    b"127.1",
    b"0x7f000001",
    b"2130706433",
    b"localhost",
    b"127.0.0.1:0",
    b"127.0.0.1:99999",
    b"127.0.0.1:-1",
    b"127.0.0.1:",
    b"127.0.0.1:\xd9\xa1",
    b"user:pass@127.0.0.1",
    b"@",
    b":",
    b":80",
    b"",
    b"a b",
    b"a\tb",
    b"a\\b",
    b"evil.example",
    b"127.0.0.1.evil.example",
    b"*",
    b"'\"<>",
    b"a_b",
)
LOCATIONS = (
    b"",
    b"/",
    b"//",
    b"///",
    b"?",
    b"#",
    b".",
    b"../../../..",
    b"URL",
    b"URL/",
    b"URL/again?x=1#y",
    b"HTTP://x",
    b"javascript:alert(1)",
    b"data:,x",
    b"file:///etc/passwd",
    b"ftp://127.0.0.1/",
    b"ws://127.0.0.1/",
    b"about:blank",
    b"mailto:a@b",
    b"http:",
    b"http:/",
    b"http:///",
    b"http:x",
    b"https:URL",
    b"//URL",
    b"://",
    b"\x00",
    b"\xff",
    b"%",
    b"%zz",
    b"/%ff%00",
    b"/\xc3\xa9",
    b"/" + b"a" * 70_000,
    b"http://" + b"a." * 5_000,
    b"\thttp://127.0.0.1/",
    b"http://127.0.0.1/\x1b[31m",
    b"/a\\..\\b",
    b"http\xc2\xa0://x/",
)
RETRY_AFTERS = (
    b"0",
    b"1",
    b"-1",
    b"1.5",
    b"1e9",
    b"999999999",
    b"9" * 400,
    b"+5",
    b"0x10",
    b"\xd9\xa3",
    b"nan",
    b"inf",
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"Mon, 01 Jan 0001 00:00:00 +2359",
    b"Mon, 01 Jan 99999999999 00:00:00 GMT",
    b"Mon, 01 Jan 2020 00:00:00 +99999999999999999999",
    b"Thu, 99 Foo 2026 99:99:99 GMT",
    b"tomorrow",
    b"",
    b" ",
    b"1, 2",
    b"Sun, 06 Nov 1994 08:49:37 -0000",
)
TYPES = (
    b"application/json",
    b"application/json; charset=utf-16",
    b"text/html; charset=hex",
    b"text/html; charset=zlib",
    b"text/plain; charset=idna",
    b"text/plain; charset=punycode",
    b"text/html; charset=undefined",
    b"image/jpeg",
    b"text/plain; charset=\xff",
    b"text/plain; charset=" + b"a" * 5_000,
    b"\x1b]0;x\x07",
    b"image/\xe2\x80\xae",
    b"multipart/form-data",
    b"multipart/mixed; boundary=",
    b"text/html;;;=",
    b"/",
    b";",
    b"",
    b'video/mp4; a="',
    b"application/octet-stream, text/html",
    b"text/plain; charset=unicode_escape",
    b"text/plain; charset=utf-7",
)
COOKIES = (
    b"prod.csrftoken=abc; Path=/",
    b"prod.csrftoken=\xff\xfe",
    b"prod.csrftoken=",
    b"=x",
    b";;;",
    b"a=b; Domain=..",
    b"a=b; Domain=\xff",
    b"a=b; Expires=Mon, 99 Foo 99999999999 00:00:00",
    b"a=b; Max-Age=" + b"9" * 400,
    b"a=b; Max-Age=nan",
    b"a=b; Version=\xd9\xa1",
    b'a=b; Port="x"',
    b"a" * 9_000 + b"=1",
    b"a=" + b"b" * 60_000,
    b"a=\x00\x1b",
    b"a=b; Path=" + b"/" * 5_000,
    b'a="\\\\"; Version=1',
    b"__Host-a=b; Secure",
    b"a=b; Expires=Fri, 31 Dec 9999 23:59:59 -2359",
    b"a=b; expires=0",
    b"a=b; domain=xn--0",
)
DATES = RETRY_AFTERS[12:]
LENGTHS = (
    b"0",
    b"1",
    b"-1",
    b"+5",
    b"5, 5",
    b"5, 6",
    b"5;5",
    b"0x5",
    b"5.0",
    b"",
    b" ",
    b"9" * 30,
    b"9" * 5_000,
    b"18446744073709551616",
    b"9223372036854775807",
    b"\xd9\xa5",
    b"5 5",
    b"nan",
    b"\x00",
    b"1_0",
)
ENCODINGS = (
    b"chunked",
    b"Chunked",
    b"chunked, chunked",
    b"gzip, chunked",
    b"chunked, gzip",
    b"identity",
    b"x",
    b"",
)
CHUNK_SIZES = (
    b"-1",
    b"+5",
    b"0x5",
    b"g",
    b"",
    b" 5",
    b"5 ",
    b"ffffffffffffffff",
    b"f" * 5_000,
    b"7fffffffffffffff",
    b"5;",
    b"5;" + b"a=b;" * 20_000,
    b"\xd9\xa5",
    b"00000000000000000000000000005",
    b"1_0",
    b"\x00",
)
CHUNK_ENDS = (b"", b"0\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 3_000 + b"\r\n")
OTHER = (
    b"Age: -1",
    b"Allow: GET",
    b'Alt-Svc: h3=":443"',
    b"Trailer: X",
    b"Upgrade: h2c",
    b"Connection: upgrade",
    b"Connection: keep-alive, close",
    b"Keep-Alive: timeout=-1",
    b"Content-Range: bytes 5-1/*",
    b"Vary: *",
    b'WWW-Authenticate: Digest realm="\xff", nonce=',
    b"WWW-Authenticate: Basic realm=",
    b"ETag: \xff",
    b"Content-Disposition: attachment; filename*=utf-8''%ff%00",
    b"Link: <" + b"a" * 5_000,
    b"Refresh: 0; url=/",
    b"Strict-Transport-Security: max-age=" + b"9" * 400,
    b"Content-MD5: x",
    b"Content-Location: http://[::1",
)
BROKEN_LINES = (
    b"no colon",
    b": no name",
    b" folded",
    b"\tfolded: x",
    b"X : space",
    b"X\x00: nul",
    b"X: a\x00b",
    b"X: a\rb",
    b"\xff: y",
    b"X:" + b"y" * 200_000,
    b"(): y",
    b"X: \x7f",
    b"",
    b"\x1b: y",
    b"X\n: y",
)
WORDS = (
    b"",
    b"x",
    b"<html><title>\x1b[2J</title>",
    b"{}",
    b"[]",
    b"null",
    b'"',
    b"{",
    b"\xff\xfe",
    b"0",
    b"NaN",
)

_BOMB = gzip.compress(bytes(20 * 2**20), 9)
_EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 5_000


def _bodies(rng: Random, document: Json) -> bytes:
    match rng.randrange(8):
        case 0:
            return rng.choice(WORDS)
        case 1:
            return rng.randbytes(rng.randrange(300))
        case 2:
            return b"[" * rng.choice([900] * 9 + [100_000]) + b"1"
        case 3:
            whole = text_of(document).encode("utf-8", "surrogatepass")
            return whole[: rng.randrange(len(whole) + 1)]
        case 4:
            return json.dumps(document).encode(rng.choice(["utf-16", "utf-32", "utf-8-sig"]))
        case _:
            return spoilt(rng, document)


def spoilt(rng: Random, document: Json) -> bytes:
    """Return a document with one to three of its parts changed."""
    for _ in range(rng.randint(1, 3)):
        where = rng.choice(list(paths(document)))
        if where and rng.random() < 0.3:
            document = without(document, where)
        else:
            document = replaced(document, where, rng.choice(HOSTILE))
    return text_of(document).encode("utf-8", "surrogatepass")


def _packed(rng: Random, body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the header's value, the packed body, and what follows it without end."""
    whole = gzip.compress(body)
    cut = rng.randrange(len(whole))
    torn = bytearray(whole)
    torn[cut] ^= 1 << rng.randrange(8)
    raw = zlib.compressobj(wbits=-15)
    return rng.choice(
        [
            (b"gzip", whole, b""),
            (b"gzip", whole[:cut], b""),
            (b"gzip", bytes(torn), b""),
            (b"gzip", whole + whole, b""),
            (b"gzip", whole + b"tail", b""),
            (b"gzip", body, b""),
            (b"gzip", b"", b""),
            (b"gzip", _BOMB, b""),
            (b"gzip", whole, bytes(2**16)),
            (b"gzip", whole[:10], _EMPTY_BLOCKS),
            (b"gzip", whole[:3] + b"\x08" + whole[4:10], b"a" * 2**16),
            (b"GZip", whole, b""),
            (b"x-gzip", whole, b""),
            (b"deflate", zlib.compress(body), b""),
            (b"deflate", raw.compress(body) + raw.flush(), b""),
            (b"gzip, gzip", gzip.compress(whole), b""),
            (b"br", body, b""),
            (b"br", rng.randbytes(50), b""),
            (b"zstd", rng.randbytes(50), b""),
            (b"compress", body, b""),
            (b"identity", body, b""),
            (b"\xff", body, b""),
            (b", ,", body, b""),
            (b"gzip;q=0", body, b""),
        ]
    )


def _chunked(rng: Random, body: bytes) -> bytes:
    half = len(body) // 2
    good = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part]
    end = b"0\r\n\r\n" if rng.random() < 0.9 else rng.choice(CHUNK_ENDS)
    match rng.randrange(6):
        case 0:
            return b"".join(good) + rng.choice(CHUNK_SIZES) + b"\r\n" + body
        case 1:
            return b"".join(good).replace(b"\r\n", b"\n") + end
        case 2:
            return b"%x\r\n%s" % (len(body), body) + end
        case 3:
            return b"".join(b"1\r\n%c\r\n" % each for each in body[:50]) + end
        case _:
            return b"".join(good) + end


def _status(rng: Random, head: _Head) -> None:
    if rng.random() < 0.75:
        head.status = b"HTTP/1.1 %d Said" % rng.choice(STATUSES)
    else:
        head.status = rng.choice(STATUS_LINES)
    if rng.random() < 0.1:
        head.before = rng.choice(INTERIM) * rng.choice([1] * 20 + [2, 50, 2_000])


def _location(rng: Random) -> bytes:
    if rng.random() < 0.5:
        return rng.choice(LOCATIONS)
    scheme = rng.choice([b"http://", b"https://", b"//", b"HTTP://"])
    return scheme + rng.choice(HOSTS) + rng.choice([b"", b"/", b"/x"])


def _header(rng: Random) -> list[bytes]:
    name, values = rng.choice(
        [
            (b"Retry-After", RETRY_AFTERS),
            (b"Content-Type", TYPES),
            (b"Set-Cookie", COOKIES),
            (b"Date", DATES),
            (b"", OTHER),
            (b"Location", ()),
            (rng.choice(HEADER_NAMES).encode(), (rng.randbytes(rng.randrange(20)),)),
        ]
    )
    if rng.random() < 0.03:
        return [rng.choice(BROKEN_LINES)]
    if rng.random() < 0.001:
        return [b"X-%d: y" % number for number in range(rng.choice([101, 5_000]))]
    value = rng.choice(values) if values else _location(rng)
    return [name + b": " + value if name else value]


def _framed(rng: Random, head: _Head, body: bytes) -> tuple[bytes, str]:
    """Say how long the body is, rightly or wrongly; return what is written and what is done then."""
    match rng.randrange(10):
        case 0 | 1:
            coding = rng.choice(ENCODINGS) if rng.random() < 0.3 else b"chunked"
            head.lines.append(b"Transfer-Encoding: " + coding)
            if rng.random() < 0.1:
                head.lines.append(b"Content-Length: %d" % len(body))
            return _chunked(rng, body), KEEP
        case 2:
            head.lines.append(b"Content-Length: " + rng.choice(LENGTHS))
        case 3:
            size = max(0, len(body) + rng.choice([-5, -1, 1, 5, 10**9]))
            head.lines.append(b"Content-Length: %d" % size)
        case 4:
            return body, CLOSE
        case _:
            head.lines.append(b"Content-Length: %d" % len(body))
    return body, KEEP


def _ended(rng: Random, answer: Answer) -> Answer:
    """Return what becomes of a response on its way."""
    written = answer.written
    cut = written[: rng.randrange(len(written) + 1)]
    draw = rng.random()
    if draw < 0.05:
        answer.written, answer.ending = cut, rng.choice([CLOSE, RESET])
    elif draw < 0.06:
        answer.written = rng.randbytes(rng.randrange(2_000))
    elif draw < 0.08:
        # A response to nothing, for the next request to meet.
        unasked = [written, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"\r\n", b"x"]
        answer.written += rng.choice(unasked)
    elif draw < 0.22:
        answer.ending = rng.choice([CLOSE, CLOSE, RESET, HALF])
    elif draw < 0.222:
        answer.written, answer.ending = cut, rng.choice([SILENCE, DRIP])
    return answer


def hostile(rng: Random, good: Reply, document: Json, url: bytes) -> Answer:
    """Draw a response; `good` and `document` are what a decent server would have said."""
    head = _Head()
    body, endless = good.body if rng.random() < 0.5 else _bodies(rng, document), b""
    if rng.random() < 0.8:
        _status(rng, head)
    if b" 30" in head.status and rng.random() < 0.8:
        head.lines.append(b"Location: " + _location(rng))
    if rng.random() < 0.5:
        head.lines += [name + b": " + value for name, value in good.headers]
    head.lines += [line for _ in range(rng.randrange(5)) for line in _header(rng)]
    if rng.random() < 0.03:
        head.end = rng.choice([b"\n", b"\r", b"\r\r\n", b""])
    if rng.random() < 0.2:
        coding, body, endless = _packed(rng, body)
        head.lines.append(b"Content-Encoding: " + coding)
    if not endless and rng.random() < 0.0015:
        endless = rng.choice([bytes(2**16), b"x", b"[" * 2**16, b" " * 2**16])
    ending = CLOSE
    if not endless:
        body, ending = _framed(rng, head, body)
    rng.shuffle(head.lines)
    lines = head.end.join([head.status, *head.lines])
    written = (head.before + lines + head.end * 2 + body).replace(b"URL", url)
    pieces = rng.choice([1] * 10 + [2, 20])
    return _ended(rng, Answer(written, endless, ending, pieces, reads_first=rng.random() < 0.95))
