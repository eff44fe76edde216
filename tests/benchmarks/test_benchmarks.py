"""The benchmark itself: every scenario at a tiny size, its model of the ideal, its figures on disk."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import mirror, renditions, report
from benchmarks.__main__ import main
from benchmarks.authority import Authority, authority, plain_environment
from benchmarks.ideal import SERIAL, Caps, Work, ideal_s
from benchmarks.measure import THIS, Emulator
from benchmarks.memory import allocators
from benchmarks.operations import BUCKET, MEDIA, NIXPLAY_API, PAGES
from benchmarks.page import BEGIN, END, insert, require_marks
from benchmarks.photos import md5, photo, smallest_photo, video
from benchmarks.plot import draw
from benchmarks.process import idle
from benchmarks.replay import Bare, Call, Script, run_bare
from benchmarks.results import Figures, Result
from benchmarks.running import Case, run_case
from benchmarks.scenes import API, FOLDER, LINK, Moved, world
from picsync.emulators.google.content import dimensions, read_all
from picsync.emulators.requestlog import Record
from picsync.emulators.wireprofile import HOME, LAN, Wire
from tests.rendering.drawing import coded, quarters

BYTES = 3_000
WIDE = Caps(api=100, downloads=100, uploads=100, processing=100, photos=100)


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("first", {"download": 40, "permit_upload": 40, "store_bytes": 40, "await_processing": 40}),
        ("link-first", {"download": 40, "store_bytes": 40}),
        ("immich-first", {"download": 40, "store_bytes": 40}),
        ("folder-first", {"store_bytes": 40}),
        ("picked-first", {"store_bytes": 40}),
        ("steady", {}),
        ("news", {"download": 5, "store_bytes": 5, "delete_photo": 5}),
        ("lost-cache", {"download": 40}),
        ("small-albums", {"download": 40, "store_bytes": 40}),
    ],
)
async def test_each_scenario_runs_and_moves_each_photo_once(name: str, moved: dict[str, int]) -> None:
    result = await run_case(Case(name, 40, "lan", BYTES))
    bytes_and_writes = ("download", "permit_upload", "store_bytes", "await_processing", "delete_photo")
    found = {each: result.requests[each] for each in bytes_and_writes if each in result.requests}
    assert {**found, **moved} == found
    assert bool(found) == bool(moved)
    assert result.cpu_s > 0
    assert 0 < result.first_request_s < result.wall_s
    assert 20e6 < result.peak_bytes < 128e6
    # A request that has no name yet would be named by its path.
    assert not [each for each in result.requests if " " in each]
    assert result.wire_s == 0
    assert result.bare is not None
    assert result.bare.requests == result.request_count
    assert result.bare.bytes == result.bytes_in + result.bytes_out
    assert 0 < result.bare.cpu_s == result.ideal_s
    assert report.table([result]).count("\n") == 2
    if name == "steady":
        pages = sum(result.requests.get(each, 0) for each in PAGES)
        assert result.request_count <= pages + 5


async def test_a_mirror_is_measured_new_and_unchanged() -> None:
    table = await mirror.compared(12, 1_000)
    _, _, new, unchanged = [row.split("|") for row in table.splitlines()]
    assert "upload_session/start 12" in new[7]
    assert int(new[6]) <= 12 + 7
    # The token, and the changes since the last pass.
    assert int(unchanged[6]) == 2


def test_an_old_rclone_gets_no_flags_that_it_would_refuse(tmp_path: Path) -> None:
    known = [flag.partition("=")[0] for flag in mirror.BEST if "pacer" not in flag]
    rclone = tmp_path / "rclone"
    rclone.write_text("#!/bin/sh\necho '  " + " int  text\n  ".join(known) + " int  text'\n")
    rclone.chmod(0o700)
    assert mirror.best_known(rclone) == [flag for flag in mirror.BEST if "pacer" not in flag]


async def test_the_services_use_tls_with_an_authority_of_their_own(tmp_path: Path) -> None:
    own = ssl.create_default_context(cafile=authority().write(tmp_path / "own.pem"))
    bundle = ssl.create_default_context(cafile=authority().write_bundle(tmp_path / "bundle.pem"))
    assert len(bundle.get_ca_certs()) > len(own.get_ca_certs()) == 1
    foreign = ssl.create_default_context(cafile=Authority().write(tmp_path / "foreign.pem"))
    async with world() as services:
        assert services.server.url.startswith("https://127.0.0.1:")
        for trusting in (own, bundle):
            _, writer = await asyncio.open_connection("127.0.0.1", services.server.port, ssl=trusting)
            writer.close()
            await writer.wait_closed()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", services.server.port, ssl=foreign)


def test_what_is_measured_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("PYTHONDONTWRITEBYTECODE", "PICSYNC_EVERY", "SSL_CERT_FILE", "https_proxy", "MALLOC_ARENA_MAX")
    for name in names:
        monkeypatch.setenv(name, "1")
    assert not plain_environment().keys() & set(names)
    assert THIS.knows_authorities


def logged(method: str, host: str, path: str, sent: int, received: int) -> Record:
    return Record(0, 0.0, method, host, path, "a=b", {}, bytes_in=sent, bytes_out=received)


def test_the_script_has_each_request_once_and_uploads_follow_their_downloads() -> None:
    records = [
        logged("GET", NIXPLAY_API, "/albums/web/json/", 0, 70),
        logged("GET", MEDIA, "/small photo", 0, 3_000),
        logged("GET", MEDIA, "/large", 0, 9_000),
        logged("POST", BUCKET, "/", 4_100, 0),
        logged("POST", BUCKET, "/", 10_100, 0),
    ]
    script = Script.of(records)
    assert script.others == [Call("GET", f"/{NIXPLAY_API}/albums/web/json/?a=b", 0, 70)]
    assert [dict(photo) for photo in script.photos] == [
        {
            "download": Call("GET", f"/{MEDIA}/large?a=b", 0, 9_000),
            "store_bytes": Call("POST", f"/{BUCKET}/?a=b", 10_100, 0, file_bytes=9_000),
        },
        {
            "download": Call("GET", f"/{MEDIA}/small%20photo?a=b", 0, 3_000),
            "store_bytes": Call("POST", f"/{BUCKET}/?a=b", 4_100, 0, file_bytes=3_000),
        },
    ]
    assert script.hosts == {NIXPLAY_API, MEDIA, BUCKET}
    assert not script.file_sizes
    assert Script.of(records[3:]).file_sizes == {2_100, 8_100}


async def test_the_bare_client_goes_at_the_pace_of_the_wire(tmp_path: Path) -> None:
    bare = await run_bare(tmp_path, Script.first_sync(3, 200_000), WIDE, Wire(HOME))
    assert bare.requests == 12
    assert bare.bytes == 3 * (2 * 200_000 + 2_000 + 200 + 1_500 + 50)
    # Download, permission, upload, status: one after the other.
    assert bare.exchange_s > 0.08 + 0.25 + 0.15 + 0.3
    assert 0 < bare.exchange_cpu_s < bare.cpu_s


def test_clients_are_compared() -> None:
    done = CliRunner().invoke(main, ["clients", "--size", "2", "--bytes", "3000", "--runs", "1"])
    assert done.exit_code == 0, done.output
    for client in ("| aiohttp ", "| httpx as shipped ", "| httpx on picsync's transport "):
        assert client in done.stdout


def test_two_versions_are_measured_alternately() -> None:
    arguments = ["--before", str(THIS.root), "--size", "3", "--bytes", "3000", "--runs", "1"]
    done = CliRunner().invoke(main, ["paired", *arguments])
    assert done.exit_code == 0, done.output
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")] == [
        "version",
        "---",
        "before",
        "after",
    ]


@pytest.mark.parametrize("size", [smallest_photo(), 2_100, 66_000, 200_000, 1_000_003])
def test_a_photo_is_a_jpeg_of_exactly_that_size_unlike_any_other(size: int) -> None:
    content = read_all(photo(7, size))
    assert len(content) == size
    assert dimensions(photo(7, size)) == (64, 64)
    assert md5(photo(7, size)) != md5(photo(8, size))
    assert len(read_all(video(7, size))) == size


def test_too_small_a_photo_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        photo(1, 100)


def test_the_ideal_of_a_steady_cycle_is_its_longest_chain() -> None:
    # Google: the album and 20 pages, one after the other. Nixplay is done before that.
    assert ideal_s(Work(1, Moved(2000, 2000), BYTES), HOME, WIDE) == pytest.approx(21 * 0.12)


def test_ideal_first_sync_is_bounded_by_upload_bandwidth() -> None:
    work = Work(1, Moved(300, 0, 300, 300), 300_000)
    wide = ideal_s(work, HOME, WIDE)
    pipe = 300 * 300_000 / 10e6
    assert pipe < wide < pipe + 4
    # From the leave to the last byte a photo keeps one of three places for 0.43 s.
    assert ideal_s(work, HOME, Caps(16, 6, 3, 3, 3)) > 100 * 0.43
    assert ideal_s(work, HOME, SERIAL, one_at_a_time=True) > 300 * 0.82


def test_the_ideal_depends_on_where_the_photos_are() -> None:
    steady = Moved(2000, 2000)
    api, link, folder = (ideal_s(Work(1, steady, BYTES, kind), HOME, WIDE) for kind in (API, LINK, FOLDER))
    assert api == pytest.approx(21 * 0.12)
    assert link == pytest.approx(8 * 0.12)
    # Nixplay's login, its lists, its pages.
    assert folder == pytest.approx(3 * 0.25)
    new = Moved(300, 0, 300, 300)
    assert ideal_s(Work(1, new, 300_000, FOLDER), HOME, WIDE) > 300 * 300_000 / 10e6


def test_where_nothing_takes_time_the_ideal_is_nothing() -> None:
    assert ideal_s(Work(3, Moved(20, 0, 20, 20), BYTES), LAN, WIDE) == 0


def figures(wall_s: float, pages: int) -> Figures:
    result = Result(
        "steady",
        100,
        BYTES,
        "lan",
        False,
        wall_s=wall_s,
        cpu_s=0.5,
        peak_bytes=80_000_000,
        first_request_s=0.3,
        wire_s=0.0,
        bare=Bare(0.25, 0.3, 40_000_000, 0.1, 0.15, 1 + pages, 1000),
        requests={"login": 1, "list_photos": pages},
        bytes_in=1,
        bytes_out=1,
        in_flight={"api.nixplay.com": 1},
        emulator=Emulator(0.1, 0, 0.0, 0.0),
    )
    machine = {"cores": 2, "processor": "x", "memory_bytes": 2**34, "system": "Linux", "python": "3.11"}
    return Figures("2026-01-01T00:00Z", "abc", machine, [result], {"idle_mb": 50.0})


def test_two_runs_are_compared(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    figures(2.0, 3).write(before)
    figures(1.0, 2).write(after)
    assert Figures.read(before) == figures(2.0, 3)
    done = CliRunner().invoke(main, ["compare", str(before), str(after)])
    assert done.exit_code == 0
    assert "-50%" in done.output
    assert "CPU ms per request" in done.output
    assert "bare CPU s" in done.output
    assert "list_photos" in done.output
    assert "login" not in done.output


def test_a_file_without_figures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}", "utf-8")
    done = CliRunner().invoke(main, ["compare", str(path), str(path)])
    assert done.exit_code == 2
    assert "holds no figures" in done.output


def test_figures_go_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Costs\n\n{BEGIN}\n\nold figures\n\n{END}\n\nwords\n", "utf-8")
    insert(figures(2.0, 3), page)
    text = page.read_text("utf-8")
    assert text.startswith(f"# Costs\n\n{BEGIN}\n\nMeasured 2026-01-01 at commit `abc`")
    assert text.endswith(f"{END}\n\nwords\n")
    assert "old figures" not in text
    assert "steady state" in text
    insert(figures(2.0, 3), page)
    assert page.read_text("utf-8") == text


def test_the_picture_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="comes with the extra `dashboards`")
    draw(figures(2.0, 3), tmp_path / "performance.png")
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")


def test_page_without_marks_is_refused_before_measuring(tmp_path: Path) -> None:
    page = tmp_path / "other.md"
    page.write_text("# Other\n", "utf-8")
    done = CliRunner().invoke(main, ["--write", str(page)])
    assert done.exit_code == 2
    assert "lacks the marks" in done.output


def test_the_page_of_this_repository_has_the_marks() -> None:
    require_marks(Path(__file__).parents[2] / "doc" / "performance.md")


async def test_idle_processes_are_measured_before_and_after_a_cycle() -> None:
    names = ("idle", "idle_link_page")
    found = await idle(names, watched_s=0.0, size=20, new_photos=2, quiet_s=2.0)
    for name in names:
        assert 20 < found[f"{name}_mb"] < 130
        assert found[f"{name}_anonymous_mb"] < found[f"{name}_mb"]
        assert found[f"{name}_wakeups_per_minute"] < 10
        assert 20 < found[f"{name}_after_cycle_mb"] <= found[f"{name}_peak_mb"]
        assert found[f"{name}_cycle_cpu_s"] > 0
    shown = {name for name in report.PROCESS if name.startswith("idle")}
    assert {name for name in shown if name.startswith("idle_link_page")} < set(found)


def test_allocators_are_chosen_by_the_environment() -> None:
    assert allocators()["glibc, `MALLOC_ARENA_MAX=1`"] == {"MALLOC_ARENA_MAX": "1"}


@pytest.mark.parametrize("way", ["picsync", "pillow"])
def test_the_cost_of_renditions_is_measured(way: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(coded(quarters(), "PNG"))
    found = renditions.measured(way, 1, 2, path)
    assert found.keys() == {"cpu_s", "wall_s", "parent_mb", "worker_mb"}
    assert 0 < found["cpu_s"] < 5
    assert (found["worker_mb"] > 20) == (way == "picsync")


def test_the_ideal_counts_what_converting_takes() -> None:
    work = Work(1, Moved(40, 0, 40, 40), 4_000_000)
    small = replace(work, sent_bytes=400_000)
    slow = replace(small, render_s=2.0, processors=2)
    plain, converted, busy = (ideal_s(each, HOME, WIDE) for each in (work, small, slow))
    assert converted < plain
    # 40 photos of 2 s on two processors.
    assert 40 < busy < 40 + plain
    assert ideal_s(replace(slow, processors=4), HOME, WIDE) < busy
