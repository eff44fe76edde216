"""A rule as cycles know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from picsync.core.capacity import Capacity
from picsync.core.caption import Wording
from picsync.core.choice import Choice
from picsync.core.model import DEFAULT_FRAME, job_name
from picsync.core.plan import Rule
from picsync.core.pools import Pool
from picsync.core.recipe import ORIGINAL, Recipe
from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class AlbumRule:
    """One entry of `albums:`: what to plan by, and where the photos come from."""

    rule: Rule
    sources: Mapping[str, Sequence[str]]
    """Name of a source's account -> album IDs."""
    frame: str = DEFAULT_FRAME
    """Name of the frame."""
    choice: Choice | None = None
    """Which photos are shown; None: all."""
    dry_run: bool = False
    recipe: Recipe = ORIGINAL
    """How originals become what the frame is sent."""
    replace: bool = False
    """Whether photos that were sent without the recipe are to be replaced, too."""
    capacity: Capacity = field(default_factory=Capacity)
    """The rule's part of the frame's capacity, as far as that is configured."""
    pool: Pool | None = None
    """The whole capacity, if there is one and other rules fill the same frame; None otherwise."""
    wording: Wording | None = None
    """Of the captions that the frame shows as text; None if it is to show none of its own."""
    share: float = 1.0
    """The rule's part of the frame's free space, 0 to 1."""
    judged: bool = True
    """Whether what the family says of photos counts: not where they are judged."""
    settles: bool = True
    """Whether sources that put their items away wait for this frame."""

    @property
    def name(self) -> str:
        """What operators call it: the rule's name, with the frame's if that is not the default one."""
        return job_name(self.rule.name, self.frame)

    @property
    def album(self) -> str:
        """Name of the frame album."""
        return self.rule.name

    @property
    def place(self) -> tuple[str, str]:
        """The frame and its album."""
        return self.frame, self.album
