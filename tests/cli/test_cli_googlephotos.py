"""`picsync googlephotos`: listing, and the login."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from picsync.config import load_credentials
from picsync.emulators.faults import Fault, FaultKind
from tests.cli.command_line import Process, Result, Stage
from tests.e2e.household import MEDIA_HOST

LOGIN = ("googlephotos", "login", "--no-browser")
READ = "https://www.googleapis.com/auth/photoslibrary.readonly.appcreateddata"


def test_list(stage: Stage) -> None:
    stage.add(2)
    result = stage.run("googlephotos", "list")
    assert result.code == 0
    assert result.out.splitlines()[0].split() == ["ITEMS", "ID", "TITLE"]
    assert result.out.splitlines()[1].split() == ["2", stage.album.album_id, "Family"]
    [album] = json.loads(stage.run("googlephotos", "list", "--json").out)
    assert album == {"id": stage.album.album_id, "title": "Family", "item_count": 2}


def test_list_nothing(stage: Stage) -> None:
    stage.google.remove_album(stage.album)
    stage.run("googlephotos", "list").assert_message(0, "Google shows no album", "only albums that it made")


def test_list_shared_albums(stage: Stage) -> None:
    stage.run("googlephotos", "list", "--shared").assert_message(
        1, "no longer lists shared albums: Google removed this from its API on 2025-03-31"
    )


def test_list_an_album(stage: Stage) -> None:
    items = stage.add(2)
    result = stage.run("googlephotos", "list", stage.album.album_id)
    assert result.code == 0
    for line, item in zip(result.out.splitlines()[1:], items, strict=True):
        assert line.split()[-3:] == ["photo", item.filename, item.item_id]
    found = json.loads(stage.run("googlephotos", "list", stage.album.album_id, "--json").out)
    assert [each["id"] for each in found] == [item.item_id for item in items]
    assert found[0]["taken_at"].endswith("+00:00")
    assert stage.downloads() == 0


def test_an_incomplete_listing_says_so(stage: Stage) -> None:
    stage.add(12)
    stage.google.options.page_cap = 5
    stage.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=503, path="mediaItems:search", skip=1, count=None)
    )
    result = stage.run("googlephotos", "list", stage.album.album_id)
    result.assert_message(1, "The listing is incomplete: Google Photos list media items", "503")
    assert len(result.out.splitlines()) == 1 + 5


def test_update_the_cache(stage: Stage) -> None:
    stage.add(3)
    learn = ("googlephotos", "list", stage.album.album_id, "--update-cache", "--cache", str(stage.cache))
    stage.run(*learn).assert_message(0, "The cache learnt 3 digests.")
    stage.run(*learn).assert_message(0, "The cache learnt 0 digests.")
    assert stage.downloads() == 3
    stage.add(1)
    stage.server.faults.add(Fault(kind=FaultKind.STATUS, status=404, host=MEDIA_HOST, count=None))
    stage.run(*learn).assert_message(1, "learnt 0 digests", "IMG_4.jpg: Google refuses its download (404)")


# --- login ------------------------------------------------------------------------------------------------


def link_of(process: Process) -> str:
    """Return the address that a person is told to open."""
    found = re.search(r"http\S+", process.error_line("/o/oauth2/"))
    assert found
    return found[0]


def start_login(stage: Stage, *more: str) -> tuple[Process, str]:
    process = stage.start(*LOGIN, *more, stdin=subprocess.PIPE)
    return process, link_of(process)


def assert_no_secret(stage: Stage, result: Result) -> None:
    client = next(iter(stage.google.account.clients.values()))
    secrets = [client.client_secret, *stage.google.account.access_tokens, *stage.google.account.grants]
    assert [secret for secret in secrets if secret in result.out + result.err] == []


@pytest.mark.parametrize("way", ["browser here", "pasted"])
def test_login(stage: Stage, way: str) -> None:
    text = stage.credentials.read_text("utf-8")
    stage.credentials.write_text(text.replace("nixplay:", "# my frame\nnixplay:"), "utf-8")
    before = load_credentials([stage.credentials], {})
    process, link = start_login(stage)
    if way == "pasted":
        process.type("nonsense")
        process.type(httpx.get(link).headers["location"])
    else:
        page = httpx.get(link, follow_redirects=True)
        assert "You may close this window" in page.text
    result = process.end()
    result.assert_message(0)
    assert result.out == "Logged in; .picsync-credentials.yaml holds the login now.\n"
    assert ("This is not the address" in result.err) == (way == "pasted")
    assert_no_secret(stage, result)
    assert "# my frame" in stage.credentials.read_text("utf-8")
    assert stage.credentials.stat().st_mode & 0o777 == 0o600
    after = load_credentials([stage.credentials], {})
    assert after.nixplay == before.nixplay
    assert after.require_googlephotos().access != before.require_googlephotos().access
    assert stage.run("sync").code == 0


def test_login_into_another_file(stage: Stage) -> None:
    before = stage.credentials.read_bytes()
    process, link = start_login(stage, "-o", "new.yaml")
    httpx.get(link, follow_redirects=True)
    result = process.end()
    assert result.out == "Logged in; new.yaml holds the login now.\n"
    new = stage.folder / "new.yaml"
    assert new.stat().st_mode & 0o777 == 0o600
    assert load_credentials([new], {}).require_googlephotos().access.refresh_token
    assert stage.credentials.read_bytes() == before


def test_consent_that_is_denied(stage: Stage) -> None:
    stage.google.options.deny = True
    before = stage.credentials.read_bytes()
    process, link = start_login(stage)
    httpx.get(link, follow_redirects=True)
    process.end().assert_message(
        3, "There is no login: Google says that access was denied", "`picsync googlephotos login` again"
    )
    assert stage.credentials.read_bytes() == before


def test_consent_to_less_than_is_needed(stage: Stage) -> None:
    stage.google.options.untick = frozenset({READ})
    process, link = start_login(stage)
    httpx.get(link, follow_redirects=True)
    process.end().assert_message(3, "Google granted less than picsync needs", "tick every box")


def test_a_login_that_cannot_be_kept_is_not_even_begun(stage: Stage) -> None:
    absent = Path("absent") / "credentials.yaml"
    result = stage.run(*LOGIN, "-o", str(absent))
    result.assert_message(2, "absent", "cannot be written: its folder is absent", "-o FILE")
    assert "http" not in result.err


def test_interrupted_login(stage: Stage) -> None:
    process, _ = start_login(stage)
    process.popen.send_signal(2)
    process.end().assert_message(130, "Stopped.")
