"""Maps Dropbox's error responses to picsync's errors, by their tags and never by their texts.

Two refusals have no tags: an app that lacks a scope (400 with a text), and a 429 with a text.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from picsync.core.errors import (
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    QuotaError,
    RefusedError,
)
from picsync.http.retry import Answer, Operation, WireError
from picsync.vendors.dropbox.credentials import LOGIN_COMMAND, TITLE

_log = logging.getLogger("picsync.dropbox")

LOGIN_AGAIN = f"Log in again with `{LOGIN_COMMAND}`."
MAX_DEPTH = 8
"""Of nested tags; Dropbox's own errors have at most four."""

_SCOPE_OF_APP = re.compile(r"required scope '([a-z_.]{1,60})'")
_QUOTA = frozenset({"insufficient_space", "insufficient_quota", "team_folder_insufficient_space",
                    "member_folder_insufficient_space"})  # fmt: skip
_LOCKED = "too_many_write_operations"


class DropboxError(RefusedError):
    """A call's own error; `tags` say which, from the outside in, such as `("path", "conflict", "file")`."""

    def __init__(
        self, message: str, *, tags: tuple[str, ...], fields: Mapping[str, Any], hint: str = ""
    ) -> None:
        super().__init__(message, status=409, hint=hint)
        self.tags = tags
        self.fields = fields
        """What stands next to the tags: `correct_offset`, `upload_session_id`."""

    def has(self, *tags: str) -> bool:
        """Return whether the error has these tags, one after the other, at any depth."""
        return any(self.tags[at : at + len(tags)] == tags for at in range(len(self.tags)))


class DropboxNotFoundError(DropboxError, NotFoundError):
    """Nothing is at the path, or this login does not see it."""


class ExpiredTokenError(Exception):
    """The access token has expired; the call is repeated once with a new one."""


def refusal(operation: Operation, response: httpx.Response, answer: Answer, content: bytes) -> Exception:
    """Return what is raised for a response without a 2xx status."""
    request_id = response.headers.get("x-dropbox-request-id", "")[:64]
    _log.debug(
        "%s: refused with %d, request ID %s",
        operation,
        answer.status,
        request_id,
        extra={"action": "dropbox_refused", "request_id": request_id},
    )
    body = _json(content)
    error = body.get("error")
    match answer.status:
        case 400:
            return _bad_request(operation, answer)
        case 401:
            return _unauthorized(error)
        case 403:
            return RefusedError(
                f"{operation}: Dropbox does not permit it for this account (403, {named(tags_of(error))}).",
                status=403,
            )
        case 409 if isinstance(error, Mapping):
            return own_error(operation, error)
        case 422:
            return RefusedError(f"{operation}: Dropbox refuses the namespace (422).", status=422)
        case 429:
            told = error.get("retry_after") if isinstance(error, Mapping) else None
            if answer.retry_after_s is None and isinstance(told, int | float) and 0 <= told <= 86_400:
                answer = replace(answer, retry_after_s=float(told))
            reason = error.get("reason") if isinstance(error, Mapping) else None
            # Other writes hold the lock; reading goes on.
            answer = replace(answer, of_account=_LOCKED not in tags_of(reason))
    return WireError(answer)


def own_error(operation: Operation, error: object) -> WireError | PicsyncError:
    """Return the exception for a call's own error, or the failure of an entry of a batch."""
    tags, fields = tags_of(error), fields_of(error)
    if _LOCKED in tags:
        # Nothing was done: another write holds the lock.
        return WireError(Answer(429, of_account=False))
    if _QUOTA.intersection(tags):
        return QuotaError(
            f"{operation}: this Dropbox is full.",
            hint="Delete files, empty its trash, or get more space.",
        )
    if tags[-1:] == ("not_found",) and tags[0] != "lookup_failed":
        return DropboxNotFoundError(f"{operation}: nothing is at this path.", tags=tags, fields=fields)
    if "malformed_path" in tags or "disallowed_name" in tags:
        return DropboxError(
            f"{operation}: Dropbox does not accept this name.",
            tags=tags,
            fields=fields,
            hint="Rename the file.",
        )
    return DropboxError(f"{operation}: Dropbox refuses ({named(tags)}).", tags=tags, fields=fields)


def tags_of(error: object) -> tuple[str, ...]:
    """Return the tags of an error from the outside in, as far as they are known and sane."""
    tags: list[str] = []
    while isinstance(error, Mapping) and len(tags) < MAX_DEPTH:
        tag = error.get(".tag")
        if not isinstance(tag, str):
            break
        tags.append(tag[:60])
        inner = error.get(tag)
        # The fields of a struct stand next to the tag: one of them is the reason of a failed upload.
        error = inner if isinstance(inner, Mapping) else error.get("reason")
    return tuple(tags)


def fields_of(error: object) -> dict[str, Any]:
    """Return what stands next to the tags, at any depth."""
    fields: dict[str, Any] = {}
    for _ in range(MAX_DEPTH):
        if not isinstance(error, Mapping):
            break
        fields |= {name: value for name, value in error.items() if not isinstance(value, Mapping)}
        inner = error.get(str(error.get(".tag")))
        error = inner if isinstance(inner, Mapping) else error.get("reason")
    fields.pop(".tag", None)
    return fields


def named(tags: tuple[str, ...]) -> str:
    """Return the tags for a message."""
    return "/".join(tags) or "no reason given"


class MissingScopeError(LoginNeeded):
    """The login, or the app itself, lacks a permission."""


def missing_scope(scope: str, *, of_app: bool = False) -> MissingScopeError:
    """Return the error for a permission that the login, or the app itself, lacks."""
    message = f"Dropbox: the {'app' if of_app else 'login'} does not have the permission `{scope}`."
    console = "Tick it in the App Console of Dropbox (Permissions, Submit), then log in again with"
    if of_app:
        return MissingScopeError(message, hint=f"{console} `{LOGIN_COMMAND}`.")
    return MissingScopeError(message, hint=f"{LOGIN_AGAIN} It asks for what picsync.yaml needs.")


def _bad_request(operation: Operation, answer: Answer) -> PicsyncError:
    if "does not have the required scope" in answer.excerpt or _SCOPE_OF_APP.search(answer.excerpt):
        found = _SCOPE_OF_APP.search(answer.excerpt)
        return missing_scope(found[1] if found else str(operation), of_app=True)
    if "Invalid app key or secret" in answer.excerpt or "Invalid authorization value" in answer.excerpt:
        return LoginNeeded(
            f"{operation}: Dropbox rejects the app's key and secret (400).",
            hint="Compare `app_key` and `app_secret` with the App Console of Dropbox.",
        )
    return RefusedError(
        f"{operation}: Dropbox does not understand the request (400): {answer.excerpt}", status=400
    )


def _unauthorized(error: object) -> Exception:
    tags = tags_of(error)
    match tags[:1]:
        case ("expired_access_token",):
            return ExpiredTokenError()
        case ("missing_scope",):
            scope = fields_of(error).get("required_scope")
            return missing_scope(str(scope)[:60])
        case ("invalid_access_token",):
            return LoginNeeded(f"{TITLE} no longer accepts this login: it was revoked.", hint=LOGIN_AGAIN)
    return LoginNeeded(f"{TITLE} refuses this login (401, {named(tags)}).", hint=LOGIN_AGAIN)


def _json(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
