"""The models of picsync.yaml; the keys of the Go picsync, and additional ones.

The models describe each setting, its unit, its default and the reason for the default; doc/configuration.md
is generated from them. The kinds of sources are not known here; they are passed in by the validation context.
"""

from __future__ import annotations

import ipaddress
import os
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import timedelta
from types import GenericAlias, MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    SkipValidation,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from picsync.config.deletes import MaxDelete, max_delete_of
from picsync.config.durations import parse_duration
from picsync.config.family import Family
from picsync.config.mirroring import MirrorRules
from picsync.config.named import Entry, Problems, needs_no_entry, read_entries_of_kinds
from picsync.config.options import Boolean, Options
from picsync.config.organizing import OrganizeRules
from picsync.config.renditions import TEXT, PanelSize, RenditionSettings, RenditionValue
from picsync.config.selecting import Select
from picsync.config.shape import closest
from picsync.config.storage import CapacitySettings, Share
from picsync.core.model import DEFAULT_FRAME, job_name
from picsync.core.recipe import Panel
from picsync.core.text import pasted
from picsync.core.values import dataclass
from picsync.http.addresses import emulator_address, web_address


@dataclass(frozen=True, slots=True)
class Known:
    """What picsync.yaml may refer to: kinds, and accounts of the credentials file."""

    sources: Mapping[str, Any]
    """Name under `sources:`, of a kind or an account -> the type of one entry of its list."""
    frames: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    """Kind of frame -> the model of its options, None if it has none."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Name of an account -> its kind."""
    without_account: Collection[str] = ()
    """Kinds of frames that belong to no account."""
    captioned: Collection[str] = ()
    """Kinds of frames that can show captions of their own."""
    stores: Collection[str] = ()
    """Kinds of accounts that hold files."""

    def is_frame(self, name: str) -> bool:
        """Whether a rule may name this frame without an entry under `frames:`."""
        kind = self.accounts.get(name, name)
        return kind in self.frames and needs_no_entry(self.frames[kind])


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LEAST_EVERY = timedelta(seconds=10)
"""Minimum interval of a rule. A cycle sends about ten requests to services that are free of charge; edited
files are noticed independently of it."""

MOST_AT_A_TIME = 64
"""More concurrent requests to one service would look like an attack."""


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    """Empty for all of the machine's addresses; an IPv6 address without brackets."""
    port: int
    """0 lets the system choose."""

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def overlaps(self, other: Listen) -> bool:
        """Whether both cannot be listened on at the same time."""
        anywhere = ("", "0.0.0.0", "::")  # noqa: S104 - only compared
        same_host = self.host == other.host or self.host in anywhere or other.host in anywhere
        return same_host and self.port == other.port != 0


@dataclass(frozen=True, slots=True)
class Checks:
    """The context of validating one file."""

    known: Known
    pairs: set[tuple[str, str]] = field(default_factory=set)
    """Name and frame of the album rules seen so far."""


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """A frame of the configuration."""

    name: str
    kind: str
    account: str
    """Name of its account; that of the kind if it needs none."""
    options: BaseModel | None
    panel: Panel | None = None
    """Of the entry; None if it has none."""
    rendition: RenditionSettings | None = None
    capacity: CapacitySettings | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """A key that is equal for two names of the same frame."""
        place = self.options.place(self.name) if isinstance(self.options, Options) else ""
        return self.kind, self.account, place


def _but_is(value: object) -> str:
    """Return the invalid value, for the end of a message."""
    return f", not {value[:60]!r}" if isinstance(value, str) else ""


def _listen(value: object) -> object:
    if isinstance(value, Listen):
        return value
    text = value if isinstance(value, str) else ""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/]*)):([0-9]{1,5})", text)
    if not found or int(found[3]) > 65535:
        raise ValueError(f'must be `":<port>"` or `"<address>:<port>"`, such as ":1971"{_but_is(value)}')
    return Listen(found[1] or found[2] or "", int(found[3]))


