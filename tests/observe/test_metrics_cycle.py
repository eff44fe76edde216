"""The metrics of real cycles, as doc/monitoring.md shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.household import Household, open_household
from tests.household_services import ALBUM
from tests.observe.scraping import ROOT, Scraped

BEGIN = "<!-- Measured by tests/observe/test_metrics_cycle.py, which fails if this differs. -->\n"
END = "<!-- End of what is measured. -->"

NIXPLAY = (
    "list_web_albums",
    "list_playlists",
    "permit_upload",
    "store_bytes",
    "await_processing",
    "add_items",
)
GOOGLE = ("look_at_album", "list_media_items", "download")
GOOD = 'outcome="success"'
ROWS = (
    'cycles_total{outcome="done"}',
    *("cycle_transfers", "media_items_listed", "photos_wanted", "photos_on_frame", "playlist_photos"),
    *('cache_reads_total{outcome="hit"}', 'cache_reads_total{outcome="miss"}'),
    'cache_writes_total{outcome="inserted"}',
    *("media_items_downloaded_total", "downloaded_bytes_total"),
    *("photos_uploaded_total", "uploaded_bytes_total", "photos_already_there_total"),
    *("playlists_created_total", "playlists_published_total", "item_failures_total"),
    *(f'requests_total{{service="Google Photos",operation="{each}",{GOOD}}}' for each in GOOGLE),
    *(f'requests_total{{service="Nixplay",operation="{each}",{GOOD}}}' for each in NIXPLAY),
)


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[Household]:
    async with open_household(tmp_path) as opened:
        yield opened


async def test_the_page_shows_what_cycles_do(household: Household) -> None:
    scraped = Scraped(ALBUM)
    household.add(120)
    columns = [await measured(household, scraped)]
    household.add(30)
    columns += [await measured(household, scraped), await measured(household, scraped)]
    household.assert_synced()
    head = "| `picsync_` | first start, 120 photos | 30 more | steady |\n| --- | ---: | ---: | ---: |\n"
    lines = [f"| `{row}` | {' | '.join(column[row] for column in columns)} |\n" for row in ROWS]
    page = (ROOT / "doc" / "monitoring.md").read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0] == "\n" + head + "".join(lines) + "\n"


async def measured(household: Household, scraped: Scraped) -> dict[str, str]:
    """Run a cycle and return each row's value: how much a counter grew, what a gauge says."""
    before = {row: total(scraped, row) for row in ROWS}
    household.events.clear()
    report = await household.cycle()
    assert report.outcome == "done"
    scraped.read(*household.events)
    after = {row: total(scraped, row) for row in ROWS}
    return {
        row: f"+{after[row] - before[row]:,.0f}" if "_total" in row else f"{after[row]:,.0f}" for row in ROWS
    }


def total(scraped: Scraped, row: str) -> float:
    """Add up the series that a row names, over the labels that it leaves open."""
    name, _, rest = row.partition("{")
    wanted = dict(matcher.split("=") for matcher in rest.rstrip("}").split(",") if matcher)
    return sum(
        sample.value
        for family in scraped.metrics.collect()
        for sample in family.samples
        if sample.name == f"picsync_{name}"
        and all(sample.labels[label] == value.strip('"') for label, value in wanted.items())
    )
