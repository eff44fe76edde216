"""What the configuration says becomes sources, frame and tools; `kinds` has the table of sources."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from picsync.aio.loading import loading
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
    read_regular,
)
from picsync.core.errors import ConfigError, Problem
from picsync.core.events import Emit
from picsync.core.plan import (
    DeleteLimit,
    Rule,
)
from picsync.core.select import Overflow
from picsync.frames.base import Frame
from picsync.http import network
from picsync.http.client import Hosts
from picsync.http.clock import offset_of
from picsync.http.pace import Pace
from picsync.http.retry import Retrier, RetryPolicy
from picsync.sources.base import Source
from picsync.sources.kinds import ENTRIES, SOURCES, Opening, Sleep, google_login
from picsync.sync.cycle import AlbumRule
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools, TransferResult, learn

if TYPE_CHECKING:
    from picsync.cache.status import CacheStatus
    from picsync.cache.store import Cache
    from picsync.core.model import MediaItem
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.sources.google.picked.api import GooglePicker
    from picsync.sources.google.picked.library import Library


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
        """Read and check everything; raises ConfigError with every problem that both files have."""
        config, credentials, errors = self.parts()
        if config is None or credentials is None or errors:
            hints = [error.hint for error in errors if error.hint]
            raise ConfigError([one for error in errors for one in error.problems], hint="\n".join(hints))
        settings = Settings(config, credentials)
        without = [album.name for album in config.albums if album.name not in settings.intervals]
        if settings.intervals and without:
            message = (
                f"is missing for {', '.join(without)}, while other rules have one. Set it at the top level."
            )
            raise ConfigError([Problem(str(self.config), None, "every", message)])
        if settings.intervals and config.notify:
            from picsync.observe.notify import check_notify

            if problems := check_notify(config.notify, str(self.config)):
                raise ConfigError(problems)
        return settings

    def parts(self) -> tuple[Config | None, Credentials | None, list[ConfigError]]:
        """Return what can be used of the settings, None for a file that cannot, and what is wrong."""
        config, credentials, errors = None, None, []
        try:
            config = load_config(self.config, environ=self.environ, source_kinds=ENTRIES)
        except ConfigError as error:
            errors.append(error)
        try:
            credentials = load_credentials(self.credentials, self.environ)
        except ConfigError as error:
            errors.append(error)
        try:
            own = config.ca_certificates if config is not None else None
            network.Network.read(self.environ, own, file=str(self.config))
        except ConfigError as error:
            errors.append(error)
        if config is not None and credentials is not None:
            try:
                _require(config, credentials)
            except ConfigError as error:
                errors.append(error)
        return config, credentials, errors

    def fingerprint(self) -> tuple[bytes | None, ...]:
        """Return the files' content, None for those that cannot be read: it differs when they do."""
        return tuple(map(_content, (self.config, *self.credentials)))


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path)[0]
    except (OSError, ValueError):
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
            sources={
                kind: tuple(dict.fromkeys(map(str, entries))) for kind, entries in album.sources.items()
            },
            dry_run=dry_run or album.dry_run,
        )
        for album in config.albums
    ]


def _delete_limit(allowed: MaxDelete | None) -> DeleteLimit | None:
    if allowed is None:
        return None
    return DeleteLimit(allowed.count, None if allowed.percent is None else allowed.percent / 100)


def log_in_to_googlephotos(
    client: GoogleClient,
    hosts: Hosts,
    *,
    open_browser: bool,
    ask: Callable[[str], str],
    say: Callable[[str], None],
    picking: bool = False,
) -> GooglePhotosLogin:
    """Lead a person through the login; returns what belongs into the credentials file.

    With `picking` it is the one for picking photos, which permits nothing else. Raises LoginNeeded if
    Google or the person refuses.
    """
    from picsync.sources.google.picked.api import SCOPE
    from picsync.vendors.google.login import SCOPES, login

    done = login(
        client.key,
        client.secret.get_secret_value(),
        hosts=hosts,
        open_browser=open_browser,
        ask=ask,
        say=say,
        scopes=[SCOPE] if picking else SCOPES,
    )
    access = GoogleAccess(
        access_token=SecretStr(done.access_token),
        refresh_token=SecretStr(done.refresh_token),
        expiry=done.expiry,
    )
    return GooglePhotosLogin(api=client, **{"picker" if picking else "access": access})


@asynccontextmanager
async def open_picker(login: GooglePhotosLogin, hosts: Hosts, emit: Emit) -> AsyncIterator[GooglePicker]:
    """Open Google's picker by the login for picking, and close it at the end of the context."""
    from picsync.sources.google.picked.api import GooglePicker

    picker = GooglePicker(
        google_login(login.api, login.picker),
        hosts=hosts,
        retrier_for=lambda policy: Retrier(policy, emit=emit),
    )
    try:
        yield picker
    finally:
        await picker.aclose()


def picked_library(cache: str) -> Library:
    """Return the library of picked photos that belongs to a cache."""
    from picsync.sources.google.picked.library import FOLDER, Library

    return Library(own_folder(cache) / FOLDER)