def _every(value: object) -> object:
    length = parse_duration(value) if isinstance(value, str) else value
    if isinstance(length, timedelta) and length <= timedelta(0):
        raise ValueError("must be greater than zero; to run one cycle and exit, leave the setting out")
    return length


def _at_a_time(value: int) -> int:
    if not 1 <= value <= MOST_AT_A_TIME:
        raise ValueError(f"must be a number from 1 to {MOST_AT_A_TIME}")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


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


def _web_address(value: str) -> str:
    return str(web_address(value, "http://nas:1971/"))


def _root_address(value: str) -> str:
    url = web_address(value, "http://nas:8090/")
    if url.path not in ("", "/") or url.query:
        raise ValueError(
            "must have no path after the host: the pages are at /frame/<name>, such as http://nas:8090/"
        )
    return str(url)


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
    try:
        return SecretStr(_web_address(value.get_secret_value()))
    except ValueError as error:
        # The default message would contain an example for the status page.
        raise ValueError(str(error).replace("http://nas:1971/", "https://hc-ping.com/<id>")) from None


def _equal_name(name: str) -> str:
    """Return the form in which names are compared by the frame.

    Surrounding spaces and the composition of characters do not matter.
    """
    return unicodedata.normalize("NFC", name.strip())


def _rule_name(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty: it is the name of the album on the frame")
    return value


def _frame_entries(value: object, info: ValidationInfo) -> object:
    if not isinstance(info.context, Checks):
        return value
    return read_entries_of_kinds(value, info.context.known.frames, noun="frame", shared=NamedFrame)


def _sources(value: object, info: ValidationInfo) -> object:
    """Validate each kind's albums with the types of the context, collecting all errors."""
    if not isinstance(value, Mapping) or not isinstance(info.context, Checks):
        return value
    result: dict[str, object] = {}
    problems = Problems()
    for name, albums in value.items():
        entry = info.context.known.sources.get(name)
        if entry is None and info.context.known.is_frame(name):
            problems.add((name,), "is a frame, not a source; name it under `frames:` of the rule", albums)
            continue
        if entry is None:
            problems.add_unknown((name,), albums)
            continue
        entries: Any = GenericAlias(tuple, (entry, ...))
        grouped = isinstance(entry, type) and issubclass(entry, BaseModel)
        single = isinstance(albums, str) or (grouped and isinstance(albums, Mapping))
        try:
            result[name] = TypeAdapter(entries).validate_python(
                [albums] if single else albums, context=info.context
            )
        except ValidationError as error:
            problems.add_all((name,), error)
    problems.check("sources")
    return result


def _rules_together(value: tuple[AlbumRule, ...]) -> tuple[AlbumRule, ...]:
    if not value:
        raise ValueError("must have at least one album rule, such as `- name: AllMyStuff` with its sources")
    for rule in value:
        for other in value:
            parts = re.escape(_equal_name(rule.name)) + "_[1-9][0-9]*"
            if rule.overflow == "split" and re.fullmatch(parts, _equal_name(other.name)):
                raise ValueError(
                    f"{other.name!r} cannot be the name of a rule, since {rule.name!r} has `overflow: split`"
                    " and may need its playlist"
                )
    return value


def _frames_together(config: Config, known: Known) -> None:
    """Check which rule goes to which frame; raises ValidationError."""
    problems = Problems()
    for name, frame in config.frames.items():
        account = frame.values.get("account", frame.kind)
        if not isinstance(account, str) or known.accounts.get(account, account) != frame.kind:
            problems.add(("frames", name, "account"), _no_account(account, frame.kind, known), account)
        elif name != account and (other := _other_meaning(name, known)):
            own = f", or add `account: {name}`" if known.accounts.get(name) == frame.kind else ""
            problems.add(("frames", name), f"{other}; choose another name{own}", name)
    pairs: dict[tuple[object, ...], tuple[int, str]] = {}
    jobs: dict[str, str] = {}
    for at, rule in enumerate(config.albums):
        for place, name in enumerate(rule.frames):
            if name not in config.frames and not known.is_frame(name):
                problems.add(("albums", at, "frames", place), _no_frame(name, config, known), name)
            called = job_name(rule.name, name)
            if jobs.setdefault(called, rule.name) != rule.name:
                message = f"is called {called[:60]!r} on this frame, as another rule is; rename one of them"
                problems.add(("albums", at, "name"), message, rule.name)
            pair = (_equal_name(rule.name), config.frame(name, known.accounts).place)
            earlier, before = pairs.setdefault(pair, (at, name))
            if message := _same_frame(rule, place, before, earlier=earlier < at):
                problems.add(("albums", at, "frames", place), message, name)
    _captions_as_text(config, known, problems)
    problems.check("frames")


def _captions_as_text(config: Config, known: Known, problems: Problems) -> None:
    """Add a problem for each frame that is to show captions, and cannot."""
    for name, frame in config.frames.items():
        if _as_text(frame.values.get("rendition")) and frame.kind not in known.captioned:
            problems.add(("frames", name, "rendition", "captionAs"), _no_captions(name, frame.kind), TEXT)
    for at, rule in enumerate(config.albums):
        kinds = {name: config.frame(name, known.accounts).kind for name in rule.frames}
        unable = next((name for name, kind in kinds.items() if kind not in known.captioned), None)
        if _as_text(rule.rendition) and unable is not None:
            message = _no_captions(unable, kinds[unable])
            problems.add(("albums", at, "rendition", "captionAs"), message, TEXT)


def _as_text(rendition: RenditionSettings | None) -> bool:
    return rendition is not None and rendition.caption_as == TEXT


def _no_captions(name: str, kind: str) -> str:
    return (
        f"cannot be `text` for `{name}`: a frame of the kind `{kind}` shows no captions of its own; write"
        " `captionAs` only in the `rendition` of frames that do"
    )


def _same_frame(rule: AlbumRule, place: int, before: str, *, earlier: bool) -> str:
    """Return the problem with a rule's frame that it already named as `before`; empty if there is none."""
    name = rule.frames[place]
    if name in rule.frames[:place]:
        return f"names `{name}` twice; remove one of them"
    if name == before:
        return ""  # Another rule has this name, which is reported instead.
    if earlier:
        album = f"an earlier rule fills an album {rule.name[:60]!r}"
        return f"`{name}` is the same frame as `{before}`, where {album}; rename one of the rules"
    return f"`{name}` is the same frame as `{before}`; remove one of them"


def _other_meaning(name: str, known: Known) -> str:
    """Return what else the name of a frame could mean; empty if nothing."""
    if name in known.accounts:
        return f"`{name}` is an account of the kind `{known.accounts[name]}`, too"
    if name in known.sources and name not in known.frames:
        return f"`{name}` is a kind of source, too"
    return ""


def _no_account(account: object, kind: str, known: Known) -> str:
    if kind in known.without_account:
        return f"a frame of the kind `{kind}` belongs to no account; remove `account`"
    if isinstance(account, str) and account in known.accounts:
        its = known.accounts[account]
        return f"`{account}` is an account of the kind `{its}`, but this is a frame of the kind `{kind}`"
    fitting = [name for name, its in known.accounts.items() if its == kind]
    advice = f"; accounts of the kind `{kind}`: {', '.join(fitting)}" if fitting else ""
    return f"must name an account of the credentials file{advice}"


def _no_frame(name: str, config: Config, known: Known) -> str:
    kind = known.accounts.get(name, name)
    if kind in known.frames:
        return (
            f"`{name}` needs an entry under `frames:` at the top level, with `kind: {kind}` and its options"
        )
    if name in known.sources:
        return f"`{name}` is a source, not a frame; name it under `sources:`"
    frames = [*config.frames, *(one for one in {**known.frames, **known.accounts} if known.is_frame(one))]
    meant = closest(name, frames)
    hint = f"; did you mean `{meant}`?" if meant else f"; known here: {', '.join(dict.fromkeys(frames))}"
    return f"`{name[:60]}` is not a frame{hint}"


Sources: TypeAlias = Annotated[
    Mapping[str, tuple[Any, ...]],
    BeforeValidator(_sources),
    AfterValidator(MappingProxyType),
    PlainSerializer(dict, return_type=dict[str, tuple[Any, ...]]),
]


class AlbumRule(Options):
    """One entry of `albums`: the contents of one frame album."""

    name: Annotated[str, AfterValidator(_rule_name)] = Field(
        description="Name of the album at the frame's service; its playlist is called `ss_<name>`. Rules "
        "for the same frame need different names.",
        examples=["AllMyStuff"],
    )
    sources: Sources = Field(
        default_factory=dict,
        validate_default=True,
        description="Where the photos come from: for each kind of source its albums, as a list or a single "
        "value. The frame album shows all of them together. doc/sources.md describes the kinds and their "
        "options. A rule without sources fails in each cycle and changes nothing on the frame, since it "
        "would otherwise empty the album.",
        examples=["{sharedlinks: [<link>]}"],
    )
    frames: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(DEFAULT_FRAME,),
        description="The frames that show the album, a list or a single one: entries of `frames:` at the "
        "top level, or accounts of the credentials file whose kind is a frame.",
        examples=["[nixplay, usb]"],
        min_length=1,
    )
    dry_run: Boolean = Field(
        default=False,
        description="Only print what would be done, and change nothing. Off by default.",
        examples=["true"],
    )
    delete: Boolean = Field(
        default=True,
        description="Delete photos from the frame album that are no longer in any source, and photos that "
        "were added to it by other means. On by default, so that the album equals its sources; with "
        "`false`, picsync only adds photos.",
        examples=["false"],
    )
    force_publish: Boolean = Field(
        default=False,
        description="Rewrite the playlist in every cycle. Off by default, since picsync compares the "
        "playlist in each cycle and repairs differences.",
        examples=["true"],
    )
    videos: Boolean = Field(
        default=False,
        description="Send videos as well. Off by default, since videos are large and many frames do not "
        "play them.",
        examples=["true"],
    )
    every: Annotated[timedelta | None, BeforeValidator(_every)] = Field(
        default=None,
        description="How often this rule runs a cycle, instead of the top-level `every`. Absent by "
        "default: all rules use the same interval.",
        examples=["15m"],
    )
    max_delete: Annotated[MaxDelete | None, BeforeValidator(max_delete_of("photos"))] = Field(
        default=None,
        description="How many photos one cycle may delete without permission: a number, or a percentage of "
        "the photos in the frame album such as 20%. If more would be deleted, no photo is deleted, the log "
        "says so, and uploads continue. Without this setting, picsync holds deletes of more than 10 photos "
        "that are also more than 10 % of the album, since that looks more like a failing source than like "
        "tidying up. Emptying an album is always held unless this is 100%.",
        examples=['"20%"', "50"],
    )

    rendition: RenditionValue | None = Field(
        default=None,
        description="How photos are converted before they are sent; doc/renditions.md explains it. `auto`: a "
        "photo that the frame shows well as it is, is sent unchanged; all others become JPEG files of the "
        "panel's size. `original`: photos are never converted, and those that the frame does not accept "
        "are skipped. A group of settings changes how `auto` converts them. The rule's keys override "
        "those of the frame. The default is `auto`.",
        examples=["original", "{panel: 1280x800}"],
    )
    overflow: Literal["newest", "split", "error"] = Field(
        default="newest",
        description="What happens to photos beyond the 2,000 that a Nixplay playlist holds. `newest`: the "
        "newest photos are shown. `split`: additional playlists `ss_<name>_2`, `ss_<name>_3` and so on "
        "show the rest; assign each of them to a frame once. `error`: the playlist stays as it is, and the "
        "cycle fails. `newest` is the default, since it needs no manual step.",
        examples=["split"],
    )

    select: Select | None = Field(
        default=None,
        description="Which photos are shown. What it leaves out is not downloaded, and is removed from the "
        "frame once everything that is chosen is there. Absent by default: all of them.",
        examples=["{most: 500, fresh: 14d}"],
    )

    share: Share = Field(
        default=1.0,
        description="The weight of this rule where several rules fill the same frame and its capacity is "
        "limited: a rule with 2 gets twice the room of a rule with 1. What one does not need, the others "
        "use.",
        examples=["2"],
    )

    @model_validator(mode="after")
    def _unique(self, info: ValidationInfo) -> AlbumRule:
        if isinstance(info.context, Checks):
            pairs = {(_equal_name(self.name), frame) for frame in self.frames}
            if twice := sorted(frame for _, frame in pairs & info.context.pairs):
                message = (
                    f"like that of an earlier album rule for the frame `{twice[0]}`; each rule needs a "
                    "different name, or another frame"
                )
                problems = Problems()
                problems.add(("name",), f"is {self.name[:60]!r}, {message}", self.name)
                problems.check("rule")
            info.context.pairs.update(pairs)
        return self


