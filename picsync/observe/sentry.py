"""Reports bugs to Sentry, or to a server that speaks its protocol. Imported only if `sentry` is set.

A report is made of types of exceptions and lines of picsync's code, as `system.crash` has them. The SDK is
only the way to send it: it is given no exception, log record or request, none of its integrations run, and
`scrubbed` lets nothing else through.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sentry_sdk
from pydantic import SecretStr

from picsync.core.events import Crashed, Event
from picsync.system.crash import report

if TYPE_CHECKING:
    from sentry_sdk.types import Event as SentryEvent
    from sentry_sdk.types import Hint

MOST_REPORTS = 50
"""Different bugs that one process reports."""
CLOSE_S = 2.0
"""How long, in seconds, reports may take when the process ends."""

_SENT = frozenset({"event_id", "timestamp", "level", "platform", "release", "exception"})
"""Keys of an event that are sent; everything else is what the SDK adds on its own."""
_CALL = re.compile(r'  File "(?P<filename>[^"]*)", line (?P<lineno>[0-9]+), in (?P<function>.*)')
_CODE = "    "


def exceptions(text: str) -> list[dict[str, Any]]:
    """Return the exceptions of a report of `system.crash` as Sentry's protocol has them, the cause first."""
    found: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for line in text.splitlines():
        if line.startswith("Traceback ("):
            calls = []
        elif call := _CALL.fullmatch(line):
            own = call["filename"].startswith("picsync/")
            calls.append(
                {
                    "filename": call["filename"],
                    "lineno": int(call["lineno"]),
                    "function": call["function"],
                    "in_app": own,
                }
            )
        elif line.startswith(_CODE) and calls:
            calls[-1]["context_line"] = line.strip()
        elif line and not line.startswith((" ", "...")):
            module, _, name = line.rpartition(".")
            found.append({"type": name, "module": module, "stacktrace": {"frames": calls}})
    return found[::-1]


def scrubbed(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without everything that is not known to be harmless."""
    return {key: value for key, value in event.items() if key in _SENT}


class CrashReports:
    """Sends each bug once, in the background; for use within an event loop."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._dsn: SecretStr | None = None
        self._client: sentry_sdk.Client | None = None
        self._told: set[str] = set()
        self._handler = _FromLog(self)

    def expect(self, dsn: SecretStr | None) -> None:
        """Set where reports are sent; None for nowhere."""
        if dsn == self._dsn:
            return
        self._dsn = dsn
        if self._client is not None:
            self._client.close(timeout=0)
        self._client = None if dsn is None else self._connected(dsn)
        self._unhook()
        if self._client is not None:
            for logger in _loggers():
                logger.addHandler(self._handler)

    def read(self, event: Event) -> None:
        """Report a bug."""
        if isinstance(event, Crashed):
            self.send(event.report)

    def send(self, text: str) -> None:
        """Send a report of `system.crash`, unless it was sent. Does not wait, and raises nothing."""
        if self._client is None or text in self._told or len(self._told) >= MOST_REPORTS:
            return
        self._told.add(text)
        self._client.capture_event({"level": "error", "exception": {"values": exceptions(text)}})

    async def aclose(self, wait_s: float = CLOSE_S) -> None:
        """Give reports that are under way `wait_s` seconds."""
        self._unhook()
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close, timeout=wait_s)

    def _unhook(self) -> None:
        for logger in _loggers():
            logger.removeHandler(self._handler)

    def _connected(self, dsn: SecretStr) -> sentry_sdk.Client:
        return sentry_sdk.Client(
            dsn=dsn.get_secret_value(),
            release=f"picsync@{self._version}",
            # Otherwise variables of the environment, and the name of the machine, decide.
            environment="production",
            server_name="",
            debug=False,
            spotlight=False,
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[],
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            auto_session_tracking=False,
            send_client_reports=False,
            enable_backpressure_handling=False,
            before_send=_before_send,
        )


def _loggers() -> tuple[logging.Logger, logging.Logger]:
    """Return the loggers that see all records: what picsync logs itself does not reach the root."""
    return logging.getLogger(), logging.getLogger("picsync")


class _FromLog(logging.Handler):
    """Reports the exceptions of log records, such as those of requests; never a record's text.

    Where a record has none, its `report` is that of `system.crash`.
    """

    def __init__(self, reports: CrashReports) -> None:
        super().__init__(logging.ERROR)
        self._reports = reports

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("sentry_sdk"):
            return
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        text = getattr(record, "report", None) if error is None else report(error)
        if isinstance(text, str):
            self._reports.send(text)


def _before_send(event: SentryEvent, _hint: Hint) -> SentryEvent | None:
    return scrubbed(event)  # type: ignore[return-value]  # some keys of an event
