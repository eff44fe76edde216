"""The names of files in a directory that is a frame; pure functions.

- `safe`: lower-case letters, digits, `-` and `_`, beginning with the original name.
- `dcf`: as on a camera's card, `DCIM/100PICSY/PICS0001.JPG`.
- `8.3`: `PIC00001.JPG`.

Most viewers sort by name, so a photo that has a place in an order has a number in its name. Numbers leave
gaps: a new photo takes a number between those of its neighbours, and the other files keep their names.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePath

from picsync.core.identity import plain_name
from picsync.core.model import Digest
from picsync.core.values import dataclass
from picsync.frames.folder.options import Level

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/avif": "avif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
"""MIME types that are written, with the file extension that viewers recognise."""
SHORT_TYPES = frozenset(mime_type for mime_type, extension in EXTENSIONS.items() if len(extension) == 3)
"""Those whose extension has three letters, as `dcf` and `8.3` need it."""
CAMERA_FOLDER = "DCIM"
MAX_STEM = 40
"""How many characters of the original file name are kept in a safe name."""
HASH_DIGITS = 12
FIRST_MTIME_S = 1_262_304_000
"""File time of the number 0: the beginning of 2010, which every file system can store."""
MTIME_STEP_S = 2
"""The resolution of FAT."""

_PER_FOLDER = 9_999
_FOLDERS = 900
_NUMBER_DIGITS = 8
_SAFE = re.compile(r"(?:(?P<number>[0-9]{8})-)?[a-z0-9][a-z0-9_-]{0,80}\.[a-z0-9]{1,5}")
_DCF = re.compile(r"DCIM/(?P<folder>[1-9][0-9]{2})PICSY/PICS(?P<number>[0-9]{4})\.[A-Z0-9]{3}")
_SHORT = re.compile(r"PIC(?P<number>[0-9]{5})\.[A-Z0-9]{3}")


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a level."""

    count: int
    step: int
    """The usual gap, plus one."""


NUMBERS = {
    Level.SAFE: Numbers(10**_NUMBER_DIGITS, 1_000),
    Level.DCF: Numbers(_FOLDERS * _PER_FOLDER, 10),
    Level.SHORT: Numbers(99_999, 5),
}


def is_name(name: str) -> bool:
    """Whether picsync may have given this name; it never leads out of the directory."""
    return any(pattern.fullmatch(name) for pattern in (_SAFE, _DCF, _SHORT))


def level_of(name: str) -> Level:
    """Return the level of a name that picsync has given."""
    if _DCF.fullmatch(name):
        return Level.DCF
    return Level.SHORT if _SHORT.fullmatch(name) else Level.SAFE


def number_of(name: str) -> int | None:
    """Return the number in a name; None if it has no place in an order."""
    if found := _DCF.fullmatch(name):
        return (int(found["folder"]) - 100) * _PER_FOLDER + int(found["number"]) - 1
    if found := _SHORT.fullmatch(name):
        return int(found["number"]) - 1
    found = _SAFE.fullmatch(name)
    return int(found["number"]) if found and found["number"] else None


def plain(filename: str, digest: Digest, extension: str, digits: int = HASH_DIGITS) -> str:
    """Return a safe name without a number; unique regardless of case, since it has a part of the digest."""
    readable = PurePath(plain_name(filename)).stem
    ascii_only = unicodedata.normalize("NFKD", readable).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9_]+", "-", ascii_only.lower()).strip("-_")[:MAX_STEM].strip("-_")
    if re.match(r"[0-9]{8}(-|$)", stem):
        stem = f"photo-{stem}"  # It would look like a place in an order.
    return f"{stem or 'photo'}-{digest.hex[:digits]}.{extension}"


def numbered(level: Level, number: int, name: str) -> str:
    """Return the name with this number for a file that has the name `name`, at any level."""
    extension = name.rpartition(".")[2]
    match level:
        case Level.DCF:
            folder, file = divmod(number, _PER_FOLDER)
            return f"{CAMERA_FOLDER}/{folder + 100}PICSY/PICS{file + 1:04}.{extension.upper()}"
        case Level.SHORT:
            return f"PIC{number + 1:05}.{extension.upper()}"
    rest = re.sub(r"^[0-9]{8}-", "", name)
    return f"{number:0{_NUMBER_DIGITS}}-{rest}"


