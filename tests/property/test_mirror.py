"""What must hold of every mirror, whatever is on the two sides and wherever a pass is stopped."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.mirror import (
    Here,
    MirrorPlan,
    Policy,
    Sides,
    Skip,
    Theirs,
    There,
    plan_mirror,
    unknown_contents,
)
from picsync.core.places import fold, parents

FOLDER = None
Tree = dict[str, str | None]
"""Contents of files by path; None for a folder."""

names = st.sampled_from(["a", "b", "A", "c"])
contents = st.sampled_from(["1", "2", "33", "44"])
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree in which no file is above another entry."""
    tree: Tree = {}
    for path, content in draw(st.lists(st.tuples(paths, st.one_of(contents, st.none())), max_size=10)):
        above = [one for one in parents(path) if one != "/"]
        if path in tree or any(tree.get(one, FOLDER) is not FOLDER for one in above):
            continue
        tree.update(dict.fromkeys((one for one in above if one not in tree), FOLDER))
        tree[path] = content
    return tree


def merged(tree: Tree) -> Tree:
    """The tree as a store that ignores case can hold it: the first of several is there."""
    found: dict[str, str] = {}
    result: Tree = {}
    for path, content in tree.items():
        keys = [fold(one) for one in parents(path) if one != "/"]
        if fold(path) in found or any(key not in found or result[found[key]] is not FOLDER for key in keys):
            continue
        found[fold(path)] = path
        result[path] = content
    return result


def here(tree: Tree) -> list[Here]:
    return [
        Here(path, folder=content is FOLDER, size_bytes=len(content or ""), content_hash=content or "")
        for path, content in tree.items()
    ]


def there(tree: Tree) -> list[There]:
    return [
        There(
            path, folder=content is FOLDER, size_bytes=len(content or ""), content_hash=content or "", rev="r"
        )
        for path, content in tree.items()
    ]


class Target:
    """A store that ignores case, and refuses whatever a real one would."""

    def __init__(self, tree: Tree) -> None:
        self.tree = dict(tree)

    def find(self, path: str) -> str | None:
        return next((one for one in self.tree if fold(one) == fold(path)), None)

    def make(self, path: str) -> None:
        for one in reversed([path, *parents(path)]):
            found = self.find(one)
            assert found is None or self.tree[found] is FOLDER, "a file is in the way"
            if one != "/" and found is None:
                self.tree[one] = FOLDER

    def write(self, path: str, content: str, *, replaces: str | None) -> None:
        self.make(parents_of(path))
        found = self.find(path)
        assert found == replaces or (found is None and replaces is None)
        self.tree[found or path] = content

    def delete(self, path: str) -> None:
        if self.tree[path] is FOLDER:
            assert not [one for one in self.tree if fold(one).startswith(f"{fold(path)}/")], "not empty"
        del self.tree[path]

    def steps(self, plan: MirrorPlan, contents_here: Tree) -> Iterator[str]:
        """Do one step after the other."""
        for move in plan.moves:
            content = self.tree.pop(move.there.path)
            assert self.find(move.to.path) is None
            self.make(parents_of(move.to.path))
            self.tree[move.to.path] = content
            yield f"move {move.there.path} {move.to.path}"
        for other in plan.clear:
            self.delete(other.path)
            yield f"clear {other.path}"
        for path in plan.folders:
            self.make(path)
            yield f"make {path}"
        for one in plan.transfers:
            content = contents_here[one.here.path]
            assert content is not None
            self.write(one.here.path, content, replaces=one.replaces.path if one.replaces else None)
            yield f"send {one.here.path}"
        for other in plan.deletes:
            self.delete(other.path)
            yield f"delete {other.path}"


def parents_of(path: str) -> str:
    return next(iter(parents(path)))


def shape(tree: Tree, *, without: Mapping[str, object] | None = None) -> Tree:
    return {fold(path): content for path, content in tree.items() if path not in (without or {})}


CASELESS = Policy(key=fold)


