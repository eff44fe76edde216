"""A multipart form whose file is read from disk while it is sent: in threads, a block at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import BinaryIO

import httpx

from picsync.aio.tasks import progressed

BLOCK_BYTES = 512 * 1024
"""Bytes that a thread reads at a time; most photos are one of these blocks."""


class FileForm:
    """The body of a request, from the file's start each time that it is sent; the file is its last field."""

    def __init__(
        self, fields: Mapping[str, str], file: BinaryIO, size_bytes: int, *, filename: str, mime_type: str
    ) -> None:
        """Send the fields in order, then `size_bytes` of `file` as the field `file`."""
        empty = httpx.Request("POST", "http://form", data=fields, files={"file": (filename, b"", mime_type)})
        content_type = empty.headers["content-type"]
        boundary = content_type.partition("boundary=")[2]
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._head = empty.read().removesuffix(self._tail)
        self._file = file
        self._size_bytes = size_bytes
        length = len(self._head) + size_bytes + len(self._tail)
        self.headers = {"content-type": content_type, "content-length": str(length)}
        """What the request has to say of its body."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._head
        left_bytes = self._size_bytes
        while left_bytes > 0:
            block = await _in_thread(partial(self._read, self._size_bytes - left_bytes, left_bytes))
            if not block:
                break  # The connection reports a body that is too short.
            left_bytes -= len(block)
            yield block
            del block  # Not kept while the next one is read.
            progressed()
        yield self._tail

    def _read(self, at: int, left_bytes: int) -> bytes:
        self._file.seek(at)
        return self._file.read(min(left_bytes, BLOCK_BYTES))


async def _in_thread(read: Callable[[], bytes]) -> bytes:
    """Return what `read` returns; if cancelled, only once the thread has left the file to its owner."""
    reading = asyncio.get_running_loop().run_in_executor(None, read)
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await asyncio.wait([reading])
        raise