def folded(name: str) -> str:
    """Return what two names have in common that some file system takes for one."""
    return unicodedata.normalize("NFKC", name).casefold()


def mtime_of(number: int) -> int:
    """Return the file time for a place in an order, in seconds since 1970; ascending like the names."""
    return FIRST_MTIME_S + number * MTIME_STEP_S


def next_number(level: Level, taken: Collection[int]) -> int | None:
    """Return a number for one more photo, the last one if possible; None if all are taken."""
    numbers = NUMBERS[level]
    last = max(taken, default=-1)
    if last + 1 < numbers.count:
        return last + 1
    return next((number for number in range(numbers.count) if number not in taken), None)


def placed(present: Sequence[int | None], taken: Collection[int], numbers: Numbers) -> list[int] | None:
    """Return ascending numbers for photos that have those in `present`; None if there are too few.

    As many photos as possible keep their number. The others get numbers that no file has, neither one of
    these nor one in `taken`, so that no file is replaced while they are renamed one by one.
    """
    used = {number for number in present if number is not None} | set(taken)
    kept = _ascending(present)
    result: list[int | None] = [number if at in kept else None for at, number in enumerate(present)]
    for start, end in _gaps(result):
        low = result[start - 1] if start else None
        high = result[end] if end < len(result) else None
        found = _between(low, high, end - start, used, numbers)
        if found is None:
            return _anew(len(present), used, numbers)
        result[start:end] = found
        used.update(found)
    return [number for number in result if number is not None]


def _ascending(present: Sequence[int | None]) -> set[int]:
    """Return the places of a longest ascending subsequence."""
    tails: list[int] = []
    places: list[int] = []
    before: dict[int, int] = {}
    for at, number in enumerate(present):
        if number is None:
            continue
        length = bisect_left(tails, number)
        if length:
            before[at] = places[length - 1]
        tails[length:] = [number] if length == len(tails) else [number, *tails[length + 1 :]]
        places[length:] = [at] if length == len(places) else [at, *places[length + 1 :]]
    kept: set[int] = set()
    at_last = places[-1] if places else None
    while at_last is not None:
        kept.add(at_last)
        at_last = before.get(at_last)
    return kept


def _gaps(result: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run without numbers."""
    start = None
    for at, number in enumerate(result):
        if number is None:
            start = at if start is None else start
        elif start is not None:
            yield start, at
            start = None
    if start is not None:
        yield start, len(result)


def _between(
    low: int | None, high: int | None, count: int, used: Collection[int], numbers: Numbers
) -> list[int] | None:
    """Return `count` ascending free numbers between two; None if there are too few."""
    step = numbers.step
    if low is None and high is None:
        return _anew(count, used, numbers)
    if high is None:
        return _free(range((low or 0) + step, numbers.count, step), count, used) or _free(
            range((low or 0) + 1, numbers.count), count, used
        )
    if low is None:
        found = _free(range(high - step, -1, -step), count, used) or _free(
            range(high - 1, -1, -1), count, used
        )
        return None if found is None else found[::-1]
    width = (high - low) // (count + 1)
    if width > 1:
        spread = [low + width * (at + 1) for at in range(count)]
        if not any(number in used for number in spread):
            return spread
    return _free(range(low + 1, high), count, used)


def _free(candidates: range, count: int, used: Collection[int]) -> list[int] | None:
    found: list[int] = []
    for number in candidates:
        if number not in used:
            found.append(number)
            if len(found) == count:
                return found
    return None


def _anew(count: int, used: Collection[int], numbers: Numbers) -> list[int] | None:
    """Return numbers for a whole album: in the middle, else beside those in use, else wherever they fit."""
    size = count * numbers.step
    if not used and size <= numbers.count:
        first = (numbers.count - size) // 2
        return [first + at * numbers.step for at in range(count)]
    if used and max(used) + size < numbers.count:
        return [max(used) + (at + 1) * numbers.step for at in range(count)]
    if used and min(used) >= size:
        return [min(used) - (count - at) * numbers.step for at in range(count)]
    stride = max(1, (numbers.count - len(used)) // (count + 1))
    return _free(range(0, numbers.count, stride), count, used) or _free(range(numbers.count), count, used)
