"""Progress bars on a terminal, fed by the event stream."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from picsync.events import (
    ChangesPlanned,
    CycleFinished,
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


class ProgressBars:
    """Shows counts, bytes and the time left of the cycle that is running; nothing between cycles."""

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
        self._bytes: dict[str, int] = {}
        self._listed: dict[tuple[str, str], tuple[int, int | None]] = {}

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
            case ListingProgress(service=service, album=album, count=count, total=total):
                self._listed[service, album] = (count, total)
                counts = self._listed.values()
                known = all(total is not None for _, total in counts)
                self._set(
                    "listing",
                    completed=sum(count for count, _ in counts),
                    total=sum(max(count, total or 0) for count, total in counts) if known else None,
                )
            case TransfersPlanned(transfers=transfers) if transfers:
                self._set("downloading", total=len(transfers))
                self._set("uploading", total=len(transfers))
            case ItemDownloaded(size_bytes=size_bytes):
                self._advance("downloading", size_bytes)
            case ItemUploaded(size_bytes=size_bytes):
                self._advance("uploading", size_bytes)
            case ItemFailed():
                self._advance("uploading", 0)
            case ChangesPlanned(plan=plan) if plan.deletes:
                self._set("deleting", total=len(plan.deletes))
            case PhotoDeleted():
                self._advance("deleting", 0)
            case CycleFinished():
                self._clear()

    def _set(self, step: str, *, total: float | None, completed: int | None = None) -> None:
        task = self._tasks.get(step)
        if task is None:
            task = self._tasks[step] = self._progress.add_task(STEPS[step], total=total, amount="")
        self._progress.update(task, total=total, completed=completed)

    def _advance(self, step: str, size_bytes: int) -> None:
        task = self._tasks.get(step)
        if task is None:
            return
        self._bytes[step] = self._bytes.get(step, 0) + size_bytes
        amount = size(self._bytes[step]) if self._bytes[step] else ""
        self._progress.update(task, advance=1, amount=amount)

    def _clear(self) -> None:
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()
        self._bytes.clear()
        self._listed.clear()