class Listener(Options):
    """The settings of an HTTP listener."""

    listen: Annotated[Listen, BeforeValidator(_listen)] = Field(
        description="Address and port to listen on; without an address, all addresses of the machine. With "
        "port 0, the system chooses a port.",
        examples=['":1971"', '"127.0.0.1:20000"', '"[::1]:9000"'],
    )


class StatusListener(Listener):
    """The listener of the status page and the metrics."""

    address: Annotated[str, AfterValidator(_web_address)] | None = Field(
        default=None,
        description="The URL at which you open the status page; notifications link to it. Without it, they "
        "use this machine's name and the port; in a container, whose name cannot be resolved from outside, "
        "they contain no link.",
        examples=["http://nas:1971/"],
    )


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+", each):
            raise ValueError(
                f"must be the beginnings of addresses, such as http://homeassistant.local:8123{_but_is(each)}"
            )
    return value


def _networks(value: object) -> object:
    if not isinstance(value, (list, tuple)):
        return value
    return tuple(_network(each) for each in value)


def _network(value: object) -> Network:
    try:
        return ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError(
            f"must be an address such as 172.18.0.2, or a network such as 10.0.0.0/8, not {str(value)[:60]!r}"
        ) from None


class WebListener(Listener):
    """The listener of the pages for everybody at home."""

    listen: Annotated[Listen, BeforeValidator(_listen)] = Field(
        default=Listen("", 8090),
        description="Address and port to listen on; without an address, all addresses of the machine. With "
        "port 0, the system chooses a port.",
        examples=['":8090"', '"192.168.1.20:8090"'],
    )
    url: Annotated[str, AfterValidator(_root_address)] | None = Field(
        default=None,
        description="The URL at which the other devices reach this listener, for the links that `picsync"
        " frame open` prints. By default this machine's name and the port; in a container, whose name other"
        " devices do not know, set it.",
        examples=["http://nas:8090/"],
    )
    embed: Annotated[
        tuple[str, ...] | None, BeforeValidator(_listed), AfterValidator(lambda v: v and _origins(v))
    ] = Field(
        default=None,
        description="The web sites that may show a frame's page inside a page of theirs (`<iframe>`), such"
        " as Home Assistant. An empty list: none. By default all: without the token, such a page shows a"
        " pairing code and no photo.",
        examples=["[http://homeassistant.local:8123]"],
    )
    proxies: Annotated[
        SkipValidation[tuple[Network, ...]], BeforeValidator(_networks), BeforeValidator(_listed)
    ] = Field(
        default=(),
        description="Addresses or networks of your reverse proxies. What these say in `X-Forwarded-For`,"
        " `-Proto` and `-Host` is believed; from all others it is ignored. Needed for `family` behind a"
        " proxy: the limits for wrong links are counted by address, and cookies are marked as secure.",
        examples=["[127.0.0.1, 172.18.0.0/16]"],
    )


