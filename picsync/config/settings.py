"""The model of picsync.yaml; the keys of the Go picsync, and additional ones.

The models describe each setting, its unit, its default and the reason for the default; doc/configuration.md
is generated from them. The kinds of sources are not known here; they are passed in by the validation context.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from picsync.config.family import Family
from picsync.config.frames import FrameEntries, FrameSettings, check_frames, frame_settings
from picsync.config.known import Checks
from picsync.config.listening import Listener, StatusListener, Webhooks, WebListener
from picsync.config.mirroring import MirrorRules
from picsync.config.options import Interval, Options, listed
from picsync.config.organizing import OrganizeRules
from picsync.config.rules import AlbumRules
from picsync.config.tree import FieldPath, Node, Place
from picsync.core.errors import Problem
from picsync.core.text import pasted
from picsync.core.values import dataclass
from picsync.http.addresses import emulator_address, web_address

LEAST_EVERY = timedelta(seconds=10)
"""Minimum interval of a rule. A cycle sends about ten requests to services that are free of charge; edited
files are noticed independently of it."""


MOST_AT_A_TIME = 64
"""More concurrent requests to one service would look like an attack."""


def _at_a_time(value: int) -> int:
    if not 1 <= value <= MOST_AT_A_TIME:
        raise ValueError(f"must be a number from 1 to {MOST_AT_A_TIME}")
    return value


def _notify_url(value: SecretStr) -> SecretStr:
    value = SecretStr(pasted(value.get_secret_value()))
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", value.get_secret_value()):
        raise ValueError(
            "must be an Apprise URL of the form `<service>://...`; doc/notifications.md has examples"
        )
    return value


def _ca_file(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("must be the path of a file with certificates (PEM)")
    return os.path.expanduser(value.strip())  # noqa: PTH111 - Path raises for an unknown `~user`


_DSN = (
    r"https?://[A-Za-z0-9]+(:[A-Za-z0-9]+)?@[A-Za-z0-9._-]+(:(?P<port>[0-9]{1,5}))?(/[A-Za-z0-9._-]+)*/[0-9]+"
)


def _dsn(value: SecretStr) -> SecretStr:
    text = pasted(value.get_secret_value())
    found = re.fullmatch(_DSN, text)
    if not found or int(found["port"] or 0) > 65535:
        raise ValueError("must be a DSN of the form `https://<key>@<host>/<number>`, as Sentry shows it")
    return SecretStr(text)


def _ping_url(value: SecretStr) -> SecretStr:
    return SecretStr(str(web_address(value.get_secret_value(), "https://hc-ping.com/<id>")))


AtATime: TypeAlias = Annotated[int, AfterValidator(_at_a_time)]


class Concurrency(Options):
    """Maximum numbers of concurrent requests to each service, by purpose."""

    api: AtATime = Field(
        default=10,
        description="API calls that list, look up and change things.",
        examples=["3"],
    )
    downloads: AtATime = Field(
        default=8,
        description="Downloads of originals from a source.",
        examples=["4"],
    )
    uploads: AtATime = Field(
        default=16,
        description="Uploads to the frame's storage. The default fills the uplink of a home connection.",
        examples=["3"],
    )
    processing: AtATime = Field(
        default=12,
        description="Requests that wait until the frame's service has processed a photo.",
        examples=["6"],
    )
    photos: AtATime = Field(
        default=24,
        description="Photos being uploaded, from the upload request to the last byte. Nixplay's web app "
        "uploads 3 concurrently, but 24 were observed to work.",
        examples=["3"],
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where values are written. Settings that differ only in that are equal."""

    known: Mapping[FieldPath, Place] = field(default_factory=dict, compare=False)


