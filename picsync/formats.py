"""Which format bytes are of, and which one a file's name promises: bytes do not lie, names are a guess."""

from __future__ import annotations

from picsync.model import MediaKind

HEAD_BYTES = 32
"""So many of a file's first bytes tell its format."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL ", "image/jxl"),
    (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_FTYP: dict[bytes, str | None] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"crx ": "image/x-canon-cr3",
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), None),
}
"""By the major brand of the ISO base media file format; sound alone is neither picture nor video."""
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"pnot")
"""How QuickTime files begin that are older than `ftyp`."""

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
    **dict.fromkeys(("mp4", "m4v", "3gp"), "video/mp4"),
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    **dict.fromkeys(("mkv", "webm"), "video/x-matroska"),
    **dict.fromkeys(("mpg", "mpeg"), "video/mpeg"),
}


def sniff(head: bytes) -> str | None:
    """Return the MIME type that a file's first bytes show, or None if they show no picture or video."""
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return mime_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _FTYP.get(head[8:12], "video/mp4")
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    # Two letters prove nothing; behind them and the size are four bytes that are always 0.
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    return None


def promised(filename: str) -> str | None:
    """Return the MIME type that a file's name promises, or None if it promises no picture or video."""
    _, dot, extension = filename.rpartition(".")
    return _EXTENSIONS.get(extension.lower()) if dot else None


def media_kind(mime_type: str) -> MediaKind:
    """Return what a picture's or video's MIME type makes it."""
    return MediaKind.VIDEO if mime_type.startswith("video/") else MediaKind.PHOTO
