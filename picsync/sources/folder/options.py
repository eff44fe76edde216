"""Options of an entry under `sources: {folder: [...]}`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from picsync.config.durations import parse_duration
from picsync.config.options import Options
from picsync.config.paths import AbsolutePath
from picsync.sources.patterns import Exclude, Include, word

QUIET = timedelta(seconds=10)
LONGEST_QUIET = timedelta(hours=1)


def _quiet(value: object) -> object:
    quiet = parse_duration(value) if isinstance(value, str) else value
    if isinstance(quiet, timedelta) and not timedelta(0) <= quiet <= LONGEST_QUIET:
        raise ValueError("must be between `0s` and `1h`")
    return quiet


class FolderEntry(Options):
    """A folder with everything below it; a plain path is an entry without further options."""

    path: AbsolutePath = Field(
        description="The folder: an absolute path, or one that begins with `~/`. Its subfolders belong to"
        " it.",
        examples=["/photos/family"],
    )
    include: Include = ()
    exclude: Exclude = ()
    quiet: Annotated[timedelta, BeforeValidator(_quiet)] = Field(
        default=QUIET,
        description="How long a file must be unchanged before it is taken, so that no half-copied file is"
        " taken. The default of 10s is longer than programs usually pause while writing; `0s` takes files"
        " immediately.",
        examples=["30s"],
    )
    may_be_empty: bool = Field(
        default=False,
        description="Whether to believe a folder that contains no picture although it contained some"
        " before. Off by default, since an unmounted share looks the same.",
        examples=["true"],
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    def __str__(self) -> str:
        words = [
            *(f"include {word(pattern)}" for pattern in self.include),
            *(f"exclude {word(pattern)}" for pattern in self.exclude),
            *([f"quiet {self.quiet.total_seconds():g}s"] if self.quiet != QUIET else []),
            *(["may be empty"] if self.may_be_empty else []),
        ]
        return f"{self.path} ({', '.join(words)})" if words else self.path
