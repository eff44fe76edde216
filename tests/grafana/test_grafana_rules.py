"""The tiles in states that are hard to produce, and with fifty rules, by promtool."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.grafana.monitored_sync import targets

PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")

INTERVAL_S = 600
NOW_S = 7200
GAUGES = {
    "cycle_running": 0,
    "cycle_transfers": 0,
    "cycle_interval_seconds": INTERVAL_S,
    "rule_since_timestamp_seconds": 1,
    "last_cycle_timestamp_seconds": NOW_S - 60,
    "last_good_cycle_timestamp_seconds": NOW_S - 60,
    "photos_on_frame": 10,
    "playlist_photos": 10,
    "photos_wanted": 10,
    "playlist_overflow_photos": 0,
    "deletes_held_for_person": 0,
    "media_items_downloaded_total": 50,
    "photos_uploaded_total": 50,
}
RULES: dict[str, tuple[dict[str, float | None], int, str]] = {
    "right": ({}, 0, "C"),
    "once": (
        {
            "cycle_interval_seconds": 0,
            "last_cycle_timestamp_seconds": 60,
            "last_good_cycle_timestamp_seconds": 60,
        },
        0,
        "C",
    ),
    "keeps": ({"photos_wanted": 8}, 1, "C"),
    "overflowing": ({"photos_wanted": 12, "photos_on_frame": 12, "playlist_overflow_photos": 2}, 0, "C"),
    "new": (
        {
            "photos_on_frame": None,
            "photos_wanted": None,
            "playlist_photos": None,
            "playlist_overflow_photos": None,
            "cycle_transfers": None,
            "last_cycle_timestamp_seconds": 0,
            "last_good_cycle_timestamp_seconds": 0,
            "rule_since_timestamp_seconds": NOW_S - 30,
            "cycle_running": 1,
        },
        2,
        "D",
    ),
    "uploading": ({"cycle_running": 1, "cycle_transfers": 5, "photos_wanted": 15}, 3, "C"),
    "missing": ({"photos_wanted": 11}, 4, "C"),
    "waits": ({"deletes_held_for_person": 30, "photos_wanted": 8}, 5, "C"),
    "late": ({"last_good_cycle_timestamp_seconds": NOW_S - 900}, 6, "B"),
    "stuck": ({"last_good_cycle_timestamp_seconds": NOW_S - 1801}, 7, "A"),
}
"""Album -> what differs from the gauges above, how it stands, and which query has its age."""


def labels(rule: str) -> str:
    """Return the labels of `<album>`, or of `<album> on <frame>`."""
    album, _, frame = rule.partition(" on ")
    return f'album="{album}", frame="{frame or "nixplay"}"'


def unit_test(
    folder: Path, rules: dict[str, dict[str, float | None]], expected: dict[str, dict[str, float]]
) -> None:
    """Have promtool put queries to these series; raises AssertionError with what it found instead."""
    series = [
        {
            "series": f'picsync_{name}{{job="picsync", instance="a", {labels(album)}}}',
            "values": f"{value}x{NOW_S // 60}",
        }
        for album, own in rules.items()
        for name, value in (GAUGES | own).items()
        if value is not None
    ]
    checks = [
        {
            "expr": expr,
            "eval_time": f"{NOW_S}s",
            "exp_samples": [{"labels": f"{{{labels(a)}}}", "value": v} for a, v in values.items()],
        }
        for expr, values in expected.items()
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    path = folder / "unit.json"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), "utf-8")
    ran = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def asked(panel: str) -> dict[str, str]:
    """Return a panel's queries by letter."""
    return {each.ref: each.expr for each in targets() if each.panel == panel}


def age(own: dict[str, float | None]) -> float:
    good = (GAUGES | own)["last_good_cycle_timestamp_seconds"]
    return NOW_S - good if good else -1


def test_every_state_has_its_word_and_its_colour(tmp_path: Path) -> None:
    standing = asked("Is the frame up to date?")["A"]
    expected = {standing: {album: float(code) for album, (_, code, _) in RULES.items()}}
    for ref, expr in asked("Last good cycle").items():
        expected[expr] = {album: age(own) for album, (own, _, band) in RULES.items() if band == ref}
    unit_test(tmp_path, {album: own for album, (own, _, _) in RULES.items()}, expected)


def test_fifty_rules_are_fifty_tiles(tmp_path: Path) -> None:
    rules: dict[str, dict[str, float | None]] = {f"Album {number:02}": {} for number in range(50)}
    unit_test(
        tmp_path,
        rules,
        {
            asked("Is the frame up to date?")["A"]: dict.fromkeys(rules, 0.0),
            asked("Last good cycle")["C"]: dict.fromkeys(rules, 60.0),
        },
    )


def test_two_frames_of_an_album_are_two_tiles(tmp_path: Path) -> None:
    late = {"last_good_cycle_timestamp_seconds": NOW_S - 900.0}
    unit_test(
        tmp_path,
        {"Family": {}, "Family on usb": dict(late)},
        {
            asked("Is the frame up to date?")["A"]: {"Family": 0.0, "Family on usb": 6.0},
            asked("Last good cycle")["C"]: {"Family": 60.0},
            asked("Last good cycle")["B"]: {"Family on usb": 900.0},
        },
    )
