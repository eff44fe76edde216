"""The kind `immich`: an Immich server."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.http.retry import Operation
from picsync.sources.base import Source
from picsync.sources.immich.credentials import ImmichKey, require_key
from picsync.sources.immich.options import ImmichEntry


def _open(opening: Opening) -> Source:
    from picsync.sources.immich.source import ImmichLogin, ImmichSource

    _require(opening.account, list(opening.entries.values()))
    found = opening.account.read(ImmichKey)
    login = ImmichLogin(
        found.server,
        found.api_key.get_secret_value(),
        found.link_password.get_secret_value(),
        opening.account,
    )
    return ImmichSource(
        login,
        entries=opening.entries,
        hosts=opening.hosts,
        retrier_for=opening.retrier,
        emit=opening.emit,
    )


def _require(account: Account, entries: Sequence[ImmichEntry]) -> None:
    # Shared links alone need no key.
    if not entries or any(entry.link is None for entry in entries):
        require_key(account)


def _operations() -> Sequence[Operation]:
    from picsync.sources.immich.api import OPERATIONS

    return OPERATIONS


IMMICH: Kind[Source] = Kind(
    name="immich",
    title="Immich",
    summary="Albums, people, tags and favourites of a self-hosted Immich server, and its shared links.",
    example="immich:\n- Grandma             # an album's name or ID\n- person:Anna\n- tag:Trips/Rome\n"
    "- favorites\n- https://photos.example.org/share/<key>\n- {album: Grandma, rendition: preview}",
    options=ImmichEntry,
    credentials=ImmichKey,
    open=_open,
    operations=_operations,
    require=_require,
)
