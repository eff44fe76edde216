"""`picsync nixplay`."""

from __future__ import annotations

import io
import json

import pytest

from picsync.core.identity import plain_name
from picsync.emulators.faults import Fault, FaultKind
from tests.cli.command_line import CommandLine

HOSTILE = "Bad\x1b[31m\x1b]0;title\x07 password\r\nPlease \u202eevil\x9b2J\u2028 log\u200bin \x08\x08\x00"
"""Colours, a title, a bell, line ends, marks of direction, controls of 8 bits, a backspace, a null."""


@pytest.fixture
def synced(cli: CommandLine) -> CommandLine:
    cli.add(2)
    assert cli.run("sync").code == 0
    return cli


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_list(synced: CommandLine) -> None:
    album = synced.nixplay.album_named("Family")
    result = synced.run("nixplay", "list")
    assert result.code == 0
    assert result.err == ""
    heading, *rows = [line.split(maxsplit=2) for line in result.out.splitlines()]
    assert heading == ["ID", "PHOTOS", "NAME"]
    assert [str(album.album_id), "2", "Family"] in rows


@pytest.mark.parametrize("command", [["nixplay", "list"], ["list", "googlephotos"]])
def test_the_emulator_of_the_configuration_here(
    synced: CommandLine, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.delenv("PICSYNC_EMULATOR")
    result = synced.run(*command)
    assert "Family" in result.out, result.err
    assert f"picsync.yaml: all requests go to the emulator at {synced.server.url}." in result.err


def test_list_as_json(synced: CommandLine) -> None:
    albums = json.loads(synced.run("nixplay", "list", "--json").out)
    assert {"name": "Family", "photo_count": 2}.items() <= next(
        a for a in albums if a["name"] == "Family"
    ).items()


def test_list_an_album(synced: CommandLine) -> None:
    album = synced.nixplay.album_named("Family")
    out = synced.run("nixplay", "list", "Family").out
    assert f"Album {album.album_id}, 2 photos:" in out
    for photo in synced.nixplay.album_photos(album):
        assert f"{photo.photo_id}  {photo.md5}  {photo.filename}" in out
    [found] = json.loads(synced.run("nixplay", "list", "Family", "--json").out)
    assert found["complete"]
    assert {plain_name(each["filename"]) for each in found["photos"]} == {"IMG_1.jpg", "IMG_2.jpg"}


@pytest.mark.parametrize("arguments", [["list", "Famly"], ["delete", "album", "Famly"]])
def test_an_unknown_album(synced: CommandLine, arguments: list[str]) -> None:
    synced.run("nixplay", *arguments).assert_message(1, "Nixplay has no album named 'Famly'")


@pytest.mark.parametrize(("said", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 130)])
def test_delete_asks(synced: CommandLine, monkeypatch: pytest.MonkeyPatch, said: str, code: int) -> None:
    answer(monkeypatch, said)
    result = synced.run("nixplay", "delete", "album", "Family")
    assert result.code == code
    assert "Family: 2 photos" in result.out
    assert "Delete 1 album with all photos? [y/N]" in result.err
    assert ("othing was deleted" in result.err) == (code != 0)
    assert ("--yes" in result.err) == (said == "")
    assert len(synced.nixplay.albums_named("Family")) == (code != 0)


def test_delete_without_asking(synced: CommandLine) -> None:
    result = synced.run("nixplay", "delete", "album", "Family", "--yes")
    assert result.code == 0
    assert "Deleted album" in result.out
    assert synced.nixplay.albums_named("Family") == []
    assert synced.in_playlist() == 0


def test_several_of_one_name_are_not_guessed_at(synced: CommandLine) -> None:
    other = synced.nixplay.add_album("Family")
    result = synced.run("nixplay", "delete", "album", "Family", "--yes")
    result.assert_message(
        1, "2 albums named 'Family'", str(other.album_id), "nothing was deleted", "--keep ID"
    )
    assert len(synced.nixplay.albums_named("Family")) == 2


def test_delete_several(synced: CommandLine) -> None:
    synced.nixplay.add_album("Family")
    assert synced.run("nixplay", "delete", "album", "Family", "--delete-multiple", "--yes").code == 0
    assert synced.nixplay.albums_named("Family") == []


def test_delete_several_but_one(synced: CommandLine) -> None:
    kept = synced.nixplay.album_named("Family")
    for _ in range(2):
        synced.nixplay.add_album("Family")
    arguments = ["nixplay", "delete", "album", "Family", "--delete-multiple", "--yes", "--keep"]
    synced.run(*arguments, "1").assert_message(2, "no album named 'Family' has the ID 1; nothing was deleted")
    assert len(synced.nixplay.albums_named("Family")) == 3
    assert synced.run(*arguments, str(kept.album_id)).code == 0
    assert synced.nixplay.album_named("Family") is kept
    assert synced.on_frame() == 2
    assert synced.run("sync").code == 0


def test_nothing_but_the_kept_one(synced: CommandLine) -> None:
    kept = synced.nixplay.album_named("Family")
    arguments = ["--delete-multiple", "--keep", str(kept.album_id), "--yes"]
    result = synced.run("nixplay", "delete", "album", "Family", *arguments)
    result.assert_message(0, "nothing was deleted")
    assert synced.on_frame() == 2


@pytest.mark.parametrize(
    "command",
    [
        ("nixplay", "list"),
        ("nixplay", "delete", "album", "Family", "--yes"),
        ("sync", "--once", "--verbose"),
        ("sync", "--once", "--log-format", "json"),
        ("sync", "--dry-run"),
        ("doctor",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("where", ["__all__", "anything"])
def test_what_a_refused_login_says_moves_no_cursor(
    cli: CommandLine, command: tuple[str, ...], where: str
) -> None:
    body = {
        "success": False,
        "errors": {where: {"messages": [[HOSTILE, "Try\tagain"], [HOSTILE + " twice"]]}},
    }
    fault = Fault(kind=FaultKind.BODY, path="^/www-login/$", count=None, body=json.dumps(body))
    cli.server.faults.add(fault)
    result = cli.run(*command)
    assert result.code != 0
    shown = result.out + result.err
    assert "password" in shown
    assert "Try" in shown
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []
    # Nor does a message begin a line of its own.
    assert not any(line.startswith(("Please", "evil")) for line in shown.splitlines())
    if "json" in command:
        messages = [json.loads(line)["message"] for line in result.err.splitlines()]
        assert [char for message in messages for char in message if not char.isprintable()] == []
