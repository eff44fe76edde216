"""Kinds of sources and frames: what a package declares about itself, and what it receives to open one.

A kind belongs to the package that implements it. The registries `picsync.sources.kinds` and
`picsync.frames.kinds` list them all; configuration, credentials, environment variables, doctor, metrics and
documentation read the registries. Nothing here depends on a vendor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel

from picsync.config.credentials import Account
from picsync.core.buckets import BucketPlace
from picsync.core.caption import Captions
from picsync.core.events import Emit
from picsync.core.places import Reach
from picsync.core.recipe import Panel
from picsync.core.values import dataclass
from picsync.http.client import Hosts
from picsync.http.pace import Pace
from picsync.http.retry import Operation, Retrier, RetryPolicy

P_co = TypeVar("P_co", covariant=True)

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


def _knows_no_other(account: str, _entries: Mapping[str, Any]) -> Opening:
    raise LookupError(account)


@dataclass(frozen=True, slots=True)
class Opening:
    """The arguments for opening a source or frame."""

    account: Account
    entries: Mapping[str, Any]
    """Of a source: album ID -> the entry of picsync.yaml with this text, over all rules."""
    options: BaseModel | None
    """Of a frame: its entry under `frames:`; None if it has none."""
    hosts: Hosts
    emit: Emit
    sleep: Sleep
    """Used for all waiting for services."""
    own_folder: Path
    """Folder for files that are kept across restarts."""
    pace: Pace = field(default_factory=Pace)
    """The concurrency limits of the account."""
    name: str = ""
    """Of a frame: its name in picsync.yaml."""
    other: Callable[[str, Mapping[str, Any]], Opening] = _knows_no_other
    """Returns the arguments for opening another account, with these entries."""
    library: Path | BucketPlace | None = None
    """Where the family's uploads live; None without a library."""

    def retrier(self, policy: RetryPolicy | None = None) -> Retrier:
        """Return an object that retries requests according to `policy`."""
        return Retrier(policy or RetryPolicy(), emit=self.emit, pace=self.pace, sleep=self.sleep)


def _requires_nothing(_account: Account, _entries: Sequence[Any]) -> None:
    return


def _sends_nothing() -> Sequence[Operation]:
    return ()


def _has_no_places(_account: str, _entry: object) -> Sequence[Reach]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """How a service calls a webhook when something has changed in an account."""

    name: str
    """The last part of the path that it calls: `/hooks/<name>`."""
    challenge: str
    """The parameter of the request by which it checks the address; the response is the parameter's value."""
    require: Callable[[Account], object]
    """Raises ConfigError if the account lacks what is needed to recognise the calls."""
    signed_with: Callable[[Account], str]
    """The secret by which the calls for an account are recognised."""
    is_genuine: Callable[[str, bytes, Mapping[str, str]], bool]
    """Whether a call with this body and these headers was made by someone who knows the secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[P_co]):
    """A kind of source or frame."""

    name: str
    """Its key in picsync.yaml and the credentials file."""
    title: str
    """Its name in messages."""
    summary: str
    """Its purpose, in one sentence."""
    example: str
    """An example for picsync.yaml."""
    options: Any = None
    """Of a source: the type of one entry of its list; `str` of an entry is the album's ID.
    Of a frame: the model of its entry under `frames:`, without `kind` and `account`; None if it has none."""
    credentials: type[BaseModel] | None = None
    """The model of an account's section in the credentials file; None if it needs no account."""
    open: Callable[[Opening], P_co]
    """Opens the source or frame, without sending anything. Raises ConfigError if the account lacks something.
    """
    operations: Callable[[], Sequence[Operation]] = _sends_nothing
    """Every kind of request that it may send."""
    require: Callable[[Account, Sequence[Any]], object] = _requires_nothing
    """Raises ConfigError with everything that the account lacks for these entries."""
    login_command: str = ""
    """The login command that hints mention; for a named account it takes the option `--account`."""
    needs_entry: str = ""
    """Of a source that cannot list its albums: an example entry."""
    playlists: bool = False
    """Of a frame: whether it shows playlists instead of albums."""
    captions: Captions = Captions.NONE
    """Of a frame: whether it shows captions of its own."""
    keeps_order: bool = False
    """Of a frame without playlists: whether it can show photos in a given order."""
    pages: bool = False
    """Of a frame: whether it is shown by pages of `web.listen`."""
    rejects: bool = False
    """Of a frame: whether its viewers can say that they do not want a photo."""
    hook: Hook | None = None
    """How the service reports changes to a webhook; None if it does not."""
    panel: Panel | None = None
    """Of a frame: the pixels of its largest display; None if they are unknown."""
    stored: bool = False
    """Of a source: whether its places are in stores, whose accounts the places name."""
    places: Callable[[str, Any], Sequence[Reach]] = _has_no_places
    """The folders that an entry of an account reads, or that the options of a frame name to be filled."""
    clock: Callable[[], str] | None = None
    """The host whose responses contain the service's time, for the doctor; None if there is none."""


AnyKind: TypeAlias = Kind[Any]
