"""Parses the data of an album page, by their shape alone.

    data = [null, [item, item, ...], "<token of the next page>" or "" or null, [album], ...]
    item = ["<key>", ["<URL>", width, height, ..., [size]], taken_ms, "<content key>", offset_ms, ..., {..}]
    album[0] its key, album[1] its title, album[19] the key of its link, album[21] the number of its items

All of this was observed; none of it is documented. Nothing is guessed: an item of another shape is left out
and reported, a page of another shape raises NotUnderstood, which names the place. `data[1][4][3]` in a
message is a place in the structure above. An album counts as empty only if its page otherwise has the
expected shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from picsync.core.model import MAX_SIZE_BYTES, MediaItem, MediaKind, facts
from picsync.core.values import dataclass
from picsync.sources.google.links.markup import NotUnderstood
from picsync.sources.google.links.options import AlbumAddress

KIND = "sharedlinks"

_ITEMS, _TOKEN, _ALBUM = 1, 2, 3
_TITLE, _AUTH_KEY, _COUNT = 1, 19, 21
_URL, _TAKEN, _CONTENT_KEY, _OFFSET = 1, 2, 3, 4
_SIZE = 9
_VIDEO = "76647426"
"""The key of an item's last element that makes it a video."""

_ITEM_KEY = re.compile(r"AF1Qip[A-Za-z0-9_-]{4,200}")
_PRINTABLE = re.compile(r"[!-~]{1,300}")
_TOKEN_TEXT = re.compile(r"[!-~]{1,9000}")
_URL_TEXT = re.compile(r"https?://[A-Za-z0-9._:-]{1,100}/[A-Za-z0-9._/-]{1,2000}")
"""Without a size suffix, since picsync appends its own."""
_MAX_SIDE = 1_000_000
_MAX_COUNT = 10_000_000
_MAX_TITLE = 300

Allowed: TypeAlias = Callable[[str], bool]
"""Whether a URL is at one of Google's photo hosts."""


@dataclass(frozen=True, slots=True)
class AlbumPage:
    """The content of one page."""

    title: str
    count: int | None
    """The album's item count according to the page; None if the page contains none."""
    items: tuple[MediaItem, ...]
    """The items that were understood."""
    next_token: str
    """Empty on the last page."""
    problem: str | None
    """Which items were not understood; None if all were."""


def album_data(blocks: Iterable[tuple[str, Any]], album_key: str) -> Any:
    """Return the data of the block that describes the album; raises NotUnderstood.

    The block's name varies (observed), so it is found by its content.
    """
    seen: list[str] = []
    found: list[Any] = []
    for name, data in blocks:
        match data:
            case NotUnderstood():
                seen.append(f"{name} cannot be read: {data}")
            case [_, _, _, [key, *_], *_] if key == album_key:
                found.append(data)
            case [_, [[str(key), [*_], *_], *_], *_] if key.startswith("AF1Qip"):
                seen.append(f"{name} has items, but not this album's key at `data[{_ALBUM}][0]`")
            case _:
                seen.append(f"{name} is something else")
    # An album may be described a second time, without its items.
    found = [data for data in found if data[_ITEMS]] or found[:1]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotUnderstood("several of its data blocks contain items of the album")
    if not seen:
        raise NotUnderstood("it has no data blocks")
    raise NotUnderstood(f"none of its data blocks describes the album ({'; '.join(seen[:5])})")


def album_page(data: Any, address: AlbumAddress, allowed: Allowed) -> AlbumPage:
    """Parse a page's data; raises NotUnderstood, which names the place that has another shape."""
    whole = isinstance(data, list) and len(data) > _ALBUM
    _require(whole, "data", "a list with items, token and album", data)
    album, entries, token = data[_ALBUM], data[_ITEMS], data[_TOKEN]
    known = isinstance(album, list) and len(album) > _TITLE
    _require(known, f"data[{_ALBUM}]", "a list about the album", album)
    _require(album[0] == address.album_key, f"data[{_ALBUM}][0]", "the key of this album", album[0])
    title = album[_TITLE]
    _require(isinstance(title, str | None), f"data[{_ALBUM}][{_TITLE}]", "the album's title", title)
    _require(isinstance(entries, list | None), f"data[{_ITEMS}]", "the list of items", entries)
    last = token is None or token == ""
    _require(last or _text(token, _TOKEN_TEXT), f"data[{_TOKEN}]", "the token of the next page", token)
    items, problem = _items(entries or [], allowed)
    return AlbumPage(_clean(title or ""), _count(album), items, "" if last else token, problem)


