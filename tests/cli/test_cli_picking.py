"""`picsync googlephotos pick`, `picsync picked`, and the frame that shows it."""

from __future__ import annotations

import json
import re

import httpx
from pydantic import SecretStr

from picsync.config import merge_login
from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.picker import SCOPE
from picsync.run.kinds import read_credentials
from picsync.vendors.google.credentials import GoogleAccess, GooglePhotosLogin, login_fields
from tests.cli.command_line import CommandLine, Process, Result
from tests.household_services import ALBUM

PICK = ("googlephotos", "pick", "Grandma", "--no-browser")


def log_in(cli: CommandLine) -> None:
    """Add a login for picking to the credentials file."""
    login = cli.google.issue_credentials([SCOPE])
    access = GoogleAccess(refresh_token=SecretStr(login["refresh_token"]))
    merge_login(cli.credentials, ("googlephotos",), login_fields(GooglePhotosLogin(picker=access)))


def picked_by(process: Process) -> Result:
    """Let the person press Done on the page that the command has shown, with everything chosen."""
    page = process.error_line("/picker/").strip()
    chosen = re.findall(r'value="([^"]+)"', httpx.get(page).text)
    assert httpx.post(page, data={"item": chosen}).is_success
    return process.end()


def add(cli: CommandLine, count: int) -> None:
    """Put photos into the person's library, out of reach of the Library API."""
    cli.google.options.picker.poll_s = 0.1
    for number in range(count):
        cli.google.add_item(None, f"IMG_{number}.jpg", generated_jpeg(number, 20_000), app_created=False)


def use_picked(cli: CommandLine) -> None:
    """Let the rule show what was picked."""
    cli.write_config()
    text = cli.config.read_text("utf-8")
    cli.config.write_text(re.sub(r"googlephotos: \[[^]]*\]", "picked: [Grandma]", text), "utf-8")


def test_from_the_phone_to_the_frame(cli: CommandLine) -> None:
    add(cli, 3)
    log_in(cli)
    picked_by(cli.start(*PICK)).assert_message(0)
    found = cli.run("picked", "list")
    assert found.out.splitlines()[1].split() == ["3", "60.0", "kB", "Grandma"]
    use_picked(cli)
    assert "picked Grandma: 3 items, complete" in cli.run("sync", "--dry-run").out
    cli.run("sync").assert_message(0, "3 photos uploaded")
    assert cli.on_frame() == 3
    item = json.loads(cli.run("picked", "list", "Grandma", "--json").out)[0]
    cli.run("picked", "remove", "Grandma", item["item_id"], "--yes").assert_message(0)
    cli.run("sync").assert_message(0, "1 deleted")
    assert cli.on_frame() == 2
    cli.run("picked", "remove", "Grandma", "--all", "--yes").assert_message(0)
    cli.run("sync").assert_message(1, "There is no album of picked photos 'Grandma'")
    assert cli.on_frame() == 2


def test_the_first_pick_logs_in(cli: CommandLine) -> None:
    add(cli, 1)
    process = cli.start(*PICK)
    consent = process.error_line("/accounts.google.com/").strip()
    assert SCOPE in consent
    assert "photoslibrary" not in consent
    assert httpx.get(consent, follow_redirects=True).is_success
    result = picked_by(process)
    result.assert_message(0)
    assert "Grandma: 1 new photo; kept in" in result.out
    login = read_credentials({}, [cli.credentials]).account("googlephotos").read(GooglePhotosLogin)
    assert login.picker.refresh_token.get_secret_value()
    assert login.access.refresh_token.get_secret_value() != login.picker.refresh_token.get_secret_value()
    assert cli.credentials.stat().st_mode & 0o777 == 0o600


def test_a_login_that_has_ended_is_asked_for_anew(cli: CommandLine) -> None:
    add(cli, 1)
    log_in(cli)
    cli.google.revoke_all()
    process = cli.start(*PICK)
    assert httpx.get(process.error_line("/accounts.google.com/").strip(), follow_redirects=True).is_success
    picked_by(process).assert_message(0)


def test_nobody_picks(cli: CommandLine) -> None:
    log_in(cli)
    cli.google.options.picker.timeout_s = 0.0001
    result = cli.run(*PICK)
    result.assert_message(
        1, "Open this page", "Nothing was picked before the time limit", "Run the same command again"
    )


def test_wrong_names(cli: CommandLine) -> None:
    cli.run("picked", "list", "Nobody").assert_message(2, "no album 'Nobody'", "picsync picked list")
    cli.run("googlephotos", "pick", " ").assert_message(2, "cannot be the name of an album")
    cli.run("picked", "remove", "Nobody").assert_message(2, "Give the IDs of photos")
    assert json.loads(cli.run("picked", "list", "--json").out) == []


def test_rule_of_an_unpicked_album_says_what_to_do(cli: CommandLine) -> None:
    use_picked(cli)
    cli.run("sync").assert_message(1, "picked album Grandma", "picsync googlephotos pick")
    assert cli.nixplay.albums_named(ALBUM) == []
