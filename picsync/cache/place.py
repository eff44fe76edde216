"""The location of a cache, and opening it: a file of one process, or a database that several share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa

from picsync.cache import schema, sqlite
from picsync.cache.locking import CacheLock
from picsync.core.errors import CacheError
from picsync.core.text import pasted
from picsync.core.values import dataclass
from picsync.system.packages import extra_advice


@dataclass(frozen=True, slots=True)
class File:
    """An SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[sa.Engine, CacheLock]:
        """Lock the file, set it aside if necessary, and migrate it."""
        sqlite.check_place(self.path)
        lock = CacheLock.acquire(self.path, now)
        with _released_on_error(lock):
            finding = sqlite.examine(self.path, mode="rw", busy_timeout_s=busy_timeout_s)
            return self._open_locked(finding, lock, now, busy_timeout_s, notify), lock

    def _open_locked(
        self,
        finding: sqlite.Finding,
        lock: CacheLock,
        now: datetime,
        busy_timeout_s: float,
        notify: Callable[[str], None],
    ) -> sa.Engine:
        """Set the file aside if necessary, and migrate it."""
        if not lock.kept:
            notify(
                f"The file system of the cache {self.path} does not support locks, so a second"
                " picsync could use it at the same time. Put the cache on a local disk, or make sure that"
                " only one picsync runs."
            )
        message = sqlite.prepare(self.path, finding, now=now)
        if message is not None:
            notify(message)
        engine = sqlite.engine(self.path, busy_timeout_s=busy_timeout_s)
        _migrate(self, engine)
        return engine

    def open_to_read(self, busy_timeout_s: float) -> sa.Engine | sqlite.State:
        """Return a read-only engine or, if the file is not a cache yet, its state: FRESH or GO."""
        sqlite.check_place(self.path)
        finding = sqlite.examine(self.path, mode="ro", busy_timeout_s=busy_timeout_s)
        match finding.state:
            case sqlite.State.FRESH | sqlite.State.GO:
                return finding.state
            case sqlite.State.FOREIGN:
                raise sqlite.foreign(self.path, finding)
            case sqlite.State.DAMAGED | sqlite.State.NEWER:
                raise CacheError(
                    f"The cache {self} {finding.detail}.",
                    hint="The next sync renames it and starts a new one.",
                )
            case sqlite.State.OURS:
                return sqlite.engine(self.path, read_only=True, busy_timeout_s=busy_timeout_s)

    def open_to_plan(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[sa.Engine, CacheLock | None]:
        """Open the file as `open` does if possible; otherwise open it read-only next to its user.

        An engine without a lock is read-only.
        """
        sqlite.check_place(self.path)
        try:
            lock = CacheLock.acquire(self.path, now)
        except CacheError as error:
            notify(f"{error.message} The dry run reads the cache and writes nothing to it.")
            return _to_plan(self, self.open_to_read(busy_timeout_s), notify), None
        with _released_on_error(lock):
            finding = sqlite.examine(self.path, mode="rw", busy_timeout_s=busy_timeout_s)
            if finding.state not in sqlite.SET_ASIDE:
                return self._open_locked(finding, lock, now, busy_timeout_s, notify), lock
        lock.release()
        notify(
            f"The cache {self} {finding.detail}. The dry run does not use it, and downloads what the next"
            " sync will download, too."
        )
        return sqlite.empty_engine(), None

    def size_bytes(self) -> int:
        """Return the size of the cache on disk."""
        return sqlite.size_bytes(self.path)


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database."""

    url: sa.URL

    def __str__(self) -> str:
        # Options are omitted, since one of them may be a password.
        return self.url.set(query={}).render_as_string(hide_password=True)

    def open(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[sa.Engine, None]:
        """Migrate the database; the arguments are for files only."""
        del now, busy_timeout_s, notify
        engine = self.engine()
        _migrate(self, engine)
        return engine, None

    def open_to_read(self, busy_timeout_s: float) -> sa.Engine:
        """Return a read-only engine."""
        del busy_timeout_s
        return self.engine().execution_options(postgresql_readonly=True)

    def open_to_plan(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[sa.Engine, None]:
        """Open the database read-only: others may be using it, and there is no way to find out."""
        del now
        return _to_plan(self, self.open_to_read(busy_timeout_s), notify), None

    def engine(self) -> sa.Engine:
        """Return an engine that is not connected yet."""
        try:
            return sa.create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
        except (ImportError, sa.exc.NoSuchModuleError) as error:
            raise CacheError(
                f"The cache {self} needs a database driver that is not installed.",
                hint=extra_advice("postgresql"),
            ) from error

    def size_bytes(self) -> None:
        """Return None: the size of the server's database is not measured."""


Place: TypeAlias = File | Server


def parse(location: str | Path) -> Place:
    """Distinguish a path from a URL (`://`); raises CacheError for unsupported URLs."""
    text = pasted(location) if isinstance(location, str) and "://" in location else str(location)
    if isinstance(location, Path) or "://" not in text:
        return File(Path(os.path.realpath(Path(location).expanduser())))
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # Without its cause, which may quote the URL and thereby its password.
        raise CacheError(
            "The cache's URL cannot be parsed.",
            hint="Write it as postgresql://user:password@host/database.",
        ) from None
    backend, _, driver = url.drivername.partition("+")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return parse(Path(url.database))
    if backend not in ("postgres", "postgresql"):
        raise CacheError(
            f"The cache cannot be kept in {Server(url)}.",
            hint="Name a file, or a postgresql://... database.",
        )
    return Server(url.set(drivername=f"postgresql+{driver or 'psycopg'}"))


def revision_of(engine: sa.Engine) -> str | None:
    """Return the revision of a cache's schema; None if it has none yet."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
            return None
        return connection.scalar(sa.select(schema.version.c.version_num))


def require_known(place: Place, revision: str | None) -> None:
    """Raise CacheError for an unknown revision."""
    if revision is not None and revision not in schema.REVISIONS:
        raise CacheError(
            f"The cache {place} was written by a newer picsync (schema revision {revision}).",
            hint="Update picsync, or use another cache.",
        )


@contextlib.contextmanager
def _released_on_error(lock: CacheLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise


def _to_plan(place: Place, found: sa.Engine | sqlite.State, notify: Callable[[str], None]) -> sa.Engine:
    """Return the engine, or that of an empty cache in memory if there are no readable tables."""
    fresh = found is sqlite.State.FRESH
    if isinstance(found, sa.Engine):
        try:
            with explained(place):
                revision = revision_of(found)
                require_known(place, revision)
        except BaseException:
            found.dispose()
            raise
        if revision == schema.HEAD:
            return found
        found.dispose()
        fresh = revision is None
    if not fresh:
        notify(
            f"The cache {place} is not migrated yet, so the dry run cannot use it: it downloads what the next"
            " sync would find there."
        )
    return sqlite.empty_engine()


def _migrate(place: Place, engine: sa.Engine) -> None:
    """Migrate the schema to the newest revision, or dispose of the engine."""
    try:
        with explained(place):
            revision = revision_of(engine)
            require_known(place, revision)
            if revision != schema.HEAD:
                # Imported here since Alembic takes a third of a second to load.
                from picsync.cache.migrate import upgrade

                upgrade(engine)
    except BaseException:
        engine.dispose()
        raise


@contextlib.contextmanager
def explained(place: Place) -> Iterator[None]:
    """Convert the database's errors to CacheError; any other exception is a bug."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if isinstance(place, File) and isinstance(error.orig, sqlite3.Error):
            raise sqlite.explain(error.orig, place.path) from error
        detail = " ".join(str(error.orig).split())
        raise CacheError(
            f"The cache {place} cannot be used: {detail}",
            hint="Check that the server runs, and that this user may create and change tables there.",
        ) from error