class Config(Options):
    """All of picsync.yaml."""

    albums: AlbumRules = Field(
        default=(),
        description="The list of album rules; each keeps one album of the frame in sync with its sources. "
        "Required, unless there is another job: `organize` or `mirror`.",
        examples=["[{name: AllMyStuff, sources: {sharedlinks: [<link>]}}]"],
    )
    frames: FrameEntries = Field(
        default_factory=dict,
        description="Frames by names of your choice, each with its `kind` and options. The Nixplay account "
        "of the credentials file needs no entry: it is called `nixplay`.",
        examples=["{usb: {kind: folder, path: /mnt/usb/frame}}"],
    )
    every: Interval | None = Field(
        default=None,
        description="How often each rule runs a cycle, measured from start to start: numbers with the "
        "units `h`, `m`, `s`, `ms`, `us` or `ns`. Without it, picsync runs one cycle and exits, which "
        "suits a cron job. Intervals below 10 s are raised to 10 s.",
        examples=["1h", "90s", "1h30m"],
    )
    organize: OrganizeRules = Field(
        default=(),
        description="Rules that sort the files of a folder, such as a phone's camera uploads, by the dates "
        "on which they were taken. doc/organize.md explains them. Absent by default.",
        examples=['[{name: camera, from: /photos/Camera, to: "/photos/{year}/{year}-{month}"}]'],
    )
    mirror: MirrorRules = Field(
        default=(),
        description="Rules that keep a folder in Dropbox, or another local folder, equal to a local folder: "
        "a backup of every file. doc/mirror.md explains them. Absent by default.",
        examples=['[{name: backup, from: /photos, to: "dropbox:/Backup/Photos"}]'],
    )
    prometheus: StatusListener | None = Field(
        default=None,
        description="Serves the status page, and metrics for Prometheus at `/metrics`. Absent by default: "
        "no port is opened unless requested.",
        examples=['{listen: ":1971"}'],
    )
    web: WebListener | None = Field(
        default=None,
        description="Serves the pages for everybody at home: the frames of the kind `web`"
        " (doc/web-frame.md), and those of `family`. Absent by default; if there is such a frame or"
        " `family`, picsync then listens on port 8090.",
        examples=['{listen: ":8090", url: "http://nas:8090/"}'],
    )
    family: Family | None = Field(
        default=None,
        description="Switches on the family's pages on `web.listen`: people send photos from their phones,"
        " and choose the best two at a time (doc/family.md). Absent by default.",
        examples=["{library: /library}"],
    )
    webhooks: Webhooks | None = Field(
        default=None,
        description="Lets services report changes, so that a cycle starts at once (doc/webhooks.md). Dropbox"
        " calls `/hooks/dropbox`; that needs the app secret in the credentials file. Absent by default.",
        examples=['{listen: ":8091", url: "https://photos.example.org/"}'],
    )
    pprof: Listener | None = Field(
        default=None,
        description="Serves profiles and task lists for debugging (doc/profiling.md). Absent by default: "
        "it is meant for developers only.",
        examples=['{listen: "127.0.0.1:20000"}'],
    )
    notify: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_notify_url)], ...], BeforeValidator(listed)
    ] = Field(
        default_factory=tuple,
        description="Where to send notifications when picsync needs your help, and when the problem is "
        "resolved: Apprise URLs, a list or a single one. They contain passwords: set them in the "
        "environment if other people can read this file. Needs the extra `notify` (doc/notifications.md) "
        "and `every`. Absent by default: no notifications are sent.",
        examples=['"mailto://user:<app password>@gmail.com"', '["ntfy://<topic>", "tgram://<token>/<chat>"]'],
    )
    ping: Annotated[SecretStr, AfterValidator(_ping_url)] | None = Field(
        default=None,
        description="A URL that is requested after each successful cycle, as long as the last cycle of "
        "every rule succeeded. A monitor such as Healthchecks.io or Uptime Kuma raises an alarm when the "
        "requests stop, for example because the whole machine is down. doc/notifications.md has examples. "
        "Absent by default.",
        examples=["https://hc-ping.com/<id>"],
    )
    sentry: Annotated[SecretStr, AfterValidator(_dsn)] | None = Field(
        default=None,
        description="The DSN of a project of Sentry, or of a server that speaks its protocol, to which"
        " picsync reports its bugs while it runs with `every`: types of exceptions and lines of code, no"
        " personal data (doc/monitoring.md). Needs the extra `sentry`. Absent by default: nothing is"
        " reported.",
        examples=["https://<key>@sentry.example.org/<number>"],
    )
    concurrency: Concurrency = Field(
        default_factory=Concurrency,
        description="The maximum number of concurrent requests to each service. The number starts at 3 to "
        "6 and rises to this limit while the service responds well; it falls when the service answers 429 "
        "or 503 or becomes slow. The defaults fill a home connection and stay below what Nixplay was "
        "observed to handle.",
        examples=["{uploads: 3, photos: 3}"],
    )
    ca_certificates: Annotated[str, AfterValidator(_ca_file)] | None = Field(
        default=None,
        description="A file with the certificates of private certificate authorities (PEM), such as the "
        "one of your Immich server. They are used in addition to the public authorities, for every "
        "service. Absent by default.",
        examples=["/etc/picsync/ca.pem"],
    )
    emulator: Annotated[str, AfterValidator(emulator_address)] | None = Field(
        default=None,
        description="For tests and the demo: a URL that replaces all services; host `H` is reached at "
        "`<URL>/H`. Absent by default: the real services are used.",
        examples=["http://127.0.0.1:8080"],
    )

    _places: _Places = PrivateAttr(default_factory=_Places)

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Config:
        if isinstance(info.context, Checks) and info.context.known.frames:
            check_frames(self.frames, self.albums, info.context.known)
        return self

    def frame(self, name: str, accounts: Mapping[str, str]) -> FrameSettings:
        """Return the frame with this name; `accounts` has the kind of each account by name."""
        return frame_settings(self.frames, name, accounts)

    def remember_places(self, tree: Node) -> None:
        """Note where each value is written."""
        self._places = _Places({path: node.place for path, node in tree.walk()})

    def problem(self, path: FieldPath, message: str) -> Problem:
        """Return a problem with the value at `path`, at its place or that of its nearest written parent."""
        known = self._places.known
        written = (path[:end] for end in range(len(path), 0, -1) if path[:end] in known)
        root = Place(known[()].file if known else "picsync.yaml")
        return next((known[each] for each in written), root).problem(path, message)
