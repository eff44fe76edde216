from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from picsync.emulators.dropbox import API, CONTENT, Contention, Refusal429, WebhookRefused, content_hash
from picsync.emulators.google.content import BytesContent
from tests.emulators.dropbox_emulator import dropbox_emulator, named, tags
from tests.emulators.google_emulator import jpeg

PATTERN = bytes(range(256)) * 16384
"""One block."""
SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
VECTORS = {
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"hello world": "bc62d4b80d9e36da29c16c5d4d9f11731f36052c72401a76c23c0fb5a9b74423",
    PATTERN: "894bbb52d1212d6bcbe9967f1a2169138c4d4af0c8dfbaeae86cd1d3f0c03faf",
    PATTERN + b"\xff": "9149387a91f71c7c2149b8427d15526b71c1a38d6c6f999ad71486a2ce788d57",
    PATTERN * 3 + PATTERN[: len(PATTERN) // 2]: (
        "f61d3ae93fa4f7646d37949fc0885141bf682faa9a130896b93459c650335d0f"
    ),
}


def test_the_content_hash_is_dropbox_s() -> None:
    for data, expected in VECTORS.items():
        assert content_hash(BytesContent(data)) == expected


async def test_changes_come_as_the_present_state_of_each_path() -> None:
    async with dropbox_emulator() as emulator:
        dropbox = emulator.dropbox
        folder = dropbox.create_folder("/Family/Old")
        dropbox.put("/Family/Old/a.jpg", b"a")
        dropbox.put("/Other/x.jpg", b"x")
        entries, cursor = await emulator.listed(path="/family", recursive=True)
        assert named(entries) == ["folder /Family", "folder /Family/Old", "file /Family/Old/a.jpg"]
        assert (await emulator.changes(cursor))[0] == []
        dropbox.move(folder, "/Family/New")
        dropbox.put("/Other/y.jpg", b"y")
        changed, later = await emulator.changes(cursor)
        assert named(changed) == [
            "deleted /Family/Old",
            "deleted /Family/Old/a.jpg",
            "folder /Family/New",
            "file /Family/New/a.jpg",
        ]
        assert (await emulator.changes(later))[0] == []
        # A cursor can be used again.
        assert named((await emulator.changes(cursor))[0]) == named(changed)


async def test_a_listing_that_is_not_recursive_names_only_what_is_in_the_folder() -> None:
    async with dropbox_emulator() as emulator:
        emulator.dropbox.put("/A/b/c.jpg", b"c")
        entries, cursor = await emulator.listed(path="/A")
        assert named(entries) == ["folder /A/b"]
        emulator.dropbox.put("/A/b/d.jpg", b"d")
        assert (await emulator.changes(cursor))[0] == []


async def test_listings_may_be_hostile() -> None:
    async with dropbox_emulator(
        page_cap=1, empty_page_every=2, repeat_entries=True, unknown_deletions=True, without_hash=True
    ) as emulator:
        emulator.dropbox.put("/a.jpg", b"a")
        emulator.dropbox.put("/b.jpg", b"b")
        entries, _ = await emulator.listed(path="")
        assert [name for name in named(entries) if name.startswith("file")] == [
            "file /a.jpg", "file /a.jpg", "file /b.jpg", "file /b.jpg",
        ]  # fmt: skip
        assert "content_hash" not in entries[1]
        assert entries[0][".tag"] == "deleted"


async def test_a_listing_whose_folder_is_gone_says_so() -> None:
    async with dropbox_emulator() as emulator:
        folder = emulator.dropbox.create_folder("/A")
        _, cursor = await emulator.listed(path="/A")
        emulator.dropbox.delete(folder)
        assert await emulator.refused("files/list_folder/continue", {"cursor": cursor}) == [
            "path",
            "not_found",
        ]
        assert await emulator.refused("files/list_folder", {"path": "/A"}) == ["path", "not_found"]


