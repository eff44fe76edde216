"""`picsync demo` as a process, as its user sees it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from PIL import Image

from picsync.emulators.google import generated_jpeg
from tests.cli.command_line import REAL_TIME, CommandLine, Process

CYCLES_S = 30.0


@contextmanager
def states(url: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Follow the page's event stream: each state that differs from the one before."""
    with httpx.stream("GET", f"{url}events", timeout=CYCLES_S) as response:
        lines = response.iter_lines()
        yield (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def titles(state: dict[str, Any]) -> set[str]:
    return {photo["title"] for photo in state["photos"]}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number in range(1, 4):
        (folder / f"photo{number}.jpg").write_bytes(picture(number))
    return folder


def picture(number: int) -> bytes:
    return b"".join(generated_jpeg(number, 5000).chunks())


def start(cli: CommandLine, *more: str) -> tuple[Process, str]:
    temporary = cli.folder / "tmp"
    temporary.mkdir()
    process = cli.start("demo", *more, command=REAL_TIME, env={"TMPDIR": str(temporary)}, forked=True)
    while not (line := process.line()).startswith("Nixplay frame:"):
        pass
    found = re.search(r"http\S+", line)
    assert found
    return process, found[0]


def drop(url: str, content: bytes) -> int:
    headers = {"X-Picsync-Drop": "1"}
    return httpx.post(f"{url}photos?name=new.jpg", content=content, headers=headers).status_code


@pytest.mark.parametrize("source", ["googlephotos", "immich"])
def test_the_frame_follows_the_folder(cli: CommandLine, photos: Path, source: str) -> None:
    process, url = start(cli, "--source", source, "--photos", str(photos))
    assert str(photos) in process.line()
    assert "picsync.yaml" in process.line()
    assert process.line() == "Ctrl-C ends the demo.\n"
    assert "<html" in httpx.get(url).text
    with states(url) as seen:
        first = next(state for state in seen if titles(state) == {"photo1", "photo2", "photo3"})
        (photos / "photo4.jpg").write_bytes(picture(4))
        next(state for state in seen if "photo4" in titles(state))
        (photos / "photo4.jpg").unlink()
        last = next(state for state in seen if "photo4" not in titles(state))
    assert titles(last) == titles(first)
    assert titles(httpx.get(f"{url}state").json()) == titles(last)
    assert "Family" in " ".join(last["caption"]) or first["caption"]
    shown = httpx.get(f"{url}photo/{first['photos'][0]['id']}")
    assert shown.headers["content-type"] == "image/jpeg"
    process.signal(signal.SIGINT)
    result = process.end()
    result.assert_message(0, "3 photos uploaded", "Uploaded photo4.jpg", "Deleted photo4.jpg", "has ended")
    assert list((cli.folder / "tmp").iterdir()) == []
    assert len(list(photos.iterdir())) == 3


def test_a_directory_plays_an_album_shared_by_link(cli: CommandLine, photos: Path) -> None:
    process, url = start(cli, "--source", "sharedlink", "--photos", str(photos))
    with states(url) as seen:
        next(state for state in seen if len(state["photos"]) == 3)
        (photos / "photo1.jpg").unlink()
        next(state for state in seen if len(state["photos"]) == 2)
    process.signal(signal.SIGINT)
    process.end().assert_message(0, "3 photos uploaded", "has ended")


def test_camera_uploads_are_sorted_in_dropbox_one_after_the_other(cli: CommandLine) -> None:
    process, url = start(cli, "--organize")
    phone = process.line()
    assert phone.startswith("Phone:")
    camera, home = Path(phone.split()[1]), process.line().split()[1]
    with states(url) as seen:
        # Six are there at the start, the others follow.
        next(state for state in seen if len(state["photos"]) > 6)
        (camera / "IMG_20190412_101500.jpg").write_bytes(picture(4))
        next(state for state in seen if "IMG_20190412_101500" in titles(state))
    page = httpx.get(home).text
    for folder, name in (
        ("/Photos/2019/2019-04", "IMG_20190412_101500"),
        ("/Photos/2024/2024-05", "Hills at dawn"),
    ):
        found = re.search(rf'<h2>{folder}</h2><ul><li><img src="([^"]+)"[^>]*>{name}\.jpg', page)
        assert found is not None
        assert httpx.get(urljoin(home, found[1])).headers["content-type"] == "image/jpeg"
    process.signal(signal.SIGINT)
    process.end().assert_message(0, "Organizing camera: 6 files moved", "has ended")
    assert list((cli.folder / "tmp").iterdir()) == []


def test_the_pages_of_a_family_have_photos_votes_and_captions(cli: CommandLine) -> None:
    (cli.folder / "tmp").mkdir()
    environment = {"TMPDIR": str(cli.folder / "tmp")}
    process = cli.start("demo", "--family", command=REAL_TIME, env=environment, forked=True)
    found = re.fullmatch(r"Family pages: +(http\S+)(/join/\S+)\n", process.line())
    assert found
    # It is hidden once the others have been described.
    process.error_line("Deleted Desert dunes.jpg")
    with httpx.Client(base_url=found[1], headers={"Origin": found[1]}, follow_redirects=True) as browser:
        assert browser.post(found[2]).status_code == 200
        assert "The Millers" in browser.get("/").text
        assert "Remember the 201 steps" in browser.get("/search", params={"q": "201 steps"}).text
        token = re.search(r'name="form_token" value="([^"]+)"', browser.get("/send").text)
        assert token
        sent = browser.post(
            "/send",
            data={"form_token": token[1], "album": "Family"},
            files={"files": ("Pancakes.jpg", picture(1), "image/jpeg")},
        )
        assert sent.status_code == 200
        process.error_line("Uploaded Pancakes.jpg")
    process.signal(signal.SIGINT)
    process.end().assert_message(0, "has ended")


def test_the_demo_never_sorts_your_own_photos(cli: CommandLine, photos: Path) -> None:
    cli.run("demo", "--organize", "--photos", str(photos)).assert_message(2, "takes no --photos")
    cli.run("demo", "--organize", "--source", "folder").assert_message(2, "leave out --source folder")


def test_a_directory_is_the_source_itself(cli: CommandLine, photos: Path) -> None:
    process, url = start(cli, "--source", "folder", "--photos", str(photos))
    with states(url) as seen:
        next(state for state in seen if len(state["photos"]) == 3)
        (photos / "photo4.jpg").write_bytes(picture(4))
        next(state for state in seen if len(state["photos"]) == 4)
        (photos / "photo1.jpg").unlink()
        next(state for state in seen if len(state["photos"]) == 3)
    process.signal(signal.SIGINT)
    process.end().assert_message(0, "3 photos uploaded", "has ended")


def test_a_web_frame_shows_the_photos_as_well(cli: CommandLine, tmp_path: Path) -> None:
    photos = tmp_path / "pictures"
    photos.mkdir()
    for number in range(2):
        Image.new("RGB", (64, 40), (number * 90, 80, 120)).save(photos / f"{number}.jpg")
    (cli.folder / "tmp").mkdir()
    environment = {"TMPDIR": str(cli.folder / "tmp")}
    process = cli.start("demo", "--photos", str(photos), command=REAL_TIME, env=environment, forked=True)
    found = re.fullmatch(r"Web frame: +(http\S+)(/frame/tablet)(\?token=\S+)\n", process.line())
    assert found
    process.error_line("on tablet: 2 photos uploaded")
    with httpx.Client(base_url=found[1], follow_redirects=True) as browser:
        assert "picsync frame pair" in browser.get(found[2]).text
        assert 'id="stage"' in browser.get(found[2] + found[3]).text
        listed = browser.get(f"{found[2]}/photos.json").json()["photos"]
        assert len(listed) == 2
        assert browser.get(listed[0]["url"]).headers["content-type"] == "image/jpeg"
    process.signal(signal.SIGINT)
    process.end().assert_message(0, "has ended")


def test_sample_photos(cli: CommandLine) -> None:
    process, url = start(cli)
    with states(url) as seen:
        next(state for state in seen if len(state["photos"]) == 21)
    process.signal(signal.SIGTERM)
    process.end().assert_message(0, "Painting sample photos", "The demo has ended.")
    assert list((cli.folder / "tmp").iterdir()) == []


def test_page_takes_pictures_and_asks_for_no_assignment(cli: CommandLine, photos: Path) -> None:
    process, url = start(cli, "--photos", str(photos))
    page = httpx.get(url).text
    assert str(photos) in page
    with states(url) as seen:
        next(state for state in seen if len(state["photos"]) == 3)
        assert drop(url, picture(4)) == 201
        next(state for state in seen if "new" in titles(state))
        assert drop(url, picture(4)) == 409
        # The same content under another name, put in by hand.
        (photos / "again.jpg").write_bytes(picture(1))
        next(state for state in seen if "again.jpg is already on the frame." in state["news"]["text"])
    process.signal(signal.SIGINT)
    result = process.end()
    result.assert_message(0, "has ended")
    assert "ssign" not in result.err
    assert "shortest interval" not in result.err


def test_the_address_for_other_machines_is_printed(cli: CommandLine, photos: Path) -> None:
    process, url = start(cli, "--photos", str(photos), "--listen", "0.0.0.0:0")
    assert url.startswith("http://127.0.0.1:")
    assert "(from other machines)" in process.line()
    assert "drop one" not in httpx.get(url).text
    process.signal(signal.SIGINT)
    process.end().assert_message(0, "has ended")
