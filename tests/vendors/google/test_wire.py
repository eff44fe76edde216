"""Google's JSON: lenient where proto3 is, strict otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from picsync.core.errors import ProtocolError
from picsync.core.model import MediaItem, MediaKind
from picsync.http.retry import Operation
from picsync.vendors.google.wire import Album, AlbumPage, BatchAnswer, MediaItemPage, parse

OPERATION = Operation("Google Photos", "list_media_items")


def item(**fields: object) -> MediaItem:
    page = parse(OPERATION, MediaItemPage, {"mediaItems": [{"id": "a", **fields}]})
    return page.media_items[0].media_item("googlephotos")


@pytest.mark.parametrize(("value", "count"), [("128", 128), (128, 128), (None, 0)])
def test_numbers_may_be_strings_or_absent(value: object, count: int) -> None:
    body = {"id": "a", "title": "T"} | ({} if value is None else {"mediaItemsCount": value})
    assert parse(OPERATION, Album, body).media_items_count == count


def test_an_empty_answer_is_an_empty_page() -> None:
    assert parse(OPERATION, AlbumPage, {}).albums == []
    page = parse(OPERATION, MediaItemPage, {})
    assert (page.media_items, page.next_page_token) == ([], "")


def test_an_item_needs_no_more_than_an_id() -> None:
    assert item() == MediaItem("googlephotos", "a")
    assert item(filename="x", unknown={"deep": 1}).filename == "x"


@pytest.mark.parametrize(
    ("fields", "kind", "mime_type"),
    [
        ({"mimeType": "Image/JPEG; q=1", "mediaMetadata": {"photo": {}}}, MediaKind.PHOTO, "image/jpeg"),
        ({"mimeType": "video/mp4"}, MediaKind.VIDEO, "video/mp4"),
        ({"mediaMetadata": {"video": {}}}, MediaKind.VIDEO, ""),
    ],
)
def test_kinds(fields: dict[str, object], kind: MediaKind, mime_type: str) -> None:
    assert (item(**fields).kind, item(**fields).mime_type) == (kind, mime_type)


@pytest.mark.parametrize(
    ("value", "taken_at"),
    [
        ("2022-09-21T10:11:12Z", datetime(2022, 9, 21, 10, 11, 12, tzinfo=UTC)),
        ("2022-09-21T10:11:12.123456789Z", datetime(2022, 9, 21, 10, 11, 12, 123456, tzinfo=UTC)),
        ("2022-09-21T10:11:12+02:00", datetime(2022, 9, 21, 8, 11, 12, tzinfo=UTC)),
        ("2022-09-21T10:11:12", datetime(2022, 9, 21, 10, 11, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("-0044-03-15T00:00:00Z", None),
        ("yesterday", None),
        (17, None),
    ],
)
def test_instants_are_read_leniently(value: object, taken_at: datetime | None) -> None:
    assert item(mediaMetadata={"creationTime": value}).taken_at == taken_at


@pytest.mark.parametrize(
    "body",
    [
        None,
        "<html>",
        b"<html>",
        [],
        {"mediaItems": None},
        {"mediaItems": {}},
        {"mediaItems": [None]},
        {"mediaItems": [{}]},
        {"mediaItems": [{"id": ""}]},
        {"mediaItems": [{"id": 7}]},
        {"mediaItems": [{"id": "a", "baseUrl": ["https://secret"]}]},
        {"mediaItems": [{"id": "a", "mediaMetadata": "secret"}]},
        {"nextPageToken": 7},
    ],
    ids=repr,
)
def test_another_shape_is_an_error_that_names_the_request(body: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(OPERATION, MediaItemPage, body)
    assert str(caught.value).startswith("Google Photos list media items: ")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_batch_tells_which_are_gone() -> None:
    body = {"mediaItemResults": [{"mediaItem": {"id": "a"}}, {"status": {"code": 5, "message": "x"}}]}
    gone = [result.status.code for result in parse(OPERATION, BatchAnswer, body).media_item_results]
    assert gone == [0, 5]