@given(trees(), trees(), st.booleans())
def test_both_sides_become_equal_and_stay_so(ours: Tree, theirs: Tree, knows: bool) -> None:
    target = Target(merged(theirs))
    known = {path: content for path, content in theirs.items() if content} if knows else {}

    plan = plan_mirror(Sides(here(ours), there(target.tree), known), CASELESS)
    list(target.steps(plan, ours))

    skipped = {one.path: one.why for one in plan.skipped}
    assert {*skipped.values()} <= {Skip.SAME_NAME}
    assert shape(target.tree) == shape(ours, without=skipped)
    again = plan_mirror(Sides(here(ours), there(target.tree), known), CASELESS)
    assert again.is_empty
    assert len(again.equal) == sum(
        content is not FOLDER for path, content in ours.items() if path not in skipped
    )


@given(trees(), trees(), st.integers(0, 30))
def test_a_stop_at_any_step_loses_nothing_and_the_next_pass_completes_it(
    ours: Tree, theirs: Tree, stop: int
) -> None:
    target = Target(merged(theirs))
    steps = target.steps(plan_mirror(Sides(here(ours), there(target.tree)), CASELESS), ours)
    for _ in itertools.islice(steps, stop):
        pass

    plan = plan_mirror(Sides(here(ours), there(target.tree)), CASELESS)
    list(target.steps(plan, ours))

    assert shape(target.tree) == shape(ours, without={one.path: one for one in plan.skipped})


@given(trees(), trees())
def test_what_is_there_already_is_not_sent(ours: Tree, theirs: Tree) -> None:
    target = merged(theirs)
    plan = plan_mirror(Sides(here(ours), there(target)), CASELESS)

    at = shape(target)
    for one in plan.transfers:
        assert at.get(fold(one.here.path)) != ours[one.here.path]
    # A file with these bytes that is gone here is moved, not sent.
    sent = {ours[one.here.path] for one in plan.transfers if one.replaces is None}
    deleted = {target[other.path] for other in plan.deletes}
    crossing = any(one.why is Skip.IN_THE_WAY for one in plan.skipped) or plan.clear
    assert crossing or not (sent & deleted - {FOLDER})


@given(trees(), trees())
def test_without_delete_nothing_is_removed(ours: Tree, theirs: Tree) -> None:
    target = Target(merged(theirs))
    before = dict(target.tree)

    plan = plan_mirror(Sides(here(ours), there(target.tree)), replace(CASELESS, delete=False))
    list(target.steps(plan, ours))

    assert [*plan.clear, *plan.deletes, *plan.moves] == []
    assert before.keys() <= target.tree.keys()
    assert plan_mirror(Sides(here(ours), there(target.tree)), replace(CASELESS, delete=False)).is_empty


@given(trees(), trees())
def test_what_may_not_be_deleted_is_held(ours: Tree, theirs: Tree) -> None:
    target = Target(merged(theirs))
    files = [path for path, content in target.tree.items() if content is not FOLDER]
    policy = replace(CASELESS, may_delete=lambda _files, of: of != len(files))

    plan = plan_mirror(Sides(here(ours), there(target.tree)), policy)
    list(target.steps(plan, ours))

    assert not [one for one in (*plan.clear, *plan.deletes) if not one.folder]
    assert {one.path for one in plan.held} <= set(files)
    moved = {move.there.path for move in plan.moves}
    assert set(files) - moved <= target.tree.keys()


@given(trees(), trees(), trees())
def test_what_they_changed_is_kept_if_asked(ours: Tree, before: Tree, theirs: Tree) -> None:
    target = Target(merged(theirs))
    known = {path: content for path, content in merged(before).items() if content}
    policy = replace(CASELESS, theirs=Theirs.KEEP)
    foreign = {
        path: content
        for path, content in target.tree.items()
        if content is not FOLDER and {fold(one): known[one] for one in known}.get(fold(path)) != content
    }

    plan = plan_mirror(Sides(here(ours), there(target.tree), known), policy)
    list(target.steps(plan, ours))

    assert foreign.items() <= target.tree.items()


