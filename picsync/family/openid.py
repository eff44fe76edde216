"""Signing in through an OpenID Connect provider: authorization code with PKCE.

OpenID Connect Core 1.0 sections 3.1.2 and 3.1.3, Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (`iss` in the
answer). The provider only proves who somebody is; an account opens nothing until a person has linked it.
Only the scope `openid` is asked for, and `email` if accounts are linked by it; never a name.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import httpx
import jwt
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError

from picsync.core.errors import PicsyncError, ProtocolError
from picsync.core.values import dataclass
from picsync.family.people import clean_email
from picsync.http.allowed import AllowedHosts
from picsync.http.client import HttpClient, read_model
from picsync.http.retry import Operation, Retrier, RetryPolicy

SERVICE = "OpenID provider"
ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""Type of a key -> signatures that are accepted by it. Never `none`, never those with a shared secret."""
LEEWAY_S = 60
"""How much the clocks of the two servers may differ."""
FLOW_S = 600
"""How long somebody may take at the provider."""
KNOWN_S = 3600.0
"""How long the provider's own description is used before it is read again."""
FAILED_S = 10.0
"""For how long an unreachable provider is not asked again."""
_TIMEOUT = httpx.Timeout(10.0, connect=5.0, pool=None)
_POLICY = RetryPolicy(attempts=1)
_DESCRIBE = Operation(SERVICE, "read_description")
_KEYS = Operation(SERVICE, "read_keys")
_REDEEM = Operation(SERVICE, "redeem_code", repeatable=False)
_ASK_USER = Operation(SERVICE, "read_userinfo")
_FAILED = {"action": "openid_failed"}
_log = logging.getLogger("picsync.web")

Address = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=2000)]


class _Description(BaseModel):
    issuer: str
    authorization_endpoint: Address
    token_endpoint: Address
    jwks_uri: Address
    userinfo_endpoint: Address | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(BaseModel):
    id_token: Annotated[str, StringConstraints(max_length=32_000)] = Field(repr=False)
    access_token: Annotated[str, StringConstraints(max_length=32_000)] = Field(default="", repr=False)


_DESCRIPTION, _TOKENS = TypeAdapter(_Description), TypeAdapter(_Tokens)
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class WrongTokenError(ValueError):
    """An ID token proves nothing to us; the message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One attempt to sign in, or to link an account. The browser that began it keeps it in a cookie."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    seal: str = ""
    """Of an attempt to link: proves to which session it belongs. Empty for one to sign in."""
    invitation: str = field(default="", repr=False)
    """Token of the invitation that is accepted by it."""

    @classmethod
    def begin(cls, session_token: str = "", invitation: str = "") -> Flow:
        """Return a new attempt; with a session's token, to link an account to its person."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        seal = _seal(session_token, state, nonce, verifier) if session_token else ""
        return cls(state, nonce, verifier, seal, invitation)

    @classmethod
    def read(cls, cookie: str) -> Flow | None:
        """Return the attempt of a cookie; None if it has none."""
        parts = cookie.split(".")
        return cls(*parts) if len(parts) == 5 and all(parts[:3]) else None

    @property
    def cookie(self) -> str:
        """The value of the cookie."""
        return ".".join((self.state, self.nonce, self.verifier, self.seal, self.invitation))

    @property
    def challenge(self) -> str:
        """The verifier as the provider sees it first (RFC 7636 section 4.2, S256)."""
        digest = sha256(self.verifier.encode("utf-8", "surrogatepass")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def answered_by(self, state: str) -> bool:
        """Whether an answer with this state is that to this attempt."""
        return hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode("utf-8", "replace"))

    def links(self, session_token: str) -> bool:
        """Whether the attempt was begun in this session, to link an account."""
        seal = _seal(session_token, self.state, self.nonce, self.verifier)
        return hmac.compare_digest(self.seal.encode("utf-8", "replace"), seal.encode())


def _seal(session_token: str, *parts: str) -> str:
    content = " ".join(("openid", *parts)).encode("utf-8", "replace")
    return hmac.new(session_token.encode("utf-8", "replace"), content, sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Account:
    """Who has signed in at the provider."""

    subject: str
    """As it is stored: issuer and subject, since each issuer has its own."""
    email: str = field(default="", repr=False)
    """As `verified_email` returns it."""


def verified_email(claims: Mapping[str, Any]) -> str:
    """Return the address that the provider has verified, as people have it; empty without one."""
    address = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(address, str):
        return ""
    try:
        return clean_email(address)
    except ValueError:
        return ""


def claims_of(
    token: str, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: float
) -> Mapping[str, Any]:
    """Return what an ID token proves; `sub` is whom it is about.

    `keys` is the provider's JWK set, `now` in seconds since 1970. Raises WrongTokenError.
    """
    try:
        key, algorithms = _key_for(token, keys)
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=algorithms,
            audience=client_id,
            issuer=issuer,
            # The times are compared below, with a clock that is passed in.
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError) as error:
        # The others: keys or headers of a form for which the library has no words.
        raise WrongTokenError(f"the ID token is not valid ({type(error).__name__})") from None
    expires, subject = claims["exp"], claims["sub"]
    if not isinstance(expires, int | float) or expires + LEEWAY_S <= now:
        raise WrongTokenError("the ID token has expired")
    issued = claims["iat"]
    if not isinstance(issued, int | float) or issued - LEEWAY_S > now:
        raise WrongTokenError("the ID token is from the future; check the clocks of both servers")
    audience = claims["aud"]
    shared = isinstance(audience, list) and len(audience) > 1
    # OpenID Connect Core, section 3.1.3.7, steps 3 to 5.
    if (shared or "azp" in claims) and claims.get("azp") != client_id:
        raise WrongTokenError("the ID token is for another client")
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(
        found.encode("utf-8", "replace"), nonce.encode()
    ):
        raise WrongTokenError("the ID token belongs to another attempt to sign in")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise WrongTokenError("the ID token has no usable subject")
    return claims


