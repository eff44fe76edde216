"""Builds sources, frames and tools from the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from picsync.aio.loading import loading
from picsync.cache.file import File
from picsync.cache.listings import AccountListings
from picsync.cache.locking import CacheLock
from picsync.cache.place import parse
from picsync.cache.store import Cache
from picsync.config import (
    Config,
    Credentials,
    FrameSettings,
)
from picsync.config.credentials import Account
from picsync.config.kinds import AnyKind, Opening, Sleep
from picsync.core.buckets import BucketPlace
from picsync.core.errors import ConfigError, Problem, TransientError
from picsync.core.events import Emit, Event, LoginRefused
from picsync.core.judgements import Judges
from picsync.frames.base import Frame
from picsync.frames.kinds import FRAMES
from picsync.http import network
from picsync.http.client import Hosts
from picsync.http.clock import offset_of
from picsync.http.pace import DOWNLOADS, Pace
from picsync.http.retry import Retrier
from picsync.rendering.pool import Renderer
from picsync.run.settings import Settings, entries_in_use, frames_in_use, places_in_use, readers
from picsync.sources.accounts import hint_of_account, with_account
from picsync.sources.base import Remembers, Source
from picsync.sources.kinds import SOURCES
from picsync.stores.base import Store
from picsync.stores.kinds import STORES
from picsync.sync.settling import Settling
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools, TransferResult, learn

if TYPE_CHECKING:
    from picsync.cache.status import CacheStatus
    from picsync.core.model import MediaItem
    from picsync.sources.google.picked.api import GooglePicker
    from picsync.sources.google.picked.library import Library
    from picsync.vendors.google.credentials import GoogleClient, GooglePhotosLogin


def log_in_to_googlephotos(
    client: GoogleClient,
    hosts: Hosts,
    *,
    open_browser: bool,
    ask: Callable[[str], str],
    say: Callable[[str], None],
    picking: bool = False,
) -> GooglePhotosLogin:
    """Guide the user through the login; return the fields for the credentials file.

    With `picking` it is the login for picking photos, which permits nothing else. Raises LoginNeeded if
    Google or the user refuses.
    """
    from picsync.sources.google.picked.api import SCOPE
    from picsync.vendors.google.credentials import GoogleAccess, GooglePhotosLogin
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
    """Open Google's picker with the login for picking, and close it at the end of the context."""
    from picsync.sources.google.picked.api import GooglePicker
    from picsync.vendors.google.tokens import GoogleLogin

    picker = GooglePicker(
        GoogleLogin.of(login.api, login.picker),
        hosts=hosts,
        retrier_for=lambda policy: Retrier(policy, emit=emit),
    )
    try:
        yield picker
    finally:
        await picker.aclose()


def picked_library(cache: str) -> Library:
    """Return the library of picked photos for a cache."""
    from picsync.sources.google.picked.library import FOLDER, Library

    return Library(own_folder(cache) / FOLDER)


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
    opened: Cache | None = None,
    pages: Mapping[str, Frame] = MappingProxyType({}),
    judges: Judges | None = None,
    shared_renderer: Renderer | None = None,
) -> AsyncIterator[Tools]:
    """Open what the rules of `config` need, and close it at the end of the context.

    `cache` is a path or a database URL; messages about it go to `notify`. `sleep` is used for all waiting for
    services. With `dry_run`, a cache that another process uses is not written to. `opened` is the cache if it
    is open already; it stays so. `pages` are more frames, by name, which stay open, too; `judges` knows what
    the family says of photos. `shared_renderer` stays open as well. Raises ConfigError and CacheError; before
    that, only logins are sent.
    """
    async with open_services(config, credentials, cache=cache, emit=emit, sleep=sleep) as (sources, frames):
        for frame in frames.values():
            frame.prepare()
        store = opened or await (Cache.open_to_plan if dry_run else Cache.open)(cache, notify=notify)
        for account, source in sources.items():
            if isinstance(source, Remembers):
                source.remember_in(AccountListings(store, account))
        renderer = shared_renderer or Renderer()
        try:
            downloads = Pace(_caps(config)).cap(DOWNLOADS)
            yield Tools(
                sources,
                {**frames, **pages},
                store,
                Spool(),
                emit,
                max_downloads=downloads,
                sleep=sleep,
                renderer=renderer,
                judges=judges,
                settling=Settling(readers(config)),
            )
        finally:
            if shared_renderer is None:
                await renderer.aclose()
            if opened is None:
                await store.aclose()


