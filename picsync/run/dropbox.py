"""What commands do with a Dropbox account: the permissions that a configuration needs, and the login."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from picsync.config import Config
from picsync.core.events import Emit
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.run.settings import entries_in_use, places_in_use
from picsync.sources.dropbox.options import DropboxEntry
from picsync.vendors.dropbox.api import LINK_SCOPES, READ_SCOPES, SPACE_SCOPES, WRITE_SCOPES


def needed_scopes(config: Config, account: str) -> frozenset[str]:
    """Return the fewest permissions with which an account can do what picsync.yaml asks of it.

    Reading is always among them: the commands need it.
    """
    entries = entries_in_use(config).get(account, {})
    linked = any(isinstance(entry, DropboxEntry) and entry.link for entry in entries.values())
    filled = account in _filled(config)
    writes = filled or account in places_in_use(config)
    found = READ_SCOPES | (LINK_SCOPES if linked else frozenset())
    return found | (WRITE_SCOPES if writes else frozenset()) | (SPACE_SCOPES if filled else frozenset())


def _filled(config: Config) -> set[str]:
    """Return the accounts in which frames are filled."""
    names = {name for album in config.albums for name in album.frames}
    return {
        str(entry.values.get("account", entry.kind)) for name, entry in config.frames.items() if name in names
    }


def log_in_to_dropbox(
    app_key: str,
    scopes: frozenset[str],
    hosts: Hosts,
    emit: Emit,
    *,
    ask: Callable[[str], str],
    say: Callable[[str], None],
) -> str:
    """Guide the user through the login; return the refresh token.

    Raises LoginNeeded, TransientError and ProtocolError.
    """
    from picsync.vendors.dropbox.login import Consent, ask_for_code, redeem

    consent = Consent.of(app_key, scopes)
    code = ask_for_code(consent, hosts, ask=ask, say=say)
    retrier = Retrier(RetryPolicy(), emit=emit)
    return asyncio.run(redeem(consent, code, hosts=hosts, retrier=retrier))
