"""Combines the registries of kinds: what the configuration may refer to, and how accounts are opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from picsync.config import (
    CREDENTIALS_PATHS,
    Config,
    Credentials,
    Known,
    Logins,
    account_kinds,
    load_config,
    load_credentials,
)
from picsync.config.kinds import AnyKind
from picsync.config.openid import SECTION, OpenIdClient
from picsync.core.caption import Captions
from picsync.frames.kinds import FRAMES
from picsync.sources.kinds import SOURCES
from picsync.stores.kinds import STORES


def kinds() -> list[AnyKind]:
    """Return all kinds, frames first."""
    return [*FRAMES.values(), *SOURCES.values()]


def logins() -> Logins:
    """Return the models of the credentials file's sections, by kind."""
    found = {kind.name: kind.credentials for kind in kinds() if kind.credentials is not None}
    return {**found, SECTION: OpenIdClient}


def known(accounts: Mapping[str, str] = MappingProxyType({})) -> Known:
    """Return what picsync.yaml may refer to; `accounts` has the kind of each account by name."""
    entries = {name: kind.options for name, kind in SOURCES.items()}
    named = {name: SOURCES[kind].options for name, kind in accounts.items() if kind in SOURCES}
    frames = {name: kind.options for name, kind in FRAMES.items()}
    alone = frozenset(name for name, kind in FRAMES.items() if kind.credentials is None)
    captioned = frozenset(name for name, kind in FRAMES.items() if kind.captions is not Captions.NONE)
    return Known({**entries, **named}, frames, accounts, alone, captioned, frozenset(STORES))


def read_credentials(environ: Mapping[str, str], paths: Sequence[Path] = CREDENTIALS_PATHS) -> Credentials:
    """Return the credentials with the sections of all kinds; raises ConfigError."""
    return load_credentials(paths, environ, known(), logins())


def read_accounts(environ: Mapping[str, str], paths: Sequence[Path] = CREDENTIALS_PATHS) -> dict[str, str]:
    """Return the kind of each account by name, as far as the credentials say."""
    return account_kinds(paths, environ, logins())


def read_config(
    path: Path,
    environ: Mapping[str, str],
    accounts: Mapping[str, str] = MappingProxyType({}),
    only: Collection[str] | None = None,
) -> Config:
    """Return the configuration, which may refer to `accounts`: name -> kind. Raises ConfigError.

    `only` is that of `load_config`: what small commands read of a file that may not be finished.
    """
    return load_config(path, environ=environ, known=known(accounts), logins=logins(), only=only)