@given(trees(), trees(), st.sets(paths, max_size=2))
def test_what_could_not_be_read_is_not_gone(ours: Tree, theirs: Tree, unread: set[str]) -> None:
    target = Target(merged(theirs))
    ours = {path: content for path, content in ours.items() if not {path, *parents(path)} & unread}
    folded = {fold(one) for one in unread}
    hidden = {path for path in target.tree if {fold(one) for one in (path, *parents(path))} & folded}

    plan = plan_mirror(Sides(here(ours), there(target.tree), unread=unread), CASELESS)

    moved = {move.there.path for move in plan.moves}
    crossing = {fold(one.path) for one in here(ours) if not one.folder}
    gone = {one.path for one in (*plan.clear, *plan.deletes)} | moved
    assert not {
        path for path in hidden & gone if not crossing & {fold(one) for one in (path, *parents(path))}
    }


@given(trees(), trees())
def test_unknown_contents_are_asked_for_and_change_nothing_else(ours: Tree, theirs: Tree) -> None:
    target = merged(theirs)
    blind = Sides(
        [replace(one, content_hash="") for one in here(ours)],
        [replace(other, content_hash="") for other in there(target)],
    )
    mine, foreign = unknown_contents(blind, CASELESS)
    asked = {one.path for one in mine}, {one.path for one in foreign}
    told = Sides(
        [one if one.path in asked[0] else replace(one, content_hash="") for one in here(ours)],
        [other if other.path in asked[1] else replace(other, content_hash="") for other in there(target)],
    )

    assert unknown_contents(told, CASELESS) == ([], [])
    informed = plan_mirror(told, CASELESS)
    whole = plan_mirror(Sides(here(ours), there(target)), CASELESS)
    assert [one.here.path for one in informed.transfers] == [one.here.path for one in whole.transfers]
    assert [(one.there.path, one.to.path) for one in informed.moves] == [
        (one.there.path, one.to.path) for one in whole.moves
    ]
    assert [one.path for one in informed.deletes] == [one.path for one in whole.deletes]


def test_a_renamed_folder_is_moved_file_by_file() -> None:
    before: Tree = {"/old": FOLDER, "/old/1.jpg": "1", "/old/2.jpg": "2"}
    after: Tree = {"/new": FOLDER, "/new/1.jpg": "1", "/new/2.jpg": "2"}

    plan = plan_mirror(Sides(here(after), there(before)), Policy())

    assert {(one.there.path, one.to.path) for one in plan.moves} == {
        ("/old/1.jpg", "/new/1.jpg"),
        ("/old/2.jpg", "/new/2.jpg"),
    }
    assert not plan.transfers
    assert [one.path for one in plan.deletes] == ["/old"]


def test_an_empty_folder_is_mirrored() -> None:
    assert plan_mirror(Sides(here({"/a": FOLDER, "/a/b": FOLDER}), []), Policy()).folders == ["/a/b"]


def test_a_file_that_is_being_written_waits() -> None:
    one = replace(here({"/a": "1"})[0], changing=True)

    assert plan_mirror(Sides([one], []), Policy()).is_empty
    assert plan_mirror(Sides([one], there({"/a": "2"})), Policy()).is_empty


def test_what_is_ignored_takes_no_part() -> None:
    policy = Policy(ignored=lambda path: path.endswith(".tmp"))
    ours: Tree = {"/a.tmp": "1", "/b": FOLDER}
    theirs: Tree = {"/b.tmp": "2", "/gone": FOLDER, "/gone/c.tmp": "3"}

    plan = plan_mirror(Sides(here(ours), there(theirs)), policy)

    assert plan.folders == ["/b"]
    assert not plan.transfers
    # Its folder stays because of it.
    assert not plan.deletes


@pytest.mark.parametrize("theirs", list(Theirs))
def test_a_change_on_both_sides(theirs: Theirs) -> None:
    sides = Sides(here({"/a": "44"}), there({"/a": "33"}), {"/a": "1"})

    plan = plan_mirror(sides, Policy(theirs=theirs))

    assert bool(plan.transfers) is (theirs is Theirs.REVERT)
    assert plan.kept == (["/a"] if theirs is Theirs.KEEP else [])
