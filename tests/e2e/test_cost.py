"""The cost of a cycle: requests, bytes, memory."""

from __future__ import annotations

import asyncio
import re
import sys
import tracemalloc

from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.content import read_all
from tests.e2e.household import Household
from tests.household_services import ALBUM, MEDIA_HOST
from tests.pictures import jpeg

LISTED = r"mediaItems:search|/pictures/json/|/slides$"
MEBIBYTE = 2**20
LIMIT_BYTES = 150_000_000
MEASURED = """
from pathlib import Path
import sys
from picsync.cli.main import run
code = run(sys.argv[1:])
# The peak of this process alone; what wait() tells also counts the one that it was forked from.
print(Path("/proc/self/status").read_text())
sys.exit(code)
"""


def in_step(household: Household, count: int) -> None:
    """Put the same small photos into the Google album and the frame's."""
    album = household.nixplay.add_album(ALBUM)
    photos = []
    for number in range(count):
        content = jpeg(str(number))
        photos.append(household.nixplay.add_photo(album, f"{number}.jpg", content))
        household.google.add_item(
            household.album, f"{number}.jpg", content, mime_type="image/jpeg", width=4, height=3
        )
    household.nixplay.add_playlist(f"ss_{ALBUM}", photos)


async def test_a_new_photo_is_one_download_and_one_upload(household: Household) -> None:
    household.add(5)
    await household.cycle()
    household.server.log.clear()
    (new,) = household.add(1)
    await household.cycle()
    size = len(read_all(new.content))
    assert household.server.log.count(host=MEDIA_HOST) == 1
    assert household.server.log.bytes_out(host=MEDIA_HOST) == size
    uploads = household.server.log.matching(
        method="POST", host="nixplay-prod-upload.s3.us-west-2.amazonaws.com"
    )
    assert len(uploads) == 1
    assert size < uploads[0].bytes_in < size + 3000


async def test_steady_cycle_of_1000_photos_is_a_few_requests(
    household: Household,
) -> None:
    in_step(household, 1000)
    household.google.options.requests_per_day = None
    await household.cycle()
    await household.assert_idle()
    log = household.server.log
    # Ten pages of Google's 100, ten of slides where the service gives 100, two of pictures at 500, and the
    # empty ones that end full ones.
    assert log.count(path=LISTED) == 24
    assert len(log.records) - log.count(path=LISTED) <= 5


async def test_a_steady_cycle_needs_little_memory_for_each_item(household: Household) -> None:
    in_step(household, 10)
    await household.cycle()
    await household.cycle()
    few = await _peak_bytes(household)
    for number in range(10, 400):
        content = jpeg(str(number))
        photo = household.nixplay.add_photo(household.nixplay.album_named(ALBUM), f"{number}.jpg", content)
        household.nixplay.state.append_items(household.nixplay.playlist_named(f"ss_{ALBUM}"), [photo])
        household.google.add_item(
            household.album, f"{number}.jpg", content, mime_type="image/jpeg", width=4, height=3
        )
    await household.cycle()
    many = await _peak_bytes(household)
    # Both sides run in this process; what an item costs picsync itself is less than half of it.
    assert (many - few) / 390 < 12_000


async def _peak_bytes(household: Household) -> int:
    tracemalloc.start()
    try:
        await household.cycle()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_first_sync_of_large_photos_stays_small(household: Household) -> None:
    # All of them would not fit into the limit.
    for number in range(40):
        content = generated_jpeg(number, 4 * MEBIBYTE)
        household.google.add_item(household.album, f"{number}.jpg", content)
    household.write_config()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEASURED, "sync", "--once", cwd=household.folder, stdout=-1, stderr=-3
    )
    output, _ = await process.communicate()
    household.assert_synced()
    (peak_kib,) = re.findall(r"VmHWM:\s+(\d+) kB", output.decode())
    assert int(peak_kib) * 1024 < LIMIT_BYTES
