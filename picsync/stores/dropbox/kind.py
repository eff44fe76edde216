"""The kind `dropbox`: the files of a Dropbox account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.http.retry import Operation
from picsync.stores.base import Store
from picsync.vendors.dropbox.credentials import KIND, LOGIN_COMMAND, TITLE, DropboxLogin, require_login


def _open(opening: Opening) -> Store:
    from picsync.stores.dropbox.store import DropboxStore
    from picsync.vendors.dropbox.api import DropboxApi
    from picsync.vendors.dropbox.client import DropboxClient
    from picsync.vendors.dropbox.tokens import Login

    section = require_login(opening.account)
    login = Login(
        section.app_key, section.app_secret.get_secret_value(), section.refresh_token.get_secret_value()
    )
    client = DropboxClient(login, hosts=opening.hosts, retrier_for=opening.retrier)
    return DropboxStore(DropboxApi(client, sleep=opening.sleep), sleep=opening.sleep)


def _require(account: Account, _places: Sequence[Any]) -> None:
    require_login(account)


def _operations() -> Sequence[Operation]:
    from picsync.vendors.dropbox.api import READ_OPERATIONS, WRITE_OPERATIONS

    return (*READ_OPERATIONS, *WRITE_OPERATIONS)


STORE: Kind[Store] = Kind(
    name=KIND,
    title=TITLE,
    summary="The files of a Dropbox account.",
    example="dropbox:/Camera Uploads",
    credentials=DropboxLogin,
    open=_open,
    operations=_operations,
    require=_require,
    login_command=LOGIN_COMMAND,
)
