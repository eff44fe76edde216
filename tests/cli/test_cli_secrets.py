"""No secret is shown, logged or cached, whatever fails."""

from __future__ import annotations

import pytest

from picsync.emulators.faults import Fault, FaultKind
from tests.cli.command_line import CommandLine, Result
from tests.household_services import MEDIA_HOST

PASSWORD = "marked-password-1f3e"
FAULTS = {
    "none": [],
    "all answers are 500": [Fault(kind=FaultKind.STATUS, status=500, body="<html>", count=None)],
    "downloads refused": [Fault(kind=FaultKind.STATUS, status=403, host=MEDIA_HOST, count=None)],
    "downloads cut": [Fault(kind=FaultKind.TRUNCATE, host=MEDIA_HOST, count=None)],
    "downloads lead away": [
        Fault(kind=FaultKind.REDIRECT, host=MEDIA_HOST, location="http://127.0.0.1:1/x?t=1", count=None)
    ],
    "connections reset": [Fault(kind=FaultKind.RESET_BEFORE, host="api.nixplay.com", skip=1, count=None)],
    "tokens refused": [Fault(kind=FaultKind.STATUS, status=400, host="oauth2.googleapis.com", count=None)],
    "nixplay echoes": [Fault(kind=FaultKind.BODY, body=PASSWORD, path="www-login", count=None)],
    "uploads refused": [Fault(kind=FaultKind.STATUS, status=403, path="^/$", body="<html>", count=None)],
}


def secrets_of(cli: CommandLine) -> set[str]:
    """Return everything that opens something: what is in the credentials, and what was handed out since."""
    client = next(iter(cli.google.account.clients.values()))
    account = cli.google.account
    handed_out = {
        cookie.split("=", 1)[1].split(";")[0]
        for record in cli.server.log.records
        for cookie in record.headers.get("Cookie", "").split("; ")
        if "=" in cookie
    }
    base_urls = {
        record.path.rpartition("/")[2].partition("=")[0]
        for record in cli.server.log.matching(host=MEDIA_HOST)
    }
    return {PASSWORD, client.client_secret, *account.access_tokens, *account.grants, *handed_out, *base_urls}


@pytest.mark.parametrize("name", FAULTS)
def test_no_secret_gets_out(cli: CommandLine, name: str) -> None:
    cli.nixplay.state.accounts.clear()
    cli.nixplay.add_user("grandma", PASSWORD)
    cli.write_credentials(expiry="2020-01-01T00:00:00Z")  # so that a token is asked for, too
    text = cli.credentials.read_text("utf-8").replace("emulated-password", PASSWORD)
    cli.credentials.write_text(text, "utf-8")
    cli.add(2)
    cli.server.faults.add(*FAULTS[name])
    results = [
        cli.run("sync", "-v"),
        cli.run("sync", "--dry-run", "-v"),
        cli.run("nixplay", "list"),
        cli.run("googlephotos", "list", cli.album.album_id, "--json"),
    ]
    assert (results[0].code == 0) == (name == "none"), results[0]
    secrets = secrets_of(cli)
    assert len(secrets) >= 3
    assert leaks(secrets, results) == []
    files = [path for path in cli.folder.iterdir() if path.is_file() and path != cli.credentials]
    assert any(path.name.startswith("picsync-metadata-cache") for path in files)
    for path in files:
        content = path.read_bytes()
        assert [secret for secret in secrets if secret.encode() in content] == [], path


def leaks(secrets: set[str], results: list[Result]) -> list[str]:
    return [secret for secret in secrets for result in results if secret in result.out + result.err]
