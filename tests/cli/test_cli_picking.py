"""`picsync googlephotos pick`, `picsync picked`, and the frame that shows it."""

from __future__ import annotations

import json
import re

import httpx
from pydantic import SecretStr

from picsync.config import GoogleAccess, GooglePhotosLogin, load_credentials, merge_google_login
from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.picker import SCOPE
from tests.cli.command_line import Process, Result, Stage
from tests.e2e.household import ALBUM

PICK = ("googlephotos", "pick", "Grandma", "--no-browser")


def log_in(stage: Stage) -> None:
    """Add a login for picking to the credentials file."""
    login = stage.google.issue_credentials([SCOPE])
    access = GoogleAccess(refresh_token=SecretStr(login["refresh_token"]))
    merge_google_login(stage.credentials, GooglePhotosLogin(picker=access))


def picked_by(process: Process) -> Result:
    """Let the person press Done on the page that the command has shown, with everything chosen."""
    page = process.error_line("/picker/").strip()
    chosen = re.findall(r'value="([^"]+)"', httpx.get(page).text)
    assert httpx.post(page, data={"item": chosen}).is_success
    return process.end()


def add(stage: Stage, count: int) -> None:
    """Put photos into the person's library, out of reach of the Library API."""
    stage.google.options.picker.poll_s = 0.1
    for number in range(count):
        stage.google.add_item(None, f"IMG_{number}.jpg", generated_jpeg(number, 20_000), app_created=False)


def use_picked(stage: Stage) -> None:
    """Let the rule show what was picked."""
    stage.write_config()
    text = stage.config.read_text("utf-8")
    stage.config.write_text(re.sub(r"googlephotos: \[[^]]*\]", "picked: [Grandma]", text), "utf-8")


def test_from_the_phone_to_the_frame(stage: Stage) -> None:
    add(stage, 3)
    log_in(stage)
    picked_by(stage.start(*PICK)).assert_message(0)
    found = stage.run("picked", "list")
    assert found.out.splitlines()[1].split() == ["3", "60.0", "kB", "Grandma"]
    use_picked(stage)
    assert "picked Grandma: 3 items, complete" in stage.run("sync", "--dry-run").out
    stage.run("sync").assert_message(0, "3 photos uploaded")
    assert stage.on_frame() == 3
    item = json.loads(stage.run("picked", "list", "Grandma", "--json").out)[0]
    stage.run("picked", "remove", "Grandma", item["item_id"], "--yes").assert_message(0)
    stage.run("sync").assert_message(0, "1 deleted")
    assert stage.on_frame() == 2
    stage.run("picked", "remove", "Grandma", "--all", "--yes").assert_message(0)
    stage.run("sync").assert_message(1, "There is no album of picked photos 'Grandma'")
    assert stage.on_frame() == 2


def test_the_first_pick_logs_in(stage: Stage) -> None:
    add(stage, 1)
    process = stage.start(*PICK)
    consent = process.error_line("/accounts.google.com/").strip()
    assert SCOPE in consent
    assert "photoslibrary" not in consent
    assert httpx.get(consent, follow_redirects=True).is_success
    result = picked_by(process)
    result.assert_message(0)
    assert "Grandma: 1 new photo; kept in" in result.out
    login = load_credentials([stage.credentials], {}).googlephotos
    assert login is not None
    assert login.picker.refresh_token.get_secret_value()
    assert login.access.refresh_token.get_secret_value() != login.picker.refresh_token.get_secret_value()
    assert stage.credentials.stat().st_mode & 0o777 == 0o600


def test_a_login_that_has_ended_is_asked_for_anew(stage: Stage) -> None:
    add(stage, 1)
    log_in(stage)
    stage.google.revoke_all()
    process = stage.start(*PICK)
    assert httpx.get(process.error_line("/accounts.google.com/").strip(), follow_redirects=True).is_success
    picked_by(process).assert_message(0)


def test_nobody_picks(stage: Stage) -> None:
    log_in(stage)
    stage.google.options.picker.timeout_s = 0.0001
    result = stage.run(*PICK)
    result.assert_message(1, "Open this page", "Nothing was picked in time", "Run the same command again")


def test_wrong_names(stage: Stage) -> None:
    stage.run("picked", "list", "Nobody").assert_message(2, "no album 'Nobody'", "picsync picked list")
    stage.run("googlephotos", "pick", " ").assert_message(2, "cannot name an album")
    stage.run("picked", "remove", "Nobody").assert_message(2, "Name the IDs of photos")
    assert json.loads(stage.run("picked", "list", "--json").out) == []


def test_the_rule_of_an_album_that_was_never_picked_says_what_to_do(stage: Stage) -> None:
    use_picked(stage)
    stage.run("sync").assert_message(1, "picked album Grandma", "picsync googlephotos pick")
    assert stage.nixplay.albums_named(ALBUM) == []
