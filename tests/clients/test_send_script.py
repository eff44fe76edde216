"""The send page's own script, in Node: it loses the network, is closed, and continues."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from picsync.family.bucketlibrary import BucketLibrary
from picsync.web.assets import assets_of
from tests.clients import HERE, need_npm, run
from tests.family.storage import storage
from tests.web.family.sent import movie
from tests.web.family.served import Pages, serve

BLOCK = 8 * 2**20
CONTENT = movie(5) + (2 * BLOCK).to_bytes(4) + b"free" + bytes(2 * BLOCK - 8)
"""Three blocks."""
Opened = tuple[Pages, Callable[[str], bytes], Callable[[str], None]]
"""The pages, and what reads and removes a file of the library."""
Opening = Callable[[Path], AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def in_folder(folder: Path) -> AsyncIterator[Opened]:
    async with serve(folder) as pages:
        library = folder / "library"
        yield (
            pages,
            lambda stored: (library / stored).read_bytes(),
            lambda stored: (library / stored).unlink(),
        )


@asynccontextmanager
async def in_bucket(folder: Path) -> AsyncIterator[Opened]:
    with storage() as server:
        bucket = server.bucket()
        async with serve(folder, library=BucketLibrary(bucket, folder / "incoming", ["Family"])) as pages:
            yield pages, lambda stored: b"".join(bucket.read(stored)), bucket.delete


async def sent(pages: Pages, folder: Path, *options: str) -> dict[str, Any]:
    browser = pages.browsers[0] if pages.browsers else await pages.signed_in("Anna")
    cookie = "; ".join(f"{each.name}={each.value}" for each in browser.client.cookies.jar)
    script = folder / "send.mjs"
    script.write_bytes(assets_of("picsync.web.family").files["send.js"].body)
    command = ["node", str(HERE / "send.mjs"), str(script), pages.url, cookie, await browser.form_token()]
    found: dict[str, Any] = json.loads(
        await run(*command, str(folder / "clip.mov"), str(folder / "memory.json"), *options)
    )
    return found


@pytest.mark.parametrize(("opening", "options"), [(in_folder, []), (in_bucket, ["--direct"])])
async def test_a_page_that_was_closed_in_a_tunnel_continues(
    tmp_path: Path, opening: Opening, options: list[str]
) -> None:
    need_npm("tus-js-client")
    (tmp_path / "clip.mov").write_bytes(CONTENT)
    async with opening(tmp_path) as (pages, stored, remove):
        first = await sent(pages, tmp_path, *options, "--cut", "2")
        assert (first["state"], first["kept"]) == ("cut", 1)
        second = await sent(pages, tmp_path, *options)
        assert (second["state"], second["kept"]) == ("arrived", 1)
        assert stored("Family/clip.mov") == CONTENT
        # It asked what had arrived, began nothing anew, and sent only what was missing.
        upload = json.loads(first["url"])["url"]
        assert second["requests"][0] == (f"GET {upload}" if options else f"HEAD {upload}")
        bytes_sent = [each for each in second["requests"] if each.split()[0] in {"PATCH", "PUT"}]
        # By tus, the half of a block counts that has arrived.
        assert len(bytes_sent) in ({2} if options else {1, 2})
        # Chosen once more, it is asked for, and nothing is sent; unless it was removed meanwhile.
        third = await sent(pages, tmp_path, *options)
        assert third["state"] == "arrived"
        assert not [each for each in third["requests"] if each.split()[0] in {"PATCH", "PUT"}]
        remove("Family/clip.mov")
        fourth = await sent(pages, tmp_path, *options)
        assert fourth["state"] == "arrived"
        assert stored("Family/clip.mov") == CONTENT


@pytest.mark.parametrize(("opening", "options"), [(in_folder, []), (in_bucket, ["--direct"])])
async def test_what_was_begun_without_an_answer_is_found_again(
    tmp_path: Path, opening: Opening, options: list[str]
) -> None:
    need_npm("tus-js-client")
    (tmp_path / "clip.mov").write_bytes(CONTENT)
    async with opening(tmp_path) as (pages, stored, _):
        left = await sent(pages, tmp_path, *options, "--leave")
        assert (left["state"], left["kept"]) == ("left", 1)
        again = await sent(pages, tmp_path, *options, "--deaf")
        assert again["state"] == "arrived"
        assert sum(each.split()[0] == "POST" for each in again["requests"]) >= 2
        assert stored("Family/clip.mov") == CONTENT
        uploads = (await pages.browsers[0].client.get("/api/uploads")).json()
        assert [each["state"] for each in uploads] == ["ready"]


async def test_ten_thousand_files_in_one_selection(tmp_path: Path) -> None:
    need_npm("tus-js-client")
    (tmp_path / "clip.mov").write_bytes(movie(6))
    async with in_folder(tmp_path) as (pages, _, _remove):
        found = await sent(pages, tmp_path, "--copies", "10000", "--until", "40")
        assert found["state"] == "enough"
        # Three at a time, and the question what has become of those that arrived.
        assert found["mostOpen"] <= 4
        assert found["mostRows"] == 200
        assert found["kept"] <= 40
