"""Decodes HEIF pictures in a fraction of their size. Only workers import this module.

This calls the functions that libheif documents in heif.h, of the library that pillow-heif has loaded, which
offers neither planes nor reduction. pillow-heif decodes what this does not, such as transparent pictures.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from PIL import Image

from picsync.rendering import planes

_AS_CODED = 99
_COLOURS, _GREY = 0, 2
_SUBSAMPLED = {0: (True, True), 1: (True, True), 2: (True, False), 3: (False, False)}
"""Whether colours have half as many columns and rows, by `heif_chroma`."""


class _Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("detail", ctypes.c_int), ("message", ctypes.c_char_p)]


class _Colours(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint8),
        ("primaries", ctypes.c_int),
        ("transfer", ctypes.c_int),
        ("matrix", ctypes.c_int),
        ("full_range", ctypes.c_uint8),
    ]


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the library that pillow-heif's extension module is linked to; None if there is none."""
    try:
        from importlib import import_module

        library = ctypes.CDLL(import_module("_pillow_heif").__file__)
        pointer, place, whole = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int
        colours = ctypes.POINTER(ctypes.POINTER(_Colours))
        for name, result, arguments in (
            ("context_alloc", pointer, ()),
            ("context_free", None, (pointer,)),
            ("context_set_max_decoding_threads", None, (pointer, whole)),
            (
                "context_read_from_memory_without_copy",
                _Error,
                (pointer, ctypes.c_char_p, ctypes.c_size_t, pointer),
            ),
            ("context_get_primary_image_handle", _Error, (pointer, place)),
            ("image_handle_release", None, (pointer,)),
            ("image_handle_has_alpha_channel", whole, (pointer,)),
            ("decode_image", _Error, (pointer, place, whole, whole, pointer)),
            ("image_release", None, (pointer,)),
            ("image_get_colorspace", whole, (pointer,)),
            ("image_get_chroma_format", whole, (pointer,)),
            ("image_get_width", whole, (pointer, whole)),
            ("image_get_height", whole, (pointer, whole)),
            ("image_get_bits_per_pixel_range", whole, (pointer, whole)),
            ("image_get_plane_readonly", pointer, (pointer, whole, ctypes.POINTER(whole))),
            ("image_get_nclx_color_profile", _Error, (pointer, colours)),
            ("nclx_color_profile_free", None, (ctypes.POINTER(_Colours),)),
        ):
            function = getattr(library, f"heif_{name}")
            function.restype, function.argtypes = result, arguments
    except (ImportError, OSError, AttributeError):
        return None
    return library


def reduced(data: bytes, size: tuple[int, int], factor: int) -> Image.Image | None:
    """Return the upright picture of that size in a fraction of it; None if pillow-heif has to decode it."""
    library = _library()
    context = None if library is None else library.heif_context_alloc()
    if not context:
        return None
    handle, image = ctypes.c_void_p(), ctypes.c_void_p()
    try:
        library.heif_context_set_max_decoding_threads(context, 1)
        if library.heif_context_read_from_memory_without_copy(context, data, len(data), None).code:
            return None
        if library.heif_context_get_primary_image_handle(context, ctypes.byref(handle)).code:
            return None
        if library.heif_image_handle_has_alpha_channel(handle):
            return None
        if library.heif_decode_image(handle, ctypes.byref(image), _AS_CODED, _AS_CODED, None).code:
            return None
        found = _planes(library, image)
        if found is None or (found.brightness.width, found.brightness.height) != size:
            return None
        return planes.reduced(found, factor)
    finally:
        library.heif_image_release(image)
        library.heif_image_handle_release(handle)
        library.heif_context_free(context)


def _planes(library: Any, image: ctypes.c_void_p) -> planes.Planes | None:
    space = library.heif_image_get_colorspace(image)
    halved = _SUBSAMPLED.get(library.heif_image_get_chroma_format(image))
    if space not in (_COLOURS, _GREY) or halved is None:
        return None
    channels = range(3 if space == _COLOURS else 1)
    if len({library.heif_image_get_bits_per_pixel_range(image, channel) for channel in channels}) != 1:
        return None
    found = []
    for channel in channels:
        row_bytes = ctypes.c_int()
        address = library.heif_image_get_plane_readonly(image, channel, ctypes.byref(row_bytes))
        if not address:
            return None
        width = library.heif_image_get_width(image, channel)
        height = library.heif_image_get_height(image, channel)
        found.append(planes.Plane(address, width, height, row_bytes.value))
    depth = library.heif_image_get_bits_per_pixel_range(image, 0)
    full_range, matrix = _meaning(library, image)
    return planes.Planes(found[0], tuple(found[1:]), halved, depth, full_range, matrix)


def _meaning(library: Any, image: ctypes.c_void_p) -> tuple[bool, int]:
    """Return whether samples use their full range, and the matrix; libheif's defaults if nothing tells."""
    colours = ctypes.POINTER(_Colours)()
    if library.heif_image_get_nclx_color_profile(image, ctypes.byref(colours)).code:
        return True, 6
    try:
        return bool(colours.contents.full_range), colours.contents.matrix
    finally:
        library.heif_nclx_color_profile_free(colours)