def _hook_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{20,200}", value.get_secret_value()):
        raise ValueError(
            "must have 20 to 200 letters, digits, `-` or `_`; `openssl rand -hex 16` prints a good one"
        )
    return value


class Webhooks(Options):
    """The listener of webhooks."""

    listen: Annotated[Listen, BeforeValidator(_listen)] | None = Field(
        default=None,
        description="Address and port to listen on; without an address, all addresses of the machine. By"
        " default webhooks are served on `web.listen`.",
        examples=['":8091"', '"127.0.0.1:8091"'],
    )
    url: Annotated[str, AfterValidator(_root_address)] | None = Field(
        default=None,
        description="The URL at which services reach this listener from outside. Only `picsync doctor` uses"
        " it, to check the route.",
        examples=["https://photos.example.org/"],
    )
    token: Annotated[SecretStr, AfterValidator(_hook_token)] | None = Field(
        default=None,
        description="A secret for services other than Dropbox: each `POST /hooks/<token>` starts the next"
        " cycle of all rules. Set it in the environment if other people can read this file. Absent by"
        " default.",
        examples=['"<token>"'],
    )


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


class NamedFrame(Options):
    """Common keys of every entry under `frames:`."""

    kind: str = Field(
        description="The kind of the frame; doc/frames.md has the kinds and their options.",
        examples=["folder"],
    )
    account: str | None = Field(
        default=None,
        description="The account that the frame belongs to, for kinds that need one. By default the "
        "account that is named after the kind.",
        examples=["grandpa"],
    )
    panel: PanelSize | None = Field(
        default=None,
        description="Width and height of the frame's display in pixels. Larger photos are reduced to it. "
        "Nixplay's default is 1920x1200, the largest display of its frames; a folder has none: photos keep "
        "their size.",
        examples=["1280x800"],
    )
    rendition: RenditionValue | None = Field(
        default=None,
        description="How photos are converted for this frame, unless a rule says otherwise; the values are "
        "those of a rule's `rendition`.",
        examples=["original", "{background: blur}"],
    )
    capacity: CapacitySettings | None = Field(
        default=None,
        description="How much picsync may keep on the frame. What does not fit is left out: what "
        "the rule's `select` wants least, or the oldest photos. Each rule has its `share`. While photos are "
        "exchanged, the frame holds up to a tenth more for a moment. doc/renditions.md explains it.",
        examples=["{bytes: 450MB}"],
    )


