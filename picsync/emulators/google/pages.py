"""Google's HTML pages for requests that no API method handles."""

from __future__ import annotations

import html

from aiohttp import web

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
}


def error_page(status: int, message: str) -> web.Response:
    """Return an error page; `message` is plain text."""
    title = f"Error {status} ({_TITLES.get(status, 'Error')})!!1"
    text = (
        f"<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{title}</title>\n"
        f"<p><b>{status}.</b> <ins>That\u2019s an error.</ins>\n<p>{html.escape(message)} "
        "<ins>That\u2019s all we know.</ins>\n"
    )
    return web.Response(
        status=status, text=text, content_type="text/html", charset="UTF-8", headers={"Server": "sffe"}
    )


async def not_found(request: web.Request) -> web.StreamResponse:
    """Respond to a request for an unknown path."""
    return error_page(404, f"The requested URL {request.path} was not found on this server.")
