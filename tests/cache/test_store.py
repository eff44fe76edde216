"""Looking up and recording, in a valid file."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from picsync.core.model import (
    Digest,
    ItemFacts,
    ListingUpdate,
    Mapping,
    MediaItem,
    MediaKind,
    StoredListing,
)
from picsync.core.recipe import ORIGINAL
from picsync.sync.transfer import mapping_of
from tests.cache.builders import NOW, item, known, mapping, on_connect, opened, original, query


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picsync.db"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that SQLite executes from now on, with its parameters."""
    seen: list[str] = []
    on_connect(monkeypatch, lambda connection: connection.set_trace_callback(seen.append))
    return seen


@pytest.fixture
async def cache(path: Path, sent: list[str]) -> AsyncIterator[Cache]:
    async with opened(path) as cache:
        sent.clear()
        yield cache


@contextmanager
def write_locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def kinds(sent: Sequence[str]) -> list[str]:
    """Return the first words of statements; those of an executemany count once."""
    words = [statement.split()[0] for statement in sent if not statement.startswith("PRAGMA")]
    return [word for word, _ in itertools.groupby(words)]


def recipe_by_kind(item: MediaItem) -> str:
    return "video" if item.kind is MediaKind.VIDEO else "original"


async def test_a_mapping_is_found_after_reopening(path: Path) -> None:
    async with opened(path) as cache:
        await cache.record(mapping(1))
    async with opened(path) as cache:
        assert await cache.lookup([item(1), item(2)], recipe=original, algorithm="md5") == {
            item(1): mapping(1)
        }


async def test_it_is_on_disk_when_record_returns(cache: Cache, path: Path) -> None:
    await cache.record(mapping(1))
    assert query(path, "SELECT item_id FROM mapping") == [("item-1",)]


@pytest.mark.parametrize(
    "other",
    [
        MediaItem("localfolder", "item-1"),
        MediaItem("googlephotos", "item-1", "v2"),
        MediaItem("googlephotos", "ITEM-1"),
        MediaItem("googlephotos", "item-1", kind=MediaKind.VIDEO),
    ],
)
async def test_only_the_very_item_is_found(cache: Cache, other: MediaItem) -> None:
    await cache.record(mapping(1))
    assert await cache.lookup([other], recipe=recipe_by_kind, algorithm="md5") == {}


async def test_each_recipe_has_its_own_mapping(cache: Cache) -> None:
    video = MediaItem("googlephotos", "clip", kind=MediaKind.VIDEO)
    as_video = Mapping("googlephotos", "clip", "", "video", Digest("md5", "a" * 32))
    as_photo = Mapping("googlephotos", "clip", "", "original", Digest("md5", "b" * 32))
    await asyncio.gather(cache.record(as_video), cache.record(as_photo), cache.record(mapping(1)))
    found = await cache.lookup([video, item(1)], recipe=recipe_by_kind, algorithm="md5")
    assert found == {video: as_video, item(1): mapping(1)}


async def test_digests_of_another_algorithm_are_not_known(cache: Cache) -> None:
    await cache.record(mapping(1))
    assert await cache.lookup([item(1)], recipe=original, algorithm="sha256") == {}


async def test_unusable_items_are_known_whatever_the_algorithm(cache: Cache) -> None:
    broken = Mapping("googlephotos", "item-1", "", "original", None, "not an image\0", NOW)
    await cache.record(broken)
    for algorithm in ("md5", "sha256"):
        found = await cache.lookup([item(1)], recipe=original, algorithm=algorithm)
        assert [entry.unusable for entry in found.values()] == ["not an image"]


async def test_the_last_word_counts(cache: Cache) -> None:
    newer = Mapping("googlephotos", "item-1", "", "original", Digest("md5", "f" * 32), recorded_at=NOW)
    await cache.record(mapping(1))
    await cache.record(newer)
    assert await known(cache, [item(1)]) == {newer}
    await asyncio.gather(cache.record(newer), cache.record(mapping(1)))
    assert await known(cache, [item(1)]) == {mapping(1)}


@pytest.mark.parametrize(
    "change", ["digest = 'xyz'", "digest = CAST(x'fffe' AS TEXT)", "algorithm = 'md6'", "item_id = x'ff'"]
)
async def test_a_row_that_makes_no_sense_is_not_known(cache: Cache, path: Path, change: str) -> None:
    await asyncio.gather(cache.record(mapping(1)), cache.record(mapping(2)))
    query(path, f"UPDATE mapping SET {change} WHERE item_id = 'item-1'")  # noqa: S608
    assert await known(cache, [item(1), item(2)]) == {mapping(2)}


