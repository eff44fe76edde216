"""The interface to the cache: the digests of media items.

The cache is a memo: losing it costs time, never correctness. A recorded mapping survives a crash of the
process, of the machine and of the database connection. The cache is an SQLite file, which one process at a
time may open, or a PostgreSQL database, which several may share.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from picsync.cache import place, schema
from picsync.cache.database import Database, ListingChange, MirrorChange, Row
from picsync.cache.locking import CacheLock
from picsync.cache.status import CacheStatus, inspect, read_status
from picsync.core.caption import Told
from picsync.core.mirrorstate import KnownFile, MirrorState, MirrorUpdate, Side
from picsync.core.model import (
    Digest,
    ItemFacts,
    ListingUpdate,
    Mapping,
    MediaItem,
    StoredListing,
    facts,
)

_IDS_PER_QUERY = 500
"""Below every database's limit on parameters (999 in old SQLite builds); more would not be faster."""
_BUSY_TIMEOUT_S = 10.0
"""How long to wait for another program's lock on the file; a backup or a manual query takes less."""


SEEN = ItemFacts("", "")
"""Stands for an item of which only that it is not new is known."""


class Cache:
    """An open cache. All methods may run concurrently; nothing blocks the event loop."""

    def __init__(self, where: place.Place, database: Database, lock: CacheLock | None) -> None:
        self._place = where
        self._database = database
        self._lock = lock
        self._pending: list[Mapping] = []
        self._next_commit: asyncio.Task[None] | None = None
        self._commits: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(
        cls,
        location: str | Path,
        *,
        notify: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        busy_timeout_s: float = _BUSY_TIMEOUT_S,
    ) -> Self:
        """Open the cache at a path or, if `location` contains `://`, a database URL; migrates in place.

        A damaged file, or one of a newer picsync, is renamed and replaced by a new cache; `notify` receives
        the message. Raises CacheError if there can be no cache at that location, or another process uses it.
        """
        messages: list[str] = []
        try:
            where = await asyncio.to_thread(place.parse, location)
            opened = await asyncio.to_thread(where.open, now(), busy_timeout_s, messages.append)
        finally:
            for message in messages:
                notify(message)
        return cls(where, *opened)

    @classmethod
    async def open_to_plan(
        cls,
        location: str | Path,
        *,
        notify: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        busy_timeout_s: float = _BUSY_TIMEOUT_S,
    ) -> Cache:
        """Open the cache for a dry run.

        Like `open` if no other process uses the file. Otherwise, and if the cache is a database server,
        nothing is written to it: recorded mappings are kept until the cache is closed. Raises CacheError.
        """
        messages: list[str] = []
        try:
            where = await asyncio.to_thread(place.parse, location)
            opened = await asyncio.to_thread(where.open_to_plan, now(), busy_timeout_s, messages.append)
        finally:
            for message in messages:
                notify(message)
        kind = _Overlay if opened[1] is None else cls
        return kind(where, *opened)

    @classmethod
    async def inspect(cls, location: str | Path, *, busy_timeout_s: float = _BUSY_TIMEOUT_S) -> CacheStatus:
        """Return the status of a cache that another process may have open, without changing it.

        Raises CacheError if the file is something else, damaged, or of a newer picsync.
        """
        where = await asyncio.to_thread(place.parse, location)
        return await asyncio.to_thread(inspect, where, busy_timeout_s)

    async def lookup(
        self, items: Sequence[MediaItem], *, recipe: Callable[[MediaItem], str], algorithm: str
    ) -> dict[MediaItem, Mapping]:
        """Return what is known about items, each with the recipe that it is to be sent with.

        Only digests of `algorithm` count as known, and items recorded as unusable. Raises CacheError.
        """
        self._require_open()
        wanted: dict[tuple[str, str], list[MediaItem]] = defaultdict(list)
        for item in items:
            wanted[item.source, recipe(item)].append(item)
        return await asyncio.to_thread(self._lookup, wanted, algorithm)

    async def record(self, mapping: Mapping) -> None:
        """Store a mapping with its own `recorded_at`, replacing an older one; durable on return.

        Calls during a write share the next transaction. Cancelling a caller does not withdraw its mapping.
        Raises CacheError for all callers of a failed transaction.
        """
        await self.record_all([mapping])

    async def record_all(self, mappings: Sequence[Mapping]) -> None:
        """Store mappings as `record` does, all or none of them."""
        self._require_open()
        for mapping in mappings:
            _check(mapping)
        self._pending += mappings
        if self._next_commit is None:
            self._next_commit = asyncio.create_task(self._commit())
            self._commits.add(self._next_commit)
            self._next_commit.add_done_callback(self._committed)
        await asyncio.shield(self._next_commit)

    async def facts(
        self, items: Sequence[MediaItem], *, since: datetime | None = None
    ) -> dict[MediaItem, ItemFacts]:
        """Return what is stored of items, whatever their versions; raises CacheError.

        Items that were first seen before `since`, and of which nothing else is known, share `SEEN`: thousands
        of objects are not made each time.
        """
        self._require_open()
        return await asyncio.to_thread(self._facts, items, schema.number(since) or 0)

    async def record_facts(self, facts: Sequence[ItemFacts]) -> None:
        """Store facts, replacing older ones of the same items; durable on return. Raises CacheError."""
        self._require_open()
        if facts:
            by_key = {row[: len(schema.FACTS_KEY)]: row for row in map(_facts_row, facts)}
            rows = [by_key[key] for key in sorted(by_key)]
            async with self._writing:
                await asyncio.to_thread(self._database.replace_facts, rows)

    async def told(self, items: Sequence[MediaItem]) -> dict[MediaItem, Told]:
        """Return what the metadata of these items have told, as far as they were read; raises CacheError."""
        self._require_open()
        return await asyncio.to_thread(self._told, items)

    async def record_told(self, told: Dictionary[MediaItem, Told]) -> None:
        """Store what metadata have told, replacing what is there; durable on return. Raises CacheError."""
        self._require_open()
        if told:
            by_key = {row[: len(schema.FACTS_KEY)]: row for row in map(_told_row, told, told.values())}
            rows = [by_key[key] for key in sorted(by_key)]
            async with self._writing:
                await asyncio.to_thread(self._database.replace_told, rows)

    async def rule_start(self, rule: str) -> datetime | None:
        """Return when a rule was first listed completely; None if that is not known. Raises CacheError."""
        self._require_open()
        return schema.instant(await asyncio.to_thread(self._database.rule_start, schema.key(rule)))

    async def start_rule(self, rule: str, at: datetime) -> None:
        """Store when a rule was first listed completely, unless that is known. Raises CacheError."""
        self._require_open()
        async with self._writing:
            await asyncio.to_thread(self._database.start_rule, schema.key(rule), schema.number(at) or 0)

    async def listing(self, source: str, album: str) -> StoredListing | None:
        """Return what is stored of a source's listing; None if nothing is. Raises CacheError."""
        self._require_open()
        found = await asyncio.to_thread(self._database.find_listing, schema.key(source), schema.key(album))
        if found is None:
            return None
        arguments, cursor, rows = found
        return StoredListing(str(arguments), str(cursor), {str(entry): str(text) for entry, text in rows})

    async def record_listing(self, source: str, album: str, change: ListingUpdate) -> None:
        """Store a listing's cursor and changed entries; durable on return. Raises CacheError."""
        self._require_open()
        row = ListingChange(
            schema.key(source),
            schema.key(album),
            change.arguments,
            change.cursor,
            [(schema.printable(entry), schema.printable(text)) for entry, text in change.changed.items()],
            [schema.printable(entry) for entry in change.removed],
            change.replace,
        )
        async with self._writing:
            await asyncio.to_thread(self._database.write_listing, row)

    async def mirror(self, name: str) -> MirrorState | None:
        """Return what is stored of a mirror; None if nothing is. Raises CacheError."""
        self._require_open()
        found = await asyncio.to_thread(self._database.find_mirror, schema.key(name))
        if found is None:
            return None
        arguments, cursor, rows = found
        files = {(one.side, one.path): one for one in map(_known_file, rows) if one is not None}
        return MirrorState(str(arguments), str(cursor), files)

    async def record_mirror(self, name: str, update: MirrorUpdate) -> None:
        """Store a mirror's cursor and what has changed of its files; durable on return. Raises CacheError."""
        self._require_open()
        mirror = schema.key(name)
        rows = {(one.side, one.path): _known_row(mirror, one) for one in update.changed}
        change = MirrorChange(
            mirror,
            schema.printable(update.arguments),
            update.cursor,
            list(rows.values()),
            [(side.value, schema.key(path)) for side, path in update.removed],
            update.replace,
        )
        async with self._writing:
            await asyncio.to_thread(self._database.write_mirror, change)

    async def status(self) -> CacheStatus:
        """Return the content of the cache; raises CacheError."""
        self._require_open()
        return await asyncio.to_thread(read_status, self._place, self._database)

    async def aclose(self) -> None:
        """Finish pending writes and release the file; safe to call twice."""
        self._closed = True
        if self._commits:
            # The callers of `record` receive their errors.
            await asyncio.wait(self._commits)
        await asyncio.to_thread(self._database.close)
        if self._lock is not None:
            self._lock.release()

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError("the cache is closed")

    async def _commit(self) -> None:
        async with self._writing:
            batch, self._pending, self._next_commit = self._pending, [], None
            await asyncio.to_thread(self._write, batch)

    def _committed(self, commit: asyncio.Task[None]) -> None:
        self._commits.discard(commit)
        if not commit.cancelled():
            # All callers may have been cancelled by now; then nobody receives the error.
            commit.exception()

    def _write(self, batch: Sequence[Mapping]) -> None:
        by_key = {row[: len(schema.KEY)]: row for row in map(_row, batch)}  # the last one wins
        # In order, so that processes that share the database cannot deadlock.
        self._database.replace([by_key[key] for key in sorted(by_key)])

    def _lookup(
        self, wanted: dict[tuple[str, str], list[MediaItem]], algorithm: str
    ) -> dict[MediaItem, Mapping]:
        found: dict[MediaItem, Mapping] = {}
        for (source, recipe), items in wanted.items():
            for start in range(0, len(items), _IDS_PER_QUERY):
                by_id: dict[str, list[MediaItem]] = {}
                for item in items[start : start + _IDS_PER_QUERY]:
                    by_id.setdefault(schema.key(item.bytes_key[0]), []).append(item)
                for item_id, version, *content in self._database.find(
                    schema.key(source), schema.key(recipe), list(by_id)
                ):
                    for item in by_id.get(item_id, ()):
                        if schema.key(item.bytes_key[1]) != version:
                            continue
                        if mapping := _mapping(item, recipe, algorithm, *content):
                            found[item] = mapping
        return found

    def _facts(self, items: Sequence[MediaItem], since: int) -> dict[MediaItem, ItemFacts]:
        found: dict[MediaItem, ItemFacts] = {}
        for source, by_id in _batches(items):
            for item_id, *stored in self._database.find_facts(source, list(by_id)):
                item = by_id[item_id]
                seen_at, width, examined_at = stored[1], stored[2], stored[-1]
                learned = examined_at is not None or width is not None
                old = not learned and isinstance(seen_at, int) and seen_at < since
                found[item] = SEEN if old else _item_facts(item, *stored)
        return found

    def _told(self, items: Sequence[MediaItem]) -> dict[MediaItem, Told]:
        found: dict[MediaItem, Told] = {}
        for source, by_id in _batches(items):
            for item_id, version, taken_at, description, place_name in self._database.find_told(
                source, list(by_id)
            ):
                if version == schema.key(by_id[item_id].version):
                    found[by_id[item_id]] = Told(_local_time(taken_at), str(description), place_name)
        return found


