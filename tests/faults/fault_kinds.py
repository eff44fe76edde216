"""The faults of a request, each once or throughout the cycle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay.client import STORE_BYTES
from picsync.http.retry import Operation
from tests.faults.harness import Harness
from tests.faults.interception import Rewrite
from tests.faults.operations import PLACES, SWAPS, UNREAD, WRITES

PAGE = "<!DOCTYPE html><html><head><title>Sorry</title></head><body>Something went wrong</body></html>"

SLOW = frozenset({FaultKind.HANG, FaultKind.DRIP, FaultKind.DRIP_HEAD})
"""Faults that only a timeout ends."""

LARGER_FAMILIES: Mapping[str, str] = {
    "reset before": "broken off",
    "truncated": "broken off",
    "outage": "broken off",
    "killed": "broken off",
    "hang before": "slow",
    "trickle": "slow",
    "drip": "slow",
    "429": "refused",
    "4xx": "refused",
    "page": "swap",
    "JSON": "swap",
}


@dataclass(frozen=True)
class FaultType:
    """A fault; `place` arms it for one kind of request."""

    name: str
    fault: Mapping[str, Any] | None = None
    """Fields of `Fault`; None for a rewritten response."""
    family: str = ""
    """The short run plays one of the faults of a family, since they are alike."""
    of: Operation | None = None
    """The request whose response is sent instead."""
    kills: bool = False
    """Whether the process also ends at that moment."""
    outage: bool = False
    """Whether the service stops listening at that moment."""

    @property
    def slow(self) -> bool:
        """Whether only a timeout ends it."""
        return self.fault is not None and self.fault["kind"] in SLOW

    def concerns(self, operation: Operation) -> bool:
        """Whether it applies to this kind of request."""
        kind = None if self.fault is None else self.fault["kind"]
        if kind is FaultKind.LATE:
            # A body that is streamed to its handler cannot be kept for later.
            return operation in WRITES and operation is not STORE_BYTES
        if self.fault is not None and (self.fault.get("after") or kind is FaultKind.RESET_AFTER):
            return operation in WRITES
        if self.of is not None:
            return self.of in SWAPS.get(operation, ())
        if self.name == "numbers as text":
            return operation not in UNREAD
        return True

    def place(self, harness: Harness, operation: Operation, *, lasting: bool) -> Fault | Rewrite:
        """Arm it for one kind of request."""
        count = None if lasting else 1
        if self.fault is None and self.of is None:
            rewrite = Rewrite(operation, _as_text, count)
            harness.wire.rewrites.append(rewrite)
            return rewrite
        if self.outage:
            outage = Fault(kind=FaultKind.RESET_BEFORE, count=None)
            harness.log.observers.append(_Outage(harness, operation, outage))
            return outage
        where = PLACES[operation]
        place: dict[str, Any] = {
            "method": where.method,
            "host": where.host,
            "path": f"^{where.path}$",
            "count": count,
        }
        fault = Fault(**self._fault(harness, operation), **place)
        harness.server.faults.add(fault)
        return fault

    def _fault(self, harness: Harness, operation: Operation) -> Mapping[str, Any]:
        if self.of is not None:
            body = harness.elsewhere[self.of]
            return {**_json_fault(body), "after": operation in WRITES}
        fault = self.fault or {}
        location = f"{harness.server.url}/app.nixplay.com/login"
        return {**fault, "location": location} if fault["kind"] is FaultKind.REDIRECT else fault


class _Outage:
    """Stops the service at the first request of a kind."""

    def __init__(self, harness: Harness, operation: Operation, outage: Fault) -> None:
        self._harness = harness
        self._operation = operation
        self._outage = outage
        self._begun = False

    def __call__(self, operation: Operation) -> None:
        if operation == self._operation and not self._begun:
            self._begun = True
            self._harness.server.faults.add(self._outage)
            self._harness.refuse()


def _as_text(body: bytes) -> bytes:
    return json.dumps(_stringly(json.loads(body))).encode()


def _json_fault(body: bytes) -> dict[str, Any]:
    return {"kind": FaultKind.BODY, "body": body, "content_type": "application/json"}


def _stringly(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() | float():
            return str(value)
        case list():
            return [_stringly(each) for each in value]
        case dict():
            return {name: _stringly(each) for name, each in value.items()}
        case _:
            return value


def _status(status: int, *, after: bool = False, retry_after: str = "") -> FaultType:
    name = f"{status}{' after' if after else ''}{' with a time' if retry_after else ''}"
    headers = {"Retry-After": retry_after} if retry_after else {}
    fault = {"kind": FaultKind.STATUS, "status": status, "after": after, "headers": headers, "body": PAGE}
    family = "garbled" if after else "429" if status == 429 else f"{status // 100}xx"
    return FaultType(name, fault, family)


def _json(body: str) -> FaultType:
    return FaultType(f"JSON {body}", _json_fault(body.encode()), "JSON")


FAULT_TYPES: tuple[FaultType, ...] = (
    FaultType("reset before", {"kind": FaultKind.RESET_BEFORE}),
    FaultType("reset after", {"kind": FaultKind.RESET_AFTER}, "lost"),
    FaultType("late", {"kind": FaultKind.LATE, "requests": 1_000}),
    FaultType("soon", {"kind": FaultKind.LATE, "requests": 2}),
    FaultType("hang before", {"kind": FaultKind.HANG}),
    FaultType("hang after", {"kind": FaultKind.HANG, "after": True}, "hang after"),
    FaultType("killed before", {"kind": FaultKind.HANG}, "killed", kills=True),
    FaultType("killed after", {"kind": FaultKind.HANG, "after": True}, "killed after", kills=True),
    FaultType("outage", {"kind": FaultKind.RESET_BEFORE}, outage=True),
    FaultType("drip", {"kind": FaultKind.DRIP}, "drip"),
    FaultType("drip after", {"kind": FaultKind.DRIP, "after": True}, "drip after"),
    FaultType("drip in the head", {"kind": FaultKind.DRIP_HEAD}, "drip"),
    FaultType("trickle", {"kind": FaultKind.TRICKLE, "chunk_bytes": 64}),
    FaultType("truncated", {"kind": FaultKind.TRUNCATE}),
    *(_status(status) for status in (400, 401, 403, 404, 409, 429, 500, 502, 503)),
    *(_status(status, retry_after="7") for status in (429, 503)),
    *(_status(status, after=True) for status in (500, 502, 503)),
    FaultType("HTML", {"kind": FaultKind.BODY, "body": PAGE}, "page"),
    FaultType("HTML after", {"kind": FaultKind.BODY, "body": PAGE, "after": True}, "garbled"),
    FaultType("login page", {"kind": FaultKind.REDIRECT}, "page"),
    FaultType("login page after", {"kind": FaultKind.REDIRECT, "after": True}, "garbled"),
    *(_json(body) for body in ("{}", "[]", "null", "7", '"ok"')),
    FaultType("numbers as text", family="swap"),
    *(
        FaultType(f"the answer to {other.name}", family="swap", of=other)
        for other in sorted({each for found in SWAPS.values() for each in found}, key=lambda each: each.name)
    ),
)
