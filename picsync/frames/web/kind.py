"""The kind `web` of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from picsync.config.kinds import Kind, Opening
from picsync.core.caption import Captions
from picsync.core.places import LOCAL, Reach, StorePlace
from picsync.core.recipe import Panel
from picsync.frames.base import Frame
from picsync.frames.web.options import WebFrameOptions

FOLDER = "web-frames"
"""Folder beside the cache, with one for each frame."""


def _open(opening: Opening) -> Frame:
    from picsync.frames.web.frame import WebFrame

    if not isinstance(opening.options, WebFrameOptions):
        raise TypeError("a web frame has options")
    path = opening.options.path
    place = Path(path) if path else opening.own_folder / FOLDER / opening.name
    return WebFrame(opening.name, place, own_folder=opening.own_folder, made=path is None)


def _places(_account: str, options: WebFrameOptions) -> Sequence[Reach]:
    return (Reach(StorePlace(LOCAL, options.path)),) if options.path else ()


WEB: Kind[Frame] = Kind(
    name="web",
    title="Web frame",
    summary="A page that any browser shows as a picture frame: a tablet, a TV, a Raspberry Pi.",
    example="tablet: {kind: web, panel: 1280x800}",
    options=WebFrameOptions,
    open=_open,
    captions=Captions.OWN,
    keeps_order=True,
    rejects=True,
    pages=True,
    panel=Panel(1920, 1200),
    places=_places,
)
