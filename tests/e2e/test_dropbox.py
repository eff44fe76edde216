"""A folder in Dropbox, up to the frame, over real HTTP."""

from __future__ import annotations

import hashlib

from picsync.core.events import CycleOutcome
from picsync.core.model import Certainty
from picsync.emulators.dropbox import API, CONTENT, File
from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.content import read_all
from tests.e2e.household import PHOTO_BYTES, Household


def put(household: Household, *names: str) -> list[File]:
    """Store photos in the folder that the rule names."""
    household.source_lines = ["dropbox: [{path: /Family, recursive: true}]"]
    dropbox = household.world.dropbox
    seeds = [int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) for name in names]
    return [
        dropbox.put(f"/Family/{name}", generated_jpeg(seed, PHOTO_BYTES))
        for name, seed in zip(names, seeds, strict=True)
    ]


def wanted(household: Household) -> set[str]:
    """Return the MD5 digests of what is in the folder."""
    found = household.world.dropbox.owner.tree.below("/Family")
    contents = [read_all(entry.content) for entry in found if isinstance(entry, File)]
    return {hashlib.md5(content, usedforsecurity=False).hexdigest() for content in contents}


async def test_moved_renamed_and_copied_files_are_not_downloaded_again(household: Household) -> None:
    first, second, gone = put(household, "a.jpg", "2024/b.jpg", "c.jpg")
    report = await household.cycle()
    assert (report.outcome, report.certainty) == (CycleOutcome.DONE, Certainty.COMPLETE)
    household.assert_synced(wanted(household))
    household.server.log.clear()
    dropbox = household.world.dropbox
    dropbox.move(first, "/Family/2025/renamed.jpg")
    dropbox.copy(second, "/Family/copy.jpg")
    dropbox.delete(gone)
    dropbox.put("/Family/again.jpg", gone.content)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.DONE
    household.assert_synced(wanted(household))
    assert household.server.log.count(host=CONTENT) == 0


async def test_two_new_copies_are_downloaded_once(household: Household) -> None:
    first, _ = put(household, "a.jpg", "b.jpg")
    for number in range(20):
        household.world.dropbox.copy(first, f"/Family/{number}/copy.jpg")
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced(wanted(household))
    assert household.server.log.count(host=CONTENT) == 2


async def test_a_cycle_without_changes_asks_dropbox_once_also_in_a_new_process(household: Household) -> None:
    put(household, "a.jpg", "b.jpg")
    await household.cycle()
    household.server.log.clear()
    await household.cycle()  # opens everything anew, as a restart does
    calls = [record.path for record in household.server.log.matching(host=API) if "oauth2" not in record.path]
    assert calls == ["/2/files/list_folder/continue"]
    await household.assert_idle()


async def test_a_folder_that_is_gone_leaves_the_frame_as_it_is(household: Household) -> None:
    put(household, "a.jpg", "b.jpg")
    await household.cycle()
    shown = wanted(household)
    folder = household.world.dropbox.find("/Family")
    assert folder is not None
    household.world.dropbox.delete(folder)
    report = await household.cycle()
    assert report.certainty is Certainty.PARTIAL
    household.assert_synced(shown)
