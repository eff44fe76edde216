"""Error responses in the format of all Google APIs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

SERVICE = "photoslibrary.googleapis.com"
_HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
}
_CHALLENGE = 'Bearer realm="https://accounts.google.com/"'


class ApiError(Exception):
    """An error response; `status` is the name of a google.rpc.Code."""

    def __init__(
        self,
        status: str,
        message: str,
        *,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers = headers or {}

    def response(self) -> web.Response:
        """Return it as a response."""
        code = _HTTP[self.status]
        error: dict[str, Any] = {"code": code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = list(self.details)
        return json_answer({"error": error}, status=code, headers=self.headers)


def json_answer(
    body: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    indent: int | None = 2,
) -> web.Response:
    """Return a JSON response with Google's headers; indented by default, as Google's are."""
    separators = None if indent else (",", ":")
    text = json.dumps(body, indent=indent, ensure_ascii=False, separators=separators) + "\n"
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    response = web.Response(status=status, body=text.encode(), headers={**kind, **(headers or {})})
    response.headers["Vary"] = "Origin, X-Origin, Referer"
    response.headers["Cache-Control"] = "private"
    response.headers["Server"] = "ESF"
    return response


def info(reason: str, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the machine-readable reason of an error."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": dict(metadata)}


def invalid(message: str = "Request contains an invalid argument.") -> ApiError:
    """Return a 400 INVALID_ARGUMENT."""
    return ApiError("INVALID_ARGUMENT", message)


def not_found() -> ApiError:
    """Return a 404 NOT_FOUND: deleted, or not visible to this app."""
    return ApiError("NOT_FOUND", "Requested entity was not found.")


def unauthenticated(method: str, *, token: bool) -> ApiError:
    """Return a 401 UNAUTHENTICATED for an invalid or missing token."""
    hint = (
        "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
        "See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    problem = (
        "had invalid authentication credentials" if token else "is missing required authentication credential"
    )
    reason = "ACCESS_TOKEN_EXPIRED" if token else "CREDENTIALS_MISSING"
    suffix = ', error="invalid_token"' if token else ""
    return ApiError(
        "UNAUTHENTICATED",
        f"Request {problem}. {hint}",
        details=[info(reason, {"service": SERVICE, "method": method})],
        headers={"WWW-Authenticate": _CHALLENGE + suffix},
    )


def insufficient_scope(method: str, scopes: Sequence[str]) -> ApiError:
    """Return a 403 PERMISSION_DENIED for a valid token without the scope."""
    wanted = " ".join(scopes)
    return ApiError(
        "PERMISSION_DENIED",
        "Request had insufficient authentication scopes.",
        details=[info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", {"service": SERVICE, "method": method})],
        headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{wanted}"'},
    )


def service_disabled(service: str = SERVICE) -> ApiError:
    """Return a 403 PERMISSION_DENIED for an API that the project has not enabled."""
    project = "123456789012"
    url = f"https://console.developers.google.com/apis/api/{service}/overview?project={project}"
    message = (
        f"Photos Library API has not been used in project {project} before or it is disabled. "
        f"Enable it by visiting {url} then retry."
    )
    details = info("SERVICE_DISABLED", {"service": service, "consumer": f"projects/{project}"})
    return ApiError("PERMISSION_DENIED", message, details=[details])


def quota_exceeded() -> ApiError:
    """Return a 429 RESOURCE_EXHAUSTED for the daily requests."""
    metric = "All requests"
    message = (
        f"Quota exceeded for quota metric '{metric}' and limit '{metric} per day' of service '{SERVICE}'."
    )
    metadata = {
        "service": SERVICE,
        "quota_metric": f"{SERVICE}/all_requests",
        "quota_limit": "ApiCallsPerProjectPerDay",
    }
    return ApiError("RESOURCE_EXHAUSTED", message, details=[info("RATE_LIMIT_EXCEEDED", metadata)])
