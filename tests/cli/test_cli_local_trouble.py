"""Faults of this machine: an unusable cache, or a full disk. Exit code 4, and nothing is lost."""

from __future__ import annotations

import ctypes
import io
import os
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.content import BytesContent
from tests.cli.command_line import ROOT, CommandLine

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1
LIMIT_BYTES = 300_000
"""Above what the cache needs, below the photo."""


@pytest.fixture
def synced(cli: CommandLine) -> CommandLine:
    cli.add(2)
    assert cli.run("sync", "--cache", "first.db").code == 0
    cli.server.log.clear()
    return cli


def assert_only_logged_in(cli: CommandLine) -> None:
    """Nothing of the account was asked or changed without a cache."""
    assert {record.path for record in cli.server.log.records} <= {"/www-login/"}


def test_a_folder_as_cache(synced: CommandLine) -> None:
    synced.run("sync", "--cache", str(synced.folder)).assert_message(
        4, f"The cache's path {synced.folder} is a folder", "Name a file in it"
    )
    synced.run("cache", "status", "--cache", ".").assert_message(4, "is a folder", "Name a file in it")
    assert_only_logged_in(synced)


def test_no_folder_for_the_cache(synced: CommandLine) -> None:
    synced.run("sync", "--cache", "absent/cache.db").assert_message(
        4, "The folder", "absent for the cache does not exist", "mount the volume"
    )


def mortal() -> None:
    """Give up root's right to write everywhere, for the program that comes next; see capabilities(7)."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.parametrize("file", ["new.db", "first.db"])
def test_an_unwritable_folder_for_the_cache(synced: CommandLine, file: str) -> None:
    (synced.folder / "first.db.lock").unlink()
    synced.folder.chmod(0o555)
    result = synced.start("sync", "--cache", file, preexec_fn=mortal).end()
    synced.folder.chmod(0o755)
    result.assert_message(4, "The cache's file", "cannot be used: Permission denied", "run: chown")
    assert_only_logged_in(synced)


def test_a_cache_file_that_may_not_be_written(synced: CommandLine) -> None:
    (synced.folder / "first.db").chmod(0o444)
    result = synced.start("sync", "--cache", "first.db", preexec_fn=mortal).end()
    result.assert_message(4, "first.db is read-only", "Give the user that picsync runs as write")
    assert_only_logged_in(synced)


def test_two_processes_without_working_locks(synced: CommandLine) -> None:
    (synced.folder / "sitecustomize.py").write_text("import fcntl\nfcntl.flock = lambda *_: None\n")
    synced.add(3)
    env = {"PYTHONPATH": os.pathsep.join((str(synced.folder), str(ROOT)))}
    for result in [each.end() for each in [synced.start("sync", env=env) for _ in range(2)]]:
        assert "does not support locks" in result.err
        assert "Traceback" not in result.err
    # The frame's service keeps content apart; what both have added to the playlist goes with the next cycle.
    assert synced.on_frame() == 5
    assert synced.run("sync").code == 0
    assert (synced.on_frame(), synced.in_playlist()) == (5, 5)


def test_a_cache_that_another_process_uses(synced: CommandLine) -> None:
    synced.write_config(head=["every: 1h"])
    process = synced.start("sync")
    synced.wait_for(lambda log: log.count(path="mediaItems:search") == 1)
    synced.run("sync").assert_message(
        4, f"The cache {synced.cache} is in use by process {process.popen.pid}", "picsync sync-now"
    )
    process.popen.terminate()
    assert process.end().code == 0
    synced.write_config()
    assert synced.run("sync").code == 0


def test_a_damaged_cache_is_set_aside(synced: CommandLine) -> None:
    synced.cache.write_bytes(b"garbage " * 1000)
    result = synced.run("sync")
    result.assert_message(
        0,
        "damaged or not a database",
        "set aside as",
        "hashed again",
        "nothing to do; 2 photos on the frame",
    )
    [aside] = synced.folder.glob("picsync-metadata-cache.db.damaged-*")
    assert aside.read_bytes() == b"garbage " * 1000
    assert str(aside) in result.err
    assert synced.writes() == [], "nothing went up again"
    synced.cache.write_bytes(b"garbage " * 1000)
    synced.run("cache", "status").assert_message(4, "damaged or not a database", "renames it")


@pytest.mark.parametrize("name", ["photo.jpg", "link.db", "settings.yaml"])
@pytest.mark.parametrize("dry", [False, True])
def test_what_was_never_a_cache_is_left_alone(synced: CommandLine, name: str, dry: bool) -> None:
    """A mistyped --cache must not cost anybody a file, least of all in a dry run."""
    content = b"\xff\xd8\xff\xe0 a picture of more than a page" * 200
    place = synced.folder / name
    if name.startswith("link"):
        (synced.folder / "photo.jpg").write_bytes(content)
        place.symlink_to(synced.folder / "photo.jpg")
    else:
        place.write_bytes(content)
    before = sorted(synced.folder.iterdir())
    result = synced.run("sync", *(["--dry-run"] if dry else []), "--cache", str(place))
    result.assert_message(4, "is not a database; it was not touched", "Use another file for the cache")
    assert place.read_bytes() == content
    left = [path for path in synced.folder.iterdir() if path not in before]
    assert [path.suffix for path in left] in ([], [".lock"])


@pytest.mark.parametrize("what", ["garbage", "newer"])
def test_dry_run_does_not_set_a_damaged_cache_aside(synced: CommandLine, what: str) -> None:
    if what == "garbage":
        synced.cache.write_bytes(b"garbage " * 1000)
    else:
        synced.run("sync").assert_message(0)
        with closing(sqlite3.connect(synced.cache)) as connection, connection:
            connection.execute("UPDATE picsync_schema SET version_num = '9999'")
    before = synced.cache.read_bytes()
    result = synced.run("sync", "--dry-run")
    result.assert_message(0, "The dry run does not use it")
    assert synced.cache.read_bytes() == before
    assert not list(synced.folder.glob("*.damaged-*")) + list(synced.folder.glob("*.newer-*"))


def test_the_database_of_another_program_is_left_alone(synced: CommandLine) -> None:
    with closing(sqlite3.connect(synced.cache)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = synced.cache.read_bytes()
    synced.run("sync").assert_message(
        4,
        "is another program's database (it has the tables recipes); it was not touched",
        "Use another file",
    )
    assert synced.cache.read_bytes() == before


def test_a_cache_url_that_makes_no_sense(synced: CommandLine) -> None:
    result = synced.run("sync", "--cache", "nosuch://user:secret-in-url@host/db")
    assert result.code == 4, result
    assert "Traceback" not in result.err
    assert "secret-in-url" not in result.err


def full_disk() -> None:
    """Let no file of this process grow beyond the limit, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))


