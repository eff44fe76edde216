"""Mirroring: what makes a folder of a store equal to a folder here; pure functions.

Guarantees, whatever the two sides are:

- After all steps, both sides have the same files and folders, except for what is skipped, kept or held, and
  for what is below a folder that could not be read.
- A file that is here is never deleted there, and nothing is deleted that might only be unreadable here.
- A file is replaced only in the version that was seen. Nothing is sent that is there already; a file that was
  renamed or moved here is moved there.
- The steps are safe in their order: moves, then what is in the way, folders, files, and deletes last. After a
  stop in between, the next plan continues.
- Without anything known, both sides' contents decide: it costs reading files, never sending them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from picsync.core.places import parents
from picsync.core.values import dataclass

Key = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Here:
    """A file or folder of this side."""

    path: str
    """Below the mirrored folder: `/a/b.jpg`."""
    folder: bool = False
    size_bytes: int = 0
    content_hash: str = ""
    """Empty if it is not known without reading the file."""
    changing: bool = False
    """Whether somebody is writing it now: it is left for the next pass."""


@dataclass(frozen=True, slots=True)
class There:
    """A file or folder of the other side."""

    path: str
    """Below the mirror's folder."""
    folder: bool = False
    size_bytes: int = 0
    content_hash: str = ""
    rev: str = ""


class Theirs(StrEnum):
    """What becomes of changes that somebody makes on the other side."""

    REVERT = "revert"
    KEEP = "keep"


class Skip(StrEnum):
    """Why something is not mirrored."""

    SAME_NAME = "same_name"
    """Another file here has the same name but for capitals or the composition of characters."""
    IN_THE_WAY = "in_the_way"
    """A file is where a folder belongs, or the reverse, and may not be deleted."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something here that is not mirrored."""

    path: str
    why: Skip


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file to be sent."""

    here: Here
    replaces: There | None = None
    """The version that it replaces; None if nothing is at the path."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """A file there that is to be moved, since it was renamed or moved here."""

    there: There
    to: Here


@dataclass(frozen=True, slots=True)
class MirrorPlan:
    """The steps, in their order."""

    moves: Sequence[Relocation] = ()
    clear: Sequence[There] = ()
    """Files, then folders from the innermost, that are in the way of something else."""
    folders: Sequence[str] = ()
    """To be created, outer ones first; only those that no file creates."""
    transfers: Sequence[Transfer] = ()
    deletes: Sequence[There] = ()
    """Files, then folders from the innermost."""
    held: Sequence[There] = ()
    """Files whose deletion needs the operator's permission; then nothing is deleted."""
    equal: Sequence[tuple[Here, There]] = ()
    """Files that are the same on both sides."""
    kept: Sequence[str] = ()
    """What somebody added or changed there, and what is kept therefore."""
    skipped: Sequence[Skipped] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.moves or self.clear or self.folders or self.transfers or self.deletes)


@dataclass(frozen=True, slots=True)
class Sides:
    """What a plan is made of."""

    here: Collection[Here]
    there: Collection[There]
    known: Mapping[str, str] = field(default_factory=dict)
    """By path: the content hash that a file had on both sides when they were last equal."""
    unread: Collection[str] = ()
    """Folders here that could not be read: what is in and below them is unknown."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a mirror."""

    delete: bool = True
    theirs: Theirs = Theirs.REVERT
    ignored: Callable[[str], bool] = lambda _path: False
    """Whether a path takes no part on either side; true for what is below such a path as well."""
    key: Key = lambda path: path
    """A path for comparison, as the other side compares paths."""
    may_delete: Callable[[int, int], bool] = lambda _files, _of: True
    """Whether so many files, of so many there, may be deleted without permission."""


def unknown_contents(sides: Sides, policy: Policy) -> tuple[list[Here], list[There]]:
    """Return the files of both sides whose content hash decides something and is not known.

    They are those that have the same path and size on both sides, those that may have been renamed, and, if
    changes there are kept, those that may have changed there.
    """
    pairing = _Pairing(sides, policy)
    here: dict[str, Here] = {}
    there: dict[str, There] = {}
    for one, other in pairing.files():
        if one.size_bytes == other.size_bytes:
            here[one.path] = one
        if one.size_bytes == other.size_bytes or policy.theirs is Theirs.KEEP:
            there[other.path] = other
    gone: dict[int, list[There]] = defaultdict(list)
    for other in pairing.gone():
        gone[other.size_bytes].append(other)
        if policy.theirs is Theirs.KEEP:
            there[other.path] = other
    if policy.delete:
        for one in pairing.new():
            for other in gone.get(one.size_bytes, ()):
                here[one.path], there[other.path] = one, other
    return (
        [one for one in here.values() if not one.content_hash and not one.changing],
        [other for other in there.values() if not other.content_hash],
    )


