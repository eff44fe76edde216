"""Immich's API key, shared links and their passwords are never shown, whatever fails."""

from __future__ import annotations

import json

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import generated_jpeg
from picsync.emulators.immich import HOST
from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER
from tests.cli.command_line import CommandLine
from tests.household_services import ALBUM

PASSWORD = "marked-link-password-9d4c"
FAULTS = {
    "none": [],
    "all answers are 500": [Fault(kind=FaultKind.STATUS, status=500, host=HOST, count=None)],
    "key and link refused": [
        Fault(kind=FaultKind.STATUS, status=401, body='{"statusCode": 401}', host=HOST, count=None)
    ],
    "downloads refused": [Fault(kind=FaultKind.STATUS, status=403, body="{}", path="/original", count=None)],
    "downloads lead away": [
        Fault(kind=FaultKind.REDIRECT, location="http://127.0.0.1:1/x", path="/original", count=None)
    ],
    "shapes changed": [
        Fault(kind=FaultKind.BODY, body="{}", content_type="application/json", path="/search", count=None)
    ],
}


@pytest.mark.parametrize("name", FAULTS)
def test_no_secret_gets_out(cli: CommandLine, name: str) -> None:
    immich = cli.world.immich
    album = immich.add_album("Grandma")
    immich.add_asset(album, "a.jpg", generated_jpeg(1, 5000))
    key, link = immich.add_key(), immich.share(album, password=PASSWORD)
    entries = ["Grandma", f"https://{HOST}/share/{link.key}"]
    rule = {"name": ALBUM, "sources": {"immich": entries}}
    cli.config.write_text(json.dumps({"emulator": cli.server.url, "albums": [rule]}), "utf-8")
    login = {
        "nixplay": {"username": NIXPLAY_USER, "password": NIXPLAY_PASSWORD},
        "immich": {"server": f"http://{HOST}", "api_key": key.secret, "link_password": PASSWORD},
    }
    cli.credentials.write_text(json.dumps(login), "utf-8")
    cli.credentials.chmod(0o600)
    cli.server.faults.add(*FAULTS[name])
    results = [cli.run("sync", "--once", "-v"), cli.run("doctor"), cli.run("list", "immich", *entries)]
    assert (results[0].code == 0) == (name == "none"), results[0]
    secrets = {key.secret, link.key, link.token, PASSWORD}
    told = "".join(result.out + result.err for result in results)
    assert [secret for secret in secrets if secret in told] == []
    for path in cli.folder.iterdir():
        if path.is_file() and path not in (cli.credentials, cli.config):
            content = path.read_bytes()
            assert [secret for secret in secrets if secret.encode() in content] == [], path
