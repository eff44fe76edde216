"""What goes wrong with rules over Dropbox: one message, nothing lost, and the other rules continue."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from picsync.emulators.dropbox import ALL_SCOPES, File
from picsync.emulators.google.content import read_all
from tests.cli.command_line import CommandLine
from tests.pictures import jpeg

CAMERA, OTHER = "/Camera/2024-05-11 05.42.10.jpg", "/Other/2023-01-02 03.04.05.jpg"
SORTED = "/Else/2023/2023-01-02 03.04.05.jpg"
READING = ("files.metadata.read", "files.content.read")


def write(cli: CommandLine, *rules: tuple[str, str, str], scopes: Sequence[str] = ALL_SCOPES) -> None:
    """Write organizing rules (name, from, to), and a login with these scopes."""
    dropbox = cli.world.dropbox
    cli.on_loop(put(cli, CAMERA, OTHER))
    organize = [
        {"name": name, "from": f"dropbox:{source}", "to": f"dropbox:{to}"} for name, source, to in rules
    ]
    cli.config.write_text(f"emulator: {cli.server.url}\norganize: {json.dumps(organize)}\n", "utf-8")
    grant = dropbox.log_in(scopes)
    login = {"app_key": grant.app.key, "refresh_token": grant.refresh_token}
    cli.credentials.write_text(json.dumps({"dropbox": login}), "utf-8")


async def put(cli: CommandLine, *paths: str) -> None:
    for path in paths:
        cli.world.dropbox.put(path, jpeg(path))


def paths(cli: CommandLine) -> set[str]:
    return {each.path for each in cli.world.dropbox.owner.tree.entries.values() if isinstance(each, File)}


GOOD = ("other", "/Other", "/Else/{year}")


def test_a_folder_that_is_missing(cli: CommandLine) -> None:
    write(cli, ("camera", "/Missing", "/Sorted/{year}"), GOOD)
    cli.run("organize").assert_message(
        1, "Organizing camera: There is no folder /Missing in Dropbox", "Organizing other: 1 file moved"
    )
    assert paths(cli) == {CAMERA, SORTED}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_target_below_a_folder_that_is_missing(cli: CommandLine, *, dry_run: bool) -> None:
    write(cli, ("camera", "/Camera", "/Misspelt/Sorted/{year}"), GOOD)
    cli.run("organize", *(["--dry-run"] if dry_run else [])).assert_message(
        1, "Organizing camera: /Misspelt/Sorted cannot be created, since there is no folder /Misspelt."
    )
    assert paths(cli) == {CAMERA, OTHER if dry_run else SORTED}


def test_a_file_where_a_folder_should_be(cli: CommandLine) -> None:
    cli.on_loop(put(cli, "/Sorted"))
    write(cli, ("camera", "/Camera", "/Sorted/{year}"), GOOD)
    cli.run("organize").assert_message(
        1,
        f"{CAMERA}: There is a file where one of the folders of /Sorted/2024/{CAMERA.rpartition('/')[2]}",
        "should be: rename that file.",
        "Organizing other: 1 file moved",
    )
    assert paths(cli) == {CAMERA, SORTED, "/Sorted"}


def test_a_folder_that_was_replaced_by_a_file(cli: CommandLine) -> None:
    cli.on_loop(put(cli, "/Was a folder"))
    write(cli, ("camera", "/Was a folder", "/Sorted/{year}"), GOOD)
    cli.run("organize").assert_message(
        1, "Organizing camera: /Was a folder in Dropbox is not a folder", "Organizing other: 1 file moved"
    )
    assert paths(cli) == {CAMERA, SORTED, "/Was a folder"}


def test_a_scope_that_is_missing(cli: CommandLine) -> None:
    write(cli, ("camera", "/Camera", "/Sorted/{year}"), GOOD, scopes=READING)
    cli.run("organize").assert_message(
        3, "Organizing camera: Dropbox: the login does not have the permission `files.content.write`. Log in"
    )
    found = cli.run("doctor")
    assert found.code == 1
    assert "problem  Dropbox: Dropbox: the login does not have the permission `files.content" in found.out
    assert paths(cli) == {CAMERA, OTHER}


def test_doctor_says_that_a_login_may_write_and_writes_nothing(cli: CommandLine) -> None:
    write(cli, GOOD)
    assert "ok       Dropbox: the login is accepted, and may write files." in cli.run("doctor").out
    assert paths(cli) == {CAMERA, OTHER}


def test_a_revoked_login_stops_no_rule_of_this_machine(cli: CommandLine) -> None:
    write(cli, ("camera", "/Camera", "/Sorted/{year}"))
    cli.world.dropbox.revoke_all()
    for name in ("in", "out"):
        (cli.folder / name).mkdir()
    (cli.folder / "in" / "2022-01-01 00.00.00.jpg").write_bytes(jpeg("local"))
    local = {"name": "local", "from": f"{cli.folder}/in", "to": f"{cli.folder}/out/{{year}}", "quiet": "0s"}
    text = cli.config.read_text("utf-8").replace('"}]', f'"}}, {json.dumps(local)}]')
    cli.config.write_text(text, "utf-8")
    cli.run("organize").assert_message(
        3, "Organizing camera: Dropbox no longer accepts this login: it was revoked. Log in", "1 file moved"
    )
    assert (cli.folder / "out" / "2022" / "2022-01-01 00.00.00.jpg").exists()
    assert paths(cli) == {CAMERA, OTHER}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([("a", "/Sorted/Camera", "/Sorted")], "organize[0].to: contains `from` (dropbox:/Sorted/Camera)"),
        ([("a", "/Sorted/2024", "/Sorted/{year}")], "organize[0].to: is the same folder as `from`"),
        ([("a", "/Camera", "/Other"), ("b", "/Other", "/Camera")], "files in a circle: a -> b -> a"),
    ],
)
def test_rules_that_would_sort_files_twice_start_nothing(
    cli: CommandLine, rules: list[tuple[str, str, str]], message: str
) -> None:
    write(cli, *rules)
    cli.run("organize").assert_message(2, message)
    assert paths(cli) == {CAMERA, OTHER}


def test_a_full_dropbox(cli: CommandLine) -> None:
    """What only moves files goes on; each rule that has to write says so once, and goes on later."""
    dropbox, root = cli.world.dropbox, cli.folder
    for name in ("mirrored", "usb"):
        (root / name).mkdir()
    (root / "mirrored/a.bin").write_bytes(bytes(1_000))
    cli.on_loop(put(cli, CAMERA, OTHER, "/In/item.jpg", "/In/bad.jpg"))
    bad = dropbox.find("/In/bad.jpg")
    assert isinstance(bad, File)
    dropbox.put("/In/bad.jpg", b"no picture")
    for folder in ("/Work", "/Done", "/Backup", "/Logs"):
        dropbox.create_folder(folder)
    rules = {
        "emulator": cli.server.url,
        "organize": [
            {"name": "logged", "from": "dropbox:/Camera", "to": "dropbox:/Sorted/{year}",
             "log": "dropbox:/Logs/picsync.txt"},
            {"name": "other", "from": "dropbox:/Other", "to": "dropbox:/Else/{year}"},
        ],
        "mirror": [{"name": "backup", "from": str(root / "mirrored"), "to": "dropbox:/Backup/mirrored",
             "quiet": "0s"}],
        "frames": {"usb": {"kind": "folder", "path": str(root / "usb")}},
        "albums": [
            {"name": "Spool", "frames": "usb", "rendition": "original", "sources": {
                "inbox": {"incoming": "dropbox:/In", "work": "dropbox:/Work", "done": "dropbox:/Done"}}},
        ],
    }  # fmt: skip
    cli.config.write_text(json.dumps(rules), "utf-8")
    grant = dropbox.log_in(ALL_SCOPES)
    login = {"app_key": grant.app.key, "refresh_token": grant.refresh_token}
    cli.credentials.write_text(json.dumps({"dropbox": login}), "utf-8")
    dropbox.options.space_bytes = dropbox.owner.tree.used_bytes
    moved = "Organizing logged: 1 file moved"
    for expected in (moved, "Organizing logged: nothing was moved"):
        full = cli.run("sync", "--once")
        assert (full.code, full.err.count("this Dropbox is full. Delete files")) == (1, 3), full.err
        for subject in ("Organizing logged", "Mirror backup", "inbox album dropbox:/In"):
            assert full.err.count(f"{subject}: Dropbox upload: this Dropbox is full") == 1, full.err
        assert expected in full.err
        assert paths(cli) == {"/Sorted/2024/2024-05-11 05.42.10.jpg", SORTED, "/In/item.jpg", "/In/bad.jpg"}
        assert list((root / "usb").glob("*.jpg")) == []
    dropbox.options.space_bytes = 2**30
    done = cli.run("sync", "--once")
    assert (done.code, "full" in done.err) == (0, False), done.err
    assert {"/Backup/mirrored/a.bin", "/Done/item.jpg", "/Work/bad.jpg.reason.txt"} <= paths(cli)
    assert len(list((root / "usb").glob("*.jpg"))) == 1
    log = dropbox.find("/Logs/picsync.txt")
    assert isinstance(log, File)
    assert read_all(log.content).decode().count("2024-05-11 05.42.10.jpg") == 2, "one line, with both names"
    again = cli.run("sync", "--once")
    assert (again.code, again.err.count("nothing to do")) == (0, 4), again.err
