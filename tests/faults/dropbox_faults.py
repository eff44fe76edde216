"""Faults of requests to Dropbox."""

from __future__ import annotations

from picsync.emulators.faults import Fault, FaultKind
from tests.faults.tables.dropbox import FRAME_TABLE as TABLE
from tests.vendors.dropbox.dropbox_account import DropboxAccount

FAULTS = {
    "503": Fault(kind=FaultKind.STATUS, status=503),
    "reset before": Fault(kind=FaultKind.RESET_BEFORE),
    "503 after the effect": Fault(kind=FaultKind.STATUS, status=503, after=True),
    "429": Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "1"}, body="slow down"),
    "no response": Fault(kind=FaultKind.RESET_AFTER),
    "truncated": Fault(kind=FaultKind.TRUNCATE),
    "no JSON": Fault(kind=FaultKind.BODY, body="<html>", after=True),
    "401": Fault(
        kind=FaultKind.STATUS,
        status=401,
        content_type="application/json",
        body='{"error_summary": "expired_access_token/.", "error": {".tag": "expired_access_token"}}',
    ),
    "400": Fault(kind=FaultKind.STATUS, status=400, body="Error in call"),
    "{}": Fault(kind=FaultKind.BODY, body="{}", content_type="application/json", after=True),
    "full": Fault(
        kind=FaultKind.STATUS,
        status=409,
        content_type="application/json",
        body='{"error_summary": "path/insufficient_space/.", "error": {".tag": "path",'
        ' "reason": {".tag": "insufficient_space"}, "upload_session_id": "x"}}',
    ),
    "refused": Fault(
        kind=FaultKind.STATUS,
        status=409,
        content_type="application/json",
        body='{"error_summary": "other/.", "error": {".tag": "other"}}',
    ),
}


def writes(account: DropboxAccount) -> list[str]:
    """Return the paths of the requests so far that may have changed something."""
    places = [TABLE.places[each] for each in TABLE.writes]
    return [
        each.path
        for each in account.server.log.records
        if any(place.matches(each.method, each.host, each.path) for place in places)
    ]
