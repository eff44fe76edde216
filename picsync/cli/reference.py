"""Generates the reference of all settings as Markdown from the models.

`python -m picsync.cli.reference doc/configuration.md` updates the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from picsync.config.environment import variable
from picsync.config.known import Known
from picsync.config.loading import config_shape, credentials_shape
from picsync.config.shape import Shape
from picsync.config.tree import FieldPath, field_name
from picsync.run.kinds import logins

BEGIN = "<!-- Made by `python -m picsync.cli.reference doc/configuration.md`; do not edit. -->"
SETTINGS = config_shape(Known({}))
"""Without the kinds' options, which are documented in doc/sources.md and doc/frames.md."""
END = "<!-- End of what is made. -->"


def reference() -> str:
    """Return the tables of both files as Markdown, ending with a line break."""
    sections = credentials_shape(logins())
    return f"## picsync.yaml\n\n{_table(SETTINGS)}\n## .picsync-credentials.yaml\n\n{_table(sections)}"


def insert_reference(page: str) -> str:
    """Return the page with the reference between its markers; raises ValueError if they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def settings_of(shape: Shape) -> Iterator[tuple[FieldPath, Shape]]:
    """Yield the documented settings: of named entries only the keys that all kinds have."""
    for path, setting in shape.walk():
        if path[:1] != ("accounts",) or path[2:] in ((), ("kind",)):
            yield path, setting


def _table(shape: Shape) -> str:
    rows = [_row(path, setting) for path, setting in settings_of(shape)]
    head = "| setting | meaning | default | example | environment |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(rows)


def _row(path: FieldPath, shape: Shape) -> str:
    info = shape.info or FieldInfo()
    examples = ", ".join(f"`{example}`" for example in info.examples or ())
    name = field_name(path).replace("[0]", "[]")
    cells = (f"`{name}`", info.description or "", _default(info), examples, f"`{variable(path)}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default: Any = info.get_default(call_default_factory=False)
    if isinstance(default, tuple):
        return ", ".join(f"`{one}`" for one in default) or "-"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default in (None, "", PydanticUndefined):
        return "-"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(insert_reference(target.read_text(encoding="utf-8")), encoding="utf-8")
