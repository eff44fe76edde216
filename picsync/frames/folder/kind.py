"""The kind `folder` of frames and its options."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from picsync.config.kinds import Kind, Opening
from picsync.config.options import Options
from picsync.config.paths import AbsolutePath
from picsync.frames.base import Frame


def _not_the_root(path: str) -> str:
    if path == "/":
        raise ValueError("must not be `/`, the root of the machine; name the directory to fill")
    return path


class FolderFrameOptions(Options):
    """A directory of this machine."""

    path: Annotated[AbsolutePath, AfterValidator(_not_the_root)] = Field(
        description="The directory that is filled: an absolute path, or one that begins with `~/`. It must"
        " exist. Files in it that picsync did not write are left unchanged.",
        examples=["/mnt/usb/frame"],
    )


def _options(opening: Opening) -> FolderFrameOptions:
    if not isinstance(opening.options, FolderFrameOptions):
        raise TypeError("a folder frame has options")
    return opening.options


def _open(opening: Opening) -> Frame:
    from picsync.frames.folder.frame import FolderFrame

    return FolderFrame(_options(opening).path, own_folder=opening.own_folder)


def _path(options: BaseModel) -> str:
    return options.path if isinstance(options, FolderFrameOptions) else ""


FOLDER: Kind[Frame] = Kind(
    name="folder",
    title="Folder",
    summary="A directory that is filled like an album, for a USB stick, a network share, or a slide show"
    " program.",
    example="usb: {kind: folder, path: /mnt/usb/frame}",
    options=FolderFrameOptions,
    open=_open,
    rejects=True,
    directory=_path,
)
