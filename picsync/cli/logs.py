"""Writes events as log records to stderr: a sentence for people, `action` and fields for programs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from picsync.cli.streams import takes_all
from picsync.core.errors import FailureCode
from picsync.core.events import (
    CacheMeasured,
    ConfigRefused,
    Crashed,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleScheduled,
    CycleStarted,
    Event,
    FileMoved,
    FileSkipped,
    ItemConverted,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Listed,
    LoggedIn,
    LoginRefused,
    PassFinished,
    PassReport,
    PassStarted,
    PhotoDeleted,
    RequestFinished,
    RequestOutcome,
    RetryScheduled,
    TransfersPlanned,
    Written,
)
from picsync.observe.words import event_sentence, pass_lines, pass_sentence, report_lines, report_sentence
from picsync.system.localtime import exact

if TYPE_CHECKING:
    from picsync.core.events import Emit

T = TypeVar("T", bound=Callable[..., Any])

log = logging.getLogger("picsync")

_DETAILS = (
    CycleStarted
    | Listed
    | ItemDownloaded
    | ItemConverted
    | ItemFailed
    | LoggedIn
    | LoginRefused
    | CacheMeasured
    | PassStarted
)
"""Only logged with `--verbose`; failures are repeated at the end of their cycle."""
_WARNINGS = RetryScheduled | ConfigRefused | FileSkipped


def log_options(command: T) -> T:
    """Give a command `--verbose` and `--log-format`."""
    command = click.option(
        "-v", "--verbose", is_flag=True, help="Also log every download and every listing."
    )(command)
    return click.option(
        "--log-format",
        type=click.Choice(["auto", "human", "json"]),
        default="auto",
        show_default=True,
        envvar="PICSYNC_LOG_FORMAT",
        help="Human-readable lines, or one JSON object per line. auto: human on a terminal, json elsewhere.",
    )(command)


@contextmanager
def logging_to(log_format: str, *, verbose: bool) -> Iterator[Emit]:
    """Log to stderr, and show progress bars on a terminal; yields the emitter of events."""
    terminal = sys.stderr.isatty()
    set_up(verbose=verbose, as_json=log_format == "json" or (log_format == "auto" and not terminal))
    with ExitStack() as stack:
        show: Emit | None = None
        if terminal and log_format != "json":
            from picsync.cli.progress import ProgressBars

            bars = stack.enter_context(ProgressBars())
            stack.enter_context(_alone(bars.away))
            show = bars.show
        view = LogView(each_photo=show is None)

        def emit(event: Event) -> None:
            view(event)
            if show is not None:
                show(event)

        yield emit


_making_room: list[Callable[[], AbstractContextManager[None]]] = []
"""Objects that hide their output while a result is printed."""


@contextmanager
def _alone(make_room: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    _making_room.append(make_room)
    try:
        yield
    finally:
        _making_room.remove(make_room)


def print_result(lines: Iterable[str]) -> None:
    """Print lines to stdout, with progress bars hidden."""
    with ExitStack() as stack:
        for make_room in _making_room:
            stack.enter_context(make_room())
        for line in lines:
            click.echo(line)


class _Stderr(logging.Handler):
    """Writes lines to the current stderr, so that they appear above progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")
        sys.stderr.flush()


