"""Progress bars on a terminal, updated by events; between cycles, the time of the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from picsync.core.events import (
    ChangesPlanned,
    ConfigApplied,
    CycleFinished,
    CycleScheduled,
    CycleStarted,
    Event,
    ItemConverted,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    ListingProgress,
    PassFinished,
    PassStarted,
    PhotoDeleted,
    TransfersPlanned,
)
from picsync.core.plan import Transfer
from picsync.core.values import dataclass
from picsync.observe.words import job_title, size
from picsync.system.localtime import upcoming

STEPS = {
    "listing": "Listing",
    "downloading": "Downloading",
    "rendering": "Rendering",
    "uploading": "Uploading",
    "deleting": "Deleting",
}
_STEP_OF = {ItemDownloaded: "downloading", ItemConverted: "rendering", ItemUploaded: "uploading"}
_BEFORE_UPLOAD = ("downloading", "rendering")
"""What is uploaded, on the frame already, or failed, needs nothing more of these steps."""


@dataclass(slots=True)
class _Count:
    total: int | None
    done: int = 0
    size_bytes: int = 0


class _Bars(Progress):
    """The bars, and a line that replaces them."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.line:
            yield Text(self.line, no_wrap=True, overflow="ellipsis")
        yield from super().get_renderables()


def _now() -> datetime:
    return datetime.now(UTC)


class ProgressBars:
    """Shows counts, bytes and the remaining time, summed over the running rules.

    While none is running, it shows when the next cycle starts, if there is one.
    """

    def __init__(self, console: Console | None = None, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._progress = _Bars(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[amount]:>9}"),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
            # Output on stdout is a result: it may go to a file, and must not mix with the bars.
            redirect_stdout=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._counts: dict[str, dict[str, _Count]] = {step: {} for step in STEPS}
        """By step, then by rule; listings by album, since rules may share them."""
        self._running: set[str] = set()
        self._dry: set[str] = set()
        self._due: dict[str, datetime] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Hide the bars, so that something else can be printed there."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def show(self, event: Event) -> None:
        """Update the bars for an event."""
        self._count(event)
        match event:
            case CycleStarted(rule, dry_run):
                self._running.add(rule)
                (self._dry.add if dry_run else self._dry.discard)(rule)
            case CycleFinished(report):
                self._end(report.rule)
            case PassStarted(rule):
                self._running.add(rule)
            case PassFinished(passed):
                self._end(passed.rule)
            case CycleScheduled(rule, at):
                self._due[rule] = at
            case ConfigApplied(rules):
                self._due = {rule: at for rule, at in self._due.items() if rule in rules}
            case _:
                return
        self._progress.line = "" if self._running or not self._due else self._waiting()

    def _waiting(self) -> str:
        rule, due = min(self._due.items(), key=lambda each: each[1])
        when = upcoming(due, self._now())
        return (
            f"The next cycle is at {when} ({job_title(rule)})."
            " Changes to picsync.yaml are noticed within seconds. Ctrl-C stops picsync."
        )

    def _count(self, event: Event) -> None:
        match event:
            case ListingProgress(service, album, count, total):
                whole = None if total is None else max(count, total)
                self._set("listing", f"{service} {album}", _Count(whole, count))
            case TransfersPlanned(rule, transfers, converted):
                self._expect(rule, transfers, converted)
            case ItemDownloaded() | ItemConverted() | ItemUploaded():
                self._advance(_STEP_OF[type(event)], event.rule, event.size_bytes)
            case ItemFailed(rule):
                self._advance("uploading", rule, 0)
            case ChangesPlanned(rule, plan) if plan.deletes and rule not in self._dry:
                self._set("deleting", rule, _Count(len(plan.deletes)))
            case PhotoDeleted(rule):
                self._advance("deleting", rule, 0)

    def _expect(self, rule: str, transfers: Sequence[Transfer], converted: int) -> None:
        counts = {"downloading": len(transfers), "rendering": converted, "uploading": len(transfers)}
        if rule in self._dry:
            # A dry run uploads nothing, but downloads unknown items.
            unknown = sum(1 for each in transfers if each.digest is None)
            counts = {"downloading": unknown, "rendering": min(unknown, converted)}
        for step, total in counts.items():
            if total:
                self._set(step, rule, _Count(total))

    def _set(self, step: str, key: str, count: _Count) -> None:
        self._counts[step][key] = count
        self._draw(step)

    def _advance(self, step: str, rule: str, size_bytes: int) -> None:
        count = self._counts[step].get(rule)
        if count is not None:
            count.done += 1
            count.size_bytes += size_bytes
            self._draw(step)
            if step == "uploading":
                self._catch_up(rule, count.done)

    def _catch_up(self, rule: str, done: int) -> None:
        for step in _BEFORE_UPLOAD:
            earlier = self._counts[step].get(rule)
            if earlier is not None and earlier.done < done:
                earlier.done = done
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
