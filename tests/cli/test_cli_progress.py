"""Progress bars of concurrent rules."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from picsync.cli.progress import ProgressBars
from picsync.core.errors import TransientError
from picsync.core.events import (
    ConfigApplied,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleScheduled,
    CycleStarted,
    Event,
    ItemConverted,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    ListingProgress,
    TransfersPlanned,
)
from picsync.core.model import Digest, MediaItem
from picsync.core.plan import Transfer


class Terminal:
    """Bars, and what a person reads off them."""

    def __init__(self) -> None:
        self.console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=100)
        self.now = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
        self.bars = ProgressBars(self.console, lambda: self.now)

    def show(self, *events: Event) -> None:
        for event in events:
            self.bars.show(event)

    def text(self) -> str:
        with self.console.capture() as captured:
            self.console.print(self.bars._progress.get_renderable())
        return captured.get()

    def read(self) -> dict[str, str]:
        """Return the counts by step, and after them the amount if there is one."""
        lines = [
            line.replace("━", " ").replace("╸", " ").replace("╺", " ").split()
            for line in self.text().splitlines()
        ]
        return {line[0]: " ".join(word for word in line[1:] if ":" not in word) for line in lines if line}


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def planned(rule: str, count: int) -> TransfersPlanned:
    item = MediaItem("googlephotos", "id", "a.jpg")
    return TransfersPlanned(rule, (Transfer(item, None),) * count)


def finished(rule: str) -> CycleFinished:
    return CycleFinished(CycleReport(rule, CycleOutcome.DONE))


def test_rules_add_up_and_each_takes_its_share_away(terminal: Terminal) -> None:
    terminal.show(CycleStarted("A", dry_run=False), CycleStarted("B", dry_run=False))
    terminal.show(planned("A", 4), ItemDownloaded("A", "1.jpg", 1000), planned("B", 3))
    terminal.show(ItemDownloaded("B", "2.jpg", 500), ItemUploaded("A", "1.jpg", 1000))
    assert terminal.read() == {"Downloading": "2/7 1.5 kB", "Uploading": "1/7 1.0 kB"}
    terminal.show(finished("A"))
    assert terminal.read() == {"Downloading": "1/3 500 B", "Uploading": "0/3"}
    terminal.show(ItemFailed("B", "2.jpg", TransientError("The wire broke.")))
    assert terminal.read()["Uploading"] == "1/3"
    terminal.show(finished("B"))
    assert terminal.read() == {}


def test_a_rule_without_transfers_does_not_affect_others(terminal: Terminal) -> None:
    terminal.show(CycleStarted("A", dry_run=False), CycleStarted("B", dry_run=False), planned("A", 2))
    terminal.show(planned("B", 0), ItemUploaded("B", "1.jpg", 10), finished("B"))
    assert terminal.read() == {"Downloading": "0/2", "Uploading": "0/2"}


def test_listings_of_all_albums_add_up(terminal: Terminal) -> None:
    terminal.show(CycleStarted("A", dry_run=False), CycleStarted("B", dry_run=False))
    terminal.show(ListingProgress("Google Photos", "a", 100, 250))
    assert terminal.read() == {"Listing": "100/250"}
    terminal.show(ListingProgress("Nixplay", "a", 30, 40), ListingProgress("Google Photos", "a", 200, 250))
    assert terminal.read() == {"Listing": "230/290"}
    terminal.show(finished("B"))
    assert terminal.read() == {"Listing": "230/290"}
    terminal.show(finished("A"))
    assert terminal.read() == {}


def test_an_album_whose_size_is_not_known_leaves_the_total_open(terminal: Terminal) -> None:
    terminal.show(ListingProgress("Google Photos", "a", 100, None))
    assert terminal.read() == {"Listing": "100/?"}


def test_a_dry_run_shows_what_is_fetched_and_no_upload(terminal: Terminal) -> None:
    item = MediaItem("googlephotos", "id", "a.jpg")
    known = Transfer(item, Digest.md5("0" * 32))
    terminal.show(CycleStarted("A", dry_run=True))
    terminal.show(TransfersPlanned("A", (known, known, Transfer(item, None))))
    terminal.show(ItemDownloaded("A", "1.jpg", 1000), ItemUploaded("A", "1.jpg", 1000))
    assert terminal.read() == {"Downloading": "1/1 1.0 kB"}
    terminal.show(finished("A"))
    terminal.show(CycleStarted("A", dry_run=True), TransfersPlanned("A", (known, known)))
    assert terminal.read() == {}


def test_photos_that_are_converted_have_a_bar_of_their_own(terminal: Terminal) -> None:
    item = MediaItem("googlephotos", "id", "a.jpg")
    terminal.show(CycleStarted("A", dry_run=False), TransfersPlanned("A", (Transfer(item, None),) * 3, 3))
    terminal.show(ItemDownloaded("A", "1.jpg", 4000), ItemConverted("A", "1.jpg", 300))
    assert terminal.read() == {
        "Downloading": "1/3 4.0 kB",
        "Rendering": "1/3 300 B",
        "Uploading": "0/3",
    }
    # What is there already, or fails, is not converted: the bar does not wait for it.
    terminal.show(ItemUploaded("A", "1.jpg", 300), ItemUploaded("A", "2.jpg", 0))
    terminal.show(ItemFailed("A", "3.jpg", TransientError("The wire broke.")))
    assert {step: read.split()[0] for step, read in terminal.read().items()} == {
        "Downloading": "3/3",
        "Rendering": "3/3",
        "Uploading": "3/3",
    }


def test_a_dry_run_shows_what_is_converted(terminal: Terminal) -> None:
    item = MediaItem("googlephotos", "id", "a.jpg")
    terminal.show(CycleStarted("A", dry_run=True), TransfersPlanned("A", (Transfer(item, None),), 1))
    terminal.show(ItemDownloaded("A", "1.jpg", 4000), ItemConverted("A", "1.jpg", 300))
    assert terminal.read() == {"Downloading": "1/1 4.0 kB", "Rendering": "1/1 300 B"}


def test_between_cycles_it_says_when_the_next_one_is(terminal: Terminal) -> None:
    terminal.show(CycleStarted("A", dry_run=False), CycleStarted("B", dry_run=False), finished("A"))
    soon, later = (terminal.now + timedelta(minutes=minutes) for minutes in (7, 60))
    terminal.show(CycleScheduled("A", later), finished("B"), CycleScheduled("B", soon))
    assert terminal.text().startswith(f"The next cycle is at {soon.astimezone():%H:%M} (Album B). Changes")
    terminal.show(ConfigApplied(("A",)))
    assert terminal.text().startswith(f"The next cycle is at {later.astimezone():%H:%M} (Album A).")
    terminal.show(CycleStarted("A", dry_run=False))
    assert terminal.text().strip() == ""
    terminal.show(finished("A"), CycleScheduled("A", terminal.now + timedelta(days=2)))
    assert f"at {(terminal.now + timedelta(days=2)).astimezone():%Y-%m-%d %H:%M} (" in terminal.text()
