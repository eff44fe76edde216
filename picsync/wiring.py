"""The one place that knows concrete names: what the configuration says becomes sources, frame and tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import SecretStr

from picsync.apply import Tools, TransferResult, learn
from picsync.config import (
    CREDENTIALS_PATHS,
    Config,
    Credentials,
    GoogleAccess,
    GoogleClient,
    GooglePhotosLogin,
    MaxDelete,
    load_config,
    load_credentials,
)
from picsync.cycle import AlbumRule
from picsync.errors import ConfigError, Problem
from picsync.events import Emit
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.plan import DeleteLimit, Overflow, Rule
from picsync.spool import Spool

if TYPE_CHECKING:
    from picsync.cache.status import CacheStatus
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.model import MediaItem
    from picsync.sources.googlephotos.source import GooglePhotosSource

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

SOURCE_KINDS = {"googlephotos": list[str]}
"""Kinds that may stand under `sources:` in picsync.yaml, with the type of their albums."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Configuration and credentials that fit together."""

    config: Config
    credentials: Credentials

    @property
    def intervals(self) -> dict[str, timedelta]:
        """Rule name -> from one cycle's beginning to the next one's; empty if there is one cycle only."""
        every = {album.name: album.every or self.config.every for album in self.config.albums}
        return {name: interval for name, interval in every.items() if interval is not None}


@dataclass(frozen=True, slots=True)
class SettingsFiles:
    """Where the settings are: two files, and the environment over them."""

    config: Path
    environ: Mapping[str, str]
    credentials: Sequence[Path] = CREDENTIALS_PATHS

    def load(self) -> Settings:
        """Read and check everything; raises ConfigError with every problem of the first file that has any."""
        config = load_config(self.config, environ=self.environ, source_kinds=SOURCE_KINDS)
        credentials = load_credentials(self.credentials, self.environ)
        _require(credentials, _kinds(config))
        settings = Settings(config, credentials)
        without = [album.name for album in config.albums if album.name not in settings.intervals]
        if settings.intervals and without:
            message = (
                f"is missing for {', '.join(without)}, while other rules have one. Set it at the top level."
            )
            raise ConfigError([Problem(str(self.config), None, "every", message)])
        if settings.intervals and config.notify:
            from picsync.notify import check_notify

            if problems := check_notify(config.notify, str(self.config)):
                raise ConfigError(problems)
        return settings

    def fingerprint(self) -> tuple[bytes | None, ...]:
        """Return the files' content, None for those that cannot be read: it differs when they do."""
        return tuple(map(_content, (self.config, *self.credentials)))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def album_rules(config: Config, *, dry_run: bool = False, allow_deletes: bool = False) -> list[AlbumRule]:
    """Return the rules of the configuration; the arguments are the command line's and go for all of them."""
    return [
        AlbumRule(
            Rule(
                name=album.name,
                delete=album.delete,
                force_publish=album.force_publish,
                videos=album.videos,
                delete_limit=_delete_limit(album.max_delete),
                allow_deletes=allow_deletes,
                overflow=Overflow(album.overflow),
            ),
            sources=album.sources,
            dry_run=dry_run or album.dry_run,
        )
        for album in config.albums
    ]


def _delete_limit(allowed: MaxDelete | None) -> DeleteLimit | None:
    if allowed is None:
        return None
    return DeleteLimit(allowed.count, None if allowed.percent is None else allowed.percent / 100)


def open_googlephotos(
    credentials: Credentials, hosts: Hosts, emit: Emit, *, sleep: Sleep = asyncio.sleep
) -> GooglePhotosSource:
    """Return the Google Photos source; raises ConfigError if the credentials lack something."""
    from picsync.sources.googlephotos.source import GooglePhotosSource
    from picsync.sources.googlephotos.tokens import GoogleLogin

    found = credentials.require_googlephotos()
    login = GoogleLogin(
        client_id=found.api.key,
        client_secret=found.api.secret.get_secret_value(),
        refresh_token=found.access.refresh_token.get_secret_value(),
        access_token=found.access.access_token.get_secret_value(),
        expiry=found.access.expiry,
    )
    return GooglePhotosSource(
        login,
        hosts=hosts,
        retrier_for=lambda policy: Retrier(policy, emit=emit, sleep=sleep),
        emit=emit,
    )


