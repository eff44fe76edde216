"""Progress bars on a terminal, fed by the event stream."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from picsync.events import (
    ChangesPlanned,
    CycleFinished,
    CycleStarted,
    Event,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    ListingProgress,
    PhotoDeleted,
    TransfersPlanned,
)
from picsync.words import size

STEPS = {"listing": "Listing", "downloading": "Downloading", "uploading": "Uploading", "deleting": "Deleting"}


@dataclass(slots=True)
class _Count:
    total: int | None
    done: int = 0
    size_bytes: int = 0


class ProgressBars:
    """Shows counts, bytes and the time left, added up over the rules that are running; else nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[amount]:>9}"),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._counts: dict[str, dict[str, _Count]] = {step: {} for step in STEPS}
        """By step, then by rule; listings by album, since rules may share one."""
        self._running: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Bring the bars up to date with an event."""
        match event:
            case CycleStarted(rule):
                self._running.add(rule)
            case ListingProgress(service, album, count, total):
                whole = None if total is None else max(count, total)
                self._set("listing", f"{service} {album}", _Count(whole, count))
            case TransfersPlanned(rule, transfers) if transfers:
                self._set("downloading", rule, _Count(len(transfers)))
                self._set("uploading", rule, _Count(len(transfers)))
            case ItemDownloaded(rule, size_bytes=size_bytes):
                self._advance("downloading", rule, size_bytes)
            case ItemUploaded(rule, size_bytes=size_bytes):
                self._advance("uploading", rule, size_bytes)
            case ItemFailed(rule):
                self._advance("uploading", rule, 0)
            case ChangesPlanned(rule, plan) if plan.deletes:
                self._set("deleting", rule, _Count(len(plan.deletes)))
            case PhotoDeleted(rule):
                self._advance("deleting", rule, 0)
            case CycleFinished(report):
                self._end(report.rule)

    def _set(self, step: str, key: str, count: _Count) -> None:
        self._counts[step][key] = count
        self._draw(step)

    def _advance(self, step: str, rule: str, size_bytes: int) -> None:
        count = self._counts[step].get(rule)
        if count is not None:
            count.done += 1
            count.size_bytes += size_bytes
            self._draw(step)

    def _end(self, rule: str) -> None:
        self._running.discard(rule)
        for step, counts in self._counts.items():
            counts.pop(rule, None)
            if not self._running:
                counts.clear()
            self._draw(step)

    def _draw(self, step: str) -> None:
        counts = self._counts[step].values()
        if not counts:
            if step in self._tasks:
                self._progress.remove_task(self._tasks.pop(step))
            return
        totals = [count.total for count in counts if count.total is not None]
        total = sum(totals) if len(totals) == len(counts) else None
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(STEPS[step], total=total, amount="")
        done, size_bytes = sum(count.done for count in counts), sum(count.size_bytes for count in counts)
        amount = size(size_bytes) if size_bytes else ""
        self._progress.update(self._tasks[step], total=total, completed=done, amount=amount)
