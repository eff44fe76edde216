"""What a listing and its changes say, replayed, is what is in the folder."""

from __future__ import annotations

from typing import Any

import pytest

from picsync.vendors.dropbox.filetree import FileTree, TreeEntry
from picsync.vendors.dropbox.wire import Metadata


def entry(tag: str, path: str, **fields: Any) -> Metadata:
    name = path.rpartition("/")[2]
    return Metadata.model_validate(
        {".tag": tag, "name": name, "path_lower": path, "path_display": path, **fields}
    )


def tree(*entries: Metadata) -> FileTree:
    made = FileTree()
    made.apply(entries)
    made.saved()
    return made


FOLDER = [entry("folder", "/a"), entry("file", "/a/1"), entry("folder", "/a/b"), entry("file", "/a/b/2")]


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([entry("deleted", "/a")], set()),
        ([entry("deleted", "/a/b")], {"/a", "/a/1"}),
        ([entry("deleted", "/unknown")], {"/a", "/a/1", "/a/b", "/a/b/2"}),
        ([entry("file", "/a/b")], {"/a", "/a/1", "/a/b"}),
        ([entry("folder", "/a/b")], {"/a", "/a/1", "/a/b", "/a/b/2"}),
        ([entry("folder", "/a/1")], {"/a", "/a/1", "/a/b", "/a/b/2"}),
        ([entry("file", "/ab"), entry("deleted", "/a")], {"/ab"}),
        ([entry("deleted", "/a"), entry("file", "/a/new")], {"/a/new"}),
        ([entry("file", "/a/new"), entry("deleted", "/a")], set()),
        ([entry("deleted", "/a"), entry("file", "/a/x"), entry("deleted", "/a")], set()),
        ([entry("gadget", "/a/1")], {"/a", "/a/1", "/a/b", "/a/b/2"}),
    ],
)
def test_changes_are_replayed_in_order(changes: list[Metadata], left: set[str]) -> None:
    made = tree(*FOLDER)
    before = dict(made.entries)
    made.apply(changes)
    assert set(made.entries) == left
    # What is written to the database leads to the same.
    for key in made.removed:
        before.pop(key, None)  # it may have come and gone between two writes
    before.update({key: made.entries[key] for key in made.changed})
    assert before == made.entries


def test_what_comes_twice_changes_nothing() -> None:
    made = tree(*FOLDER)
    made.apply(FOLDER)
    assert (made.changed, made.removed) == (set(), set())


def test_entries_are_stored_as_text() -> None:
    for found in tree(
        *FOLDER, entry("file", "/Gr\u00f6\u00dfe \u007f.jpg", id="id:a", rev="1", size=7)
    ).entries.values():
        assert TreeEntry.parse(str(found)) == found
        assert str(found).isascii()
    for text in (
        "",
        "{}",
        "[]",
        "1",
        '["file"]',
        '["link", "a", "b", "c"]',
        '["file", "a", "b", 1]',
        "[" * 9000,
    ):
        with pytest.raises((ValueError, RecursionError)):
            TreeEntry.parse(text)
