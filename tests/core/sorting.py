"""Carries out plans on files that exist only as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from picsync.core.organize import (
    Existing,
    Folder,
    FoundFile,
    Left,
    OrganizePlan,
    OrganizeRule,
    plan,
)
from picsync.core.places import fold, is_inside, split

NOW = datetime(2026, 11, 29, 23)  # noqa: DTZ001 - local time, as the plan takes it


def file(path: str, content: str = "", taken: datetime | None = None, waits: Left | None = None) -> FoundFile:
    return FoundFile(path, path, len(content), taken, waits)


@dataclass
class Files:
    """Files of a store: path -> content."""

    content: Mapping[str, str]
    taken: datetime | None = None
    dates: dict[str, datetime] = field(default_factory=dict)
    waits: Mapping[str, Left] = field(default_factory=dict)
    plan: OrganizePlan = field(default_factory=OrganizePlan)
    """The last plan."""

    @property
    def left(self) -> Mapping[str, Left]:
        return self.plan.left

    def found(self, rule: OrganizeRule) -> list[FoundFile]:
        """Return what a listing of the rule's source shows."""
        return [
            file(path, content, self.dates.get(path, self.taken), self.waits.get(path))
            for path, content in self.content.items()
            if (is_inside(path, rule.source) if rule.recursive else split(path)[0] == rule.source)
        ]

    def folder(self, path: str) -> Folder:
        return {
            fold(split(each)[1]): Existing(each, len(content))
            for each, content in self.content.items()
            if fold(split(each)[0]) == fold(path)
        }


def planned(rule: OrganizeRule, files: Files) -> OrganizePlan:
    """Plan a pass, with everything that the plan asks for."""
    folders: dict[str, Folder] = {}
    equal: dict[tuple[str, str], bool] = {}
    for _ in range(50):
        found = plan(rule, files.found(rule), folders, equal, NOW)
        if found.complete:
            return found
        folders |= {path: files.folder(path) for path in found.unknown_folders}
        equal |= {pair: files.content[pair[0]] == files.content[pair[1]] for pair in found.unknown_pairs}
    raise AssertionError("the plan asks for ever")


def sort(rule: OrganizeRule, files: Files) -> dict[str, str]:
    """Carry out a pass; return the files afterwards."""
    files.plan = planned(rule, files)
    after = dict(files.content)
    for move in files.plan.moves:
        assert move.to not in after, f"{move.to} would be overwritten"
        after[move.to] = after.pop(move.file.path)
    return after
