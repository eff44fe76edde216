"""Shared parts of the emulated service's handlers, and small functions that parse requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from picsync.emulators.nixplay.hosts import ORIGINALS, bucket
from picsync.emulators.nixplay.options import Answer, NixplayOptions, OverLimit, Refused
from picsync.emulators.nixplay.render import Url
from picsync.emulators.nixplay.sessions import Sessions
from picsync.emulators.nixplay.signing import Signer
from picsync.emulators.nixplay.state import Photo, State
from picsync.emulators.nixplay.uploads import Uploads
from picsync.emulators.service import origin, params


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one emulated service."""

    options: NixplayOptions
    clock: Callable[[], float]
    state: State
    sessions: Sessions
    uploads: Uploads
    signer: Signer

    def urls(self, request: web.Request) -> Url:
        """Return a function that creates photo URLs for the client of this request."""
        prefix = origin(request, ORIGINALS)

        def url(photo: Photo) -> str:
            query = self.signer.query(bucket(ORIGINALS), photo.key, self.options.url_seconds)
            return f"{prefix}/{photo.key}?{query}"

        return url

    def page_size(self, asked: int, largest: int) -> int:
        """Return the page size for a request."""
        if asked > largest and self.options.over_limit is OverLimit.REFUSE:
            raise Refused(Answer.json(400, f"limit must not exceed {largest}", "AssertionError"))
        return min(asked, largest)


def path_id(request: web.Request, name: str) -> int:
    """Return a path parameter that the route restricts to digits."""
    return int(params(request)[name])


def number(text: str | None) -> int | None:
    """Return a non-negative number, None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() else None


async def form(request: web.Request) -> Mapping[str, str]:
    """Return the text fields of a form."""
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def assertion(message: str) -> Refused:
    """Return the node backend's response to an invalid request."""
    return Refused(Answer.json(400, message, "AssertionError"))


async def json_object(request: web.Request, missing: str) -> dict[str, Any]:
    """Return the request's JSON object; without the content type there is none."""
    if request.content_type != "application/json":
        raise assertion(missing)
    try:
        value = json.loads(await request.read())
    except ValueError as error:
        raise Refused(Answer.json(400, str(error), "SyntaxError")) from error
    if not isinstance(value, dict):
        raise assertion(missing)
    return value