def log_in_to_googlephotos(
    client: GoogleClient,
    hosts: Hosts,
    *,
    open_browser: bool,
    ask: Callable[[str], str],
    say: Callable[[str], None],
) -> GooglePhotosLogin:
    """Lead a person through the login; returns what belongs into the credentials file.

    Raises LoginNeeded if Google or the person refuses.
    """
    from picsync.sources.googlephotos.login import login

    done = login(
        client.key, client.secret.get_secret_value(), hosts=hosts, open_browser=open_browser, ask=ask, say=say
    )
    return GooglePhotosLogin(
        api=client,
        access=GoogleAccess(
            access_token=SecretStr(done.access_token),
            refresh_token=SecretStr(done.refresh_token),
            expiry=done.expiry,
        ),
    )


def open_nixplay(
    credentials: Credentials, hosts: Hosts, emit: Emit, *, sleep: Sleep = asyncio.sleep
) -> NixplayFrame:
    """Return the Nixplay frame; raises ConfigError if the credentials lack something."""
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.frames.nixplay.session import NixplayLogin

    login = credentials.require_nixplay()
    return NixplayFrame(
        NixplayLogin(login.username, login.password.get_secret_value()),
        hosts=hosts,
        retrier=Retrier(RetryPolicy(), emit=emit, sleep=sleep),
        emit=emit,
    )


@asynccontextmanager
async def open_tools(
    config: Config,
    credentials: Credentials,
    *,
    cache: str,
    emit: Emit,
    notify: Callable[[str], None],
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Tools]:
    """Open what the rules of `config` need, and close it at the end of the context.

    `cache` is a path or a database URL; what happens to it that a person should know goes to `notify`.
    `sleep` is what all waiting for services is done with. Raises ConfigError and CacheError before any
    request is made.
    """
    from picsync.cache.store import Cache

    hosts = Hosts(config.emulator)
    async with AsyncExitStack() as stack:
        frame = open_nixplay(credentials, hosts, emit, sleep=sleep)
        stack.push_async_callback(frame.aclose)
        sources = {}
        for kind in _kinds(config):
            source = open_googlephotos(credentials, hosts, emit, sleep=sleep)
            stack.push_async_callback(source.aclose)
            sources[kind] = source
        store = await Cache.open(cache, notify=notify)
        stack.push_async_callback(store.aclose)
        yield Tools(sources, frame, store, Spool(), emit, sleep=sleep)


async def update_cache(
    source: GooglePhotosSource, items: Sequence[MediaItem], *, cache: str, notify: Callable[[str], None]
) -> TransferResult:
    """Learn the digests that the cache lacks, by the algorithm of Nixplay."""
    from picsync.cache.store import Cache
    from picsync.frames.nixplay.frame import CAPABILITIES

    store = await Cache.open(cache, notify=notify)
    try:
        return await learn(source, store, Spool(), items, CAPABILITIES.digest_algorithm)
    finally:
        await store.aclose()


async def inspect_cache(cache: str) -> CacheStatus:
    """Return what a cache holds, without disturbing a process that uses it; raises CacheError."""
    from picsync.cache.store import Cache

    return await Cache.inspect(cache)


def operations(config: Config) -> list[tuple[str, str]]:
    """Return service and name of every kind of request that the cycles of `config` may make."""
    from picsync.frames.nixplay.client import OPERATIONS

    found = list(OPERATIONS)
    for _ in _kinds(config):
        from picsync.sources.googlephotos.source import OPERATIONS as FURTHER

        found += FURTHER
    return [(operation.service, operation.name) for operation in found]


def _require(credentials: Credentials, kinds: Iterable[str]) -> None:
    """Raise ConfigError with everything that the credentials lack, of all services at once."""
    lacking: list[ConfigError] = []
    for require in (credentials.require_nixplay, *(credentials.require_googlephotos for _ in kinds)):
        try:
            require()
        except ConfigError as error:
            lacking.append(error)
    if lacking:
        problems = [problem for error in lacking for problem in error.problems]
        raise ConfigError(problems, hint="\n".join(error.hint for error in lacking))


def _kinds(config: Config) -> Iterable[str]:
    return dict.fromkeys(kind for album in config.albums for kind, ids in album.sources.items() if ids)
