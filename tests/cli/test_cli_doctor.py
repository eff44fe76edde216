"""`picsync doctor`: each mistake of a new user, with its fix."""

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
from tests.cli.command_line import CommandLine
from tests.household_services import ALBUM, PLAYLIST, write_credentials


def findings(cli: CommandLine, code: int) -> list[tuple[str, str, str]]:
    """Return mark, subject and the rest of every line."""
    result = cli.run("doctor", "--json")
    result.assert_message(code)
    found = json.loads(result.out)
    return [(each["mark"], each["subject"], f"{each['message']} {each['fix']}") for each in found]


def problems(cli: CommandLine, code: int = 1) -> list[str]:
    return [f"{subject}: {rest}" for mark, subject, rest in findings(cli, code) if mark == "problem"]


def test_all_is_well(cli: CommandLine) -> None:
    cli.add(3)
    cli.run("sync")
    cli.nixplay.state.assign(cli.nixplay.add_frame("Sideboard"), cli.nixplay.playlist_named(PLAYLIST))
    before = cli.writes()
    result = cli.run("doctor")
    assert result.code == 0
    assert cli.writes() == before
    assert result.out.splitlines()[-1] == "No problems found."
    for line in (
        f"rule {ALBUM}: googlephotos {cli.album.album_id}: 3 items, complete.",
        f"rule {ALBUM}: the playlist {PLAYLIST} exists with 3 photos.",
        "contains 3 media items",
        "Nixplay: logged in",
        "Google Photos: logged in",
        "this machine's clock agrees",
    ):
        assert line in result.out


def test_names_that_nixplay_does_not_keep_are_told(cli: CommandLine) -> None:
    """Once when they are made, and by `doctor` whenever it is asked."""
    name = "Fun \N{GRINNING FACE}"
    album, playlist = names.plain(name), names.plain(f"ss_{name}")
    cli.add(2)
    cli.config.write_text(cli.config.read_text("utf-8").replace(ALBUM, name), "utf-8")
    first = cli.run("sync", "--once", "--log-format", "human")
    made = cli.nixplay.playlist_named(playlist or "")
    made.frames.clear()
    second = cli.run("sync", "--once", "--log-format", "human")
    assert f"Nixplay does not keep the album name {name}: the album is called {album} there" in first.err
    assert (
        f"Nixplay does not keep the playlist name ss_{name}: the playlist is called {playlist}" in first.err
    )
    assert f"The playlist {playlist} is new (Nixplay does not keep the name ss_{name})." in first.err
    assert "does not keep" not in second.err
    assert f"No frame shows the playlist {playlist} yet." in second.err
    said = cli.run("doctor").out
    assert f"no frame shows the playlist {playlist}." in said
    cli.nixplay.state.assign(cli.nixplay.add_frame("Sideboard"), made)
    said = cli.run("doctor").out
    for called in (album, playlist):
        assert f"; Nixplay calls it {called}, since it does not keep the name." in said


def test_an_interval_below_the_floor_is_told(cli: CommandLine) -> None:
    cli.add(1)
    cli.run("sync")
    cli.write_config(head=["every: 2s"])
    said = cli.run("doctor").out
    assert f"the interval of {ALBUM} is shorter than 10 s; 10 s is used instead." in said
    assert "Write `every: 10m` or more" in said


def test_it_writes_nothing_before_the_first_cycle(cli: CommandLine) -> None:
    cli.add(3)
    before = set(cli.folder.iterdir())
    assert not problems(cli, 0)
    assert cli.writes() == []
    assert set(cli.folder.iterdir()) == before


def no_file(cli: CommandLine) -> None:
    cli.config.unlink()


def bad_yaml(cli: CommandLine) -> None:
    cli.config.write_text("albums: [\n", "utf-8")


def wrong_password(cli: CommandLine) -> None:
    cli.credentials.write_text(cli.credentials.read_text("utf-8").replace("password: ", "password: x"))


def readable(cli: CommandLine) -> None:
    cli.credentials.chmod(0o644)


def revoked(cli: CommandLine) -> None:
    for grant in cli.google.account.grants.values():
        grant.revoked = True
    cli.google.account.access_tokens.clear()


def no_such_album(cli: CommandLine) -> None:
    cli.google.remove_album(cli.album)


def two_albums(cli: CommandLine) -> None:
    for _ in range(2):
        cli.nixplay.state.create_album(cli.nixplay.account(), ALBUM)


def foreign_cache(cli: CommandLine) -> None:
    cli.cache.write_bytes(b"not a database" * 100)


def nixplay_down(cli: CommandLine) -> None:
    cli.server.faults.add(Fault(kind=FaultKind.STATUS, status=503, host="api.nixplay.com", count=None))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_file, ["there is no such file; run `picsync init`"]),
        (bad_yaml, ["picsync.yaml:"]),
        (wrong_password, ["Nixplay: Nixplay refused the password", "Check `nixplay:` in"]),
        (readable, ["every user of this machine can read it; run: chmod 600"]),
        (revoked, ["Google Photos: Google no longer accepts this login", "picsync googlephotos login"]),
        (no_such_album, ["has no album with the ID"]),
        (two_albums, [f"rule {ALBUM}: ", "albums", "picsync nixplay delete album"]),
        (foreign_cache, ["cache: The cache"]),
        (nixplay_down, ["Nixplay: ", "503"]),
    ],
)
def test_what_a_newcomer_gets_wrong(
    cli: CommandLine, spoil: Callable[[CommandLine], None], words: list[str]
) -> None:
    cli.add(1)
    spoil(cli)
    found = "\n".join(problems(cli))
    for word in words:
        assert word in found


def test_a_login_that_lacks_the_permission(cli: CommandLine) -> None:
    less = cli.google.issue_credentials(["https://www.googleapis.com/auth/photoslibrary.appendonly"])
    write_credentials(cli.credentials, cli.world, **less)
    found = "\n".join(problems(cli))
    assert "lacks the permission to read the albums that this app created. Log in again" in found


def test_a_login_of_an_app_in_testing_tells_when_it_ends(cli: CommandLine) -> None:
    cli.google.options.refresh_token_s = 7 * 86_400
    write_credentials(cli.credentials, cli.world)
    assert "it expires in 7.0 days" in "\n".join(problems(cli))


def test_a_folder_that_cannot_be_written(cli: CommandLine, tmp_path: Path) -> None:
    result = cli.run("doctor", "--cache", str(tmp_path / "absent" / "cache.db"))
    result.assert_message(1)
    assert "cache: The folder" in result.out
    assert "cache folder: " in result.out


async def test_a_clock_that_is_wrong(cli: CommandLine) -> None:
    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    offset = await offset_of(cli.server.url, AllowedHosts(origin=cli.server.url), ahead)
    assert timedelta(minutes=-61) < offset < timedelta(minutes=-59)


def test_a_folder_is_checked_though_the_credentials_are_broken(cli: CommandLine, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cli.config.write_text(f"albums:\n- name: X\n  sources: {{folder: [{photos}, {tmp_path}/absent]}}\n")
    cli.credentials.write_text("nixplay: {username: u, pasword: p}\nimmich: {api_key: k\u00e9y}\n")
    found = findings(cli, 1)
    told = "\n".join(f"{subject}: {rest}" for _, subject, rest in found)
    assert "pasword" in told
    assert "immich.api_key" in told
    assert "rule X: folder" in told
