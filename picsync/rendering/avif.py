"""Decodes AVIF pictures in a fraction of their size. Only workers import this module.

This calls the functions that libavif documents in avif.h, of the library that Pillow has loaded. The fields
that are read here are those of version 1.4; another 1.x is used if its new decoder has the same defaults.
Pillow decodes what this does not, such as transparent pictures.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from PIL import Image

from picsync.rendering import planes

_VERSION = b"1."
_UNCHANGED = (0, 1, 0, 0, 0, 0, 0, 16_384 * 16_384, 32_768)
"""The first fields of a new decoder: if they are these, the others are where they are expected."""
_OK = 0
_SUBSAMPLED = {1: (False, False), 2: (True, False), 3: (True, True), 4: (True, True)}
"""Whether colours have half as many columns and rows, by `avifPixelFormat`."""
_GREY = 4


class _Decoder(ctypes.Structure):
    _fields_ = [("settings", ctypes.c_uint32 * 11), ("image", ctypes.c_void_p)]


class _Image(ctypes.Structure):
    _fields_ = [
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("format", ctypes.c_int),
        ("range", ctypes.c_int),
        ("position", ctypes.c_int),
        ("planes", ctypes.c_void_p * 3),
        ("row_bytes", ctypes.c_uint32 * 3),
        ("owned", ctypes.c_int),
        ("alpha", ctypes.c_void_p),
        ("alpha_row_bytes", ctypes.c_uint32),
        ("alpha_owned", ctypes.c_int),
        ("premultiplied", ctypes.c_int),
        ("profile", ctypes.c_void_p),
        ("profile_bytes", ctypes.c_size_t),
        ("primaries", ctypes.c_uint16),
        ("transfer", ctypes.c_uint16),
        ("matrix", ctypes.c_uint16),
    ]


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the library that Pillow's extension module is linked to; None if there is none."""
    try:
        from PIL import _avif

        library = ctypes.CDLL(_avif.__file__)
        decoder, number = ctypes.c_void_p, ctypes.c_size_t
        library.avifVersion.restype = ctypes.c_char_p
        library.avifDecoderCreate.restype = decoder
        library.avifDecoderSetIOMemory.argtypes = (decoder, ctypes.c_char_p, number)
        library.avifDecoderParse.argtypes = library.avifDecoderNextImage.argtypes = (decoder,)
        library.avifDecoderDestroy.argtypes = (decoder,)
        library.avifDecoderDestroy.restype = None
        return library if library.avifVersion().startswith(_VERSION) else None
    except (ImportError, OSError, AttributeError):
        return None


def reduced(data: bytes, size: tuple[int, int], factor: int) -> Image.Image | None:
    """Return the picture of that size in a fraction of it, not turned; None if Pillow has to decode it."""
    library = _library()
    pointer = None if library is None else library.avifDecoderCreate()
    if not pointer:
        return None
    try:
        decoder = _Decoder.from_address(pointer)
        if tuple(decoder.settings[: len(_UNCHANGED)]) != _UNCHANGED or decoder.image:
            return None
        if library.avifDecoderSetIOMemory(pointer, data, len(data)) != _OK:
            return None
        if library.avifDecoderParse(pointer) != _OK or library.avifDecoderNextImage(pointer) != _OK:
            return None
        image = _Image.from_address(decoder.image)
        halved = _SUBSAMPLED.get(image.format)
        if (image.width, image.height) != size or halved is None or image.alpha:
            return None
        found = _planes(image, halved)
        return None if found is None else planes.reduced(found, factor)
    finally:
        library.avifDecoderDestroy(pointer)


def _planes(image: _Image, halved: tuple[bool, bool]) -> planes.Planes | None:
    count = 1 if image.format == _GREY else 3
    if not all(image.planes[:count]):
        return None
    coloured = (-(-image.width // (1 + halved[0])), -(-image.height // (1 + halved[1])))
    sizes = ((image.width, image.height), coloured, coloured)
    bright, *colours = [
        planes.Plane(image.planes[at], *sizes[at], image.row_bytes[at]) for at in range(count)
    ]
    return planes.Planes(bright, tuple(colours), halved, image.depth, bool(image.range), image.matrix)
