"""OAuth 2.0 as implemented by accounts.google.com and oauth2.googleapis.com.

Errors of the token endpoint are `{"error", "error_description"}`: 400, but 401 for `invalid_client` and
`unauthorized_client`, 428 and 403 for a waiting device (documented).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import unquote_plus

from aiohttp import web
from yarl import URL

from picsync.emulators.google.account import SCOPE_PREFIX, Account, AuthCode, Client, DeviceCode, Grant
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.pages import error_page, not_found
from picsync.emulators.service import origin

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/.*)?")
_DEVICE_INTERVAL_S = 5
_SCOPE = re.compile(r"openid|email|profile|https://www\.googleapis\.com/auth/[\w./-]+")
_EMAIL = frozenset({"email", f"{SCOPE_PREFIX}userinfo.email"})
_PROFILE = frozenset({"profile", f"{SCOPE_PREFIX}userinfo.profile"})
_USER_ID = "100000000000000000001"
_PICTURE = "https://lh3.googleusercontent.com/a/default-user=s96-c"
_ANY = web.route("*", "/{path:.*}", not_found)


class TokenError(Exception):
    """An error of the token endpoint."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


class OAuth:
    """The login hosts."""

    def __init__(self, account: Account, options: GoogleOptions) -> None:
        self._account = account
        self._options = options

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of the login hosts."""
        userinfo = [web.get(f"/oauth2/v{version}/userinfo", self.userinfo) for version in (1, 2, 3)]
        return {
            "accounts.google.com": [
                web.get("/o/oauth2/v2/auth", self.authorize),
                web.get("/o/oauth2/auth", self.authorize),
                web.post("/o/oauth2/token", self.token),
                web.route("*", "/o/oauth2/revoke", self.revoke),
                web.get("/.well-known/openid-configuration", self.discovery),
                _ANY,
            ],
            "oauth2.googleapis.com": [
                web.post("/token", self.token),
                web.post("/device/code", self.device_code),
                web.route("*", "/revoke", self.revoke),
                web.route("*", "/tokeninfo", self.tokeninfo),
                _ANY,
            ],
            "www.googleapis.com": [
                web.post("/oauth2/v4/token", self.token),
                web.post("/oauth2/v3/token", self.token),
                web.route("*", "/oauth2/v3/tokeninfo", self.tokeninfo),
                *userinfo,
                _ANY,
            ],
            "openidconnect.googleapis.com": [web.get("/v1/userinfo", self.userinfo), _ANY],
        }

    async def discovery(self, request: web.Request) -> web.StreamResponse:
        """Return the URLs of the endpoints."""
        oauth, accounts = origin(request, "oauth2.googleapis.com"), origin(request, "accounts.google.com")
        return web.json_response(
            {
                "issuer": "https://accounts.google.com",
                "authorization_endpoint": f"{accounts}/o/oauth2/v2/auth",
                "device_authorization_endpoint": f"{oauth}/device/code",
                "token_endpoint": f"{oauth}/token",
                "userinfo_endpoint": f"{origin(request, 'openidconnect.googleapis.com')}/v1/userinfo",
                "revocation_endpoint": f"{oauth}/revoke",
                "code_challenge_methods_supported": ["plain", "S256"],
            }
        )

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """Let the user agree immediately and redirect the browser; a 400 page for what Google blocks."""
        query = request.query
        redirect = query.get("redirect_uri", "")
        client = self._account.client(query.get("client_id", ""))
        if client is None:
            return error_page(
                401, "Access blocked: Error 401: invalid_client. The OAuth client was not found."
            )
        problem = self._refusal(client, query)
        if problem:
            return error_page(400, f"Access blocked: Error 400: {problem}")
        back = {"state": query["state"]} if "state" in query else {}
        if self._options.deny:
            return self._send_back(redirect, {**back, "error": "access_denied"})
        asked = tuple(dict.fromkeys(query["scope"].split()))
        granted = tuple(scope for scope in asked if scope not in self._options.untick)
        code = f"4/0A{secrets.token_urlsafe(52)}"
        again = query.get("prompt") == "consent" or not self._granted_before(client)
        self._account.codes[code] = AuthCode(
            client_id=client.client_id,
            scopes=granted,
            redirect_uri=redirect,
            expires_at=self._options.now() + self._options.code_s,
            challenge=query.get("code_challenge", ""),
            method=query.get("code_challenge_method", "plain"),
            offline=client.kind != "web" or (query.get("access_type") == "offline" and again),
        )
        return self._send_back(redirect, {**back, "code": code, "scope": " ".join(granted)})

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Exchange a code, a refresh token or a device code for an access token."""
        try:
            form = await self._form(request)
            client = self._authenticated(request, form)
            answer = self._exchange(client, form)
        except TokenError as error:
            body = {"error": error.error, "error_description": error.description}
            return web.json_response(
                body, status=error.status, headers={"Cache-Control": "no-cache, no-store"}
            )
        return web.json_response(answer, headers={"Cache-Control": "no-cache, no-store"})

    async def device_code(self, request: web.Request) -> web.StreamResponse:
        """Start a login on a device; the Library API's scopes are not allowed there (documented)."""
        form = await request.post()
        client = self._account.client(str(form.get("client_id", "")))
        if client is None:
            body = {"error": "invalid_client", "error_description": "The OAuth client was not found."}
            return web.json_response(body, status=401)
        scopes = tuple(str(form.get("scope", "")).split())
        barred = [scope for scope in scopes if scope.removeprefix(SCOPE_PREFIX).startswith("photoslibrary")]
        if barred or not scopes:
            text = f"Invalid device flow scope: {' '.join(barred)}"
            return web.json_response({"error": "invalid_scope", "error_description": text}, status=400)
        code, user_code = (
            f"AH-1{secrets.token_urlsafe(60)}",
            f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper(),
        )
        expires_at = self._options.now() + 1800
        self._account.device_codes[code] = DeviceCode(client.client_id, scopes, user_code, expires_at)
        return web.json_response(
            {
                "device_code": code,
                "user_code": user_code,
                "expires_in": 1800,
                "interval": _DEVICE_INTERVAL_S,
                "verification_url": "https://www.google.com/device",
            }
        )

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """End a consent."""
        form = await request.post() if request.method == "POST" else {}
        if self._account.revoke(str(request.query.get("token") or form.get("token", ""))):
            return web.json_response({})
        body = {"error": "invalid_token", "error_description": "Token expired or revoked"}
        return web.json_response(body, status=400)

    async def tokeninfo(self, request: web.Request) -> web.StreamResponse:
        """Describe an access token; all numbers are strings."""
        form = await request.post() if request.method == "POST" else {}
        token = str(request.query.get("access_token") or form.get("access_token", ""))
        grant = self._account.holder(token)
        if grant is None:
            body = {"error": "invalid_token", "error_description": "Invalid Value"}
            return web.json_response(body, status=400)
        expires_at = self._account.access_tokens[token][1]
        return web.json_response(
            {
                "azp": grant.client_id,
                "aud": grant.client_id,
                "scope": " ".join(grant.scopes),
                "exp": str(int(expires_at)),
                "expires_in": str(int(expires_at - self._options.now())),
                "access_type": "offline",
            }
        )

    async def userinfo(self, request: web.Request) -> web.StreamResponse:
        """Return who the user is, as far as the scopes allow."""
        grant = self._account.holder(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if grant is None:
            body = {"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}}
            return web.json_response(body, status=401)
        # The field names come from OpenID Connect, except in the two oldest versions.
        old = request.path.endswith(("/v1/userinfo", "/v2/userinfo")) and "/oauth2/" in request.path
        who: dict[str, Any] = {"id" if old else "sub": _USER_ID, "picture": _PICTURE}
        if _EMAIL.intersection(grant.scopes):
            who |= {"email": self._account.email, "verified_email" if old else "email_verified": True}
        if _PROFILE.intersection(grant.scopes):
            who |= {"name": "Example User", "given_name": "Example", "family_name": "User"}
        return web.json_response(who)

    def _refusal(self, client: Client, query: Mapping[str, str]) -> str:
        redirect = query.get("redirect_uri", "")
        scopes = query.get("scope", "").split()
        if redirect.startswith("urn:ietf:wg:oauth:2.0:oob"):
            return "invalid_request. The out-of-band (OOB) flow has been blocked."
        registered = redirect in client.redirect_uris
        if not registered and not (client.kind == "desktop" and _LOOPBACK.fullmatch(redirect)):
            return "redirect_uri_mismatch"
        if query.get("response_type") != "code":
            return "unsupported_response_type"
        if not scopes:
            return "invalid_request. Missing required parameter: scope"
        unknown = [scope for scope in scopes if not _SCOPE.fullmatch(scope)]
        if unknown:
            return f"invalid_scope. Some requested scopes were invalid. {{invalid={unknown}}}"
        if "code_challenge" in query and query.get("code_challenge_method", "plain") not in ("plain", "S256"):
            return "invalid_request. code_challenge_method is invalid"
        return ""

    def _granted_before(self, client: Client) -> bool:
        grants = self._account.grants.values()
        return any(grant.client_id == client.client_id and self._account.alive(grant) for grant in grants)

    @staticmethod
    def _send_back(redirect: str, answer: Mapping[str, str]) -> web.Response:
        return web.Response(status=302, headers={"Location": str(URL(redirect).update_query(answer))})

    @staticmethod
    async def _form(request: web.Request) -> Mapping[str, str]:
        if request.content_type == "application/json":
            try:
                value = json.loads(await request.text())
            except ValueError:
                raise TokenError("invalid_request", "Invalid JSON") from None
            return {str(name): str(each) for name, each in value.items()} if isinstance(value, dict) else {}
        return {name: str(value) for name, value in {**request.query, **await request.post()}.items()}

    def _authenticated(self, request: web.Request, form: Mapping[str, str]) -> Client:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, basic = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = base64.b64decode(basic, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise TokenError("invalid_client", "Malformed Authorization header.", 401) from None
            client_id, secret = unquote_plus(client_id), unquote_plus(secret)
        if not client_id:
            raise TokenError("invalid_request", "Could not determine client ID from request.")
        if self._account.client(client_id) is None:
            raise TokenError("invalid_client", "The OAuth client was not found.", 401)
        client = self._account.client(client_id, secret)
        if client is None:
            raise TokenError("invalid_client", "The provided client secret is invalid.", 401)
        return client

    def _exchange(self, client: Client, form: Mapping[str, str]) -> Mapping[str, object]:
        match form.get("grant_type"):
            case "authorization_code":
                return self._from_code(client, form)
            case "refresh_token":
                return self._from_refresh_token(client, form)
            case "urn:ietf:params:oauth:grant-type:device_code" | "http://oauth.net/grant_type/device/1.0":
                return self._from_device_code(client, form)
            case kind:
                raise TokenError("unsupported_grant_type", f"Invalid grant_type: {kind or ''}")

    def _from_code(self, client: Client, form: Mapping[str, str]) -> Mapping[str, object]:
        # A code is used up by any attempt to exchange it.
        code = self._account.codes.pop(_required(form, "code"), None)
        if code is None or code.expires_at <= self._options.now():
            raise TokenError("invalid_grant", "Bad Request")
        if code.client_id != client.client_id:
            raise TokenError("unauthorized_client", "Unauthorized", 401)
        if _required(form, "redirect_uri") != code.redirect_uri:
            raise TokenError("redirect_uri_mismatch", "Bad Request")
        if code.challenge:
            if "code_verifier" not in form:
                raise TokenError("invalid_grant", "Missing code verifier.")
            if not code.verifies(form["code_verifier"]):
                raise TokenError("invalid_grant", "Invalid code verifier.")
        return self._answer(
            self._account.grant(client.client_id, code.scopes), tell_refresh_token=code.offline
        )

    def _from_refresh_token(self, client: Client, form: Mapping[str, str]) -> Mapping[str, object]:
        grant = self._account.grants.get(_required(form, "refresh_token"))
        if grant is not None and grant.client_id != client.client_id:
            raise TokenError("unauthorized_client", "Unauthorized", 401)
        if grant is None or not self._account.alive(grant):
            raise TokenError("invalid_grant", "Token has been expired or revoked.")
        return self._answer(grant, tell_refresh_token=False)

    def _from_device_code(self, client: Client, form: Mapping[str, str]) -> Mapping[str, object]:
        now = self._options.now()
        name = _required(form, "device_code")
        code = self._account.device_codes.get(name)
        if code is None or code.client_id != client.client_id:
            raise TokenError("invalid_grant", "Malformed auth code.")
        if code.expires_at <= now:
            raise TokenError("expired_token", "The device code has expired.")
        if code.answer is None:
            self._wait(code, now)
        del self._account.device_codes[name]
        if not code.answer:
            raise TokenError("access_denied", "Forbidden", 403)
        return self._answer(self._account.grant(client.client_id, code.scopes), tell_refresh_token=True)

    @staticmethod
    def _wait(code: DeviceCode, now: float) -> NoReturn:
        early, code.next_poll_at = now < code.next_poll_at, now + _DEVICE_INTERVAL_S
        if early:
            raise TokenError("slow_down", "Forbidden", 403)
        raise TokenError("authorization_pending", "Precondition Required", 428)

    def _answer(self, grant: Grant, *, tell_refresh_token: bool) -> Mapping[str, object]:
        answer: dict[str, object] = {
            "access_token": self._account.access_token(grant),
            "expires_in": self._options.access_token_s,
            "scope": " ".join(grant.scopes),
            "token_type": "Bearer",
        }
        if tell_refresh_token:
            answer["refresh_token"] = grant.refresh_token
        if grant.expires_at is not None:
            answer["refresh_token_expires_in"] = int(grant.expires_at - self._options.now())
        return answer


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise TokenError("invalid_request", f"Missing required parameter: {name}")
    return form[name]
