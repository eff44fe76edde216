"""The models of `mirror:` in picsync.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from picsync.config.deletes import MaxDelete, max_delete_of
from picsync.config.named import Problems
from picsync.config.options import Boolean, listed
from picsync.config.organizing import FileRule, Place
from picsync.core.mirrorstate import IGNORED
from picsync.core.places import LOCAL


def _ignored(value: str) -> str:
    if not value.strip("/ ") or "\0" in value:
        raise ValueError("must be a name such as `.cache`, or a pattern such as `*.tmp`")
    if "/" in value.strip("/"):
        raise ValueError(f"must be the name of a file or folder, without `/`, not {value[:60]!r}")
    return value.strip("/")


class MirrorSettings(FileRule):
    """One entry of `mirror`: a local folder, and the folder that is kept equal to it."""

    from_: Place = Field(
        alias="from",
        description="The local folder that is mirrored, with everything below it.",
        examples=["/home/anna/Pictures"],
    )
    to: Place = Field(
        description="The folder that is kept equal to it: `<account>:/path` such as `dropbox:/Backup`, or a"
        " local path. What else is in it is deleted, unless the other settings keep it: use a folder of"
        " its own.",
        examples=['"dropbox:/Backup/Pictures"'],
    )
    ignore: Annotated[tuple[Annotated[str, AfterValidator(_ignored)], ...], BeforeValidator(listed)] = Field(
        default=(),
        description="Names of files and folders that are left alone on both sides, also as patterns; capital"
        " letters do not matter. They are added to these: " + ", ".join(f"`{one}`" for one in IGNORED) + ".",
        examples=['[private, "*.bak"]'],
    )
    delete: Boolean = Field(
        default=True,
        description="Delete in `to` what is no longer in `from`: it goes to the bin of Dropbox or of the file"
        " system. With `false`, nothing is ever deleted there.",
        examples=["false"],
    )
    theirs: Literal["revert", "keep"] = Field(
        default="revert",
        description="What becomes of files that somebody adds or changes in `to`. `revert`: they are deleted"
        " or"
        " replaced, so that both folders are equal. `keep`: they stay.",
        examples=["keep"],
    )
    max_delete: Annotated[MaxDelete | None, BeforeValidator(max_delete_of("files"))] = Field(
        default=None,
        description="How many files one pass may delete without permission: a number, or a percentage of the"
        " files in `to` such as 20%. If more would be deleted, no file is deleted, and the log says so."
        " Without this setting, picsync holds deletes of more than 10 files that are also more than 10 % of"
        " them."
        " Deleting all of them is always held unless this is 100%.",
        examples=['"20%"', "50"],
    )


def check_mirrors(value: tuple[MirrorSettings, ...]) -> tuple[MirrorSettings, ...]:
    """Check each rule, and all of them together; raises ValidationError with every problem."""
    problems = Problems()
    names: dict[str, int] = {}
    for at, rule in enumerate(value):
        if names.setdefault(rule.name.strip(), at) != at:
            problems.add((at, "name"), f"is {rule.name[:60]!r}, like that of an earlier rule", rule.name)
        for path, message in _problems(rule):
            problems.add((at, path), message)
    problems.check("mirror")
    for at, rule in enumerate(value):
        for other in value[:at]:
            if rule.to.contains(other.to) or other.to.contains(rule.to):
                message = (
                    f"overlaps with that of the rule `{other.name}` ({other.to}), which would delete its"
                    " files; choose another folder"
                )
                problems.add((at, "to"), message)
    problems.check("mirror")
    if (found := _circle(value)) is not None:
        names_in = " -> ".join(value[at].name for at in found)
        message = f"copies files in a circle: {names_in}. Change `to` or `from` of one of the rules"
        problems.add((found[0], "to"), message)
    problems.check("mirror")
    return value


def _problems(rule: MirrorSettings) -> Iterator[tuple[str, str]]:
    if rule.from_.account != LOCAL:
        yield "from", f"must be a folder of this machine, not {rule.from_}"
    elif rule.from_.path == "/":
        yield "from", "must be a folder, not the whole file system"
    elif rule.to == rule.from_:
        yield "to", f"is the same folder as `from` ({rule.from_}); choose another one"
    elif rule.from_.contains(rule.to):
        yield "to", f"is inside `from` ({rule.from_}), so that it would contain itself; choose another folder"
    elif rule.to.contains(rule.from_):
        yield "to", f"contains `from` ({rule.from_}), which would be deleted; choose another folder"
    elif rule.to.account == LOCAL and rule.to.path == "/":
        yield "to", "must be a folder, not the whole file system"


def _circle(rules: tuple[MirrorSettings, ...]) -> list[int] | None:
    """Return rules of which each reads what the one before has written, the first one again at the end."""

    def reads(reader: MirrorSettings, writer: MirrorSettings) -> bool:
        return writer.to.contains(reader.from_) or reader.from_.contains(writer.to)

    def follow(path: list[int]) -> list[int] | None:
        for at, rule in enumerate(rules):
            if not reads(rule, rules[path[-1]]):
                continue
            if at == path[0]:
                return [*path, at]
            if at > path[0] and at not in path and (found := follow([*path, at])) is not None:
                return found
        return None

    return next((found for at in range(len(rules)) if (found := follow([at])) is not None), None)


def _rules(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


MirrorRules: TypeAlias = Annotated[
    tuple[MirrorSettings, ...], BeforeValidator(_rules), AfterValidator(check_mirrors)
]
