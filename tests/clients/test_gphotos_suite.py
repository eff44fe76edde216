"""A library and program whose calls are held against Google's own discovery document, from the login on."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from benchmarks.byname import by_name
from picsync.emulators.google import GooglePhotos
from tests.clients import HERE, need_python, run
from tests.emulators.google_emulator import MP4, jpeg


async def test_a_login_and_each_call_that_the_library_has(tmp_path: Path) -> None:
    need_python("gphotos_suite")
    google = GooglePhotos()
    files = {"a.jpg": jpeg(80, 60), "b.mp4": MP4}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    client = google.account.clients[google.client_id]
    secrets = {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "redirect_uris": ["http://localhost"],
    }
    (tmp_path / "secrets.json").write_text(json.dumps({"installed": secrets}))
    async with by_name(google, tmp_path) as reached:
        authority = str(reached.authority)
        variables = {
            **reached.environment,
            "HTTPLIB2_CA_CERTS": authority,
            "REQUESTS_CA_BUNDLE": authority,
            "CA": authority,
            "NO_PROXY": "localhost",
            "BROWSER": f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'visitor.py'))} %s &",
        }
        files_there = [tmp_path / name for name in ("secrets.json", *files)]
        said = await run(
            sys.executable, HERE / "gphotossuite.py", *files_there, cwd=tmp_path, variables=variables
        )
        log = reached.server.log
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert log.count(host="accounts.google.com", path="^/o/oauth2/auth$", status=302) == 1
    assert log.count(host="oauth2.googleapis.com", path="^/token$", status=200) == 1
    assert log.count(status=401) == 0
    assert [item["filename"] for item in told["uploaded"]] == list(files)
    assert told["added"] == told["removed"] == [{}]
    assert told["album"]["mediaItemsCount"] == "2"
    assert [album["title"] for album in told["albums"]] == ["Trip"]
    assert [item["filename"] for item in told["content"]] == list(files)
    assert [set(each) for each in told["batch"]] == [{"mediaItem"}, {"mediaItem"}, {"status"}]
    assert told["one"]["mediaMetadata"]["width"] == "80"
    assert told["described"]["description"] == "The dog"
    assert told["titled"]["title"] == "Lake"
    assert told["covered"]["coverPhotoMediaItemId"] == told["uploaded"][1]["id"]
    assert sorted(told["bytes"]) == sorted(map(len, files.values()))
    assert [item["filename"] for item in told["left"]] == ["b.mp4"]
    assert told["shared"] == 403
