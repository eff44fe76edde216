"""The kind `dropbox` of frames and its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.config.options import Options
from picsync.core.places import Reach, StorePlace, parse_place
from picsync.frames.base import Frame
from picsync.http.retry import Operation
from picsync.stores.dropbox.kind import STORE
from picsync.vendors.dropbox.credentials import KIND, LOGIN_COMMAND, TITLE, DropboxLogin, require_login


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError(f"must begin with a slash, such as `/Frames/Kitchen`, not {value[:60]!r}")
    path = parse_place(value).path
    if path == "/":
        raise ValueError("must not be `/`, the whole Dropbox; name the folder to fill")
    return path


class DropboxFrameOptions(Options):
    """A folder in Dropbox."""

    path: Annotated[str, AfterValidator(_path)] = Field(
        description="The folder to fill. It is created if it does not exist. Other files in it are left"
        " alone.",
        examples=["/Frames/Kitchen"],
    )

    def place(self, name: str) -> str:  # noqa: ARG002 - the folder is the frame, whatever its name
        """Return the folder."""
        return self.path


def _open(opening: Opening) -> Frame:
    from picsync.frames.dropbox.frame import DropboxFrame

    if not isinstance(opening.options, DropboxFrameOptions):
        raise TypeError("a Dropbox frame has options")
    place = StorePlace(opening.account.name, opening.options.path)
    return DropboxFrame(STORE.open(opening), place, sleep=opening.sleep)


def _require(account: Account, _entries: Sequence[Any]) -> None:
    require_login(account)


def _operations() -> Sequence[Operation]:
    from picsync.vendors.dropbox.api import READ_SPACE

    return (*STORE.operations(), READ_SPACE)


def _places(account: str, options: DropboxFrameOptions) -> Sequence[Reach]:
    return (Reach(StorePlace(account, options.path)),)


DROPBOX: Kind[Frame] = Kind(
    name=KIND,
    title=TITLE,
    summary="A folder in Dropbox that is filled like an album, for everything that shows one: a tablet, a"
    " television, another frame.",
    example="kitchen: {kind: dropbox, path: /Frames/Kitchen}",
    options=DropboxFrameOptions,
    credentials=DropboxLogin,
    open=_open,
    operations=_operations,
    require=_require,
    login_command=LOGIN_COMMAND,
    keeps_order=True,
    rejects=True,
    places=_places,
)
