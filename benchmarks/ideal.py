"""The wall time that the network alone would take, with unlimited CPU.

The model has three parts that follow one another:

- **Look.** The source of a rule: the album, then its pages, each named by the previous one. Nixplay: the
  login; the lists of albums and of playlists concurrently, once for all rules; then all pages of the album's
  photos and of the playlist concurrently, since their number is known. Both sides run concurrently.
- **Move.** Each photo is downloaded; a new one then gets an upload permission, is sent to the bucket and is
  awaited at the upload monitor. Photos pass through the steps in order, concurrently up to the limits, and
  share the bandwidth in that order. The receiver is opened during the first download, and a missing playlist
  is created during the last uploads.
- **Close.** After an upload the photos are counted and listed again, concurrently; after a change the
  playlist is read again, its slides concurrently with the list that contains it; before a delete the sources
  are listed again, which is what protects the frame and cannot be omitted. Deletes are concurrent up to the
  limit.

The photos of a folder or a picked album are on this machine: listing and reading them takes no time. Each
step takes the latency of its host, and bytes take what their bandwidth allows. Several rules run concurrently
in each part, but never with more concurrent requests to a host than the limit. The limits are those of
picsync.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from math import ceil

from benchmarks.operations import BUCKET, MONITOR, NIXPLAY_API
from benchmarks.scenes import API, Moved, SourceKind
from picsync.emulators.wireprofile import WireProfile

PHOTOS_PAGE = 500
SLIDES_PAGE = 100
_WORKERS = "workers"
"""Stands for the processes that convert photos."""
PLAYLIST_LIMIT = 2000
"""Limits of the services, as observed."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Maximum concurrent requests."""

    api: int
    """To each API."""
    downloads: int
    uploads: int
    """To the bucket."""
    processing: int
    """At the upload monitor."""
    photos: int
    """Photos between the request for an upload permission and the last of their bytes."""


