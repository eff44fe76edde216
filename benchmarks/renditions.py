"""`python -m benchmarks render`: the cost of renditions by picsync, Pillow alone and vipsthumbnail."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from picsync.core.recipe import Panel, Recipe

PANEL = Panel(1280, 800)
MEGAPIXELS = {12: (4032, 3024), 50: (8660, 5774)}
KINDS = ("jpg", "progressive.jpg", "png", "heic")
_COLUMNS = ("12 megapixels", "picsync", "with 2 workers", "times as fast", "Pillow alone", "vipsthumbnail")
_MEMORY = ("50 megapixels", "peak of a worker, MB", "peak of the parent, MB", "CPU s")


def compared(photos: int, progress: Callable[[str], None]) -> str:
    """Return tables of CPU, wall-clock time and memory for each kind of file."""
    from benchmarks.report import markdown

    rows, memory = [], []
    vips = shutil.which("vipsthumbnail")
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
        folder = Path(name)
        for kind in KINDS:
            progress(f"{kind}: making pictures")
            small = picture(folder / f"12.{kind}", MEGAPIXELS[12])
            progress(f"{kind}: rendering")
            one = measured("picsync", 1, photos, small)
            two = measured("picsync", 2, photos, small)
            alone = measured("pillow", 1, photos, small)
            rows.append(
                (
                    kind,
                    f"{one['cpu_s']:.3f}",
                    f"{two['cpu_s']:.3f}",
                    f"{one['wall_s'] / two['wall_s']:.2f}",
                    f"{alone['cpu_s']:.3f}",
                    f"{measured('vips', 1, photos, small)['cpu_s']:.3f}" if vips else "not installed",
                )
            )
            large = picture(folder / f"50.{kind}", MEGAPIXELS[50])
            found = measured("picsync", 1, 1, large)
            memory.append(
                (kind, f"{found['worker_mb']:.0f}", f"{found['parent_mb']:.0f}", f"{found['cpu_s']:.2f}")
            )
            large.unlink()
    head = (
        f"CPU s per photo, starts included, {photos} photos for a panel of {PANEL}. *Times as fast*: two"
        " workers, by wall time, once they have started.\n\n"
    )
    return f"{head}{markdown([_COLUMNS, *rows])}\n\n{markdown([_MEMORY, *memory])}"


def picture(path: Path, size: tuple[int, int], quality: int = 88) -> Path:
    """Write a picture with noise and gradients, in another process: it needs a lot of memory.

    `quality` is that of a JPEG. A HEIC file is always written with 60, and a PNG has none.
    """
    code = (
        "import sys\n"
        "from PIL import Image\n"
        "import pillow_heif\n"
        "pillow_heif.register_heif_opener()\n"
        "pillow_heif.options.GRID_TILE_SIZE = 512\n"
        "path, width, height, quality = sys.argv[1], *map(int, sys.argv[2:])\n"
        "noise = Image.effect_noise((width // 4, height // 4), 40).resize((width, height), 3)\n"
        "ramp = Image.linear_gradient('L').resize((width, height))\n"
        "image = Image.merge('RGB', (noise, ramp, noise.transpose(0)))\n"
        "fast = {'enc_params': {'preset': 'ultrafast'}} if path.endswith('heic') else {}\n"
        "jpeg = {'quality': quality if not fast else 60}\n"
        "options = {'compress_level': 1} if path.endswith('png') else jpeg\n"
        "image.save(path, **options, **fast, progressive='progressive' in path)\n"
    )
    subprocess.run([sys.executable, "-c", code, path, *map(str, size), str(quality)], check=True)
    return path


def measured(way: str, workers: int, photos: int, path: Path) -> dict[str, Any]:
    """Run one way in a process of its own; CPU and wall-clock seconds are per photo.

    The wall-clock time of picsync begins when its workers have started.
    """
    command = [sys.executable, "-m", "benchmarks.renditions", way, str(workers), str(photos), str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _main(way: str, workers: int, photos: int, path: Path) -> None:
    # Only what the way itself needs is loaded in this process.
    started = time.perf_counter()
    if way == "picsync":
        started = asyncio.run(_by_picsync(workers, photos, path))
    elif way == "vips":
        _by_vips(photos, path)
    else:
        _by_pillow(photos, path)
    wall = time.perf_counter() - started
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "cpu_s": (own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime) / photos,
        "wall_s": wall / max(1, photos - workers),
        "parent_mb": own.ru_maxrss / 1000,
        "worker_mb": others.ru_maxrss / 1000,
    }
    print(json.dumps(found))


async def _by_picsync(workers: int, photos: int, path: Path) -> float:
    """Render; return when all workers had been started, each of which has then rendered its first photo."""
    from picsync.rendering.pool import Renderer

    renderer = Renderer(workers)

    async def one() -> None:
        with path.open("rb") as source, tempfile.TemporaryFile() as target:
            await renderer.render(source, Recipe(panel=PANEL), target)

    await asyncio.gather(*(one() for _ in range(workers)))
    ready = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(photos - workers)))
    await renderer.aclose()
    return ready


def _by_pillow(photos: int, path: Path) -> None:
    import io

    import pillow_heif
    from PIL import Image, ImageOps

    pillow_heif.register_heif_opener()
    for _ in range(photos):
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((PANEL.width, PANEL.height), Image.Resampling.LANCZOS)
            upright.convert("RGB").save(io.BytesIO(), "JPEG", quality=90)


def _by_vips(photos: int, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copies: list[Path] = []
        for number in range(photos):
            copies.append(Path(folder) / f"{number}{path.suffix}")
            copies[-1].symlink_to(path)
        size = ["-s", f"{PANEL.width}x{PANEL.height}", "-o", "%s-out.jpg[Q=90,strip]"]
        command: Sequence[str] = ["vipsthumbnail", "--vips-concurrency=1", *map(str, copies), *size]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
