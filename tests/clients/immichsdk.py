"""Immich's own SDK for TypeScript as a client, and its types as a check of what the emulator answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients import HERE, MODULES, need_npm, run

SDKS = {(2, 7, 5): "immich-sdk-2.7", (3, 0, 3): "immich-sdk-3.0", (3, 2, 2): "immich-sdk-3.2"}
"""By the version of the server that each is made for."""

# What is JSON of a type: an enumeration is its values, everything else stays what it is. Written as literals,
# answers may lack nothing and have nothing that the type does not know.
_PREAMBLE = """\
import * as sdk from '{package}';
type Json<T> = T extends string ? `${{T}}` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Json<U>[] : T extends object ? {{ [K in keyof T]: Json<T[K]> }} : T;
"""
_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "lib": ["es2022", "dom"],
    "module": "nodenext",
    "types": [],
    "skipLibCheck": True,
}


@dataclass(frozen=True)
class Call:
    """A function of the SDK and what it is called with."""

    name: str
    options: Any = None

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name} if self.options is None else {"name": self.name, "options": self.options}


async def call(package: str, url: str, key: str, calls: list[Call]) -> list[Any]:
    """Return what an SDK returns for each call."""
    need_npm(package)
    asked = json.dumps([each.as_json() for each in calls])
    answers: list[Any] = json.loads(await run("node", HERE / "immich.mjs", package, url, key, stdin=asked))
    return answers


async def check(package: str, answers: list[tuple[str, Any]], directory: Path) -> None:
    """Fail unless each answer has the type that the SDK's function of that name promises."""
    need_npm(package, "typescript")
    lines = [_PREAMBLE.format(package=package)]
    for number, (name, answer) in enumerate(answers):
        literal = json.dumps(answer, ensure_ascii=True, indent=1)
        lines.append(
            f"export const {name}{number}: Json<Awaited<ReturnType<typeof sdk.{name}>>> = {literal};"
        )
    (directory / "answers.mts").write_text("\n".join(lines))
    (directory / "package.json").write_text('{"type": "module"}')
    (directory / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": _OPTIONS, "files": ["answers.mts"]})
    )
    (directory / "node_modules").symlink_to(MODULES)
    await run("node", MODULES / "typescript" / "bin" / "tsc", "-p", directory, cwd=directory)
