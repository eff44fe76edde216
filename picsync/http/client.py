"""The HTTP client: timeouts, allowed hosts, translation of errors, no secrets in messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from picsync.core.errors import ForeignAddressError, PicsyncError, ProtocolError, RefusedError
from picsync.core.values import dataclass
from picsync.http import body
from picsync.http.allowed import AllowedHosts, same_origin
from picsync.http.certificates import refused_certificate
from picsync.http.cookies import Cookies
from picsync.http.network import current
from picsync.http.retry import (
    EXCERPT_CHARACTERS,
    Answer,
    NoAnswer,
    Operation,
    Retrier,
    WireError,
    parse_retry_after,
)
from picsync.http.transport import Transport

T = TypeVar("T")

Refusal: TypeAlias = Callable[[Operation, httpx.Response, Answer, bytes], Exception]
"""Returns what an attempt raises for an answer without a 2xx status: a WireError, which the policy judges, or
an error of the service's own. The body is at most the beginning of the answer's."""

TIMEOUT = httpx.Timeout(60.0, connect=15.0, pool=None)
"""Seconds without a byte before a request is given up; `deadline` bounds the whole by them.
Waiting for a free connection is not trouble."""

MAX_REDIRECTS = 5
"""Of one download; a video of Google Photos takes one."""

TRAVELLING_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "range", "user-agent"})
"""Headers that go along when a redirect leads to another server: those that open nothing."""

_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip",
    "connection": "keep-alive",
    "user-agent": f"python-httpx/{httpx.__version__}",
}
"""Headers of every request, unless a client or a request has its own."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the services are: at their own names, or all below one emulator's URL."""

    emulator: str | None = None
    """URL without trailing slash; every host H is then found at `<emulator>/H`."""

    def url(self, host: str) -> str:
        """Return the URL prefix, without trailing slash, at which `host` is reached."""
        return f"{self.emulator}/{host}" if self.emulator else f"https://{host}"

    def allowed(self, *patterns: str) -> AllowedHosts:
        """Return the policy for a client of these hosts: they, or the emulator alone if there is one."""
        return AllowedHosts(origin=self.emulator) if self.emulator else AllowedHosts(patterns)


def no_answer(error: httpx.TransportError) -> NoAnswer:
    """Translate the transport's failures; whether the request was sent decides if it may be repeated."""
    if refused := refused_certificate(error):
        return refused
    match error:
        case httpx.ConnectTimeout():
            return NoAnswer("no connection in time", sent=False)
        case httpx.ConnectError() | httpx.ProxyError():
            return NoAnswer("no connection to the service", sent=False)
        case httpx.PoolTimeout():
            return NoAnswer("no free connection", sent=False)
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return NoAnswer(f"the request could not be put on the wire ({type(error).__name__})", sent=False)
        case httpx.TimeoutException():
            return NoAnswer("no answer in time", sent=True)
        case _:
            return NoAnswer(f"the connection broke off ({type(error).__name__})", sent=True)


class UnusableAnswer(Exception):  # noqa: N818 - says what it is
    """httpx cannot handle what came, in a way that none of its own exceptions describes."""


