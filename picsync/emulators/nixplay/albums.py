"""The old backend: login, albums and their pictures. Trailing slashes, forms, errors in HTML."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from picsync.emulators.nixplay.hosts import APP
from picsync.emulators.nixplay.options import Answer, Refused
from picsync.emulators.nixplay.parts import Parts, form, number, path_id
from picsync.emulators.nixplay.render import album_json, photo_json
from picsync.emulators.nixplay.sessions import (
    LOGIN_PAGE,
    SESSION_COOKIE,
    Session,
    login_errors,
    redirect,
    set_cookies,
)
from picsync.emulators.nixplay.state import Account, Album
from picsync.emulators.service import origin

_UNAVAILABLE = Answer.html(503, "Service Temporarily Unavailable")


class OldBackend:
    """Handlers of `api.nixplay.com` outside `/v3/`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes."""
        guard = self._parts.sessions.guard
        return (
            web.post("/www-login/", self._login),
            web.post("/v2/www-login-redirect/", self._login_redirect),
            web.get("/sign_out/", self._sign_out),
            web.get("/user/profile/edit/", guard(self._profile)),
            *(
                web.get(f"{version}/albums/{kind}/json/", guard(lister))
                for version in ("", "/v2")
                for kind, lister in (("web", self._web_albums), ("email", self._email_albums))
            ),
            web.post("/album/create/json/", guard(self._create_album)),
            web.post(r"/album/{album_id:\d+}/delete/json/", guard(self._delete_album)),
            web.get(r"/album/{album_id:\d+}/pictures/json/", guard(self._pictures)),
            web.get(r"/album/{album_id:\d+}/pictures/json", guard(_unavailable)),
            web.get(r"/picture/{picture_id:\d+}/", guard(self._picture)),
            web.post(r"/picture/{picture_id:\d+}/delete/json/", guard(self._delete_picture)),
        )

    async def _login(self, request: web.Request) -> web.StreamResponse:
        fields = await form(request)
        email, password = fields.get("email", ""), fields.get("password", "")
        account = self._parts.state.accounts.get(email.removesuffix("@mynixplay.com"))
        if account is None or not password or password != account.password:
            errors = login_errors(email, password)
            return web.json_response({"valid": False, "success": False, "token": "", "errors": errors})
        session = self._parts.sessions.open(account)
        body = {"valid": True, "success": True, "errors": [], "token": session.token}
        return _with_cookies(request, web.json_response(body), session, token=False)

    async def _login_redirect(self, request: web.Request) -> web.StreamResponse:
        session = self._parts.sessions.with_token((await form(request)).get("token", ""))
        if session is None:
            return Answer.html(403, "Forbidden").response()
        return _with_cookies(request, redirect(f"{origin(request, APP)}/"), session, token=True)

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        self._parts.sessions.end(request.cookies.get(SESSION_COOKIE, ""))
        return redirect(f"{origin(request, APP)}/login")

    async def _profile(self, _: web.Request, account: Account) -> web.StreamResponse:
        return web.json_response({"old_username": account.address, "username": account.address})

    async def _web_albums(self, request: web.Request, account: Account) -> web.StreamResponse:
        return self._albums(request, account, "Web")

    async def _email_albums(self, request: web.Request, account: Account) -> web.StreamResponse:
        return self._albums(request, account, "Email")

    def _albums(self, request: web.Request, account: Account, kind: str) -> web.StreamResponse:
        self._parts.uploads.settle()
        state, url = self._parts.state, self._parts.urls(request)
        albums = [album for album in state.albums_listed(account) if album.kind == kind]
        return web.json_response([album_json(album, state.photo_count(album), url) for album in albums])

    async def _create_album(self, request: web.Request, account: Account) -> web.StreamResponse:
        name = (await form(request)).get("name", "")
        if not name:
            return Answer.html(400, "Bad Request").response()
        album = self._parts.state.create_album(account, name)
        answer = album_json(album, 0, self._parts.urls(request))
        if self._parts.options.echo_names:
            answer["title"] = name
        return web.json_response([answer])

    async def _delete_album(self, request: web.Request, account: Account) -> web.StreamResponse:
        album = self._album(request, account)
        if not album.deletable:
            return Answer.html(403, "Forbidden").response()
        self._parts.state.delete_album(account, album)
        return web.json_response({"success": True})

    async def _pictures(self, request: web.Request, account: Account) -> web.StreamResponse:
        page, limit = (number(request.query.get(name)) for name in ("page", "limit"))
        if not page or not limit:
            return _UNAVAILABLE.response()
        album = self._album(request, account)
        size = self._parts.page_size(limit, self._parts.options.pictures_limit)
        photos = self._parts.uploads.listed(album)[(page - 1) * size : page * size]
        url = self._parts.urls(request)
        return web.json_response({"photos": [photo_json(photo, url) for photo in photos]})

    async def _picture(self, request: web.Request, account: Account) -> web.StreamResponse:
        photo = account.photos.get(path_id(request, "picture_id"))
        if photo is None:
            return self._parts.options.unknown_id.response()
        return web.json_response(photo_json(photo, self._parts.urls(request)))

    async def _delete_picture(self, request: web.Request, account: Account) -> web.StreamResponse:
        photo = account.photos.get(path_id(request, "picture_id"))
        if photo is not None:
            self._parts.state.delete_photo(account, photo)
        return web.json_response({"success": True})

    def _album(self, request: web.Request, account: Account) -> Album:
        album = account.albums.get(path_id(request, "album_id"))
        if album is None:
            raise Refused(self._parts.options.unknown_id)
        return album


def web_app_routes() -> Sequence[web.RouteDef]:
    """Return the routes of `app.nixplay.com`: the same page for every path, like a single-page app."""
    return (web.get("/{path:.*}", _web_app),)


async def _web_app(_: web.Request) -> web.StreamResponse:
    return web.Response(text=LOGIN_PAGE, content_type="text/html")


async def _unavailable(_: web.Request, __: Account) -> web.StreamResponse:
    return _UNAVAILABLE.response()


def _with_cookies(
    request: web.Request, response: web.Response, session: Session, *, token: bool
) -> web.Response:
    set_cookies(request, response, session, token=token)
    return response