async def test_a_long_poll_ends_with_a_change_or_its_time() -> None:
    async with dropbox_emulator(longest_poll_s=0.0, backoff_s=60) as emulator:
        emulator.dropbox.create_folder("/A")
        _, cursor = await emulator.listed(path="/A")
        assert await emulator.poll(cursor) == {"changes": False, "backoff": 60}
        emulator.dropbox.put("/Elsewhere.jpg", b"x")
        assert (await emulator.poll(cursor))["changes"] is False
        emulator.dropbox.options.longest_poll_s = None
        waiting = asyncio.create_task(emulator.poll(cursor))
        await emulator.server.log.wait_for(lambda log: log.count(path="longpoll") == 3)
        emulator.dropbox.put("/A/b.jpg", b"b")
        assert await waiting == {"changes": True}


async def test_requests_that_fit_no_call_are_refused_as_dropbox_does() -> None:
    async with dropbox_emulator() as emulator:
        for name, argument, expected in (
            ("files/list_folder", {"path": "/"}, "Specify the root folder as an empty string"),
            ("files/list_folder", {"path": "A"}, "did not match pattern"),
            ("files/list_folder", {"path": "", "deep": True}, "unknown field 'deep'"),
            ("files/list_folder", {}, "missing required field 'path'"),
            ("files/list_folder", {"path": "", "limit": 0}, "not within"),
            ("files/nothing", {}, "Unknown API function"),
        ):
            answer = await emulator.call(name, argument)
            assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (400, "text/plain")
            assert expected in answer.text
            assert answer.headers["X-Dropbox-Request-Id"]
        url = f"/{API}/2/files/list_folder"
        form = await emulator.http.post(url, data={"path": ""}, headers=emulator.headers)
        assert 'Bad HTTP "Content-Type" header' in form.text
        arguments = {'{"path": "/ü"}'.encode("latin-1"): 400, '{"path": "/ü"}'.encode(): 409}
        for header, status in arguments.items():
            pairs = [(name.encode(), value.encode()) for name, value in emulator.headers.items()]
            headers = [*pairs, (b"Dropbox-API-Arg", header)]
            answer = await emulator.http.post(f"/{CONTENT}/2/files/download", headers=headers)
            assert answer.status_code == status


async def test_names_are_compared_in_dropbox_s_own_lower_case() -> None:
    async with dropbox_emulator() as emulator:
        done = await emulator.upload(f"/İ{SIGMA.upper()}.jpg", b"a")
        assert (done["path_lower"], done["path_display"]) == (
            f"/i{SIGMA}.jpg",
            f"/İ{SIGMA.upper()}.jpg",
        )
        moved = await emulator.ask(
            "files/move_v2", {"from_path": f"/i{SIGMA}.jpg", "to_path": f"/i{SIGMA}.JPG"}
        )
        assert moved["metadata"]["name"] == f"İ{SIGMA.upper()}.jpg"
        malformed = [f"/{'a' * 256}", "/a\\b.jpg", "/trip /a.jpg", "/trip "]
        for path, reason in (
            ("/~$a.doc", "disallowed_name"),
            *((path, "malformed_path") for path in malformed),
        ):
            answer = await emulator.send("files/upload", {"path": path}, b"x")
            assert tags(answer) == ["path", reason]
        emulator.dropbox.options.unfit_names = True
        for path in malformed[1:3]:
            assert (await emulator.upload(path, b"x"))["path_display"] == path


async def test_refused_uploads_keep_their_bytes_in_a_session() -> None:
    async with dropbox_emulator() as emulator:
        await emulator.upload("/a.jpg", b"first")
        answer = await emulator.send("files/upload", {"path": "/a.jpg"}, b"second")
        session = answer.json()["error"]["upload_session_id"]
        finish = {"cursor": {"session_id": session, "offset": 6}, "commit": {"path": "/b.jpg"}}
        done = await emulator.send("files/upload_session/finish", finish)
        assert done.json()["size"] == 6
        strict = {"path": "/a.jpg", "strict_conflict": True}
        assert tags(await emulator.send("files/upload", strict, b"first")) == ["path", "conflict", "file"]


