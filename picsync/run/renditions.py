"""Turns the settings of renditions into recipes."""

from __future__ import annotations

from collections.abc import Mapping

from picsync.config import Config
from picsync.config.renditions import Rendition, RenditionSettings, rendition
from picsync.core.caption import Captions
from picsync.frames.kinds import FRAMES


def rendition_on(
    config: Config, accounts: Mapping[str, str], frame: str, rule: RenditionSettings | None = None
) -> Rendition:
    """Return how photos are converted for a frame; `rule` is the `rendition` of the rule that sends them.

    `accounts` has the kind of each account by name.
    """
    settings = config.frame(frame, accounts)
    kind = FRAMES.get(settings.kind)
    panel = settings.panel or (kind.panel if kind else None)
    return rendition(rule, settings.rendition, panel, kind.captions if kind else Captions.NONE)
