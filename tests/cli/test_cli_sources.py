"""`picsync sources` and `picsync list`."""

from __future__ import annotations

import json

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import generated_jpeg
from picsync.sources.kinds import SOURCES
from picsync.system import localtime
from tests.cli.command_line import CommandLine


def test_every_kind_with_its_example(cli: CommandLine) -> None:
    result = cli.run("sources")
    assert result.code == 0
    kinds = json.loads(cli.run("sources", "--json").out)
    assert [each["kind"] for each in kinds] == list(SOURCES)
    for each in kinds:
        assert f"{each['kind']}: {each['title']}" in result.out.splitlines()
        assert each["example"].splitlines()[0] in result.out


def test_an_album_in_a_few_lines(cli: CommandLine) -> None:
    cli.add(9)
    result = cli.run("list", "googlephotos", cli.album.album_id)
    lines = result.out.splitlines()
    assert result.code == 0
    assert lines[0] == f"googlephotos {cli.album.album_id}: 9 items, complete"
    assert lines[1] == "  9 photos"
    assert lines[2].startswith("  taken on 20")
    assert lines[3] == "  sizes are unknown before the download"
    assert lines[4] == "  IMG_1.jpg, IMG_2.jpg, IMG_3.jpg, ..., IMG_7.jpg, IMG_8.jpg, IMG_9.jpg"
    assert cli.downloads() == 0
    assert cli.writes() == []


def test_every_item_of_it(cli: CommandLine) -> None:
    items = cli.add(9)
    result = cli.run("list", "googlephotos", cli.album.album_id, "--items")
    assert all(any(line.endswith(item.item_id) for line in result.out.splitlines()) for item in items)
    [found] = json.loads(cli.run("list", "googlephotos", cli.album.album_id, "--json").out)
    assert (found["certainty"], found["problem"]) == ("complete", None)
    assert [each["id"] for each in found["items"]] == [item.item_id for item in items]


def test_the_albums_that_can_be_named(cli: CommandLine) -> None:
    cli.add(2)
    result = cli.run("list", "googlephotos")
    assert result.out.splitlines()[1].split() == ["2", cli.album.album_id, "Family"]


def test_a_listing_that_broke_off_says_so(cli: CommandLine) -> None:
    cli.add(12)
    cli.google.options.page_cap = 5
    cli.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=400, path="mediaItems:search", skip=1, count=None)
    )
    result = cli.run("list", "googlephotos", cli.album.album_id)
    result.assert_message(1, "The listing is incomplete")
    assert ": 5 items, partial" in result.out


def test_a_folder_without_pictures_is_not_reported_as_good(cli: CommandLine) -> None:
    photos = cli.folder / "photos"
    photos.mkdir()
    whole = b"".join(generated_jpeg(1, 5000).chunks())
    (photos / "whole.jpg").write_bytes(whole)
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.jpg").write_bytes(b"Dear grandma")
    (photos / "raw.CR2").write_bytes(b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(100))
    entry = json.dumps({"path": str(photos), "quiet": "0s"})
    lines = cli.run("list", "folder", entry).out.splitlines()
    assert "  2 files not usable: empty, or neither a picture nor a video" in lines
    assert "  not shown, since Nixplay does not support the format: 1 CR2" in lines
    assert any("damaged files are found when they are uploaded" in line for line in lines)
    [found] = json.loads(cli.run("list", "folder", entry, "--json").out)
    assert found["unrecognised"] == 2


def test_a_photo_in_place_of_a_folder(cli: CommandLine) -> None:
    photo = cli.folder / "photo.jpg"
    photo.write_bytes(b"x")
    cli.run("list", "folder", str(photo)).assert_message(1, "photo.jpg is a file. Write the folder that")


def test_a_relative_folder_is_named_without_a_file(cli: CommandLine) -> None:
    result = cli.run("list", "folder", "photos")
    result.assert_message(2, "argument 1: path: must be")
    assert "albums" not in result.err


def test_list_without_a_kind_names_the_kinds(cli: CommandLine) -> None:
    cli.run("list").assert_message(2, "Name the kind of source", *SOURCES)


@pytest.mark.parametrize("arguments", [("list", "googlephotos"), ("cache", "status"), ("picked", "list")])
def test_a_wrong_time_zone_is_reported(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(localtime, "_replaced", ["Europe/Berlinn"])
    cli.run(*arguments).assert_message(0, "TZ is 'Europe/Berlinn'", "Did you mean TZ=Europe/Berlin?")


def test_no_such_kind(cli: CommandLine) -> None:
    cli.run("list", "googlefotos", "x").assert_message(
        2, "'googlefotos' is not a kind of source or an account. Did you mean `googlephotos`?", "googlephotos"
    )


def test_an_entry_that_cannot_be(cli: CommandLine) -> None:
    cli.run("list", "googlephotos", "a", " ").assert_message(2, "argument 2", "must be the name of an album")


@pytest.mark.parametrize("kind", ["folder", "sharedlinks"])
def test_a_kind_that_needs_an_entry_says_what_to_write(cli: CommandLine, kind: str) -> None:
    cli.run("list", kind).assert_message(2, f"{kind} needs an entry", f"picsync list {kind} ")


def test_albums_of_the_library(cli: CommandLine) -> None:
    library = cli.folder / "library"
    for name in ("Garden", "Family", ".picsync-incoming"):
        (library / name).mkdir(parents=True)
    (library / "Family/a.jpg").write_bytes(b"".join(generated_jpeg(1, 5000).chunks()))
    cli.run("list", "uploads").assert_message(2, "family: {library: /folder}")
    settings = (cli.folder / "picsync.yaml").read_text()
    more = f"web: {{listen: ':8090'}}\nfamily: {{library: {library}}}\n"
    (cli.folder / "picsync.yaml").write_text(settings + more)
    cli.run("list", "uploads").assert_message(1, "not mounted")
    cli.run("list", "uploads", "Family").assert_message(1, "The listing is incomplete", "not mounted")
    (library / ".picsync-library").touch()
    assert [line.split() for line in cli.run("list", "uploads").out.splitlines()[1:]] == [
        ["Family", "Family"],
        ["Garden", "Garden"],
    ]
    result = cli.run("list", "uploads", "Family")
    assert result.code == 0
    assert result.out.splitlines()[0] == "uploads Family: 1 item, complete"
    assert cli.run("list", "uploads", "Garden").out.startswith("uploads Garden: 0 items, complete")
