"""Options of an entry under `sources: {inbox: [...]}`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from picsync.config.durations import parse_span
from picsync.config.options import Options
from picsync.config.organizing import Place, quiet_time
from picsync.core.choice import Span
from picsync.core.places import StorePlace


def _span(value: object) -> object:
    return parse_span(value) if isinstance(value, str) else value


class InboxEntry(Options):
    """A spool: three folders on one file system, or in one Dropbox."""

    incoming: Place = Field(
        description="The folder into which others put pictures and videos. Files are taken in once they are"
        " complete; subfolders are left alone.",
        examples=["/spool/incoming", '"dropbox:/Spool/Incoming"'],
    )
    work: Place = Field(
        description="The folder of what is being processed. What failed stays there, with the reason in"
        " `<name>.reason.txt`.",
        examples=["/spool/work"],
    )
    done: Place = Field(
        description="The folder of what every frame of the rule shows. The album is whatever is in this"
        " folder and its subfolders.",
        examples=["/spool/done"],
    )
    keep: Annotated[Span | None, BeforeValidator(_span)] = Field(
        default=None,
        description="How long a file belongs to the album, counted from the move to `done`: `90d`, `6mo`,"
        " `2y`. The file itself stays. Default: as long as it is in `done`.",
        examples=["90d"],
    )
    quiet: Annotated[timedelta, BeforeValidator(quiet_time)] = Field(
        default=timedelta(seconds=10),
        description="How long a file of this machine must be unchanged before it is taken in. Dropbox shows"
        " only complete files, so there it has no effect.",
        examples=["30s"],
    )

    @model_validator(mode="after")
    def _apart(self) -> InboxEntry:
        if len({place.account for place in self.folders}) > 1:
            raise ValueError(
                "`incoming`, `work` and `done` must be in the same account: files are moved between them"
            )
        for number, one in enumerate(self.folders):
            for other in self.folders[number + 1 :]:
                if one.contains(other) or other.contains(one):
                    raise ValueError(
                        f"`incoming`, `work` and `done` must be three folders, none inside another one;"
                        f" {one} and {other} overlap"
                    )
        return self

    @property
    def folders(self) -> tuple[StorePlace, StorePlace, StorePlace]:
        """The three folders."""
        return self.incoming, self.work, self.done

    def __str__(self) -> str:
        return str(self.incoming)
