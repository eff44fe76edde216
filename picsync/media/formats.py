"""Detects formats by content, and guesses them from file names.

The container is not the format: a TIFF file may be a camera's raw picture, and a HEIF file may use codings
that a frame cannot show. The content decides.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from picsync.core.model import MediaKind
from picsync.media import boxes, tiff

HEAD_BYTES = 4096
"""Number of leading bytes that identify most formats."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL ", "image/jxl"),
    (b"\x00\x00\x00\x0cjP  ", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"FUJIFILMCCD-RAW", "image/x-fuji-raf"),
    (b"IIRO", "image/x-olympus-orf"),
    (b"IIRS", "image/x-olympus-orf"),
    (b"MMOR", "image/x-olympus-orf"),
    (b"IIU\x00", "image/x-panasonic-rw2"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "image/x-canon-crw"),
    (b"FOVb", "image/x-sigma-x3f"),
    (b"\x00MRM", "image/x-minolta-mrw"),
    (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_MAJOR_BRANDS: dict[bytes, str | None] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"crx ": "image/x-canon-cr3",
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "), None),
}
"""Brands of the ISO base media file format that identify a format; audio is neither picture nor video."""
_PICTURE_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
"""Brands of any HEIF picture (ISO/IEC 23008-12), whatever its coding."""
_VIDEO_BRANDS = frozenset(
    {
        *(b"isom", b"mp41", b"mp42", b"mp71", b"mmp4", b"M4V ", b"M4VH", b"M4VP", b"f4v ", b"F4V ", b"avc1"),
        *(b"dash", b"MSNV", b"XAVC", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9"),
        *(b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3gp8", b"3gp9", b"3gg6", b"3ge6", b"3g2a", b"3g2b", b"3g2c"),
    }
)
_CODINGS = {b"av01": "image/avif", b"hvc1": "image/heic", b"hev1": "image/heic"}
UNKNOWN_CODING = "image/x-heif"
"""A HEIF picture with neither of the two usual codings."""
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"pnot")
"""How QuickTime files begin that are older than `ftyp`."""

_RAW = {
    "image/x-canon-cr2": "CR2",
    "image/x-canon-cr3": "CR3",
    "image/x-canon-crw": "CRW",
    "image/x-nikon-nef": "NEF",
    "image/x-sony-arw": "ARW",
    "image/x-adobe-dng": "DNG",
    "image/x-samsung-srw": "SRW",
    "image/x-pentax-pef": "PEF",
    "image/x-fuji-raf": "RAF",
    "image/x-olympus-orf": "ORF",
    "image/x-panasonic-rw2": "RW2",
    "image/x-sigma-x3f": "X3F",
    "image/x-minolta-mrw": "MRW",
    "image/x-phaseone-iiq": "IIQ",
    tiff.OTHER_RAW: "raw",
}
"""Raw formats of cameras, with their common names."""

_EXTENSIONS = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), "image/jpeg"),
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    **dict.fromkeys(("heic", "heif", "hif"), "image/heic"),
    "avif": "image/avif",
    **dict.fromkeys(("tif", "tiff"), "image/tiff"),
    "bmp": "image/bmp",
    "jxl": "image/jxl",
    **dict.fromkeys(("jp2", "j2k", "j2c", "jpc", "jpx", "jpf"), "image/jp2"),
    **{name.lower(): mime_type for mime_type, name in _RAW.items() if name.isupper()},
    "nrw": "image/x-nikon-nef",
    **dict.fromkeys(("mp4", "m4v", "3gp"), "video/mp4"),
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    **dict.fromkeys(("mkv", "webm"), "video/x-matroska"),
    **dict.fromkeys(("mpg", "mpeg"), "video/mpeg"),
}


def sniff(head: bytes) -> str | None:
    """Return the MIME type by a file's first bytes, or None if they show no picture or video.

    If they do not show what a TIFF or HEIF file contains, it is `image/tiff` or `image/heif`.
    """
    found = _container(head)
    if found == "image/tiff":
        return tiff.raw_type(io.BytesIO(head)) or found
    if found == "image/heif":
        return _heif(io.BytesIO(head), len(head)) or found
    return found


def identify(file: BinaryIO) -> str | None:
    """Return the MIME type of a file, or None if it is not a picture or video; moves its position.

    Raises OSError.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    found = _container(file.read(HEAD_BYTES))
    if found == "image/tiff":
        return tiff.raw_type(file) or found
    if found == "image/heif":
        return _heif(file, size) or UNKNOWN_CODING
    return found


def _container(head: bytes) -> str | None:
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return mime_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brands(*boxes.brands(head))
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    # Two letters prove nothing; after them and the size come four bytes that are always 0.
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    return None


def _by_brands(major: bytes, *compatible: bytes) -> str | None:
    if major in _MAJOR_BRANDS:
        return _MAJOR_BRANDS[major]
    known = {_MAJOR_BRANDS[brand] for brand in compatible if brand in _MAJOR_BRANDS}
    brands = {major, *compatible}
    if brands & _PICTURE_BRANDS:
        pictures = known & {"image/heic", "image/avif"}
        return pictures.pop() if len(pictures) == 1 else "image/heif"
    if brands & _VIDEO_BRANDS:
        return "video/mp4"
    return known.pop() if len(known) == 1 else None


def _heif(file: BinaryIO, size: int) -> str | None:
    types = boxes.item_types(file, size)
    return next((mime_type for coding, mime_type in _CODINGS.items() if coding in types), None)


def promised(filename: str) -> str | None:
    """Return the MIME type for a file name, or None if it is not that of a picture or video."""
    _, dot, extension = filename.rpartition(".")
    return _EXTENSIONS.get(extension.lower()) if dot else None


def usual_extension(mime_type: str) -> str:
    """Return the usual extension of a format, in lower case and without a dot."""
    found = next((name for name, known in _EXTENSIONS.items() if known == mime_type), None)
    return found or ("heif" if mime_type in ("image/heif", UNKNOWN_CODING) else "raw")


def extensions(kind: str) -> tuple[str, ...]:
    """Return the extensions of all known formats of a kind, `image` or `video`; lower case, without a dot."""
    return tuple(name for name, mime_type in _EXTENSIONS.items() if mime_type.startswith(f"{kind}/"))


def media_kind(mime_type: str) -> MediaKind:
    """Return the kind of media for a MIME type."""
    return MediaKind.VIDEO if mime_type.startswith("video/") else MediaKind.PHOTO


def is_raw(mime_type: str) -> bool:
    """Whether it is a raw format of cameras."""
    return mime_type in _RAW


def called(mime_type: str) -> str:
    """Return the common name of a format: `NEF`, `AVIF`, `MP4`; the type itself if it has none."""
    name = mime_type.partition("/")[2]
    return _RAW.get(mime_type) or (name.upper() if name.isalnum() else mime_type)