def open_nixplay(
    credentials: Credentials,
    hosts: Hosts,
    emit: Emit,
    *,
    sleep: Sleep = asyncio.sleep,
    pace: Pace | None = None,
) -> NixplayFrame:
    """Return the Nixplay frame; raises ConfigError if the credentials lack something."""
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.frames.nixplay.session import NixplayLogin

    login = credentials.require_nixplay()
    return NixplayFrame(
        NixplayLogin(login.username, login.password.get_secret_value()),
        hosts=hosts,
        retrier=Retrier(RetryPolicy(), emit=emit, pace=pace, sleep=sleep),
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
    dry_run: bool = False,
) -> AsyncIterator[Tools]:
    """Open what the rules of `config` need, and close it at the end of the context.

    `cache` is a path or a database URL; what happens to it that a person should know goes to `notify`.
    `sleep` is what all waiting for services is done with. With `dry_run`, the cache is not written to while
    another process has it. Raises ConfigError and CacheError; until then
    nothing but a login is sent.
    """
    async with open_services(config, credentials, cache=cache, emit=emit, sleep=sleep) as (sources, frame):
        frame.prepare()
        kind = await asyncio.to_thread(_cache)
        store = await (kind.open_to_plan if dry_run else kind.open)(cache, notify=notify)
        try:
            yield Tools(sources, frame, store, Spool(), emit, sleep=sleep)
        finally:
            await store.aclose()


@functools.cache
def _cache() -> type[Cache]:
    """Return the class, whose module is loaded first: that takes about as long as a service's answer."""
    with loading():
        from picsync.cache.store import Cache
    return Cache


@asynccontextmanager
async def open_services(
    config: Config, credentials: Credentials, *, cache: str, emit: Emit, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[tuple[dict[str, Source], Frame]]:
    """Open the sources of all rules, by kind, and the frame; close them at the end of the context.

    Sends nothing. Raises ConfigError.
    """
    hosts, pace = Hosts(config.emulator), Pace(_caps(config))
    async with AsyncExitStack() as stack:
        # Settings that are only tried out leave the network of those in force as it was.
        stack.enter_context(network.using(config.ca_certificates))
        frame = open_nixplay(credentials, hosts, emit, sleep=sleep, pace=pace)
        stack.push_async_callback(frame.aclose)
        sources: dict[str, Source] = {}
        for kind, entries in _entries(config).items():
            source = SOURCES[kind].open(
                Opening(entries, credentials, hosts, emit, sleep, own_folder(cache), pace)
            )
            stack.push_async_callback(source.aclose)
            sources[kind] = source
        yield sources, frame


async def clock_offset(settings: Settings) -> timedelta:
    """Return how far the frame's service is ahead of this machine's clock; raises TransientError."""
    from picsync.frames.nixplay.session import API

    hosts = Hosts(settings.config.emulator)
    with network.using(settings.config.ca_certificates):
        return await offset_of(hosts.url(API), hosts.allowed(API))


@asynccontextmanager
async def open_source(
    kind: str, entries: Sequence[Any], credentials: Credentials, hosts: Hosts, emit: Emit, *, cache: str
) -> AsyncIterator[Source]:
    """Open one source for a look at some entries, and close it at the end of the context.

    Raises ConfigError if the credentials lack something.
    """
    SOURCES[kind].require(credentials, entries)
    by_id = {str(entry): entry for entry in entries}
    opening = Opening(by_id, credentials, hosts, emit, sleep=asyncio.sleep, own_folder=own_folder(cache))
    source = SOURCES[kind].open(opening)
    try:
        yield source
    finally:
        await source.aclose()


def _caps(config: Config) -> dict[str, int]:
    """Return what the configuration says of stages, by the name of the stage."""
    return config.concurrency.model_dump(exclude_unset=True)


def own_folder(cache: str) -> Path:
    """Return where picsync keeps things of its own: beside the cache, or here if that is on a server."""
    return Path() if "://" in cache else Path(cache).expanduser().parent


async def update_cache(
    source: Source, items: Sequence[MediaItem], *, cache: str, notify: Callable[[str], None]
) -> TransferResult:
    """Learn the digests that the cache lacks, by the algorithm of Nixplay."""
    from picsync.cache.store import Cache
    from picsync.frames.nixplay.frame import CAPABILITIES

    store = await Cache.open(cache, notify=notify)
    try:
        return await learn(source, store, Spool(), items, CAPABILITIES.digest_algorithm)
    finally:
        await store.aclose()


def cache_holder(cache: str) -> str:
    """Return which process has the cache, empty if none or if that cannot be told. Raises CacheError."""
    from picsync.cache.locking import CacheLock
    from picsync.cache.place import File, parse

    place = parse(cache)
    return CacheLock.holder(place.path) if isinstance(place, File) else ""


async def inspect_cache(cache: str) -> CacheStatus:
    """Return what a cache holds, without disturbing a process that uses it; raises CacheError."""
    from picsync.cache.store import Cache

    return await Cache.inspect(cache)


def operations(config: Config) -> list[tuple[str, str]]:
    """Return service and name of every kind of request that the cycles of `config` may make."""
    from picsync.frames.nixplay.client import OPERATIONS

    found = list(OPERATIONS)
    for kind in _entries(config):
        found += SOURCES[kind].operations()
    return [(operation.service, operation.name) for operation in found]


def _require(config: Config, credentials: Credentials) -> None:
    """Raise ConfigError with everything that the credentials lack, of all services at once."""
    lacking: list[ConfigError] = []
    try:
        credentials.require_nixplay()
    except ConfigError as error:
        lacking.append(error)
    for kind, entries in _entries(config).items():
        try:
            SOURCES[kind].require(credentials, list(entries.values()))
        except ConfigError as error:
            lacking.append(error)
    if lacking:
        problems = [problem for error in lacking for problem in error.problems]
        raise ConfigError(problems, hint="\n".join(error.hint for error in lacking))


def _entries(config: Config) -> dict[str, dict[str, Any]]:
    """Return the entries of all rules: kind -> album id -> entry, of kinds that have any."""
    found: dict[str, dict[str, Any]] = {}
    for album in config.albums:
        for kind, entries in album.sources.items():
            for entry in entries:
                found.setdefault(kind, {})[str(entry)] = entry
    return found
