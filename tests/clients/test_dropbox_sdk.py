"""Dropbox's own SDK for Python, unmodified, against the emulator under its real host names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.byname import ByName, by_name
from picsync.emulators.dropbox import ALL_SCOPES, Dropbox, DropboxOptions, content_hash
from picsync.emulators.google.content import BytesContent
from tests.clients import need_python
from tests.emulators.google_emulator import jpeg

if TYPE_CHECKING:
    import dropbox as sdk

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")


@dataclass
class Reached:
    """The emulated service, and the SDK's way to it."""

    dropbox: Dropbox
    by_name: ByName

    def client(self, *scopes: str, **options: Any) -> sdk.Dropbox:
        need_python("dropbox")
        import dropbox as sdk

        grant = self.dropbox.log_in(scopes or ALL_SCOPES, app=options.pop("app", None))
        return sdk.Dropbox(
            oauth2_refresh_token=grant.refresh_token, app_key=grant.app.key, session=self.session(), **options
        )

    def session(self) -> Any:
        from dropbox import create_session

        proxies = {"https": self.by_name.environment["HTTPS_PROXY"]}
        session = create_session(proxies=proxies, ca_certs=str(self.by_name.authority))
        session.trust_env = False
        return session

    async def use(self, work: Callable[[sdk.Dropbox], None], *scopes: str, **options: Any) -> None:
        """Run it in a thread with a client."""

        def run() -> None:
            with self.client(*scopes, **options) as client:
                work(client)

        await asyncio.to_thread(run)


@asynccontextmanager
async def reached(directory: Path, **options: Any) -> AsyncIterator[Reached]:
    need_python("dropbox")
    dropbox = Dropbox(DropboxOptions(**options))
    async with by_name(dropbox, directory) as served:
        yield Reached(dropbox, served)
        await dropbox.webhooks.aclose()


async def test_listings_go_on_by_their_cursors(tmp_path: Path) -> None:
    async with reached(tmp_path, page_cap=2, empty_page_every=3) as there:
        for number in range(5):
            there.dropbox.put(f"/Family/Frame/{number}.jpg", jpeg())
        gone = there.dropbox.put("/Family/Frame/gone.jpg", b"gone")

        def work(client: sdk.Dropbox) -> None:
            from dropbox import files

            def rest(page: Any) -> tuple[list[Any], str]:
                entries = list(page.entries)
                while page.has_more:
                    page = client.files_list_folder_continue(page.cursor)
                    entries += page.entries
                return entries, page.cursor

            entries, cursor = rest(client.files_list_folder("/family/frame", include_media_info=False))
            assert [each.name for each in entries] == [*(f"{n}.jpg" for n in range(5)), "gone.jpg"]
            assert entries[0].content_hash == content_hash(BytesContent(jpeg()))
            latest = client.files_list_folder_get_latest_cursor("", recursive=True).cursor
            client.files_delete_v2("/Family/Frame/gone.jpg", parent_rev=gone.rev)
            client.files_upload(b"new", "/Family/Frame/New.jpg", mute=True)
            assert client.files_list_folder_longpoll(cursor).changes
            changed, _ = rest(client.files_list_folder_continue(cursor))
            assert [(type(each), each.name) for each in changed] == [
                (files.DeletedMetadata, "gone.jpg"),
                (files.FileMetadata, "New.jpg"),
            ]
            assert len(rest(client.files_list_folder_continue(latest))[0]) == 2
            everything, _ = rest(client.files_list_folder("", recursive=True, include_deleted=True))
            assert [type(each) for each in everything].count(files.FolderMetadata) == 2

        await there.use(work)


