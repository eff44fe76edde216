"""Whatever happens in a Dropbox, its listing and changes, replayed, are what is in the folder."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.emulators.dropbox import Dropbox, DropboxOptions
from picsync.emulators.dropbox.access import Caller
from picsync.emulators.dropbox.calls import Asked
from picsync.emulators.dropbox.tree import WriteRefused
from picsync.vendors.dropbox.filetree import FileTree, TreeEntry
from picsync.vendors.dropbox.wire import FOLDER_PAGE, FolderPage

PATHS = st.lists(st.sampled_from("aBc"), min_size=1, max_size=3).map(lambda names: "/F/" + "/".join(names))
STEPS = st.one_of(
    st.tuples(st.just("write"), PATHS),
    st.tuples(st.just("folder"), PATHS),
    st.tuples(st.just("delete"), PATHS),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("copy"), PATHS, PATHS),
    st.tuples(st.just("read")),
    st.tuples(st.just("read a page")),
    st.tuples(st.just("restart")),
)


class Replay:
    """A client that continues one listing, and stores what has changed."""

    def __init__(self, dropbox: Dropbox, *, recursive: bool) -> None:
        grant = dropbox.log_in()
        self.listing, self.recursive = dropbox.listing, recursive
        self.caller = Caller(grant.app, grant.user)
        self.tree, self.cursor = FileTree(), ""
        self.stored: dict[str, str] = {}

    async def page(self) -> bool:
        """Read a page; return whether there are more."""
        if self.cursor:
            found = await self._ask(self.listing.go_on, {"cursor": self.cursor})
        else:
            found = await self._ask(self.listing.begin, {"path": "/F", "recursive": self.recursive})
        self.tree.apply(found.entries)
        self.cursor = found.cursor
        for key in self.tree.removed:
            self.stored.pop(key, None)
        self.stored |= {key: str(self.tree.entries[key]) for key in self.tree.changed}
        self.tree.saved()
        return found.has_more

    async def rest(self) -> None:
        while await self.page():
            pass

    def restart(self) -> None:
        self.tree = FileTree({key: TreeEntry.parse(text) for key, text in self.stored.items()})

    async def _ask(self, call: Any, argument: dict[str, Any]) -> FolderPage:
        answer = await call(Asked(self.caller, argument, None))  # type: ignore[arg-type] # it is not looked at
        return FOLDER_PAGE.validate_python(answer)


def change(dropbox: Dropbox, step: tuple[str, ...]) -> None:
    try:
        match step:
            case ("write", path):
                dropbox.put(path, path.encode())
            case ("folder", path):
                dropbox.create_folder(path)
            case ("delete", path) if (entry := dropbox.find(path)) is not None:
                dropbox.delete(entry)
            case ("move" | "copy" as how, path, target) if (entry := dropbox.find(path)) is not None:
                inside = f"{target}/".lower().startswith(f"{path}/".lower())
                if not inside and dropbox.find(target) is None:
                    getattr(dropbox, how)(entry, target)
    except WriteRefused:
        return


@settings(deadline=None, max_examples=60)
@given(st.booleans(), st.integers(1, 4), st.booleans(), st.lists(STEPS, max_size=25))
def test_what_is_replayed_is_what_is_there(
    recursive: bool, page_cap: int, hostile: bool, steps: list[tuple[str, ...]]
) -> None:
    async def play() -> None:
        options = DropboxOptions(page_cap=page_cap, now=lambda: 1_700_000_000.0)
        if hostile:
            options.empty_page_every = 3
            options.repeat_entries = options.unknown_deletions = True
        dropbox = Dropbox(options)
        dropbox.create_folder("/F")
        replay = Replay(dropbox, recursive=recursive)
        for step in [*steps, ("read",), ("restart",), ("read",)]:
            match step:
                case ("read",):
                    await replay.rest()
                    fresh = Replay(dropbox, recursive=recursive)
                    await fresh.rest()
                    assert replay.tree.entries == fresh.tree.entries
                case ("read a page",):
                    await replay.page()
                case ("restart",):
                    replay.restart()
                case _:
                    change(dropbox, step)

    asyncio.run(play())
