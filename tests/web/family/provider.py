"""An OpenID Connect provider on loopback, as strict with its clients as the standard lets it be."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "picsync", "se:cret/%"
ASKED = {
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method"),
}


class SampleProvider:
    """Signs in, without asking, whoever `account` says."""

    def __init__(self) -> None:
        self.key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.algorithm = "RS256"
        self.scope = "openid"
        """The only one that it accepts."""
        self.userinfo: dict[str, Any] | None = None
        """What it tells there; None without such an address."""
        self.url = ""
        self.account = "anna-at-provider"
        self.change: Callable[[dict[str, Any]], Any] = lambda claims: claims
        """What tests change in the claims."""
        self.encode: Callable[[dict[str, Any]], str] = self.signed
        self.methods = ["client_secret_basic"]
        self.codes: dict[str, dict[str, str]] = {}
        self.redeemed = 0
        self.redirect_uris: list[str] = []

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers={"kid": "one"})

    def keys(self) -> dict[str, Any]:
        maker = jwt.get_algorithm_by_name(self.algorithm)
        public = json.loads(maker.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": self.algorithm}]}

    async def describe(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize?tenant=home",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                **({} if self.userinfo is None else {"userinfo_endpoint": f"{self.url}/userinfo"}),
                "token_endpoint_auth_methods_supported": self.methods,
            }
        )

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        tenant = asked.pop("tenant")
        if (
            (tenant, set(asked)) != ("home", ASKED)
            or (asked["response_type"], asked["client_id"]) != ("code", CLIENT)
            or (asked["scope"], asked["code_challenge_method"]) != (self.scope, "S256")
            or asked["redirect_uri"] not in self.redirect_uris
        ):
            return web.Response(status=400, text="this is not a request of the client")
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        answer = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{answer}"})

    async def token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        asked = self.codes.pop(str(form.get("code")), None)
        kind, _, pair = request.headers.get("Authorization", "").partition(" ")
        if self.methods == ["client_secret_post"]:
            client = (form.get("client_id"), form.get("client_secret"))
        else:
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            client = (unquote(name), unquote(secret))
        verifier = str(form.get("code_verifier")).encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        if client != (CLIENT, SECRET) or (kind == "Basic") is (self.methods == ["client_secret_post"]):
            return web.json_response({"error": "invalid_client"}, status=401)
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.redeemed += 1
        now = int(time.time())
        claims = {"iss": self.url, "sub": self.account, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims = self.change({**claims, "nonce": asked["nonce"]})
        return web.json_response(
            {"access_token": "for-userinfo", "token_type": "Bearer", "id_token": self.encode(claims)}
        )

    async def tell(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer for-userinfo":
            return web.Response(status=401)
        return web.json_response(self.userinfo)

    async def serve_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.keys())


@asynccontextmanager
async def sample_provider() -> AsyncIterator[SampleProvider]:
    provider = SampleProvider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.describe)
    app.router.add_get("/authorize", provider.authorize)
    app.router.add_post("/token", provider.token)
    app.router.add_get("/keys", provider.serve_keys)
    app.router.add_get("/userinfo", provider.tell)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()


async def sent_back(address: str) -> str:
    """Return where the provider sends a browser that opens `address`: path and query at picsync."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(address)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["location"])
    assert parse_qs(parts.query)["code"]
    return f"{parts.path}?{parts.query}"
