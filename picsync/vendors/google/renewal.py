"""Renews an access token through google-auth; runs in a thread, and loads that library when needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

import google.auth.exceptions
import google.auth.transport
import google_auth_httplib2
import httplib2
from google.oauth2.credentials import Credentials

from picsync.core.errors import LoginNeeded, ProtocolError, TransientError
from picsync.core.values import dataclass
from picsync.http.retry import RETRIED_STATUSES, Answer, WireError, parse_retry_after
from picsync.vendors.google.refusals import LOGIN_AGAIN, REFRESH_TOKEN, token_refusal
from picsync.vendors.google.wire import TokenAnswer, parse


@dataclass(frozen=True, slots=True)
class Renewed:
    """The result of a renewal."""

    token: str = field(repr=False)
    expiry: datetime | None
    """Aware UTC."""
    refresh_token: str = field(repr=False)
    answer: TokenAnswer = field(repr=False)


def renew(
    client: httplib2.Http, *, client_id: str, client_secret: str, refresh_token: str, token_uri: str
) -> Renewed:
    """Return a new access token.

    Raises LoginNeeded if Google refuses, TransientError, ProtocolError, and WireError for failures that may
    be retried.
    """
    if not refresh_token:
        raise LoginNeeded("There is no renewable login to Google Photos.", hint=LOGIN_AGAIN)
    credentials: Any = Credentials(  # type: ignore[no-untyped-call] # google-auth is mostly untyped
        None,
        refresh_token=refresh_token,
        token_uri=token_uri,
        client_id=client_id,
        client_secret=client_secret,
    )
    request = _CheckedRequest(client)
    try:
        credentials.refresh(request)
    except google.auth.exceptions.RefreshError as error:
        answer = error.args[1] if len(error.args) > 1 else None
        reason = str(answer.get("error", "")) if isinstance(answer, Mapping) else ""
        if error.retryable:
            raise TransientError(
                f"{REFRESH_TOKEN}: Google is temporarily unable to do this ({reason})."
            ) from error
        raise token_refusal(reason) from error
    expiry: datetime | None = credentials.expiry
    # google-auth uses naive UTC.
    aware = expiry and expiry.replace(tzinfo=UTC)
    return Renewed(credentials.token, aware, credentials.refresh_token, request.answer)


class _CheckedRequest(google.auth.transport.Request):
    """Sends google-auth's token request, and passes on only responses that it interprets correctly.

    By itself, google-auth retries with its own timing, and treats an HTML page as a final refusal.
    """

    def __init__(self, client: httplib2.Http) -> None:
        self._request = google_auth_httplib2.Request(client)
        self.answer: TokenAnswer

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,
        headers: Any = None,
        timeout: Any = None,  # noqa: ARG002 - httplib2 has its own
        **options: Any,
    ) -> Any:
        response = self._request(url, method=method, body=body, headers=headers, **options)
        status: int = response.status
        if status in RETRIED_STATUSES or status >= 500:
            after_s = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
            raise WireError(Answer(status, after_s))
        try:
            # Decoded like google-auth does: a response that only one of the two can read must not pass.
            answer = json.loads(response.data.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ProtocolError(
                f"{REFRESH_TOKEN}: expected JSON, but got something else ({status})."
            ) from None
        if status == 200 or not isinstance(answer, dict):
            self.answer = parse(REFRESH_TOKEN, TokenAnswer, answer)
        return response
