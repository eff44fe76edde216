"""`picsync doctor`: each thing that a newcomer gets wrong, with its fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay import names
from picsync.http.allowed import AllowedHosts
from picsync.http.clock import offset_of
from tests.cli.command_line import Stage
from tests.e2e.household import ALBUM, PLAYLIST, write_credentials


def findings(stage: Stage, code: int) -> list[tuple[str, str, str]]:
    """Return mark, subject and the rest of every line."""
    result = stage.run("doctor", "--json")
    result.assert_message(code)
    found = json.loads(result.out)
    return [(each["mark"], each["subject"], f"{each['message']} {each['fix']}") for each in found]


def problems(stage: Stage, code: int = 1) -> list[str]:
    return [f"{subject}: {rest}" for mark, subject, rest in findings(stage, code) if mark == "problem"]


def test_all_is_well(stage: Stage) -> None:
    stage.add(3)
    stage.run("sync")
    stage.nixplay.state.assign(stage.nixplay.add_frame("Sideboard"), stage.nixplay.playlist_named(PLAYLIST))
    before = stage.writes()
    result = stage.run("doctor")
    assert result.code == 0
    assert stage.writes() == before
    assert result.out.splitlines()[-1] == "All is well."
    for line in (
        f"rule {ALBUM}: googlephotos {stage.album.album_id}: 3 items, complete.",
        f"rule {ALBUM}: the playlist {PLAYLIST} is there with 3 photos.",
        "knows 3 media items",
        "Nixplay: logged in",
        "Google Photos: logged in",
        "this machine's agrees",
    ):
        assert line in result.out


def test_names_that_nixplay_does_not_keep_are_told(stage: Stage) -> None:
    """Once when they are made, and by `doctor` whenever it is asked."""
    name = "Fun \N{GRINNING FACE}"
    album, playlist = names.plain(name), names.plain(f"ss_{name}")
    stage.add(2)
    stage.config.write_text(stage.config.read_text("utf-8").replace(ALBUM, name), "utf-8")
    first = stage.run("sync", "--once", "--log-format", "human")
    made = stage.nixplay.playlist_named(playlist or "")
    made.frames.clear()
    second = stage.run("sync", "--once", "--log-format", "human")
    assert f"Nixplay does not keep the album name {name}: the album is called {album} there" in first.err
    assert (
        f"Nixplay does not keep the playlist name ss_{name}: the playlist is called {playlist}" in first.err
    )
    assert f"The playlist {playlist} is new (Nixplay does not keep the name ss_{name})." in first.err
    assert "does not keep" not in second.err
    assert f"No frame shows the playlist {playlist} yet." in second.err
    said = stage.run("doctor").out
    assert f"no frame shows the playlist {playlist}." in said
    stage.nixplay.state.assign(stage.nixplay.add_frame("Sideboard"), made)
    said = stage.run("doctor").out
    for called in (album, playlist):
        assert f"; it is called {called}, since Nixplay does not keep its name." in said


def test_an_interval_below_the_floor_is_told(stage: Stage) -> None:
    stage.add(1)
    stage.run("sync")
    stage.write_config(head=["every: 2s"])
    said = stage.run("doctor").out
    assert f"the interval of {ALBUM} is below 10 s, which is used instead." in said
    assert "Write `every: 10m` or more" in said


def test_it_writes_nothing_before_the_first_cycle(stage: Stage) -> None:
    stage.add(3)
    before = set(stage.folder.iterdir())
    assert not problems(stage, 0)
    assert stage.writes() == []
    assert set(stage.folder.iterdir()) == before


def no_file(stage: Stage) -> None:
    stage.config.unlink()


def bad_yaml(stage: Stage) -> None:
    stage.config.write_text("albums: [\n", "utf-8")


def wrong_password(stage: Stage) -> None:
    stage.credentials.write_text(stage.credentials.read_text("utf-8").replace("password: ", "password: x"))


def readable(stage: Stage) -> None:
    stage.credentials.chmod(0o644)


def revoked(stage: Stage) -> None:
    for grant in stage.google.account.grants.values():
        grant.revoked = True
    stage.google.account.access_tokens.clear()


def no_such_album(stage: Stage) -> None:
    stage.google.remove_album(stage.album)


def two_albums(stage: Stage) -> None:
    for _ in range(2):
        stage.nixplay.state.create_album(stage.nixplay.account(), ALBUM)


def foreign_cache(stage: Stage) -> None:
    stage.cache.write_bytes(b"not a database" * 100)


def nixplay_down(stage: Stage) -> None:
    stage.server.faults.add(Fault(kind=FaultKind.STATUS, status=503, host="api.nixplay.com", count=None))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_file, ["there is no such file; start from picsync.yaml.example"]),
        (bad_yaml, ["picsync.yaml:"]),
        (wrong_password, ["Nixplay: Nixplay refused the password", "Check `nixplay:` in"]),
        (readable, ["every user of this machine can read it; run: chmod 600"]),
        (revoked, ["Google Photos: Google no longer accepts this login", "picsync googlephotos login"]),
        (no_such_album, ["has no album with the id"]),
        (two_albums, [f"rule {ALBUM}: ", "albums", "picsync nixplay delete album"]),
        (foreign_cache, ["cache: The cache"]),
        (nixplay_down, ["Nixplay: ", "503"]),
    ],
)
def test_what_a_newcomer_gets_wrong(stage: Stage, spoil: Callable[[Stage], None], words: list[str]) -> None:
    stage.add(1)
    spoil(stage)
    found = "\n".join(problems(stage))
    for word in words:
        assert word in found


def test_a_login_that_lacks_the_permission(stage: Stage) -> None:
    less = stage.google.issue_credentials(["https://www.googleapis.com/auth/photoslibrary.appendonly"])
    write_credentials(stage.credentials, stage.world, **less)
    found = "\n".join(problems(stage))
    assert "lacks the permission to read the albums that this app has made. Log in again" in found


def test_a_login_of_an_app_in_testing_tells_when_it_ends(stage: Stage) -> None:
    stage.google.options.refresh_token_s = 7 * 86_400
    write_credentials(stage.credentials, stage.world)
    assert "it ends by itself in 7.0 days" in "\n".join(problems(stage))


def test_a_folder_that_cannot_be_written(stage: Stage, tmp_path: Path) -> None:
    result = stage.run("doctor", "--cache", str(tmp_path / "absent" / "cache.db"))
    result.assert_message(1)
    assert "cache: The folder" in result.out
    assert "cache folder: " in result.out


async def test_a_clock_that_is_wrong(stage: Stage) -> None:
    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    offset = await offset_of(stage.server.url, AllowedHosts(origin=stage.server.url), ahead)
    assert timedelta(minutes=-61) < offset < timedelta(minutes=-59)


def test_a_folder_is_checked_though_the_credentials_are_broken(stage: Stage, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    stage.config.write_text(f"albums:\n- name: X\n  sources: {{folder: [{photos}, {tmp_path}/absent]}}\n")
    stage.credentials.write_text("nixplay: {username: u, pasword: p}\nimmich: {api_key: k\u00e9y}\n")
    found = findings(stage, 1)
    told = "\n".join(f"{subject}: {rest}" for _, subject, rest in found)
    assert "pasword" in told
    assert "immich.api_key" in told
    assert "rule X: folder" in told
