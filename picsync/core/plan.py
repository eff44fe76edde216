"""Planning: pure functions from the current state to two plans.

The first plan (`plan_transfers`) says which media items must be transferred. The second (`plan_changes`) is
made after that, from what the frame then reports: the playlist's content, and the photos to delete, or a Hold
that says why none is deleted. Whatever the inputs, this holds:

- *Knowledge*: nothing is deleted unless every listing is complete, every listed item's digest is known (or
  the item is known to be unusable) and everything wanted is on the frame.
- *Brake*: a plan that would empty an album, or delete more than a set share of it, is held. It counts photos
  that are gone from the sources. *Displaced* ones, which the choice, the capacity or a viewer leaves out, are
  deleted all the same, unless nothing would be left.
- *Replaced*: a photo is deleted once the frame has another rendition of the same item in its place (of both
  items of a pair), whatever else is held, unless the frame's listing is doubtful; no more are replaced at a
  time than the rule says.
- *Never empty*: carried out in order, with any step failing, `steps` leaves a playlist that names photos
  which exist, and never an empty one, unless nothing is to be shown.
- *Never less*: while something wanted is not seen on the frame, or is not known, a listing of the frame may
  have left it out; then no entry of a photo that was not listed leaves a playlist.
- *Minimal*: what is right stays untouched; equal digests are one photo.
- *Order*: where a rule asks for one, entries that are in another place are added once more at the end, and
  then removed from their old places. So each photo is in the playlist at any moment, unless that is full.
- *Split*: where a rule asks for it, each photo is in one of as few playlists as hold all; one that has its
  place in any of these keeps it, and only new ones, and those of a playlist given up, take free places.

Which items are skipped is decided before both plans, in `select`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import TypeAlias

from picsync.core.identity import identities, shown_by
from picsync.core.model import (
    Certainty,
    Contradiction,
    Digest,
    FramePhoto,
    Listing,
    MediaItem,
    Photos,
    Playlist,
    PlaylistItem,
)
from picsync.core.recipe import REPLACE_PER_CYCLE
from picsync.core.select import Candidate, Overflow, Pair, Skip, newest, wanted
from picsync.core.values import dataclass

BRAKE_COUNT = 10
BRAKE_SHARE = 0.10
"""More deletes than both of these are held unless the rule says otherwise: users who tidy up an album remove
a few pictures; hundreds at once are more often a failure than intended."""
_MAY_BE_SHOWN = frozenset({None, Skip.NOT_CHOSEN, Skip.CAPACITY, Skip.REJECTED})
"""Why an item is skipped whose photo is only displaced; whatever else is skipped counts as gone."""


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """The rule's `maxDelete`: a number of photos or a share of the album."""

    count: int | None = None
    share: float | None = None
    """0 to 1; 1 permits emptying the album."""

    def allows(self, deletes: int, photos: int) -> bool:
        """Whether this number of `deletes` among `photos` is allowed."""
        if self.share is not None:
            return deletes <= self.share * photos
        return self.count is not None and deletes <= self.count and deletes < photos


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings of an album rule that affect planning."""

    name: str
    """Name of the frame album."""
    delete: bool = True
    force_publish: bool = False
    videos: bool = False
    delete_limit: DeleteLimit | None = None
    """None for the default limit."""
    allow_deletes: bool = False
    """Whether the user has permitted this cycle to delete everything that is due."""
    allowed: frozenset[Digest] = frozenset()
    """Digests of photos that the user has permitted to delete; other deletes must be within the limit."""
    overflow: Overflow = Overflow.NEWEST
    replace_per_cycle: int = REPLACE_PER_CYCLE
    """How many photos a cycle replaces by other renditions at most."""

    @property
    def playlist_name(self) -> str:
        """Name of the playlist that shows the album, or its first part."""
        return f"ss_{self.name}"

    def part_name(self, number: int) -> str:
        """Name of a playlist of a split album, counted from 1."""
        return self.playlist_name if number == 1 else f"{self.playlist_name}_{number}"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A media item to download, and to upload unless the frame already has its content."""

    item: MediaItem
    digest: Digest | None
    """None if only the download will show it."""
    content: Digest | None = None
    """Of the original, if it is known."""
    replaces: Digest | None = None
    """Of the photo that the new one is to replace."""
    beside: MediaItem | None = None
    """The item that is to share the photo, on the right."""
    shown: Mapping[MediaItem, Digest] = field(default_factory=dict)
    """Of the items of a pair, those that the frame shows now, and by which photos."""

    @property
    def items(self) -> tuple[MediaItem, ...]:
        """All items that it transfers."""
        return (self.item,) if self.beside is None else (self.item, self.beside)

    @property
    def unknown(self) -> bool:
        """Whether the frame may have it, for all that is known."""
        return self.digest is None and self.content is None and self.replaces is None


