"""Log of the emulator's requests and responses, which tests can read and wait for."""

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
    """One request to a service; the last fields are set when it has ended."""

    index: int
    """Sequence number, from 0 since the start or the last `clear`."""
    at: float
    """Time of arrival, in seconds since the epoch."""
    method: str
    host: str
    """The service's host name, even if the client used a path prefix."""
    path: str
    """Decoded, without the prefix."""
    query: str
    """As sent, percent-encoded."""
    headers: Mapping[str, str]
    """As sent; look-ups ignore case."""
    body: bytes = b""
    """The request's body if it is JSON or a form of at most 64 KiB, otherwise empty."""
    status: int | None = None
    """None until there is a response; stays None if the connection was reset."""
    fault: str = ""
    """The kind of the fault that was applied."""
    bytes_in: int = 0
    """Received bytes of the request's body."""
    bytes_out: int = 0
    """Sent bytes of the response's body, including chunk framing."""
    done: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it without headers and body, which may contain secrets."""
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
    """All requests in order of arrival, and their highest concurrency."""

    def __init__(self, limit: int | None = None) -> None:
        self.records: list[Record] = []
        """Keeps the last `limit` requests, or all; long-running servers need a limit."""
        self.max_in_flight: Counter[str] = Counter()
        """Highest number of concurrent requests per host."""
        self._limit = limit
        self._next = 0
        self._in_flight: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def begin(self, method: str, host: str, path: str, query: str, headers: Mapping[str, str]) -> Record:
        """Record the arrival of a request."""
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
        """Record the end of a request."""
        record.done = True
        self._in_flight[record.host] -= 1
        self._wake()

    def clear(self) -> None:
        """Clear the log; requests in progress still count as such."""
        self.records.clear()
        self._next = 0
        self.max_in_flight = +self._in_flight

    def matching(
        self, *, method: str = "", host: str = "", path: str = "", status: int | None = None
    ) -> list[Record]:
        """Return the requests with this method, host and status whose path matches the regular expression."""
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
        """Return the size of all response bodies, e.g. of the media from a host."""
        return sum(record.bytes_out for record in self.matching(host=host, path=path))

    def bytes_in(self, *, host: str = "", path: str = "") -> int:
        """Return the size of all request bodies, e.g. of the uploads to a host."""
        return sum(record.bytes_in for record in self.matching(host=host, path=path))

    async def wait_for(self, predicate: Callable[[RequestLog], bool]) -> None:
        """Return when the predicate holds; it is evaluated whenever a request begins or ends."""
        while not predicate(self):
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