@pytest.mark.parametrize("instant", ["'soon'", "9e18", "-9000000000000000000", "x'00'"])
async def test_an_instant_that_makes_no_sense_is_none(cache: Cache, path: Path, instant: str) -> None:
    await cache.record(mapping(1))
    query(path, f"UPDATE mapping SET recorded_at = {instant}")  # noqa: S608
    assert await known(cache, [item(1)]) == {replace(mapping(1), recorded_at=None)}
    assert (await cache.status()).oldest_recorded_at is None


async def test_a_mapping_must_say_something(cache: Cache) -> None:
    with pytest.raises(ValueError, match="needs a digest"):
        await cache.record(Mapping("googlephotos", "x", "", "original", None))
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        await cache.record(Mapping("googlephotos", "x", "", "original", None, "broken", naive))


_TEXT = st.text(st.characters(), max_size=12)  # any code point: NUL and lone surrogates too
_ALGORITHM_DIGEST = st.one_of(
    st.binary(min_size=16, max_size=16).map(lambda raw: Digest("md5", raw.hex())),
    st.binary(min_size=32, max_size=32).map(lambda raw: Digest("sha256", raw.hex())),
)
_MAPPINGS = st.builds(
    Mapping,
    source=st.sampled_from(["googlephotos", "localfolder", "a\\b"]),
    item_id=st.one_of(_TEXT, st.sampled_from(["a", "\\0", "\0", "\\\\0", "\\udc80", "\udc80", "%_'\";--"])),
    version=st.one_of(st.just(""), _TEXT),
    recipe=st.sampled_from(["original", "video"]),
    digest=_ALGORITHM_DIGEST,
    unusable=st.none() | st.sampled_from(["broken", "Datei beschädigt 🙁"]),
    recorded_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(_MAPPINGS, max_size=12), max_size=4))