SERIAL = Caps(1, 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Work:
    """The work of all rules together."""

    rules: int
    each: Moved
    """For one rule."""
    photo_bytes: int
    source: SourceKind = API
    sent_bytes: int = 0
    """Of a photo that is converted between download and upload; 0 if it is sent as it is."""
    render_s: float = 0.0
    """CPU seconds that converting takes."""
    processors: int = 1


def ideal_s(work: Work, profile: WireProfile, caps: Caps, *, one_at_a_time: bool = False) -> float:
    """Return the ideal wall time in seconds; with `one_at_a_time`, that of consecutive requests."""
    model = _Model(profile, caps)
    if one_at_a_time:
        return model.serial(work)
    return model.look(work) + model.move(work) + model.close(work)


@dataclass(frozen=True, slots=True)
class _Model:
    profile: WireProfile
    caps: Caps

    def look(self, work: Work) -> float:
        each, rules = work.each, work.rules
        pages = self._pages(each.on_frame)
        source = self._side_by_side(rules, chain=self._chain(work), host=work.source.host)
        creating = self._creating(each)
        rounds = 2 + self._rounds(creating, rules * creating)
        nixplay = self._latency(NIXPLAY_API) * (rounds + self._rounds(min(pages, 1), rules * pages))
        return max(source, nixplay)

    def move(self, work: Work) -> float:
        downloads, uploads = work.rules * work.each.downloads, work.rules * work.each.uploads
        if not downloads:
            return 0.0
        line = _Line(self.profile, self.caps, work)
        arrived = [line.download() for _ in range(downloads)]
        if not uploads:
            return arrived[-1]
        opened = self._latency(NIXPLAY_API)
        return max(line.upload(max(at, opened)) for at in arrived[:uploads])

    def close(self, work: Work) -> float:
        each, rules = work.each, work.rules
        if not each.uploads and not each.deletes:
            return 0.0
        after = each.on_frame + each.uploads
        api = self._latency(NIXPLAY_API)
        again = self._rounds(1, rules * (1 + ceil(max(after, 1) / PHOTOS_PAGE)))
        shown = ceil(min(after, PLAYLIST_LIMIT) / SLIDES_PAGE)
        publish = self._rounds(1, rules)
        read_back = self._rounds(1, rules * (1 + shown))
        total = api * (again + publish + read_back)
        if each.deletes:
            total += self._side_by_side(rules, chain=self._chain(work), host=work.source.host)
            total += api * self._rounds(1, rules * each.deletes)
        return total

    def serial(self, work: Work) -> float:
        each = work.each
        source = self._latency(work.source.host) * self._chain(work)
        after = each.on_frame + each.uploads
        calls = 2 * self._creating(each) + self._pages(each.on_frame)
        if each.uploads or each.deletes:
            shown = ceil(min(after, PLAYLIST_LIMIT) / SLIDES_PAGE)
            calls += 1 + ceil(max(after, 1) / PHOTOS_PAGE) + 1 + 1 + shown + each.deletes
            calls += 1 if each.uploads else 0
            source *= 2 if each.deletes else 1
        media = work.source.media_host
        photo = self._latency(media) + work.photo_bytes / self._rate(media)
        upload = sum(map(self._latency, (NIXPLAY_API, BUCKET, MONITOR))) + work.photo_bytes / self._rate(
            BUCKET
        )
        rule = source + self._latency(NIXPLAY_API) * calls + each.downloads * photo + each.uploads * upload
        return 3 * self._latency(NIXPLAY_API) + work.rules * rule

    def _side_by_side(self, rules: int, *, chain: int, host: str) -> float:
        return self._latency(host) * max(chain, ceil(rules * chain / self.caps.api))

    def _rounds(self, least: int, requests: int) -> int:
        return max(least, ceil(requests / self.caps.api))

    @staticmethod
    def _chain(work: Work) -> int:
        """Return how many requests of the source's listing follow one another."""
        return 1 + ceil(work.each.listed / work.source.page)

    @staticmethod
    def _creating(each: Moved) -> int:
        """Return 1 if the album and its playlist do not exist yet."""
        return 0 if each.on_frame else 1

    @staticmethod
    def _pages(count: int) -> int:
        return ceil(count / PHOTOS_PAGE) + ceil(min(count, PLAYLIST_LIMIT) / SLIDES_PAGE)

    def _latency(self, host: str) -> float:
        return _latency_s(self.profile, host)

    def _rate(self, host: str) -> float:
        return _rate(self.profile, host)


class _Line:
    """Photos that pass in order through steps with limited concurrency, and share bandwidth."""

    def __init__(self, profile: WireProfile, caps: Caps, work: Work) -> None:
        self._profile = profile
        self._bytes = {
            work.source.media_host: work.photo_bytes,
            BUCKET: work.sent_bytes or work.photo_bytes,
        }
        self._render_s = work.render_s
        self._media = work.source.media_host
        self._pipes = {self._media: 0.0, BUCKET: 0.0}
        self._places = {
            self._media: [0.0] * caps.downloads,
            NIXPLAY_API: [0.0] * caps.api,
            BUCKET: [0.0] * caps.uploads,
            MONITOR: [0.0] * caps.processing,
            _WORKERS: [0.0] * work.processors,
        }
        self._uploading = [0.0] * caps.photos

    def download(self) -> float:
        """Return when the next original has arrived."""
        return self._step(self._media, 0.0)

    def upload(self, ready_at: float) -> float:
        """Return when a photo that is ready then has been processed."""
        rendered = self._step(_WORKERS, ready_at) if self._render_s else ready_at
        leave = self._step(NIXPLAY_API, max(rendered, heapq.heappop(self._uploading)))
        stored = self._step(BUCKET, leave)
        heapq.heappush(self._uploading, stored)
        return self._step(MONITOR, stored)

    def _step(self, host: str, ready_at: float) -> float:
        spent_s = self._render_s if host == _WORKERS else _latency_s(self._profile, host)
        at = max(ready_at, heapq.heappop(self._places[host])) + spent_s
        if host in self._pipes:
            rate = _rate(self._profile, host)
            at = self._pipes[host] = max(at, self._pipes[host]) + self._bytes[host] / rate
        heapq.heappush(self._places[host], at)
        return at


def _latency_s(profile: WireProfile, host: str) -> float:
    distance = profile.hosts.get(host)
    return distance.latency_s if distance else 0.0


def _rate(profile: WireProfile, host: str) -> float:
    """Return the bytes per second that a host sends or receives."""
    distance = profile.hosts.get(host)
    if distance is None:
        return float("inf")
    return profile.pipes.get(distance.pipe_in or distance.pipe_out, float("inf"))
