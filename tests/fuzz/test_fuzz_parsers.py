"""The small parsers of foreign text and bytes: headers, file names, dates, cookies, corrupted settings."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from picsync.config import Config, Credentials, Known, load_config
from picsync.core.errors import ConfigError, ItemError, PicsyncError, ProtocolError
from picsync.frames.nixplay.upload import MAX_NAME_BYTES, TYPES, safe_name
from picsync.http.allowed import AllowedHosts
from picsync.http.client import HttpClient
from picsync.http.retry import Operation, Retrier, RetryPolicy, parse_retry_after
from picsync.media.dimensions import pixel_count
from picsync.media.ends import is_truncated
from picsync.media.formats import identify, sniff
from picsync.observe.words import printable
from picsync.run.kinds import logins, read_credentials
from picsync.sync.tempfiles import Spool
from tests.config.builders import KINDS
from tests.fuzz.mutations import HEADER_VALUES, inputs, torn
from tests.fuzz.wireserver import Loop, Reply, bounded
from tests.media.files import ftyp, heif, movie, tiff
from tests.pictures import jpeg

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADS = st.sampled_from(
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"BM",
        b"RIFF\0\0\0\0WEBP",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x18ftypavif",
        b"\0\0\0\x18ftypqt  ",
        b"<html>",
        b" {",
        b")]}'",
        b"",
    ]
)
CONFIG = b"""\
every: 1h
albums:
- name: Family
  sources: {googlephotos: [abc, def]}
  dryRun: false
  maxDelete: "20%"
prometheus: {listen: ":1971"}
"""
CREDENTIALS = b"""\
nixplay: {username: u, password: "p\xc3\xbc"}
googlephotos:
  api: {key: k, secret: s}
  access: {access_token: a, refresh_token: r, expiry: "2022-09-21T20:00:00+02:00"}
"""


@inputs(200)
@given(st.binary(max_size=64) | st.tuples(HEADS, st.binary(max_size=40)).map(b"".join))
def test_a_head_of_a_file(head: bytes) -> None:
    mime_type = sniff(head)
    assert mime_type is None or mime_type.startswith(("image/", "video/"))


WHOLE = [
    jpeg("a picture"),
    movie(),
    heif((b"mif1", b"heic"), (b"hvc1",)),
    tiff({254: 1, 271: b"SONY"}, inner={262: 32803}),
    tiff({256: 9, 257: 9, 273: 8, 279: 50}, order=">"),
    ftyp(b"mif1", b"avif"),
]


@inputs(400)
@given(st.sampled_from(WHOLE).flatmap(torn).flatmap(torn) | st.binary(max_size=300))
def test_a_file_of_any_structure(content: bytes) -> None:
    """Its format, and whether it is whole, are found without a surprise in a bounded number of reads."""
    file = CountedFile(content)
    mime_type = identify(file) or ""
    assert is_truncated(file, mime_type) in (True, False)
    pixels = pixel_count(file, mime_type)
    assert pixels is None or pixels >= 0
    assert file.reads < 10_000


class CountedFile(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@inputs(60)
@given(
    st.tuples(HEADS, st.binary(max_size=80)).map(b"".join).flatmap(torn),
    st.lists(st.integers(1, 9), max_size=9),
)
def test_an_original_in_any_pieces(content: bytes, cuts: Sequence[int]) -> None:
    """What is found does not depend on how the bytes came, and is an error of picsync's at most."""
    pieces, rest = [], content
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]

    async def spooled(parts: Sequence[bytes]) -> object:
        async with Spool().file("md5") as file:
            try:
                await file.begin(None, "")
                for part in parts:
                    await file.write(part)
                return await file.finish(), file.examine()
            except (ProtocolError, ItemError) as error:
                return type(error)

    assert asyncio.run(spooled([*pieces, rest])) == asyncio.run(spooled([content]))


@inputs(200)
@given(
    st.text(max_size=300) | st.text("./\\\0\ud800é\u202e\U0001f600 a", max_size=300),
    st.sampled_from([*sorted(TYPES), "image/heif", "", "x"]),
)
@example("." * 300 + ".jpg", "image/jpeg")
def test_a_name_for_the_frame(filename: str, mime_type: str) -> None:
    name = safe_name(filename, mime_type)
    assert 0 < len(name.encode()) <= MAX_NAME_BYTES
    assert PurePosixPath(name).name == name
    assert name not in (".", "..")
    assert not set(name) & set("/\\\0\r\n")


