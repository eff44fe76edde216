"""`picsync frame`: photos that somebody has deleted from a frame that is a folder in Dropbox."""

from __future__ import annotations

import json

from picsync.emulators.dropbox import Dropbox, File
from picsync.emulators.google.content import read_all
from tests.cli.command_line import CommandLine
from tests.pictures import jpeg

FOLDER = "/Frames/Kitchen"
MANIFEST = f"{FOLDER}/.picsync-frame.json"
CONFIG = """\
emulator: {url}
frames:
  kitchen: {{kind: dropbox, path: /Frames/Kitchen}}
albums:
- {{name: All, sources: {{dropbox: [/Family]}}, frames: [kitchen]}}
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
