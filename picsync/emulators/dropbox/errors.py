"""Dropbox's error responses."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

Tagged = dict[str, Any]
"""A member of a union: an object with `.tag`."""


def tagged(*tags: str, **fields: Any) -> Tagged:
    """Return nested members of unions, `tagged("path", "conflict", "file")`; `fields` go to the innermost."""
    tag, *rest = tags
    return {".tag": tag, tag: tagged(*rest, **fields)} if rest else {".tag": tag, **fields}


def _summary(error: Any) -> str:
    """Return the tags joined by slashes, with a tail that differs each time."""
    tags = []
    while isinstance(error, Mapping):
        error = error.get("reason", error) if ".tag" not in error else error
        tag = error.get(".tag")
        if tag is None:
            break
        tags.append(str(tag))
        inner = error.get(str(tag))
        error = inner if isinstance(inner, Mapping) else error.get("reason")
    return "/".join([*tags, "." * (1 + secrets.randbelow(4))])


class DropboxError(Exception):
    """An error response: JSON with a tagged error, or plain text."""

    def __init__(
        self, status: int, error: Any = None, *, text: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text or error)
        self.status, self.error, self.text, self.headers = status, error, text, dict(headers or {})

    def response(self) -> web.Response:
        """Return the response."""
        if self.error is None:
            return web.Response(
                status=self.status, text=self.text, headers=self.headers, content_type="text/plain"
            )
        body = {"error_summary": _summary(self.error), "error": self.error}
        return json_answer(body, status=self.status, headers=self.headers)


def json_answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON as Dropbox sends it: without a charset."""
    return web.Response(
        body=json.dumps(body).encode(),
        status=status,
        headers={**(headers or {}), "Content-Type": "application/json"},
    )


def refused(*tags: str, **fields: Any) -> DropboxError:
    """Return the 409 of a call's own error."""
    return DropboxError(409, tagged(*tags, **fields))


def malformed(call: str, problem: str) -> DropboxError:
    """Return the 400 for a request that does not fit the call."""
    return DropboxError(400, text=f'Error in call to API function "{call}": {problem}')


def unauthorized(tag: str, **fields: Any) -> DropboxError:
    """Return a 401."""
    return DropboxError(401, tagged(tag, **fields))
