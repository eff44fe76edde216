"""`picsync dropbox`: the login, and what is in a folder."""

from __future__ import annotations

import json
import signal
import subprocess

import httpx
import pytest

from picsync.run.kinds import read_credentials
from picsync.vendors.dropbox.credentials import require_login
from tests.cli.command_line import PATIENCE_S, CommandLine
from tests.pictures import jpeg


def test_a_login_asks_for_what_the_configuration_needs_and_is_saved(cli: CommandLine) -> None:
    dropbox = cli.world.dropbox
    shared = dropbox.share(dropbox.create_folder("/Trip"))
    cli.write_config(more_sources=f", dropbox: [/Family, '{shared.url}']")
    process = cli.start("dropbox", "login", "--app-key", dropbox.app.key, stdin=subprocess.PIPE)
    asked = process.error_line("Permissions that picsync needs")
    page = process.error_line("http").strip()
    code = httpx.get(page).text.partition('data-token="')[2].partition('"')[0]
    process.type(code)
    result = process.end()
    assert result.code == 0, result.err
    assert "files.content.read, files.metadata.read, sharing.read" in asked
    grant = dropbox.accounts.grants[-1]
    assert set(grant.scopes) == {"files.content.read", "files.metadata.read", "sharing.read"}
    saved = require_login(read_credentials({}, [cli.credentials]).account("dropbox"))
    assert (saved.app_key, saved.refresh_token.get_secret_value()) == (dropbox.app.key, grant.refresh_token)
    assert grant.refresh_token not in result.out + result.err


def test_ctrl_c_ends_a_login_at_once(cli: CommandLine) -> None:
    key = cli.world.dropbox.app.key
    process = cli.start("dropbox", "login", "--app-key", key, stdin=subprocess.PIPE)
    process.error_line("oauth2/authorize")
    process.signal(signal.SIGINT)
    process.popen.wait(PATIENCE_S)
    process.end().assert_message(130, "Stopped.")


def test_a_folder_is_listed(cli: CommandLine) -> None:
    file = cli.world.dropbox.put("/Family/a.jpg", jpeg("a"))
    top = cli.run("dropbox", "list")
    assert (top.code, top.out.split()[-1]) == (0, "/Family/")
    [found] = json.loads(cli.run("dropbox", "list", "/family", "--json").out)
    assert (found["path"], found["rev"], found["size_bytes"]) == ("/Family/a.jpg", file.rev, file.size)
    missing = cli.run("dropbox", "list", "/Missing")
    assert missing.code == 1
    assert "There is no folder /Missing" in missing.err
    link = cli.run("dropbox", "list", "https://www.dropbox.com/scl/fo/a/b")
    link.assert_message(2, "A path is needed, such as /Family. For a link, use: picsync list dropbox LINK")


@pytest.mark.parametrize("rest", ["", "albums:\n", "albums: [{name: x}]\nmirrors: []\n"])
def test_the_emulator_is_used_although_the_configuration_is_not_finished(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, rest: str
) -> None:
    monkeypatch.delenv("PICSYNC_EMULATOR")
    cli.config.write_text(f"emulator: {cli.server.url}\n{rest}", "utf-8")
    cli.world.dropbox.create_folder("/Family")
    found = cli.run("dropbox", "list")
    assert found.out.split()[-1] == "/Family/", found.err
    assert f"picsync.yaml: all requests go to the emulator at {cli.server.url}." in found.err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("emulator: localhost\n", "picsync.yaml:1: emulator"),
        ("every: 1h\nemulator: [\n", "picsync.yaml:2: is not valid YAML"),
        ("caCertificates: missing.pem\n", "caCertificates: missing.pem is not there"),
    ],
)
def test_no_service_is_asked_if_its_address_cannot_be_read(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, text: str, place: str
) -> None:
    monkeypatch.delenv("PICSYNC_EMULATOR")
    cli.config.write_text(text, "utf-8")
    cli.run("dropbox", "list").assert_message(2, place)


def test_no_login_for_a_configuration_whose_permissions_are_unknown(cli: CommandLine) -> None:
    cli.config.write_text(f"emulator: {cli.server.url}\norganise: []\n", "utf-8")
    found = cli.run("dropbox", "login", "--app-key", "key")
    found.assert_message(2, "picsync.yaml:2: organise", "did you mean `organize`?")
