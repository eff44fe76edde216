"""The keys and types of /status.json, on which other programs depend."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from picsync.web.statusjson import as_json
from tests.observe.statuses import STATUSES, status_of

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
MAYBE_INT, MAYBE_TEXT = (int, type(None)), (str, type(None))

TOP = {
    "format": int,
    "version": str,
    "started_at": str,
    "now": str,
    "ready": bool,
    "obstacles": list,
    "stopping": bool,
    "verdict": dict,
    "health": dict,
    "config_problems": list,
    "logins": list,
    "rules": list,
    "passes": list,
    "events": list,
}
RULE = {
    "name": str,
    "sources": dict,
    "listings": list,
    "album": str,
    "frame": str,
    "playlist": str,
    "dry_run": bool,
    "level": str,
    "code": str,
    "phase": str,
    "planned": int,
    "downloaded": int,
    "uploaded": int,
    "failed": int,
    "failures_in_a_row": int,
    "last_at": MAYBE_TEXT,
    "last_good_at": MAYBE_TEXT,
    "next_at": MAYBE_TEXT,
    "last": (dict, type(None)),
}
REPORT = {
    "outcome": str,
    "sentence": str,
    "dry_run": bool,
    "duration_s": float,
    "complete": bool,
    "certainty": str,
    "listed": int,
    "wanted": int,
    "on_frame": MAYBE_INT,
    "in_playlist": MAYBE_INT,
    "assigned": (bool, type(None)),
    "unassigned": list,
    "overflow": int,
    "skipped": dict,
    "formats": dict,
    "left_out": dict,
    "storage": (dict, type(None)),
    "downloaded": int,
    "downloaded_bytes": int,
    "uploaded": int,
    "uploaded_bytes": int,
    "already_there": int,
    "deleted": int,
    "playlists_edited": int,
    "entries_added": int,
    "entries_removed": int,
    "changed": bool,
    "hold": (dict, type(None)),
    "failures": list,
    "notices": list,
}
HOLD = {"reason": str, "photos": int, "needs_person": bool, "message": str}
LISTING = {"source": str, "album": str, "items": int, "certainty": str}
FAILURE = {
    "code": str,
    "account": MAYBE_TEXT,
    "subject": str,
    "message": str,
    "advice": str,
    "transient": bool,
}
EVENT = {"at": str, "action": str, "rule": MAYBE_TEXT, "message": str, "times": int}
LOGIN = {"service": str, "accepted": bool, "message": MAYBE_TEXT}
HEALTH = {"level": str, "reasons": list}
REASON = {"code": str, "level": str, "rule": MAYBE_TEXT}
VERDICT = {"level": str, "answer": str, "details": list}


def read(situation: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_json(status_of(situation))))
    return found


def check(found: dict[str, Any], schema: dict[str, Any]) -> None:
    assert list(found) == list(schema)
    for key, kind in schema.items():
        assert isinstance(found[key], kind), key
        if key.endswith("_at") or key in ("at", "now"):
            assert found[key] is None or INSTANT.fullmatch(found[key]), key


@pytest.mark.parametrize("situation", STATUSES)
def test_keys_and_types(situation: str) -> None:
    found = read(situation)
    assert found["format"] == 1
    check(found, TOP)
    check(found["verdict"], VERDICT)
    check(found["health"], HEALTH)
    assert found["health"]["level"] == found["verdict"]["level"]
    for reason in found["health"]["reasons"]:
        check(reason, REASON)
    for login in found["logins"]:
        check(login, LOGIN)
    for event in found["events"]:
        check(event, EVENT)
    for rule in found["rules"]:
        check(rule, RULE)
        for listing in rule["listings"]:
            check(listing, LISTING)
        if rule["last"] is not None:
            check(rule["last"], REPORT)
            for failure in rule["last"]["failures"]:
                check(failure, FAILURE)
            if rule["last"]["hold"] is not None:
                check(rule["last"]["hold"], HOLD)
    assert "secret-id" not in json.dumps(found)


def test_a_held_delete() -> None:
    found = read("held_deletes")
    grandma = found["rules"][0]
    assert found["verdict"]["level"] == grandma["level"] == "attention"
    assert found["ready"] is True
    assert grandma["last"]["outcome"] == "held"
    assert (grandma["last"]["hold"]["reason"], grandma["last"]["hold"]["photos"]) == ("brake", 203)
    assert (grandma["last_good_at"], grandma["next_at"]) == (grandma["last_at"], "2026-03-02T07:33:12Z")


def test_the_playlist_is_named_as_at_the_service() -> None:
    status = status_of("held_deletes")
    (first, *others) = status.rules
    assert first.last is not None
    assert as_json(status)["rules"][0]["playlist"] == f"ss_{first.name}"
    renamed = replace(first, last=replace(first.last, playlist="ss_Fun-cd77a0ee0a"))
    found = as_json(replace(status, rules=(renamed, *others)))
    assert found["rules"][0]["playlist"] == "ss_Fun-cd77a0ee0a"


def test_a_refused_login() -> None:
    found = read("login_needed")
    assert (found["ready"], found["obstacles"]) == (False, ["Not logged in to Nixplay."])
    assert found["logins"][0] == {
        "service": "Nixplay",
        "accepted": False,
        "message": "Nixplay refused the password for anna@example.com: status 401.",
    }
    assert [rule["failures_in_a_row"] for rule in found["rules"]] == [3, 3]