async def send(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    """Send a request and return the response, its body still to be read.

    The boundary to httpx and the libraries below it: whatever is raised there comes out as an
    httpx.HTTPError or as UnusableAnswer. What the body of the request raises comes out as it is.
    """
    try:
        response = await transport.handle_async_request(request)
    except (httpx.HTTPError, PicsyncError):
        raise  # The latter: the bytes of the request's body cannot be read.
    except Exception as error:
        # The libraries let each other's exceptions through: names that IDNA refuses, dates, encodings. The
        # text of such an error may hold what a stranger has sent, or a secret of ours.
        raise UnusableAnswer(type(error).__name__) from error
    response.request = request
    return response


def _by_status(
    _operation: Operation, _response: httpx.Response, answer: Answer, _content: bytes
) -> WireError:
    return WireError(answer)


class HttpClient:
    """An httpx client whose every request is an Operation under the retry policy, to allowed hosts only."""

    def __init__(
        self,
        retrier: Retrier,
        *,
        allowed: AllowedHosts,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        refusal: Refusal = _by_status,
    ) -> None:
        self._refusal = refusal
        self._retrier = retrier
        self._allowed = allowed
        self._cookies = Cookies()
        self._transport = Transport(current())
        self._headers = _HEADERS | _lower(headers)
        self._timeout = timeout

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies that the services have set; sent back by the rules of their domain and path."""
        return self._cookies

    async def request(
        self,
        operation: Operation,
        method: str,
        url: str,
        read: Callable[[httpx.Response], T],
        *,
        redirects: bool = False,
        **options: Any,
    ) -> T:
        """Send a request, repeated as its operation allows, and return what `read` makes of a 2xx answer.

        `options` are httpx's (params, data, json, headers, files, content, timeout). `read` raises
        ProtocolError for an answer that makes no sense. Redirects are not followed: they come out as
        RefusedError, or come to `read` if `redirects` says so. Raises TransientError, RefusedError,
        NotFoundError, ProtocolError; ForeignAddressError, before anything is sent, for a host that is not
        allowed.
        """

        async def attempt() -> T:
            with translated(operation):
                request = self._request(operation, method, url, **options)
                response = await self._send(operation, request)
                try:
                    if not (response.is_success or (redirects and response.has_redirect_location)):
                        raise await self._refused(operation, response)
                    await body.whole(operation, response)
                finally:
                    await response.aclose()
            return read(response)

        return await self._retrier.run(operation, attempt)

    async def download(
        self,
        operation: Operation,
        url: str,
        consume: Callable[[httpx.Response], Awaitable[None]],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """GET `url`, redirects followed, and let `consume` read the streamed 2xx answer.

        Redirects are followed to allowed hosts only, and the client's and the request's own headers stay
        behind where one leads to another host, whatever secrets they hold. `consume` runs once per attempt
        and starts over each time. Raises as `request` does.
        """

        async def attempt() -> None:
            async with self._stream(operation, url, headers) as response:
                if not response.is_success:
                    raise await self._refused(operation, response)
                body.unpack(operation, response)
                await consume(response)

        await self._retrier.run(operation, attempt)

    @asynccontextmanager
    async def _stream(
        self, operation: Operation, url: str, headers: Mapping[str, str] | None
    ) -> AsyncIterator[httpx.Response]:
        with translated(operation):
            # Originals are packed as they are, and their digest is of the bytes as they are.
            plain = {"accept-encoding": "identity", **(headers or {})}
            first = request = self._request(operation, "GET", url, headers=plain)
            for _ in range(MAX_REDIRECTS + 1):
                cookies = same_origin(first.url, request.url)
                response = await self._send(operation, request, cookies=cookies)
                try:
                    if not response.has_redirect_location:
                        yield response
                        return
                finally:
                    await response.aclose()
                request = _redirected(request, response)
            raise ProtocolError(f"{operation}: the redirects do not end.")

    async def _refused(self, operation: Operation, response: httpx.Response) -> Exception:
        retry_after_s = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
        content = await body.beginning(operation, response)
        # Not by the charset that the answer names: some of Python's codecs are none for text.
        start = content[: 4 * EXCERPT_CHARACTERS].decode(errors="replace")
        answer = Answer(response.status_code, retry_after_s, start[:EXCERPT_CHARACTERS])
        return self._refusal(operation, response, answer, content)

    def _request(
        self,
        operation: Operation,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
        **options: Any,
    ) -> httpx.Request:
        """Build a request; raises RefusedError for an address or a header that cannot be sent."""
        try:
            # Not by httpx.AsyncClient, which parses the address three times and copies the headers twice.
            return httpx.Request(
                method,
                url,
                headers=self._headers | _lower(headers),
                extensions={"timeout": (timeout or self._timeout).as_dict()},
                **options,
            )
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            # The text of the error may show the value, which may be a secret.
            raise RefusedError(
                f"{operation}: the request cannot be sent, since its address or a header is malformed"
                f" ({type(error).__name__}).",
                status=0,
                hint="Check the address and the key of this service in the settings.",
            ) from None

    async def _send(
        self, operation: Operation, request: httpx.Request, *, cookies: bool = True
    ) -> httpx.Response:
        self._require_allowed(operation, request.url)
        if cookies and self._cookies:
            self._cookies.set_cookie_header(request)
        response = await send(self._transport, request)
        self._cookies.extract_cookies(response)
        return response

    def _require_allowed(self, operation: Operation, url: httpx.URL) -> None:
        if not self._allowed.allow(url):
            raise ForeignAddressError(
                f"{operation}: the service names an address at {_named(url)}, which picsync does not use.",
                hint="If the service has moved, check for a newer picsync.",
            )

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._transport.aclose()


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


class translated:  # noqa: N801 - used as a statement
    """Context in which httpx's exceptions become WireError, or ProtocolError for an answer past reading."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        match error:
            case httpx.TransportError():
                raise WireError(no_answer(error)) from error
            case httpx.HTTPError() | httpx.InvalidURL() | httpx.CookieConflict() | UnusableAnswer():
                raise ProtocolError(
                    f"{self._operation}: unusable answer ({type(error).__name__})."
                ) from error


def _redirected(request: httpx.Request, response: httpx.Response) -> httpx.Request:
    """Return the next request of a chain of redirects, without what another server must not see.

    Raises httpx.RemoteProtocolError if the response names no address.
    """
    try:
        url = request.url.join(response.headers["location"])
        kept = request.headers if same_origin(request.url, url) else TRAVELLING_HEADERS
        headers = {name: value for name, value in request.headers.items() if name in kept and name != "host"}
        return httpx.Request("GET", url, headers=headers, extensions=request.extensions)
    except (httpx.InvalidURL, ValueError) as error:  # ValueError: a name that IDNA refuses
        raise httpx.RemoteProtocolError("the redirect leads to no address") from error


def _named(url: httpx.URL) -> str:
    """Return scheme, host and port for people; what else an address holds may be a secret."""
    # Not `url.host`, which decodes international names and raises for those that are none.
    host = url.raw_host.decode("ascii", "replace")
    return f"{url.scheme}://{host[:100]}" + (f":{url.port}" if url.port else "")


def read_json(operation: Operation, response: httpx.Response) -> Any:
    """Return the JSON of an answer; raises ProtocolError, naming what came instead."""
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        came = response.headers.get("content-type", "no content type").split(";")[0]
        raise ProtocolError(f"{operation}: expected JSON, but got {came} that cannot be parsed.") from error


def read_model(operation: Operation, response: httpx.Response, shape: TypeAdapter[T]) -> T:
    """Return the JSON of a response as `shape`, parsed and validated in one pass.

    Raises ProtocolError if it is not JSON, pydantic.ValidationError if its shape is another.
    """
    try:
        return shape.validate_json(response.content)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid":
            raise
    # Python's parser accepts half of a character ("\\ud83d"), which a service may leave when it truncates.
    return shape.validate_python(read_json(operation, response))