def require_empty(data: Any, address: AlbumAddress, blocks: Iterable[tuple[str, Any]]) -> None:
    """Raise NotUnderstood if a page without items might not be that of an empty album."""
    album = data[_ALBUM]
    key = album[_AUTH_KEY] if len(album) > _AUTH_KEY else None
    _require(key == address.auth_key, f"data[{_ALBUM}][{_AUTH_KEY}]", "the key of the link", key)
    for name, block in blocks:
        if isinstance(block, NotUnderstood):
            raise NotUnderstood(f"it shows no items, and {name} cannot be read: {block}")
        if _has_item(block):
            raise NotUnderstood(f"its items are no longer at `data[{_ITEMS}]`, but elsewhere in {name}")


def _has_item(value: Any) -> bool:
    """Whether a value contains anything that looks like an item."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case [str(key), [str(url), *_], *_] if key.startswith("AF1Qip") and "://" in url:
                return True
            case list() as inner:
                waiting += inner
            case dict() as inner:
                waiting += inner.values()
    return False


CHANGED_HINT = "A newer picsync may understand it. Until then the frame keeps its photos."


def _count(album: Sequence[Any]) -> int | None:
    value = album[_COUNT] if len(album) > _COUNT else None
    known = value is None or _number(value, _MAX_COUNT)
    _require(known, f"data[{_ALBUM}][{_COUNT}]", "the number of items", value)
    return value


def _items(entries: Sequence[Any], allowed: Allowed) -> tuple[tuple[MediaItem, ...], str | None]:
    items: list[MediaItem] = []
    changes: list[NotUnderstood] = []
    for number, entry in enumerate(entries):
        try:
            items.append(_item(entry, f"data[{_ITEMS}][{number}]", allowed))
        except NotUnderstood as changed:
            changes.append(changed)
    if not changes:
        return tuple(items), None
    problem = (
        f"The page has changed: {len(changes)} of {len(entries)} items are not understood; {changes[0]}."
    )
    return tuple(items), f"{problem} {CHANGED_HINT}"


def _item(entry: Any, place: str, allowed: Allowed) -> MediaItem:
    _require(isinstance(entry, list) and len(entry) > _OFFSET + 1, place, "a list about an item", entry)
    key, picture, content_key, extras = entry[0], entry[_URL], entry[_CONTENT_KEY], entry[-1]
    _require(_text(key, _ITEM_KEY), f"{place}[0]", "the item's key", key)
    known = isinstance(picture, list) and len(picture) >= 3
    _require(known, f"{place}[{_URL}]", "a list about the picture", picture)
    url, *sides = picture[:3]
    found = _text(url, _URL_TEXT) and allowed(url)
    _require(found, f"{place}[{_URL}][0]", "an address at googleusercontent.com", url)
    for at, side in enumerate(sides, 1):
        _require(_number(side, _MAX_SIDE), f"{place}[{_URL}][{at}]", "a number of pixels", side)
    _require(
        _text(content_key, _PRINTABLE), f"{place}[{_CONTENT_KEY}]", "the key of the content", content_key
    )
    _require(
        isinstance(extras, dict),
        f"{place}[{len(entry) - 1}]",
        "the fields that distinguish photos from videos",
        extras,
    )
    taken_at = _instant(entry[_TAKEN])
    return MediaItem(
        KIND,
        key,
        version=content_key,
        kind=MediaKind.VIDEO if _VIDEO in extras else MediaKind.PHOTO,
        filename=_name(taken_at, entry[_OFFSET]),
        taken_at=taken_at,
        facts=facts(*sides),
        size_bytes=_size(picture),
        url=url,
    )


def _require(fits: bool, place: str, due: str, came: object) -> None:
    if not fits:
        raise NotUnderstood(f"`{place}` should be {due}, but is {_what(came)}")


def _text(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _number(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _what(value: object) -> str:
    """Describe a value by its type; the value itself may be a secret."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a Boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text" if value else "an empty text"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "a group"


def _clean(title: str) -> str:
    """Return a title without characters that could disturb a log or terminal."""
    return "".join(one if one.isprintable() else " " for one in title[:_MAX_TITLE]).strip()


def _instant(value: object) -> datetime | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _name(taken_at: datetime | None, offset_ms: object) -> str:
    """Return a display name, since the page has none: the local time at which the picture was taken."""
    if taken_at is None:
        return ""
    day_ms = 86_400_000
    offset = offset_ms if isinstance(offset_ms, int) and abs(offset_ms) <= day_ms else 0
    try:
        return f"{taken_at + timedelta(milliseconds=offset):%Y-%m-%d %H.%M.%S}"
    except OverflowError:
        return ""


def _size(picture: Sequence[Any]) -> int | None:
    match picture[_SIZE:]:
        case [[int(size), *_], *_] if 0 < size <= MAX_SIZE_BYTES:
            return size
    return None
