"""A cache in a PostgreSQL database, which several processes may share. Importing this loads SQLAlchemy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from picsync.cache import schema, tables
from picsync.cache.database import Database, ListingChange, MirrorChange, Row, migrated, to_plan
from picsync.core.errors import CacheError
from picsync.core.values import dataclass
from picsync.system.packages import extra_advice

_c = tables.mapping.c
_FIND = sa.select(_c.item_id, _c.version, _c.algorithm, _c.digest, _c.unusable, _c.recorded_at).where(
    _c.source == sa.bindparam("source"),
    _c.recipe == sa.bindparam("recipe"),
    _c.item_id.in_(sa.bindparam("item_ids", expanding=True)),
)


def _find(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    """Return the selection of all columns but the source, for items of one source."""
    source, *others = table.c
    return sa.select(*others).where(
        source == sa.bindparam("source"), table.c.item_id.in_(sa.bindparam("item_ids", expanding=True))
    )


_FIND_FACTS, _FIND_TOLD = _find(tables.facts), _find(tables.told)
_RULE = sa.select(tables.rule_start.c.started_at).where(tables.rule_start.c.rule == sa.bindparam("rule"))
_ENTRIES = (
    sa.select(
        _c.source,
        sa.func.count(_c.item_id.distinct()),
        sa.func.count(sa.case((_c.unusable.is_not(None), _c.item_id)).distinct()),
        sa.func.min(_c.recorded_at),
        sa.func.max(_c.recorded_at),
    )
    .group_by(_c.source)
    .order_by(_c.source)
)


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database."""

    url: sa.URL

    def __str__(self) -> str:
        # Options are omitted, since one of them may be a password.
        return self.url.set(query={}).render_as_string(hide_password=True)

    def open(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[Database, None]:
        """Migrate the database; the arguments are for files only."""
        del now, busy_timeout_s, notify
        database = ServerDatabase(self, self.engine())
        return migrated(self, database, database.migrate), None

    def open_to_read(self, busy_timeout_s: float) -> Database:
        """Open the database read-only."""
        del busy_timeout_s
        return ServerDatabase(self, self.engine().execution_options(postgresql_readonly=True))

    def open_to_plan(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[Database, None]:
        """Open the database read-only: others may be using it, and there is no way to find out."""
        del now
        return to_plan(self, self.open_to_read(busy_timeout_s), notify), None

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


class ServerDatabase:
    """The tables in a server's database."""

    def __init__(self, place: Server, engine: sa.Engine) -> None:
        self._place = place
        self._engine = engine

    def migrate(self) -> None:
        """Migrate the schema to the newest revision."""
        # Imported here since Alembic takes a third of a second to load.
        from picsync.cache.migrate import upgrade

        with self._explained():
            upgrade(self._engine)

    def revision(self) -> str | None:
        """Return the revision of the schema; None if there is no schema yet."""
        with self._explained(), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
                return None
            return connection.scalar(sa.select(tables.version.c.version_num))

    def find(self, source: str, recipe: str, item_ids: Sequence[str]) -> Sequence[Row]:
        """Return item_id, version, algorithm, digest, unusable and recorded_at of all rows of these items."""
        wanted = {"source": source, "recipe": recipe, "item_ids": item_ids}
        with self._explained(), self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(_FIND, wanted)]

    def replace(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction, each in place of the row with the same key; durable on return."""
        self._replace(tables.mapping, schema.KEY, rows)

    def find_facts(self, source: str, item_ids: Sequence[str]) -> Sequence[Row]:
        """Return `schema.FACTS_COLUMNS` without the source of all rows of these items."""
        return self._of_items(_FIND_FACTS, source, item_ids)

    def replace_facts(self, rows: Sequence[Row]) -> None:
        """Write rows of `schema.FACTS_COLUMNS` as `replace` does."""
        self._replace(tables.facts, schema.FACTS_KEY, rows)

    def find_told(self, source: str, item_ids: Sequence[str]) -> Sequence[Row]:
        """Return `schema.TOLD_COLUMNS` without the source of all rows of these items."""
        return self._of_items(_FIND_TOLD, source, item_ids)

    def replace_told(self, rows: Sequence[Row]) -> None:
        """Write rows of `schema.TOLD_COLUMNS` as `replace` does."""
        self._replace(tables.told, schema.FACTS_KEY, rows)

    def _of_items(
        self, statement: sa.Select[tuple[object, ...]], source: str, item_ids: Sequence[str]
    ) -> Sequence[Row]:
        wanted = {"source": source, "item_ids": item_ids}
        with self._explained(), self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(statement, wanted)]

    def rule_start(self, rule: str) -> int | None:
        """Return when a rule started; None if that is not known."""
        with self._explained(), self._engine.connect() as connection:
            return connection.scalar(_RULE, {"rule": rule})

    def start_rule(self, rule: str, at: int) -> None:
        """Store when a rule started, unless that is known."""
        if self.rule_start(rule) is None:
            self._replace(tables.rule_start, ("rule",), [(rule, at)])

    def _replace(self, table: sa.Table, key: Sequence[str], rows: Sequence[Row]) -> None:
        named = [dict(zip(table.c.keys(), row, strict=True)) for row in rows]
        keys = [{f"its_{name}": row[name] for name in key} for row in named]
        forget = sa.delete(table).where(*(table.c[name] == sa.bindparam(f"its_{name}") for name in key))

        def write() -> None:
            with self._engine.begin() as connection:
                connection.execute(forget, keys)
                connection.execute(sa.insert(table), named)

        with self._explained():
            try:
                write()
            except sa.exc.IntegrityError:
                # Another process that shares the database has just recorded the same item; it exists now.
                write()

    def find_listing(self, source: str, album: str) -> tuple[str, str, Sequence[Row]] | None:
        """Return arguments, cursor and entries (entry, content) of a listing, as they were written."""
        listing, entry = tables.listing, tables.listing_entry
        of = {"source": source, "album": album}
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with self._explained(), engine.connect() as connection:
            found = connection.execute(
                sa.select(listing.c.arguments, listing.c.cursor).filter_by(**of)
            ).one_or_none()
            if found is None:
                return None
            rows = connection.execute(sa.select(entry.c.entry, entry.c.content).filter_by(**of))
            return found.arguments, found.cursor, [tuple(row) for row in rows]

    def write_listing(self, change: ListingChange) -> None:
        """Write a listing's cursor and entries in one transaction; durable on return."""
        listing, entry = tables.listing, tables.listing_entry
        of = {"source": change.source, "album": change.album}
        gone = [*change.removed, *(name for name, _ in change.changed)]

        def write() -> None:
            with self._engine.begin() as connection:
                # First, so that processes that share the database wait for each other.
                connection.execute(sa.delete(listing).filter_by(**of))
                connection.execute(
                    sa.insert(listing), {**of, "arguments": change.arguments, "cursor": change.cursor}
                )
                forget = sa.delete(entry).filter_by(**of)
                if change.replace:
                    connection.execute(forget)
                elif gone:
                    connection.execute(
                        forget.where(entry.c.entry == sa.bindparam("its_entry")),
                        [{"its_entry": name} for name in gone],
                    )
                if change.changed:
                    rows = [{**of, "entry": name, "content": text} for name, text in change.changed]
                    connection.execute(sa.insert(entry), rows)

        with self._explained():
            try:
                write()
            except sa.exc.IntegrityError:
                # Another process that shares the database has just written the same listing.
                write()

    def find_mirror(self, mirror: str) -> tuple[str, str, Sequence[Row]] | None:
        """Return arguments, cursor and `schema.MIRROR_FILES_COLUMNS` without the mirror, as written."""
        one, file = tables.mirror, tables.mirror_file
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with self._explained(), engine.connect() as connection:
            found = connection.execute(
                sa.select(one.c.arguments, one.c.cursor).filter_by(mirror=mirror)
            ).one_or_none()
            if found is None:
                return None
            _, *columns = file.c
            rows = connection.execute(sa.select(*columns).filter_by(mirror=mirror))
            return found.arguments, found.cursor, [tuple(row) for row in rows]

    def write_mirror(self, change: MirrorChange) -> None:
        """Write a mirror's cursor and files in one transaction; durable on return."""
        one, file = tables.mirror, tables.mirror_file
        names = file.c.keys()
        rows = [dict(zip(names, row, strict=True)) for row in change.changed]
        gone = [*change.removed, *((row["side"], row["path"]) for row in rows)]

        def write() -> None:
            with self._engine.begin() as connection:
                # First, so that processes that share the database wait for each other.
                connection.execute(sa.delete(one).filter_by(mirror=change.mirror))
                connection.execute(
                    sa.insert(one),
                    {"mirror": change.mirror, "arguments": change.arguments, "cursor": change.cursor},
                )
                forget = sa.delete(file).filter_by(mirror=change.mirror)
                if change.replace:
                    connection.execute(forget)
                elif gone:
                    connection.execute(
                        forget.where(
                            file.c.side == sa.bindparam("its_side"), file.c.path == sa.bindparam("its_path")
                        ),
                        [{"its_side": side, "its_path": path} for side, path in gone],
                    )
                if rows:
                    connection.execute(sa.insert(file), rows)

        with self._explained():
            try:
                write()
            except sa.exc.IntegrityError:
                # Another process that shares the database has just written the same mirror.
                write()

    def entries(self) -> Sequence[Row]:
        """Return source, items, unusable items, and the first and last `recorded_at`, for each source."""
        with self._explained(), self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(_ENTRIES)]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Convert the database's errors to CacheError; any other exception is a bug."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            detail = " ".join(str(error.orig).split())
            raise CacheError(
                f"The cache {self._place} cannot be used: {detail}",
                hint="Check that the server runs, and that this user may create and change tables there.",
            ) from error


def parse(text: str) -> Server | str:
    """Return the database that a URL names, or the path of an SQLite file; raises CacheError."""
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
        return url.database
    if backend not in ("postgres", "postgresql"):
        raise CacheError(
            f"The cache cannot be kept in {Server(url)}.",
            hint="Name a file, or a postgresql://... database.",
        )
    return Server(url.set(drivername=f"postgresql+{driver or 'psycopg'}"))
