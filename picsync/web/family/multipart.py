"""Reads forms with files as they arrive, in blocks: nothing of a file is kept in memory, or written twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from picsync.core.values import dataclass

MAX_FIELD_BYTES = 4096
MAX_PARTS = 2_000
_MAX_HEADER_BYTES = 8192


class FormError(Exception):
    """The body is not a form with files."""


@dataclass(slots=True)
class Part:
    """A field of a form, or a file; a file has to be read before the next part."""

    name: str
    filename: str | None
    """None for a field."""
    blocks: AsyncIterator[bytes]

    async def text(self) -> str:
        """Return the text of a field; raises FormError if it is too long."""
        value = bytearray()
        async for block in self.blocks:
            value += block
            if len(value) > MAX_FIELD_BYTES:
                raise FormError("a field is too long")
        return value.decode("utf-8", "replace")


@dataclass(slots=True)
class _Event:
    """What the parser has found: the begin of a part, a block of it, or its end."""

    headers: dict[str, bytes] | None = None
    block: bytes | None = None


@dataclass(slots=True)
class _Collector:
    """Collects what the parser finds in a block of the body."""

    events: list[_Event] = field(default_factory=list)
    headers: dict[str, bytes] = field(default_factory=dict)
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)

    def part_begin(self) -> None:
        self.headers = {}

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]
        self._bounded()

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]
        self._bounded()

    def header_end(self) -> None:
        self.headers[self.name.decode("latin-1").lower()] = bytes(self.value)
        self.name.clear()
        self.value.clear()

    def headers_finished(self) -> None:
        self.events.append(_Event(headers=self.headers))

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(_Event(block=data[start:end]))

    def part_end(self) -> None:
        self.events.append(_Event())

    def _bounded(self) -> None:
        if len(self.name) + len(self.value) > _MAX_HEADER_BYTES:
            raise FormError("a header is too long")


async def parts_of(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """Yield the parts of a `multipart/form-data` body; raises FormError."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise FormError("it has no boundary")
    events = _events(boundary, body)
    count = 0
    async for event in events:
        if event.headers is None:
            continue  # What the caller has not read.
        count += 1
        if count > MAX_PARTS:
            raise FormError(f"it has more than {MAX_PARTS} parts")
        _, disposition = parse_options_header(event.headers.get("content-disposition", b""))
        filename = disposition.get(b"filename")
        yield Part(
            disposition.get(b"name", b"").decode("utf-8", "replace"),
            None if filename is None else filename.decode("utf-8", "replace"),
            _blocks(events),
        )


async def _blocks(events: AsyncIterator[_Event]) -> AsyncIterator[bytes]:
    async for event in events:
        if event.block is None:
            return
        yield event.block


async def _events(boundary: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[_Event]:
    found = _Collector()
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": found.part_begin,
            "on_header_field": found.header_field,
            "on_header_value": found.header_value,
            "on_header_end": found.header_end,
            "on_headers_finished": found.headers_finished,
            "on_part_data": found.part_data,
            "on_part_end": found.part_end,
            "on_end": end,
        },
    )
    async for block in body:
        try:
            parser.write(block)
        except FormParserError as error:
            raise FormError("it cannot be read") from error
        events, found.events = found.events, []
        for event in events:
            yield event
    if not ended:
        raise FormError("its end is missing")
