"""Maps Google's error responses to picsync's errors, by one pure function per kind of body.

Only machine-readable fields are used. Responses that are not in Google's format, such as a proxy's page, are
left to the general policy.
"""

from __future__ import annotations

from pydantic import ValidationError

from picsync.core.errors import LoginNeeded, PicsyncError, RefusedError
from picsync.http.retry import Answer, Operation, WireError
from picsync.vendors.google.credentials import LOGIN_COMMAND
from picsync.vendors.google.wire import ApiError, ErrorAnswer

REFRESH_TOKEN = Operation("Google Photos", "refresh_token")

LOGIN_AGAIN = f"Log in again with `{LOGIN_COMMAND}`."

_SINCE_2025 = (
    "On 2025-03-31 Google took away the permission to read a whole library: since then an app sees only "
    "albums and photos that it created itself."
)
_REMOVED_SHARED = (
    "Google Photos no longer lists shared albums: Google removed this from its API on 2025-03-31."
)

_SEVEN_DAYS = (
    "If it ends after 7 days each time, the Google Cloud project has the publishing status Testing: press "
    "`Publish app` on its OAuth consent screen first."
)

_TOKEN_REFUSALS = {
    "invalid_grant": (
        "Google no longer accepts this login: its token has expired or was revoked.",
        f"{LOGIN_AGAIN} {_SEVEN_DAYS}",
    ),
    "invalid_client": (
        "Google rejects this client ID and client secret.",
        f"Compare them with the Google Cloud project's OAuth client, then log in with `{LOGIN_COMMAND}`.",
    ),
    "unauthorized_client": (
        "This login belongs to another client ID.",
        f"Log in with `{LOGIN_COMMAND}` whenever the client ID has changed.",
    ),
}


def api_refusal(operation: Operation, answer: Answer, content: bytes) -> WireError | PicsyncError:
    """Return the exception for an API response without a 2xx status."""
    error = _api_error(content)
    if answer.status != 403 or error is None:
        return WireError(answer)
    if "SERVICE_DISABLED" in error.reasons:
        return LoginNeeded(
            "The Photos Library API is not enabled in the Google Cloud project of this client ID.",
            hint="Enable it in the Google Cloud console (APIs & Services), wait a few minutes, then try"
            " again.",
        )
    if operation.name == "list_shared_albums":
        return RefusedError(
            _REMOVED_SHARED, status=403, hint="Albums of this app are listed without asking for shared ones."
        )
    if "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in error.reasons:
        return LoginNeeded(
            "Google Photos refuses this login: the permission it was given no longer suffices.",
            hint=f"{_SINCE_2025} {LOGIN_AGAIN}",
        )
    reason = ", ".join(sorted(error.reasons)) or error.status or "no reason given"
    return LoginNeeded(
        f"{operation}: Google refuses this login (403, {reason}).", hint=f"{LOGIN_AGAIN} {_SINCE_2025}"
    )


def token_refusal(error: str) -> LoginNeeded:
    """Return the error for a refused token request, by the `error` of RFC 6749 section 5.2."""
    message, hint = _TOKEN_REFUSALS.get(error, (f"Google refused the login ({error[:80]}).", LOGIN_AGAIN))
    return LoginNeeded(message, hint=hint)


def unauthenticated() -> LoginNeeded:
    """Return the error for a fresh token that Google refuses."""
    return LoginNeeded("Google refuses this login, even with a fresh token (401).", hint=LOGIN_AGAIN)


def _api_error(content: bytes) -> ApiError | None:
    try:
        return ErrorAnswer.model_validate_json(content).error
    except ValidationError:
        return None
