"""`picsync sync`: actions, output and exit codes without faults, and with held deletes."""

from __future__ import annotations

import asyncio

import pytest

from picsync.core.identity import plain_name
from picsync.run.process import RunContext
from picsync.run.scheduler import Stop
from picsync.run.settings import SettingsFiles
from tests.cache.go_cache import GoRow, write_go_cache
from tests.cli.command_line import CommandLine
from tests.household_services import ALBUM


def test_the_first_sync_and_the_next(cli: CommandLine) -> None:
    cli.add(3)
    first = cli.run("sync")
    first.assert_message(0, "3 items to transfer", "Created playlist ss_Family", "3 photos uploaded")
    assert "The playlist ss_Family is new. Assign it to a frame once by hand" in first.err
    assert first.out == ""
    assert (cli.on_frame(), cli.in_playlist()) == (3, 3)
    cli.server.log.clear()
    steady = cli.run("sync")
    steady.assert_message(0, "Album Family: nothing to do; 3 photos on the frame")
    assert (cli.downloads(), cli.writes()) == (0, [])


def test_another_configuration_file(cli: CommandLine) -> None:
    cli.config.rename(cli.folder / "other.yaml")
    cli.run("sync").assert_message(2, "picsync.yaml: there is no such file", "picsync init")
    assert cli.run("sync", "other.yaml").code == 0


def test_verbose_says_more(cli: CommandLine) -> None:
    cli.add(1)
    assert "Downloaded IMG_1.jpg" in cli.run("sync", "-v").err
    assert "Downloaded" not in cli.run("sync").err


@pytest.mark.parametrize("how", ["--dry-run", "dryRun: true"])
def test_a_dry_run_prints_the_plan_and_writes_nothing(cli: CommandLine, how: str) -> None:
    gone, _ = cli.add(2)
    cli.run("sync")
    cli.google.remove_item(gone, cli.album)
    cli.add(1)
    cli.server.log.clear()
    if how == "--dry-run":
        dry = cli.run("sync", "--dry-run")
    else:
        cli.write_config(rule=[how])
        dry = cli.run("sync")
    assert dry.out.splitlines() == [
        "Album Family:",
        cli.listed(2),
        "  upload IMG_3.jpg from googlephotos",
        "  add to the playlist IMG_3.jpg",
        "  remove from the playlist IMG_1.jpg",
        "  delete IMG_1.jpg",
    ]
    dry.assert_message(0, "dry run, nothing was changed; it would leave 2 photos on the frame")
    assert not any(word in dry.err for word in ("Uploaded", "Published", "Deleted"))
    assert cli.writes() == []
    cli.write_config()
    done = cli.run("sync")
    assert all(word in done.err for word in ("Uploaded IMG_3", "1 added, 1 removed", "Deleted IMG_1.jpg"))
    assert (cli.on_frame(), cli.in_playlist()) == (2, 2)


def test_a_dry_run_of_the_first_sync_creates_nothing(cli: CommandLine) -> None:
    cli.add(1)
    dry = cli.run("sync", "--dry-run")
    assert "  create playlist ss_Family" in dry.out.splitlines()
    assert "Assign it" not in dry.err
    assert cli.nixplay.albums_named(ALBUM) == []
    assert cli.writes() == []


def test_a_dry_run_with_nothing_to_do_says_so(cli: CommandLine) -> None:
    cli.add(1)
    cli.run("sync")
    dry = cli.run("sync", "--dry-run")
    assert dry.out.splitlines() == ["Album Family:", cli.listed(1), "  nothing to do"]


def test_dry_run_without_cache_plans_no_upload_of_known_photos(cli: CommandLine) -> None:
    cli.add(3)
    cli.run("sync")
    dry = cli.run("sync", "--dry-run", "--cache", "another.db")
    assert dry.out.splitlines() == ["Album Family:", cli.listed(3), "  nothing to do"]


def test_a_long_plan_is_summarised(cli: CommandLine) -> None:
    cli.add(26)
    out = cli.run("sync", "--dry-run").out
    assert "  upload 26 photos from googlephotos: " in out
    assert "  add to the playlist 26 photos: IMG_1.jpg, IMG_2.jpg, IMG_3.jpg, ... IMG_26.jpg" in out


def test_held_deletes_exit_with_1_and_say_how_to_allow_them(cli: CommandLine) -> None:
    items = cli.add(3)
    cli.run("sync")
    for item in items:
        cli.google.remove_item(item, cli.album)
    held = ("3 photos of 3 not deleted", "empty the album", "picsync allow-deletes", 'maxDelete: "100%"')
    cli.run("sync").assert_message(1, *held)
    dry = cli.run("sync", "--dry-run")
    dry.assert_message(1, *held)
    assert "held: 3 photos of 3" in dry.out
    assert cli.on_frame() == 3
    allowed_dry = cli.run("sync", "--dry-run", "--allow-deletes")
    assert allowed_dry.code == 0
    assert allowed_dry.out.count("  delete IMG_") == 3
    assert cli.on_frame() == 3
    cli.run("sync", "--allow-deletes").assert_message(0, "3 deleted; 0 photos on the frame")
    assert cli.on_frame() == 0


