"""Chooses what a rule with `select` shows, and learns what the choice depends on.

What listings do not tell is stored in the cache: when an item was first seen, and what its picture tells. A
picture is examined only if the choice depends on it, in a worker process, at most `MAX_LOOKS` per cycle. Its
original stays in the spool until the cycle has planned its transfers, so that it is downloaded once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from picsync.aio.tasks import run_all
from picsync.core.choice import Choice
from picsync.core.errors import ItemError, PicsyncError, Scope, at_account
from picsync.core.events import ItemDownloaded
from picsync.core.judgements import NO_JUDGEMENTS, Judgements
from picsync.core.model import ItemFacts, Listing, MediaItem, Photos
from picsync.core.screens import size_matters
from picsync.core.select import Candidate, ChoiceMade, chosen_among
from picsync.rendering.pool import Examined
from picsync.sync.transfer import Tools

MAX_LOOKS = 100
"""Originals that one cycle downloads to examine them: some minutes at home. The next cycles continue."""
_AT_ONCE = 4


class Looks:
    """What pictures tell of themselves: stored, or learned in this cycle."""

    def __init__(
        self,
        rule: str,
        tools: Tools,
        *,
        group: str,
        algorithm: str,
        stopping: Callable[[], bool],
        may_download: bool,
    ) -> None:
        """Work for the job `rule`, whose cycles on several frames belong to the rule `group`."""
        self.rule = rule
        self.group = group
        self.tools = tools
        self.facts: dict[MediaItem, ItemFacts] = {}
        self._algorithm = algorithm
        self._stopping = stopping
        self._left = MAX_LOOKS if may_download else 0
        self._tried: set[MediaItem] = set()
        self._ended = False
        """Whether a service asks for no more requests, or nothing works there."""

    async def look_at(self, items: Sequence[MediaItem]) -> bool:
        """Examine pictures as far as the cycle may; return whether there is anything new.

        What fails is tried again in another cycle. Raises CacheError.
        """
        items = [item for item in items if item not in self._tried][: self._left]
        if not items or self._ended or self._stopping():
            return False
        self._left -= len(items)
        self._tried.update(items)
        queue = iter(items)
        learned: list[ItemFacts] = []

        async def work() -> None:
            for item in queue:
                if self._ended or self._stopping():
                    return
                try:
                    examined = await self._examined(item)
                except PicsyncError as error:
                    if error.scope is Scope.PROCESS:
                        raise
                    self._ended = self._ended or error.scope is Scope.SERVICE
                    if not (isinstance(error, ItemError) and error.unusable):
                        continue
                    examined = Examined(None, None, None, None)
                before = self.facts.get(item)
                facts = ItemFacts(
                    item.source,
                    item.item_id,
                    item.version,
                    # Not known if it lies before the span of `fresh`; then it does not matter.
                    before.first_seen_at if before is not None else None,
                    examined.width,
                    examined.height,
                    examined.rating,
                    examined.look,
                    self.tools.now(),
                )
                self.facts[item] = facts
                learned.append(facts)

        try:
            await run_all(*(work() for _ in range(min(_AT_ONCE, len(items)))))
        finally:
            await self.tools.cache.record_facts(learned)
        return True

    async def _examined(self, item: MediaItem) -> Examined:
        # Under another name than the cycle's: the original stays until that has planned.
        name = f"{self.rule} (choice)"
        async with self.tools.originals.borrow(self.group, name, item, self._algorithm) as original:
            with at_account(item.source):
                _, fresh = await original.fetch(self.tools.sources[item.source], self._algorithm)
            if fresh:
                self.tools.emit(ItemDownloaded(self.rule, item.filename, original.size_bytes))
            original.examine()
            return await self.tools.renderer.examine(original.spooled.file)


class Choosing:
    """The choice of one cycle."""

    def __init__(self, choice: Choice, looks: Looks, judgements: Judgements = NO_JUDGEMENTS) -> None:
        self._choice = choice
        self._judgements = judgements
        self._looks = looks
        self._tools = looks.tools
        self._group = looks.group

    async def choose(
        self, found: Sequence[Candidate], listings: Sequence[Listing], photos: Photos
    ) -> ChoiceMade:
        """Choose among the candidates. Raises CacheError."""
        complete = all(listing.complete for listing in listings)
        started_at = await self._recall([each.item for each in found], complete=complete)
        for last in (False, False, True):
            made = await asyncio.to_thread(
                chosen_among,
                found,
                self._choice,
                photos,
                facts=self._looks.facts,
                started_at=started_at,
                complete=complete,
                now=self._tools.now(),
                zone=self._tools.zone,
                rule=self._group,
                judgements=self._judgements,
            )
            if last or not await self._looks.look_at([found[at].item for at in made.to_look_at]):
                break
        return made

    async def _recall(self, items: Sequence[MediaItem], *, complete: bool) -> datetime | None:
        """Read the stored facts, and take note of new items; return when the rule was first complete."""
        choice, fresh = self._choice, self._choice.recent
        if fresh is None and not choice.looks:
            if not choice.no_screenshots:
                return None
            items = [each for each in items if size_matters(each)]
        cache, now = self._tools.cache, self._tools.now()
        self._looks.facts = facts = dict(
            await cache.facts(items, since=now if fresh is None else fresh.before(now))
        )
        new = {
            item: ItemFacts(item.source, item.item_id, item.version, now)
            for item in items
            if item not in facts
        }
        if new:
            await cache.record_facts(list(new.values()))
            facts |= new
        if fresh is None:
            return None
        started_at = await cache.rule_start(self._group)
        if started_at is None and complete:
            await cache.start_rule(self._group, now)
        return started_at
