"""`picsync sync`: what it does, says and exits with when nothing is wrong, or deletes are held."""

from __future__ import annotations

import pytest

from tests.cache.go_cache import GoRow, write_go_cache
from tests.cli.command_line import Stage
from tests.e2e.household import ALBUM


def test_the_first_sync_and_the_next(stage: Stage) -> None:
    stage.add(3)
    first = stage.run("sync")
    first.assert_message(0, "3 items to transfer", "Created playlist ss_Family", "3 photos uploaded")
    assert "The playlist ss_Family is new. Assign it to a frame once by hand" in first.err
    assert first.out == ""
    assert (stage.on_frame(), stage.in_playlist()) == (3, 3)
    stage.server.log.clear()
    steady = stage.run("sync")
    steady.assert_message(0, "Album Family: nothing to do; 3 photos on the frame")
    assert (stage.downloads(), stage.writes()) == (0, [])


def test_another_configuration_file(stage: Stage) -> None:
    stage.config.rename(stage.folder / "other.yaml")
    stage.run("sync").assert_message(2, "picsync.yaml: there is no such file", "picsync.yaml.example")
    assert stage.run("sync", "other.yaml").code == 0


def test_verbose_says_more(stage: Stage) -> None:
    stage.add(1)
    assert "Downloaded IMG_1.jpg" in stage.run("sync", "-v").err
    assert "Downloaded" not in stage.run("sync").err


@pytest.mark.parametrize("how", ["--dry-run", "dryRun: true"])
def test_a_dry_run_prints_the_plan_and_writes_nothing(stage: Stage, how: str) -> None:
    gone, _ = stage.add(2)
    stage.run("sync")
    stage.google.remove_item(gone, stage.album)
    stage.add(1)
    stage.server.log.clear()
    if how == "--dry-run":
        dry = stage.run("sync", "--dry-run")
    else:
        stage.write_config(rule=[how])
        dry = stage.run("sync")
    assert dry.out.splitlines() == [
        "Album Family:",
        stage.listed(2),
        "  upload IMG_3.jpg from googlephotos",
        "  add to the playlist IMG_3.jpg",
        "  remove from the playlist IMG_1.jpg",
        "  delete IMG_1.jpg",
    ]
    dry.assert_message(0, "dry run, nothing was changed; it would leave 2 photos on the frame")
    assert not any(word in dry.err for word in ("Uploaded", "Published", "Deleted"))
    assert stage.writes() == []
    stage.write_config()
    done = stage.run("sync")
    assert all(word in done.err for word in ("Uploaded IMG_3", "1 added, 1 removed", "Deleted IMG_1.jpg"))
    assert (stage.on_frame(), stage.in_playlist()) == (2, 2)


def test_a_dry_run_of_the_first_sync_creates_nothing(stage: Stage) -> None:
    stage.add(1)
    dry = stage.run("sync", "--dry-run")
    assert "  create playlist ss_Family" in dry.out.splitlines()
    assert "Assign it" not in dry.err
    assert stage.nixplay.albums_named(ALBUM) == []
    assert stage.writes() == []


def test_a_dry_run_with_nothing_to_do_says_so(stage: Stage) -> None:
    stage.add(1)
    stage.run("sync")
    dry = stage.run("sync", "--dry-run")
    assert dry.out.splitlines() == ["Album Family:", stage.listed(1), "  nothing to do"]


def test_a_dry_run_without_its_cache_plans_no_upload_of_what_is_there(stage: Stage) -> None:
    stage.add(3)
    stage.run("sync")
    dry = stage.run("sync", "--dry-run", "--cache", "another.db")
    assert dry.out.splitlines() == ["Album Family:", stage.listed(3), "  nothing to do"]


def test_a_long_plan_is_summarised(stage: Stage) -> None:
    stage.add(26)
    out = stage.run("sync", "--dry-run").out
    assert "  upload 26 photos from googlephotos: " in out
    assert "  add to the playlist 26 photos: IMG_1.jpg, IMG_2.jpg, IMG_3.jpg, ... IMG_26.jpg" in out


def test_held_deletes_exit_with_1_and_say_how_to_allow_them(stage: Stage) -> None:
    items = stage.add(3)
    stage.run("sync")
    for item in items:
        stage.google.remove_item(item, stage.album)
    held = ("3 photos of 3 not deleted", "empty the album", "picsync allow-deletes", 'maxDelete: "100%"')
    stage.run("sync").assert_message(1, *held)
    dry = stage.run("sync", "--dry-run")
    dry.assert_message(1, *held)
    assert "held: 3 photos of 3" in dry.out
    assert stage.on_frame() == 3
    allowed_dry = stage.run("sync", "--dry-run", "--allow-deletes")
    assert allowed_dry.code == 0
    assert allowed_dry.out.count("  delete IMG_") == 3
    assert stage.on_frame() == 3
    stage.run("sync", "--allow-deletes").assert_message(0, "3 deleted; 0 photos on the frame")
    assert stage.on_frame() == 0


