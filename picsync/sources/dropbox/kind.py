"""The kind `dropbox`: folders in Dropbox, and shared links of folders."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.core.places import Reach, StorePlace
from picsync.http.retry import Operation
from picsync.sources.base import Source
from picsync.sources.dropbox.options import DropboxEntry
from picsync.vendors.dropbox.credentials import (
    KIND,
    LOGIN_COMMAND,
    TITLE,
    DropboxLogin,
    require_app_secret,
    require_login,
)
from picsync.vendors.dropbox.webhooks import HOOK


def _open(opening: Opening) -> Source:
    from picsync.sources.dropbox.source import DropboxSource
    from picsync.vendors.dropbox.tokens import Login

    _require(opening.account, list(opening.entries.values()))
    section = opening.account.read(DropboxLogin)
    return DropboxSource(
        Login(
            section.app_key,
            section.app_secret.get_secret_value(),
            section.refresh_token.get_secret_value(),
        ),
        entries=opening.entries,
        hosts=opening.hosts,
        retrier_for=opening.retrier,
        emit=opening.emit,
        sleep=opening.sleep,
        account=opening.account,
        link_password=section.link_password.get_secret_value(),
    )


def _require(account: Account, entries: Sequence[DropboxEntry]) -> None:
    # Shared links alone need no user: an app can follow them.
    links_only = bool(entries) and all(entry.link for entry in entries)
    if links_only and not account.read(DropboxLogin).refresh_token.get_secret_value():
        require_app_secret(account)
    else:
        require_login(account)


def _places(account: str, entry: DropboxEntry) -> Sequence[Reach]:
    return () if entry.link else (Reach(StorePlace(account, entry.path), below=entry.recursive),)


def _operations() -> Sequence[Operation]:
    from picsync.sources.dropbox.source import OPERATIONS

    return OPERATIONS


DROPBOX: Kind[Source] = Kind(
    name=KIND,
    title=TITLE,
    summary="Folders in Dropbox, and other people's folders by shared links.",
    example="dropbox:\n- /Family/Frame\n- {path: /Camera Uploads, recursive: true}\n"
    "- https://www.dropbox.com/scl/fo/<id>/<key>?rlkey=<key>",
    options=DropboxEntry,
    credentials=DropboxLogin,
    open=_open,
    operations=_operations,
    require=_require,
    login_command=LOGIN_COMMAND,
    hook=HOOK,
    places=_places,
)