class _Overlay(Cache):
    """A cache with a read-only database; recorded mappings stay in memory."""

    def __init__(self, where: place.Place, database: Database, lock: CacheLock | None) -> None:
        super().__init__(where, database, lock)
        self._recorded: dict[tuple[str, ...], Mapping] = {}
        self._recorded_facts: dict[tuple[str, str], ItemFacts] = {}
        self._recorded_told: dict[MediaItem, Told] = {}
        self._starts: dict[str, datetime] = {}

    async def record_all(self, mappings: Sequence[Mapping]) -> None:
        """Keep mappings, replacing older ones."""
        self._require_open()
        for mapping in mappings:
            _check(mapping)
            self._recorded[tuple(getattr(mapping, name) for name in schema.KEY)] = mapping

    async def lookup(
        self, items: Sequence[MediaItem], *, recipe: Callable[[MediaItem], str], algorithm: str
    ) -> dict[MediaItem, Mapping]:
        """Return what the cache knows, overridden by what was recorded here."""
        found = await super().lookup(items, recipe=recipe, algorithm=algorithm)
        for item in items:
            mapping = self._recorded.get((item.source, *item.bytes_key, recipe(item)))
            if mapping and (mapping.digest is None or mapping.digest.algorithm == algorithm):
                found[item] = mapping
        return found

    async def facts(
        self, items: Sequence[MediaItem], *, since: datetime | None = None
    ) -> dict[MediaItem, ItemFacts]:
        """Return what the cache stores, overridden by what was recorded here."""
        recorded = {item: self._recorded_facts.get((item.source, item.item_id)) for item in items}
        return await super().facts(items, since=since) | {
            item: facts for item, facts in recorded.items() if facts
        }

    async def record_facts(self, facts: Sequence[ItemFacts]) -> None:
        """Keep facts, replacing older ones."""
        self._require_open()
        self._recorded_facts.update(((one.source, one.item_id), one) for one in facts)

    async def told(self, items: Sequence[MediaItem]) -> dict[MediaItem, Told]:
        """Return what the cache stores, overridden by what was recorded here."""
        recorded = {item: self._recorded_told[item] for item in items if item in self._recorded_told}
        return await super().told(items) | recorded

    async def record_told(self, told: Dictionary[MediaItem, Told]) -> None:
        """Keep what metadata have told, replacing what is there."""
        self._require_open()
        self._recorded_told.update(told)

    async def record_listing(self, source: str, album: str, change: ListingUpdate) -> None:
        """Keep nothing: the source itself remembers it for this run."""

    async def record_mirror(self, name: str, update: MirrorUpdate) -> None:
        """Keep nothing: a dry run has nothing to remember."""

    async def rule_start(self, rule: str) -> datetime | None:
        """Return what the cache stores, or was kept here."""
        return await super().rule_start(rule) or self._starts.get(rule)

    async def start_rule(self, rule: str, at: datetime) -> None:
        """Keep when a rule started."""
        self._starts.setdefault(rule, at)


