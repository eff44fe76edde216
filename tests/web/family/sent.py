"""What people send, and a client that sends it by tus 1.0.0, as the protocol is written down."""

from __future__ import annotations

import base64
import io
import zlib
from datetime import datetime

import httpx
from PIL import Image

from picsync.web.family.guards import FORM_TOKEN_HEADER
from tests.web.family.served import Browser

TYPE = "application/offset+octet-stream"
MOVIE = (
    b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
    + (16).to_bytes(4)
    + b"moov"
    + bytes(8)
    + (24).to_bytes(4)
    + b"mdat"
    + bytes(16)
)


def photo(seed: int = 1, *, size: tuple[int, int] = (64, 48), taken: datetime | None = None) -> bytes:
    """Return a JPEG with its own content."""
    image = Image.new("RGB", size, (seed % 256, seed // 256 % 256, 90))
    exif = Image.Exif()
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def bomb() -> bytes:
    """Return a PNG of 900 million pixels, all of them there, in about 110 kB."""
    side = 30_000
    packer = zlib.compressobj(1)
    rows = (
        b"".join(packer.compress(bytes(100 * (1 + side // 8))) for _ in range(side // 100)) + packer.flush()
    )

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    header = side.to_bytes(4) * 2 + bytes((1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def movie(seed: int = 1) -> bytes:
    """Return a QuickTime file without pictures."""
    return MOVIE[:-1] + bytes([seed])


class Tus:
    """A tus client of a browser that is signed in."""

    def __init__(self, browser: Browser, form_token: str) -> None:
        self.client = browser.client
        self.own = {"Tus-Resumable": "1.0.0", "Origin": browser.origin, FORM_TOKEN_HEADER: form_token}

    @classmethod
    async def of(cls, browser: Browser) -> Tus:
        return cls(browser, await browser.form_token())

    async def create(self, name: str, size: int, **told: str) -> httpx.Response:
        pairs = {"filename": name, **told}
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
        )
        headers = {**self.own, "Upload-Length": str(size), "Upload-Metadata": metadata}
        return await self.client.post("/api/uploads/tus", headers=headers)

    async def offset(self, location: str) -> httpx.Response:
        return await self.client.head(location, headers=self.own)

    async def append(self, location: str, offset: int, block: bytes, **more: str) -> httpx.Response:
        headers = {**self.own, "Upload-Offset": str(offset), "Content-Type": TYPE, **more}
        return await self.client.patch(location, headers=headers, content=block)

    async def send(self, name: str, content: bytes, **told: str) -> str:
        """Send a file, and return its ID."""
        created = await self.create(name, len(content), **told)
        assert created.status_code == 201, created.text
        location = created.headers["Location"]
        done = await self.append(location, 0, content)
        assert done.status_code == 204, done.text
        return str(location.rpartition("/")[2])
