"""The ways in which a request goes wrong, each once or for as long as the cycle lasts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay import client as nixplay
from picsync.frames.nixplay.session import LOGIN, PROBE
from picsync.http.retry import Operation
from picsync.sources.googlephotos import api as google
from picsync.sources.googlephotos.source import DOWNLOAD
from picsync.sources.googlephotos.tokens import REFRESH_TOKEN
from tests.faults.operations import PLACES, WRITES
from tests.faults.stage import Stage
from tests.faults.wire import Rewrite

PAGE = "<!DOCTYPE html><html><head><title>Sorry</title></head><body>Something went wrong</body></html>"

SWAPS: Mapping[Operation, tuple[Operation, ...]] = {
    LOGIN: (nixplay.LIST_WEB_ALBUMS,),
    nixplay.LIST_WEB_ALBUMS: (nixplay.LIST_PLAYLISTS, nixplay.LIST_EMAIL_ALBUMS, nixplay.LIST_PHOTOS),
    nixplay.LIST_EMAIL_ALBUMS: (nixplay.LIST_PLAYLISTS,),
    nixplay.CREATE_ALBUM: (nixplay.CREATE_PLAYLIST, nixplay.LIST_WEB_ALBUMS),
    nixplay.LIST_PHOTOS: (nixplay.LIST_SLIDES, nixplay.LIST_WEB_ALBUMS),
    nixplay.OPEN_RECEIVER: (nixplay.PERMIT_UPLOAD,),
    nixplay.PERMIT_UPLOAD: (nixplay.OPEN_RECEIVER,),
    nixplay.LIST_PLAYLISTS: (nixplay.LIST_WEB_ALBUMS, nixplay.LIST_SLIDES),
    nixplay.LIST_SLIDES: (nixplay.LIST_PHOTOS, nixplay.LIST_PLAYLISTS),
    nixplay.CREATE_PLAYLIST: (nixplay.CREATE_ALBUM,),
    REFRESH_TOKEN: (LOGIN,),
    google.LOOK_AT_ALBUM: (google.LIST_MEDIA_ITEMS, REFRESH_TOKEN),
    google.LIST_MEDIA_ITEMS: (google.LOOK_AT_ALBUM,),
    google.RENEW_URLS: (google.LIST_MEDIA_ITEMS,),
    DOWNLOAD: (google.LIST_MEDIA_ITEMS,),
}
"""Answers to other requests that may come by mistake, of those whose answer is read."""

NO_JSON = frozenset(
    {
        PROBE,
        nixplay.DELETE_ALBUM,
        nixplay.DELETE_PHOTO,
        nixplay.STORE_BYTES,
        nixplay.AWAIT_PROCESSING,
        nixplay.DELETE_PLAYLIST,
        nixplay.ADD_ITEMS,
        nixplay.REMOVE_ITEM,
    }
)
"""Whose answer says nothing but its status."""


_LIES_ABOUT_THE_SESSION = ("401", "403", "HTML", "login page")
"""The probe follows a doubtful answer; if it lies too, a creation is repeated."""


@dataclass(frozen=True)
class Trouble:
    """A way to go wrong; of one kind of request it makes a fault."""

    name: str
    fault: Mapping[str, Any] | None = None
    """Of `Fault`; None for a rewritten answer."""
    family: str = ""
    """Of the troubles that are much alike one stands for all in the short run."""
    of: Operation | None = None
    """The request whose answer comes instead."""

    def concerns(self, operation: Operation) -> bool:
        """Whether it can happen to this kind, and means something there."""
        if operation is PROBE and self.name in _LIES_ABOUT_THE_SESSION:
            return False
        if self.fault is not None and (
            self.fault.get("after") or self.fault["kind"] is FaultKind.RESET_AFTER
        ):
            return operation in WRITES
        if self.of is not None:
            return self.of in SWAPS.get(operation, ())
        if self.name == "numbers as text":
            return operation not in NO_JSON and operation is not DOWNLOAD
        return True

    def place(self, stage: Stage, operation: Operation, *, lasting: bool) -> Fault | Rewrite:
        """Arm it for one kind of request."""
        count = None if lasting else 1
        if self.fault is None and self.of is None:
            rewrite = Rewrite(operation, _as_text, count)
            stage.wire.rewrites.append(rewrite)
            return rewrite
        where = PLACES[operation]
        place: dict[str, Any] = {
            "method": where.method,
            "host": where.host,
            "path": f"^{where.path}$",
            "count": count,
        }
        fault = Fault(**self._fault(stage, operation), **place)
        stage.server.faults.add(fault)
        return fault

    def _fault(self, stage: Stage, operation: Operation) -> Mapping[str, Any]:
        if self.of is not None:
            body = stage.elsewhere[self.of]
            return {**_json_fault(body), "after": operation in WRITES}
        fault = self.fault or {}
        location = f"{stage.server.url}/app.nixplay.com/login"
        return {**fault, "location": location} if fault["kind"] is FaultKind.REDIRECT else fault


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


def _status(status: int, *, after: bool = False, retry_after: str = "") -> Trouble:
    name = f"{status}{' after' if after else ''}{' with a time' if retry_after else ''}"
    headers = {"Retry-After": retry_after} if retry_after else {}
    fault = {"kind": FaultKind.STATUS, "status": status, "after": after, "headers": headers, "body": PAGE}
    family = "garbled" if after else "429" if status == 429 else f"{status // 100}xx"
    return Trouble(name, fault, family)


def _json(body: str) -> Trouble:
    return Trouble(f"JSON {body}", _json_fault(body.encode()), "JSON")


TROUBLES: tuple[Trouble, ...] = (
    Trouble("reset before", {"kind": FaultKind.RESET_BEFORE}),
    Trouble("reset after", {"kind": FaultKind.RESET_AFTER}, "lost"),
    Trouble("hang before", {"kind": FaultKind.HANG}),
    Trouble("hang after", {"kind": FaultKind.HANG, "after": True}, "lost"),
    Trouble("trickle", {"kind": FaultKind.TRICKLE, "chunk_bytes": 64}),
    Trouble("truncated", {"kind": FaultKind.TRUNCATE}),
    *(_status(status) for status in (400, 401, 403, 404, 409, 429, 500, 502, 503)),
    *(_status(status, retry_after="7") for status in (429, 503)),
    *(_status(status, after=True) for status in (500, 502, 503)),
    Trouble("HTML", {"kind": FaultKind.BODY, "body": PAGE}, "page"),
    Trouble("HTML after", {"kind": FaultKind.BODY, "body": PAGE, "after": True}, "garbled"),
    Trouble("login page", {"kind": FaultKind.REDIRECT}, "page"),
    Trouble("login page after", {"kind": FaultKind.REDIRECT, "after": True}, "garbled"),
    *(_json(body) for body in ("{}", "[]", "null", "7", '"ok"')),
    Trouble("numbers as text", family="swap"),
    *(
        Trouble(f"the answer to {other.name}", family="swap", of=other)
        for other in sorted({each for found in SWAPS.values() for each in found}, key=lambda each: each.name)
    ),
)
