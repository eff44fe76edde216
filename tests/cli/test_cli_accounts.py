"""Commands for one of several accounts, and messages about accounts and frames."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from picsync.run.kinds import read_credentials
from picsync.vendors.google.credentials import require_login
from tests.cli.command_line import CommandLine
from tests.cli.test_cli_googlephotos import start_login

ACCOUNTS = "accounts:\n  grandpa: {kind: nixplay, username: hans, password: hans-password}\n"


@pytest.fixture
def grandpa(cli: CommandLine) -> CommandLine:
    """A second Nixplay account with an album of its own."""
    cli.nixplay.add_user("hans", "hans-password")
    cli.nixplay.add_album("Of Hans", user="hans")
    cli.credentials.write_text(cli.credentials.read_text("utf-8") + ACCOUNTS, "utf-8")
    return cli


def test_nixplay_list_of_an_account(grandpa: CommandLine) -> None:
    assert "Of Hans" in grandpa.run("nixplay", "list", "--account", "grandpa").out
    assert "Of Hans" not in grandpa.run("nixplay", "list").out
    grandpa.run("nixplay", "list", "--account", "grandma").assert_message(
        2, "'grandma' is not an account of the kind nixplay", "nixplay, grandpa"
    )


def test_google_login_of_an_account(grandpa: CommandLine) -> None:
    google = grandpa.google
    google.add_client("cousin.apps.example", "cousins-secret")
    more = "  cousin: {kind: googlephotos, api: {key: cousin.apps.example, secret: cousins-secret}} # his\n"
    grandpa.credentials.write_text(grandpa.credentials.read_text("utf-8") + more, "utf-8")
    before = read_credentials({}, [grandpa.credentials])
    process, link = start_login(grandpa, "--account", "cousin")
    httpx.get(link, follow_redirects=True)
    process.end().assert_message(0)
    after = read_credentials({}, [grandpa.credentials])
    assert after.sections == before.sections
    assert after.named["grandpa"].options == before.named["grandpa"].options
    login = require_login(after.account("cousin"))
    assert (
        google.account.grants[login.access.refresh_token.get_secret_value()].client_id
        == "cousin.apps.example"
    )


def test_unused_names_are_reported(grandpa: CommandLine) -> None:
    grandpa.write_config(head=["frames:", "  usb: {kind: folder, path: /mnt/usb}"])
    for result in (grandpa.run("sync"), grandpa.run("doctor")):
        said = result.err + result.out
        line = grandpa.credentials.read_text("utf-8").splitlines().index("accounts:") + 2
        assert f".picsync-credentials.yaml:{line}: accounts.grandpa: No rule uses it." in said
        assert "picsync.yaml:3: frames.usb: No rule uses it. Name it under a rule's `frames`" in said


def test_the_doctor_when_the_credentials_are_unusable(grandpa: CommandLine, tmp_path: Path) -> None:
    text = grandpa.credentials.read_text("utf-8")
    aunt = "  aunt: {kind: immich, sever: x}\n"
    grandpa.credentials.write_text(text + aunt, "utf-8")
    grandpa.write_config(more_sources=", aunt: [Grandma]")
    result = grandpa.run("doctor")
    assert result.code == 1
    assert "accounts.aunt.sever: is not a setting" in result.out
