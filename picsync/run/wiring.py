"""What the configuration says becomes sources, frame and tools; `kinds` has the table of sources."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from picsync.aio.loading import loading
from picsync.config import (
    CREDENTIALS_PATHS,
    Account,
    Config,
    Credentials,
    FrameSettings,
    MaxDelete,
    read_regular,
)
from picsync.config.kinds import AnyKind, Opening, Sleep
from picsync.config.named import Entry
from picsync.config.tree import FieldPath, Place
from picsync.core.errors import ConfigError, Problem, TransientError
from picsync.core.events import Emit, Event
from picsync.core.model import job_name
from picsync.core.plan import DeleteLimit, Rule
from picsync.core.select import Overflow
from picsync.frames.base import Frame
from picsync.frames.kinds import FRAMES
from picsync.http import network
from picsync.http.client import Hosts
from picsync.http.clock import offset_of
from picsync.http.pace import DOWNLOADS, Pace
from picsync.http.retry import Retrier
from picsync.run.kinds import read_accounts, read_config, read_credentials
from picsync.sources.accounts import with_account
from picsync.sources.base import Source
from picsync.sources.kinds import SOURCES
from picsync.sync.cycle import AlbumRule
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import Tools, TransferResult, learn

if TYPE_CHECKING:
    from picsync.cache.status import CacheStatus
    from picsync.cache.store import Cache
    from picsync.core.model import MediaItem
    from picsync.sources.google.picked.api import GooglePicker
    from picsync.sources.google.picked.library import Library
    from picsync.vendors.google.credentials import GoogleClient, GooglePhotosLogin


@dataclass(frozen=True, slots=True)
class Settings:
    """Configuration and credentials that fit together."""

    config: Config
    credentials: Credentials

    @property
    def intervals(self) -> dict[str, timedelta]:
        """Name of a job -> from one cycle's beginning to the next one's; empty if there is one cycle only."""
        every = {
            job_name(album.name, frame): album.every or self.config.every
            for album in self.config.albums
            for frame in album.frames
        }
        return {name: interval for name, interval in every.items() if interval is not None}

    @property
    def jobs(self) -> list[str]:
        """The names of all jobs: each rule on each of its frames."""
        return [job_name(album.name, frame) for album in self.config.albums for frame in album.frames]

    @property
    def unused(self) -> list[Problem]:
        """What is defined under a name, and no rule uses: frames, and accounts."""
        config, accounts = self.config, self.credentials.kinds
        frames = {name for album in config.albums for name in album.frames}
        used = {name for album in config.albums for name in album.sources}
        used |= {config.frame(name, accounts).account for name in (*frames, *config.frames)}
        advice = "No rule uses it. Name it under a rule's `{}`, or remove it."
        found = [
            _problem(entry, ("frames", name), advice.format("frames"))
            for name, entry in config.frames.items()
            if name not in frames
        ]
        found += [
            _problem(
                entry, ("accounts", name), advice.format("frames" if entry.kind in FRAMES else "sources")
            )
            for name, entry in self.credentials.named.items()
            if name not in used
        ]
        return found


def _problem(entry: Entry, path: FieldPath, message: str) -> Problem:
    return (entry.place or Place("picsync.yaml")).problem(path, message)


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
        without = [name for name in settings.jobs if name not in settings.intervals]
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
            credentials = read_credentials(self.environ, self.credentials)
            accounts = credentials.kinds
        except ConfigError as error:
            errors.append(error)
            accounts = read_accounts(self.environ, self.credentials)
        try:
            config = read_config(self.config, self.environ, accounts)
        except ConfigError as error:
            errors.insert(0, error)
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
        return config, credentials, _each_once(errors)

    def fingerprint(self) -> tuple[object, ...]:
        """Return what `load` depends on: the files' content, and who else may open the credentials."""
        content, *credentials = map(_content, (self.config, *self.credentials))
        return (content and content[0], *credentials)


def _each_once(errors: Sequence[ConfigError]) -> list[ConfigError]:
    """Return the errors without problems that an earlier one has, such as an unknown variable."""
    seen: set[Problem] = set()
    kept = []
    for error in errors:
        problems = [problem for problem in error.problems if problem not in seen]
        seen.update(problems)
        if problems:
            kept.append(ConfigError(problems, hint=error.hint))
    return kept


