"""The kind `googlephotos`: albums of the Google Photos Library API."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.http.retry import Operation
from picsync.sources.base import AlbumName, Source
from picsync.vendors.google.credentials import KIND, LOGIN_COMMAND, GooglePhotosLogin, require_login


def _open(opening: Opening) -> Source:
    from picsync.sources.google.library.source import GooglePhotosSource
    from picsync.vendors.google.tokens import GoogleLogin

    found = require_login(opening.account)
    login = GoogleLogin.of(found.api, found.access)
    return GooglePhotosSource(login, hosts=opening.hosts, retrier_for=opening.retrier, emit=opening.emit)


def _require(account: Account, _entries: Sequence[object]) -> None:
    require_login(account)


def _operations() -> Sequence[Operation]:
    from picsync.sources.google.library.source import OPERATIONS

    return OPERATIONS


GOOGLEPHOTOS: Kind[Source] = Kind(
    name=KIND,
    title="Google Photos",
    summary="Albums created by your own OAuth client (Google Photos Library API).",
    example="googlephotos:\n- <album id>    # from `picsync googlephotos list`",
    options=AlbumName,
    credentials=GooglePhotosLogin,
    open=_open,
    operations=_operations,
    require=_require,
    login_command=LOGIN_COMMAND,
)