@asynccontextmanager
async def open_cache(
    cache: str, *, notify: Callable[[str], None], dry_run: bool = False
) -> AsyncIterator[Cache]:
    """Open the cache for the context; with `dry_run`, one that another process uses is only read."""
    store = await (Cache.open_to_plan if dry_run else Cache.open)(cache, notify=notify)
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def _opening(
    config: Config,
    credentials: Credentials,
    *,
    cache: str,
    emit: Emit,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[tuple[Opener, AsyncExitStack]]:
    """Yield what opens sources, frames and stores, and where to put what closes them."""
    async with AsyncExitStack() as stack:
        # Settings that are only being checked must not change the network set-up of those in force.
        stack.enter_context(network.using(config.ca_certificates))
        yield (
            Opener(
                credentials,
                Hosts(config.emulator),
                emit,
                cache=cache,
                sleep=sleep,
                caps=_caps(config),
                library=library_of(config),
            ),
            stack,
        )


@asynccontextmanager
async def open_services(
    config: Config, credentials: Credentials, *, cache: str, emit: Emit, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[tuple[dict[str, Source], dict[str, Frame]]]:
    """Open the sources of all rules, by account, and the frames, by name, for the context.

    Sends nothing. Raises ConfigError.
    """
    async with _opening(config, credentials, cache=cache, emit=emit, sleep=sleep) as (opener, stack):
        frames: dict[str, Frame] = {}
        for used in frames_in_use(config, credentials):
            frames[used.name] = opener.frame(used)
            stack.push_async_callback(frames[used.name].aclose)
        sources: dict[str, Source] = {}
        for account, entries in entries_in_use(config).items():
            sources[account] = opener.source(account, entries)
            stack.push_async_callback(sources[account].aclose)
        yield sources, frames


@asynccontextmanager
async def open_frames(
    config: Config, credentials: Credentials, names: Sequence[str], *, cache: str, emit: Emit
) -> AsyncIterator[dict[str, Frame]]:
    """Open the frames of these names for one command, and close them at the end of the context.

    Sends nothing. Raises ConfigError.
    """
    async with _opening(config, credentials, cache=cache, emit=emit) as (opener, stack):
        frames: dict[str, Frame] = {}
        for name in names:
            frames[name] = opener.frame(config.frame(name, credentials.kinds))
            stack.push_async_callback(frames[name].aclose)
        yield frames


@asynccontextmanager
async def open_stores(
    config: Config, credentials: Credentials, *, cache: str, emit: Emit, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[dict[str, Store]]:
    """Open the stores of all rules, by account, for the context. Sends nothing. Raises ConfigError."""
    async with _opening(config, credentials, cache=cache, emit=emit, sleep=sleep) as (opener, stack):
        stores: dict[str, Store] = {}
        for account, places in places_in_use(config).items():
            stores[account] = opener.store(account, places)
            stack.push_async_callback(stores[account].aclose)
        yield stores


class Opener:
    """Opens sources and frames by account; those of one account share its concurrency limits."""

    def __init__(
        self,
        credentials: Credentials,
        hosts: Hosts,
        emit: Emit,
        *,
        cache: str,
        sleep: Sleep = asyncio.sleep,
        caps: Mapping[str, int] = MappingProxyType({}),
        library: Path | BucketPlace | None = None,
    ) -> None:
        self._credentials = credentials
        self._library = library
        self._hosts = hosts
        self._emit = emit
        self._own_folder = own_folder(cache)
        self._sleep = sleep
        self._caps = caps
        self._paces: dict[str, Pace] = {}

    def source(self, account: str, entries: Mapping[str, Any]) -> Source:
        """Return the source of an account, for these entries by album ID. Raises ConfigError."""
        opening = self._opening(account, entries=entries)
        kind = SOURCES[opening.account.kind]
        with loading():
            source = kind.open(opening)
        if not opening.account.named:
            return source
        return with_account(source, account, login_command=kind.login_command)

    def store(self, account: str, places: Mapping[str, Any]) -> Store:
        """Return the store of an account, for these folders. Raises ConfigError."""
        opening = self._opening(account, entries=places)
        with loading():
            return STORES[opening.account.kind].open(opening)

    def frame(self, settings: FrameSettings) -> Frame:
        """Return a frame; raises ConfigError."""
        with loading():
            opening = self._opening(settings.account, options=settings.options, name=settings.name)
            return FRAMES[settings.kind].open(opening)

    def _opening(
        self,
        account_name: str,
        *,
        entries: Mapping[str, Any] = MappingProxyType({}),
        options: BaseModel | None = None,
        name: str = "",
    ) -> Opening:
        account = self._credentials.account(account_name)
        return Opening(
            account,
            entries,
            options,
            self._hosts,
            labelled(self._emit, account) if account.named else self._emit,
            self._sleep,
            self._own_folder,
            self._paces.setdefault(account_name, Pace(self._caps)),
            name,
            lambda other, its: self._opening(other, entries=its),
            self._library,
        )


def frames_with_pages(
    settings: Settings, frames: Mapping[str, Frame], emit: Emit, *, cache: str
) -> list[tuple[Frame, BaseModel | None]]:
    """Return the frames that pages show, with their options: those of `frames`, and those that no rule fills.

    These need not be closed.
    """
    config, kinds = settings.config, settings.credentials.kinds
    opener = Opener(settings.credentials, Hosts(config.emulator), emit, cache=cache)
    return [
        (frames.get(name) or opener.frame(config.frame(name, kinds)), entry.options)
        for name, entry in config.frames.items()
        if FRAMES[entry.kind].pages
    ]


def library_of(config: Config) -> Path | BucketPlace | None:
    """Return where the family's uploads live; None without a library."""
    return config.family.library_place if config.family is not None else None


def labelled(emit: Emit, account: Account) -> Emit:
    """Return an emitter that adds the account to events about a service, for its own metrics."""
    kind = SOURCES.get(account.kind)
    command = kind.login_command if kind else ""

    def named(event: Event) -> None:
        if isinstance(event, LoginRefused):
            event = replace(event, hint=hint_of_account(event.hint, command, account.name))
        service = getattr(event, "service", None)
        emit(event if service is None else replace(event, service=label(service, account.name)))  # type: ignore[call-arg] # it has one

    return named


def label(service: str, account: str) -> str:
    """Return a service's name if it has several accounts."""
    return f"{service} ({account})"


async def clock_offset(settings: Settings) -> timedelta:
    """Return how far a frame's service is ahead of this machine's clock; raises TransientError."""
    hosts = Hosts(settings.config.emulator)
    clocks = (FRAMES[used.kind].clock for used in frames_in_use(settings.config, settings.credentials))
    clock = next((clock for clock in clocks if clock is not None), None)
    if clock is None:
        raise TransientError("None of the frames is a service that tells the time.")
    with network.using(settings.config.ca_certificates):
        return await offset_of(hosts.url(clock()), hosts.allowed(clock()))


@asynccontextmanager
async def open_source(
    account: str,
    entries: Sequence[Any],
    credentials: Credentials,
    hosts: Hosts,
    emit: Emit,
    *,
    cache: str,
    library: Path | BucketPlace | None = None,
) -> AsyncIterator[Source]:
    """Open one source with some entries, and close it at the end of the context.

    Raises ConfigError if the credentials lack something.
    """
    found = credentials.account(account)
    if found.kind not in SOURCES:
        problem = Problem(found.file, None, found.section_name, "is not an account of a source.")
        raise ConfigError([problem])
    SOURCES[found.kind].require(found, entries)
    source = Opener(credentials, hosts, emit, cache=cache, library=library).source(
        account, {str(one): one for one in entries}
    )
    try:
        yield source
    finally:
        await source.aclose()


@asynccontextmanager
async def open_frame(
    account: str, credentials: Credentials, hosts: Hosts, emit: Emit
) -> AsyncIterator[Frame]:
    """Open an account's frame for one command, and close it at the end of the context."""
    kind = credentials.account(account).kind
    frame = Opener(credentials, hosts, emit, cache="").frame(FrameSettings(account, kind, account, None))
    try:
        yield frame
    finally:
        await frame.aclose()


def _caps(config: Config) -> dict[str, int]:
    """Return the configured concurrency limits, by stage."""
    return config.concurrency.model_dump(exclude_unset=True)


def own_folder(cache: str) -> Path:
    """Return the folder for picsync's own files: next to the cache, or the current one for a database."""
    return Path() if "://" in cache else Path(cache).expanduser().parent


async def update_cache(
    source: Source, items: Sequence[MediaItem], *, cache: str, notify: Callable[[str], None]
) -> TransferResult:
    """Record missing digests in the cache, with Nixplay's algorithm."""
    from picsync.frames.nixplay.frame import CAPABILITIES

    store = await Cache.open(cache, notify=notify)
    try:
        return await learn(source, store, Spool(), items, CAPABILITIES.digest_algorithm)
    finally:
        await store.aclose()


def cache_holder(cache: str) -> str:
    """Return which process uses the cache; empty if none or unknown. Raises CacheError."""
    place = parse(cache)
    return CacheLock.holder(place.path) if isinstance(place, File) else ""


async def inspect_cache(cache: str) -> CacheStatus:
    """Return the status of a cache, without disturbing a process that uses it; raises CacheError."""
    return await Cache.inspect(cache)


def _kinds_in_use(settings: Settings) -> list[tuple[Account, AnyKind]]:
    """Return the accounts of the frames and sources of all rules, with their kinds."""
    config, credentials = settings.config, settings.credentials
    kinds: list[tuple[str, AnyKind]] = [
        *((used.account, FRAMES[used.kind]) for used in frames_in_use(config, credentials)),
        *((account, SOURCES[credentials.account(account).kind]) for account in entries_in_use(config)),
        *((account, STORES[credentials.account(account).kind]) for account in places_in_use(config)),
    ]
    return [(credentials.account(account), kind) for account, kind in kinds]


def services(settings: Settings) -> frozenset[str]:
    """Return the titles of the services that the rules use, as events name them."""
    return frozenset(
        label(kind.title, account.name) if account.named else kind.title
        for account, kind in _kinds_in_use(settings)
    )


def operations(settings: Settings) -> list[tuple[str, str]]:
    """Return service and name of every kind of request that the cycles may make."""
    return [
        (label(each.service, account.name) if account.named else each.service, each.name)
        for account, kind in _kinds_in_use(settings)
        for each in kind.operations()
    ]
