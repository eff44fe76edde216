"""What the emulator was asked and what it answered, for tests to read and to wait for."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Record:
    """One request to a service; the last fields are filled in when it is over."""

    index: int
    """Counts from 0 since the start or the last `clear`."""
    at: float
    """Seconds since the epoch at its arrival."""
    method: str
    host: str
    """The service's host name, also where the client came through a prefix."""
    path: str
    """Decoded, without the prefix."""
    query: str
    """As sent, percent-encoded."""
    headers: Mapping[str, str]
    """As sent; look-ups ignore case."""
    body: bytes = b""
    """The request's body if it is JSON or a form of at most 64 KiB, else empty."""
    status: int | None = None
    """None until answered, and for ever if the connection was reset instead."""
    fault: str = ""
    """The kind of the fault that hit it."""
    bytes_in: int = 0
    """Bytes of the request's body that arrived."""
    bytes_out: int = 0
    """Bytes of the answer's body that were sent, as framed."""
    done: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it without headers and body, which may hold secrets."""
        return {
            "index": self.index,
            "time": self.at,
            "method": self.method,
            "host": self.host,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "fault": self.fault,
            "bytesIn": self.bytes_in,
            "bytesOut": self.bytes_out,
            "done": self.done,
        }


class RequestLog:
    """All requests in order of arrival, and how many were under way at once."""

    def __init__(self, limit: int | None = None) -> None:
        self.records: list[Record] = []
        """The last `limit` requests, or all; a long-running server wants a limit."""
        self.max_in_flight: Counter[str] = Counter()
        """Per host: the most requests that were under way at the same time."""
        self._limit = limit
        self._next = 0
        self._in_flight: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def begin(self, method: str, host: str, path: str, query: str, headers: Mapping[str, str]) -> Record:
        """Note a request's arrival."""
        record = Record(self._next, time.time(), method, host, path, query, headers)
        self._next += 1
        self.records.append(record)
        if self._limit is not None:
            del self.records[: -self._limit]
        self._in_flight[host] += 1
        self.max_in_flight[host] = max(self.max_in_flight[host], self._in_flight[host])
        self._wake()
        return record

    def end(self, record: Record) -> None:
        """Note that a request is over."""
        record.done = True
        self._in_flight[record.host] -= 1
        self._wake()

    def clear(self) -> None:
        """Forget what was; requests under way still count as such."""
        self.records.clear()
        self._next = 0
        self.max_in_flight = +self._in_flight

    def matching(
        self, *, method: str = "", host: str = "", path: str = "", status: int | None = None
    ) -> list[Record]:
        """Return the requests with this method, host and status whose path has the regular expression."""
        return [
            record
            for record in self.records
            if method.upper() in ("", record.method)
            and host in ("", record.host)
            and status in (None, record.status)
            and re.search(path, record.path)
        ]

    def count(self, *, method: str = "", host: str = "", path: str = "", status: int | None = None) -> int:
        """Return the number of `matching` requests."""
        return len(self.matching(method=method, host=host, path=path, status=status))

    def bytes_out(self, *, host: str = "", path: str = "") -> int:
        """Return the bytes of all answers' bodies, e.g. of the media from a host."""
        return sum(record.bytes_out for record in self.matching(host=host, path=path))

    def bytes_in(self, *, host: str = "", path: str = "") -> int:
        """Return the bytes of all requests' bodies, e.g. of the uploads to a host."""
        return sum(record.bytes_in for record in self.matching(host=host, path=path))

    async def wait_for(self, predicate: Callable[[RequestLog], bool]) -> None:
        """Return once the predicate holds; it is asked again whenever a request begins or ends."""
        while not predicate(self):
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
