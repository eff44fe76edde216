"""Formats by bytes, and by names."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.model import MediaKind
from picsync.media.formats import (
    HEAD_BYTES,
    UNKNOWN_CODING,
    called,
    identify,
    media_kind,
    promised,
    sniff,
)
from picsync.media.tiff import raw_type
from tests.media.files import ftyp, heif, tiff


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
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "image/x-canon-cr2"),
        (b"II*\x00\x08\x00\x00\x00IIII", "image/x-phaseone-iiq"),
        (b"II\x1a\x00\x00\x00HEAPCCDR", "image/x-canon-crw"),
        (b"II+\x00\x08\x00\x00\x00" + struct.pack("<Q", 0x5243), "image/tiff"),
        (b"MM\x00+\x00\x08\x00\x00" + struct.pack(">Q", 16), "image/tiff"),
        (b"\xff\x4f\xff\x51\x00\x2f", "image/jp2"),
        (b"IIRO\x08\x00\x00\x00", "image/x-olympus-orf"),
        (b"IIU\x00\x18\x00\x00\x00", "image/x-panasonic-rw2"),
        (b"FUJIFILMCCD-RAW 0201", "image/x-fuji-raf"),
        (b"FOVb\x00\x00\x02\x00", "image/x-sigma-x3f"),
        (b"\x00MRM\x00\x00", "image/x-minolta-mrw"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
        (ftyp(b"avif", b"mif1"), "image/avif"),
        (ftyp(b"mif1", b"avif", b"miaf"), "image/avif"),
        (ftyp(b"msf1", b"avis", b"miaf"), "image/avif"),
        (ftyp(b"miaf", b"MA1B", b"avif"), "image/avif"),
        (ftyp(b"mif1", b"heic"), "image/heic"),
        (ftyp(b"msf1", b"hevc", b"heic"), "image/heic"),
        (ftyp(b"heic", b"mif1", b"heic"), "image/heic"),
        (heif((b"mif1", b"miaf"), (b"av01", b"Exif")), "image/avif"),
        (heif((b"mif1",), (b"hvc1", b"grid")), "image/heic"),
        (ftyp(b"mif1"), "image/heif"),
        (ftyp(b"XAVC", b"XAVC", b"mp42", b"iso2"), "video/mp4"),
        (ftyp(b"3gp4", b"isom"), "video/mp4"),
        (ftyp(b"abcd", b"isom"), "video/mp4"),
    ],
)
def test_pictures_and_videos(head: bytes, mime_type: str) -> None:
    assert sniff(head[:HEAD_BYTES]) == mime_type
    assert identify(io.BytesIO(head)) == (UNKNOWN_CODING if mime_type == "image/heif" else mime_type)
    assert media_kind(mime_type) is (MediaKind.VIDEO if mime_type[0] == "v" else MediaKind.PHOTO)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xd8",
        b"BMW: prices and dates of 2024",
        ftyp(b"M4A ", b"mp42", b"isom"),
        ftyp(b"abcd", b"efgh"),
        ftyp(b"dvr1"),
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"<!DOCTYPE html>",
        b"%PDF-1.7",
        b"PK\x03\x04",
    ],
)
def test_neither_a_picture_nor_a_video(head: bytes) -> None:
    assert sniff(head) is None
    assert identify(io.BytesIO(head)) is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("entries", "inner", "mime_type"),
    [
        pytest.param({254: 1, 271: b"NIKON CORPORATION"}, {262: 32803}, "image/x-nikon-nef", id="NEF"),
        pytest.param({254: 1, 259: 6, 271: b"SONY"}, {259: 32767}, "image/x-sony-arw", id="ARW"),
        pytest.param({254: 1, 271: b"SAMSUNG"}, {259: 32772}, "image/x-samsung-srw", id="SRW"),
        pytest.param({254: 0, 262: 32803, 50706: 1}, None, "image/x-adobe-dng", id="DNG without thumbnail"),
        pytest.param({254: 1, 271: b"Google", 50706: 1}, {262: 34892}, "image/x-adobe-dng", id="DNG"),
        pytest.param({259: 65535, 271: b"PENTAX Corporation"}, None, "image/x-pentax-pef", id="PEF"),
        pytest.param({254: 0, 271: b"Hasselblad"}, {262: 32803}, "image/x-dcraw", id="another maker's"),
        pytest.param({254: 0, 262: 2, 271: b"NIKON CORPORATION"}, None, "image/tiff", id="a developed one"),
        pytest.param({254: 0, 259: 5, 262: 2}, {254: 1, 262: 2}, "image/tiff", id="with a smaller copy"),
        pytest.param({256: 10, 257: 10}, None, "image/tiff", id="a scan"),
    ],
)
def test_raw_pictures_are_told_from_tiff_files(
    entries: dict[int, int | bytes], inner: dict[int, int | bytes] | None, order: str, mime_type: str
) -> None:
    data = tiff(entries, order=order, inner=inner)
    assert sniff(data) == mime_type
    assert identify(io.BytesIO(data)) == mime_type


def test_what_stands_at_the_end_of_a_tiff_file_is_found_there() -> None:
    data = tiff({262: 32803})
    moved = data[:4] + struct.pack("<I", 50_000) + bytes(49_992) + data[8:]
    assert sniff(moved[:HEAD_BYTES]) == "image/tiff"
    assert identify(io.BytesIO(moved)) == "image/x-dcraw"


def test_what_is_coded_in_an_unknown_way_is_no_heic() -> None:
    assert identify(io.BytesIO(heif((b"mif1", b"miaf"), (b"vvc1",)))) == UNKNOWN_CODING


@given(st.binary(max_size=200))
def test_directories_that_lead_anywhere_end(data: bytes) -> None:
    for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        found = identify(io.BytesIO(magic + data))
        assert found is not None
        assert found.startswith("image/")


def test_directories_that_go_round_in_circles_end() -> None:
    assert raw_type(io.BytesIO(tiff({330: 8, 254: 0}))) is None
    many = b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + struct.pack("<HHII", 330, 4, 0xFFFFFFFF, 8) * 70_000
    assert identify(io.BytesIO(many)) == "image/tiff"


@pytest.mark.parametrize(
    ("mime_type", "name"),
    [
        ("image/x-nikon-nef", "NEF"),
        ("image/avif", "AVIF"),
        ("video/x-matroska", "video/x-matroska"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_formats_have_names(mime_type: str, name: str) -> None:
    assert called(mime_type) == name


@pytest.mark.parametrize(
    ("filename", "mime_type"),
    [
        ("IMG_1.JPG", "image/jpeg"),
        ("a.b.heic", "image/heic"),
        ("clip.MOV", "video/quicktime"),
        ("A.NEF", "image/x-nikon-nef"),
    ],
)
def test_names_promise(filename: str, mime_type: str) -> None:
    assert promised(filename) == mime_type


@pytest.mark.parametrize("filename", ["", "jpg", "IMG_1", "IMG_1.jpg.xmp", "IMG_1.jpg "])
def test_names_that_promise_nothing(filename: str) -> None:
    assert promised(filename) is None
