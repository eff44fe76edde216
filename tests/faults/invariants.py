"""Invariants that are checked after every change and at every request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from picsync.emulators.nixplay import Nixplay, Photo
from picsync.http.retry import Operation

ALBUM = "Family"
PREFIX = "ss_"


class InvariantChecker:
    """Collects violations; changes made by hand are announced with `by_hand`."""

    def __init__(self, nixplay: Nixplay, wanted: Callable[[], set[str]]) -> None:
        self._nixplay = nixplay
        self._wanted = wanted
        self._has_shown: set[int] = set()
        self._held: Counter[str] = self._contents()
        self._dangling: set[int] = set()
        self._named: Counter[str] = Counter()
        self._shown: Counter[tuple[int, int]] = Counter()
        self._hands = False
        self.violations: list[str] = []
        nixplay.observers.append(self._changed)

    def by_hand(self, action: Callable[[], object]) -> None:
        """Allow a change that picsync must not make."""
        self._hands = True
        try:
            action()
        finally:
            self._hands = False
        self._has_shown = {each for each in self._has_shown if self._shows(each)}
        self._held = self._contents()
        self._named, self._shown = self._names(), self._entries()

    def asked(self, operation: Operation) -> None:
        """Check when a request arrives."""
        self._look(f"before {operation}")
        named = self._named_but_gone()
        for photo_id in named & self._dangling:
            self.violations.append(f"the deleted photo {photo_id} was still named before {operation}")
        self._dangling = named

    def _changed(self, _: Nixplay, change: str) -> None:
        if not self._hands:
            self._look(f"after {change}")

    def _look(self, when: str) -> None:
        account = self._nixplay.account()
        wanted = self._wanted()
        contents = self._contents()
        for md5 in self._held.keys() & wanted:
            if contents[md5] == 0:
                self.violations.append(f"a wanted photo was gone {when}")
        for md5, count in contents.items():
            if count > 1:
                self.violations.append(f"content was there {count} times {when}: {md5}")
        self._held = contents
        self._look_for_doubles(when)
        for playlist in account.playlists.values():
            if not playlist.name.startswith(PREFIX):
                continue
            if playlist.items:
                self._has_shown.add(playlist.playlist_id)
            elif playlist.playlist_id in self._has_shown and contents:
                self.violations.append(f"{playlist.name} was empty {when}")

    def _look_for_doubles(self, when: str) -> None:
        """Duplicates made by hand may remain, but no new one may appear."""
        names, entries = self._names(), self._entries()
        for name, count in names.items():
            if count > max(1, self._named[name]):
                self.violations.append(f"{count} things were named {name} {when}")
        for (playlist_id, photo_id), count in entries.items():
            if count > max(1, self._shown[playlist_id, photo_id]):
                self.violations.append(f"playlist {playlist_id} named {photo_id} {count} times {when}")
        self._named, self._shown = names, entries

    def _names(self) -> Counter[str]:
        account = self._nixplay.account()
        kept = {ALBUM, f"{PREFIX}{ALBUM}"}
        named = [f"album {each.name}" for each in account.albums.values() if each.name in kept]
        return Counter(
            named + [f"playlist {each.name}" for each in account.playlists.values() if each.name in kept]
        )

    def _entries(self) -> Counter[tuple[int, int]]:
        return Counter(
            (playlist.playlist_id, item.content.photo_id)
            for playlist in self._nixplay.account().playlists.values()
            if playlist.name.startswith(PREFIX)
            for item in playlist.items
            if isinstance(item.content, Photo)
        )

    def _shows(self, playlist_id: int) -> bool:
        playlist = self._nixplay.account().playlists.get(playlist_id)
        return playlist is not None and bool(playlist.items)

    def _contents(self) -> Counter[str]:
        names = [
            each.name.removeprefix(PREFIX)
            for each in self._nixplay.account().playlists.values()
            if each.name.startswith(PREFIX)
        ]
        albums = [each for each in self._nixplay.account().albums.values() if each.name in {*names, ALBUM}]
        return Counter(photo.md5 for album in albums for photo in album.photos.values())

    def _named_but_gone(self) -> set[int]:
        account = self._nixplay.account()
        return {
            item.content.photo_id
            for playlist in account.playlists.values()
            for item in playlist.items
            if isinstance(item.content, Photo) and item.content.photo_id not in account.photos
        }