def test_a_permission_releases_what_is_held_and_nothing_later(stage: Stage) -> None:
    items = stage.add(3)
    stage.run("allow-deletes").assert_message(1, "No deletes are held back")
    stage.run("sync")
    for item in items:
        stage.google.remove_item(item, stage.album)
    stage.run("sync")
    stage.run("allow-deletes", "Cabin").assert_message(1, "No deletes of Cabin are held back", "Family")
    allowed = stage.run("allow-deletes")
    assert allowed.code == 0
    assert "Family: 3 photos of 3 may be deleted." in allowed.out
    assert "the next cycle within 7 days" in allowed.out
    stage.run("sync").assert_message(0, "3 deleted; 0 photos on the frame")
    [again] = stage.add(1)
    stage.run("sync")
    stage.google.remove_item(again, stage.album)
    stage.run("sync").assert_message(1, "1 photo of 1 not deleted")
    stage.run("sync-now").assert_message(1, "No picsync that goes on")


def test_the_operators_token_stays_until_another_is_asked_for(stage: Stage) -> None:
    first = stage.run("operator-token")
    assert (first.code, "status page" in first.err) == (0, True)
    assert stage.run("operator-token").out == first.out
    assert stage.run("--cache", stage.cache.name, "operator-token", "--new").out != first.out
    elsewhere = stage.run("--cache", "another.db", "operator-token").out
    assert (stage.folder / "another.db.requests" / "operator-token").read_text("utf-8") == elsewhere
    (stage.folder / "third.db.requests").write_text("")
    refused = stage.run("operator-token", "--cache", "third.db")
    refused.assert_message(4, "third.db.requests cannot be written to")
    assert refused.out == ""


def test_the_rule_may_allow_deletes(stage: Stage) -> None:
    [item] = stage.add(1)
    stage.run("sync")
    stage.google.remove_item(item, stage.album)
    stage.write_config(rule=['maxDelete: "100%"'])
    stage.run("sync").assert_message(0, "1 deleted")


@pytest.mark.parametrize("head", [[], ["every: 10h"]], ids=["without every", "with every"])
def test_once_is_one_cycle(stage: Stage, head: list[str]) -> None:
    stage.add(1)
    stage.write_config(head=head)
    stage.run("sync", "--once").assert_message(0, "1 photo uploaded")


def test_a_dry_run_is_one_cycle_whatever_every_says(stage: Stage) -> None:
    stage.write_config(head=["every: 10h"])
    stage.run("sync", "--dry-run").assert_message(0, "dry run")


def test_the_cache_may_be_elsewhere(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add(1)
    (stage.folder / "sub").mkdir()
    stage.run("sync", "--cache", "sub/mine.db")
    assert (stage.folder / "sub" / "mine.db").exists()
    assert not stage.cache.exists()
    monkeypatch.setenv("PICSYNC_CACHE", str(stage.folder / "from-environ.db"))
    assert stage.run("sync").code == 0
    assert (stage.folder / "from-environ.db").exists()


def test_a_cache_of_the_go_picsync_spares_every_download(stage: Stage) -> None:
    items = stage.add(4)
    stage.run("sync", "--cache", "first.db")
    photos = {photo.filename: photo for photo in stage.nixplay.album_photos(stage.nixplay.album_named(ALBUM))}
    write_go_cache(stage.cache, [GoRow(item.item_id, photos[item.filename].md5) for item in items])
    stage.server.log.clear()
    stage.run("sync").assert_message(0, "nothing to do; 4 photos on the frame")
    assert (stage.downloads(), stage.writes()) == (0, [])


def test_the_credentials_may_come_from_the_environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.credentials.write_text(stage.credentials.read_text().replace("emulated-password", "old"), "utf-8")
    monkeypatch.setenv("PICSYNC_NIXPLAY__PASSWORD", "emulated-password")
    assert stage.run("sync").code == 0


def test_credentials_that_everyone_can_read_are_pointed_out(stage: Stage) -> None:
    stage.credentials.chmod(0o644)
    stage.run("sync").assert_message(0, "holds passwords, but every user", "chmod 600")


def test_an_emulator_is_pointed_out(stage: Stage) -> None:
    stage.run("sync").assert_message(0, "emulator: every service is looked for at", stage.server.url)


def test_the_spool_leaves_nothing_behind(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = stage.folder / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    stage.add(3)
    stage.run("sync")
    assert list(spool.iterdir()) == []
