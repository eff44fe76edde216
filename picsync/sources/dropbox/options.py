"""Options of an entry under `sources: {dropbox: [...]}`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from picsync.config.options import Boolean, Options
from picsync.sources.dropbox.links import FolderLink
from picsync.sources.patterns import Exclude, Include, word


def _path(value: str) -> str:
    if not value:
        return ""
    if not value.startswith("/"):
        raise ValueError(f"must begin with a slash, such as `/Family/Frame`, not {value[:60]!r}")
    names = [name for name in value.split("/") if name]
    if any(name in (".", "..") for name in names) or "\0" in value:
        raise ValueError("must not contain `.`, `..` or NUL as a name")
    return f"/{'/'.join(names)}"


def _link(value: str) -> str:
    return FolderLink.parse(value).url if value else ""


class DropboxEntry(Options):
    """A folder in Dropbox; a plain path or a plain shared link is an entry without further options."""

    path: Annotated[str, AfterValidator(_path)] = Field(
        default="",
        description="The folder, as `picsync dropbox list` shows it; `/` is the whole Dropbox, or the app's"
        " own folder if the app has access to that only.",
        examples=["/Family/Frame"],
    )
    link: Annotated[str, AfterValidator(_link)] = Field(
        default="",
        repr=False,
        description="Instead of `path`: a shared link of somebody's folder.",
        examples=["https://www.dropbox.com/scl/fo/<id>/<key>?rlkey=<key>"],
    )
    recursive: Boolean = Field(
        default=False,
        description="Whether subfolders belong to it, too.",
        examples=["true"],
    )
    include: Include = ()
    exclude: Exclude = ()

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"path": value} if value.startswith("/") or "://" not in value else {"link": value}

    @model_validator(mode="after")
    def _one(self) -> DropboxEntry:
        if bool(self.path) == bool(self.link):
            raise ValueError("must have either `path` or `link`")
        return self

    @property
    def root(self) -> str:
        """The path for Dropbox's API: `/` is written as nothing."""
        return "" if self.link or self.path == "/" else self.path

    def __str__(self) -> str:
        words = [
            *(["recursive"] if self.recursive else []),
            *(f"include {word(pattern)}" for pattern in self.include),
            *(f"exclude {word(pattern)}" for pattern in self.exclude),
        ]
        base = FolderLink.parse(self.link).shown if self.link else self.path
        return f"{base} ({', '.join(words)})" if words else base
