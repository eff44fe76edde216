"""Everything that a family has done, as one file: for a backup, and for another database.

It is a zip file with `manifest.json` and one file per table, of one JSON object per line. Exporting reads in
one transaction, so picsync may run meanwhile. Importing writes in one transaction, or not at all. The file
has names and hashes of secrets, no secrets; the photos themselves are not in it.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from picsync.core.errors import StateError
from picsync.family.acts import Act, note
from picsync.family.state import tables
from picsync.family.state.database import HEAD, REVISIONS, GoneError, State
from picsync.family.state.remembered import mark_replaced
from picsync.system.files import reason

FORMAT = 1
"""Of the file. A newer one is refused."""
ADDED: Mapping[str, Mapping[str, frozenset[str]]] = {"f0002": {"family_person": frozenset({"email"})}}
"""Columns that a revision has added, by table; in an older file they are missing, and so empty."""
MANIFEST = "manifest.json"
MAX_LINE_BYTES = 1 << 20
_BATCH = 500
_KINDS: Mapping[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


async def export(state: State, file: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Write everything to a file, which appears when it is complete; return the number of rows.

    Raises StateError.
    """

    def work(connection: sa.Connection) -> int:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w+b") as target:
                counts = _write(connection, target, now())
                target.flush()
                os.fsync(target.fileno())
            temporary.replace(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return sum(counts.values())

    try:
        return await state.read(work)
    except OSError as error:
        raise StateError(f"{file} cannot be written: {reason(error)}.") from error


def _write(connection: sa.Connection, target: Any, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables.metadata.sorted_tables:
            counts[table.name] = 0
            with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as lines:
                rows = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
                for row in rows:
                    lines.write(json.dumps(dict(row), ensure_ascii=False).encode() + b"\n")
                    counts[table.name] += 1
        manifest = {
            "format": FORMAT,
            "schema": HEAD,
            "exported_at": now.isoformat(),
            "rows": counts,
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
    return counts


async def restore(
    state: State,
    file: Path,
    *,
    replace: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Read everything from a file into an empty database; return the number of rows.

    With `replace`, what the database has is removed first. Raises StateError; then nothing has changed.
    """

    def work(connection: sa.Connection) -> int:
        with zipfile.ZipFile(file) as archive:
            expected, lacking = _manifest(archive, file)
            _make_room(connection, replace=replace)
            total = 0
            for table in tables.metadata.sorted_tables:
                count = _read(connection, archive, table, lacking.get(table.name, frozenset()), file)
                if count != expected.get(table.name, 0):
                    raise _damaged(file, f"{table.name} has {count} rows, and should have another number")
                total += count
            _continue_numbers(connection)
            mark_replaced(connection)
            note(connection, now(), None, Act.IMPORTED, detail=f"{total} rows")
            return total

    try:
        return await state.write(work)
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, EOFError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    except (sa.exc.IntegrityError, GoneError) as error:
        raise _damaged(file, "a row refers to one that is missing, or is there twice") from error
    except OSError as error:
        raise StateError(f"{file} cannot be read: {reason(error)}.") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> tuple[dict[str, int], dict[str, frozenset[str]]]:
    """Return the number of rows of each table, and the columns that its rows lack."""
    if MANIFEST not in archive.namelist():
        raise _damaged(file, "it is no export of picsync")
    with archive.open(MANIFEST) as content:
        manifest = json.loads(content.read(MAX_LINE_BYTES))
    if not isinstance(manifest, dict) or not isinstance(manifest.get("rows"), dict):
        raise _damaged(file, "its manifest is not valid")
    schema = manifest.get("schema")
    if manifest.get("format") != FORMAT or schema not in REVISIONS:
        raise StateError(
            f"{file} is of another version of picsync (schema {schema}; this is {HEAD}).",
            hint="Import it with the version that has exported it, or update picsync.",
        )
    lacking: dict[str, frozenset[str]] = {}
    for revision in REVISIONS[REVISIONS.index(schema) + 1 :]:
        for table, columns in ADDED[revision].items():
            lacking[table] = lacking.get(table, frozenset()) | columns
    return {str(name): count for name, count in manifest["rows"].items() if isinstance(count, int)}, lacking


def _make_room(connection: sa.Connection, *, replace: bool) -> None:
    for table in reversed(tables.metadata.sorted_tables):
        if replace:
            connection.execute(sa.delete(table))
        elif connection.execute(sa.select(table).limit(1)).first() is not None:
            raise StateError(
                "The family's database is not empty.",
                hint="Use another cache, or --replace, which removes what is there. Export it before.",
            )


def _read(
    connection: sa.Connection,
    archive: zipfile.ZipFile,
    table: sa.Table,
    lacking: frozenset[str],
    file: Path,
) -> int:
    count, batch = 0, []
    for row in _rows(archive, table, lacking, file):
        batch.append(row)
        count += 1
        if len(batch) == _BATCH:
            connection.execute(sa.insert(table), batch)
            batch = []
    if batch:
        connection.execute(sa.insert(table), batch)
    return count


def _rows(
    archive: zipfile.ZipFile, table: sa.Table, lacking: frozenset[str], file: Path
) -> Iterator[dict[str, Any]]:
    with archive.open(f"{table.name}.jsonl") as lines:
        while line := lines.readline(MAX_LINE_BYTES):
            row = json.loads(line)
            if not isinstance(row, dict) or row.keys() != set(table.c.keys()) - lacking:
                raise _damaged(file, f"a row of {table.name} has other columns")
            row.update(dict.fromkeys(lacking))
            for column in table.c:
                if not _fits(row[column.key], column):
                    raise _damaged(file, f"a row of {table.name} has another type of {column.key}")
            yield row


def _fits(value: object, column: sa.Column[Any]) -> bool:
    if value is None:
        return bool(column.nullable)
    kind = column.type.python_type
    return isinstance(value, _KINDS[kind]) and (kind is bool or not isinstance(value, bool))


def _continue_numbers(connection: sa.Connection) -> None:
    """Let PostgreSQL number new rows after those that were imported; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in (tables.game, tables.act):
        last = connection.scalar(sa.select(sa.func.max(table.c.number)))
        if last is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, "number")
            connection.execute(sa.select(sa.func.setval(sequence, last)))


def _damaged(file: Path, why: str) -> StateError:
    return StateError(
        f"{file} cannot be imported: {' '.join(why.split())[:200]}.",
        hint="Use a file that `picsync family export` has written. Nothing was changed.",
    )