def plan_mirror(sides: Sides, policy: Policy) -> MirrorPlan:
    """Return the steps that make the other side equal to this one, as far as the policy lets them."""
    pairing = _Pairing(sides, policy)
    transfers, equal = _compare(pairing)
    gone = [other for other in pairing.gone() if not pairing.is_kept(other)]
    moves = _renamed(pairing, gone) if policy.delete else []
    moved = {move.there.path for move in moves}
    # A file in the place of a folder here. What is in a folder in the place of a file here is gone already.
    crossing = [other for key, other in pairing.crossing() if not other.folder and not pairing.is_kept(other)]
    doomed = [other for other in gone if other.path not in moved] + crossing
    files = sum(not other.folder for other in sides.there)
    allowed = policy.delete and (not doomed or policy.may_delete(len(doomed), files))
    removed = doomed if allowed else []
    removed += _emptied(pairing, {pairing.key(path) for path in moved}, removed) if allowed else []
    cleared, deletes = _in_the_way(pairing, removed)
    obstacles = {key for key, _ in pairing.crossing()} - {pairing.key(other.path) for other in removed}
    obstructed = [Skipped(pairing.here[key].path, Skip.IN_THE_WAY) for key in sorted(obstacles)]
    arrived = {move.to.path for move in moves}
    replaced = {key for key, _ in pairing.crossing() if not pairing.here[key].folder}
    transfers += [
        Transfer(one)
        for one in (*pairing.new(), *(pairing.here[key] for key in replaced))
        if one.path not in arrived and not one.changing
    ]
    sent = [one for one in transfers if not _is_at(pairing.key(one.here.path), obstacles)]
    return MirrorPlan(
        moves=moves,
        clear=_inner_first(cleared),
        folders=_missing_folders(pairing, obstacles, [*(one.here.path for one in sent), *arrived]),
        transfers=sorted(sent, key=lambda one: one.here.path),
        deletes=_inner_first(deletes),
        held=sorted(doomed, key=_path) if policy.delete and not allowed else (),
        equal=equal,
        kept=sorted(pairing.kept),
        skipped=[*pairing.skipped, *obstructed],
    )


class _Pairing:
    """Both sides, matched by path, without what is ignored."""

    def __init__(self, sides: Sides, policy: Policy) -> None:
        self.policy = policy
        self.key = policy.key
        self.all_there = sides.there
        self.there = {self.key(other.path): other for other in sides.there if not policy.ignored(other.path)}
        self.kept: set[str] = set()
        """Paths there that stay as they are."""
        self.skipped: list[Skipped] = []
        self.here = self._without_doubles(sides.here)
        self._known = {self.key(path): content for path, content in sides.known.items()}
        self._unread = {self.key(path) for path in sides.unread}

    def _without_doubles(self, here: Iterable[Here]) -> dict[str, Here]:
        """Return what is here by key. Of several with one key, a folder or what is there already is taken."""
        chosen: dict[str, Here] = {}

        def rank(one: Here) -> tuple[bool, bool, str]:
            other = self.there.get(self.key(one.path))
            return not one.folder, other is None or other.path != one.path, one.path

        for one in sorted(here, key=rank):
            if self.policy.ignored(one.path):
                continue
            first = chosen.setdefault(self.key(one.path), one)
            if first is not one and not (first.folder and one.folder):
                self.skipped.append(Skipped(one.path, Skip.SAME_NAME))
        return chosen

    def files(self) -> Iterator[tuple[Here, There]]:
        """Yield the files that are on both sides."""
        for key, one in self.here.items():
            other = self.there.get(key)
            if other is not None and not one.folder and not other.folder:
                yield one, other

    def crossing(self) -> Iterator[tuple[str, There]]:
        """Yield what is a file on one side and a folder on the other."""
        for key, one in self.here.items():
            other = self.there.get(key)
            if other is not None and one.folder is not other.folder:
                yield key, other

    def new(self) -> Iterator[Here]:
        """Yield the files that are only here."""
        for key, one in self.here.items():
            if not one.folder and key not in self.there:
                yield one

    def gone(self) -> Iterator[There]:
        """Yield the files that are only there, as far as that is certain."""
        for key, other in self.there.items():
            if not other.folder and self.is_gone(key):
                yield other

    def is_gone(self, key: str) -> bool:
        """Whether nothing is here under a key, for certain."""
        return not (
            key in self.here or key in self._unread or any(one in self._unread for one in parents(key))
        )

    def is_kept(self, other: There) -> bool:
        """Whether something there stays, since somebody added or changed it there; if so, it is noted."""
        known = self._known.get(self.key(other.path))
        if self.policy.theirs is Theirs.REVERT or (known and known == other.content_hash):
            return False
        self.kept.add(other.path)
        return True


