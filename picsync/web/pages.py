"""The status page as HTML: one document without external resources.

Text from services and users passes through `_foreign`: no control characters, all markup escaped. Style and
script are inline and are allowed only by their hashes.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from picsync.core.identity import plain_name
from picsync.observe.health import Level
from picsync.observe.status import RuleStatus, Status
from picsync.observe.summary import summarize, summarize_pass, summarize_rule
from picsync.observe.words import (
    FEW,
    counted,
    error_sentence,
    failure_advice,
    failure_subject,
    hold_sentence,
    notice_sentence,
    pass_result,
    printable,
    relative,
    report_result,
    rough,
    skip_remarks,
    storage_sentence,
)
from picsync.system.localtime import absolute, rfc3339, to_second
from picsync.web.operator import Operating, held_key, rule_key
from picsync.web.pictures import RulePictures
from picsync.web.statusjson import playlist_name

REFRESH_S = {True: 3, False: 15}
"""Refresh intervals in seconds: while a rule is running, and otherwise. 0: no refresh."""

_ICONS = {
    Level.GOOD: "#2f7d4f",
    Level.BUSY: "#2c6a9e",
    Level.UNKNOWN: "#77797c",
    Level.ATTENTION: "#b7791f",
    Level.BAD: "#b3382c",
}


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


_STYLE, _SCRIPT = _text("status.css"), _text("status.js")

POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing external and no script but the page's own, whatever a photo's name contains."""


def _foreign(value: Any) -> Any:
    """Return text for display; markup and numbers are unchanged."""
    if type(value) is not str:
        return value
    return "\n".join(printable(line) if line else "" for line in value.split("\n"))


def _code(text: str) -> Markup:
    """Return escaped text in which text in backticks becomes code."""
    parts = re.split(r"`([^`\n]+)`", str(_foreign(text)))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _icon(level: Level) -> str:
    """Return the tab's icon: a small frame in the colour of the level."""
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        "<rect x='2' y='5' width='28' height='22' rx='3' fill='#3b3a37'/>"
        f"<rect x='6' y='9' width='20' height='14' fill='{_ICONS[level]}'/></svg>"
    )
    return f"data:image/svg+xml,{quote(svg)}"


def _release(rule: RuleStatus) -> str:
    """Return the lines of picsync.yaml that release a rule's held deletes."""
    held = len(rule.last.hold.photos) if rule.last and rule.last.hold else 0
    limit = '"100%"' if rule.last and held == rule.last.on_frame else str(held)
    name = json.dumps(rule.album or rule.name, ensure_ascii=False)
    return f"albums:\n  - name: {name}\n    maxDelete: {limit}"


_JINJA = Environment(
    loader=PackageLoader(__package__, "templates"),
    autoescape=True,
    finalize=_foreign,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_JINJA.globals |= {
    "style": Markup(_STYLE),  # noqa: S704 - a file of this package
    "script": Markup(_SCRIPT),  # noqa: S704 - a file of this package
    "few": FEW,
}
_JINJA.filters |= {
    "absolute": absolute,
    "advice": failure_advice,
    "code": _code,
    "counted": counted,
    "error": error_sentence,
    "held_key": held_key,
    "held_words": hold_sentence,
    "notice": notice_sentence,
    "passed": pass_result,
    "passing": summarize_pass,
    "plain_name": plain_name,
    "playlist": playlist_name,
    "release": _release,
    "result": report_result,
    "rfc3339": rfc3339,
    "rough": rough,
    "rule_key": rule_key,
    "skips": skip_remarks,
    "storage": storage_sentence,
    "subject": failure_subject,
    "to_second": to_second,
    "summary": summarize_rule,
}
_TEMPLATE = _JINJA.get_template("status.html")


def status_page(
    status: Status,
    operator: Operating | None = None,
    pictures: Mapping[str, RulePictures] = MappingProxyType({}),
) -> str:
    """Return the page; without `operator`, it has no part for one. `pictures` are those of rules by name."""
    overall = summarize(status)
    refresh_s = REFRESH_S[any(rule.phase == "running" for rule in status.jobs)]
    if operator is not None and (operator.entering or operator.pairing):
        refresh_s = 0
    return _TEMPLATE.render(
        status=status,
        summary=overall,
        icon=_icon(overall.level),
        refresh_s=refresh_s,
        operator=operator,
        pictures=pictures,
        relative=lambda instant: relative(instant, status.now),
    )