def _check(mapping: Mapping) -> None:
    if mapping.digest is None and mapping.unusable is None:
        raise ValueError("a mapping needs a digest or the reason why its item is unusable")
    if mapping.recorded_at is not None and mapping.recorded_at.tzinfo is None:
        raise ValueError("recorded_at must be aware")


def _row(mapping: Mapping) -> Row:
    digest = mapping.digest
    return (
        schema.key(mapping.source),
        schema.key(mapping.item_id),
        schema.key(mapping.version),
        schema.key(mapping.recipe),
        digest and digest.algorithm,
        digest and digest.hex,
        None if mapping.unusable is None else schema.printable(mapping.unusable),
        schema.number(mapping.recorded_at),
    )


def _batches(items: Sequence[MediaItem]) -> Iterator[tuple[str, dict[str, MediaItem]]]:
    """Yield items by stored ID, as many as one query takes, each time with their stored source."""
    by_source: dict[str, list[MediaItem]] = defaultdict(list)
    for item in items:
        by_source[item.source].append(item)
    for source, its in by_source.items():
        for start in range(0, len(its), _IDS_PER_QUERY):
            yield (
                schema.key(source),
                {schema.key(item.item_id): item for item in its[start : start + _IDS_PER_QUERY]},
            )


def _known_row(mirror: str, one: KnownFile) -> Row:
    return (
        mirror,
        one.side.value,
        schema.key(one.path),
        one.size_bytes,
        schema.number(one.modified_at),
        one.inode,
        schema.printable(one.rev),
        one.content_hash,
    )