class Config(Options):
    """All of picsync.yaml."""

    albums: Annotated[tuple[AlbumRule, ...], AfterValidator(_rules_together)] = Field(
        default=(),
        description="The list of album rules; each keeps one album of the frame in sync with its sources. "
        "Required, unless there is another job: `organize` or `mirror`.",
        examples=["[{name: AllMyStuff, sources: {sharedlinks: [<link>]}}]"],
    )
    frames: Annotated[SkipValidation[Mapping[str, Entry]], BeforeValidator(_frame_entries)] = Field(
        default_factory=dict,
        description="Frames by names of your choice, each with its `kind` and options. The Nixplay account "
        "of the credentials file needs no entry: it is called `nixplay`.",
        examples=["{usb: {kind: folder, path: /mnt/usb/frame}}"],
    )
    every: Annotated[timedelta | None, BeforeValidator(_every)] = Field(
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
        tuple[Annotated[SecretStr, AfterValidator(_notify_url)], ...], BeforeValidator(_listed)
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

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Config:
        if isinstance(info.context, Checks) and info.context.known.frames:
            _frames_together(self, info.context.known)
        return self

    def frame(self, name: str, accounts: Mapping[str, str]) -> FrameSettings:
        """Return the frame with this name; `accounts` has the kind of each account by name."""
        entry = self.frames.get(name)
        if entry is None:
            return FrameSettings(name, accounts.get(name, name), name, None)
        values = entry.values
        account = values.get("account") or entry.kind
        return FrameSettings(
            name,
            entry.kind,
            account,
            entry.options,
            values.get("panel"),
            values.get("rendition"),
            values.get("capacity"),
        )
