"""OAuth 2.0 as implemented by www.dropbox.com and api.dropboxapi.com."""

from __future__ import annotations

import html
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from yarl import URL

from picsync.emulators.dropbox.access import Access
from picsync.emulators.dropbox.account import Accounts, App, AuthCode
from picsync.emulators.dropbox.errors import json_answer

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d+)?(/.*)?")


class TokenError(Exception):
    """An error of the token endpoint; always 400."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error, self.description = error, description


class OAuth:
    """The consent page and the token endpoint."""

    def __init__(self, accounts: Accounts, access: Access) -> None:
        self._accounts = accounts
        self._access = access

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """Let the first user agree: show the code, or redirect the browser; a 400 page for what is wrong."""
        query, options = request.query, self._accounts.options
        app = self._accounts.apps.get(query.get("client_id", ""))
        problem = _authorization_problem(app, query)
        if app is None or problem:
            return _page(f"Error (400): {problem}", status=400)
        redirect = query.get("redirect_uri", "")
        if options.deny:
            return self._deny(redirect, query)
        asked = tuple(query.get("scope", "").split()) or tuple(sorted(app.scopes))
        code = secrets.token_urlsafe(32)
        self._accounts.codes[code] = AuthCode(
            self._accounts.users[0],
            app,
            asked,
            redirect,
            options.now() + options.code_s,
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
            query.get("token_access_type") == "offline",
        )
        if redirect:
            return _redirect(redirect, query, code=code)
        return _page(f'Enter this code: <input data-token="{html.escape(code)}" value="{html.escape(code)}">')

    @staticmethod
    def _deny(redirect: str, query: Mapping[str, str]) -> web.Response:
        if redirect:
            return _redirect(
                redirect, query, error="access_denied", error_description="The user chose not to give access"
            )
        return _page("The app was not given access.")

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Exchange a code or a refresh token."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            return json_answer(self._exchange(form, request))
        except TokenError as error:
            body = {"error": error.error, "error_description": error.description}
            return json_answer(body, status=400)

    async def revoke(self, token: str) -> None:
        """End an access token and the refresh token that it came from."""
        self._accounts.tokens[token].grant.revoked = True

    def _exchange(self, form: Mapping[str, str], request: web.Request) -> Mapping[str, Any]:
        kind = form.get("grant_type")
        if kind not in ("authorization_code", "refresh_token"):
            raise TokenError(
                "unsupported_grant_type", "grant_type must be authorization_code or refresh_token"
            )
        app = self._access.app_of(form, request)
        if app is None:
            raise TokenError("invalid_client", "Invalid client_id or client_secret")
        if kind == "authorization_code":
            return self._from_code(app, form)
        grant = self._accounts.find_grant(form.get("refresh_token", ""))
        if grant is None or grant.app is not app:
            raise TokenError("invalid_grant", "refresh token is invalid or revoked")
        asked = tuple(form.get("scope", "").split())
        if not set(asked) <= set(grant.scopes):
            raise TokenError("invalid_scope", "requested scope was not granted")
        token = self._accounts.issue(grant, asked or None)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self._accounts.options.access_token_s,
        }

    def _from_code(self, app: App, form: Mapping[str, str]) -> Mapping[str, Any]:
        code = self._accounts.codes.pop(form.get("code", ""), None)
        if code is None or code.app is not app or code.expires_at <= self._accounts.options.now():
            raise TokenError("invalid_grant", "code doesn't exist or has expired")
        if form.get("redirect_uri", "") != code.redirect_uri:
            raise TokenError("invalid_grant", "redirect_uri mismatch")
        verifier = form.get("code_verifier", "")
        if code.challenge and not (_VERIFIER.fullmatch(verifier) and code.verifies(verifier)):
            raise TokenError("invalid_grant", "invalid code verifier")
        if not code.challenge and form.get("client_secret", "") != app.secret:
            raise TokenError("invalid_client", "Invalid client_id or client_secret")
        grant = self._accounts.grant(code.user, app, code.scopes, offline=code.offline)
        answer: dict[str, Any] = {
            "access_token": self._accounts.issue(grant),
            "token_type": "bearer",
            "expires_in": self._accounts.options.access_token_s,
            "scope": " ".join(sorted(code.scopes)),
            "uid": code.user.uid,
            "account_id": code.user.account_id,
        }
        return {**answer, "refresh_token": grant.refresh_token} if code.offline else answer


def _authorization_problem(app: App | None, query: Mapping[str, str]) -> str:
    if app is None:
        return "Invalid client_id"
    redirect = query.get("redirect_uri", "")
    if redirect and redirect not in app.redirect_uris and not _LOOPBACK.fullmatch(redirect):
        return "Invalid redirect_uri"
    if query.get("response_type") != "code":
        return 'Invalid response_type: must be "code"'
    if query.get("code_challenge_method", "plain") not in ("plain", "S256"):
        return "Invalid code_challenge_method"
    unknown = set(query.get("scope", "").split()) - app.scopes
    return f"Invalid scope: {json.dumps(sorted(unknown))}" if unknown else ""


def _redirect(redirect: str, query: Mapping[str, str], **answer: str) -> web.Response:
    state = {"state": query["state"]} if "state" in query else {}
    location = str(URL(redirect).update_query({**answer, **state}))
    return web.Response(status=302, headers={"Location": location})


def _page(text: str, status: int = 200) -> web.Response:
    page = f"<!DOCTYPE html><html><head><title>Dropbox</title></head><body>{text}</body></html>"
    return web.Response(text=page, status=status, content_type="text/html")