def _compare(pairing: _Pairing) -> tuple[list[Transfer], list[tuple[Here, There]]]:
    """Return what to send of the files that are on both sides, and which of them are equal."""
    transfers: list[Transfer] = []
    equal: list[tuple[Here, There]] = []
    for one, other in pairing.files():
        if one.content_hash and one.content_hash == other.content_hash:
            equal.append((one, other))
        elif one.changing or (one.size_bytes == other.size_bytes and not one.content_hash):
            # It could not be read, or not yet.
            continue
        elif not pairing.is_kept(other):
            transfers.append(Transfer(one, other))
    return transfers, equal


def _renamed(pairing: _Pairing, gone: Iterable[There]) -> list[Relocation]:
    """Return moves of files there that are gone here to where a file with the same bytes is new."""
    blocked = {key for key, _ in pairing.crossing()}
    sources: dict[tuple[int, str], list[There]] = defaultdict(list)
    for other in sorted(gone, key=_path, reverse=True):
        if other.content_hash:
            sources[other.size_bytes, other.content_hash].append(other)
    moves = []
    for one in sorted(pairing.new(), key=_path):
        same = sources.get((one.size_bytes, one.content_hash))
        if same and not one.changing and not _is_at(pairing.key(one.path), blocked):
            moves.append(Relocation(same.pop(), one))
    return moves


def _emptied(pairing: _Pairing, moved: Collection[str], removed: Iterable[There]) -> list[There]:
    """Return the folders that are gone here and have nothing left there; `moved` are keys."""
    leaving = {pairing.key(other.path) for other in removed} | set(moved)
    staying: set[str] = set()
    for other in pairing.all_there:
        key = pairing.key(other.path)
        stays = key not in leaving if not other.folder else _stays(pairing, key, other)
        if stays:
            staying.update(parents(key))
            staying.add(key)
    return [other for key, other in pairing.there.items() if other.folder and key not in staying]


def _stays(pairing: _Pairing, key: str, other: There) -> bool:
    """Whether a folder there stays whatever is in it."""
    if pairing.policy.ignored(other.path):
        return True
    one = pairing.here.get(key)
    return one.folder if one is not None else not pairing.is_gone(key)


def _in_the_way(pairing: _Pairing, removed: Iterable[There]) -> tuple[list[There], list[There]]:
    """Split what is removed into what something else takes the place of, and the rest."""
    places = {key for key, _ in pairing.crossing()}
    first: list[There] = []
    last: list[There] = []
    for other in removed:
        (first if _is_at(pairing.key(other.path), places) else last).append(other)
    return first, last


def _missing_folders(pairing: _Pairing, obstacles: Collection[str], arriving: Iterable[str]) -> list[str]:
    """Return the folders to create, without those that arriving files create."""
    created = {parent for path in arriving for parent in parents(pairing.key(path))}
    missing = []
    for key, one in sorted(pairing.here.items(), key=lambda item: (item[0].count("/"), item[0])):
        other = pairing.there.get(key)
        exists = other is not None and other.folder
        if one.folder and not exists and key not in created and not _is_at(key, obstacles):
            missing.append((key, one.path))
    # Creating a folder creates those above it.
    above = {parent for key, _ in missing for parent in parents(key)}
    return [path for key, path in missing if key not in above]


def _is_at(key: str, places: Collection[str]) -> bool:
    """Whether a key is one of these, or below one of them."""
    return key in places or any(parent in places for parent in parents(key))


def _inner_first(some: Iterable[There]) -> list[There]:
    """Return files, then folders from the innermost."""
    return sorted(some, key=lambda one: (one.folder, -one.path.count("/") if one.folder else 0, one.path))


def _path(one: Here | There) -> str:
    return one.path
