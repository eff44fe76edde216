"""Scripted faults: which requests fail, how, and how often.

Faults are checked in the order in which they were added; the first one that applies to a request is used, for
any service. Faults of kind *after* first let the request take effect.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """How a request fails."""

    STATUS = "status"
    """Responds with `status`, `headers` and `body`."""
    RESET_BEFORE = "reset_before"
    """The connection is reset (TCP RST) before the request is handled."""
    RESET_AFTER = "reset_after"
    """The request takes effect, then the connection is reset without a response."""
    LATE = "late"
    """The connection is reset, and the request takes effect after a number of other requests (`requests`)."""
    HANG = "hang"
    """No response until the client disconnects or the server closes."""
    TRICKLE = "trickle"
    """The correct response, sent `chunk_bytes` at a time with `delay_s` in between."""
    DRIP = "drip"
    """The head of a 200 response, then a space now and then, endlessly."""
    DRIP_HEAD = "drip_head"
    """Like DRIP, but not even the head is completed."""
    TRUNCATE = "truncate"
    """Announces the full Content-Length, sends half of the body, then closes the connection."""
    BODY = "body"
    """Like `status`, with 200 as the default: a wrong body with a correct status."""
    REDIRECT = "redirect"
    """A 302 to `location`."""


_MAY_BE_AFTER = (FaultKind.STATUS, FaultKind.BODY, FaultKind.REDIRECT, FaultKind.HANG, FaultKind.DRIP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One scripted fault; an empty `method`, `host` or `path` matches any."""

    kind: FaultKind
    method: str = ""
    host: str = ""
    """The service's host name, even if the client used a path prefix."""
    path: str = ""
    """Regular expression that is searched for in the decoded path, without prefix and query."""
    count: int | None = 1
    """How many requests it affects; None for all."""
    skip: int = 0
    """How many matching requests pass before the first one is affected."""
    probability: float = 1.0
    """Probability that each further matching request is affected."""
    after: bool = False
    """For `status`, `body`, `redirect`, `hang` and `drip`: whether the request takes effect first."""
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = ""
    content_type: str = "text/html; charset=utf-8"
    location: str = ""
    chunk_bytes: int = 1
    delay_s: float = 0.01
    requests: int = 0
    """For `late`: after how many further requests, to any service, it takes effect."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        if self.kind is FaultKind.RESET_AFTER:
            object.__setattr__(self, "after", True)
        elif self.after and self.kind not in _MAY_BE_AFTER:
            raise ValueError(f"a fault of kind {self.kind} cannot act after the effect")

    def matches(self, method: str, host: str, path: str) -> bool:
        """Return whether this fault applies to a request."""
        return (
            self.method.upper() in ("", method)
            and self.host in ("", host)
            and re.search(self.path, path) is not None
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """Build a fault from its fields by name; raises ValueError for a wrong name, kind or pattern."""
        unknown = value.keys() - {each.name for each in fields(cls)}
        if unknown or "kind" not in value:
            raise ValueError(
                f"a fault needs a kind and must not have {', '.join(sorted(unknown)) or 'unknown fields'}"
            )
        try:
            re.compile(str(value.get("path", "")))
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from None
        return cls(**{**value, "kind": FaultKind(value["kind"])})


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    hits: int = 0

    def due(self, rng: random.Random) -> bool:
        self.seen += 1
        if self.seen <= self.fault.skip or self.hits == self.fault.count:
            return False
        if self.fault.probability < 1 and rng.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The script: faults in order, and how often each was applied."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random(0)  # noqa: S311 - deliberately repeatable
        self._armed: list[_Armed] = []

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has affected."""
        return sum(armed.hits for armed in self._armed if armed.fault is fault)

    @property
    def spent(self) -> bool:
        """Whether every fault with a count was applied that often."""
        return all(armed.hits == armed.fault.count for armed in self._armed if armed.fault.count is not None)

    def draw(self, method: str, host: str, path: str) -> Fault | None:
        """Return the fault for this request, counting it, or None."""
        for armed in self._armed:
            if armed.fault.matches(method, host, path) and armed.due(self._rng):
                return armed.fault
        return None
