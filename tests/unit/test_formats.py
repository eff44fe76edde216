"""Telling formats by their bytes, and what names promise."""

from __future__ import annotations

import pytest

from picsync.formats import HEAD_BYTES, media_kind, promised, sniff
from picsync.model import MediaKind


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"BM\x36\x10\x00\x00\x00\x00\x00\x00\x36", "image/bmp"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypcrx \x00", "image/x-canon-cr3"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "video/quicktime"),
        (b"RIFF\x24\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"\x1a\x45\xdf\xa3\x01\x00", "video/x-matroska"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "image/tiff"),
    ],
)
def test_pictures_and_videos(head: bytes, mime_type: str) -> None:
    assert sniff(head[:HEAD_BYTES]) == mime_type
    assert media_kind(mime_type) is (MediaKind.VIDEO if mime_type[0] == "v" else MediaKind.PHOTO)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xd8",
        b"BMW: prices and dates of 2024",
        b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"<!DOCTYPE html>",
        b"%PDF-1.7",
        b"PK\x03\x04",
    ],
)
def test_neither_a_picture_nor_a_video(head: bytes) -> None:
    assert sniff(head) is None


@pytest.mark.parametrize(
    ("filename", "mime_type"),
    [("IMG_1.JPG", "image/jpeg"), ("a.b.heic", "image/heic"), ("clip.MOV", "video/quicktime")],
)
def test_names_promise(filename: str, mime_type: str) -> None:
    assert promised(filename) == mime_type


@pytest.mark.parametrize("filename", ["", "jpg", "IMG_1", "IMG_1.jpg.xmp", "IMG_1.jpg "])
def test_names_that_promise_nothing(filename: str) -> None:
    assert promised(filename) is None