class HoldReason(StrEnum):
    """Why deletes are held."""

    BRAKE = "brake"
    """Too many deletes; the user must allow them."""
    LISTING = "listing"
    """A listing is incomplete, so missing photos may still be wanted."""
    SAMPLE = "sample"
    """By its nature, a source shows only some of its items, so nothing is deleted."""
    UNKNOWN = "unknown"
    """The content of some listed items is unknown."""
    UPLOADS = "uploads"
    """Something wanted is not on the frame yet; deleting now would show even less."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Deletes that are not carried out, and the reason."""

    reason: HoldReason
    photos: tuple[FramePhoto, ...]
    total: int
    """Photos in the frame album, including these."""
    waiting: int = 0
    """The number of items with unknown content (UNKNOWN), or of photos to upload (UPLOADS)."""
    problem: str | Contradiction | None = None
    """Why the frame album's listing is incomplete; None if a source's is (LISTING)."""

    @property
    def count(self) -> int:
        """The number of held deletes."""
        return len(self.photos)

    @property
    def needs_person(self) -> bool:
        """Whether only the user can release it."""
        return self.reason is HoldReason.BRAKE


@dataclass(frozen=True, slots=True)
class Content:
    """The wanted content of a playlist."""

    name: str
    photos: tuple[FramePhoto, ...] = ()
    """In order of the sources, or in the order that the rule asks for."""
    ordered: bool = False
    """Whether the entries are to be in this order, too."""


