"""Bad input of every kind: one clear message, the documented exit code, and nothing is lost.

Every test begins with a frame in sync and ends by checking that no photo is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.world import LEGACY_SCOPE
from tests.cli.command_line import CommandLine
from tests.household_services import ALBUM, MEDIA_HOST

LISTING = r"mediaItems:search"
HTML = "<html><body>Sorry</body></html>"
CLAIMS: dict[str, Any] = {"mime_type": "image/jpeg", "width": 4, "height": 3}
"""What Google says of a file that is no picture."""

NOT_JSON = "expected JSON, but got"
AGAIN = "The next cycle lists it again."
PASSES = "This may resolve itself: try again later."

EXPIRED = "2020-01-01T00:00:00Z"


@pytest.fixture
def synced(cli: CommandLine) -> Iterator[CommandLine]:
    """The frame shows three photos, of which two are no longer wanted: all are still there at the end."""
    items = cli.add(3)
    assert cli.run("sync").code == 0
    for item in items[:2]:
        cli.google.remove_item(item, cli.album)
    yield cli
    assert cli.on_frame() >= 3
    assert cli.in_playlist() >= 3


@pytest.fixture
def unasked(cli: CommandLine) -> Iterator[CommandLine]:
    """No service receives a request."""
    yield cli
    assert cli.server.log.records == []


# --- the files that a person writes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("albums: [", ["picsync.yaml:1", "is not valid YAML", "Check the indentation"]),
        ("albums:\n- name: [x\n", ["picsync.yaml:", "is not valid YAML"]),
        ("albums:\n\t- name: x\n", ["picsync.yaml:2", "is not valid YAML", "spaces only"]),
        ("", ["picsync.yaml: albums: is missing; write for example `albums: [{name: AllMyStuff"]),
        ("just words", ["picsync.yaml: must consist of `key: value` lines", "doc/configuration.md"]),
        ("albums: []\n", ["picsync.yaml:1: albums", "at least one album rule"]),
        ("albums:\n- sources: {googlephotos: [x]}\n", ["albums[0].name", "is missing", "name: AllMyStuff"]),
        (
            "evry: 1h\nalbums:\n- {name: x, sources: {googlephotos: [x]}}\n",
            ["picsync.yaml:1: evry", "is not a setting that picsync knows", "did you mean `every`?"],
        ),
        (
            "albums:\n- {name: x, sources: {googelphotos: [x]}}\n",
            ["googelphotos", "is not a source that picsync knows", "did you mean `googlephotos`?"],
        ),
        (
            "every: 10\nalbums:\n- {name: x, sources: {googlephotos: [x]}}\n",
            ["picsync.yaml:1: every", "needs a unit", "`10s`"],
        ),
        (
            "albums:\n- {name: x, delete: maybe, sources: {googlephotos: [x]}}\n",
            ["picsync.yaml:2: albums[0].delete", "must be true or false, not 'maybe'"],
        ),
        ("nixplay: {username: x}\nalbums: [{name: x}]\n", ["nixplay", ".picsync-credentials.yaml"]),
    ],
)
def test_a_wrong_configuration(unasked: CommandLine, text: str, words: list[str]) -> None:
    unasked.config.write_text(text, "utf-8")
    unasked.run("sync").assert_message(2, *words)
    assert unasked.server.log.records == [], "nothing was asked of any service"


def test_every_problem_is_named_at_once(unasked: CommandLine) -> None:
    unasked.config.write_text("evry: 1h\nalbums:\n- nam: x\n", "utf-8")
    unasked.run("sync").assert_message(2, "evry", "nam", "did you mean `name`?")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["picsync.yaml: the file is empty; write for example `albums:"]),
        ("emulator: localhost\nalbums: [{name: x}]\n", ["picsync.yaml:1: emulator", "http://<host>:<port>"]),
    ],
)
def test_a_wrong_configuration_with_nothing_in_the_environment(
    unasked: CommandLine, text: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PICSYNC_EMULATOR")
    unasked.config.write_text(text, "utf-8")
    unasked.run("sync").assert_message(2, *words)


def test_a_missing_configuration(unasked: CommandLine) -> None:
    unasked.run("sync", "absent.yaml").assert_message(2, "absent.yaml", "no such file", "picsync init")


def test_a_directory_as_configuration(unasked: CommandLine) -> None:
    unasked.run("sync", ".").assert_message(2, "is a directory, but a file is needed here")


def test_a_wrong_environment_variable(unasked: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSYNC_EVRY", "1h")
    result = unasked.run("sync")
    result.assert_message(2, "PICSYNC_EVRY", "did you mean `PICSYNC_EVERY`?")
    assert result.err.count("PICSYNC_EVRY") == 1
    result = unasked.run("doctor")
    assert result.out.count("PICSYNC_EVRY") == 1


def test_a_rule_without_sources(synced: CommandLine) -> None:
    synced.config.write_text(f"emulator: {synced.server.url}\nalbums: [{{name: {ALBUM}}}]\n", "utf-8")
    result = synced.run("sync")
    result.assert_message(1, "'Family' names no source, so nothing is changed", "under `sources:`")


def test_no_credentials_at_all(unasked: CommandLine) -> None:
    unasked.credentials.unlink()
    unasked.run("sync").assert_message(
        2,
        ".picsync-credentials.yaml (no such file): nixplay.username: is missing",
        "nixplay.password: is missing",
        "googlephotos.api.key: is missing",
        "Write your Nixplay account there",
        "OAuth client",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nixplay: {username: x}\n", ["nixplay.password: is missing", "Write your Nixplay account there"]),
        (
            "nixplay: {username: x, password: y}\ngooglephotos: {api: {key: k, secret: s}}\n",
            ["googlephotos.access.refresh_token: is missing", "picsync googlephotos login"],
        ),
        ("nixplay: {user: x}\n", ["nixplay.user: is not a setting", "did you mean `username`?"]),
        ("nixplay: {username: x, password: [}\n", ["is not valid YAML"]),
    ],
)
def test_wrong_credentials(unasked: CommandLine, text: str, words: list[str]) -> None:
    unasked.credentials.write_text(text, "utf-8")
    unasked.run("sync").assert_message(2, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nixplay", "list"], ["nixplay.username: is missing", "Write your Nixplay account there"]),
        (["googlephotos", "list"], ["googlephotos.api.key: is missing", "OAuth client"]),
        (["googlephotos", "login", "--no-browser"], ["googlephotos.api.key: is missing", "OAuth client"]),
    ],
)
def test_no_credentials_for_the_small_commands(
    unasked: CommandLine, arguments: list[str], words: list[str]
) -> None:
    unasked.credentials.unlink()
    unasked.run(*arguments).assert_message(2, *words)


# --- who we are -------------------------------------------------------------------------------------------

WRONG_PASSWORD = (
    "Nixplay refused the password for grandma: Please check your username and password.",
    "Check `nixplay:` in .picsync-credentials.yaml",
)
REVOKED = (
    "Google no longer accepts this login: its token has expired or was revoked",
    "`picsync googlephotos login`",
    "after 7 days",
    "Testing",
    "Publish app",
)
SCOPES = ("the permission it was given no longer suffices", "2025-03-31", "`picsync googlephotos login`")


@pytest.mark.parametrize("command", [["sync"], ["nixplay", "list"], ["nixplay", "delete", "album", "Family"]])
def test_a_wrong_nixplay_password(synced: CommandLine, command: list[str]) -> None:
    text = synced.credentials.read_text("utf-8").replace("emulated-password", "not-it")
    synced.credentials.write_text(text, "utf-8")
    synced.server.log.clear()
    synced.run(*command).assert_message(3, *WRONG_PASSWORD)
    assert synced.server.log.count(path="www-login") == 1, "asking again may lock the account"


@pytest.mark.parametrize("command", [["sync"], ["googlephotos", "list"]])
def test_a_revoked_google_login(synced: CommandLine, command: list[str]) -> None:
    synced.write_credentials(expiry=EXPIRED)
    synced.google.revoke_all()
    synced.run(*command).assert_message(3, *REVOKED)


@pytest.mark.parametrize("command", [["sync"], ["googlephotos", "list"]])
def test_the_permissions_that_google_removed(synced: CommandLine, command: list[str]) -> None:
    synced.write_credentials(**synced.google.issue_credentials([LEGACY_SCOPE]))
    synced.run(*command).assert_message(3, *SCOPES)


def test_a_wrong_client_secret(synced: CommandLine) -> None:
    synced.write_credentials(client_secret="not-it", expiry=EXPIRED)
    synced.run("sync").assert_message(3, "rejects this client ID and client secret", "Compare them")


def test_an_api_that_is_not_enabled(synced: CommandLine) -> None:
    synced.google.options.service_enabled = False
    synced.run("sync").assert_message(3, "Photos Library API is not enabled", "Google Cloud console")


# --- what the services hold and answer -------------------------------------------------------------------


NO_ALBUM = ("Google Photos has no album with the ID nope", "`picsync googlephotos list`", "same client ID")


def test_a_google_album_that_does_not_exist(synced: CommandLine) -> None:
    synced.write_config(album="nope")
    result = synced.run("sync")
    result.assert_message(1, "3 photos of 3 not deleted", *NO_ALBUM)
    assert result.err.count("has no album with the ID nope") == 1
    listed = synced.run("googlephotos", "list", "nope")
    listed.assert_message(1, *NO_ALBUM)
    assert listed.out == ""


def test_one_of_two_google_albums_does_not_exist(synced: CommandLine) -> None:
    synced.add(1)
    synced.write_config(album=f"{synced.album.album_id}, nope")
    synced.run("sync").assert_message(1, "1 photo uploaded", "not deleted", *NO_ALBUM)
    assert synced.on_frame() == 4


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (LISTING, ["3 photos of 3 not deleted", "Google Photos list media items", NOT_JSON, AGAIN]),
        ("/v1/albums/", ["Google Photos look at album", NOT_JSON, AGAIN]),
        ("/v3/playlists$", ["Nixplay list playlists: expected JSON, but got an HTML page", PASSES]),
        ("/pictures/", ["Nixplay list photos: expected JSON, but got an HTML page", PASSES]),
        ("/www-login/", ["Nixplay login: expected JSON, but got text/html", PASSES]),
    ],
)
def test_html_in_place_of_json(synced: CommandLine, path: str, words: list[str]) -> None:
    synced.server.faults.add(Fault(kind=FaultKind.BODY, body=HTML, path=path, count=None))
    synced.server.log.clear()
    result = synced.run("sync")
    result.assert_message(1, "Trying again in", *words)
    assert "DELETE" not in " ".join(synced.writes())
    synced.server.faults.clear()
    synced.add(1)
    synced.write_config(rule=["delete: false"])
    assert synced.run("sync").code == 0


def test_a_service_in_trouble(synced: CommandLine) -> None:
    synced.server.faults.add(Fault(kind=FaultKind.STATUS, status=503, path=LISTING, count=None))
    synced.run("sync").assert_message(1, "answered 503", "not deleted", "answered 503", AGAIN)


def test_a_photo_that_cannot_be_downloaded(synced: CommandLine) -> None:
    synced.server.faults.add(Fault(kind=FaultKind.STATUS, status=404, host=MEDIA_HOST, count=2))
    synced.add(1)
    synced.run("sync").assert_message(
        1,
        "2 photos of 3 not deleted: the content of 1 listed item could not be read yet",
        "IMG_4.jpg: Google refuses the download (404). The next cycle tries again.",
    )


def test_a_file_that_is_no_picture(synced: CommandLine) -> None:
    synced.write_config(rule=["delete: false"])
    synced.google.add_item(
        synced.album, "odd.jpg", b"no picture" * 9, mime_type="image/jpeg", width=4, height=3
    )
    first = synced.run("sync")
    first.assert_message(
        0, "1 item skipped as unusable", "odd.jpg: its content is neither a picture nor a video"
    )
    synced.server.log.clear()
    again = synced.run("sync")
    again.assert_message(0, "1 item skipped as unusable; each is tried again after a day")
    assert synced.downloads() == 0


def test_a_name_that_would_upset_a_terminal(synced: CommandLine) -> None:
    synced.write_config(rule=["delete: false"])
    evil = "\x1b[2J\x1b]0;owned\x07\r.jpg"
    synced.google.add_item(synced.album, evil, b"no picture" * 9, **CLAIMS)
    results = [
        synced.run("sync", "-v"),
        synced.run("sync", "--dry-run"),
        synced.run("googlephotos", "list", synced.album.album_id),
    ]
    for result in results:
        assert not {"\x1b", "\x07", "\r"} & set(result.out + result.err)


def test_several_frame_albums_of_the_name(synced: CommandLine) -> None:
    synced.nixplay.add_album(ALBUM)
    synced.run("sync").assert_message(
        1,
        "Nixplay has 2 albums named 'Family'",
        "picsync nixplay delete album Family --delete-multiple --keep",
    )


def test_a_full_nixplay_storage(synced: CommandLine) -> None:
    synced.write_config(rule=["delete: false"])
    synced.nixplay.options.storage_limit_bytes = 15_000
    synced.add(3)
    result = synced.run("sync")
    assert result.code == 1
    assert "Traceback" not in result.err
    assert "storage" in result.err
    assert result.err.count("is full") <= 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sync"], "Nixplay login: no connection to the service."),
        (["nixplay", "list"], "Nixplay login: no connection to the service."),
        (["googlephotos", "list"], "Google Photos list albums: no connection to the service."),
    ],
)
def test_nothing_answers_at_all(synced: CommandLine, command: list[str], words: str) -> None:
    port = synced.server.port
    synced.on_loop(synced.server.close())
    synced.run(*command).assert_message(1, "Trying again in", words, "Check this machine's network")
    synced.on_loop(synced.server.start(port=port))


# --- the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sink"], ["No such command 'sink'"]),
        (["sync", "--bogus"], ["No such option '--bogus'"]),
        (["sync", "a.yaml", "b.yaml"], ["unexpected extra argument (b.yaml)"]),
        (["sync", "--cache"], ["Option '--cache' requires an argument"]),
        (["nixplay", "delete", "album"], ["Missing argument 'NAME'"]),
        (
            ["nixplay", "delete", "album", "Family", "--keep", "1"],
            ["--keep can only be used with --delete-multiple"],
        ),
        (["googlephotos", "list", "--update-cache"], ["--update-cache needs an ALBUM_ID"]),
        (["completion", "tcsh"], ["'tcsh' is not one of"]),
        (["emulator"], ["Missing option '--listen'"]),
        (["emulator", "--listen", "nonsense"], ["'nonsense' is not HOST:PORT, such as 127.0.0.1:8080"]),
        (["emulator", "--listen", "127.0.0.1:99999"], ["'127.0.0.1:99999' is not HOST:PORT"]),
        (["emulator", "--listen", "no.such.host.invalid:0"], ["no.such.host.invalid:0 cannot be used"]),
        (["demo", "--listen", "8080"], ["'8080' is not HOST:PORT"]),
        (["demo", "--photos", "absent"], ["'absent' does not exist"]),
        (
            ["emulator", "--listen", ":0", "--tls-cert", "picsync.yaml"],
            ["--tls-cert and --tls-key go together"],
        ),
        (
            ["emulator", "--listen", ":0", "--tls-cert", "picsync.yaml", "--tls-key", "picsync.yaml"],
            ["--tls-cert and --tls-key cannot be used together"],
        ),
    ],
)
def test_a_wrong_command_line(unasked: CommandLine, arguments: list[str], words: list[str]) -> None:
    unasked.run(*arguments).assert_message(2, *words)


@pytest.mark.parametrize("command", ["emulator", "demo"])
def test_a_port_that_is_taken(unasked: CommandLine, command: str) -> None:
    taken = f"127.0.0.1:{unasked.server.port}"
    photos = ["--photos", str(unasked.folder)]
    unasked.run(command, "--listen", taken, *photos).assert_message(
        2, f"--listen: {taken} cannot be used", "ddress already in use"
    )
