"""Parses a multipart form like S3: field by field in order of arrival, with a streamed file."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from picsync.emulators.wireprofile import ByteStream

MAX_FIELD_BYTES = 20_000
"""S3's limit for all fields before the file."""
_END = b"--"
"""Follows the last delimiter."""
_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'^content-disposition:[^\r\n]*?[;\s]name="?([^";\r\n]*)', re.IGNORECASE | re.MULTILINE)


class MalformedForm(Exception):  # noqa: N818 - S3's own name for it
    """The body is not a well-formed multipart form."""


class FormReader:
    """Reads a request's body part by part; each part must be read to its end before the next."""

    def __init__(self, content: ByteStream, content_type: str) -> None:
        boundary = _BOUNDARY.search(content_type)
        if boundary is None:
            raise MalformedForm("no boundary in the content type")
        self._content = content
        self._delimiter = b"\r\n--" + boundary[1].encode()
        # The first delimiter is not preceded by a line break.
        self._buffer = bytearray(b"\r\n")
        self._started = False

    async def next_name(self) -> str | None:
        """Return the next part's field name in lower case; None after the last part."""
        if not self._started:
            self._started = True
            await self.value()
        while len(self._buffer) < len(_END):
            await self._read_on()
        if self._buffer.startswith(_END):
            return None
        name = _NAME.search(await self._collect(b"\r\n\r\n"))
        if name is None:
            raise MalformedForm("a part without a name")
        return name[1].decode(errors="replace").lower()

    async def value(self) -> bytes:
        """Return the current part as a whole; it must be small."""
        return await self._collect(self._delimiter)

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the current part piece by piece."""
        return self._until(self._delimiter)

    async def _collect(self, mark: bytes) -> bytes:
        whole = bytearray()
        async for chunk in self._until(mark):
            whole += chunk
            if len(whole) > MAX_FIELD_BYTES:
                raise MalformedForm("a field is too long")
        return bytes(whole)

    async def _until(self, mark: bytes) -> AsyncIterator[bytes]:
        while (at := self._buffer.find(mark)) < 0:
            # The buffer keeps a possible beginning of the mark.
            if chunk := self._take(len(self._buffer) - len(mark) + 1):
                yield chunk
            await self._read_on()
        chunk = self._take(at)
        del self._buffer[: len(mark)]
        yield chunk

    def _take(self, size: int) -> bytes:
        chunk = bytes(self._buffer[: max(0, size)])
        del self._buffer[: len(chunk)]
        return chunk

    async def _read_on(self) -> None:
        more = await self._content.readany()
        if not more:
            raise MalformedForm("the body ends within a part")
        self._buffer += more
