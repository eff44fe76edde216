"""The source port for Immich."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import field

import httpx

from picsync.config.credentials import Account
from picsync.core.errors import FailureCode, ItemError, LoginNeeded, PicsyncError, RefusedError
from picsync.core.events import Emit, ListingProgress, LoggedIn, LoginRefused
from picsync.core.model import Finding, Listing, MediaItem, SourceAlbum
from picsync.core.values import dataclass
from picsync.http.allowed import AllowedHosts
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import Retrier, RetryPolicy
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.immich import names
from picsync.sources.immich.address import ServerAddress, SharedLinkAddress
from picsync.sources.immich.api import OPERATIONS, TITLE, Access, ImmichApi
from picsync.sources.immich.examination import examined
from picsync.sources.immich.links import list_link
from picsync.sources.immich.listing import known_version, list_entry
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.renditions import THUMBNAIL, WatchedSink
from picsync.sources.immich.searching import Collected

__all__ = ["KIND", "OPERATIONS", "ImmichLogin", "ImmichSource"]

KIND = "immich"
TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 15.0
_BY_KEY = "key"
_NO_KEY = "no key"


@dataclass(frozen=True, slots=True)
class ImmichLogin:
    """Access data from the credentials file."""

    server: str = ""
    """As the user wrote it; empty if there are only shared links."""
    api_key: str = field(default="", repr=False)
    link_password: str = field(default="", repr=False)
    """For shared links that require one."""
    account: Account = field(default_factory=lambda: Account("immich", "immich"))
    """The account's name, for messages."""


