"""The kind `folder` of frames and its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from picsync.config.kinds import Kind, Opening
from picsync.config.options import Options
from picsync.config.paths import AbsolutePath
from picsync.core.places import LOCAL, Reach, StorePlace
from picsync.frames.base import Frame
from picsync.frames.folder.options import Level


def _not_the_root(path: str) -> str:
    if path == "/":
        raise ValueError("must not be `/`, the root of the machine; name the directory to fill")
    return path


def _text(level: object) -> object:
    """Return the text of a level; YAML takes 8.3 for a number."""
    return str(level) if isinstance(level, float) else level


class FolderFrameOptions(Options):
    """A directory of this machine."""

    path: Annotated[AbsolutePath, AfterValidator(_not_the_root)] = Field(
        description="The directory that is filled: an absolute path, or one that begins with `~/`. It must"
        " exist. Files in it that picsync did not write are left unchanged.",
        examples=["/mnt/usb/frame"],
    )
    names: Annotated[Level, BeforeValidator(_text)] = Field(
        default=Level.SAFE,
        description="How restricted file names are. `safe`, the default: such as"
        " `img_1234-0f3a9c1b2d4e.jpg`, for everything of the last 15 years. `dcf`: as on a camera's card,"
        " `DCIM/100PICSY/PICS0001.JPG`, for card readers, projectors and televisions. `8.3`: `PIC00001.JPG`,"
        " for the oldest frames. After a change, the files are renamed.",
        examples=["dcf"],
    )


def _options(opening: Opening) -> FolderFrameOptions:
    if not isinstance(opening.options, FolderFrameOptions):
        raise TypeError("a folder frame has options")
    return opening.options


def _open(opening: Opening) -> Frame:
    from picsync.frames.folder.frame import FolderFrame

    options = _options(opening)
    return FolderFrame(options.path, own_folder=opening.own_folder, level=options.names)


def _places(_account: str, options: FolderFrameOptions) -> Sequence[Reach]:
    return (Reach(StorePlace(LOCAL, options.path)),) if options.path else ()


FOLDER: Kind[Frame] = Kind(
    name="folder",
    title="Folder",
    summary="A directory that is filled like an album, for a USB stick, a network share, or a slide show"
    " program.",
    example="usb: {kind: folder, path: /mnt/usb/frame}",
    options=FolderFrameOptions,
    open=_open,
    keeps_order=True,
    rejects=True,
    places=_places,
)