@pytest.mark.parametrize("size_bytes", [LIMIT_BYTES + 1, LIMIT_BYTES + 900_000])
def test_a_full_disk_for_the_photos_on_their_way(synced: CommandLine, size_bytes: int) -> None:
    synced.google.add_item(synced.album, "large.jpg", generated_jpeg(77, size_bytes))
    result = synced.start("sync", preexec_fn=full_disk).end()
    result.assert_message(
        4, "large.jpg: it does not fit into the folder for temporary files", "Free some space", "TMPDIR"
    )
    assert synced.on_frame() == 2
    assert synced.run("sync").code == 0
    assert synced.on_frame() == 3


def noisy_jpeg() -> bytes:
    """Return a picture that fits on the disk, while its rendition does not."""
    file = io.BytesIO()
    noise = Image.effect_noise((1200, 900), 90)
    noise.convert("RGB").save(file, "JPEG", quality=15, progressive=True)
    return file.getvalue()


def test_a_full_disk_for_a_rendition(synced: CommandLine) -> None:
    data = noisy_jpeg()
    assert len(data) < LIMIT_BYTES
    synced.google.add_item(synced.album, "noisy.jpg", BytesContent(data))
    synced.add(1)
    result = synced.start("sync", preexec_fn=full_disk).end()
    result.assert_message(
        4, "noisy.jpg: it does not fit into the folder for temporary files", "Free some space", "TMPDIR"
    )
    assert synced.on_frame() == 3, "the other photos continue"
    result = synced.run("sync")
    assert result.code == 0, result
    assert synced.on_frame() == 4


def test_no_folder_for_temporary_files(synced: CommandLine) -> None:
    process = synced.start("sync", env={"TMPDIR": str(synced.folder / "absent")})
    assert process.end().code == 0, "Python falls back to another folder"


def test_output_that_nobody_reads(synced: CommandLine) -> None:
    synced.add(1)
    process = synced.start("sync", "--dry-run")
    assert process.popen.stdout is not None
    process.popen.stdout.close()
    assert process.popen.stderr is not None
    err = process.popen.stderr.read()
    assert process.popen.wait() == 1
    assert "Traceback" not in err, err
    assert "Exception ignored" not in err


def test_an_output_disk_that_is_full(synced: CommandLine) -> None:
    with Path("/dev/full").open("w") as full:
        process = synced.start("--help", stdout=full)
        _, err = process.popen.communicate()
    assert process.popen.returncode == 4
    assert "The output could not be written: No space left on device" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