class ImmichSource:
    """Albums, people, tags and favourites of one server, and shared links of any server."""

    def __init__(
        self,
        login: ImmichLogin,
        *,
        entries: Mapping[str, ImmichEntry],
        hosts: Hosts,
        retrier_for: Callable[[RetryPolicy], Retrier],
        emit: Emit,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Create it without sending anything; `timeout_s` limits how long a server may stay silent.

        Raises ValueError if the server's address is invalid.
        """
        self._login = login
        self._server = ServerAddress.parse(login.server) if login.server else None
        self._entries = entries
        self._hosts = hosts
        self._retrier = retrier_for(RetryPolicy())
        self._emit = emit
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S), pool=None)
        self._apis: dict[str, ImmichApi] = {}
        self._libraries: dict[str, set[str]] = {}
        """External libraries that each link to single pictures has shown so far."""
        self._misnamed: set[tuple[str, str]] = set()
        """ID and version of items whose originals no frame shows, whatever their file names."""
        self._rated: set[str] = set()
        """Entries whose ratings are needed."""
        self._accepted = False
        """Whether the last word on the login was that it is accepted."""
        self._capabilities = SourceCapabilities(kind=KIND, title=TITLE, videos=True)

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""
        return self._capabilities

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the user's own albums and those that others share with the user; see the port."""
        api = self._by_key()
        for album in await names.albums(api, await known_version(api)):
            entry = ImmichEntry(album=album.id)
            yield SourceAlbum(str(entry), album.album_name, album.asset_count)

    def list_ratings(self, album_id: str) -> None:
        """Have listings of an entry contain ratings from now on; see the port."""
        self._rated.add(album_id)

    async def list(self, album_id: str) -> Listing:
        """List what an entry shows; see the port."""
        entry = self._entries.get(album_id) or ImmichEntry.model_validate(album_id)
        address = entry.address
        through = _BY_KEY if address is None else str(address)
        collected = Collected(
            KIND, entry.rendition, through, self._progress, title=album_id, ratings=album_id in self._rated
        )
        problem: str | None
        cause: FailureCode | None = None
        try:
            if address is None:
                problem = await list_entry(self._by_key(), entry, collected)
            else:
                libraries = self._libraries.setdefault(album_id, set())
                problem = await list_link(
                    self._by_link(address), collected, self._login.link_password, libraries
                )
        except LoginNeeded as error:
            self._accepted = False
            self._emit(LoginRefused(TITLE, error.message, error.hint))
            raise
        except PicsyncError as error:
            problem, cause = str(error), error.code
        else:
            if address is None and not self._accepted:
                self._accepted = True
                self._emit(LoggedIn(TITLE))
        return Listing(KIND, album_id, collected.visible_items(), problem, cause)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Write Immich's thumbnail to `sink`; see the port."""
        api = self._apis.get(item.url.partition(" ")[0])
        if api is None:
            raise ItemError("Immich has not listed it since picsync started.")
        await self._bring(api, f"/assets/{item.item_id}/{THUMBNAIL}", sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Write an asset's bytes, in its entry's rendition, to `sink`; see the port."""
        through, *paths = item.url.split(" ")
        api = self._apis.get(through)
        if api is None:
            raise ItemError("Immich has not listed it since picsync started.")
        path, *instead = paths
        if not instead:
            await self._bring(api, path, sink)
            return
        misnamed = (item.item_id, item.version)
        if misnamed not in self._misnamed:
            watched = WatchedSink(sink)
            await self._bring(api, path, watched)
            if watched.showable:
                return
            self._misnamed.add(misnamed)
        await self._bring(api, instead[0], sink)

    async def _bring(self, api: ImmichApi, path: str, sink: Sink) -> None:
        try:
            await api.download(path, sink)
        except RefusedError as error:
            if error.status not in (400, 404, 410):
                # A missing permission concerns all items.
                raise LoginNeeded(error.message, hint=error.hint) from error
            raise _unavailable(path, error) from error

    async def reach(self) -> None:
        """Raise PicsyncError unless Immich responds at the server's address; sends no key."""
        if self._server is not None:
            await known_version(self._apis.get(_NO_KEY) or self._open(_NO_KEY, self._server, Access()))

    async def examine(self) -> Sequence[Finding]:
        """Check the server's version and the key's permissions; see the port."""
        if self._server is None or all(entry.address for entry in self._entries.values()):
            return []
        return await examined(self._by_key(), self._server, list(self._entries.values()))

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
        for api in self._apis.values():
            await api.aclose()

    def _progress(self, title: str, count: int, total: int | None) -> None:
        self._emit(ListingProgress(TITLE, title, count, total))

    def _by_key(self) -> ImmichApi:
        if self._server is None or not self._login.api_key:
            raise LoginNeeded(
                "There is no Immich server or no API key in the credentials file.",
                hint=f"Write them there: {self._login.account.example('server: <address>, api_key: <key>')}.",
            )
        headers = {"x-api-key": self._login.api_key}
        return self._apis.get(_BY_KEY) or self._open(
            _BY_KEY, self._server, Access(headers, section=self._section)
        )

    @property
    def _section(self) -> str:
        return self._login.account.section_name

    def _by_link(self, address: SharedLinkAddress) -> ImmichApi:
        name = str(address)
        access = Access(query={address.query: address.value}, by_link=True, section=self._section)
        return self._apis.get(name) or self._open(name, address.server, access)

    def _open(self, name: str, server: ServerAddress, access: Access) -> ImmichApi:
        emulator, url = self._hosts.emulator, str(server)
        if emulator and not f"{url}/".startswith(f"{emulator}/"):
            url = f"{self._hosts.url(server.host)}{server.path}"
        # Each has its own client: a link's cookie opens that link only.
        http = HttpClient(
            self._retrier,
            allowed=AllowedHosts(origin=emulator or server.origin),
            timeout=self._timeout,
        )
        self._apis[name] = ImmichApi(f"{url}/api", http, access)
        return self._apis[name]


def _unavailable(path: str, error: RefusedError) -> ItemError:
    if "/thumbnail" in path and error.status == 404:
        return ItemError("Immich has no preview of it yet.", hint="The next cycle tries again.")
    if error.status == 404:
        return ItemError("Immich knows the asset, but not its bytes.", hint="The next cycle tries again.")
    return ItemError("It is no longer in Immich.", hint="The next cycle tries again.")