def set_up(*, verbose: bool = False, as_json: bool = False) -> None:
    """Send picsync's log records to stderr: plain sentences, or one JSON object per line."""
    handler = _Stderr()
    handler.setFormatter(_json_formatter() if as_json else logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    # These loggers write secret URLs and tokens, and repeat at WARNING what picsync reports better.
    for name in ("httpx", "googleapiclient", "google", "oauthlib", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    class LocalFormatter(JsonFormatter):
        """Writes the time in the time zone of all other output."""

        def add_fields(
            self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
        ) -> None:
            super().add_fields(log_data, record, message_dict)
            log_data["action"] = log_data.get("action") or "note"
            log_data["time"] = exact(datetime.fromtimestamp(record.created, UTC))

    return LocalFormatter(
        "{levelname}{action}{message}",
        style="{",
        rename_fields={"levelname": "level"},
        timestamp="time",
        json_ensure_ascii=not takes_all(sys.stderr),
    )


def note(message: str) -> None:
    """Log a message for the user that is not an event of a cycle."""
    log.warning(message, extra={"action": "note"})


class LogView:
    """Logs events; a cycle with the same result as the previous one gets no second line."""

    def __init__(self, *, each_photo: bool = True) -> None:
        """Log a line for each photo, unless something else shows them."""
        self._photo_level = logging.INFO if each_photo else logging.DEBUG
        self._last: dict[str, list[str]] = {}
        self._dry: set[str] = set()
        self._reported: set[str] = set()
        """Tracebacks that were logged."""
        self._announced: dict[str, int] = {}
        """Number of items to transfer that was last logged for a rule; removed once some have arrived."""
        self._open: set[str] = set()
        """Rules whose cycle has logged something that requires a closing line."""
        self._waiting: set[str] = set()
        """Rules that a service asked to wait for longer than their interval; logged once."""
        self._in_trouble: set[str] = set()
        """Services whose requests are being retried; logged once, and once when they respond again."""

    def __call__(self, event: Event) -> None:
        """Log an event, if it is to be logged."""
        match event:
            case CycleFinished(report):
                self._finished(event, report)
                return
            case PassFinished(passed):
                self._passed(event, passed)
                return
            case Crashed():
                self._crashed(event)
                return
            case CycleScheduled(rule, refused_wait_s=None):
                self._waiting.discard(rule)
            case CycleStarted(rule, dry_run):
                (self._dry.add if dry_run else self._dry.discard)(rule)
            case RequestFinished(service=service, outcome=RequestOutcome.SUCCESS) if (
                service in self._in_trouble
            ):
                self._in_trouble.discard(service)
                _write(logging.INFO, event, f"{service} responds again.")
        if isinstance(event, Written | TransfersPlanned) and event.rule in self._dry:
            return  # The plan is logged instead.
        message = event_sentence(event)
        if message is not None:
            _write(self._level(event), event, message, getattr(event, "rule", None))
        if isinstance(event, RetryScheduled):
            self._in_trouble.add(event.service)

    def _crashed(self, event: Crashed) -> None:
        """Log a bug; the traceback only the first time."""
        message = event_sentence(event)
        if event.report in self._reported:
            _write(logging.ERROR, event, f"{message} The traceback is above.", event.rule or None)
            return
        self._reported.add(event.report)
        _write(logging.ERROR, event, f"{message}\n{event.report}", event.rule or None)

    def _level(self, event: Event) -> int:
        if isinstance(event, ItemUploaded) and not event.size_bytes:
            return logging.DEBUG
        if isinstance(event, ItemUploaded | PhotoDeleted | FileMoved):
            return self._photo_level
        if isinstance(event, TransfersPlanned):
            return self._transfers_level(event)
        if isinstance(event, CycleScheduled):
            known = event.rule in self._waiting
            self._waiting.add(event.rule)
            return logging.DEBUG if known else logging.WARNING
        known = isinstance(event, RetryScheduled) and event.service in self._in_trouble
        if known or isinstance(event, _DETAILS):
            return logging.DEBUG
        return logging.WARNING if isinstance(event, _WARNINGS) else logging.INFO

    def _transfers_level(self, event: TransfersPlanned) -> int:
        """Return a low level for what the previous cycle has already tried without success."""
        if self._announced.get(event.rule) == len(event.transfers):
            return logging.DEBUG
        self._announced[event.rule] = len(event.transfers)
        self._open.add(event.rule)
        return logging.INFO

    def _finished(self, event: Event, report: CycleReport) -> None:
        lines = list(report_lines(report))
        remarks = [sentence for _, _, sentence in lines]
        verdict = [report.outcome, str(report.on_frame), str(report.in_playlist), *remarks]
        fine = report.outcome in (CycleOutcome.DONE, CycleOutcome.STOPPED)
        level = logging.INFO if fine else logging.WARNING
        said = report.rule in self._open
        if verdict == self._last.get(report.rule) and not report.changed and not said:
            level = logging.DEBUG
        self._open.discard(report.rule)
        if report.changed:
            self._announced.pop(report.rule, None)
        self._last[report.rule] = verdict
        _write(level, event, report_sentence(report), report.rule)
        for code, account, message in lines:
            _write(level, event, message, report.rule, code=code, account=account)

    def _passed(self, event: Event, report: PassReport) -> None:
        """Log a pass over files; one that changed nothing, with the same result as before, only verbosely."""
        lines = list(pass_lines(report))
        verdict = [
            report.outcome,
            f"{report.held}",
            *(f"{why} {number}" for why, number in report.left.items()),
        ]
        verdict += [sentence for _, _, sentence in lines]
        fine = report.outcome in (CycleOutcome.DONE, CycleOutcome.STOPPED) and not report.held
        level = logging.INFO if fine else logging.WARNING
        if verdict == self._last.get(report.rule) and not report.did_something:
            level = logging.DEBUG
        self._last[report.rule] = verdict
        _write(level, event, pass_sentence(report), report.rule)
        for code, account, message in lines:
            _write(level, event, message, report.rule, code=code, account=account)


def _write(
    level: int, event: Event, message: str, rule: str | None = None, *, code: str = "", account: str = ""
) -> None:
    extra: dict[str, Any] = {"action": event.action}
    match event:
        case ItemFailed(error=error):
            code, account = error.code, error.account
        case LoginRefused():
            code = FailureCode.LOGIN_NEEDED
        case ConfigRefused():
            code = FailureCode.CONFIG_REFUSED
        case Crashed():
            code = FailureCode.UNEXPECTED
    extra |= {"album": rule} if rule is not None else {}
    extra |= {"code": str(code)} if code else {}
    extra |= {"account": account} if account else {}
    log.log(level, message, extra=extra)
