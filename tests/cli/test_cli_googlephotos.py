"""`picsync googlephotos`: listing, and the login."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.run.kinds import read_credentials
from picsync.vendors.google.credentials import require_login
from tests.cli.command_line import CommandLine, Process, Result
from tests.household_services import MEDIA_HOST

LOGIN = ("googlephotos", "login", "--no-browser")
READ = "https://www.googleapis.com/auth/photoslibrary.readonly.appcreateddata"


def test_list(cli: CommandLine) -> None:
    cli.add(2)
    result = cli.run("googlephotos", "list")
    assert result.code == 0
    assert result.out.splitlines()[0].split() == ["ITEMS", "ID", "TITLE"]
    assert result.out.splitlines()[1].split() == ["2", cli.album.album_id, "Family"]
    [album] = json.loads(cli.run("googlephotos", "list", "--json").out)
    assert album == {"id": cli.album.album_id, "title": "Family", "item_count": 2}


def test_list_nothing(cli: CommandLine) -> None:
    cli.google.remove_album(cli.album)
    cli.run("googlephotos", "list").assert_message(0, "Google shows no album", "only albums that it created")


def test_list_shared_albums(cli: CommandLine) -> None:
    cli.run("googlephotos", "list", "--shared").assert_message(
        1, "no longer lists shared albums: Google removed this from its API on 2025-03-31"
    )


def test_list_an_album(cli: CommandLine) -> None:
    items = cli.add(2)
    result = cli.run("googlephotos", "list", cli.album.album_id)
    assert result.code == 0
    for line, item in zip(result.out.splitlines()[1:], items, strict=True):
        assert line.split()[-3:] == ["photo", item.filename, item.item_id]
    found = json.loads(cli.run("googlephotos", "list", cli.album.album_id, "--json").out)
    assert [each["id"] for each in found] == [item.item_id for item in items]
    assert found[0]["taken_at"].endswith("+00:00")
    assert cli.downloads() == 0


def test_an_incomplete_listing_says_so(cli: CommandLine) -> None:
    cli.add(12)
    cli.google.options.page_cap = 5
    cli.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=503, path="mediaItems:search", skip=1, count=None)
    )
    result = cli.run("googlephotos", "list", cli.album.album_id)
    result.assert_message(1, "The listing is incomplete: Google Photos list media items", "503")
    assert len(result.out.splitlines()) == 1 + 5


def test_update_the_cache(cli: CommandLine) -> None:
    cli.add(3)
    learn = ("googlephotos", "list", cli.album.album_id, "--update-cache", "--cache", str(cli.cache))
    cli.run(*learn).assert_message(0, "Recorded 3 digests in the cache.")
    cli.run(*learn).assert_message(0, "Recorded 0 digests in the cache.")
    assert cli.downloads() == 3
    cli.add(1)
    cli.server.faults.add(Fault(kind=FaultKind.STATUS, status=404, host=MEDIA_HOST, count=None))
    cli.run(*learn).assert_message(1, "Recorded 0 digests", "IMG_4.jpg: Google refuses the download (404)")


# --- login ------------------------------------------------------------------------------------------------


def link_of(process: Process) -> str:
    """Return the address that a person is told to open."""
    found = re.search(r"http\S+", process.error_line("/o/oauth2/"))
    assert found
    return found[0]


def start_login(cli: CommandLine, *more: str) -> tuple[Process, str]:
    process = cli.start(*LOGIN, *more, stdin=subprocess.PIPE)
    return process, link_of(process)


def assert_no_secret(cli: CommandLine, result: Result) -> None:
    client = next(iter(cli.google.account.clients.values()))
    secrets = [client.client_secret, *cli.google.account.access_tokens, *cli.google.account.grants]
    assert [secret for secret in secrets if secret in result.out + result.err] == []


@pytest.mark.parametrize("way", ["browser here", "pasted"])
def test_login(cli: CommandLine, way: str) -> None:
    text = cli.credentials.read_text("utf-8")
    cli.credentials.write_text(text.replace("nixplay:", "# my frame\nnixplay:"), "utf-8")
    before = read_credentials({}, [cli.credentials])
    process, link = start_login(cli)
    if way == "pasted":
        process.type("nonsense")
        process.type(httpx.get(link).headers["location"])
    else:
        page = httpx.get(link, follow_redirects=True)
        assert "You may close this window" in page.text
    result = process.end()
    result.assert_message(0)
    assert result.out == "Logged in; the login was saved in .picsync-credentials.yaml.\n"
    assert ("This is not the address" in result.err) == (way == "pasted")
    assert_no_secret(cli, result)
    assert "# my frame" in cli.credentials.read_text("utf-8")
    assert cli.credentials.stat().st_mode & 0o777 == 0o600
    after = read_credentials({}, [cli.credentials])
    assert after.sections.get("nixplay") == before.sections.get("nixplay")
    assert (
        require_login(after.account("googlephotos")).access
        != require_login(before.account("googlephotos")).access
    )
    assert cli.run("sync").code == 0


def test_login_into_another_file(cli: CommandLine) -> None:
    before = cli.credentials.read_bytes()
    process, link = start_login(cli, "-o", "new.yaml")
    httpx.get(link, follow_redirects=True)
    result = process.end()
    assert result.out == "Logged in; the login was saved in new.yaml.\n"
    new = cli.folder / "new.yaml"
    assert new.stat().st_mode & 0o777 == 0o600
    assert require_login(read_credentials({}, [new]).account("googlephotos")).access.refresh_token
    assert cli.credentials.read_bytes() == before


def test_consent_that_is_denied(cli: CommandLine) -> None:
    cli.google.options.deny = True
    before = cli.credentials.read_bytes()
    process, link = start_login(cli)
    httpx.get(link, follow_redirects=True)
    process.end().assert_message(
        3, "There is no login: Google says that access was denied", "`picsync googlephotos login` again"
    )
    assert cli.credentials.read_bytes() == before


def test_consent_to_less_than_is_needed(cli: CommandLine) -> None:
    cli.google.options.untick = frozenset({READ})
    process, link = start_login(cli)
    httpx.get(link, follow_redirects=True)
    process.end().assert_message(3, "Google did not grant all permissions", "tick every box")


def test_a_login_that_cannot_be_kept_is_not_even_begun(cli: CommandLine) -> None:
    absent = Path("absent") / "credentials.yaml"
    result = cli.run(*LOGIN, "-o", str(absent))
    result.assert_message(2, "absent", "cannot be written: its folder is missing", "-o FILE")
    assert "http" not in result.err


def test_interrupted_login(cli: CommandLine) -> None:
    process, _ = start_login(cli)
    process.popen.send_signal(2)
    process.end().assert_message(130, "Stopped.")
