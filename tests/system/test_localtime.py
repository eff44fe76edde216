"""Instants as users read them, in valid and invalid time zones."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import picsync
from picsync.system import localtime
from picsync.system.localtime import absolute, day, rfc3339, to_minute, to_second, zone_name, zone_problem

SUMMER = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
In = Callable[[str], None]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[In]:
    """Start in a zone, as a process does."""
    monkeypatch.setattr(localtime, "_replaced", [])
    environ: dict[str, str] = {}

    def start(name: str) -> None:
        environ["TZ"] = name
        localtime.use_known_zone(environ)
        monkeypatch.setenv("TZ", environ["TZ"])
        time.tzset()

    with monkeypatch.context() as monkeypatch:
        yield start
    time.tzset()


@pytest.mark.parametrize(
    ("name", "shown", "iso"),
    [
        ("Europe/Berlin", "2026-07-02 00:30:05 CEST", "2026-07-02T00:30:05+02:00"),
        (":Asia/Kolkata", "2026-07-02 04:00:05 IST", "2026-07-02T04:00:05+05:30"),
        ("America/Sao_Paulo", "2026-07-01 19:30:05 -03", "2026-07-01T19:30:05-03:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-02 00:30:05 CEST", "2026-07-02T00:30:05+02:00"),
        ("<+03>-3", "2026-07-02 01:30:05 +03", "2026-07-02T01:30:05+03:00"),
        ("Etc/UTC", "2026-07-01 22:30:05 UTC", "2026-07-01T22:30:05Z"),
        ("/usr/share/zoneinfo/Europe/Berlin", "2026-07-02 00:30:05 CEST", "2026-07-02T00:30:05+02:00"),
        ("", "2026-07-01 22:30:05 UTC", "2026-07-01T22:30:05Z"),
    ],
)
def test_every_form_is_in_the_zone(zone: In, name: str, shown: str, iso: str) -> None:
    zone(name)
    assert zone_problem() is None
    assert (absolute(SUMMER), rfc3339(SUMMER)) == (shown, iso)
    assert (to_second(SUMMER), to_minute(SUMMER), day(SUMMER)) == (shown[:19], shown[:16], shown[:10])
    assert zone_name() == (name.removeprefix(":") or "Etc/UTC")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berlinn", "Did you mean TZ=Europe/Berlin?"),
        ("Berlin", "Did you mean TZ=Europe/Berlin?"),
        ("x", "Write TZ=Europe/Berlin or the like."),
        ("../../../etc/passwd", "Write TZ=Europe/Berlin or the like."),
        ("/nowhere", ""),
        ("Europe", ""),
        ("a" * 5000, ""),
        ("UTC+2", "Write the name of a zone, such as TZ=Europe/Berlin."),
        ("GMT-1", "Write the name of a zone, such as TZ=Europe/Berlin."),
    ],
)
def test_unusable_time_zone_is_reported_and_utc_is_used(zone: In, name: str, hint: str) -> None:
    zone(name)
    problem = zone_problem()
    assert problem is not None
    assert repr(name) in problem[0]
    assert "all times are UTC" in problem[0]
    assert hint in problem[1]
    assert problem[1]
    assert (absolute(SUMMER), zone_name()) == ("2026-07-01 22:30:05 UTC", "Etc/UTC")


def test_a_machine_without_data_of_zones(zone: In, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(localtime, "ZONE_FOLDERS", (tmp_path / "absent",))
    zone("Europe/Berlin")
    assert zone_problem() == (
        "TZ is 'Europe/Berlin', but this machine has no time zone data: all times are UTC.",
        "Install the package tzdata, or mount /usr/share/zoneinfo.",
    )


@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("end", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_are_shown(zone: In, name: str, end: datetime) -> None:
    zone(name)
    assert str(end.year) in absolute(end)
    assert rfc3339(end)


WRITTEN_FOR_MACHINES = {
    "system/localtime.py",
    "cache/sqlite.py",  # names of files
    "cache/store.py",  # rows of the cache
    "core/organize.py",  # names of files, by the local time that it is given
    "family/archive.py",  # the manifest of an export
    "family/gallery.py",  # rows of the family's database
    "family/photos.py",
    "frames/dropbox/manifest.py",
    "frames/folder/manifest.py",  # the frame's own files
    "frames/web/access.py",
    "frames/web/frame.py",  # also for the page, which shows it in its own language
    "frames/web/lastseen.py",  # a file beside the photos
    "jobs/journal.py",
    "rendering/pictures.py",  # between processes
    "sources/inbox/record.py",  # a file of the spool
    "sources/inbox/spool.py",
    "stores/local/bin.py",  # the format of the desktop's bin
    "sync/about.py",  # the date of a caption, for the frame
    "vendors/dropbox/api.py",  # an argument of the API
    "vendors/google/credentials.py",  # the credentials file
    "web/family/looking.py",  # the API
    "system/control.py",  # the request folder
    "sources/google/links/wire.py",  # a name by the picture's own offset
}


def test_nothing_else_puts_an_instant_into_words() -> None:
    root = Path(picsync.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        name = str(path.relative_to(root))
        if not name.startswith("emulators/"):
            found |= {name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if _formats_instant(node)}
    assert found == WRITTEN_FOR_MACHINES
    for path in root.rglob("templates/*.html"):
        assert "UTC" not in path.read_text("utf-8")


def _formats_instant(node: ast.AST) -> bool:
    if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
        return "%H" in ast.unparse(node.format_spec) or "%Y" in ast.unparse(node.format_spec)
    return isinstance(node, ast.Attribute) and node.attr in {"strftime", "isoformat", "ctime", "asctime"}