def _known_file(row: Row) -> KnownFile | None:
    """Return a row of a mirror; None if it makes no sense."""
    side, path, size_bytes, modified_at, inode, rev, content_hash = row
    if side not in Side.__members__.values():
        return None
    return KnownFile(
        Side(side),
        schema.text_of(str(path)),
        size_bytes if isinstance(size_bytes, int) else None,
        schema.instant(modified_at),
        str(inode),
        str(rev),
        str(content_hash),
    )


def _told_row(item: MediaItem, told: Told) -> Row:
    return (
        schema.key(item.source),
        schema.key(item.item_id),
        schema.key(item.version),
        None if told.taken is None else told.taken.isoformat(),
        schema.printable(told.description),
        None if told.place is None else schema.printable(told.place),
    )


def _local_time(stored: object) -> datetime | None:
    """Return a stored local time; None for NULL and for anything that is none."""
    try:
        found = datetime.fromisoformat(stored) if isinstance(stored, str) else None
    except ValueError:
        return None
    return None if found is None else found.replace(tzinfo=None)


_SIGN = 1 << 63
"""Databases store signed numbers of 64 bits."""


def _facts_row(stored: ItemFacts) -> Row:
    return (
        schema.key(stored.source),
        schema.key(stored.item_id),
        schema.key(stored.version),
        schema.number(stored.first_seen_at),
        stored.width,
        stored.height,
        stored.rating,
        None if stored.look is None else stored.look - _SIGN,
        schema.number(stored.examined_at),
    )