def test_round_trip(batches: list[list[Mapping]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever was recorded last for a key is found, unchanged, and nothing else is."""

    async def check(path: Path) -> None:
        expected: dict[tuple[str, str, str, str], Mapping] = {}
        async with opened(path) as cache:
            for batch in batches:
                await asyncio.gather(*map(cache.record, batch))
                expected |= {(m.source, m.item_id, m.version, m.recipe): m for m in batch}
        async with opened(path) as cache:
            items = list({MediaItem(m.source, m.item_id, m.version) for m in expected.values()})
            for recipe in ("original", "video"):
                for algorithm in ("md5", "sha256"):
                    found = await cache.lookup(items, recipe=lambda _: recipe, algorithm=algorithm)  # noqa: B023
                    for it in items:
                        want = expected.get((it.source, it.item_id, it.version, recipe))
                        got = found.get(it)
                        if want is None or (want.digest and want.digest.algorithm != algorithm):
                            assert got is None or (want and got.unusable == want.unusable and not got.digest)
                        else:
                            assert got == want

    asyncio.run(check(tmp_path_factory.mktemp("cache") / "c.db"))


async def test_instants_are_stored_as_utc(cache: Cache) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=-7)))
    await cache.record(Mapping("googlephotos", "item-1", "", "original", None, "broken", local))
    ((entry),) = await known(cache, [item(1)])
    assert entry.recorded_at == NOW
    assert entry.recorded_at.tzinfo is UTC


async def test_20_000_lookups_are_a_few_indexed_queries(cache: Cache, sent: list[str]) -> None:
    items = [item(number) for number in range(20_000)]
    await asyncio.gather(*(cache.record(mapping(number)) for number in range(20_000)))
    # All calls came before the first transaction began, so they shared it.
    assert kinds(sent) == ["BEGIN", "INSERT", "COMMIT"]
    sent.clear()
    found = await cache.lookup(items, recipe=original, algorithm="md5")
    assert len(found) == 20_000
    assert len(sent) == 40


async def test_calls_during_a_transaction_share_the_next(cache: Cache, sent: list[str]) -> None:
    first = asyncio.ensure_future(cache.record(mapping(0)))
    # One turn of the loop for the call, one for its transaction to take what is there and go.
    for _ in range(2):
        await asyncio.sleep(0)
    assert cache._next_commit is None
    await asyncio.gather(first, *(cache.record(mapping(number)) for number in range(1, 200)))
    assert kinds(sent) == ["BEGIN", "INSERT", "COMMIT"] * 2
    assert len(await known(cache, [item(number) for number in range(200)])) == 200


async def test_a_cancelled_caller_loses_nothing(path: Path) -> None:
    async with opened(path) as cache:
        calls = [asyncio.ensure_future(cache.record(mapping(number))) for number in range(3)]
        await asyncio.sleep(0)
        for call in calls[:2]:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [
            asyncio.CancelledError,
            asyncio.CancelledError,
            type(None),
        ]
    async with opened(path) as cache:
        assert await known(cache, [item(0), item(1), item(2)]) == {mapping(0), mapping(1), mapping(2)}


async def test_closing_waits_for_what_is_being_recorded(path: Path) -> None:
    cache = await Cache.open(path, notify=pytest.fail)
    call = asyncio.ensure_future(cache.record(mapping(1)))
    await asyncio.sleep(0)
    call.cancel()
    await cache.aclose()
    await cache.aclose()
    assert query(path, "SELECT count(*) FROM mapping") == [(1,)]
    with pytest.raises(RuntimeError, match="closed"):
        await cache.record(mapping(2))
    assert sorted(p.name for p in path.parent.iterdir()) == ["picsync.db", "picsync.db.lock"]


async def test_every_caller_of_a_failed_transaction_hears_of_it(path: Path) -> None:
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    async with opened(path, busy_timeout_s=0.05) as cache:
        await cache.record(mapping(0))
        with write_locked(path):
            results = await asyncio.gather(
                *(cache.record(mapping(number)) for number in range(1, 6)), return_exceptions=True
            )
        assert len(results) == 5
        for result in results:
            assert isinstance(result, CacheError)
            assert "is locked by another program" in result.message
        # A failure with nobody left to hear of it, and then all is well again.
        with write_locked(path):
            call = asyncio.ensure_future(cache.record(mapping(1)))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait(cache._commits)
            gc.collect()
            assert unheard == []
        await asyncio.gather(*(cache.record(mapping(number)) for number in range(2, 6)))
        assert await known(cache, [item(number) for number in range(6)]) == {
            mapping(number) for number in (0, 2, 3, 4, 5)
        }


async def test_status(cache: Cache, path: Path) -> None:
    empty = await cache.status()
    assert (empty.entries, empty.unusable, empty.oldest_recorded_at, empty.newest_recorded_at) == (
        {},
        0,
        None,
        None,
    )
    early = datetime(2020, 1, 1, tzinfo=UTC)
    await asyncio.gather(
        *(cache.record(mapping(number)) for number in range(3)),
        cache.record(Mapping("localfolder", "x", "", "original", None, "broken", early)),
        cache.record(Mapping("localfolder", "y", "", "original", Digest("md5", "0" * 32))),
    )
    status = await cache.status()
    assert status.location == str(path)
    assert status.revision == "0005"
    assert status.entries == {"googlephotos": 3, "localfolder": 2}
    assert status.unusable == 1
    assert (status.oldest_recorded_at, status.newest_recorded_at) == (early, NOW)
    assert status.size_bytes is not None
    assert status.size_bytes >= path.stat().st_size > 0
    # Beside the process that has it open, too.
    assert await Cache.inspect(path) == status


async def test_a_file_needs_no_database_library(path: Path) -> None:
    """Neither a new one, nor a current one; only a file of an older revision is migrated by Alembic."""
    program = (
        "import asyncio, sys; from picsync.cache.store import Cache;"
        "cache = asyncio.run(Cache.open(sys.argv[1], notify=print)); asyncio.run(cache.aclose());"
        "print({'alembic', 'sqlalchemy'} & sys.modules.keys())"
    )
    for _ in ("new", "current"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == ["set()"]


async def test_every_statement_finds_its_rows_by_an_index(cache: Cache, path: Path, sent: list[str]) -> None:
    """The query plan that SQLite says it follows: no statement reads the whole table."""
    await asyncio.gather(*(cache.record(mapping(number)) for number in range(600)))
    await cache.lookup([item(number) for number in range(600)], recipe=original, algorithm="md5")
    (lookup, *_) = [statement for statement in sent if statement.startswith("SELECT")]
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {lookup}")]
    (step,) = [step for step in plan if "mapping" in step]
    assert step.startswith("SEARCH mapping USING INDEX")
    assert "source=? AND item_id=?" in step


async def test_facts_are_found_after_reopening(path: Path) -> None:
    known = ItemFacts("googlephotos", "item-1", "v", NOW, 4000, 3000, 4, (1 << 64) - 1, NOW)
    seen = ItemFacts("googlephotos", "item-2", "", NOW)
    async with opened(path) as cache:
        await cache.record_facts([seen, replace(known, look=0)])
        await cache.record_facts([known])
        assert await cache.rule_start("Family") is None
        await cache.start_rule("Family", NOW)
        await cache.start_rule("Family", NOW + timedelta(days=1))
    async with opened(path) as cache:
        items = [item(1, version="v"), item(2), item(3)]
        assert await cache.facts(items) == {items[0]: known, items[1]: seen}
        # What was learned holds for one version, when it was first seen for all.
        edited = item(1, version="edited")
        assert await cache.facts([edited]) == {edited: ItemFacts("googlephotos", "item-1", "edited", NOW)}
        assert await cache.rule_start("Family") == NOW
        assert await cache.rule_start("Other") is None


async def test_facts_that_make_no_sense_are_not_known(cache: Cache, path: Path) -> None:
    await cache.record_facts([ItemFacts("googlephotos", "item-1", "", NOW, 4000, 3000, 4, 7, NOW)])
    query(path, "UPDATE facts SET width = 'wide', rating = 9, look = 'x', first_seen_at = 'then'")
    assert await cache.facts([item(1)]) == {
        item(1): ItemFacts("googlephotos", "item-1", "", None, None, None, None, None, NOW)
    }


async def test_facts_beside_a_running_sync_stay_in_memory(path: Path) -> None:
    async with opened(path) as cache, aclosing(await Cache.open_to_plan(path, notify=lambda _: None)) as plan:
        await cache.record_facts([ItemFacts("googlephotos", "item-1", "", NOW)])
        await plan.record_facts([ItemFacts("googlephotos", "item-2", "", NOW)])
        await plan.start_rule("Family", NOW)
        assert len(await plan.facts([item(1), item(2)])) == 2
        assert len(await cache.facts([item(1), item(2)])) == 1
        assert (await plan.rule_start("Family"), await cache.rule_start("Family")) == (NOW, None)


async def test_a_listing_is_stored_with_its_cursor(path: Path) -> None:
    first = ListingUpdate("folder", "c1", {"/a\0": "{}", "/b": "two"})
    async with opened(path) as cache:
        assert await cache.listing("box", "/F") is None
        await cache.record_listing("box", "/F", first)
        await cache.record_listing("other", "/F", ListingUpdate("folder", "x", {"/x": "1"}))
    async with opened(path) as cache:
        assert await cache.listing("box", "/F") == StoredListing("folder", "c1", {"/a": "{}", "/b": "two"})
        await cache.record_listing("box", "/F", ListingUpdate("folder", "c2", {"/b": "new"}, ["/a", "/none"]))
        assert await cache.listing("box", "/F") == StoredListing("folder", "c2", {"/b": "new"})
        await cache.record_listing("box", "/F", ListingUpdate("deep", "c3", {"/c": "3"}, replace=True))
        assert await cache.listing("box", "/F") == StoredListing("deep", "c3", {"/c": "3"})
        assert await cache.listing("other", "/F") == StoredListing("folder", "x", {"/x": "1"})


async def test_a_listing_that_cannot_be_written_keeps_its_cursor_and_entries(path: Path) -> None:
    async with opened(path, busy_timeout_s=0.0) as cache:
        await cache.record_listing("box", "/F", ListingUpdate("", "c1", {"/a": "1"}))
        with write_locked(path), pytest.raises(CacheError):
            await cache.record_listing("box", "/F", ListingUpdate("", "c2", {"/b": "2"}, ["/a"]))
        assert await cache.listing("box", "/F") == StoredListing("", "c1", {"/a": "1"})


async def test_items_with_the_same_content_share_their_digests(cache: Cache) -> None:
    first, copy = item(1, content_hash="abc"), item(2, version="v2", content_hash="abc")
    other = item(3, content_hash="def")
    await cache.record(mapping_of(first, mapping(1).digest, ORIGINAL, NOW))
    found = await cache.lookup([first, copy, other], recipe=original, algorithm="md5")
    assert set(found) == {first, copy}
    assert found[copy].digest == found[first].digest == mapping(1).digest


async def test_a_dry_run_beside_a_sync_knows_content_too(path: Path) -> None:
    async with opened(path), aclosing(await Cache.open_to_plan(path, notify=lambda _: None)) as plan:
        await plan.record(mapping_of(item(1, content_hash="abc"), mapping(1).digest, ORIGINAL, NOW))
        await plan.record_listing("box", "/F", ListingUpdate("", "c1", {"/a": "1"}))
        copy = item(2, content_hash="abc")
        assert set(await plan.lookup([copy], recipe=original, algorithm="md5")) == {copy}
        assert await plan.listing("box", "/F") is None
