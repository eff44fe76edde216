"""Copies the body of an HTTP response into a sink; used by every source that speaks HTTP."""

from __future__ import annotations

import re

import httpx

from picsync.core.errors import ProtocolError
from picsync.http.retry import NoAnswer, Operation, WireError
from picsync.sources.base import Sink

_LENGTH = re.compile(r"[0-9]{1,18}")


async def receive(operation: Operation, sink: Sink, response: httpx.Response) -> None:
    """Copy the body of a streamed response into `sink`, from its beginning.

    Raises ProtocolError if it is text, such as an error page, and WireError if it is shorter than announced.
    """
    mime_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if mime_type.startswith("text/") or mime_type in ("application/json", "application/xhtml+xml"):
        raise ProtocolError(f"{operation}: expected a photo or video, but got {mime_type}.")
    announced = response.headers.get("content-length", "")
    size_bytes = int(announced) if _LENGTH.fullmatch(announced) else None
    await sink.begin(size_bytes, mime_type)
    async for chunk in response.aiter_raw():
        await sink.write(chunk)
    if size_bytes not in (None, response.num_bytes_downloaded):
        raise WireError(NoAnswer("the response ended before its announced length", sent=True))
