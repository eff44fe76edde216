"""The other parsers of foreign data: the page of a shared album, JSON of Immich and the picker, EXIF."""

from __future__ import annotations

import io
import json
from contextlib import suppress

import httpx
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter

from picsync.core.errors import PicsyncError
from picsync.http.retry import Operation
from picsync.media.dimensions import _MAX_STEPS, _READERS, pixel_count
from picsync.media.exif import taken_at_s
from picsync.sources.google.links.markup import GUARD, NotUnderstood, call_result, data_blocks, decode
from picsync.sources.google.links.options import AlbumAddress
from picsync.sources.google.links.wire import album_data, album_page, require_empty
from picsync.sources.google.picked import api as picker
from picsync.sources.immich import wire as immich
from picsync.vendors.google.wire import parse as parse_google
from tests.fuzz.mutations import Json, inputs, mutated, text_of, torn
from tests.fuzz.wireserver import bounded

OPERATION = Operation("Test", "ask")
UUID = "0b2f1e0a-1111-2222-3333-444455556666"
KEY = "AF1QipAlbum"
ALBUM: Json = [
    None,
    [["AF1QipItem", ["https://lh3.googleusercontent.com/pw/x", 4, 3], 1_600_000_000_000, "dedup", 0, 1, {}]],
    "token",
    [KEY, "Trip", None, None, None, ["me"], *[None] * 13, "authkey", None, 1],
]
ASSET: Json = {
    "id": UUID,
    "type": "IMAGE",
    "checksum": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    "originalFileName": "a.jpg",
    "originalMimeType": "image/jpeg",
    "fileModifiedAt": "2024-01-02T03:04:05.000Z",
    "isTrashed": False,
}
IMMICH: dict[str, tuple[type, Json]] = {
    "search": (immich.SearchAnswer, {"assets": {"items": [ASSET], "count": 1, "nextPage": "2"}}),
    "album": (immich.AlbumWithAssets, {"id": UUID, "albumName": "T", "assetCount": 1, "assets": [ASSET]}),
    "people": (immich.PeoplePage, {"people": [{"id": UUID, "name": "A"}], "hasNextPage": False}),
    "version": (immich.Version, {"major": 2, "minor": 1, "patch": 0}),
    "link": (immich.SharedLinkWire, {"type": "ALBUM", "album": None}),
}
PICKER: dict[str, tuple[type, Json]] = {
    "session": (
        picker.SessionWire,
        {
            "id": "s",
            "pickerUri": "https://photos.google.com/picker/s",
            "pollingConfig": {"pollInterval": "5s", "timeoutIn": "1799.9s"},
            "expireTime": "2030-01-01T00:00:00Z",
        },
    ),
    "page": (
        picker.PickedPage,
        {
            "mediaItems": [
                {
                    "id": "p",
                    "createTime": "2024-01-01T00:00:00Z",
                    "type": "PHOTO",
                    "mediaFile": {
                        "baseUrl": "https://lh3.googleusercontent.com/x",
                        "mimeType": "image/jpeg",
                        "filename": "a.jpg",
                        "mediaFileMetadata": {"width": 4, "height": 3},
                    },
                }
            ],
            "nextPageToken": "t",
        },
    ),
}


def _page(data: str) -> str:
    return (
        f"<script>AF_initDataCallback({{key: 'ds:1', hash: '2', data:{data}, sideChannel: {{}}}});</script>"
    )


PAGES = mutated(ALBUM).map(lambda data: _page(data.decode(errors="replace"))) | (
    torn(_page(text_of(ALBUM)).encode()).map(lambda page: page.decode(errors="replace"))
)


@inputs(80)
@given(PAGES)
def test_a_shared_album_s_page(text: str) -> None:
    address = AlbumAddress(KEY, "authkey")
    with suppress(NotUnderstood):
        blocks = list(data_blocks(text))
        data = album_data(blocks, KEY)
        page = album_page(data, address, lambda url: url.startswith("https://lh3.googleusercontent.com/"))
        assert all(item.url.startswith("https://lh3.") for item in page.items)
        if not (page.items or page.problem):
            require_empty(data, address, blocks)


@inputs(60)
@given(mutated([["wrb.fr", "snAcKc", json.dumps(ALBUM), None, None, None, "generic"]]), st.booleans())
def test_a_shared_album_s_further_page(chunk: bytes, counted: bool) -> None:
    body = chunk.decode(errors="replace")
    text = f"{GUARD}\n\n{len(body)}\n{body}\n" if counted else f"{GUARD}{body}"
    with suppress(NotUnderstood):
        result = call_result(text, "snAcKc")
        with suppress(TypeError):
            decode(*result[2:3])


@inputs(100)
@given(
    st.sampled_from(sorted(IMMICH)).flatmap(lambda name: st.tuples(st.just(name), mutated(IMMICH[name][1])))
)
def test_immich_s_answers(answer: tuple[str, bytes]) -> None:
    name, content = answer
    with suppress(PicsyncError):
        immich.parse(OPERATION, TypeAdapter(IMMICH[name][0]), httpx.Response(200, content=content))


@inputs(60)
@given(
    st.sampled_from(sorted(PICKER)).flatmap(lambda name: st.tuples(st.just(name), mutated(PICKER[name][1])))
)
def test_the_picker_s_answers(answer: tuple[str, bytes]) -> None:
    name, content = answer
    with suppress(ValueError, RecursionError, PicsyncError):
        parse_google(OPERATION, PICKER[name][0], json.loads(content))


def _camera_s() -> bytes:
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2024:01:02 03:04:05", 0x9011: "+02:00"}
    exif[0x010F] = "Maker"
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


CAMERA_S = _camera_s()


def test_the_picture_says_when_it_was_taken() -> None:
    assert taken_at_s(CAMERA_S) == 1704157445.0


@st.composite
def bent(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw some bytes of a file's beginning replaced, where its structure is."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), 200) - 1))
        new = draw(st.binary(min_size=1, max_size=4) | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff"]))
        changed[at : at + len(new)] = new
    return bytes(changed)


@inputs(100)
@given(bent(CAMERA_S) | torn(CAMERA_S))
def test_exif(head: bytes) -> None:
    assert isinstance(taken_at_s(head), float | None)


def test_exif_takes_bounded_memory() -> None:
    for at in range(20, 120):
        head = CAMERA_S[:at] + b"\xff\xff\xff\xff" + CAMERA_S[at + 4 :]
        bounded(lambda: taken_at_s(head))  # noqa: B023 - run at once


def _pictures() -> list[tuple[str, bytes]]:
    made = []
    for kind, mime_type in (("PNG", "image/png"), ("WEBP", "image/webp"), ("TIFF", "image/tiff")):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, kind)
        made.append((mime_type, file.getvalue()))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "AVIF")
    return [*made, ("image/avif", file.getvalue()), ("image/jpeg", CAMERA_S)]


PICTURES = _pictures()


class Counted(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@inputs(150)
@given(
    st.sampled_from(PICTURES).flatmap(lambda made: st.tuples(st.just(made[0]), bent(made[1]) | torn(made[1])))
    | st.tuples(st.sampled_from(sorted(_READERS)), st.binary(max_size=100))
)
def test_a_picture_s_header(picture: tuple[str, bytes]) -> None:
    mime_type, data = picture
    file = Counted(data)
    pixels = pixel_count(file, mime_type)
    assert pixels is None or pixels >= 0
    assert file.reads <= 3 * _MAX_STEPS + 10
