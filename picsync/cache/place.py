"""Where a cache is, and opening it there: a file of one process, or a database that several share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa

from picsync.cache import schema, sqlite
from picsync.cache.locking import CacheLock
from picsync.core.errors import CacheError
from picsync.core.text import pasted
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
        """Lock the file, set it aside if need be, and migrate it."""
        sqlite.check_place(self.path)
        lock = CacheLock.acquire(self.path, now)
        with _released_if_it_fails(lock):
            finding = sqlite.examine(self.path, mode="rw", busy_timeout_s=busy_timeout_s)
            return self._take(finding, lock, now, busy_timeout_s, notify), lock

    def _take(
        self,
        finding: sqlite.Finding,
        lock: CacheLock,
        now: datetime,
        busy_timeout_s: float,
        notify: Callable[[str], None],
    ) -> sa.Engine:
        """Set the file aside if need be, and migrate it."""
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
        """Return an engine that only reads or, of a file that is no cache yet, its state: FRESH or GO."""
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
        """Open the file as `open` does if that is possible, or else to read it beside whoever has it.

        An engine without a lock only reads.
        """
        sqlite.check_place(self.path)
        try:
            lock = CacheLock.acquire(self.path, now)
        except CacheError as error:
            notify(f"{error.message} The dry run reads the cache and writes nothing to it.")
            return _to_plan(self, self.open_to_read(busy_timeout_s), notify), None
        with _released_if_it_fails(lock):
            finding = sqlite.examine(self.path, mode="rw", busy_timeout_s=busy_timeout_s)
            if finding.state not in sqlite.SET_ASIDE:
                return self._take(finding, lock, now, busy_timeout_s, notify), lock
        lock.release()
        notify(
            f"The cache {self} {finding.detail}. The dry run does not use it, and downloads what the next"
            " sync will download, too."
        )
        return sqlite.empty_engine(), None

    def size_bytes(self) -> int:
        """Return what the cache takes on disk."""
        return sqlite.size_bytes(self.path)


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database."""

    url: sa.URL

    def __str__(self) -> str:
        # Options are left out, since one of them may be a password.
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
        """Return an engine that only reads."""
        del busy_timeout_s
        return self.engine().execution_options(postgresql_readonly=True)

    def open_to_plan(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[sa.Engine, None]:
        """Open the database to read it: others may be using it, and nothing says whether they are."""
        del now
        return _to_plan(self, self.open_to_read(busy_timeout_s), notify), None

    def engine(self) -> sa.Engine:
        """Return an engine that has not connected yet."""
        try:
            return sa.create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
        except (ImportError, sa.exc.NoSuchModuleError) as error:
            raise CacheError(
                f"The cache {self} needs a database driver that is not installed.",
                hint=extra_advice("postgresql"),
            ) from error

    def size_bytes(self) -> None:
        """Return nothing: the server's disk is not ours to measure."""


Place: TypeAlias = File | Server


def parse(location: str | Path) -> Place:
    """Tell a path from a URL (`://`); raises CacheError for URLs that picsync cannot use."""
    text = pasted(location) if isinstance(location, str) and "://" in location else str(location)
    if isinstance(location, Path) or "://" not in text:
        return File(Path(os.path.realpath(Path(location).expanduser())))
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # Without its cause, which may quote the URL and so its password.
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
    """Return the revision of a cache's schema, None if there is none yet."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
            return None
        return connection.scalar(sa.select(schema.version.c.version_num))


def require_known(place: Place, revision: str | None) -> None:
    """Raise CacheError for a revision of which this picsync knows nothing."""
    if revision is not None and revision not in schema.REVISIONS:
        raise CacheError(
            f"The cache {place} was written by a newer picsync (schema revision {revision}).",
            hint="Update picsync, or use another cache.",
        )


@contextlib.contextmanager
def _released_if_it_fails(lock: CacheLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise


def _to_plan(place: Place, found: sa.Engine | sqlite.State, notify: Callable[[str], None]) -> sa.Engine:
    """Return the engine, or that of an empty cache in memory if there are no tables that can be read."""
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
    """Bring the schema to the newest revision, or dispose of the engine."""
    try:
        with explained(place):
            revision = revision_of(engine)
            require_known(place, revision)
            if revision != schema.HEAD:
                # Imported here because Alembic takes a third of a second to load.
                from picsync.cache.migrate import upgrade

                upgrade(engine)
    except BaseException:
        engine.dispose()
        raise


@contextlib.contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn the database's errors into CacheError; whatever else is raised is a bug."""
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
