"""Pairs: two portraits that share a landscape panel; pure.

- A pair on the frame stays while both of its photos are wanted, wherever new ones come. So a photo that comes
  or goes changes one or two pairs, and no other photo is made and sent again.
- The others are paired in the order of the sources, each with the next one: new ones, and those that the
  frame shows alone, as far as the cycle may replace photos.
- A photo is in at most one pair. Equal content is one photo.
- Only photos that are known to be portraits are paired. One that was sent without any recipe stays alone.
- A pair of which one photo is no longer wanted is replaced by the other one, alone or in another pair. While
  the former may only be missing from an incomplete listing, or be what an item shows whose content is not
  known yet, the pair stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import field, replace

from picsync.core.identity import Shown, Standing, identities
from picsync.core.model import Digest, MediaItem
from picsync.core.recipe import Recipe
from picsync.core.select import Candidate, Pair, Skip
from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Pairing:
    """What pairs depend on, besides the candidates and the frame."""

    portrait: Callable[[MediaItem], bool] = lambda _: False
    """Whether an item is known to be a portrait."""
    replacements: int = 0
    """How many pairs may be made of photos that are on the frame."""
    complete: bool = True
    """Whether all that is wanted is known; otherwise an item that is missing may still be wanted."""
    apart: Collection[Pair] = field(default_factory=frozenset)
    """Items of which no pair can be made."""


def may_pair(recipe: Recipe) -> bool:
    """Whether a recipe makes pairs: only a landscape panel has room for them."""
    panel = recipe.panel
    return recipe.convert and recipe.pair and panel is not None and panel.width > panel.height


def pair_up(found: Sequence[Candidate], shown: Shown, by: Pairing) -> list[Candidate]:
    """Return the candidates: in pairs as far as these are to share a photo, with that photo if it exists."""
    leaders: dict[object, Candidate] = {}
    for each in found:
        if each.skip is None:
            leaders.setdefault(each.same, each)
    done = _kept(leaders, found, shown)
    kept = set(done)
    done |= {same: each for same, each in _split(leaders, found, shown, by) if same not in kept}
    if may_pair(shown.recipe):
        done |= _new(
            [(same, done.get(same, each)) for same, each in leaders.items() if same not in kept], shown, by
        )

    def one(candidate: Candidate) -> Candidate:
        now = done.get(candidate.same) if candidate.skip is None else None
        if now is None:
            return candidate
        return replace(candidate, digest=now.digest, outdated=now.outdated, paired=now.paired, pair=now.pair)

    return [one(candidate) for candidate in found]


def _kept(
    leaders: dict[object, Candidate], found: Sequence[Candidate], shown: Shown
) -> dict[object, Candidate]:
    """Return the leaders of which the frame has pairs that stay, by what is the same for all like them."""
    pairs = shown.pairs()
    if not pairs:
        return {}
    by_key: dict[str, set[object]] = defaultdict(set)
    for each in found:
        if each.skip is None:
            for token in identities(each.item, each.content):
                by_key[token].add(each.same)
    done: dict[object, Candidate] = {}
    for photo, key in pairs:
        standing = shown.judge_pair(key)
        if standing is Standing.OUTDATED and not shown.recipe.pair:
            continue
        left, right = (set().union(*(by_key.get(token, ()) for token in keys)) for keys in key.members)
        if not left or not right or left & right or not done.keys().isdisjoint(left | right):
            continue
        members = [leaders[same] for same in (*left, *right)]
        pair = (leaders[_first(left, leaders)].item, leaders[_first(right, leaders)].item)
        outdated = standing is Standing.OUTDATED and not any(each.failing for each in members)
        for same in (*left, *right):
            done[same] = replace(
                leaders[same], digest=photo.digest, outdated=outdated, paired=True, pair=pair
            )
    return done


def _first(group: Collection[object], leaders: Collection[object]) -> object:
    """Return the one that comes first in the order of the sources."""
    return next(iter(group)) if len(group) == 1 else next(same for same in leaders if same in group)


def _split(
    leaders: dict[object, Candidate], found: Sequence[Candidate], shown: Shown, by: Pairing
) -> Iterator[tuple[object, Candidate]]:
    """Yield the leaders that only a pair shows, which is replaced unless its other photo may be wanted."""
    alone = {same: each for same, each in leaders.items() if each.paired}
    if not alone:
        return
    listed: set[str] = set()
    if not by.complete:
        # What is left out here may be chosen as the content of an item that is not known yet.
        unknown = any(each.unknown for each in found)
        listed = {
            key
            for each in found
            if not (unknown and each.skip in (Skip.NOT_CHOSEN, Skip.CAPACITY))
            for key in identities(each.item, each.content)
        }
    members: dict[Digest | None, tuple[tuple[str, str], ...]] = {}
    members.update((photo.digest, key.members) for photo, key in shown.pairs())
    for same, each in alone.items():
        missing = any(listed.isdisjoint(keys) for keys in members.get(each.digest, ()))
        stays = each.failing or (missing and not by.complete)
        yield same, replace(each, outdated=not stays)


def _new(free: Sequence[tuple[object, Candidate]], shown: Shown, by: Pairing) -> dict[object, Candidate]:
    """Return pairs of those that are in none, in their order."""
    staying: set[object] | None = None
    left = by.replacements
    done: dict[object, Candidate] = {}
    waiting: tuple[object, Candidate] | None = None
    for same, each in free:
        if each.failing or each.doubtful or not shown.converts(each.item) or not by.portrait(each.item):
            continue
        there = each.digest in shown.digests
        if there and each.paired and not each.outdated:
            continue  # Its pair stays for now.
        if there and not each.outdated:
            staying = set(shown.staying()) if staying is None else staying
            if each.digest in staying:
                continue
        if waiting is None:
            waiting = same, each
            continue
        before = waiting[1]
        costs = there or before.digest in shown.digests
        pair = (before.item, each.item)
        if (costs and not left) or pair in by.apart:
            # The one that the frame does not show needs a place more.
            if there <= (before.digest in shown.digests):
                waiting = same, each
            continue
        left -= costs
        for one, member in (waiting, (same, each)):
            on_frame = member.digest in shown.digests
            digest = member.digest if on_frame else None
            done[one] = replace(member, digest=digest, outdated=on_frame, pair=pair)
        waiting = None
    return done
