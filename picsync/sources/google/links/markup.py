"""Extracts JSON from the album page's HTML, and from the response to the page's own call.

The page is not parsed as HTML: its data are in calls within scripts, `AF_initDataCallback({key: 'ds:1', hash:
'2', data:[...], sideChannel: {}});`, whose argument is JavaScript, but whose `data` is JSON (observed). A
JSON decoder finds its end. Every scan only moves forward, so the time is linear in the size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_CALL = re.compile(r"AF_initDataCallback\(\{\s{0,9}key:\s{0,9}'(ds:[0-9]{1,4})',")
_DATA = re.compile(r"(?:\s{0,9}(?:isError|hash):\s{0,9}['\w]{1,40}\s{0,9},){0,3}\s{0,9}data:\s{0,9}(?=[\[{])")
_AFTER = re.compile(r"\s{0,9}[,}]")
_LENGTH = re.compile(r"\s{0,9}[0-9]{1,9}\s{1,9}")
_SPACE = re.compile(r"\s{0,99}")

_MOST_UNREAD = 3
"""Limit of unreadable blocks, since each may be as long as the page."""

GUARD = ")]}'"
"""Prefix of the responses to Google's calls, which keeps them from being run as scripts."""


class NotUnderstood(ValueError):  # noqa: N818 - reads as what it is
    """Text that does not have the expected form."""


def _constant(name: str) -> NoReturn:
    raise NotUnderstood(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def data_blocks(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and data of each block of a page, in order.

    Unreadable data are yielded as NotUnderstood; after too many of them, reading stops. A block that appears
    within another block's data is ignored.
    """
    position = unread = 0
    while unread < _MOST_UNREAD and (call := _CALL.search(text, position)):
        position = call.end()
        begin = _DATA.match(text, position)
        if begin is None:
            yield call[1], NotUnderstood("its `data` is not at the expected place")
            continue
        try:
            value, end = _decode(text, begin.end())
        except NotUnderstood as error:
            unread += 1
            yield call[1], error
            continue
        position = end
        fits = _AFTER.match(text, end)
        yield call[1], value if fits else NotUnderstood("its `data` goes on after the JSON")


def call_result(text: str, name: str) -> list[Any]:
    """Return the only result of the call `name` in a response; raises NotUnderstood.

    After the guard come alternating lines: a length, and a JSON list. A result is a list within such a list
    that begins with `wrb.fr` and the name.
    """
    if not text.startswith(GUARD):
        raise NotUnderstood(f"it does not begin with {GUARD}")
    position = len(GUARD)
    found: list[list[Any]] = []
    while True:
        length = _LENGTH.match(text, position)
        position = _past_space(text, length.end() if length else position)
        if position == len(text):
            break
        chunk, position = _decode(text, position)
        if not isinstance(chunk, list):
            raise NotUnderstood("it contains something other than lists")
        found += [each for each in chunk if isinstance(each, list) and each[:2] == ["wrb.fr", name]]
    if len(found) != 1:
        raise NotUnderstood(f"expected one result, but got {len(found)}")
    return found[0]


def decode(text: str) -> Any:
    """Return the value of a JSON text; raises NotUnderstood."""
    value, end = _decode(text, 0)
    if _past_space(text, end) != len(text):
        raise NotUnderstood("it goes on after the JSON")
    return value


def _past_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _decode(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except NotUnderstood:
        raise
    except RecursionError:
        raise NotUnderstood("it is nested too deeply") from None
    except ValueError as error:
        # The exception itself may quote the content.
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number too large"
        raise NotUnderstood(f"it is not JSON: {reason}") from None