@inputs(200)
@given(st.text(max_size=40))
@example("\x1b[2J\r\n\u202e\ud800")
def test_a_name_for_people(text: str) -> None:
    shown = printable(text)
    assert shown
    assert shown.encode()
    assert "\n" not in shown
    assert "\x1b" not in shown


DATE_WORDS = (
    "Mon,",
    "01",
    "31",
    "Jan",
    "2020",
    "9" * 11,
    "00:00:00",
    "99:99:99",
    "GMT",
    "+0000",
    "+" + "9" * 13,
    "-",
)
WORDS = st.sampled_from(DATE_WORDS)


@inputs(200)
@given(
    st.text(max_size=30)
    | st.lists(WORDS, max_size=8).map(" ".join)
    | HEADER_VALUES.map(lambda raw: raw.decode("latin-1"))
)
@example("Mon, 01 Jan 99999999999 00:00:00 GMT")
def test_any_retry_after(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


async def no_wait(_seconds: float) -> None:
    """Let time pass at once."""


@inputs(60)
@given(st.lists(HEADER_VALUES, min_size=1, max_size=3))
@example([b"prod.csrftoken=\xff\xfe; Path=/"])
@example([b"a=\x01b; Path=/"])
def test_a_cookie_never_spoils_the_next_request(loop: Loop, values: list[bytes]) -> None:
    loop.server.answer = lambda _: Reply(headers=[(b"Set-Cookie", value) for value in values])

    async def twice() -> None:
        retrier = Retrier(RetryPolicy(attempts=1), emit=lambda _event: None, sleep=no_wait)
        http = HttpClient(retrier, allowed=AllowedHosts(origin=loop.server.url))
        try:
            with suppress(PicsyncError):
                await http.request(OPERATION, "GET", loop.server.url, httpx.Response.read)
            loop.server.answer = lambda _: Reply()
            await http.request(OPERATION, "GET", loop.server.url, httpx.Response.read)
        finally:
            await http.aclose()

    loop.run(twice)


OPERATION = Operation("Test", "ask")


@inputs(100)
@given(torn(CONFIG).flatmap(torn), torn(CREDENTIALS).flatmap(torn))
def test_files_torn_on_disk(tmp_path: Path, config: bytes, credentials: bytes) -> None:
    path, secret = tmp_path / "picsync.yaml", tmp_path / "credentials.yaml"
    path.write_bytes(config)
    secret.write_bytes(credentials)
    secret.chmod(0o600)
    with suppress(ConfigError):
        assert isinstance(load_config(path, environ={}, known=Known(KINDS), logins=logins()), Config)
    with suppress(ConfigError):
        assert isinstance(read_credentials({}, [secret]), Credentials)


def test_monstrous_files(tmp_path: Path) -> None:
    """Refused in bounded memory: aliases that multiply, nesting, one line of a megabyte, a file of zeros.

    Deeper nesting is refused too, after seconds: the YAML library's time grows with the square of the depth.
    """
    laughs = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 9)) for c in range(ord("b"), ord("k"))
    )
    for content in (
        laughs + b"albums: *j\n",
        b"albums: " + b"[" * 200,
        b"{" * 200 + b"}" * 200,
        b"albums: " + b"x" * 2**20,
        b"\0" * 2**20,
        b"albums: &a [*a]\n",
        b"albums: 0x" + b"f" * 5000,
        b"albums: " + b"9" * 5000,
    ):
        path = tmp_path / "picsync.yaml"
        path.write_bytes(content)
        bounded(lambda: _refused(path))  # noqa: B023 - run at once
    assert not tracemalloc.is_tracing()


def _refused(path: Path) -> None:
    with suppress(ConfigError):
        load_config(path, environ={}, known=Known(KINDS), logins=logins())
        raise AssertionError(f"taken: {path.read_bytes()[:40]!r}")
    with suppress(ConfigError):
        read_credentials({}, [path])
