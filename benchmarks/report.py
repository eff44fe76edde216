"""Figures as tables, for the terminal and for doc/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.operations import PAGES
from benchmarks.results import Figures, Result
from benchmarks.scenes import SCENARIOS

_COLUMNS = (
    "scenario",
    "photos",
    "wire",
    "wall s",
    "ideal s",
    "ratio",
    "CPU s",
    "bare CPU s",
    "CPU ratio",
    "ms/photo",
    "ms/request",
    "peak MB",
    "requests",
    "MB in",
    "MB out",
    "most at a time",
)
_HOSTS = {
    "photoslibrary.googleapis.com": "Google",
    "immich.example": "Immich",
    "lh3.googleusercontent.com": "media",
    "video-downloads.googleusercontent.com": "video",
    "api.nixplay.com": "Nixplay",
    "nixplay-prod-upload.s3.us-west-2.amazonaws.com": "bucket",
    "upload-monitor.nixplay.com": "monitor",
}


PROCESS = {
    "help_ms": ("`picsync --help`, ms", 0),
    "help_cpu_ms": ("... of CPU, ms", 0),
    "first_request_ms": ("`sync --once` with nothing to do: start to first request, ms", 0),
    "first_request_cpu_ms": ("... of CPU, ms", 0),
    **{
        f"{name}_{figure}": (title.format(where), digits)
        for name, where in (
            ("idle", "Google's API"),
            ("idle_page", "Google's API, with the status page"),
            ("idle_link", "a shared link"),
            ("idle_link_page", "a shared link, with the status page"),
        )
        for figure, (title, digits) in {
            "mb": ("idle between cycles, {}: resident MB", 1),
            "anonymous_mb": ("... of it its own, not the pages of its program files, MB", 1),
            "after_cycle_mb": ("... after a further cycle with 100 new photos: resident MB", 1),
            "wakeups_per_minute": ("... wake-ups per minute", 0),
        }.items()
    },
}
"""What each figure is, and its number of digits."""


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    return markdown([_COLUMNS, *map(_row, results)])


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table; the first one is the heading."""
    heading, *body = table
    rows = [heading, ["---"] * len(heading), *body]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def where(figures: Figures) -> str:
    """Return when and on what the figures were measured, as a sentence."""
    machine = figures.machine
    return (
        f"Measured {figures.date[:10]} at commit `{figures.commit}` on {machine['cores']} cores of "
        f"{machine['processor']}, {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}, "
        f"Python {machine['python']}."
    )


def tables(figures: Figures) -> list[str]:
    """Return everything that was measured as Markdown tables."""
    found = [table(figures.results)] if figures.results else []
    return [*found, _process_table(figures.process)] if figures.process else found


def _process_table(process: Mapping[str, float]) -> str:
    rows = [
        f"| {title} | {process[name]:.{digits}f} |"
        for name, (title, digits) in PROCESS.items()
        if name in process
    ]
    return "\n".join(("| process | |", "| --- | --- |", *rows))


def line(result: Result) -> str:
    """Return one result for the terminal."""
    pages = sum(result.requests.get(name, 0) for name in PAGES)
    named = ", ".join(f"{name} {count}" for name, count in result.requests.items())
    return (
        f"  {result.wall_s:.2f} s (ideal {result.ideal_s:.2f}), CPU {result.cpu_s:.2f} s "
        f"({result.cpu_ms_per_photo:.2f} ms per photo, {result.cpu_ms_per_request:.1f} per request; "
        f"{_bare(result)}), peak {result.peak_bytes / 1e6:.0f} MB, "
        f"first request after {result.first_request_s * 1000:.0f} ms\n"
        f"  {result.request_count} requests, {pages} of them pages: {named}\n"
        f"  in flight: {_in_flight(result)}; emulator: CPU {result.emulator.cpu_s:.2f} s, "
        f"waits late by {result.emulator.late_mean_s * 1000:.1f} ms "
        f"(at most {result.emulator.late_worst_s * 1000:.0f})"
    )


def _bare(result: Result) -> str:
    if result.bare is None:
        return "bare client not measured"
    return f"bare client {result.bare.cpu_s:.2f} s, ratio {_ratio(result.cpu_ratio)}"


def _row(result: Result) -> tuple[str, ...]:
    title = SCENARIOS[result.scenario].title + (", one at a time" if result.serial else "")
    photos = f"{result.size:,} x {result.photo_bytes / 1000:g} kB"
    return (
        title,
        photos,
        result.profile,
        f"{result.wall_s:.1f}",
        f"{result.ideal_s:.1f}",
        f"{result.wall_s / result.ideal_s:.2f}",
        f"{result.cpu_s:.2f}",
        f"{result.bare.cpu_s:.2f}" if result.bare else "-",
        _ratio(result.cpu_ratio),
        f"{result.cpu_ms_per_photo:.2f}",
        f"{result.cpu_ms_per_request:.1f}",
        f"{result.peak_bytes / 1e6:.0f}",
        f"{result.request_count:,}",
        f"{result.bytes_in / 1e6:.1f}",
        f"{result.bytes_out / 1e6:.1f}",
        _in_flight(result),
    )


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _in_flight(result: Result) -> str:
    return ", ".join(f"{_HOSTS.get(host, host)} {count}" for host, count in result.in_flight.items())


def compared(before: Figures, after: Figures) -> str:
    """Return what has changed between two runs, for the cases that both have."""
    return "\n".join(_compared(before, after)) or "The two have no case in common."


def _compared(before: Figures, after: Figures) -> Iterator[str]:
    known = {result.key: result for result in before.results}
    for new in after.results:
        if (old := known.get(new.key)) is None:
            continue
        yield _row(new)[0] + f", {new.size:,} x {new.photo_bytes / 1000:g} kB, {new.profile}"
        yield _change("wall s", old.wall_s, new.wall_s)
        yield _change("CPU s", old.cpu_s, new.cpu_s)
        yield _change("CPU ms per photo", old.cpu_ms_per_photo, new.cpu_ms_per_photo)
        yield _change("CPU ms per request", old.cpu_ms_per_request, new.cpu_ms_per_request)
        if old.bare and new.bare:
            yield _change("bare CPU s", old.bare.cpu_s, new.bare.cpu_s)
        if old.cpu_ratio and new.cpu_ratio:
            yield _change("CPU ratio", old.cpu_ratio, new.cpu_ratio)
        yield _change("peak MB", old.peak_bytes / 1e6, new.peak_bytes / 1e6)
        yield _change("first request ms", old.first_request_s * 1000, new.first_request_s * 1000)
        for name in {**old.requests, **new.requests}:
            counts = old.requests.get(name, 0), new.requests.get(name, 0)
            if counts[0] != counts[1]:
                yield _change(name, *counts)
    for name in before.process.keys() & after.process.keys():
        yield _change(name, before.process[name], after.process[name])


def _change(name: str, old: float, new: float) -> str:
    share = f"{(new - old) / old:+.0%}" if old else "new"
    return f"  {name:<20} {old:>10.5g} -> {new:<10.5g} {share}"
