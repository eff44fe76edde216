"""`picsync frame`: photos that somebody has deleted from a frame that is a folder in Dropbox."""

from __future__ import annotations

import json
import random

from picsync.emulators.dropbox import Dropbox, File
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google.content import read_all
from picsync.frames.dropbox.frame import LIST_BYTES
from tests.cli.command_line import CommandLine
from tests.pictures import jpeg

FOLDER = "/Frames/Kitchen"
MANIFEST = f"{FOLDER}/.picsync-frame.json"
RANDOM = random.Random(7)
CONFIG = """\
emulator: {url}
frames:
  kitchen: {{kind: dropbox, path: /Frames/Kitchen}}
albums:
- {{name: All, sources: {{dropbox: [/Family]}}, frames: [kitchen], rendition: original}}
"""


def photos(dropbox: Dropbox) -> set[str]:
    below = dropbox.owner.tree.below(FOLDER)
    return {each.name.split("-")[0] for each in below if isinstance(each, File) and each.name[0] != "."}


def delete(dropbox: Dropbox, name: str) -> None:
    [found] = [
        each
        for each in dropbox.owner.tree.below(FOLDER)
        if isinstance(each, File) and each.name.startswith(f"{name}-")
    ]
    dropbox.delete(found)


def earlier(dropbox: Dropbox) -> None:
    """Have picsync believe that it noticed missing files long ago."""
    found = dropbox.find(MANIFEST)
    assert isinstance(found, File)
    manifest = json.loads(read_all(found.content))
    for row in manifest["files"].values():
        if "missing" in row:
            row["missing"] = "2026-01-01T00:00:00+00:00"
    dropbox.put(MANIFEST, json.dumps(manifest).encode())


