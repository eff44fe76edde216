"""Google's own client for Python, made from the emulated discovery documents: each method of both APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httplib2
import httpx
import pytest
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from benchmarks.byname import ByName, by_name
from picsync.emulators.google import GooglePhotos
from picsync.emulators.google.picker import API_HOST as PICKER
from picsync.emulators.google.picker import SCOPE
from picsync.emulators.google.service import API_HOST as LIBRARY
from tests.clients import need_python
from tests.clients.discovered import Client, conforms
from tests.emulators.google_emulator import MP4, GoogleEmulator, google_emulator, jpeg

FILES = {"a.jpg": jpeg(), "b.mp4": MP4, "c.jpg": jpeg(colour="blue")}


async def run(use: Callable[[GoogleEmulator, Client], None], host: str, *scopes: str) -> None:
    """Run it in a thread, and see that it has called each method of the document and of the emulator."""
    async with google_emulator() as emulator:
        client = Client(emulator.server, emulator.google, host, *scopes)

        def work() -> None:
            with client:
                use(emulator, client)

        await asyncio.to_thread(work)
        assert client.called == client.methods == {each.identity for each in emulator.google.methods()[host]}


def upload(emulator: GoogleEmulator, data: bytes, name: str) -> str:
    """Send bytes as the documentation says, since no discovery document has this call."""
    headers = {**emulator.headers, "X-Goog-Upload-Protocol": "raw", "X-Goog-Upload-File-Name": name}
    answer = httpx.post(f"{emulator.server.url}/{LIBRARY}/v1/uploads", content=data, headers=headers)
    return answer.raise_for_status().text


def fill(emulator: GoogleEmulator, client: Client) -> tuple[str, list[str]]:
    """Create an album with two pictures and a film; return its id and theirs."""
    album = client("albums.create", body={"album": {"title": "Trip"}})
    new = [
        {"description": name, "simpleMediaItem": {"uploadToken": upload(emulator, data, name)}}
        for name, data in FILES.items()
    ]
    made = client("mediaItems.batchCreate", body={"albumId": album["id"], "newMediaItems": new})
    return album["id"], [each["mediaItem"]["id"] for each in made["newMediaItemResults"]]


def read(client: Client, album: str, ids: list[str]) -> None:
    assert client("albums.get", albumId=album)["mediaItemsCount"] == "3"
    assert [each["title"] for each in client("albums.list", pageSize=50)["albums"]] == ["Trip"]
    first = client("mediaItems.search", body={"albumId": album, "pageSize": 2})
    rest = client("mediaItems.search", body={"albumId": album, "pageToken": first["nextPageToken"]})
    found = [item["filename"] for item in first["mediaItems"] + rest["mediaItems"]]
    assert found == ["a.jpg", "b.mp4", "c.jpg"]
    filters = {"mediaTypeFilter": {"mediaTypes": ["VIDEO"]}, "includeArchivedMedia": True}
    (film,) = client("mediaItems.search", body={"filters": filters})["mediaItems"]
    assert film["mediaMetadata"]["video"]["status"] == "READY"
    assert {item["id"] for item in client("mediaItems.list", pageSize=100)["mediaItems"]} == set(ids)
    assert client("mediaItems.get", mediaItemId=ids[0])["description"] == "a.jpg"
    # Too many for a URL: the client sends a POST that stands for a GET.
    asked = [ids[0], *(f"{number:060}" for number in range(49))]
    results = client("mediaItems.batchGet", mediaItemIds=asked)["mediaItemResults"]
    assert [set(each) for each in results] == [{"mediaItem"}, *[{"status"}] * 49]


def change(client: Client, album: str, ids: list[str]) -> None:
    client("albums.patch", id=album, updateMask="title", body={"title": "Lake"})
    cover = {"coverPhotoMediaItemId": ids[2]}
    changed = client("albums.patch", id=album, updateMask="coverPhotoMediaItemId", body=cover)
    assert (changed["title"], changed["coverPhotoMediaItemId"]) == ("Lake", ids[2])
    client("mediaItems.patch", id=ids[0], updateMask="description", body={"description": "The dog"})
    assert client("mediaItems.get", mediaItemId=ids[0])["description"] == "The dog"
    client("albums.batchRemoveMediaItems", albumId=album, body={"mediaItemIds": ids[:1]})
    client("albums.batchAddMediaItems", albumId=album, body={"mediaItemIds": ids[:1]})
    after = {"position": "AFTER_MEDIA_ITEM", "relativeMediaItemId": ids[1]}
    enrichment = {"textEnrichment": {"text": "At the lake"}}
    body = {"newEnrichmentItem": enrichment, "albumPosition": after}
    assert client("albums.addEnrichment", albumId=album, body=body)["enrichmentItem"]["id"]


def ask_for_what_is_gone(client: Client, album: str) -> None:
    for name, parameters in (
        ("albums.share", {"albumId": album, "body": {}}),
        ("albums.unshare", {"albumId": album, "body": {}}),
        ("sharedAlbums.list", {}),
        ("sharedAlbums.get", {"shareToken": "token"}),
        ("sharedAlbums.join", {"body": {"shareToken": "token"}}),
        ("sharedAlbums.leave", {"body": {"shareToken": "token"}}),
    ):
        with pytest.raises(HttpError, match="insufficient authentication scopes") as raised:
            client(name, **parameters)
        assert raised.value.resp.status == 403


async def test_each_method_of_the_library_answers_with_its_schema() -> None:
    def use(emulator: GoogleEmulator, client: Client) -> None:
        album, ids = fill(emulator, client)
        read(client, album, ids)
        assert emulator.server.log.count(method="POST", path="mediaItems:batchGet") == 1
        change(client, album, ids)
        ask_for_what_is_gone(client, album)

    await run(use, LIBRARY)


async def test_each_method_of_the_picker_answers_with_its_schema() -> None:
    def use(emulator: GoogleEmulator, client: Client) -> None:
        session = client("sessions.create", body={"pickingConfig": {"maxItemCount": "2"}})
        with pytest.raises(HttpError, match="not finished") as raised:
            client("mediaItems.list", sessionId=session["id"])
        assert raised.value.resp.status == 400
        assert client("sessions.get", sessionId=session["id"])["pollingConfig"]["pollInterval"] == "5s"
        emulator.google.picker.pick(
            [emulator.google.add_item(None, name, data) for name, data in FILES.items()]
        )
        assert client("sessions.get", sessionId=session["id"])["mediaItemsSet"]
        picked = client("mediaItems.list", sessionId=session["id"], pageSize=10)["mediaItems"]
        assert [item["mediaFile"]["filename"] for item in picked] == ["a.jpg", "b.mp4"]
        assert client("sessions.delete", sessionId=session["id"]) == {}

    await run(use, PICKER, SCOPE)


async def test_who_has_logged_in_by_a_document_that_the_client_ships(tmp_path: Path) -> None:
    need_python("socks")
    google = GooglePhotos()
    issued = google.issue_credentials(["userinfo.email", "userinfo.profile"])

    def ask(reached: ByName) -> dict[str, Any]:
        proxy = httplib2.proxy_info_from_url(reached.environment["HTTPS_PROXY"], "https")
        http = httplib2.Http(ca_certs=str(reached.authority), proxy_info=proxy)
        credentials = Credentials(issued["access_token"])  # type: ignore[no-untyped-call]
        with build("oauth2", "v2", http=AuthorizedHttp(credentials, http=http)) as service:
            told: dict[str, Any] = service.userinfo().get().execute()
            conforms(service._rootDesc, {"$ref": "Userinfo"}, told, "userinfo")
        return told

    async with by_name(google, tmp_path) as reached:
        told = await asyncio.to_thread(ask, reached)
    assert told["email"] == google.account.email
    assert told["id"]