@pytest.mark.parametrize(
    ("contention", "status"), [(Contention.STATUS_429, 429), (Contention.STATUS_409, 409)]
)
async def test_two_writes_at_once_do_not_both_get_the_lock(contention: Contention, status: int) -> None:
    held = asyncio.Event()

    async def commit(_: float) -> None:
        await held.wait()

    async with dropbox_emulator(contention=contention, commit_s=1.0) as emulator:
        emulator.dropbox.options.sleep = commit
        first = asyncio.create_task(emulator.upload("/a.jpg", b"a"))
        while not emulator.dropbox.owner.tree.busy:
            await asyncio.sleep(0)
        answer = await emulator.send("files/upload", {"path": "/b.jpg"}, b"b")
        assert answer.status_code == status
        assert "too_many_write_operations" in answer.text
        held.set()
        assert (await first)["name"] == "a.jpg"


async def test_an_entry_of_a_batch_can_find_the_lock_taken() -> None:
    async with dropbox_emulator(locked_entries=1) as emulator:
        entries = []
        for name in "ab":
            session = await emulator.send("files/upload_session/start", {"close": True}, b"x")
            at = {"session_id": session.json()["session_id"], "offset": 1}
            entries.append({"cursor": at, "commit": {"path": f"/{name}"}})
        answer = await emulator.ask("files/upload_session/finish_batch_v2", {"entries": entries})
        assert [each[".tag"] for each in answer["entries"]] == ["failure", "success"]
        assert answer["entries"][0]["failure"] == {".tag": "too_many_write_operations"}
        open_one = await emulator.send("files/upload_session/start", {}, b"x")
        at = {"session_id": open_one.json()["session_id"], "offset": 1}
        answer = await emulator.ask(
            "files/upload_session/finish_batch_v2", {"entries": [{"cursor": at, "commit": {"path": "/c"}}]}
        )
        assert answer["entries"][0]["failure"]["lookup_failed"] == {".tag": "not_closed"}


async def test_a_full_dropbox_refuses_bytes() -> None:
    async with dropbox_emulator(space_bytes=10) as emulator:
        await emulator.upload("/a.jpg", b"12345678")
        answer = await emulator.send("files/upload", {"path": "/b.jpg"}, b"123")
        assert tags(answer) == ["path", "insufficient_space"]


async def test_limits_are_told_in_both_forms() -> None:
    async with dropbox_emulator(requests_per_minute=0) as emulator:
        answer = await emulator.call("files/list_folder", {"path": ""})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "15")
        emulator.dropbox.options.refusal = Refusal429.TEXT
        answer = await emulator.call("files/list_folder", {"path": ""})
        assert (answer.status_code, "Retry-After" in answer.headers) == (429, False)


async def test_downloads_take_ranges_and_tags() -> None:
    async with dropbox_emulator() as emulator:
        file = emulator.dropbox.put("/a.jpg", b"0123456789")
        url = f"/{CONTENT}/2/files/download"
        headers = {**emulator.headers, "Dropbox-API-Arg": json.dumps({"path": f"rev:{file.rev}"})}
        part = await emulator.http.get(url, headers={**headers, "Range": "bytes=4-"})
        assert (part.status_code, part.content) == (206, b"456789")
        assert json.loads(part.headers["Dropbox-API-Result"])["content_hash"] == file.content_hash
        tag = part.headers["ETag"]
        assert (await emulator.http.get(url, headers={**headers, "If-None-Match": tag})).status_code == 304


async def test_thumbnails_are_made_of_few_formats() -> None:
    async with dropbox_emulator() as emulator:
        emulator.dropbox.put("/a.heic", b"x")
        emulator.dropbox.put("/broken.jpg", b"x")
        emulator.dropbox.put("/a.jpg", jpeg(640, 480))
        for name, reason in (("a.heic", "unsupported_extension"), ("broken.jpg", "conversion_error")):
            resource = {".tag": "path", "path": f"/{name}"}
            assert tags(await emulator.send("files/get_thumbnail_v2", {"resource": resource})) == [reason]


