"""The hosts of shared albums: the short links, the page, its call, and the cookie consent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from picsync.emulators.google.baseurls import BaseUrls
from picsync.emulators.google.library import Album, Item, Library
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.pages import error_page, not_found
from picsync.emulators.google.resources import MEDIA_HOST
from picsync.emulators.google.sharing import page
from picsync.emulators.google.sharing.albums import PAGE_HOST, SHORT_HOST, SharedAlbum, Shares
from picsync.emulators.google.sharing.payload import Payload
from picsync.emulators.google.sharingoptions import Consent, Scripts, Unshared
from picsync.emulators.service import Handler, origin, params

CONSENT_HOST = "consent.google.com"
RPC = "snAcKc"
_GUARD = ")]}'\n\n"
_NOT_FOUND, _BAD_ARGUMENT = 5, 3
_MISSING = "The requested URL was not found on this server."


class Sharing:
    """Albums of one library that are shared by link."""

    def __init__(self, library: Library, options: GoogleOptions, urls: BaseUrls) -> None:
        self.shares = Shares(library, options)
        self._options = options
        self._urls = urls
        self._tokens: dict[int, str] = {}
        self._payload = Payload(self.shares, options, self._url)
        self._minute = (0, 0)

    def share(self, album: Album) -> SharedAlbum:
        """Switch an album's link on, or on again."""
        return self.shares.share(album)

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of all hosts."""
        rest = web.route("*", "/{path:.*}", not_found)
        batch = "/_/PhotosUi/data/batchexecute"
        return {
            SHORT_HOST: [web.get("/{code}", self._limited(self._follow)), rest],
            PAGE_HOST: [
                web.get("/share/{album}", self._limited(self._show)),
                web.get("/u/{user}/share/{album}", self._limited(self._show)),
                web.post(batch, self._limited(self._call)),
                web.post(f"/u/{{user}}{batch}", self._limited(self._call)),
                rest,
            ],
            CONSENT_HOST: [web.get("/ml", self._consent), rest],
        }

    def _limited(self, handler: Handler) -> Handler:
        async def count(request: web.Request) -> web.StreamResponse:
            most = self._options.sharing.requests_per_minute
            minute, used = int(self._options.now() // 60), 0
            used = (self._minute[1] if self._minute[0] == minute else 0) + 1
            self._minute = (minute, used)
            if most is not None and used > most:
                return _html(page.unusual_traffic_page(), status=429)
            return await handler(request)

        return count

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        shared = self.shares.by_code(params(request)["code"])
        if shared is None:
            return error_page(404, _MISSING)
        if self._options.sharing.interstitial_for_browsers and _is_browser(request):
            return _html(page.interstitial())
        address = f"{origin(request, PAGE_HOST)}/share/{shared.album_key}?key={shared.auth_key}"
        return web.Response(status=302, headers={"Location": address})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        options = self._options.sharing
        if options.consent is Consent.ALWAYS or (
            options.consent is Consent.COOKIELESS and "SOCS" not in request.cookies
        ):
            return web.Response(
                status=302,
                headers={
                    "Location": f"{origin(request, CONSENT_HOST)}/ml?continue=https://{PAGE_HOST}/&gl=DE"
                },
            )
        shared = self.shares.find(params(request)["album"], request.query.get("key"))
        if shared is None:
            if options.unshared is Unshared.LOGIN:
                login = f"{origin(request, 'accounts.google.com')}/v3/signin/identifier?continue=https://{PAGE_HOST}/"
                return web.Response(status=302, headers={"Location": login})
            return error_page(404, _MISSING)
        if options.scripts is Scripts.EVERYBODY or (
            options.scripts is Scripts.OTHERS and not _is_browser(request)
        ):
            return _html(page.scripts_page())
        data = self._payload.page(shared, None, origin(request, MEDIA_HOST))
        language = page.language_of(request.headers.get("Accept-Language", ""), request.query.get("hl", ""))
        answer = _html(page.album_page(shared, data, language, options))
        answer.set_cookie("NID", "511=emulated", httponly=True)
        answer.enable_compression()
        return answer

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if RPC not in request.query.get("rpcids", "").split(","):
            return error_page(400, "Your client has issued a malformed or illegal request.")
        form = await request.post()
        asked = _arguments(str(form.get("f.req", "")))
        if asked is None:
            return error_page(400, "Your client has issued a malformed or illegal request.")
        answer = self._answer(asked, origin(request, MEDIA_HOST))
        chunks = [[answer], [["di", 55], ["af.httprm", 55, "-123456789", 7]], [["e", 4, None, None, 300]]]
        if request.query.get("rt") != "c":
            text = _GUARD + json.dumps([*chunks[0], *chunks[1]], separators=(",", ":"))
        else:
            lines = [json.dumps(chunk, separators=(",", ":")) for chunk in chunks]
            # The length counts the line breaks on both sides.
            text = _GUARD + "".join(f"{len(line) + 2}\n{line}\n" for line in lines)
        result = web.Response(text=text, content_type="application/json", charset="utf-8")
        result.enable_compression()
        return result

    def _answer(self, asked: list[Any], media_origin: str) -> list[Any]:
        shared = self.shares.find(asked[0], asked[3])
        if shared is None:
            return _refused(_NOT_FOUND)
        data = self._payload.page(shared, asked[1], media_origin)
        if data is None:
            return _refused(_BAD_ARGUMENT)
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        return ["wrb.fr", RPC, text, None, None, None, "generic"]

    async def _consent(self, request: web.Request) -> web.StreamResponse:
        return _html(page.consent_page(page.language_of(request.headers.get("Accept-Language", ""), "")))

    def _url(self, item: Item, media_origin: str) -> str:
        if self._options.sharing.changing_urls or item.number not in self._tokens:
            self._tokens[item.number] = self._urls.issue(item.number, self._options.now())
        return f"{media_origin}/pw/{self._tokens[item.number]}"


def _refused(code: int) -> list[Any]:
    return ["wrb.fr", RPC, None, None, None, [code], "generic"]


def _arguments(text: str) -> list[Any] | None:
    """Return the call's arguments: album key, token, an unused one, auth key; None for another call."""
    try:
        ((name, inner, _, _),) = json.loads(text)[0]
        asked = json.loads(inner)
    except (ValueError, TypeError, LookupError):
        return None
    fits = name == RPC and isinstance(asked, list) and len(asked) >= 4
    return asked if fits and isinstance(asked[1], str | None) else None


def _is_browser(request: web.Request) -> bool:
    return request.headers.get("User-Agent", "").startswith("Mozilla/5.0")


def _html(text: str, *, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
