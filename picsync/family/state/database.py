"""The database of the family's state: SQLite beside the cache, or the cache's PostgreSQL database.

A cache may be deleted, or set aside when it is damaged; what a family has done must not go with it. So for a
cache in a file, the state is in a file of its own beside it. In a PostgreSQL database, it has its own tables
and its own revision.

All work happens in transactions: `read` and `write` run a function with a connection, in a thread. Writers of
one process wait for each other in a queue; other processes, such as commands, wait for the database's lock.
So what a writer has read is still true when it writes: SQLite locks the file, and in PostgreSQL each writer
takes an advisory lock first. `read_together` and `write_together` are for what many people do at once (see
`batches`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import sqlalchemy as sa

from picsync.cache import place
from picsync.cache.file import File
from picsync.core.errors import CacheError, StateError
from picsync.family.state.batches import MAX_QUESTIONS, Batches
from picsync.system.files import reason

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")

VERSION_TABLE = "picsync_family_schema"
REVISIONS = ("f0001", "f0002")
"""Oldest first. A database of any other revision was written by a newer picsync."""
HEAD = REVISIONS[-1]
BUSY_TIMEOUT_S = 20.0
"""How long a transaction waits for that of another process."""
_THREADS = 4
_TAKE_LOCK = f"""
SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S:.0f}s';
SELECT pg_advisory_xact_lock(hashtext('picsync family'), hashtext(current_schema()))
"""
"""Held until the end of the transaction; each schema has its own."""


def path_beside(cache: Path) -> Path:
    """Return the path of the state of a cache in a file."""
    return cache.with_name(f"{cache.stem}-family.db")


class GoneError(LookupError):
    """A row that was to be written refers to one that was removed meanwhile."""


class State:
    """The open database; its methods raise StateError, and `write` raises GoneError."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        """`name` is for messages."""
        self._engine = engine
        self._reader = (
            engine
            if self.is_sqlite
            else engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        self._writer = engine.execution_options(picsync_writes=True)
        self._name = name
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="family")
        self._writing = threading.Lock()
        self._if_undone: list[Callable[[], None]] = []

    @classmethod
    async def open(cls, cache: str) -> Self:
        """Open the state that belongs to a cache (a path or URL), creating or migrating it if necessary.

        Raises StateError.
        """
        engine, name = await asyncio.to_thread(_engine, cache, create=True)
        assert engine is not None  # noqa: S101 - it is created
        state = cls(engine, name)
        try:
            await state._migrate()
        except BaseException:
            await state.aclose()
            raise
        return state

    @classmethod
    async def open_existing(cls, cache: str) -> Self | None:
        """Open the state that belongs to a cache, changing nothing; None if there is none.

        Raises StateError, also if this picsync would have to migrate it.
        """
        engine, name = await asyncio.to_thread(_engine, cache, create=False)
        if engine is None:
            return None
        state = cls(engine, name)
        try:
            revision = await state.read(_revision)
        except BaseException:
            await state.aclose()
            raise
        if revision == HEAD:
            return state
        await state.aclose()
        if revision is None:
            return None
        raise StateError(
            f"The family's database {name} has the schema revision {revision}, not {HEAD}.",
            hint="Run `picsync sync`, which migrates an older one; for a newer one, update picsync.",
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an SQLite file, rather than a PostgreSQL database."""
        return self._engine.dialect.name == "sqlite"

    def __str__(self) -> str:
        return self._name

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` returns in a transaction that sees one state of the database."""
        return await self._run(lambda: self._read(work))

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` returns in a transaction that is durable on return; if it raises, undone."""
        return await self._run(lambda: self._write(work))

    def if_undone(self, act: Callable[[], None]) -> None:
        """Have `act` called if the writing transaction that runs now fails, before the next one begins.

        Only for the function that runs in it. What it remembers outside the database may be wrong then.
        """
        self._if_undone.append(act)

    def read_together(
        self, work: Callable[[sa.Connection, Sequence[Q]], Sequence[A | Exception]]
    ) -> Batches[Q, A]:
        """Return a function that answers a question; `work` answers all that wait, in one `read`."""
        return Batches(self._threads, lambda asked: self._read(lambda connection: work(connection, asked)))

    def write_together(
        self,
        work: Callable[[sa.Connection, Sequence[Q]], Sequence[A | Exception]],
        *,
        most: int = MAX_QUESTIONS,
    ) -> Batches[Q, A]:
        """Return a function that answers a question; `work` answers those that wait, in one `write`.

        At most `most` questions share it. For a question that it refuses, `work` must write nothing, since
        the others' answers are stored.
        """
        return Batches(
            self._threads,
            lambda asked: self._write(lambda connection: work(connection, asked)),
            most=most,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        with self._explained(), self._reader.begin() as connection:
            return work(connection)

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        with self._writing, self._explained():
            self._if_undone.clear()
            try:
                with self._writer.begin() as connection:
                    return work(connection)
            except BaseException:
                for act in self._if_undone:
                    act()
                raise

    async def _migrate(self) -> None:
        revision = await self.read(_revision)
        if revision is not None and revision not in REVISIONS:
            raise StateError(
                f"The family's database {self} was written by a newer picsync (schema revision {revision}).",
                hint="Update picsync, or use another cache.",
            )
        if revision != HEAD:
            await self.write(_upgrade)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Convert the database's errors to StateError; any other exception is a bug."""
        try:
            yield
        except sa.exc.IntegrityError as error:
            if _refers_to_nothing(error):
                raise GoneError("it refers to something that was removed") from error
            raise  # Who wrote the statement knows what it means.
        except sa.exc.DBAPIError as error:
            detail = " ".join(str(error.orig).split())
            raise StateError(
                f"The family's database {self} cannot be used: {detail}.",
                hint="Check the disk's free space and permissions, or that the database server runs.",
            ) from error


def _engine(cache: str, *, create: bool) -> tuple[sa.Engine | None, str]:
    """Return an engine that is not connected yet, and the database's name for messages.

    The engine is None if there is no file, and none is to be created.
    """
    try:
        found = place.parse(cache)
        if not isinstance(found, File):
            engine = found.engine()
            sa.event.listen(engine, "begin", _begin_on_server)
            return engine, str(found)
    except CacheError as error:
        raise StateError(error.message, hint=error.hint) from error
    path = path_beside(found.path)
    if not create and not path.exists():
        return None, str(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # It has names, and hashes of secrets.
        path.touch(mode=0o600)
    except OSError as error:
        raise StateError(f"The family's database {path} cannot be created: {reason(error)}.") from error
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S},
        pool_size=_THREADS,
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begin)
    return engine, str(path)


def _refers_to_nothing(error: sa.exc.IntegrityError) -> bool:
    """Whether a foreign key is the reason, as sqlite3 or psycopg names it."""
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    return name in ("SQLITE_CONSTRAINT_FOREIGNKEY", "23503")


def _connected(connection: object, _record: object) -> None:
    # The module's own way to begin transactions is switched off: it begins none for reading.
    connection.isolation_level = None  # type: ignore[attr-defined] # sqlite3's
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # For words that are too short for the index of trigrams.
    connection.create_function("picsync_fold", 1, str.casefold, deterministic=True)  # type: ignore[attr-defined]


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("picsync_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_on_server(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("picsync_writes", False):
        connection.exec_driver_sql(_TAKE_LOCK)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.Text))
    return connection.scalar(sa.select(version.c.version_num))


def _upgrade(connection: sa.Connection) -> None:
    """Apply all missing migrations in the transaction; if interrupted, the database is unchanged."""
    # Alembic takes a third of a second to load, and is needed after an upgrade only.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "picsync.family.state:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