async def test_a_void_cursor_and_other_refusals_are_the_sdk_s_errors(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:
        there.dropbox.put("/a.jpg", b"a")
        there.dropbox.create_folder("/Folder")

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions, files

            cursor = client.files_list_folder("").cursor
            there.dropbox.reset_cursors()
            with pytest.raises(exceptions.ApiError) as reset:
                client.files_list_folder_continue(cursor)
            assert reset.value.error.is_reset()
            with pytest.raises(exceptions.ApiError) as missing:
                client.files_list_folder("/Nowhere")
            assert missing.value.error.get_path().is_not_found()
            with pytest.raises(exceptions.ApiError) as file:
                client.files_list_folder("/a.jpg")
            assert file.value.error.get_path().is_not_folder()
            with pytest.raises(exceptions.ApiError) as conflict:
                client.files_upload(b"other", "/a.jpg")
            assert conflict.value.error.get_path().reason.get_conflict().is_file()
            with pytest.raises(exceptions.ApiError) as exists:
                client.files_create_folder_v2("/folder")
            assert exists.value.error.get_path().get_conflict().is_folder()
            with pytest.raises(exceptions.ApiError) as ancestor:
                client.files_upload(b"x", "/a.jpg/b.jpg")
            assert ancestor.value.error.get_path().reason.get_conflict().is_file_ancestor()
            with pytest.raises(exceptions.ApiError) as name:
                client.files_upload(b"x", "/desktop.ini")
            assert name.value.error.get_path().reason.is_disallowed_name()
            with pytest.raises(exceptions.ApiError) as mismatch:
                client.files_upload(b"x", "/c.jpg", content_hash="0" * 64)
            assert mismatch.value.error.is_content_hash_mismatch()
            with pytest.raises(exceptions.BadInputError):
                client.files_list_folder("/")
            update = files.WriteMode.update("0123456789")
            with pytest.raises(exceptions.ApiError):
                client.files_upload(b"x", "/a.jpg", mode=update)
            copied = client.files_upload(b"x", "/a.jpg", mode=update, autorename=True)
            assert "conflicted copy" in copied.name

        await there.use(work)


async def test_bytes_come_and_go(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:
        picture = jpeg(64, 48)

        def work(client: sdk.Dropbox) -> None:
            from dropbox import files

            first = client.files_upload(picture, "/Ünïcode \u007f 🦄.jpg", client_modified=None)
            assert client.files_upload(picture, first.path_display).rev == first.rev
            metadata, response = client.files_download(first.id)
            assert (metadata.rev, response.content) == (first.rev, picture)
            second = client.files_upload(b"new", first.path_lower, mode=files.WriteMode.overwrite)
            assert (second.id, second.rev == first.rev) == (first.id, False)
            assert client.files_download(f"rev:{first.rev}")[1].content == picture
            revisions = client.files_list_revisions(first.path_lower)
            assert [each.rev for each in revisions.entries] == [second.rev, first.rev]
            assert client.files_restore(first.path_lower, first.rev).content_hash == first.content_hash
            found = client.files_get_metadata(first.id, include_media_info=True)
            assert found.media_info.get_metadata().dimensions.width == 64
            resource = files.PathOrLink.path(first.id)
            preview, thumbnail = client.files_get_thumbnail_v2(resource, size=files.ThumbnailSize.w32h32)
            assert (preview.file_metadata.id, thumbnail.content[:3]) == (first.id, b"\xff\xd8\xff")
            assert client.files_get_thumbnail(first.path_lower)[1].content[:3] == b"\xff\xd8\xff"
            batch = client.files_get_thumbnail_batch(
                [files.ThumbnailArg(first.id), files.ThumbnailArg("/none.jpg")]
            )
            assert [each.is_success() for each in batch.entries] == [True, False]
            link = client.files_get_temporary_link(first.id).link
            assert there.session().get(link, timeout=30).content == picture

        await there.use(work)


async def test_sessions_are_committed_alone_and_together(tmp_path: Path) -> None:
    async with reached(tmp_path, slow_jobs=1) as there:

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions, files

            started = client.files_upload_session_start(b"one ")
            cursor = files.UploadSessionCursor(started.session_id, 4)
            client.files_upload_session_append_v2(b"two ", cursor)
            with pytest.raises(exceptions.ApiError) as behind:
                client.files_upload_session_append_v2(b"two ", cursor)
            cursor.offset = behind.value.error.get_incorrect_offset().correct_offset
            assert cursor.offset == 8
            done = client.files_upload_session_finish(b"three", cursor, files.CommitInfo("/all.txt"))
            assert done.size == 13

            def closed(data: bytes, path: str) -> files.UploadSessionFinishArg:
                session_id = client.files_upload_session_start(data, close=True).session_id
                at = files.UploadSessionCursor(session_id, len(data))
                return files.UploadSessionFinishArg(at, files.CommitInfo(path))

            result = client.files_upload_session_finish_batch_v2(
                [closed(b"a", "/a"), closed(b"b", "/all.txt")]
            )
            assert result.entries[0].get_success().name == "a"
            assert result.entries[1].get_failure().get_path().get_conflict().is_file()
            with pytest.warns(DeprecationWarning, match="finish_batch"):
                launched = client.files_upload_session_finish_batch([closed(b"c", "/c")])
            job = launched.get_async_job_id()
            assert client.files_upload_session_finish_batch_check(job).is_in_progress()
            assert client.files_upload_session_finish_batch_check(job).get_complete().entries[0].is_success()
            kind = files.UploadSessionType.concurrent
            (many,) = client.files_upload_session_start_batch(1, session_type=kind).session_ids
            block = 4 * 2**20
            for offset, data in ((block, b"x" * block), (0, b"x" * block), (2 * block, b"end")):
                at = files.UploadSessionCursor(many, offset)
                client.files_upload_session_append_v2(data, at, close=offset > block)
            at = files.UploadSessionCursor(many, 2 * block + 3)
            assert client.files_upload_session_finish(b"", at, files.CommitInfo("/d")).size == 2 * block + 3

        await there.use(work)
        assert [entry.name for entry in there.dropbox.owner.tree.entries.values()] == [
            "all.txt",
            "a",
            "c",
            "d",
        ]


async def test_files_are_moved_copied_and_deleted_in_batches(tmp_path: Path) -> None:
    async with reached(tmp_path, slow_jobs=1) as there:
        kept = there.dropbox.put("/In/a.jpg", b"a")
        there.dropbox.put("/In/b.jpg", b"b")

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions, files

            pairs = [
                files.RelocationPath("/in/A.JPG", "/Out/2026/a.jpg"),
                files.RelocationPath("/In/missing.jpg", "/Out/missing.jpg"),
            ]
            job = client.files_move_batch_v2(pairs).get_async_job_id()
            assert client.files_move_batch_check_v2(job).is_in_progress()
            moved, failed = client.files_move_batch_check_v2(job).get_complete().entries
            assert moved.get_success().id == kept.entry_id
            assert failed.get_failure().get_relocation_error().get_from_lookup().is_not_found()
            assert client.files_move_v2("/In/b.jpg", "/In/B.jpg").metadata.name == "b.jpg"
            with pytest.raises(exceptions.ApiError) as inside:
                client.files_move_v2("/In", "/In/Deeper")
            assert inside.value.error.is_cant_move_folder_into_itself()
            assert client.files_copy_v2("/In", "/In", autorename=True).metadata.name == "In (1)"
            folders = client.files_create_folder_batch(["/x", "/y"]).get_async_job_id()
            assert client.files_create_folder_batch_check(folders).is_in_progress()
            assert len(client.files_create_folder_batch_check(folders).get_complete().entries) == 2
            copies = client.files_copy_batch_v2([files.RelocationPath("/In", "/x/In")]).get_async_job_id()
            assert client.files_copy_batch_check_v2(copies).is_in_progress()
            assert client.files_copy_batch_check_v2(copies).get_complete().entries[0].is_success()
            job = client.files_delete_batch([files.DeleteArg("/In"), files.DeleteArg("/none")])
            assert client.files_delete_batch_check(job.get_async_job_id()).is_in_progress()
            done, none = client.files_delete_batch_check(job.get_async_job_id()).get_complete().entries
            assert done.get_success().metadata.name == "In"
            assert none.get_failure().get_path_lookup().is_not_found()

        await there.use(work)


async def test_shared_links_show_folders_of_others(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:
        there.dropbox.put("/Trip/Day 1/a.jpg", b"a")
        other = there.dropbox.add_user("Hans")
        folder = there.dropbox.put("/Pictures/b.jpg", b"b", user=other)
        theirs = there.dropbox.find("/Pictures", user=other)
        assert theirs is not None
        link = there.dropbox.share(theirs, user=other, password="secret")

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions, files, sharing

            with pytest.raises(exceptions.ApiError) as denied:
                client.sharing_get_shared_link_metadata(link.url)
            assert denied.value.error.is_shared_link_access_denied()
            shown = client.sharing_get_shared_link_metadata(link.url, link_password="secret")
            assert isinstance(shown, sharing.FolderLinkMetadata)
            inside = client.files_list_folder("", shared_link=files.SharedLink(link.url, "secret"))
            assert [(each.name, each.id, each.path_lower) for each in inside.entries] == [
                ("b.jpg", folder.entry_id, None)
            ]
            file, response = client.sharing_get_shared_link_file(link.url, "/b.jpg", "secret")
            assert (file.name, response.content) == ("b.jpg", b"b")
            made = client.sharing_create_shared_link_with_settings("/Trip")
            assert [each.url for each in client.sharing_list_shared_links("/Trip").links] == [made.url]
            with pytest.raises(exceptions.ApiError) as exists:
                client.sharing_create_shared_link_with_settings("/Trip")
            assert exists.value.error.get_shared_link_already_exists().get_metadata().url == made.url
            client.sharing_revoke_shared_link(made.url)
            with pytest.raises(exceptions.ApiError) as gone:
                client.sharing_get_shared_link_metadata(made.url)
            assert gone.value.error.is_shared_link_not_found()

        await there.use(work)


async def test_an_app_alone_follows_a_shared_link(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:
        there.dropbox.put("/Trip/a.jpg", jpeg())
        trip = there.dropbox.find("/Trip")
        assert trip is not None
        link, app = there.dropbox.share(trip), there.dropbox.app

        def work() -> None:
            import dropbox as sdk
            from dropbox import files

            with sdk.Dropbox(app_key=app.key, app_secret=app.secret, session=there.session()) as client:
                shared = files.SharedLink(link.url)
                page = client.files_list_folder("", shared_link=shared)
                assert [each.name for each in page.entries] == ["a.jpg"]
                resource = files.PathOrLink.link(files.SharedLinkFileInfo(link.url, "/a.jpg"))
                assert client.files_get_thumbnail_v2(resource)[1].content[:3] == b"\xff\xd8\xff"
                assert client.check_app("hello").result == "hello"

        await asyncio.to_thread(work)


async def test_logins_expire_lack_scopes_and_end(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:
        there.dropbox.put("/a.jpg", b"a")

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions

            account = client.users_get_current_account()
            assert account.account_id == there.dropbox.owner.account_id
            assert client.users_get_space_usage().allocation.get_individual().allocated == 2 * 2**30
            options = there.dropbox.options
            options.others_bytes, options.member_bytes, options.member_limit = 5_000, 900, "stop_sync"
            team = client.users_get_space_usage().allocation.get_team()
            assert (team.used, team.allocated) == (5_001, 2 * 2**30)
            assert team.user_within_team_space_allocated == 900
            assert team.user_within_team_space_limit_type.is_stop_sync()
            assert team.user_within_team_space_used_cached == there.dropbox.owner.tree.used_bytes == 1
            assert client.check_user("hello").result == "hello"
            there.dropbox.expire_access_tokens()
            assert client.files_download("/a.jpg")[1].content == b"a"
            with pytest.raises(exceptions.AuthError) as lacking:
                client.files_upload(b"x", "/b.jpg")
            assert lacking.value.error.get_missing_scope().required_scope == "files.content.write"
            client.auth_token_revoke()
            with pytest.raises(exceptions.AuthError):
                client.users_get_current_account()

        await there.use(work, "account_info.read", "files.content.read", "files.metadata.read")
        limited = there.dropbox.add_app(scopes=["account_info.read"])

        def refused(client: sdk.Dropbox) -> None:
            from dropbox import exceptions

            with pytest.raises(exceptions.BadInputError, match="does not have the required scope"):
                client.files_list_folder("")

        await there.use(refused, "account_info.read", app=limited)


async def test_an_app_sees_only_its_folder(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:
        hidden = there.dropbox.put("/Family/a.jpg", b"a")
        app = there.dropbox.add_app(folder="Frame")

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions

            assert client.files_upload(b"x", "/b.jpg").path_display == "/b.jpg"
            assert [each.path_display for each in client.files_list_folder("").entries] == ["/b.jpg"]
            for path in ("/Family", hidden.entry_id):
                with pytest.raises(exceptions.ApiError):
                    client.files_get_metadata(path)

        await there.use(work, app=app)
        assert there.dropbox.find("/Apps/Frame/b.jpg") is not None


async def test_limits_are_waited_for(tmp_path: Path) -> None:
    async with reached(tmp_path, requests_per_minute=1, retry_after_s=7) as there:

        def work(client: sdk.Dropbox) -> None:
            from dropbox import exceptions

            client.check_user("first")
            with pytest.raises(exceptions.RateLimitError) as limited:
                client.check_user("second")
            assert (limited.value.backoff, limited.value.error.reason.is_too_many_requests()) == (7, True)

        await there.use(work, max_retries_on_rate_limit=0)
    async with reached(tmp_path, locked_writes=1) as there:

        def write(client: sdk.Dropbox) -> None:
            from dropbox import exceptions

            with pytest.raises(exceptions.RateLimitError) as limited:
                client.files_upload(b"x", "/a.jpg")
            assert limited.value.error.reason.is_too_many_write_operations()

        await there.use(write, max_retries_on_rate_limit=0)


async def test_a_login_by_pkce_shows_its_code_on_the_page(tmp_path: Path) -> None:
    async with reached(tmp_path) as there:

        def work() -> None:
            from dropbox import DropboxOAuth2FlowNoRedirect

            flow = DropboxOAuth2FlowNoRedirect(
                there.dropbox.app.key,
                use_pkce=True,
                token_access_type="offline",
                scope=["files.metadata.read"],
                ca_certs=str(there.by_name.authority),
            )
            flow.requests_session.close()
            flow.requests_session = there.session()
            page = there.session().get(flow.start(), timeout=30)
            code = page.text.partition('data-token="')[2].partition('"')[0]
            done = flow.finish(code)
            assert (done.scope, done.account_id) == ("files.metadata.read", there.dropbox.owner.account_id)
            assert done.refresh_token

        await asyncio.to_thread(work)