def test_what_is_deleted_stays_away_until_it_is_restored(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    everything = {f"p{number}" for number in range(6)}
    for name in everything:
        dropbox.put(f"/Family/{name}.jpg", jpeg(name))
    cli.config.write_text(CONFIG.format(url=cli.server.url))
    assert cli.run("sync", "--once").code == 0
    assert photos(dropbox) == everything
    delete(dropbox, "p1")
    delete(dropbox, "p2")
    noticed = cli.run("sync", "--once")
    assert (noticed.code, photos(dropbox)) == (0, everything - {"p1", "p2"})
    assert "were deleted" not in noticed.err, "it is too early to say"
    earlier(dropbox)
    decided = cli.run("sync", "--once")
    assert decided.code == 0, decided.err
    assert "p1.jpg and 1 other photo were deleted from the folder dropbox:/Frames/Kitchen" in decided.err
    assert photos(dropbox) == everything - {"p1", "p2"}
    listed = json.loads(cli.run("frame", "rejected", "--json").out)
    assert [(each["frame"], each["filename"], each["rules"]) for each in listed] == [
        ("kitchen", "p1.jpg", ["All"]),
        ("kitchen", "p2.jpg", ["All"]),
    ]
    assert cli.run("frame", "restore", "kitchen", "p1.jpg").code == 0
    again = cli.run("sync", "--once")
    assert (again.code, photos(dropbox)) == (0, everything - {"p2"})
    assert "deleted from" not in again.err


def put(dropbox: Dropbox, *numbers: int) -> None:
    """Store photos of about 50 kB; the larger the number, the newer."""
    for number in numbers:
        content = jpeg(f"p{number}") + RANDOM.randbytes(50_000)
        dropbox.put(f"/Family/p{number}.jpg", content, client_modified=1_700_000_000 + 60 * number)


def names(*numbers: int) -> set[str]:
    return {f"p{number}" for number in numbers}


def test_a_nearly_full_dropbox_gets_what_fits_and_keeps_what_it_has(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    tree, options = dropbox.owner.tree, dropbox.options
    cli.config.write_text(CONFIG.format(url=cli.server.url))
    put(dropbox, *range(4))
    assert cli.run("sync", "--once").code == 0
    assert photos(dropbox) == names(0, 1, 2, 3)

    put(dropbox, *range(4, 10))
    options.space_bytes = tree.used_bytes + LIST_BYTES + 105_000
    planned = cli.run("plan")
    assert planned.code == 0
    assert "6 of 10 photos shown, 2 of them to be sent. Not shown: 4 without room" in planned.out
    dry = cli.run("sync", "--once", "--dry-run")
    assert (dry.code, photos(dropbox)) == (0, names(0, 1, 2, 3))
    assert "4 photos left out, since the frame has no room" in dry.err
    sent = cli.run("sync", "--once")
    sent.assert_message(0, "2 items to transfer", "2 photos uploaded", "6 photos on", "4 photos left out")
    assert "They are sent once there is space; with a `capacity`, newer photos" in " ".join(sent.err.split())
    full = photos(dropbox)
    assert full >= names(0, 1, 2, 3)
    assert len(full) == 6

    put_before = tree.used_bytes
    steady = cli.run("sync", "--once")
    steady.assert_message(0, "nothing to do; 6 photos on the frame", "4 photos left out")
    assert "transfer" not in steady.err
    assert (photos(dropbox), tree.used_bytes) == (full, put_before)

    options.space_bytes = 1  # More is used than there is: as after the end of a larger plan.
    over = cli.run("sync", "--once")
    over.assert_message(0, "nothing to do; 6 photos on the frame", "4 photos left out")
    assert photos(dropbox) == full
    checked = cli.run("doctor")
    assert "note     dropbox:/Frames/Kitchen (kitchen): only 0 B are free" in checked.out

    options.space_bytes = 2**30
    again = cli.run("sync", "--once")
    again.assert_message(0, "4 items to transfer", "4 photos uploaded", "10 photos on the frame")
    assert "left out" not in again.err
    assert photos(dropbox) == names(*range(10))


def test_what_is_no_longer_wanted_makes_room_in_a_full_dropbox(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    cli.config.write_text(CONFIG.format(url=cli.server.url))
    put(dropbox, *range(6))
    assert cli.run("sync", "--once").code == 0
    put(dropbox, 6)
    gone = dropbox.find("/Family/p0.jpg")
    assert isinstance(gone, File)
    dropbox.delete(gone)
    dropbox.options.space_bytes = dropbox.owner.tree.used_bytes + LIST_BYTES + 10_000
    cli.run("sync", "--once").assert_message(0, "1 deleted", "1 photo left out")
    assert photos(dropbox) == names(1, 2, 3, 4, 5)
    cli.run("sync", "--once").assert_message(0, "1 photo uploaded", "6 photos on the frame")
    assert photos(dropbox) == names(1, 2, 3, 4, 5, 6)


def test_without_the_permission_a_full_dropbox_says_so_once(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    cli.config.write_text(CONFIG.format(url=cli.server.url))
    put(dropbox, *range(4))
    assert cli.run("sync", "--once").code == 0
    put(dropbox, *range(4, 7))
    dropbox.options.space_bytes = dropbox.owner.tree.used_bytes
    # Dropbox does not say how much is free.
    cli.server.faults.add(Fault(kind=FaultKind.STATUS, status=403, path="users/get_space_usage", count=None))
    for _ in range(2):
        refused = cli.run("sync", "--once")
        refused.assert_message(1, "4 photos on the frame", "this Dropbox is full. 3 photos", "Delete files")
        assert refused.err.count("is full") == 1
        assert photos(dropbox) == names(0, 1, 2, 3)
    dropbox.options.space_bytes = 2**30
    cli.run("sync", "--once").assert_message(0, "3 photos uploaded", "7 photos on the frame")


def test_deletes_wait_for_space_where_more_is_used_than_there_is(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    cli.config.write_text(CONFIG.format(url=cli.server.url))
    put(dropbox, *range(6))
    assert cli.run("sync", "--once").code == 0
    gone = dropbox.find("/Family/p0.jpg")
    assert isinstance(gone, File)
    dropbox.delete(gone)
    put(dropbox, 6)
    dropbox.options.space_bytes = 1
    for _ in range(2):
        refused = cli.run("sync", "--once")
        refused.assert_message(1, "1 photo left out", "this Dropbox is full. Delete files")
        assert refused.err.count("is full") == 1
        assert photos(dropbox) == names(*range(6))
    dropbox.options.space_bytes = 2**30
    cli.run("sync", "--once").assert_message(0, "1 photo uploaded", "1 deleted")
    assert photos(dropbox) == names(*range(1, 7))


def test_a_request_of_a_viewer_in_a_full_dropbox(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    cli.config.write_text(CONFIG.format(url=cli.server.url))
    put(dropbox, *range(6))
    assert cli.run("sync", "--once").code == 0
    delete(dropbox, "p1")
    dropbox.options.space_bytes = 1
    refused = cli.run("sync", "--once")
    refused.assert_message(1, "this Dropbox is full. Delete files")
    assert photos(dropbox) == names(0, 2, 3, 4, 5)
    dropbox.options.space_bytes = 2**30
    assert cli.run("sync", "--once").code == 0
    earlier(dropbox)
    assert cli.run("sync", "--once").code == 0
    assert photos(dropbox) == names(0, 2, 3, 4, 5), "it is still a request"