def _key_for(token: str, keys: Mapping[str, Any]) -> tuple[jwt.PyJWK, Sequence[str]]:
    """Return the key that the token names, or the only one, and which signatures it may have made.

    Raises jwt.PyJWTError.
    """
    header = jwt.get_unverified_header(token)
    known = [key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if key.public_key_use in (None, "sig")]
    wanted = header.get("kid")
    found = [key for key in known if key.key_id == wanted] if wanted is not None else known
    if len(found) != 1:
        raise jwt.InvalidKeyError("no key, or several")
    return found[0], ALGORITHMS.get(found[0].key_type or "", ())


class Provider:
    """An OpenID Connect provider, and picsync as a client of it."""

    def __init__(
        self,
        issuer: str,
        *,
        name: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        by_email: bool = False,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` returns seconds since 1970, `clock` seconds that only grow.

        With `by_email`, the provider is asked for e-mail addresses, too.
        """
        self.issuer = issuer
        self.by_email = by_email
        self.name = name
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._now = now
        self._clock = clock
        self._lock = asyncio.Lock()
        self._described: _Description | None = None
        self._failed: PicsyncError | None = None
        self._until = 0.0

    async def address(self, flow: Flow) -> str:
        """Return the provider's address that a browser opens to sign in. Raises PicsyncError."""
        described = await self._description()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email" if self.by_email else "openid",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = described.authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def account(self, code: str, flow: Flow) -> Account:
        """Return whom a code proves. Raises PicsyncError and WrongTokenError."""
        described = await self._description()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = {"accept": "application/json"}
        methods = described.token_endpoint_auth_methods_supported
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        else:
            # Both are encoded as in a form before they are joined (RFC 6749 section 2.3.1).
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        tokens = await self._ask(
            _REDEEM, "POST", described.token_endpoint, _TOKENS, data=form, headers=headers
        )
        # Read for each sign-in: there are few, and so a changed key is never missed.
        keys = await self._ask(_KEYS, "GET", described.jwks_uri, _OBJECT)
        claims = claims_of(
            tokens.id_token,
            keys,
            issuer=self.issuer,
            client_id=self._client_id,
            nonce=flow.nonce,
            now=self._now(),
        )
        email = await self._email(described, claims, tokens.access_token) if self.by_email else ""
        return Account(f"{self.issuer} {claims['sub']}", email)

    async def _email(self, described: _Description, claims: Mapping[str, Any], access_token: str) -> str:
        """Return the verified address of an account, which some providers give at one place, some at another.

        Without an answer there is none: an account that is linked signs in all the same.
        """
        if "email" in claims or described.userinfo_endpoint is None or not access_token:
            return verified_email(claims)
        headers = {"accept": "application/json", "authorization": f"Bearer {access_token}"}
        try:
            found = await self._ask(_ASK_USER, "GET", described.userinfo_endpoint, _OBJECT, headers=headers)
        except PicsyncError as error:
            _log.warning("The e-mail address of an account is unknown: %s", error, extra=_FAILED)
            return ""
        # OpenID Connect Core, section 5.3.2: an answer about somebody else must not be used.
        return verified_email(found) if found.get("sub") == claims["sub"] else ""

    async def _description(self) -> _Description:
        """Return what the provider says about itself; strangers can ask for it, so it is kept for a while."""
        async with self._lock:
            if self._clock() < self._until:
                if self._described is not None:
                    return self._described
                if self._failed is not None:
                    raise self._failed
            self._described = self._failed = None
            try:
                self._described = await self._describe()
                self._until = self._clock() + KNOWN_S
            except PicsyncError as error:
                self._failed = error
                self._until = self._clock() + FAILED_S
                raise
            return self._described

    async def _describe(self) -> _Description:
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        found: _Description = await self._ask(_DESCRIBE, "GET", address, _DESCRIPTION)
        if found.issuer != self.issuer:
            raise ProtocolError(
                f"{_DESCRIBE}: it calls itself {found.issuer[:200]!r}.",
                hint="Write exactly that as `family.oidc.issuer`.",
            )
        own = httpx.URL(self.issuer)
        asked = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        for one in filter(None, asked):
            try:
                url = httpx.URL(one)
            except httpx.InvalidURL:
                raise ProtocolError(f"{_DESCRIBE}: it names an address that is none.") from None
            if url.scheme != "https" and (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
                raise ProtocolError(f"{_DESCRIBE}: it names an address that is not encrypted.")
        return found

    async def _ask(
        self, operation: Operation, method: str, url: str, shape: TypeAdapter[Any], **options: Any
    ) -> Any:
        """Return an answer. Raises PicsyncError."""
        origin = str(httpx.URL(url).copy_with(path="/", query=None, fragment=None)).rstrip("/")
        http = HttpClient(
            Retrier(_POLICY, emit=lambda _event: None), allowed=AllowedHosts(origin=origin), timeout=_TIMEOUT
        )

        def read(response: httpx.Response) -> Any:
            try:
                return read_model(operation, response, shape)
            except ValidationError as error:
                # Its text may hold a token.
                raise ProtocolError(f"{operation}: the answer lacks something.") from error

        try:
            return await http.request(operation, method, url, read, **options)
        finally:
            await http.aclose()
