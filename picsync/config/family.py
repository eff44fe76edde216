"""The models of `family:` in picsync.yaml: the family's pages."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from picsync.config.durations import parse_span
from picsync.config.openid import OpenId
from picsync.config.options import Boolean, Options, listed, one_line
from picsync.config.paths import absolute
from picsync.core.buckets import SCHEME, BucketPlace, parse_bucket

FRAME = "family pages"
"""Name of the pages where frames have one: of jobs, of metrics. No configured frame has one with a space."""
MAX_TITLE = 60
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def _library(value: str) -> str:
    if value.startswith(SCHEME):
        return str(parse_bucket(value))
    if _REMOTE.match(value):
        raise ValueError("must be a folder of this machine, or a bucket as in `s3://<bucket>/<prefix>`")
    return absolute(value)


def _days(value: object) -> object:
    if not isinstance(value, str):
        return value
    span = timedelta(days=parse_span(value).days)
    if not timedelta(hours=1) <= span <= timedelta(days=3660):
        raise ValueError("must be between an hour and ten years")
    return span


class FamilyNews(Options):
    """What the receivers of notifications are told of the family's photos."""

    digest: Literal["daily", "weekly"] | None = Field(
        default=None,
        description="How often to send how many photos are new, and which of them is the best. Nothing is"
        " sent if there are none. Absent by default: no digest is sent.",
        examples=["weekly"],
    )
    champions: Boolean = Field(
        default=False,
        description="Whether to announce when another photo becomes the best of a category, at most once a"
        " day.",
        examples=["true"],
    )

    @property
    def period(self) -> timedelta | None:
        """Time between digests; None for none."""
        return None if self.digest is None else timedelta(days=7 if self.digest == "weekly" else 1)


class Family(Options):
    """The family's pages: who sends photos, and who chooses among them."""

    library: Annotated[str, AfterValidator(_library)] | None = Field(
        default=None,
        description="Where uploads live: a folder, with one folder in it for each album, or `s3://bucket/prefix`,"
        " with a key under `uploads` in the credentials file. It is made for uploads: picsync deletes nothing"
        " in it. Without it, nobody can send photos.",
        examples=["/library", "s3://family-photos"],
    )
    categories: Annotated[
        tuple[Annotated[str, AfterValidator(one_line(MAX_TITLE))], ...] | None, BeforeValidator(listed)
    ] = Field(
        default=None,
        description="The categories in which photos are judged: names of album rules, or of albums of the"
        " library. By default every album rule is one.",
        examples=["[Family, Garden]"],
    )
    title: Annotated[str, AfterValidator(one_line(MAX_TITLE))] = Field(
        default="Family photos",
        description="What the pages call themselves.",
        examples=["The Millers"],
    )
    share_for: Annotated[timedelta, BeforeValidator(_days)] = Field(
        default=timedelta(days=30),
        description="How long a link to a photo or album is valid that somebody shares.",
        examples=["30d", "24h"],
    )
    downloads: Boolean = Field(
        default=True,
        description="Whether such a link lets people download the original.",
        examples=["false"],
    )

    passwords: Boolean = Field(
        default=False,
        description="Whether people may sign in by their name and a password, which they set on the page"
        " *You*, or you by `picsync family password NAME`. Invitations work as well.",
        examples=["true"],
    )
    notify: FamilyNews | None = Field(
        default=None,
        description="What the receivers under `notify` at the top level are told of the photos"
        " (doc/notifications.md). Absent by default: nothing.",
        examples=["{digest: weekly, champions: true}"],
    )

    oidc: OpenId | None = Field(
        default=None,
        description="Lets people sign in through an OpenID Connect provider, after they have linked their"
        " account there: when they accept an invitation, or on the page *You* (doc/family.md). Absent by"
        " default.",
        examples=["{issuer: https://auth.example.org, name: our Authelia}"],
    )

    def has(self, rule: str) -> bool:
        """Whether an album rule of this name is a category."""
        return self.categories is None or rule in self.categories

    @property
    def library_place(self) -> Path | BucketPlace | None:
        """Where uploads live; None without a library."""
        if self.library is None:
            return None
        return parse_bucket(self.library) if self.library.startswith(SCHEME) else Path(self.library)
