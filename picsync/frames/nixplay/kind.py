"""The kind `nixplay` of frames."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.core.recipe import Panel
from picsync.frames.base import Frame
from picsync.frames.nixplay.credentials import NixplayAccount, require_account
from picsync.http.retry import Operation


def _open(opening: Opening) -> Frame:
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.frames.nixplay.session import NixplayLogin

    account = require_account(opening.account)
    return NixplayFrame(
        NixplayLogin(account.username, account.password.get_secret_value(), opening.account.section_name),
        hosts=opening.hosts,
        retrier=opening.retrier(),
        emit=opening.emit,
    )


def _require(account: Account, _entries: Sequence[object]) -> None:
    require_account(account)


def _operations() -> Sequence[Operation]:
    from picsync.frames.nixplay.client import OPERATIONS

    return OPERATIONS


def _clock() -> str:
    from picsync.frames.nixplay.session import API

    return API


NIXPLAY: Kind[Frame] = Kind(
    name="nixplay",
    title="Nixplay",
    summary="The albums and playlists of a Nixplay account.",
    example="nixplay: {kind: nixplay}",
    credentials=NixplayAccount,
    open=_open,
    operations=_operations,
    require=_require,
    playlists=True,
    panel=Panel(1920, 1200),
    clock=_clock,
)
