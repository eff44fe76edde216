"""The one place that knows concrete names: what the configuration says becomes sources, frame and tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from picsync.apply import Tools
from picsync.config import Config, Credentials, MaxDelete
from picsync.cycle import AlbumRule
from picsync.events import Emit
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.plan import DeleteLimit, Rule
from picsync.spool import Spool

if TYPE_CHECKING:
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.sources.googlephotos.source import GooglePhotosSource

SOURCE_KINDS = {"googlephotos": list[str]}
"""Kinds that may stand under `sources:` in picsync.yaml, with the type of their albums."""


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


def open_googlephotos(credentials: Credentials, hosts: Hosts, emit: Emit) -> GooglePhotosSource:
    """Return the Google Photos source; raises ConfigError if the credentials lack something."""
    from picsync.sources.googlephotos.source import GooglePhotosSource

    return GooglePhotosSource(
        google_login(credentials),
        hosts=hosts,
        retrier_for=lambda policy: Retrier(policy, emit=emit),
        emit=emit,
    )


def open_nixplay(credentials: Credentials, hosts: Hosts, emit: Emit) -> NixplayFrame:
    """Return the Nixplay frame; raises ConfigError if the credentials lack something."""
    from picsync.frames.nixplay.client import NixplayLogin
    from picsync.frames.nixplay.frame import NixplayFrame

    login = credentials.require_nixplay()
    return NixplayFrame(
        NixplayLogin(login.username, login.password.get_secret_value()),
        hosts=hosts,
        retrier=Retrier(RetryPolicy(), emit=emit),
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
) -> AsyncIterator[Tools]:
    """Open what the rules of `config` need, and close it at the end of the context.

    `cache` is a path or a database URL; what happens to it that a person should know goes to `notify`.
    Raises ConfigError and CacheError before any request is made.
    """
    from picsync.cache.store import Cache

    hosts = Hosts(config.emulator)
    async with AsyncExitStack() as stack:
        frame = open_nixplay(credentials, hosts, emit)
        stack.push_async_callback(frame.aclose)
        sources = {}
        for kind in _kinds(config):
            source = open_googlephotos(credentials, hosts, emit)
            stack.push_async_callback(source.aclose)
            sources[kind] = source
        store = await Cache.open(cache, notify=notify)
        stack.push_async_callback(store.aclose)
        yield Tools(sources, frame, store, Spool(), emit)


def _kinds(config: Config) -> Iterable[str]:
    return dict.fromkeys(kind for album in config.albums for kind, ids in album.sources.items() if ids)
