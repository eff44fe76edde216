"""`python -m benchmarks rendered`: the first sync of large photos that are converted for a small panel.

The ideal is that of `ideal`, with rendering between download and upload: each photo takes the CPU seconds
that were measured for it alone, on as many processors as there are. The emulated services run on the same
processors, and their CPU is no part of the ideal.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure, renditions
from benchmarks.ideal import Work, ideal_s
from benchmarks.operations import BUCKET
from benchmarks.report import markdown
from benchmarks.running import caps
from benchmarks.scenes import Moved, Scene, world
from picsync.emulators.google.content import GeneratedContent
from picsync.emulators.wireprofile import HOME, LAN

_MEASURED = 12
"""Photos that are rendered alone to learn what each takes."""
_QUALITY = 92
"""Makes photos of 3.9 MB."""
_RULE = ("rendition: {panel: 1280x800}",)


@dataclass(frozen=True, slots=True)
class LargePhoto(GeneratedContent):
    """A picture of a camera, with its number in a comment."""

    picture: bytes

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        yield self.picture[:2] + b"\xff\xfe\x00\x0a" + self.seed.to_bytes(8)
        yield self.picture[2:]


async def first_sync(photos: int) -> str:
    """Return a table of a first sync of so many photos."""
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
        folder = Path(name)
        path = renditions.picture(folder / "12.jpg", renditions.MEGAPIXELS[12], _QUALITY)
        alone = renditions.measured("picsync", 1, _MEASURED, path)["cpu_s"]
        data = path.read_bytes()
        size = len(data) + 12
        async with world() as services:
            scene = Scene(folder, services, size, rule_lines=_RULE)
            album = scene.add_album("Family")
            for number in range(1, photos + 1):
                content = LargePhoto(number, size, 4032, 3024, data)
                services.google.add_item(
                    album, f"IMG_{number:06}.jpg", content, mime_type="image/jpeg", created_at=1.6e9 + number
                )
            scene.write_settings()
            scene.set_wire(HOME)
            services.server.log.clear()
            spent, emulator = await measure.cycle(scene, measure.THIS)
            scene.set_wire(LAN)
            shown = services.nixplay.playlist_named("ss_Family").items
            if len(shown) != photos:
                raise AssertionError(f"{len(shown)} of {photos} photos in the playlist")
        sent = services.server.log.bytes_in(host=BUCKET)
        work = Work(
            1,
            Moved(photos, 0, photos, photos),
            size,
            sent_bytes=sent // photos,
            render_s=alone,
            processors=len(os.sched_getaffinity(0)),
        )
        ideal = ideal_s(work, HOME, caps())
    rows = [
        ("photos", f"{photos:,} of {size / 1e6:.1f} MB"),
        ("sent", f"{sent / 1e6:.1f} MB, {sent / size / photos:.3f} of the originals"),
        ("wall s", f"{spent.wall_s:.1f}"),
        ("ideal s", f"{ideal:.1f}"),
        ("of the ideal", f"{spent.wall_s / ideal:.2f}"),
        ("CPU s, with workers", f"{spent.cpu_s:.1f}"),
        ("CPU s of rendering alone, per photo", f"{alone:.3f}"),
        ("peak of the service, MB", f"{spent.peak_bytes / 1e6:.0f}"),
        ("CPU s of the emulator", f"{emulator.cpu_s:.1f}"),
    ]
    return markdown([("first sync on `home`, rendered for 1280x800", ""), *rows])
