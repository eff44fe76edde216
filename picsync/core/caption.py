"""The text that says what a photo shows, by a template such as `{description} · {taken:%B %Y}`. Pure.

It is drawn into the photo, or sent as text to a frame that shows captions of its own (see `Captions`).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from picsync.core.values import dataclass

TAKEN = "taken"
PLACE = "place"
PLACEHOLDERS = ("description", PLACE, TAKEN, "filename", "album")
DIRECTIVES = "aAbBdeHIjmMpSyY"
"""Letters of the parts of a date, as `strftime` has them; `%e` is the day without a zero before it."""
LONG_DATE = "%x"
"""The whole date, as it is usual in the language."""
MAX_TEMPLATE = 200
MAX_VALUE = 300
"""Characters of a value that are used; a frame has room for fewer."""

_OPENING, _CLOSING = "([{<«„“\"'", ")]}>»”“\"'"
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)

DatePart: TypeAlias = Callable[[datetime, str, bool], str]
"""Returns one part of a date by its directive; True for a month that stands beside a day."""


@dataclass(frozen=True, slots=True)
class Details:
    """What a caption says of an item that its picture may not tell."""

    filename: str = ""
    album: str = ""
    """Its album on the frame."""
    taken_at: str = ""
    """Local time in ISO 8601, for pictures without one; empty if unknown."""


NOTHING = Details()


@dataclass(frozen=True, slots=True)
class Told:
    """What the metadata of a picture tell about it."""

    taken: datetime | None = None
    """When it was taken, by the clock of the place where that was, without a zone; None if unknown."""
    description: str = ""
    place: str | None = None
    """The nearest city, empty if there is none; None if that was not looked up."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a rule words the captions that it sends as text."""

    template: str = ""
    """Empty if the rule has no captions."""
    language: str = ""
    """Of dates; empty for English."""


class Captions(StrEnum):
    """Whether a frame shows captions of its own, as text."""

    NONE = "none"
    """It does not; captions are drawn into photos."""
    ON_REQUEST = "on_request"
    """It can, but that is not certain to work; captions are sent only to rules that ask for it."""
    OWN = "own"
    """It does; captions are drawn only for rules that ask for it."""


@dataclass(frozen=True, slots=True)
class AboutPhoto:
    """What a frame that shows captions is told of a photo. Texts are on one line, and may be empty."""

    taken: datetime | None = None
    """When it was taken, by the clock of the place where that was, without a zone; None if unknown."""
    description: str = ""
    """What its metadata say of it."""
    place: str = ""
    """The nearest city; empty if unknown."""
    caption: str = ""
    """The text that the rule's `caption` makes of it; empty if the rule has none, or nothing is known."""
    width: int = 0
    height: int = 0
    """Pixels of what is sent, as shown; 0 if unknown."""


NOTHING_KNOWN = AboutPhoto()


@dataclass(frozen=True, slots=True)
class Part:
    """A placeholder, and the text around it."""

    name: str
    format: str
    """Of a date; empty for others."""
    before: str
    """Brackets and quotes around it, or the template's first or last text; shown only with a value."""
    after: str
    separator: str
    """Text between it and the next placeholder."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read."""

    parts: tuple[Part, ...]
    text: str = ""
    """All of it, if there are no placeholders."""

    def uses(self, name: str) -> bool:
        """Whether a placeholder occurs."""
        return any(part.name == name for part in self.parts)

    def fill(self, values: Mapping[str, str], taken: datetime | None, date_part: DatePart) -> str:
        """Return the text.

        A placeholder without a value disappears with the text between it and the next one, the last one with
        the text before it. The result is empty if no placeholder has a value.
        """
        if not self.parts:
            return clean(self.text)
        filled = [(part, self._value(part, values, taken, date_part)) for part in self.parts]
        found = [(part, value) for part, value in filled if value]
        texts = [
            part.before + value + part.after + (part.separator if place < len(found) else "")
            for place, (part, value) in enumerate(found, 1)
        ]
        return clean("".join(texts))

    @staticmethod
    def _value(part: Part, values: Mapping[str, str], taken: datetime | None, date_part: DatePart) -> str:
        if part.name != TAKEN:
            return clean(values.get(part.name, ""))[:MAX_VALUE].strip()
        return "" if taken is None else clean(formatted(taken, part.format, date_part))


def read(template: str) -> Template:
    """Return a template; raises ValueError with what is wrong."""
    if not template.strip():
        raise ValueError("must not be empty")
    if len(template) > MAX_TEMPLATE:
        raise ValueError(f"must have at most {MAX_TEMPLATE} characters")
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError(
            "has a brace without its counterpart; a placeholder is written as {taken}, a brace itself as {{"
        ) from None
    literals, fields, pending = [], [], ""
    for literal, name, form, conversion in pieces:
        pending += literal
        if name is None:
            continue
        fields.append((name, _checked(name, form or "", conversion)))
        literals.append(pending)
        pending = ""
    if not fields:
        return Template((), pending)
    return Template(tuple(_parts(fields, [*literals, pending])))


def _parts(fields: list[tuple[str, str]], literals: list[str]) -> list[Part]:
    """Return the placeholders with what is around them; there is one text more than placeholders."""
    before, parts = literals[0], []
    for place, (name, form) in enumerate(fields, 1):
        rest, following = literals[place], ""
        if place == len(fields):
            after, separator = rest, ""
        else:
            separator = rest.lstrip(_CLOSING)
            after = rest[: len(rest) - len(separator)]
            between = separator.rstrip(_OPENING)
            separator, following = between, separator[len(between) :]
        parts.append(Part(name, form, before, after, separator))
        before = following
    return parts


def _checked(name: str, form: str, conversion: str | None) -> str:
    """Return the format of a placeholder; raises ValueError."""
    if name not in PLACEHOLDERS:
        known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
        raise ValueError(f"has the unknown placeholder {{{name}}}; there are {known}")
    if conversion or (form and name != TAKEN):
        raise ValueError(f"has a format in {{{name}}}; only {{{TAKEN}}} takes one, such as {{{TAKEN}:%B %Y}}")
    if not form:
        return LONG_DATE if name == TAKEN else ""
    if "{" in form or "}" in form:
        raise ValueError(f"has braces inside {{{TAKEN}}}")
    directives = _DIRECTIVE.findall(form)
    for letter in directives:
        if letter not in (*DIRECTIVES, "%", "x"):
            known = " ".join(f"%{each}" for each in DIRECTIVES)
            raise ValueError(
                f"has the unknown directive %{letter} in the date {{{TAKEN}:{form}}}; there are {known} %x"
            )
    if not set(directives) - {"%"}:
        raise ValueError(f"has no directive in the date {{{TAKEN}:{form}}}; write, for example, %B %Y")
    return form


def formatted(taken: datetime, form: str, date_part: DatePart) -> str:
    """Return a date in a format that was read."""
    beside_day = "%d" in form or "%e" in form

    def part(found: re.Match[str]) -> str:
        return "%" if found[1] == "%" else date_part(taken, found[1], beside_day)

    return _DIRECTIVE.sub(part, form)


def clean(text: str) -> str:
    """Return text on one line, without characters that only control a display."""
    shown = "".join(
        " " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each
        for each in text
        if unicodedata.category(each) not in ("Cs", "Co", "Cn") and not _controls(each)
    )
    return unicodedata.normalize("NFC", " ".join(shown.split()))


def _controls(character: str) -> bool:
    """Whether a character changes how others are shown, as those for directions do; joiners are needed."""
    return unicodedata.category(character) == "Cf" and character not in "\u200c\u200d"