def test_a_permission_releases_what_is_held_and_nothing_later(cli: CommandLine) -> None:
    items = cli.add(3)
    cli.run("allow-deletes").assert_message(1, "No deletes are held")
    cli.run("sync")
    for item in items:
        cli.google.remove_item(item, cli.album)
    cli.run("sync")
    cli.run("allow-deletes", "Cabin").assert_message(1, "No deletes of Cabin are held", "Family")
    allowed = cli.run("allow-deletes")
    assert allowed.code == 0
    assert "Family: 3 photos of 3 may be deleted." in allowed.out
    assert "the next cycle within 7 days" in allowed.out
    cli.run("sync").assert_message(0, "3 deleted; 0 photos on the frame")
    [again] = cli.add(1)
    cli.run("sync")
    cli.google.remove_item(again, cli.album)
    cli.run("sync").assert_message(1, "1 photo of 1 not deleted")
    cli.run("sync-now").assert_message(1, "No running picsync uses")


def test_the_operators_token_stays_until_another_is_asked_for(cli: CommandLine) -> None:
    first = cli.run("operator-token")
    assert (first.code, "status page" in first.err) == (0, True)
    assert cli.run("operator-token").out == first.out
    assert cli.run("--cache", cli.cache.name, "operator-token", "--new").out != first.out
    elsewhere = cli.run("--cache", "another.db", "operator-token").out
    assert (cli.folder / "another.db.requests" / "operator-token").read_text("utf-8") == elsewhere
    (cli.folder / "third.db.requests").write_text("")
    refused = cli.run("operator-token", "--cache", "third.db")
    refused.assert_message(4, "third.db.requests cannot be written to")
    assert refused.out == ""


def test_the_rule_may_allow_deletes(cli: CommandLine) -> None:
    [item] = cli.add(1)
    cli.run("sync")
    cli.google.remove_item(item, cli.album)
    cli.write_config(rule=['maxDelete: "100%"'])
    cli.run("sync").assert_message(0, "1 deleted")


@pytest.mark.parametrize("head", [[], ["every: 10h"]], ids=["without every", "with every"])
def test_once_is_one_cycle(cli: CommandLine, head: list[str]) -> None:
    cli.add(1)
    cli.write_config(head=head)
    cli.run("sync", "--once").assert_message(0, "1 photo uploaded")


def test_a_dry_run_is_one_cycle_whatever_every_says(cli: CommandLine) -> None:
    cli.write_config(head=["every: 10h"])
    cli.run("sync", "--dry-run").assert_message(0, "dry run")


def test_the_cache_may_be_elsewhere(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.add(1)
    (cli.folder / "sub").mkdir()
    cli.run("sync", "--cache", "sub/mine.db")
    assert (cli.folder / "sub" / "mine.db").exists()
    assert not cli.cache.exists()
    monkeypatch.setenv("PICSYNC_CACHE", str(cli.folder / "from-environ.db"))
    assert cli.run("sync").code == 0
    assert (cli.folder / "from-environ.db").exists()


def test_a_cache_of_the_go_picsync_spares_every_download(cli: CommandLine) -> None:
    items = cli.add(4)
    cli.run("sync", "--cache", "first.db")
    sent = cli.nixplay.album_photos(cli.nixplay.album_named(ALBUM))
    for photo in sent:
        # The Go program sent the names as they are.
        photo.filename = plain_name(photo.filename)
    photos = {photo.filename: photo for photo in sent}
    write_go_cache(cli.cache, [GoRow(item.item_id, photos[item.filename].md5) for item in items])
    cli.server.log.clear()
    cli.run("sync").assert_message(0, "nothing to do; 4 photos on the frame")
    assert (cli.downloads(), cli.writes()) == (0, [])


def test_the_credentials_may_come_from_the_environment(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.credentials.write_text(cli.credentials.read_text().replace("emulated-password", "old"), "utf-8")
    monkeypatch.setenv("PICSYNC_NIXPLAY__PASSWORD", "emulated-password")
    assert cli.run("sync").code == 0


def test_credentials_that_everyone_can_read_are_pointed_out(cli: CommandLine) -> None:
    cli.credentials.chmod(0o644)
    cli.run("sync").assert_message(0, "holds passwords, but every user", "chmod 600")


async def stop() -> Stop:
    return Stop()


def test_credentials_that_become_readable_while_it_runs(cli: CommandLine) -> None:
    files = SettingsFiles(cli.config, {}, [cli.credentials])
    said: list[str] = []
    context = RunContext(str(cli.cache), lambda _event: None, said.append, asyncio.run(stop()))
    fingerprints = []
    for mode in (0o600, 0o644, 0o644, 0o600, 0o644):
        cli.credentials.chmod(mode)
        fingerprints.append(files.fingerprint())
        context.warn(files.load())
    private, exposed = fingerprints[:2]
    assert fingerprints == [private, exposed, exposed, private, exposed]
    assert private != exposed, "a chmod is noticed"
    assert len(said) == 2, "each time that it happens, and not at each reload"
    assert "holds passwords, but every user of this machine can read it" in said[0]


def test_an_emulator_is_pointed_out(cli: CommandLine) -> None:
    cli.run("sync").assert_message(0, "emulator: all requests go to the emulator at", cli.server.url)


def test_the_spool_leaves_nothing_behind(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = cli.folder / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    cli.add(3)
    cli.run("sync")
    assert list(spool.iterdir()) == []
