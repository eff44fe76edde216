"""The kind `nixplay` of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from picsync.config.credentials import Account
from picsync.config.kinds import Kind, Opening
from picsync.config.named import Problems
from picsync.config.options import Boolean, Options, listed
from picsync.core.caption import Captions
from picsync.core.recipe import Panel
from picsync.frames.base import Frame
from picsync.frames.nixplay.credentials import NixplayAccount, require_account
from picsync.http.retry import Operation


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if not name.strip():
            raise ValueError("has an empty name; write the name that the frame has in the Nixplay app")
        if name.casefold() in (each.casefold() for each in names[:place]):
            raise ValueError(f"names {name!r} twice; remove one of them")
    return names


class NixplayFrameOptions(Options):
    """Where an account's playlists are shown."""

    show_on: Annotated[tuple[str, ...], BeforeValidator(listed), AfterValidator(_named)] = Field(
        default=(),
        description="Names of frames in the Nixplay app, a list or a single one: picsync assigns its "
        "playlists to them and verifies that. How to do so is known from one other program only. Other "
        "frames keep what they show. Absent by default: assign each playlist once by hand.",
        examples=["[Living Room]"],
    )
    only: Boolean = Field(
        default=False,
        description="Only with `showOn`: these frames are to show picsync's playlists only, so others are "
        "removed from them once they show one of picsync's. How to do so is a guess, which no known program "
        "confirms; if it has no effect, the report says so. Off by default: what else a frame shows stays.",
        examples=["true"],
    )

    @model_validator(mode="after")
    def _together(self) -> NixplayFrameOptions:
        problems = Problems()
        if self.only and not self.show_on:
            problems.add(("only",), "needs `showOn` with the names of frames")
        problems.check("frame")
        return self

    def place(self, name: str) -> str:  # noqa: ARG002 - port
        """Return the same text for all entries: an account is one place, whatever shows it."""
        return ""


def _open(opening: Opening) -> Frame:
    from picsync.frames.nixplay.assigning import ShowOn
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.frames.nixplay.session import NixplayLogin

    account = require_account(opening.account)
    options = opening.options
    show_on = ShowOn()
    if isinstance(options, NixplayFrameOptions):
        show_on = ShowOn(options.show_on, options.only)
    return NixplayFrame(
        NixplayLogin(account.username, account.password.get_secret_value(), opening.account.section_name),
        hosts=opening.hosts,
        retrier=opening.retrier(),
        emit=opening.emit,
        show_on=show_on,
    )


def _require(account: Account, _entries: Sequence[object]) -> None:
    require_account(account)


def _operations() -> Sequence[Operation]:
    from picsync.frames.nixplay.client import OPERATIONS

    return OPERATIONS


def _clock() -> str:
    from picsync.frames.nixplay.session import API

    return API


NIXPLAY: Kind[Frame] = Kind(
    name="nixplay",
    title="Nixplay",
    summary="The albums and playlists of a Nixplay account.",
    example="nixplay: {kind: nixplay, showOn: [Living Room]}",
    options=NixplayFrameOptions,
    credentials=NixplayAccount,
    open=_open,
    operations=_operations,
    require=_require,
    playlists=True,
    captions=Captions.ON_REQUEST,
    panel=Panel(1920, 1200),
    clock=_clock,
)
