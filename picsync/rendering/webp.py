"""Decodes WebP pictures in a fraction of their size. Only workers import this module.

Pillow decodes every WebP as an animation, into several whole pictures: 800 MB for 50 megapixels. Its library
can reduce a picture while it decodes it, in a tenth of that. Pillow does not offer that, so this calls the
functions that libwebp documents in decode.h, of the library that Pillow has loaded. If that does not work,
Pillow decodes the picture.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from PIL import Image

_ABI = 0x0209
"""Of decode.h. The library accepts every version with the same first byte."""
_RGBA = 1
_OK = 0


class _Features(ctypes.Structure):
    _fields_ = [
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Pixels(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t)]


class _Planes(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p * 4),
        ("strides", ctypes.c_int * 4),
        ("sizes", ctypes.c_size_t * 4),
    ]


class _Either(ctypes.Union):
    _fields_ = [("pixels", _Pixels), ("planes", _Planes)]


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("either", _Either),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    ]


class _Options(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_int)
            for name in (
                "bypass_filtering",
                "no_fancy_upsampling",
                "use_cropping",
                "crop_left",
                "crop_top",
                "crop_width",
                "crop_height",
                "use_scaling",
                "scaled_width",
                "scaled_height",
                "use_threads",
                "dithering_strength",
                "flip",
                "alpha_dithering_strength",
            )
        ),
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Config(ctypes.Structure):
    _fields_ = [("input", _Features), ("output", _Buffer), ("options", _Options)]


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the library that Pillow's extension module is linked to; None if there is none."""
    try:
        from PIL import _webp

        library = ctypes.CDLL(_webp.__file__)
        text, number = ctypes.c_char_p, ctypes.c_size_t
        features, config = ctypes.POINTER(_Features), ctypes.POINTER(_Config)
        library.WebPGetFeaturesInternal.argtypes = (text, number, features, ctypes.c_int)
        library.WebPInitDecoderConfigInternal.argtypes = (config, ctypes.c_int)
        library.WebPDecode.argtypes = (text, number, config)
    except (ImportError, OSError, AttributeError):
        return None
    return library


def reduced(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """Return the picture in that size, which is smaller; None for animations, and what cannot be decoded."""
    library, config = _library(), _Config()
    if library is None or not library.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI):
        return None
    if library.WebPGetFeaturesInternal(data, len(data), ctypes.byref(config.input), _ABI) != _OK:
        return None
    if config.input.has_animation:
        return None
    pixels = bytearray(size[0] * size[1] * 4)
    place = ctypes.addressof((ctypes.c_char * len(pixels)).from_buffer(pixels))
    config.options.use_scaling = 1
    config.options.scaled_width, config.options.scaled_height = size
    config.output.colorspace = _RGBA
    config.output.is_external_memory = 1
    config.output.either.pixels = _Pixels(place, size[0] * 4, len(pixels))
    if library.WebPDecode(data, len(data), ctypes.byref(config)) != _OK:
        return None
    image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1)
    return image.copy() if config.input.has_alpha else image.convert("RGB")