async def test_logging_in_can_be_refused_and_codes_are_valid_once() -> None:
    async with dropbox_emulator() as emulator:
        app, dropbox = emulator.dropbox.app, emulator.dropbox
        query = {"client_id": app.key, "response_type": "code", "scope": "files.metadata.read"}
        page = await emulator.http.get("/www.dropbox.com/oauth2/authorize", params=query)
        code = page.text.partition('data-token="')[2].partition('"')[0]
        form = {"grant_type": "authorization_code", "code": code, "client_id": app.key}
        url = f"/{API}/oauth2/token"
        wrong = await emulator.http.post(url, data={**form, "client_secret": "wrong"})
        assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
        done = await emulator.http.post(url, data={**form, "client_secret": app.secret})
        assert "refresh_token" not in done.json()  # it was not asked for offline
        again = await emulator.http.post(url, data={**form, "client_secret": app.secret})
        assert again.json()["error"] == "invalid_grant"
        for fields in (
            {"scope": "team.read"},
            {"client_id": "nobody"},
            {"redirect_uri": "https://evil.example"},
        ):
            answer = await emulator.http.get("/www.dropbox.com/oauth2/authorize", params={**query, **fields})
            assert answer.status_code == 400
        dropbox.options.deny = True
        page = await emulator.http.get("/www.dropbox.com/oauth2/authorize", params=query)
        assert "not given access" in page.text


async def test_a_folder_follows_a_directory(tmp_path: Path) -> None:
    async with dropbox_emulator(poll_s=0.01) as emulator:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        emulator.dropbox.directory_folder(tmp_path, "/Family")
        entries, cursor = await emulator.listed(path="/Family")
        assert named(entries) == ["file /Family/a.jpg"]
        waiting = asyncio.create_task(emulator.poll(cursor))
        (tmp_path / "b.jpg").write_bytes(jpeg())
        (tmp_path / "a.jpg").unlink()
        assert await waiting == {"changes": True}
        assert named((await emulator.changes(cursor))[0]) == ["deleted /Family/a.jpg", "file /Family/b.jpg"]


class Receiver:
    """A webhook that answers as it is told."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.calls: list[tuple[bytes, str]] = []
        self.kind = "text/plain"
        self.url = ""

    async def challenge(self, request: web.Request) -> web.Response:
        headers = {"X-Content-Type-Options": "nosniff"}
        return web.Response(text=request.query["challenge"], content_type=self.kind, headers=headers)

    async def notice(self, request: web.Request) -> web.Response:
        self.calls.append((await request.read(), request.headers["X-Dropbox-Signature"]))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made, app = Receiver(), web.Application()
    app.add_routes([web.get("/hook", made.challenge), web.post("/hook", made.notice)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield made
    finally:
        await runner.cleanup()


async def test_webhooks_are_registered_signed_and_called_again() -> None:
    async with dropbox_emulator() as emulator, receiver() as hook:
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        dropbox = emulator.dropbox
        dropbox.options.sleep = pause
        await dropbox.webhooks.register(dropbox.app, hook.url)
        hook.statuses = [500, 503]
        dropbox.put("/a.jpg", b"a")
        dropbox.put("/b.jpg", b"b")
        await dropbox.webhooks.settled()
        assert [each.status for each in dropbox.webhooks.deliveries] == [500, 503, 200]
        assert pauses == [10.0, 20.0]
        body, signature = hook.calls[-1]
        assert json.loads(body)["list_folder"]["accounts"] == [dropbox.owner.account_id]
        assert signature == hmac.new(dropbox.app.secret.encode(), body, hashlib.sha256).hexdigest()
        hook.kind = "text/html"
        with pytest.raises(WebhookRefused, match="text/html"):
            await dropbox.webhooks.register(dropbox.app, hook.url)