def _item_facts(
    item: MediaItem,
    version: object,
    first_seen_at: object,
    width: object,
    height: object,
    rating: object,
    look: object,
    examined_at: object,
) -> ItemFacts:
    """Return a row's facts; values that make no sense count as unknown."""
    seen_at = schema.instant(first_seen_at)
    if version != schema.key(item.version):
        return ItemFacts(item.source, item.item_id, item.version, seen_at)
    sizes = facts(*(side if isinstance(side, int) else None for side in (width, height)))
    return ItemFacts(
        item.source,
        item.item_id,
        item.version,
        seen_at,
        sizes.width,
        sizes.height,
        rating if isinstance(rating, int) and 0 <= rating <= 5 else None,
        look + _SIGN if isinstance(look, int) and -_SIGN <= look < _SIGN else None,
        schema.instant(examined_at),
    )


def _mapping(
    item: MediaItem,
    recipe: str,
    wanted: str,
    algorithm: str | None,
    hex_digest: str | None,
    unusable: str | None,
    recorded_at: object,
) -> Mapping | None:
    """Return a row's mapping, or None if it lacks what is needed."""
    digest = None
    if algorithm == wanted and hex_digest is not None:
        # An invalid row counts as missing.
        try:  # noqa: SIM105 - suppress() takes as long as the rest
            digest = Digest(algorithm, hex_digest)
        except ValueError:
            pass
    if digest is None and unusable is None:
        return None
    return Mapping(item.source, *item.bytes_key, recipe, digest, unusable, schema.instant(recorded_at))
