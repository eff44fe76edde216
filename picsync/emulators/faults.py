"""Faults scripted at the wire: which requests go wrong, how, and how often.

Faults are looked at in the order in which they were added; the first that is due for a request is
applied, whatever service the request is for. Those that act *after* let the request take its effect.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """How a request goes wrong."""

    STATUS = "status"
    """Answered with `status`, `headers` and `body`."""
    RESET_BEFORE = "reset_before"
    """The connection is reset (TCP RST) before the request is handled."""
    RESET_AFTER = "reset_after"
    """The request takes effect, then the connection is reset without an answer."""
    LATE = "late"
    """The connection is reset, and the request takes effect after so many others (`requests`)."""
    HANG = "hang"
    """No answer, until the client goes away or the server closes."""
    TRICKLE = "trickle"
    """The right answer, `chunk_bytes` at a time with `delay_s` between."""
    DRIP = "drip"
    """The head of a 200, then a space now and then, without end."""
    DRIP_HEAD = "drip_head"
    """As DRIP, but not even the head ends."""
    TRUNCATE = "truncate"
    """The full Content-Length is announced, half of the body is sent, then the connection is closed."""
    BODY = "body"
    """Like `status`, with 200 as the default: a wrong body with a right status."""
    REDIRECT = "redirect"
    """A 302 to `location`."""


_MAY_BE_AFTER = (FaultKind.STATUS, FaultKind.BODY, FaultKind.REDIRECT, FaultKind.HANG, FaultKind.DRIP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One scripted fault; an empty `method`, `host` or `path` matches any."""

    kind: FaultKind
    method: str = ""
    host: str = ""
    """The service's host name, also where the client came through a prefix."""
    path: str = ""
    """Regular expression that is found in the decoded path, prefix removed, no query."""
    count: int | None = 1
    """How many requests it hits; None for all."""
    skip: int = 0
    """How many matching requests pass before the first is hit."""
    probability: float = 1.0
    """Chance for each further matching request to be hit."""
    after: bool = False
    """For `status`, `body`, `redirect`, `hang` and `drip`: whether the request takes its effect first."""
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = ""
    content_type: str = "text/html; charset=utf-8"
    location: str = ""
    chunk_bytes: int = 1
    delay_s: float = 0.01
    requests: int = 0
    """For `late`: how many further requests, to whatever service, are answered before it takes effect."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        if self.kind is FaultKind.RESET_AFTER:
            object.__setattr__(self, "after", True)
        elif self.after and self.kind not in _MAY_BE_AFTER:
            raise ValueError(f"a fault of kind {self.kind} cannot come after the effect")

    def matches(self, method: str, host: str, path: str) -> bool:
        """Return whether a request is one of those that this fault is about."""
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
            raise ValueError(f"a fault has a kind and no {', '.join(sorted(unknown)) or 'unknown fields'}")
        try:
            re.compile(str(value.get("path", "")))
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from None
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
    """The script: faults in order, with how often each has struck."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random(0)  # noqa: S311 - repeatable on purpose
        self._armed: list[_Armed] = []

    def add(self, *faults: Fault) -> None:
        """Arm further faults, behind those already there."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit."""
        return sum(armed.hits for armed in self._armed if armed.fault is fault)

    @property
    def spent(self) -> bool:
        """Whether every fault with a count has struck that often."""
        return all(armed.hits == armed.fault.count for armed in self._armed if armed.fault.count is not None)

    def draw(self, method: str, host: str, path: str) -> Fault | None:
        """Return the fault that hits this request, counting it, or None."""
        for armed in self._armed:
            if armed.fault.matches(method, host, path) and armed.due(self._rng):
                return armed.fault
        return None
