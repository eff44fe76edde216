"""Uploads to Nixplay: the requests, the responses, and their meaning."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from picsync.aio.tasks import cancel_and_wait
from picsync.core.errors import ItemError, LoginNeeded, PicsyncError, QuotaError, TransientError
from picsync.core.model import Digest, FrameAlbum
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import API, MONITOR, UPLOADS, Answer, ExpiredSession, StorageRefusal
from picsync.frames.base import AlreadyThere, Rendition, Uploaded
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.upload import safe_name
from tests.contract.frame_contract import JPEG, rendition
from tests.frames.nixplay.nixplay_account import NixplayAccount


@pytest.fixture
async def album(frame: NixplayFrame) -> FrameAlbum:
    return await frame.create_album("Trip")


def stored(account: NixplayAccount) -> list[bytes]:
    return [
        photo.path.read_bytes() for photo in account.service.album_photos(account.service.album_named("Trip"))
    ]


async def test_first_upload_is_four_requests_and_the_next_three(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.add_album("Trip")
    album = await frame.create_album("Trip")
    account.server.log.clear()
    await frame.upload(album, rendition(JPEG + b"1"), upcoming=4)
    await asyncio.gather(*(frame.upload(album, rendition(JPEG + bytes([n])), upcoming=3) for n in range(3)))
    log = account.server.log
    assert log.count(host=API, path="^/v3/upload/receivers/$") == 1
    assert log.count(host=API, path="^/v3/photo/upload/$") == 4
    assert log.count(host=UPLOADS) == log.count(host=MONITOR) == 4
    assert len(log.records) == 13


RECEIVERS = "^/v3/upload/receivers/$"
REFUSALS = [
    Answer.json(400, "uploadToken is not valid", "AssertionError"),
    Answer.json(403, "Forbidden", "ForbiddenError"),
    Answer.html(403, "Forbidden"),
]


@pytest.mark.parametrize("enforced", [False, True])
@pytest.mark.parametrize("answer", REFUSALS, ids=lambda answer: answer.body[:30])
async def test_all_photos_upload_whether_or_not_totals_are_enforced(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, enforced: bool, answer: Answer
) -> None:
    options = account.service.options
    options.enforce_token_total, options.spent_token = enforced, answer
    sent = [rendition(JPEG + bytes([number])) for number in range(30)]
    results = await asyncio.gather(*(frame.upload(album, each, upcoming=30) for each in sent))
    assert results == [Uploaded()] * 30
    [request] = account.requests(RECEIVERS)
    assert b"total=30" in request.body
    assert len(account.requests("^/v3/photo/upload/$")) == 30


@pytest.mark.parametrize("answer", REFUSALS, ids=lambda answer: answer.body[:30])
async def test_a_spent_token_is_replaced(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, answer: Answer
) -> None:
    """Permissions whose answers were lost have used it up before picsync knows."""
    options = account.service.options
    options.enforce_token_total, options.spent_token = True, answer
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="^/v3/photo/upload/$", count=3))
    for left in range(10, 0, -1):
        sent = rendition(JPEG + bytes([left]))
        assert await frame.upload(album, sent, upcoming=left) == Uploaded()
    assert len(account.requests(RECEIVERS)) == 2


async def test_more_photos_than_expected_take_another_token(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.service.options.enforce_token_total = True
    for number in range(3):
        assert await frame.upload(album, rendition(JPEG + bytes([number]))) == Uploaded()
    assert len(account.requests(RECEIVERS)) == 3
    assert len(account.requests("^/v3/photo/upload/$")) == 3


async def test_a_total_that_is_too_large_is_replaced_by_a_smaller_one(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    options = account.service.options
    options.enforce_token_total, options.largest_total = True, 50
    for left in range(60, 0, -20):
        assert await frame.upload(album, rendition(JPEG + bytes([left])), upcoming=left) == Uploaded()
    bodies = [request.body for request in account.requests(RECEIVERS)]
    assert [body.rpartition(b"=")[2] for body in bodies] == [b"60", b"20"]


@pytest.mark.parametrize("count", [1, None])
async def test_rejected_file_is_sent_once_more_with_a_new_permission(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, count: int | None
) -> None:
    body = "<Error><Code>AccessDenied</Code><Message>Policy expired.</Message></Error>"
    account.fail(Fault(kind=FaultKind.STATUS, status=403, host=UPLOADS, body=body, count=count))
    if count:
        assert await frame.upload(album, rendition(JPEG)) == Uploaded()
    else:
        with pytest.raises(ItemError, match="Policy expired"):
            await frame.upload(album, rendition(JPEG))
    assert len(account.requests("^/v3/photo/upload/$")) == len(account.requests(host=UPLOADS)) == 2


async def test_a_large_file_is_sent_from_disk_with_its_length(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    content = JPEG + b"0123456789abcdef" * 2**18
    sent = rendition(content)
    with tempfile.TemporaryFile() as file:
        file.write(content[:-10])
        file.write(content[-10:])  # Still in Python's buffer.
        spooled = Rendition(file, len(content), sent.digest, "image/jpeg", "IMG_1.jpg")
        assert await frame.upload(album, spooled) == Uploaded()
    [request] = account.requests(host=UPLOADS)
    assert int(request.headers["Content-Length"]) == request.bytes_in > len(content)
    assert stored(account) == [content]


async def test_a_large_file_is_never_whole_in_memory(frame: NixplayFrame, album: FrameAlbum) -> None:
    size_bytes = 16 * 2**20
    with tempfile.TemporaryFile() as file:
        file.truncate(size_bytes)
        digest = Digest.md5(hashlib.file_digest(file, "md5").hexdigest())
        tracemalloc.start()
        try:
            await frame.upload(album, Rendition(file, size_bytes, digest, "video/mp4", "MVI_1.mp4"))
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 3 * 2**20  # The emulator is in this process, too.
    assert [photo.digest for photo in (await frame.photos(album)).items] == [digest]


@pytest.mark.parametrize("host", [UPLOADS, MONITOR, API])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.STATUS, status=503, count=2),
        Fault(kind=FaultKind.STATUS, status=500, after=True, count=2),
        Fault(kind=FaultKind.RESET_BEFORE),
        Fault(kind=FaultKind.RESET_AFTER, count=2),
        Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "7"}),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status}",
)
async def test_trouble_on_the_way_is_overcome(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, host: str, fault: Fault
) -> None:
    account.fail(Fault(kind=fault.kind, status=fault.status, after=fault.after, count=fault.count, host=host))
    assert await frame.upload(album, rendition(JPEG)) == Uploaded()
    assert stored(account) == [JPEG]
    assert account.waits
    assert account.server.faults.spent


async def test_lasting_trouble_leaves_the_upload_to_the_next_cycle(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    sent = rendition(JPEG)
    account.fail(Fault(kind=FaultKind.STATUS, status=503, count=None, host=UPLOADS))
    with pytest.raises(TransientError, match="store bytes"):
        await frame.upload(album, sent)
    account.server.faults.clear()
    assert await frame.upload(album, sent) == Uploaded()


async def test_the_same_upload_after_a_lost_answer_is_there_already(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.fail(Fault(kind=FaultKind.RESET_AFTER, count=None, host=MONITOR))
    with pytest.raises(TransientError):
        await frame.upload(album, rendition(JPEG))
    account.server.faults.clear()
    assert await frame.upload(album, rendition(JPEG)) == AlreadyThere()


async def test_a_photo_is_listed_once_the_monitor_has_spoken(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.service.options.processing_seconds = 0.05
    account.service.options.monitor_waits = True
    await frame.upload(album, rendition(JPEG))
    assert len((await frame.photos(album)).items) == 1


async def test_a_monitor_that_never_answers_is_given_up(account: NixplayAccount, album: FrameAlbum) -> None:
    frame = account.frame(monitor_timeout_s=0.05)
    account.fail(Fault(kind=FaultKind.HANG, host=MONITOR, count=None))
    with pytest.raises(TransientError, match="await processing: no answer in time"):
        await frame.upload(album, rendition(JPEG))
    await frame.aclose()


async def test_a_type_that_is_not_taken_is_unusable(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    for mime_type, accepted in (("image/webp", True), ("image/heic", False)):
        if not accepted:
            account.service.options.accepted_types -= {mime_type}
        with pytest.raises(
            ItemError, match=f"'IMG_1.jpg' .{mime_type}. with status 400: .*not supported"
        ) as raised:
            await frame.upload(album, rendition(JPEG, mime_type=mime_type))
        assert raised.value.unusable
    assert await frame.upload(album, rendition(JPEG)) == Uploaded()


async def test_heif_goes_as_heic(account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum) -> None:
    assert await frame.upload(album, rendition(JPEG, "IMG_1.HEIF", "image/heif")) == Uploaded()
    [photo] = account.service.album_named("Trip").photos.values()
    assert (photo.file_type, photo.filename) == ("image/heic", "IMG_1.HEIF")


async def test_what_the_monitor_refuses_is_unusable_in_its_words(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.service.options.decode_images = True
    with pytest.raises(ItemError, match=r"with status 400: Error: image-invalid\.") as raised:
        await frame.upload(album, rendition(JPEG))
    assert raised.value.unusable


async def test_upload_unknown_to_the_monitor_is_tried_again_later(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=404, host=MONITOR, body="Error: not-found"))
    with pytest.raises(ItemError) as raised:
        await frame.upload(album, rendition(JPEG))
    assert not raised.value.unusable


@pytest.mark.parametrize(("code", "unusable"), [("EntityTooLarge", True), ("AccessDenied", False)])
async def test_s3_refuses(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, code: str, unusable: bool
) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
    account.fail(Fault(kind=FaultKind.STATUS, status=403, host=UPLOADS, body=body, count=None))
    with pytest.raises(ItemError, match=rf"{code} No\.") as raised:
        await frame.upload(album, rendition(JPEG))
    assert raised.value.unusable is unusable


@pytest.mark.parametrize("where", list(StorageRefusal))
@pytest.mark.parametrize(
    "answer",
    [
        Answer.json(400, "storage limit exceeded", "StorageLimitError"),
        Answer.text(400, "Error: quota-exceeded"),
        Answer.json(403, "Not enough space left", "ForbiddenError"),
        Answer.text(413, "Storage is full"),
        Answer.html(402, "Payment Required"),
        Answer.html(507, "Insufficient Storage"),
    ],
    ids=lambda answer: answer.body[:40],
)
async def test_full_storage_is_recognised_wherever_it_is_said(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum, where: StorageRefusal, answer: Answer
) -> None:
    options = account.service.options
    options.storage_refusal, options.storage_answer = where, answer
    await frame.upload(album, rendition(JPEG))
    options.storage_limit_bytes = len(JPEG)
    for _ in range(2):
        with pytest.raises(QuotaError, match=r"Nixplay has no storage left for more photos: \w") as raised:
            await frame.upload(album, rendition(JPEG + b"1"))
        assert "Delete photos" in raised.value.hint


async def test_a_storage_in_trouble_is_not_full(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=503, host=MONITOR, body="Storage trouble", count=None))
    with pytest.raises(TransientError, match="503"):
        await frame.upload(album, rendition(JPEG))


async def test_an_old_token_is_replaced(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    await frame.upload(album, rendition(JPEG + b"1"), upcoming=2)
    refusal = Answer.json(400, "uploadToken is not valid", "AssertionError")
    account.fail(Fault(kind=FaultKind.STATUS, status=400, path="^/v3/photo/upload/", body=refusal.body))
    assert await frame.upload(album, rendition(JPEG + b"2")) == Uploaded()
    assert len(account.requests("^/v3/upload/receivers/")) == 2


async def test_a_refusal_without_a_word_on_the_type_may_pass(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=400, path="^/v3/photo/upload/", body="{}", count=None))
    with pytest.raises(ItemError, match="no reason given") as raised:
        await frame.upload(album, rendition(JPEG))
    assert not raised.value.unusable


async def test_an_upload_to_an_album_that_is_gone(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    await frame.delete_album(album)
    with pytest.raises(PicsyncError):
        await frame.upload(album, rendition(JPEG))
    assert await frame.find_album("Trip") is None


async def test_a_session_that_ends_during_uploads(
    account: NixplayAccount, frame: NixplayFrame, album: FrameAlbum
) -> None:
    account.service.options.session_requests = 6
    account.service.options.expired_session = ExpiredSession.HTML_403
    for number in range(10):
        assert await frame.upload(album, rendition(JPEG + bytes([number]))) == Uploaded()
    assert len(account.requests("^/www-login/")) > 2
    assert LoginNeeded not in map(type, account.events)


@pytest.mark.parametrize(
    ("given", "mime_type", "sent"),
    [
        ("IMG_1.jpg", "image/jpeg", "IMG_1.jpg"),
        ("IMG_1.JPEG", "image/jpeg", "IMG_1.JPEG"),
        ("IMG_1.heic", "image/jpeg", "IMG_1.jpg"),
        ("IMG_1", "image/png", "IMG_1.png"),
        ("Trip v1.2", "image/jpeg", "Trip v1.2.jpg"),
        ("MVI.MOV", "video/mp4", "MVI.mp4"),
        ("a.heif", "image/heif", "a.heif"),
        ("", "image/jpeg", "photo.jpg"),
        (".jpg", "image/jpeg", "jpg.jpg"),
        ("..", "image/jpeg", "photo.jpg"),
        ("../../etc/passwd", "image/jpeg", "_.._etc_passwd.jpg"),
        ("a\\b\r\n\0c\ud800.jpg", "image/jpeg", "a_b___c_.jpg"),
        ("Größe 北京 😀.jpg", "image/jpeg", "Größe 北京 _.jpg"),
        ("anything", "", "anything"),
    ],
)
def test_safe_names(given: str, mime_type: str, sent: str) -> None:
    assert safe_name(given, mime_type) == sent


@pytest.mark.parametrize("letter", ["x", "北"])
@pytest.mark.parametrize("mime_type", ["image/jpeg", ""])
def test_long_names_keep_their_extension_and_whole_letters(letter: str, mime_type: str) -> None:
    name = safe_name(letter * 300 + ".jpg", mime_type)
    assert 250 <= len(name.encode()) <= 255
    assert Path(name).name == name
    assert set(name.removesuffix(".jpg")) == {letter}


async def test_a_token_is_requested_while_a_new_album_is_checked(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.fail(Fault(kind=FaultKind.HANG, path="^/v2/albums/web/json/$", skip=2))
    log = account.server.log
    creating = asyncio.create_task(frame.create_album("Trip", upcoming=2))
    await log.wait_for(lambda log: log.count(path=RECEIVERS) == 1 and log.count(path="/albums/web/") == 3)
    await cancel_and_wait(creating)
    album = await frame.create_album("Trip", upcoming=2)
    await asyncio.gather(*(frame.upload(album, rendition(JPEG + bytes([n])), upcoming=2) for n in range(2)))
    assert log.count(path=RECEIVERS) == 1


async def test_what_a_token_was_refused_for_fails_the_first_upload_only(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=403, path=RECEIVERS, count=2))
    album = await frame.create_album("Trip", upcoming=2)
    with pytest.raises(LoginNeeded):
        await frame.upload(album, rendition(JPEG))
    assert await frame.upload(album, rendition(JPEG)) == Uploaded()


async def test_the_token_of_one_album_does_not_wait_for_that_of_another(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    albums = [await frame.create_album(name) for name in ("Trip", "Party")]
    account.fail(Fault(kind=FaultKind.HANG, path=RECEIVERS))
    log = account.server.log
    waiting = asyncio.create_task(frame.upload(albums[0], rendition(JPEG)))
    await log.wait_for(lambda log: log.count(path=RECEIVERS) == 1)
    assert await frame.upload(albums[1], rendition(JPEG)) == Uploaded()
    await cancel_and_wait(waiting)
