"""`python -m benchmarks clients`: what different HTTP clients need for the requests of a first sync."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.bare import CLIENTS, is_installed
from benchmarks.ideal import Caps
from benchmarks.replay import Bare, Script, run_bare
from benchmarks.report import markdown
from picsync.emulators.wireprofile import PROFILES, Wire

_COLUMNS = ("client", "CPU s", "of it the requests", "wall s", "peak MB")


async def compared(
    size: int, photo_bytes: int, profile: str, runs: int, caps: Caps, say: Callable[[str], object]
) -> str:
    """Run every client that is installed, in turn, several times; return their medians as a table."""
    script = Script.first_sync(size, photo_bytes)
    names = [name for name in CLIENTS if is_installed(name)]
    found: dict[str, list[Bare]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as folder:
        for _ in range(runs):
            for name in names:
                found[name].append(await run_bare(Path(folder), script, caps, Wire(PROFILES[profile]), name))
                say(f"{name}: CPU {found[name][-1].cpu_s:.2f} s")
    rows = [
        (
            CLIENTS[name],
            f"{median(each.cpu_s for each in results):.2f}",
            f"{median(each.exchange_cpu_s for each in results):.2f}",
            f"{median(each.wall_s for each in results):.2f}",
            f"{median(each.peak_bytes for each in results) / 1e6:.0f}",
        )
        for name, results in found.items()
    ]
    return markdown([_COLUMNS, *rows])
