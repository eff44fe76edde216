"""A kind of source and a kind of frame for tests: boxes of pictures, and a shelf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from picsync.config.credentials import EMPTY, Account, SecretKey, Section
from picsync.config.kinds import Kind, Opening
from picsync.frames.base import Frame
from picsync.frames.kinds import FRAMES
from picsync.http.retry import Operation
from picsync.sources.base import Source
from picsync.sources.kinds import SOURCES
from tests.contract.memory_frame import MemoryFrame
from tests.contract.memory_source import MemorySource


class BoxesKey(Section):
    """The key of your toy box."""

    key: SecretKey = Field(default=EMPTY, description="What opens the boxes.", examples=["<key>"])


class BoxEntry(BaseModel):
    """A box."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    box: str = Field(description="The box.", examples=["red"])
    lid: bool = Field(default=False, description="Whether it has a lid.", examples=["true"])

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return {"box": value} if isinstance(value, str) else value

    def __str__(self) -> str:
        return self.box


class ShelfLogin(Section):
    """Your shelf."""

    owner: str = Field(default="", description="Whose shelf it is.", examples=["<name>"])


class ShelfOptions(BaseModel):
    """A shelf."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    board: int = Field(description="Which board of it.", examples=["2"])


@dataclass
class Toys:
    """What is in the boxes and on the shelves, by account."""

    boxes: dict[str, MemorySource] = field(default_factory=dict)
    shelves: dict[tuple[str, int], MemoryFrame] = field(default_factory=dict)

    def box(self, account: str) -> MemorySource:
        return self.boxes.setdefault(account, MemorySource("boxes"))

    def shelf(self, account: str, board: int) -> MemoryFrame:
        return self.shelves.setdefault((account, board), MemoryFrame())

    def register(self, patch: pytest.MonkeyPatch) -> None:
        """Make the kinds known, as their packages would."""

        def open_boxes(opening: Opening) -> Source:
            _require_key(opening.account, ())
            return self.box(opening.account.name)

        def open_shelf(opening: Opening) -> Frame:
            assert isinstance(opening.options, ShelfOptions)
            return self.shelf(opening.account.name, opening.options.board)

        patch.setitem(
            SOURCES,
            "boxes",
            Kind(
                name="boxes",
                title="Boxes",
                summary="Boxes full of pictures.",
                example="boxes:\n- red",
                options=BoxEntry,
                credentials=BoxesKey,
                open=open_boxes,
                operations=lambda: [Operation("Boxes", "rummage")],
                require=_require_key,
                needs_entry="red",
            ),
        )
        patch.setitem(
            FRAMES,
            "shelf",
            Kind(
                name="shelf",
                title="Shelf",
                summary="A shelf for pictures.",
                example="top: {kind: shelf, board: 3}",
                playlists=True,
                options=ShelfOptions,
                credentials=ShelfLogin,
                open=open_shelf,
                operations=lambda: [Operation("Shelf", "put")],
                require=lambda account, _: account.require(
                    {"owner": account.read(ShelfLogin).owner}, "Write whose shelf it is"
                ),
            ),
        )


def _require_key(account: Account, _entries: Sequence[Any]) -> None:
    key = account.read(BoxesKey).key.get_secret_value()
    account.require({"key": key}, f"Write the key: {account.example('key: <key>')}")
