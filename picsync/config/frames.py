"""The settings of frames, and the checks of which rule goes to which frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, SkipValidation, ValidationInfo

from picsync.config.known import Checks, Known
from picsync.config.named import Entry, Problems, read_entries_of_kinds
from picsync.config.options import Options
from picsync.config.renditions import TEXT, PanelSize, RenditionSettings, RenditionValue
from picsync.config.rules import AlbumRule, equal_name
from picsync.config.shape import closest
from picsync.config.storage import CapacitySettings
from picsync.core.model import job_name
from picsync.core.recipe import Panel
from picsync.core.values import dataclass


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


def _frame_entries(value: object, info: ValidationInfo) -> object:
    if not isinstance(info.context, Checks):
        return value
    return read_entries_of_kinds(value, info.context.known.frames, noun="frame", shared=NamedFrame)


FrameEntries: TypeAlias = Annotated[SkipValidation[Mapping[str, Entry]], BeforeValidator(_frame_entries)]


def frame_settings(entries: Mapping[str, Entry], name: str, accounts: Mapping[str, str]) -> FrameSettings:
    """Return the frame with this name; `accounts` has the kind of each account by name."""
    entry = entries.get(name)
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


def check_frames(frames: Mapping[str, Entry], rules: Sequence[AlbumRule], known: Known) -> None:
    """Check which rule goes to which frame; raises ValidationError."""
    problems = Problems()
    for name, frame in frames.items():
        account = frame.values.get("account", frame.kind)
        if not isinstance(account, str) or known.accounts.get(account, account) != frame.kind:
            problems.add(("frames", name, "account"), _no_account(account, frame.kind, known), account)
        elif name != account and (other := _other_meaning(name, known)):
            own = f", or add `account: {name}`" if known.accounts.get(name) == frame.kind else ""
            problems.add(("frames", name), f"{other}; choose another name{own}", name)
    pairs: dict[tuple[object, ...], tuple[int, str]] = {}
    jobs: dict[str, str] = {}
    for at, rule in enumerate(rules):
        for place, name in enumerate(rule.frames):
            if name not in frames and not known.is_frame(name):
                problems.add(("albums", at, "frames", place), _no_frame(name, frames, known), name)
            called = job_name(rule.name, name)
            if jobs.setdefault(called, rule.name) != rule.name:
                message = f"is called {called[:60]!r} on this frame, as another rule is; rename one of them"
                problems.add(("albums", at, "name"), message, rule.name)
            pair = (equal_name(rule.name), frame_settings(frames, name, known.accounts).place)
            earlier, before = pairs.setdefault(pair, (at, name))
            if message := _same_frame(rule, place, before, earlier=earlier < at):
                problems.add(("albums", at, "frames", place), message, name)
    _captions_as_text(frames, rules, known, problems)
    problems.check("frames")


def _captions_as_text(
    frames: Mapping[str, Entry], rules: Sequence[AlbumRule], known: Known, problems: Problems
) -> None:
    """Add a problem for each frame that is to show captions, and cannot."""
    for name, frame in frames.items():
        if _as_text(frame.values.get("rendition")) and frame.kind not in known.captioned:
            problems.add(("frames", name, "rendition", "captionAs"), _no_captions(name, frame.kind), TEXT)
    for at, rule in enumerate(rules):
        kinds = {name: frame_settings(frames, name, known.accounts).kind for name in rule.frames}
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


def _no_frame(name: str, entries: Mapping[str, Entry], known: Known) -> str:
    kind = known.accounts.get(name, name)
    if kind in known.frames:
        return (
            f"`{name}` needs an entry under `frames:` at the top level, with `kind: {kind}` and its options"
        )
    if name in known.sources:
        return f"`{name}` is a source, not a frame; name it under `sources:`"
    frames = [*entries, *(one for one in {**known.frames, **known.accounts} if known.is_frame(one))]
    meant = closest(name, frames)
    hint = f"; did you mean `{meant}`?" if meant else f"; known here: {', '.join(dict.fromkeys(frames))}"
    return f"`{name[:60]}` is not a frame{hint}"
