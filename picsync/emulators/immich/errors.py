"""Immich's error responses, as JSON in the format of each version."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from picsync.emulators.immich.options import ImmichOptions


class ImmichError(Exception):
    """An error response."""

    def __init__(self, status: int, message: str, *, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        """Problems of a body: code, path and message of each."""

    def response(self, options: ImmichOptions) -> web.Response:
        """Return the response; before 3.0 it repeats the status, and the problems are its message."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors and options.strict:
            body["errors"] = list(self.errors)
        elif self.errors:
            body["message"] = [
                f"{'.'.join(map(str, each['path']))} {each['message']}" for each in self.errors
            ]
        if not options.strict:
            body |= {"error": HTTPStatus(self.status).phrase, "statusCode": self.status}
        body["correlationId"] = secrets.token_hex(4)
        return json_answer(body, status=self.status)


def invalid(path: Sequence[str | int], message: str, code: str = "invalid_type") -> ImmichError:
    """Return the error for one field of a body or query."""
    return ImmichError(
        400, "Validation failed", errors=[{"code": code, "path": list(path), "message": message}]
    )


def no_access(permission: str) -> ImmichError:
    """Return the 400 for a missing or inaccessible object; Immich does not distinguish the two."""
    return ImmichError(400, f"Not found or no {permission} access")


def json_answer(body: Any, *, status: int = 200) -> web.Response:
    """Return JSON as Immich sends it."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(text=text, status=status, content_type="application/json")
