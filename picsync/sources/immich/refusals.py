"""Maps Immich's error responses to picsync's errors.

Immich's own errors are JSON. Anything else comes from a proxy in front of it, and says nothing about key or
album.
"""

from __future__ import annotations

import re

from picsync.core.errors import LoginNeeded, PicsyncError, RefusedError
from picsync.http.retry import Operation

_MESSAGE = re.compile(r'"message": ?"([ -!#-\[\]-~]{1,120})"')
"""Immich's message, in printable characters; shown to users, never used for decisions."""

API_KEYS = "Account Settings > API Keys"
PERMISSIONS = ("asset.read", "asset.view", "asset.download", "asset.statistics", "album.read")
"""What a key needs, in addition to `person.read` and `tag.read` for entries that name one."""


def refusal(
    operation: Operation, permission: str, error: RefusedError, *, by_link: bool, section: str
) -> PicsyncError:
    """Return the error for a response with status 300 to 499; `section` is that of the credentials file."""
    if 300 <= error.status < 400:
        return RefusedError(
            f"{operation}: the server redirects to another address ({error.status}).",
            status=error.status,
            hint="Write the address that a browser shows when Immich is open, with https:// if it has it; a"
            " proxy with a login page must let picsync through.",
        )
    if error.status == 400 and (said := _MESSAGE.search(error.excerpt)):
        return RefusedError(f"{operation}: Immich refuses (400): {said[1]}.", status=400)
    if error.status not in (401, 403):
        return error
    if not error.excerpt.lstrip().startswith("{"):
        return RefusedError(
            f"{operation}: a proxy in front of Immich refuses the request ({error.status}).",
            status=error.status,
            hint=f"A proxy with its own login must let picsync through, or `{section}.server` must be"
            " Immich's own address.",
        )
    if by_link:
        return RefusedError(
            f"{operation}: the shared link does not permit it ({error.status}); it has expired, was revoked"
            " or requires a password.",
            status=error.status,
            hint=f"Open it in a browser. If it asks for a password, write it to `{section}.link_password` in"
            " the credentials file.",
        )
    if error.status == 401:
        return LoginNeeded(
            "Immich rejects the API key (401).",
            hint=f"Create one in Immich under {API_KEYS} and write it to `{section}.api_key` in the"
            " credentials file.",
        )
    return RefusedError(
        f"{operation}: the API key lacks the permission `{permission}` (403).",
        status=error.status,
        hint=f"In Immich, under {API_KEYS}, edit the key and tick `{permission}`. picsync needs"
        f" {', '.join(PERMISSIONS)}, and person.read or tag.read if an entry names a person or a tag.",
    )