def _content(path: Path) -> tuple[bytes, int] | None:
    """Return a file's content and the permission bits of others than its owner; None if unreadable."""
    try:
        content, mode = read_regular(path)
        return content, mode & 0o077
    except (OSError, ValueError):
        return None


def album_rules(config: Config, *, dry_run: bool = False, allow_deletes: bool = False) -> list[AlbumRule]:
    """Return each rule of the configuration on each of its frames; the options apply to all of them."""
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
                account: tuple(dict.fromkeys(map(str, entries))) for account, entries in album.sources.items()
            },
            frame=frame,
            dry_run=dry_run or album.dry_run,
        )
        for album in config.albums
        for frame in album.frames
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
    """Open Google's picker by the login for picking, and close it at the end of the context."""
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
    """Return the library of picked photos that belongs to a cache."""
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
) -> AsyncIterator[Tools]:
    """Open what the rules of `config` need, and close it at the end of the context.

    `cache` is a path or a database URL; messages about it that the user should see go to `notify`. `sleep` is
    used for all waiting for services. With `dry_run`, a cache that another process has is not written to.
    Raises ConfigError and CacheError; until then nothing but logins is sent.
    """
    async with open_services(config, credentials, cache=cache, emit=emit, sleep=sleep) as (sources, frames):
        for frame in frames.values():
            frame.prepare()
        kind = await asyncio.to_thread(_cache)
        store = await (kind.open_to_plan if dry_run else kind.open)(cache, notify=notify)
        try:
            downloads = Pace(_caps(config)).cap(DOWNLOADS)
            yield Tools(sources, frames, store, Spool(), emit, max_downloads=downloads, sleep=sleep)
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
) -> AsyncIterator[tuple[dict[str, Source], dict[str, Frame]]]:
    """Open the sources of all rules, by account, and the frames, by name, for the time of the context.

    Sends nothing. Raises ConfigError.
    """
    async with AsyncExitStack() as stack:
        # Settings that are only tried out leave the network of those in force as it was.
        stack.enter_context(network.using(config.ca_certificates))
        opener = Opener(
            credentials, Hosts(config.emulator), emit, cache=cache, sleep=sleep, caps=_caps(config)
        )
        frames: dict[str, Frame] = {}
        for used in frames_in_use(config, credentials):
            frames[used.name] = opener.frame(used)
            stack.push_async_callback(frames[used.name].aclose)
        sources: dict[str, Source] = {}
        for account, entries in _entries(config).items():
            sources[account] = opener.source(account, entries)
            stack.push_async_callback(sources[account].aclose)
        yield sources, frames


def frames_in_use(config: Config, credentials: Credentials) -> list[FrameSettings]:
    """Return the frames that rules go to, each once."""
    names = dict.fromkeys(name for album in config.albums for name in album.frames)
    return [config.frame(name, credentials.kinds) for name in names]


class Opener:
    """Opens sources and frames by their accounts; those of one account share its concurrency limits."""

    def __init__(
        self,
        credentials: Credentials,
        hosts: Hosts,
        emit: Emit,
        *,
        cache: str,
        sleep: Sleep = asyncio.sleep,
        caps: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._credentials = credentials
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
        source = kind.open(opening)
        if not opening.account.named:
            return source
        return with_account(source, account, login_command=kind.login_command)

    def frame(self, settings: FrameSettings) -> Frame:
        """Return a frame; raises ConfigError."""
        return FRAMES[settings.kind].open(self._opening(settings.account, options=settings.options))

    def _opening(
        self,
        name: str,
        *,
        entries: Mapping[str, Any] = MappingProxyType({}),
        options: BaseModel | None = None,
    ) -> Opening:
        account = self._credentials.account(name)
        return Opening(
            account,
            entries,
            options,
            self._hosts,
            labelled(self._emit, account.name) if account.named else self._emit,
            self._sleep,
            self._own_folder,
            self._paces.setdefault(name, Pace(self._caps)),
        )


def labelled(emit: Emit, account: str) -> Emit:
    """Return an emitter that names the account in events about a service: each has metrics of its own."""

    def named(event: Event) -> None:
        service = getattr(event, "service", None)
        emit(event if service is None else replace(event, service=label(service, account)))  # type: ignore[call-arg] # it has one

    return named


def label(service: str, account: str) -> str:
    """Return what a service is called where it has several accounts."""
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
    account: str, entries: Sequence[Any], credentials: Credentials, hosts: Hosts, emit: Emit, *, cache: str
) -> AsyncIterator[Source]:
    """Open one source for a look at some entries, and close it at the end of the context.

    Raises ConfigError if the credentials lack something.
    """
    found = credentials.account(account)
    if found.kind not in SOURCES:
        problem = Problem(found.file, None, found.section_name, "is not an account of a source.")
        raise ConfigError([problem])
    SOURCES[found.kind].require(found, entries)
    source = Opener(credentials, hosts, emit, cache=cache).source(account, {str(one): one for one in entries})
    try:
        yield source
    finally:
        await source.aclose()


