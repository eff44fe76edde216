"""What viewers have deleted is a request, and nothing else is, whatever picsync did to its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from picsync.core.model import Digest
from picsync.frames.dropbox.listing import (
    judged,
    leaving,
    own_files,
    rejecting,
    renaming,
    restoring,
    up_to_date,
)
from picsync.frames.dropbox.manifest import Manifest, Own
from picsync.frames.folder.missing import FEW, SETTLE_S, SHARE, judge
from picsync.frames.folder.order import Place
from picsync.stores.base import Entry

NAMES = tuple(f"p{number:02}.jpg" for number in range(40))
DIGESTS = tuple(Digest.md5(f"{number:032x}") for number in range(40))


@st.composite
def manifests(draw: st.DrawFn) -> Mapping[str, Own]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    digests = draw(st.lists(st.sampled_from(DIGESTS), min_size=len(names), max_size=len(names)))
    seen = draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    return {
        name: Own(digest, digest.hex, seen=known)
        for name, digest, known in zip(names, digests, seen, strict=True)
    }


@given(manifests(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(DIGESTS), max_size=5))
def test_every_missing_file_has_one_meaning(
    files: Mapping[str, Own], listed: set[str], rejected: set[Digest]
) -> None:
    there = listed & files.keys()
    shown = {files[name].digest for name in there}
    verdict = judge(files, there, shown, rejected)
    parts = (verdict.rejected, verdict.lost, verdict.never)
    assert sorted(name for part in parts for name in part) == sorted(files.keys() - there)
    assert not (verdict.rejected and verdict.lost)
    for name in (*verdict.rejected, *verdict.lost):
        assert files[name].seen
        assert files[name].digest not in rejected | shown
    missing = len(verdict.rejected) + len(verdict.lost)
    assert verdict.existed >= missing
    if verdict.rejected:
        assert missing <= max(FEW, SHARE * verdict.existed)
        assert 2 * missing <= verdict.existed, "no frame becomes empty by requests"


@given(manifests(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_more_missing_files_never_make_a_request_of_damage(
    files: Mapping[str, Own], gone: set[str], more: set[str]
) -> None:
    def lost(missing: set[str]) -> bool:
        there = files.keys() - missing
        return bool(judge(files, there, {files[name].digest for name in there}, ()).lost)

    if len({own.digest for own in files.values()}) == len(files) and lost(gone):
        assert lost(gone | more)


@dataclass
class Folder:
    """The folder, the stored manifest, and what really happened."""

    files: dict[str, Digest] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=Manifest)
    deleted: set[Digest] = field(default_factory=set)
    """By people, since they were last there."""
    now: datetime = datetime(2026, 5, 1, tzinfo=UTC)

    def listing(self) -> dict[str, Entry]:
        return {
            name: Entry(f"/{name}", size_bytes=7, content_hash=digest.hex)
            for name, digest in self.files.items()
        }

    def store(self, manifest: Manifest) -> None:
        """Write the manifest as the frame does, and have it read again."""
        files = {name: own for name, own in manifest.files.items() if own.albums}
        self.manifest = Manifest.parse(replace(manifest, files=files).text(), "the list")


class Frames(RuleBasedStateMachine):
    """A folder whose picsync is killed at any step, and people who delete files."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Folder()

    def known(self) -> Manifest:
        return up_to_date(self.folder.manifest, self.folder.listing())

    @initialize(count=st.integers(0, 20))
    def begin(self, count: int) -> None:
        self.write(set(range(count)), entered=True, written=count, noted=True)

    @rule(
        numbers=st.sets(st.integers(0, 29), max_size=6),
        entered=st.booleans(),
        written=st.integers(0, 6),
        noted=st.booleans(),
    )
    def write(self, numbers: set[int], entered: bool, written: int, noted: bool) -> None:
        folder = self.folder
        there = {folder.manifest.files[name].digest for name in own_files(folder.manifest, folder.listing())}
        rejected = judged(folder.manifest, folder.listing(), folder.now).rejected.items
        unwanted = {each.digest for each in rejected}
        due = {NAMES[n]: DIGESTS[n] for n in numbers if DIGESTS[n] not in there | unwanted}
        due = {name: digest for name, digest in due.items() if name not in folder.files}
        if not entered:
            return
        own = {name: Own(digest, digest.hex, albums=frozenset({"A"})) for name, digest in due.items()}
        known = self.known()
        folder.store(replace(known, files={**known.files, **own}))
        for name, digest in list(due.items())[:written]:
            folder.files[name] = digest
            folder.deleted.discard(digest)
        if noted and written >= len(due):
            folder.store(self.known())

    @precondition(lambda self: self.folder.files)
    @rule(data=st.data(), killed=st.integers(0, 2))
    def delete(self, data: st.DataObject, killed: int) -> None:
        names = data.draw(st.sets(st.sampled_from(sorted(self.folder.files)), max_size=5))
        own = own_files(self.folder.manifest, self.folder.listing())
        names &= own.keys()
        if killed == 0:
            return
        self.folder.store(leaving(self.known(), names))
        for name in sorted(names)[: None if killed == 2 else len(names) // 2]:
            del self.folder.files[name]

    @precondition(lambda self: self.folder.files)
    @rule(data=st.data(), killed=st.integers(0, 3))
    def rename(self, data: st.DataObject, killed: int) -> None:
        folder = self.folder
        own = sorted(own_files(folder.manifest, folder.listing()))
        if not own or killed == 0:
            return
        old = data.draw(st.lists(st.sampled_from(own), unique=True, max_size=4))
        moves = [
            Place(name, f"{number:08}-{name.rpartition('-')[2]}", number)
            for number, name in enumerate(old, data.draw(st.integers(0, 10**6)))
        ]
        moves = [move for move in moves if move.new not in folder.files]
        folder.store(renaming(self.known(), moves, "A", ()))
        for move in moves[: len(moves) // 2 if killed == 1 else None]:
            folder.files[move.new] = folder.files.pop(move.old)
        if killed == 3:
            folder.store(renaming(self.known(), [], "A", ()))

    @precondition(lambda self: self.folder.files)
    @rule(data=st.data(), count=st.integers(1, 5))
    def person_deletes(self, data: st.DataObject, count: int) -> None:
        folder = self.folder
        names = data.draw(st.lists(st.sampled_from(sorted(folder.files)), unique=True, max_size=count))
        for name in names:
            folder.deleted.add(folder.files.pop(name))

    @rule(seconds=st.integers(0, 200))
    def time_passes(self, seconds: int) -> None:
        self.folder.now += timedelta(seconds=seconds)

    @rule()
    def looks(self) -> None:
        folder = self.folder
        before = judged(folder.manifest, folder.listing(), folder.now)
        folder.store(before.manifest)
        after = judged(folder.manifest, folder.listing(), folder.now)
        assert not after.due, "what was written needs no second time"
        assert set(after.rejected.items) == set(before.rejected.items)
        folder.now += timedelta(seconds=SETTLE_S + 1)
        late = judged(folder.manifest, folder.listing(), folder.now)
        folder.store(late.manifest)
        assert not judged(folder.manifest, folder.listing(), folder.now).rejected.new, "decided once"

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        folder = self.folder
        digests = {
            each.digest for each in judged(folder.manifest, folder.listing(), folder.now).rejected.items
        }
        if digests:
            chosen = data.draw(st.sets(st.sampled_from(sorted(digests, key=lambda each: each.hex))))
            folder.store(restoring(self.known(), folder.listing(), chosen))
            left = judged(folder.manifest, folder.listing(), folder.now).rejected.items
            assert {each.digest for each in left} == digests - chosen

    @precondition(lambda self: len(self.folder.files) > 1)
    @rule(data=st.data(), killed=st.booleans())
    def reject(self, data: st.DataObject, killed: bool) -> None:
        folder = self.folder
        own = sorted(own_files(folder.manifest, folder.listing()))
        if len(own) < 2:
            return
        name = data.draw(st.sampled_from(own))
        folder.deleted.add(folder.files[name])
        folder.store(leaving(rejecting(self.known(), name, folder.now), [name]))
        if not killed:
            del folder.files[name]

    @invariant()
    def only_people_reject(self) -> None:
        folder = self.folder
        found = judged(folder.manifest, folder.listing(), folder.now)
        assert {each.digest for each in found.rejected.items} <= folder.deleted
        assert found.rejected.lost <= len(folder.deleted)


TestFrames = Frames.TestCase
