from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image

from picsync.emulators.nixplay import UPLOADS, Answer, Nixplay, StorageRefusal
from tests.emulators.nixplay_emulator import FakeTime, NixplayEmulator, md5, nixplay_emulator, s3_fields


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def emulator(clock: FakeTime) -> AsyncIterator[NixplayEmulator]:
    async with nixplay_emulator(Nixplay(clock=clock, sleep=clock.sleep)) as emulator:
        await emulator.login()
        yield emulator


async def granted(emulator: NixplayEmulator, album_id: int, size: int = 4) -> dict[str, Any]:
    data: dict[str, Any] = (await emulator.permission({"albumId": album_id}, "a.jpg", size)).json()["data"]
    return data


async def test_an_upload_is_in_the_album_once_the_monitor_says_so(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("a")
    content = bytes(range(256)) * 4000
    answer = await emulator.upload({"albumId": album_id}, "IMG_1.jpg", content)
    assert answer.status_code == 200
    (photo,) = await emulator.pictures(album_id)
    assert (photo["filename"], photo["md5"]) == ("IMG_1.jpg", md5(content))
    (stored,) = emulator.nixplay.album_photos(emulator.nixplay.album_named("a"))
    assert stored.path.read_bytes() == content
    assert stored.path.parent == emulator.nixplay.spool


async def test_the_permission_has_the_observed_fields(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("a")
    data = await granted(emulator, album_id, 123)
    assert set(data) == {
        *("key", "acl", "AWSAccessKeyId", "Policy", "Signature", "batchUploadId", "userUploadId"),
        *("userUploadIds", "fileType", "fileSize", "s3UploadUrl"),
    }
    assert data["userUploadIds"] == [data["userUploadId"]]
    assert (data["fileType"], data["fileSize"]) == ("image/jpeg", 123)
    assert httpx.URL(data["s3UploadUrl"]).host == UPLOADS


async def test_equal_bytes_are_refused_in_one_album_only(emulator: NixplayEmulator) -> None:
    one, two = await emulator.create_album("1"), await emulator.create_album("2")
    await emulator.upload({"albumId": one}, "a.jpg", b"same")
    again = await emulator.upload({"albumId": one}, "b.jpg", b"same")
    assert (again.status_code, again.text) == (400, "Error: image-exists")
    assert (await emulator.upload({"albumId": two}, "a.jpg", b"same")).status_code == 200
    assert (await emulator.pictures(one))[0]["id"] != (await emulator.pictures(two))[0]["id"]
    assert len(list(emulator.nixplay.spool.iterdir())) == 2


async def test_equal_names_with_other_bytes_are_fine(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    for content in (b"1", b"2", b"3"):
        assert (await emulator.upload({"albumId": album_id}, "same.jpg", content)).status_code == 200
    assert [each["filename"] for each in await emulator.pictures(album_id)] == ["same.jpg"] * 3


async def test_one_token_serves_several_photos_of_its_album_alone(emulator: NixplayEmulator) -> None:
    one, two = await emulator.create_album("1"), await emulator.create_album("2")
    receivers = {"albumId": str(one), "total": "1"}
    token = (await emulator.json("POST", "/v3/upload/receivers", data=receivers))["token"]
    form = {"uploadToken": token, "fileName": "a.jpg", "fileType": "image/jpeg", "fileSize": "4"}
    for _ in range(2):
        await emulator.json("POST", "/v3/photo/upload", data={**form, "albumId": str(one)})
    other = await emulator.call("POST", "/v3/photo/upload/", data={**form, "albumId": str(two)})
    assert (other.status_code, other.json()["message"]) == (400, "uploadToken is not valid")


@pytest.mark.parametrize("field", ["uploadToken", "albumId", "fileName", "fileType", "fileSize"])
async def test_every_field_of_the_permission_is_needed(emulator: NixplayEmulator, field: str) -> None:
    album_id = str(await emulator.create_album("1"))
    receivers = {"albumId": album_id, "total": "1"}
    token = (await emulator.json("POST", "/v3/upload/receivers/", data=receivers))["token"]
    form = {
        "uploadToken": token,
        "albumId": album_id,
        "fileName": "a.jpg",
        "fileType": "image/jpeg",
        "fileSize": "4",
    }
    del form[field]
    answer = await emulator.call("POST", "/v3/photo/upload/", data=form)
    assert (answer.status_code, answer.json()["name"]) == (400, "AssertionError")


@pytest.mark.parametrize("form", [{"total": "1"}, {"albumId": "1"}, {"albumId": "x", "total": "1"}])
async def test_a_receiver_needs_a_target_and_a_total(emulator: NixplayEmulator, form: dict[str, str]) -> None:
    assert (await emulator.call("POST", "/v3/upload/receivers/", data=form)).status_code == 400


@pytest.mark.parametrize("form", [{"albumId": "1"}, {"playlistId": "1"}])
async def test_a_receiver_for_something_unknown_is_404(
    emulator: NixplayEmulator, form: dict[str, str]
) -> None:
    answer = await emulator.call("POST", "/v3/upload/receivers/", data={**form, "total": "1"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("file_type", "status"),
    [
        *((good, 200) for good in ("image/jpeg", "image/png", "image/tiff", "image/heic", "video/mp4")),
        *((bad, 400) for bad in ("image/webp", "image/gif", "video/quicktime", "application/pdf")),
    ],
)
async def test_only_some_types_are_taken(emulator: NixplayEmulator, file_type: str, status: int) -> None:
    album_id = await emulator.create_album("1")
    answer = await emulator.permission({"albumId": album_id}, "a", 4, file_type)
    assert answer.status_code == status


async def test_s3_checks_signature_policy_and_key(emulator: NixplayEmulator) -> None:
    data = await granted(emulator, await emulator.create_album("1"))
    for field, code in (
        ("Signature", "SignatureDoesNotMatch"),
        ("Policy", "SignatureDoesNotMatch"),
        ("AWSAccessKeyId", "InvalidAccessKeyId"),
        ("key", "Policy Condition failed"),
        ("acl", "Policy Condition failed"),
        ("content-type", "Policy Condition failed"),
        ("success_action_status", "Policy Condition failed"),
        ("x-amz-meta-batch-upload-id", "Policy Condition failed"),
        ("x-amz-meta-other", "Extra input fields: x-amz-meta-other"),
    ):
        answer = await emulator.store(data, b"four", **{field: "other"})
        assert answer.status_code == 403
        assert code in answer.text
        assert answer.text.startswith('<?xml version="1.0"')
    assert not list(emulator.nixplay.spool.iterdir())
    assert (await emulator.store(data, b"four")).status_code == 201


async def test_s3_refuses_an_old_policy(emulator: NixplayEmulator, clock: FakeTime) -> None:
    data = await granted(emulator, await emulator.create_album("1"))
    await clock.sleep(3601)
    answer = await emulator.store(data, b"four")
    assert (answer.status_code, "Policy expired" in answer.text) == (403, True)


async def test_s3_refuses_a_size_that_was_not_announced(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    data = await granted(emulator, album_id)
    for content, code in ((b"five!", "EntityTooLarge"), (b"3ch", "EntityTooSmall")):
        answer = await emulator.store(data, content)
        assert (answer.status_code, code in answer.text) == (400, True)
    assert not list(emulator.nixplay.spool.iterdir())
    emulator.nixplay.options.true_file_size = False
    assert (await emulator.store(await granted(emulator, album_id), b"five!")).status_code == 201


def multipart(fields: dict[str, str], content: bytes, *, after: str = "", last: str = "--b--") -> bytes:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
    file += b"Content-Type: image/jpeg\r\n\r\n" + content + b"\r\n"
    return b"".join([*parts, file, after.encode(), last.encode()])


async def test_s3_wants_a_length_and_ignores_what_follows_the_file(emulator: NixplayEmulator) -> None:
    data = await granted(emulator, await emulator.create_album("1"))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    after = '--b\r\nContent-Disposition: form-data; name="x-amz-other"\r\n\r\nv\r\n'
    body = multipart(s3_fields(data), b"four", after=after)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    chunked = await emulator.http.post(data["s3UploadUrl"], headers=headers, content=chunks())
    assert (chunked.status_code, "MissingContentLength" in chunked.text) == (411, True)
    whole = await emulator.http.post(data["s3UploadUrl"], headers=headers, content=body)
    assert whole.status_code == 201
    assert (await emulator.status(data["userUploadId"])).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "cut", "code"),
    [
        ("multipart/form-data; boundary=b", 30, "MalformedPOSTRequest"),
        ("multipart/form-data; boundary=other", 0, "MalformedPOSTRequest"),
        ("multipart/form-data", 0, "MalformedPOSTRequest"),
    ],
)
async def test_s3_refuses_malformed_forms(
    emulator: NixplayEmulator, content_type: str, cut: int, code: str
) -> None:
    data = await granted(emulator, await emulator.create_album("1"))
    body = multipart(s3_fields(data), b"four")
    body = body[: len(body) - cut]
    answer = await emulator.http.post(
        data["s3UploadUrl"], headers={"Content-Type": content_type}, content=body
    )
    assert (answer.status_code, code in answer.text) == (400, True)
    assert not list(emulator.nixplay.spool.iterdir())


async def test_s3_wants_the_fields_before_the_file_and_a_file(emulator: NixplayEmulator) -> None:
    data = await granted(emulator, await emulator.create_album("1"))
    url, headers = data["s3UploadUrl"], {"Content-Type": "multipart/form-data; boundary=b"}
    early = await emulator.http.post(url, headers=headers, content=multipart({}, b"four"))
    assert (early.status_code, "field named" in early.text) == (400, True)
    only_fields = multipart(s3_fields(data), b"")
    only_fields = only_fields[: only_fields.index(b'--b\r\nContent-Disposition: form-data; name="file"')]
    none = await emulator.http.post(url, headers=headers, content=only_fields + b"--b--\r\n")
    assert (none.status_code, "exactly one file" in none.text) == (400, True)
    unsigned = {name: value for name, value in s3_fields(data).items() if name != "Policy"}
    denied = await emulator.http.post(url, headers=headers, content=multipart(unsigned, b"four"))
    assert denied.status_code == 403


async def test_bytes_that_look_like_a_boundary_come_through(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    content = (b"\r\n--" * 50_000) + b"\r\n--x" + b"\r\n"
    data = await granted(emulator, album_id, len(content))
    headers = {"Content-Type": 'multipart/form-data; boundary="b"'}
    answer = await emulator.http.post(data["s3UploadUrl"], headers=headers, content=multipart({}, b""))
    assert answer.status_code == 400
    body = multipart(s3_fields(data), content)
    answer = await emulator.http.post(data["s3UploadUrl"], headers=headers, content=body)
    assert answer.status_code == 201
    assert md5(content) in answer.text


async def test_a_client_that_waits_five_seconds_finds_its_photos(
    emulator: NixplayEmulator, clock: FakeTime
) -> None:
    album_id = await emulator.create_album("1")
    upload_id = await emulator.sent({"albumId": album_id}, "a.jpg", b"four")
    assert [len(await emulator.pictures(album_id)) for _ in range(9)] == [0] * 9
    await clock.sleep(5)
    assert len(await emulator.pictures(album_id)) == 1
    assert (await emulator.status(upload_id)).status_code == 200


async def test_a_photo_is_listed_once_the_monitor_was_asked(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    upload_id = await emulator.sent({"albumId": album_id}, "a.jpg", b"four")
    assert len(await emulator.pictures(album_id)) == 0
    await emulator.status(upload_id)
    assert len(await emulator.pictures(album_id)) == 1


async def test_a_listing_can_lag_behind_the_monitor(emulator: NixplayEmulator, clock: FakeTime) -> None:
    album_id = await emulator.create_album("1")
    emulator.nixplay.options.listing_seconds = 4
    assert (await emulator.upload({"albumId": album_id}, "a.jpg", b"four")).status_code == 200
    assert len(await emulator.pictures(album_id)) == 0
    await clock.sleep(4)
    assert len(await emulator.pictures(album_id)) == 1


@pytest.mark.parametrize("enforced", [False, True])
async def test_a_token_is_good_for_its_total_or_for_any_number(
    emulator: NixplayEmulator, enforced: bool
) -> None:
    album_id = str(await emulator.create_album("1"))
    emulator.nixplay.options.enforce_token_total = enforced
    form = {"albumId": album_id, "total": "2"}
    token = (await emulator.json("POST", "/v3/upload/receivers/", data=form))["token"]
    form = {"uploadToken": token, "albumId": album_id, "fileType": "image/jpeg", "fileSize": "4"}
    statuses = [
        (await emulator.call("POST", "/v3/photo/upload/", data={**form, "fileName": f"{n}.jpg"})).status_code
        for n in range(3)
    ]
    assert statuses == [200, 200, 400 if enforced else 200]


async def test_monitor_waits_for_slow_processing_or_gives_up(
    emulator: NixplayEmulator, clock: FakeTime
) -> None:
    album_id = await emulator.create_album("1")
    emulator.nixplay.options.monitor_waits = True
    emulator.nixplay.options.processing_seconds = 5
    await emulator.sent({"albumId": album_id}, "a.jpg", b"1")
    await clock.sleep(4)
    assert len(await emulator.pictures(album_id)) == 0
    await clock.sleep(1)
    assert len(await emulator.pictures(album_id)) == 1
    before = clock.now
    assert (await emulator.upload({"albumId": album_id}, "b.jpg", b"2")).status_code == 200
    assert clock.now == before + 5
    emulator.nixplay.options.monitor_seconds = 3
    upload_id = await emulator.sent({"albumId": album_id}, "c.jpg", b"3")
    assert (await emulator.status(upload_id)).status_code == 504
    assert (await emulator.status(upload_id)).status_code == 200


async def test_the_monitor_repeats_itself_and_knows_its_ids(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    upload_id = await emulator.sent({"albumId": album_id}, "a.jpg", b"1")
    assert [(await emulator.status(upload_id)).status_code for _ in range(2)] == [200, 200]
    assert (await emulator.status("unknown")).status_code == 404
    assert (await emulator.status((await granted(emulator, album_id))["userUploadId"])).status_code == 504


async def test_sending_the_bytes_again_is_one_upload(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    data = await granted(emulator, album_id)
    for _ in range(2):
        assert (await emulator.store(data, b"four")).status_code == 201
    assert (await emulator.status(data["userUploadId"])).status_code == 200
    assert (await emulator.store(data, b"four")).status_code == 201
    assert len(await emulator.pictures(album_id)) == 1
    assert len(list(emulator.nixplay.spool.iterdir())) == 1


async def test_full_storage_refuses_at_permission_or_monitor(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    emulator.nixplay.options.storage_limit_bytes = 10
    await emulator.upload({"albumId": album_id}, "a.jpg", b"123456")
    answer = await emulator.permission({"albumId": album_id}, "b.jpg", 5)
    assert (answer.status_code, "storage" in answer.text) == (400, True)
    assert (await emulator.permission({"albumId": album_id}, "b.jpg", 4)).status_code == 200
    emulator.nixplay.options.storage_refusal = StorageRefusal.MONITOR
    emulator.nixplay.options.storage_answer = Answer.text(507, "full")
    full = await emulator.upload({"albumId": album_id}, "b.jpg", b"12345")
    assert (full.status_code, full.text) == (507, "full")
    assert len(await emulator.pictures(album_id)) == 1
    (photo,) = await emulator.pictures(album_id)
    await emulator.call("POST", f"/picture/{photo['id']}/delete/json/")
    assert (await emulator.upload({"albumId": album_id}, "b.jpg", b"12345")).status_code == 200


async def test_broken_images_are_refused_if_so_set(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG")
    emulator.nixplay.options.decode_images = True
    target = {"albumId": album_id}
    assert (await emulator.upload(target, "a.jpg", buffer.getvalue())).status_code == 200
    assert (await emulator.upload(target, "v.mp4", b"\0\0\0\x18ftypmp42....")).status_code == 200
    for broken in (b"no image", buffer.getvalue()[:-300]):
        answer = await emulator.upload(target, "b.jpg", broken)
        assert (answer.status_code, answer.text) == (400, "Error: image-invalid")
    assert len(await emulator.pictures(album_id)) == 2


async def test_an_album_that_went_away_is_no_success(emulator: NixplayEmulator) -> None:
    album_id = await emulator.create_album("1")
    upload_id = await emulator.sent({"albumId": album_id}, "a.jpg", b"1")
    await emulator.call("POST", f"/album/{album_id}/delete/json/")
    assert (await emulator.status(upload_id)).status_code == 400
    assert not list(emulator.nixplay.spool.iterdir())


async def test_upload_to_a_playlist_goes_to_my_uploads(emulator: NixplayEmulator) -> None:
    one, two = await emulator.create_playlist("1"), await emulator.create_playlist("2")
    assert (await emulator.upload({"playlistId": one}, "a.jpg", b"same")).status_code == 200
    again = await emulator.upload({"playlistId": two}, "a.jpg", b"same")
    assert (again.status_code, again.text) == (400, "Error: image-exists")
    assert (await emulator.upload({"playlistId": two}, "a.jpg", b"same")).status_code == 400
    (photo,) = emulator.nixplay.album_photos(emulator.nixplay.album_named("My Uploads"))
    for playlist_id in (one, two):
        assert [each["dbId"] for each in await emulator.slides(playlist_id)] == [photo.photo_id]
    await emulator.json("DELETE", f"/v3/playlists/{one}")
    await emulator.call("DELETE", f"/v3/playlists/{two}/items")
    assert len(emulator.nixplay.album_photos(emulator.nixplay.album_named("My Uploads"))) == 1