@asynccontextmanager
async def open_frame(
    account: str, credentials: Credentials, hosts: Hosts, emit: Emit
) -> AsyncIterator[Frame]:
    """Open the frame of an account for one piece of work, and close it at the end of the context."""
    kind = credentials.account(account).kind
    frame = Opener(credentials, hosts, emit, cache="").frame(FrameSettings(account, kind, account, None))
    try:
        yield frame
    finally:
        await frame.aclose()


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


def operations(settings: Settings) -> list[tuple[str, str]]:
    """Return service and name of every kind of request that the cycles may make."""
    config, credentials = settings.config, settings.credentials
    kinds: list[tuple[str, AnyKind]] = [
        *((used.account, FRAMES[used.kind]) for used in frames_in_use(config, credentials)),
        *((account, SOURCES[credentials.account(account).kind]) for account in _entries(config)),
    ]
    return [
        (label(each.service, account) if credentials.account(account).named else each.service, each.name)
        for account, kind in kinds
        for each in kind.operations()
    ]


def _require(config: Config, credentials: Credentials) -> None:
    """Raise ConfigError with everything that the credentials lack, of all services at once."""
    lacking: list[ConfigError] = []
    needs: list[tuple[AnyKind, Account, list[Any]]] = [
        *(
            (FRAMES[one.kind], credentials.account(one.account), [])
            for one in frames_in_use(config, credentials)
        ),
    ]
    for name, entries in _entries(config).items():
        account = credentials.account(name)
        needs.append((SOURCES[account.kind], account, list(entries.values())))
    for kind, account, listed in needs:
        try:
            kind.require(account, listed)
        except ConfigError as error:
            lacking.append(error)
    lacking += _overlaps(config, credentials)
    if lacking:
        problems = list(dict.fromkeys(problem for error in lacking for problem in error.problems))
        raise ConfigError(problems, hint="\n".join(dict.fromkeys(error.hint for error in lacking)))


def _overlaps(config: Config, credentials: Credentials) -> Iterator[ConfigError]:
    """Yield an error for each frame whose directory another frame or a source has, too."""
    read: list[str] = []
    for name, entries in _entries(config).items():
        place = SOURCES[credentials.account(name).kind].directory
        if place is not None:
            read += map(place, entries.values())
    filled: dict[str, str] = {}
    for frame in frames_in_use(config, credentials):
        directory = FRAMES[frame.kind].directory
        if directory is None or frame.options is None:
            continue
        path = directory(frame.options)
        where = ("frames", frame.name)
        entry = config.frames[frame.name]
        if (source := next((one for one in read if _inside(path, one)), None)) is not None:
            message = (
                f"{path} is in {source}, which is a source: picsync would take the photos that it puts there"
                " for new ones. Choose a directory outside of it."
            )
            yield ConfigError([_problem(entry, where, message)])
        for other, taken in filled.items():
            if _inside(path, taken) or _inside(taken, path):
                message = (
                    f"{path} overlaps with {taken}, the directory of the frame `{other}`. Choose another one."
                )
                yield ConfigError([_problem(entry, where, message)])
        filled[frame.name] = path


def _inside(path: str, folder: str) -> bool:
    """Return whether a path is in a folder or equal to it, symbolic links followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _entries(config: Config) -> dict[str, dict[str, Any]]:
    """Return the entries of all rules: account -> album ID -> entry, of accounts that have any."""
    found: dict[str, dict[str, Any]] = {}
    for album in config.albums:
        for account, entries in album.sources.items():
            for entry in entries:
                found.setdefault(account, {})[str(entry)] = entry
    return found
