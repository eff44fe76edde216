"""The benchmark itself: every scenario at a tiny size, its model of the ideal, its figures on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.ideal import SERIAL, Caps, Work, ideal_s
from benchmarks.measure import Emulator
from benchmarks.operations import PAGES
from benchmarks.page import BEGIN, END, insert, require_marks
from benchmarks.photos import md5, photo, smallest_photo, video
from benchmarks.plot import draw
from benchmarks.process import idle
from benchmarks.results import Figures, Result
from benchmarks.running import Case, run_case
from benchmarks.scenes import Moved
from picsync.emulators.google.content import dimensions, read_all
from picsync.emulators.wireprofile import HOME, LAN

BYTES = 3_000
WIDE = Caps(api=100, downloads=100, uploads=100, processing=100, photos=100)


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("first", {"download": 40, "permit_upload": 40, "store_bytes": 40, "await_processing": 40}),
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
    assert result.ideal_s == 0
    assert report.table([result]).count("\n") == 2
    if name == "steady":
        pages = sum(result.requests.get(each, 0) for each in PAGES)
        assert result.request_count <= pages + 5


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
        ideal_s=0.0,
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


async def test_an_idle_process_is_looked_at_with_and_without_its_page() -> None:
    found = await idle(watched_s=0.0)
    assert 20 < found["idle_mb"] < 110
    assert found["idle_mb"] < found["idle_page_mb"] < 130
    assert found["idle_wakeups_per_minute"] < 10