@dataclass(frozen=True, slots=True)
class PlaylistEdit:
    """The changes that convert one playlist (None: to be created) to the wanted one."""

    content: Content
    playlist: Playlist | None
    add: tuple[FramePhoto, ...] = ()
    remove: tuple[PlaylistItem, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the playlist is as it is wanted."""
        return not self.add and not self.remove


@dataclass(frozen=True, slots=True)
class Plan:
    """The second plan: all remaining changes on the frame, in this order."""

    edits: tuple[PlaylistEdit, ...] = ()
    deletes: tuple[FramePhoto, ...] = ()
    hold: Hold | None = None
    contents: tuple[Content, ...] = ()
    """By the playlist's name: one, or the parts of a split album and those no longer needed."""
    overflow: int = 0
    """Photos of the album that do not fit into the playlist."""
    seen: frozenset[str] | None = None
    """IDs of the photos whose entries may be removed from playlists; None: any."""
    order: tuple[FramePhoto, ...] = ()
    """The remaining photos in the order in which a frame without playlists is to show them; empty if it need
    not change."""

    @property
    def shown(self) -> tuple[FramePhoto, ...]:
        """The content of all playlists of the rule together."""
        return tuple(photo for content in self.contents for photo in content.photos)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.edits and not self.deletes and not self.order


@dataclass(frozen=True, slots=True)
class Situation:
    """The input of the second phase."""

    candidates: Sequence[Candidate]
    listings: Sequence[Listing]
    """Listings of all source albums; used for their certainty, since `candidates` has the content."""
    photos: Photos
    playlists: Sequence[Playlist]
    """Playlists that show the album, or parts of it, in order of the parts."""
    playlist_limit: int | None = None
    """Capacity of a playlist, as declared by the frame (Nixplay: 2,000)."""
    shows_albums: bool = False
    """Whether the frame shows the album itself, without playlists."""
    ordered: bool = False
    """Whether the rule asks for the order of its candidates, and the frame can keep one."""
    storage_full: bool = False
    """The frame's storage is full: then deletes may go ahead although uploads failed, since they free space.
    """


def plan_transfers(
    candidates: Sequence[Candidate], photos: Photos, replacements: int = REPLACE_PER_CYCLE
) -> tuple[Transfer, ...]:
    """Return the items to transfer: unknown or missing content, each content once.

    At the end come the items of up to `replacements` photos that are to be replaced.
    """
    there = {photo.digest for photo in photos.items}
    planned: set[object] = set()
    missing: list[Transfer] = []
    replacing: list[Transfer] = []
    pairs: dict[Pair, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.skip is None and candidate.pair is not None:
            pairs[candidate.pair].append(candidate)
    for candidate in candidates:
        digest, content = candidate.digest, candidate.content
        if candidate.skip is not None or (digest in there and not candidate.outdated):
            continue
        if candidate.same in planned:
            continue
        planned.add(candidate.same)
        if candidate.pair is not None:
            transfer = _of_pair(candidate.pair, pairs[candidate.pair], there)
        elif candidate.outdated:
            transfer = Transfer(candidate.item, None, content, digest)
        else:
            transfer = Transfer(candidate.item, digest, content)
        (missing if transfer.replaces is None else replacing).append(transfer)
    begun = _begun(candidates)

    def urgency(each: Transfer) -> tuple[bool, bool]:
        """Put an item first that the frame lacks, then what is left of a pair: that shows the other twice."""
        lacks = each.beside is not None and len(each.shown) < len(each.items)
        return not lacks, begun.isdisjoint({each.replaces, *each.shown.values()})

    replacing.sort(key=urgency)
    # What shows the photos of a pair stays until all of them are replaced.
    replaced = set(list(dict.fromkeys(each.replaces for each in replacing))[:replacements])
    return (*missing, *(each for each in replacing if each.replaces in replaced))


def _begun(candidates: Sequence[Candidate]) -> set[Digest | None]:
    """Return the digests of pairs to be replaced of which only one photo has not been replaced yet."""
    left: dict[Digest | None, set[object]] = defaultdict(set)
    for each in candidates:
        if each.skip is None and each.paired and each.outdated:
            left[each.digest].add(each.content_key or each.item)
    return {digest for digest, contents in left.items() if len(contents) == 1}


def _of_pair(pair: Pair, members: Sequence[Candidate], there: Collection[Digest]) -> Transfer:
    shown = {
        item: each.digest
        for each in members
        for item in pair
        if each.item == item and each.digest is not None and each.digest in there
    }
    left = next((each for each in members if each.item == pair[0]), members[0])
    digest = None if left.outdated or shown else left.digest
    return Transfer(pair[0], digest, left.content, next(iter(shown.values()), None), pair[1], shown)


def deletes_wait_for_content(
    rule: Rule, found: Sequence[Candidate], listings: Sequence[Listing], photos: Photos
) -> bool:
    """Return whether a photo may have to be deleted once all content is known."""
    if not rule.delete or not all(listing.complete for listing in listings):
        return False
    known = {candidate.digest for candidate in found}
    return any(photo.digest not in known for photo in photos.items)


def plan_changes(rule: Rule, now: Situation) -> Plan:
    """Return the changes to playlists, and the deletes or the reason why they are held."""
    items = wanted(now.candidates)
    by_digest: dict[Digest, FramePhoto] = {}
    surplus = []
    for photo in now.photos.items:
        if photo.digest in items and photo.digest not in by_digest:
            by_digest[photo.digest] = photo
        else:
            surplus.append(photo)

    listed, replaced = _related(now, surplus, by_digest) if rule.delete else (set(), set())
    if now.photos.problem:
        replaced = set()
    rest = [photo for photo in surplus if photo.photo_id not in replaced]
    unmade = {
        each.same
        for each in now.candidates
        if each.digest is None and each.skip is None and each.content is not None
    }
    missing = len(items.keys() - by_digest.keys()) + len(unmade)
    hold = _hold(rule, now, missing, rest, listed) if rule.delete and rest else None
    held = set(hold.photos if hold else rest if not rule.delete else ())
    deletes = tuple(photo for photo in surplus if photo not in held)
    kept = tuple(photo for photo in rest if photo in held)

    everything = [by_digest[digest] for digest in items if digest in by_digest] + list(kept)
    # What is missing in a listing would be moved to the end, and back afterwards.
    ordered = now.ordered and now.photos.complete and all(listing.complete for listing in now.listings)
    unlisted = {photo.photo_id for photo in kept}
    if now.shows_albums:
        there = [photo.photo_id for photo in now.photos.items]
        order = _order(now.photos, deletes, _settled(everything, unlisted, there)) if ordered else ()
        return Plan(deletes=deletes, hold=hold, order=order)
    sure = _all_known(now) and not missing
    seen = None if sure else frozenset(photo.photo_id for photo in now.photos.items)
    contents = _contents(rule, now, everything, items, unseen_stay=not sure)
    if ordered:
        shown = {each.name: [item.photo_id for item in each.items] for each in reversed(now.playlists)}
        contents = tuple(
            replace(
                content,
                ordered=True,
                photos=_settled(content.photos, unlisted, shown.get(content.name, ())),
            )
            for content in contents
        )
    left_out = len(everything) - sum(len(content.photos) for content in contents)
    return Plan(_edits(rule, now, contents, seen), deletes, hold, contents, left_out, seen)


def _settled(
    wanted: Sequence[FramePhoto], unlisted: Collection[str], there: Sequence[str]
) -> tuple[FramePhoto, ...]:
    """Return the photos in their order; those that no source lists any more have none, and keep their places.

    Such a photo stays behind the listed one that it is behind now, or before the first one. Otherwise, held
    deletes would move entries one by one, and once more when the source lists the photos again.
    """
    if not unlisted:
        return tuple(wanted)
    by_id = {photo.photo_id: photo for photo in wanted}
    first = next((each for each in there if each in by_id and each not in unlisted), None)
    places: dict[str | None, list[FramePhoto]] = {}
    anchor = None
    for photo_id in dict.fromkeys(there):
        if photo_id not in by_id:
            continue
        if photo_id in unlisted:
            places.setdefault(anchor, []).append(by_id.pop(photo_id))
        else:
            anchor = photo_id
    settled = []
    for photo in wanted:
        if photo.photo_id not in unlisted:
            before = places.pop(None, []) if photo.photo_id == first else []
            settled += [*before, photo, *places.get(photo.photo_id, ())]
    return (*settled, *places.get(None, ()), *(by_id[each] for each in by_id if each in unlisted))


def _order(
    photos: Photos, deletes: Sequence[FramePhoto], wanted: Sequence[FramePhoto]
) -> tuple[FramePhoto, ...]:
    """Return the photos in the wanted order; nothing if they are in it once the others are deleted."""
    gone = {photo.photo_id for photo in deletes}
    left = [photo for photo in photos.items if photo.photo_id not in gone]
    return () if left == list(wanted) else tuple(wanted)


def _related(
    now: Situation, surplus: Sequence[FramePhoto], by_digest: Mapping[Digest, FramePhoto]
) -> tuple[set[str], set[str]]:
    """Return the IDs of the surplus photos that show listed items, and of those that others have replaced.

    An item's photo is replaced once the frame has another one that shows the item as it is wanted.
    """
    if not surplus:
        return set(), set()
    listed: set[str] = set()
    replaced: set[str] = set()
    for candidate in now.candidates:
        if candidate.skip not in _MAY_BE_SHOWN:
            continue
        photo = by_digest.get(candidate.digest) if candidate.digest and candidate.skip is None else None
        tokens = identities(candidate.item, candidate.content or candidate.digest, photo)
        listed |= tokens
        if photo is not None and not candidate.outdated:
            replaced |= tokens

    def ids(tokens: set[str]) -> set[str]:
        # Of a pair, both photos count.
        return {
            photo.photo_id
            for photo in surplus
            if not any(tokens.isdisjoint(keys) for keys in shown_by(photo))
        }

    return ids(listed), ids(replaced)


def _all_known(now: Situation) -> bool:
    """Whether all listings are complete and all content is known."""
    complete = now.photos.complete and all(listing.complete for listing in now.listings)
    return complete and not any(each.unknown for each in now.candidates)


def _hold(
    rule: Rule, now: Situation, missing: int, surplus: Sequence[FramePhoto], listed: Collection[str]
) -> Hold | None:
    count, total = len(surplus), len(now.photos.items)

    def hold(reason: HoldReason, waiting: int = 0, problem: str | Contradiction | None = None) -> Hold:
        return Hold(reason, tuple(surplus), total, waiting, problem)

    certainty = Certainty.least(listing.certainty for listing in now.listings)
    if certainty is Certainty.PARTIAL or now.photos.problem:
        return hold(HoldReason.LISTING, problem=now.photos.problem)
    if certainty is Certainty.SAMPLE:
        return hold(HoldReason.SAMPLE)
    unknown = sum(1 for candidate in now.candidates if candidate.unknown)
    if unknown:
        return hold(HoldReason.UNKNOWN, unknown)
    if missing and not now.storage_full:
        return hold(HoldReason.UPLOADS, missing)
    # What a choice leaves out is displaced, not gone; but if nothing would be left, all of it counts.
    empties = count >= total
    surplus = [photo for photo in surplus if empties or photo.photo_id not in listed]
    count = len(surplus)
    if not count or rule.allow_deletes or within_limit(rule.delete_limit, count, total):
        return None
    beyond = sum(1 for photo in surplus if photo.digest not in rule.allowed)
    if not beyond or (beyond < count < total and within_limit(rule.delete_limit, beyond, total)):
        return None
    return hold(HoldReason.BRAKE)


def within_limit(limit: DeleteLimit | None, deletes: int, photos: int) -> bool:
    """Whether this number of deletes among so many photos or files needs no permission."""
    if limit is not None:
        return limit.allows(deletes, photos)
    return deletes < photos and (deletes <= BRAKE_COUNT or deletes <= BRAKE_SHARE * photos)


def parts_needed(photos: int, limit: int | None) -> int:
    """Return how many playlists this number of photos needs; at least one."""
    return 1 if limit is None else max(1, -(-photos // limit))


def _contents(
    rule: Rule,
    now: Situation,
    photos: Sequence[FramePhoto],
    items: dict[Digest, MediaItem],
    *,
    unseen_stay: bool,
) -> tuple[Content, ...]:
    limit = now.playlist_limit
    if limit is None or (rule.overflow is not Overflow.SPLIT and len(photos) <= limit):
        return (Content(rule.playlist_name, tuple(photos)),)
    if rule.overflow is Overflow.NEWEST:
        return (Content(rule.playlist_name, newest(photos, items, limit)),)
    held: dict[str, set[str]] = {}
    for playlist in now.playlists:
        held.setdefault(playlist.name, set()).update(item.photo_id for item in playlist.items)
    count = 1
    if rule.overflow is Overflow.SPLIT:
        # Unlisted photos keep their places, so no part is given up.
        count = max(parts_needed(len(photos), limit), len(held) if unseen_stay else 0)
    names = [rule.part_name(number) for number in range(1, count + 1)]
    places = [held.get(name, set()) for name in names]
    parts = _spread(photos, places, limit, unseen_stay=unseen_stay)
    contents = [Content(name, part) for name, part in zip(names, parts, strict=True)]
    return (*contents, *(Content(name) for name in held if name not in names))


def _spread(
    photos: Sequence[FramePhoto], places: Sequence[Collection[str]], limit: int, *, unseen_stay: bool
) -> list[tuple[FramePhoto, ...]]:
    """Assign each photo to a playlist: the one that contains it, or the first with space; some may get none.

    `places` are the IDs of the photos currently in each playlist.
    """
    homes: dict[str, int] = {}
    seen = {photo.photo_id for photo in photos}
    room = [limit - (len(set(held) - seen) if unseen_stay else 0) for held in places]
    for settled in (True, False):
        for photo in photos:
            for number, held in enumerate(places):
                fits = room[number] > 0 and (not settled or photo.photo_id in held)
                if fits and photo.photo_id not in homes:
                    homes[photo.photo_id] = number
                    room[number] -= 1
    return [
        tuple(photo for photo in photos if homes.get(photo.photo_id) == number)
        for number in range(len(places))
    ]


def _edits(
    rule: Rule, now: Situation, contents: Sequence[Content], seen: frozenset[str] | None
) -> tuple[PlaylistEdit, ...]:
    edits = []
    for content in contents:
        found = [playlist for playlist in now.playlists if playlist.name == content.name]
        if not found and content.photos:
            edits.append(PlaylistEdit(content, None, add=content.photos))
        for playlist in found:
            edit = plan_edit(playlist, content, rewrite=rule.force_publish, seen=seen)
            if not edit.empty:
                edits.append(edit)
    return tuple(edits)


def plan_edit(
    playlist: Playlist, content: Content, *, rewrite: bool = False, seen: Collection[str] | None = None
) -> PlaylistEdit:
    """Return the changes after which `playlist` contains each of the photos exactly once and nothing else.

    If `seen` is given, entries of photos with other IDs stay. With `rewrite`, every entry is replaced, which
    also restores the order. If the content is ordered, the entries are in its order after that: those at the
    beginning that are in order stay, and the others are added once more and removed from where they are.
    """
    if rewrite and seen is None:
        return PlaylistEdit(content, playlist, content.photos, playlist.items)
    wanted = {photo.photo_id for photo in content.photos}
    present: set[str] = set()
    remove = []
    following = iter([photo.photo_id for photo in content.photos])
    next_one = next(following, None)
    for item in playlist.items:
        leaves = item.photo_id not in wanted and (seen is None or item.photo_id in seen)
        misplaced = content.ordered and item.photo_id in wanted and item.photo_id != next_one
        if item.photo_id in present or leaves or misplaced:
            remove.append(item)
        else:
            present.add(item.photo_id)
            next_one = next(following, None) if item.photo_id == next_one else next_one
    add = tuple(photo for photo in content.photos if photo.photo_id not in present)
    return PlaylistEdit(content, playlist, add, tuple(remove))


@dataclass(frozen=True, slots=True)
class AddItems:
    """Append these photos, in order."""

    photos: tuple[FramePhoto, ...]


@dataclass(frozen=True, slots=True)
class RemoveItems:
    """Remove these entries."""

    items: tuple[PlaylistItem, ...]


Step: TypeAlias = AddItems | RemoveItems


def steps(edit: PlaylistEdit, limit: int | None) -> Iterator[Step]:
    """Yield an edit's steps: additions first, then removals; alternating if the playlist is full.

    The playlist never exceeds `limit` entries and is never empty between steps, unless it was empty or is to
    be.
    """
    size = len(edit.playlist.items) if edit.playlist else 0
    add, remove = list(edit.add), list(edit.remove)
    while add:
        room = len(add) if limit is None else limit - size
        if room <= 0:
            # Most entries stay, so that the frame always has something to show.
            out = remove[: min(len(add), max(1, size // 4), size - 1)]
            if not out:
                break
            yield RemoveItems(tuple(out))
            del remove[: len(out)]
            size -= len(out)
            continue
        batch = add[:room]
        yield AddItems(tuple(batch))
        del add[: len(batch)]
        size += len(batch)
    if remove and not add:
        yield RemoveItems(tuple(remove))
