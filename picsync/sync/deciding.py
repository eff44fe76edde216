"""Decides which items should be on the frame, by what both sides have, the cache, and the frame's room."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

from picsync.core.capacity import TYPICAL_BYTES, Storage, held, plan_storage
from picsync.core.errors import PicsyncError, at_account
from picsync.core.events import CacheRead
from picsync.core.identity import Shown
from picsync.core.model import Digest, FramePhoto, MediaItem, MediaKind, Photos
from picsync.core.model import Mapping as DigestMapping
from picsync.core.pairing import Pairing, may_pair, pair_up
from picsync.core.pools import Claim, Pool
from picsync.core.recipe import ORIGINAL
from picsync.core.select import UNUSABLE_FOR, Accepted, Candidate, candidates
from picsync.frames.base import TellsRoom
from picsync.sources.base import Spools
from picsync.sync.choosing import Choosing, Looks
from picsync.sync.observing import Observation, Seen
from picsync.sync.transfer import Tools, TransferResult, mapping_of, recipe_of_pair, recipes_by


def _lacks(photos: Photos, chosen: Sequence[Candidate]) -> bool:
    """Whether the frame lacks a photo that is wanted."""
    there = {photo.digest for photo in photos.items}
    return any(each.skip is None and each.digest not in there for each in chosen)


PlanStorage: TypeAlias = Callable[
    [Sequence[Candidate], Sequence[FramePhoto]], tuple[list[Candidate], Storage]
]


class Deciding:
    """The decisions of one cycle."""

    def __init__(self, observation: Observation, looks: Looks) -> None:
        self.observation = observation
        self.rule = observation.rule
        self.frame = observation.frame
        self.tools: Tools = observation.tools
        self.looks = looks
        self.candidates: list[Candidate] = []
        self.storage: Storage | None = None
        """How the frame's storage is used, where it is limited."""
        self._planned_again: PlanStorage | None = None
        self.order: Sequence[MediaItem] | None = None
        """The chosen items, those first that are wanted most; None if the rule does not choose."""

    async def decide(self, seen: Seen) -> None:
        """Decide which items should be on the frame."""
        chosen = await self._choose(await self._resolve(seen.photos), seen.photos)
        self.candidates = await self._fitting(await self._pair(chosen, seen.photos), seen.photos)

    async def _resolve(self, photos: Photos) -> list[Candidate]:
        items = list(dict.fromkeys(item for listing in self.observation.listings for item in listing.items))
        algorithm = self.frame.capabilities.digest_algorithm
        cache, recipe = self.tools.cache, self.rule.recipe
        known = await cache.lookup(items, recipe=recipes_by(recipe, algorithm), algorithm=algorithm)
        # A spool lists what has failed only if it is to be tried again.
        spools = {name for name in self.rule.sources if isinstance(self.tools.sources[name], Spools)}
        known = {
            item: mapping
            for item, mapping in known.items()
            if mapping.unusable is None or item.source not in spools
        }
        # What the family hides, the viewers of this frame don't want either.
        rejected = replace(self.observation.rejected, hidden=self.observation.judgements.hidden)
        self.observation.rejected = rejected
        shown = self.shown(photos)
        originals: dict[MediaItem, DigestMapping] = {}
        if recipe.convert:
            unseen = [item for item in items if item not in known or known[item].digest not in shown.digests]
            unchanged = recipes_by(ORIGINAL, algorithm)
            originals = await cache.lookup(unseen, recipe=unchanged, algorithm=algorithm)
        remembered = known | originals
        for source in self.rule.sources:
            listed = sum(item.source == source for item in items)
            hits = sum(item.source == source for item in remembered)
            self.tools.emit(CacheRead(source, hits, listed - hits))
        found = candidates(items, known, originals, shown, self._accepted(), self.tools.now(), rejected)
        await self._remember(found, known, originals)
        return found

    async def _remember(
        self,
        found: Sequence[Candidate],
        known: Mapping[MediaItem, DigestMapping],
        originals: Mapping[MediaItem, DigestMapping],
    ) -> None:
        """Record what only the names of the frame's photos have told: the cache was lost."""
        recipe, now, told = self.rule.recipe, self.tools.now(), []
        for each in found:
            if each.recognised and each.digest is not None and each.item not in known:
                told.append(mapping_of(each.item, each.digest, recipe, now))
            if not recipe.convert or each.content is None or each.item.digest is not None:
                continue
            if each.item not in originals and each.item not in known:
                told.append(mapping_of(each.item, each.content, ORIGINAL, now))
        if told:
            await self.tools.cache.record_all(told)

    def shown(self, photos: Photos, right: Collection[Digest] = ()) -> Shown:
        """Return what the frame's photos show, by the rule's recipe; those that are `right` are to stay."""
        return Shown(photos.items, self.rule.recipe, replace=self.rule.replace, right=right)

    async def _choose(self, found: list[Candidate], photos: Photos) -> list[Candidate]:
        choice = self.rule.choice
        if choice is None:
            return found
        choosing = Choosing(choice, self.looks, self.observation.judgements)
        made = await choosing.choose(found, self.observation.listings, photos)
        self.order = made.order
        return made.candidates

    async def _pair(self, chosen: list[Candidate], photos: Photos) -> list[Candidate]:
        """Return the candidates: in pairs as far as these are to share a photo."""
        rule, cache = self.rule, self.tools.cache
        makes_pairs = may_pair(rule.recipe)
        if not makes_pairs and not any(each.paired for each in chosen):
            return chosen
        shown = self.shown(photos)
        by = Pairing(
            portrait=self._is_portrait,
            # Where nothing may be deleted, a photo would stay beside the pair that shows it.
            replacements=rule.rule.replace_per_cycle if rule.rule.delete else 0,
            # What a pair shows may also be what an item has whose content is not known yet.
            complete=self.observation.complete and not any(each.unknown for each in chosen),
        )
        if makes_pairs:
            await self._learn_shapes(chosen, photos, shown)
        paired = pair_up(chosen, shown, by)
        new = {each.pair for each in paired if each.pair is not None and each.digest is None}
        if not new:
            return paired
        beside = dict(new)
        known = await cache.lookup(
            list(beside),
            recipe=lambda item: recipe_of_pair(rule.recipe, beside[item]),
            algorithm=self.frame.capabilities.digest_algorithm,
        )
        now = self.tools.now()
        apart = {
            (left, beside[left])
            for left, made in known.items()
            if made.digest is None and made.recorded_at and now - made.recorded_at < UNUSABLE_FOR
        }
        if apart:
            paired = pair_up(chosen, shown, replace(by, apart=apart))
        return [
            replace(each, digest=known[each.pair[0]].digest)
            if each.pair is not None and each.digest is None and each.pair[0] in known
            else each
            for each in paired
        ]

    async def _learn_shapes(self, chosen: list[Candidate], photos: Photos, shown: Shown) -> None:
        """Find out which of the photos are portraits, as far as the listings don't tell.

        The picture of one that is on the frame is not fetched for that; it stays as it is.
        """
        facts = self.looks.facts
        items = [each.item for each in chosen if each.skip is None and shown.converts(each.item)]
        facts |= await self.tools.cache.facts([item for item in items if item not in facts])

        def is_unknown(each: Candidate) -> bool:
            stored = facts.get(each.item)
            told = each.item.facts.width or (stored and (stored.width or stored.examined_at))
            return not told and each.digest not in shown.digests and shown.converts(each.item)

        if any(each.skip is None and is_unknown(each) for each in chosen):
            fitting = await self._fitting(chosen, photos)
            await self.looks.look_at(
                [each.item for each in fitting if each.skip is None and is_unknown(each)]
            )

    def _is_portrait(self, item: MediaItem) -> bool:
        """Whether a picture is known to be a portrait; what it says itself counts more than a listing."""
        stored, listed = self.looks.facts.get(item), item.facts
        width, height = (stored.width, stored.height) if stored else (None, None)
        if not width or not height:
            width, height = listed.width, listed.height
        return bool(width and height and width < height)

    async def _fitting(self, chosen: list[Candidate], photos: Photos) -> list[Candidate]:
        """Return the candidates; those that the frame has no room for are skipped."""
        rule = self.rule
        seen_to_fit = self.tools.seen_to_fit.get(rule.place)
        typical_bytes, free_bytes = TYPICAL_BYTES, None
        if isinstance(self.frame, TellsRoom) and _lacks(photos, chosen):
            with at_account(rule.frame):
                free_bytes = await self.frame.free_bytes()
            if free_bytes is not None:
                # The frame itself refuses what is too much, so what is not known does not count.
                typical_bytes, seen_to_fit = 0, None
                free_bytes = int(free_bytes * rule.share)
        if rule.pool is not None and _lacks(photos, chosen):
            await self._see_others(rule.pool)
        capacity = rule.capacity
        if rule.pool is not None:
            capacity = rule.pool.limit(rule.place, held(photos.items), self.tools.claims)
        if capacity.unlimited and seen_to_fit is None and free_bytes is None:
            return chosen
        complete = self.observation.complete

        def plan(
            candidates: Sequence[Candidate], photos: Sequence[FramePhoto]
        ) -> tuple[list[Candidate], Storage]:
            return plan_storage(
                candidates,
                photos,
                rule.recipe,
                capacity,
                seen_to_fit,
                complete=complete,
                typical_bytes=typical_bytes,
                ranks=self.ranks(),
                free_bytes=free_bytes,
                deletes=rule.rule.delete,
            )

        fitting, self.storage = plan(chosen, photos.items)
        self._planned_again = plan
        if rule.pool is not None:
            now, planned = self.storage.used, self.storage.planned
            claimed = now if rule.dry_run else planned.at_least(now)
            self.tools.claims[rule.place] = Claim(claimed, self.storage.needed)
        return fitting

    def measure(self, photos: Sequence[FramePhoto]) -> None:
        """Note what is used and planned now that the frame has these photos, instead of what was expected."""
        if self.storage is not None and self._planned_again is not None:
            _, now = self._planned_again(self.candidates, photos)
            self.storage = self.storage.measured(now)

    async def _see_others(self, pool: Pool) -> None:
        """Find out what other rules have of the frame that ran no cycle since picsync was started."""
        for place in pool.others(self.rule.place):
            if place in self.tools.claims:
                continue
            frame = self.tools.frames[place[0]]
            # Without it, their whole part is reserved.
            with suppress(PicsyncError), at_account(place[0]):
                album = await frame.find_album(place[1])
                found = Photos() if album is None else await frame.photos(album)
                if found.problem is None:
                    self.tools.claims.setdefault(place, Claim(held(found.items)))

    def ranks(self) -> Mapping[MediaItem, int] | None:
        """Return the place of each item in the order of the choice; None if the rule does not choose."""
        return None if self.order is None else {item: place for place, item in enumerate(self.order)}

    def note_fullness(self, photos: Photos, done: TransferResult) -> None:
        """Remember what fits on a frame that turned out to be full, until more fits."""
        place = self.rule.place
        if done.storage_full:
            self.tools.seen_to_fit[place] = held(photos.items)
        elif done.uploaded_count:
            self.tools.seen_to_fit.pop(place, None)

    def _accepted(self) -> Accepted:
        capabilities = self.frame.capabilities
        videos = self.rule.rule.videos and capabilities.accepts_kind(MediaKind.VIDEO)
        able = {name for name in self.rule.sources if self.tools.sources[name].capabilities.videos}
        accepted = frozenset(able if videos else ())
        return Accepted(capabilities.mime_types, accepted, any_picture=self.rule.recipe.convert)
