"""All metrics: name, labels and meaning, and which events change them. Nothing else writes to them.

The rules' health and the use of web frames are not events: they are read at each scrape.

Label values come from bounded sets: rules in force, kinds of sources, services, their operations, outcomes
and reasons; never photos. Metrics for alerts exist from the first scrape on; a gauge whose value is not known
yet is absent, not zero. A dry run counts as a cycle, but its predictions do not count.

`python -m picsync.observe.metrics doc/monitoring.md` updates the table of all metrics in the page.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Exposed
from prometheus_client.registry import Collector

from picsync.core.capacity import Storage
from picsync.core.choice import LeftOut
from picsync.core.errors import FailureCode
from picsync.core.events import (
    AccessToken,
    CacheMeasured,
    CacheRead,
    CacheWritten,
    ConfigApplied,
    ConfigRefused,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleScheduled,
    CycleStarted,
    Event,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Listed,
    LoggedIn,
    LoginRefused,
    PassFinished,
    PassKind,
    PassStarted,
    PhotoDeleted,
    PlaylistCreated,
    Published,
    RequestFinished,
    RequestOutcome,
    RetryScheduled,
    TransfersPlanned,
)
from picsync.core.mirrorstate import Why
from picsync.core.model import Certainty, Listing
from picsync.core.organize import Left
from picsync.core.plan import (
    HoldReason,
)
from picsync.core.select import Skip
from picsync.core.values import dataclass
from picsync.observe.health import Level, rule_health
from picsync.observe.status import Status
from picsync.observe.use import FrameUse, UploadUse

CYCLE_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds. A cycle without changes takes seconds, an initial sync hours."""
REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds, up to the two minutes for which picsync waits for Nixplay's upload monitor."""

BEGIN = "<!-- Made by `python -m picsync.observe.metrics doc/monitoring.md`; do not edit. -->"
END = "<!-- End of what is made. -->"

Labels: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's definition."""

    kind: type[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]
    name: str
    meaning: str
    labels: Labels
    buckets: tuple[float, ...] = ()
    """Upper bounds; only for a histogram."""

    @property
    def exposed(self) -> Labels:
        """The labels' names in the documentation: those of an album rule include the frame."""
        return ("album", "frame", *self.labels[1:]) if self.labels[:1] == ("album",) else self.labels


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(CounterMetricFamily, name, meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(GaugeMetricFamily, name, meaning, labels)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(HistogramMetricFamily, name, meaning, labels, buckets)


def _by(label: str, words: Iterable[str]) -> str:
    return f"by {label}: {', '.join(f'`{word}`' for word in words)}."


# --- times and outcomes of cycles -------------------------------------------------------------------
OUTCOMES = (*CycleOutcome, "refused")
"""Values of the label `outcome` of cycles. No cycle ends as `refused`, but dashboards and alerts made for
version 2 may read that series, so it exists and stays at 0."""
CYCLES = _counter(
    "picsync_cycles_total",
    f"Cycles ended, {_by('outcome', CycleOutcome)} `refused` is always 0 (kept for older dashboards).",
    *("album", "outcome"),
)
CYCLE_DURATION = _histogram(
    "picsync_cycle_duration_seconds", "Duration of cycles.", "album", buckets=CYCLE_BUCKETS
)
CYCLE_RUNNING = _gauge("picsync_cycle_running", "1 while a cycle of the rule is running.", "album")
CYCLE_TRANSFERS = _gauge(
    "picsync_cycle_transfers", "Media items that the running or last cycle planned to transfer.", "album"
)
INTERVAL = _gauge(
    "picsync_cycle_interval_seconds", "The rule's `every`; 0 if cycles are not repeated.", "album"
)
RULE_SINCE = _gauge(
    "picsync_rule_since_timestamp_seconds", "When this process started to apply the rule.", "album"
)
LAST_CYCLE = _gauge(
    "picsync_last_cycle_timestamp_seconds", "When a cycle last ended; 0 before the first.", "album"
)
LAST_GOOD = _gauge(
    "picsync_last_good_cycle_timestamp_seconds",
    "When a cycle last ended as `done` or `held`; 0 before the first.",
    "album",
)
LAST_CHANGE = _gauge(
    "picsync_last_change_timestamp_seconds",
    "When a cycle last changed photos or playlists on the frame; 0 before the first change.",
    "album",
)
NEXT_CYCLE = _gauge(
    "picsync_next_cycle_timestamp_seconds", "When the next cycle is due; in the past if it is late.", "album"
)

# --- results of the last cycle that compared both sides ---------------------------------------------
COMPLETE = _gauge(
    "picsync_listing_complete", "1 if the last cycle listed all source albums completely.", "album"
)
LISTED = _gauge(
    "picsync_media_items_listed", "Media items in the source albums, without duplicates.", "album"
)
SKIPPED = _gauge(
    "picsync_media_items_skipped",
    "Media items that are not sent to the frame, " + _by("reason", Skip),
    *("album", "reason"),
)
LEFT_OUT = _gauge(
    "picsync_photos_left_out",
    "Photos that the rule's `select` leaves out, " + _by("reason", LeftOut),
    *("album", "reason"),
)
STORAGE_BYTES = _gauge(
    "picsync_storage_bytes",
    "Storage of the frame: what the rule's photos use, what is planned, what is left, and the limit, where"
    " there is one. Sizes that are not known yet are estimated.",
    *("album", "amount"),
)
STORAGE_PHOTOS = _gauge(
    "picsync_storage_photos",
    "Photos on the frame: how many there are, are planned, are left, and are allowed, where that is limited.",
    *("album", "amount"),
)
WANTED = _gauge("picsync_photos_wanted", "Photos that should be on the frame.", "album")
ON_FRAME = _gauge("picsync_photos_on_frame", "Photos in the frame album.", "album")
OBSERVED = _counter(
    "picsync_photos_observed_total", "Photos in the frame album, added up over all cycles.", "album"
)
IN_PLAYLIST = _gauge("picsync_playlist_photos", "Entries of the playlist.", "album")
ON_A_FRAME = _gauge(
    "picsync_playlist_assigned",
    "1 if frames show the playlists that hold photos, 0 if one of them is on no frame; absent if not known.",
    "album",
)
OVERFLOW = _gauge("picsync_playlist_overflow_photos", "Photos that do not fit into the playlist.", "album")
HELD = _gauge("picsync_deletes_held", "Held deletes, " + _by("reason", HoldReason), "album", "reason")
HEALTH = _gauge(
    "picsync_rule_health",
    "1 for the rule's level as on the status page, 0 for the others, " + _by("level", Level),
    *("album", "level"),
)
HELD_FOR_PERSON = _gauge(
    "picsync_deletes_held_for_person", "Deletes that are held until the operator allows them.", "album"
)
STORAGE_FULL = _gauge("picsync_storage_full", "1 if the frame's storage quota is used up.", "album")

# --- transfers and changes, counted when they happen ------------------------------------------------
DOWNLOADED = _counter("picsync_media_items_downloaded_total", "Originals downloaded.", "album")
DOWNLOADED_BYTES = _counter("picsync_downloaded_bytes_total", "Size of these originals.", "album")
UPLOADED = _counter(
    "picsync_photos_uploaded_total", "Photos uploaded and confirmed by the frame's service.", "album"
)
UPLOADED_BYTES = _counter("picsync_uploaded_bytes_total", "Size of these photos.", "album")
ALREADY_THERE = _counter(
    "picsync_photos_already_there_total", "Media items whose content was already on the frame.", "album"
)
DELETED = _counter("picsync_photos_deleted_total", "Photos deleted from the frame album.", "album")
FAILURES = _counter("picsync_item_failures_total", "Failures of single media items or photos.", "album")
CREATED = _counter(
    "picsync_playlists_created_total", "Playlists created; each has to be assigned to a frame once.", "album"
)
PUBLISHED = _counter(
    "picsync_playlists_published_total",
    "Playlist changes that were verified by reading the playlist again.",
    "album",
)

# --- sources and cache --------------------------------------------------------------------------------
CERTAINTIES = tuple(Certainty)
READ_OUTCOMES = ("hit", "miss")
WRITE_OUTCOMES = ("inserted", "updated")
LISTINGS = _counter(
    "picsync_listings_total",
    "Listings of source albums, " + _by("certainty", CERTAINTIES),
    *("source", "certainty"),
)
LISTED_ITEMS = _counter(
    "picsync_listed_media_items_total", "Media items listed, added up over all listings.", "source"
)
LAST_LISTING = _gauge(
    "picsync_last_listing_media_items", "Media items in the most recently listed source album.", "source"
)
CACHE_READS = _counter(
    "picsync_cache_reads_total",
    "Media items looked up in the cache, " + _by("outcome", READ_OUTCOMES),
    *("source", "outcome"),
)
CACHE_WRITES = _counter(
    "picsync_cache_writes_total",
    "Mappings recorded in the cache, " + _by("outcome", WRITE_OUTCOMES),
    *("source", "outcome"),
)
CACHE_ENTRIES = _gauge("picsync_cache_entries", "Mappings in the cache.", "source")
CACHE_SIZE = _gauge("picsync_cache_size_bytes", "Size of the cache on disk; absent for a database server.")

# --- passes over files: organizing rules --------------------------------------------------------------
PASSES = _counter(
    "picsync_passes_total",
    "Passes over files ended, " + _by("outcome", CycleOutcome),
    *("rule", "outcome"),
)
PASS_RUNNING = _gauge("picsync_pass_running", "1 while a pass of the rule is running.", "rule")
PASS_INTERVAL = _gauge(
    "picsync_pass_interval_seconds", "The rule's `every`; 0 if passes are not repeated.", "rule"
)
PASS_LAST = _gauge(
    "picsync_last_pass_timestamp_seconds", "When a pass last ended; 0 before the first.", "rule"
)
PASS_GOOD = _gauge(
    "picsync_last_good_pass_timestamp_seconds",
    "When a pass last ended as `done`; 0 before the first.",
    "rule",
)
FILES_FOUND = _gauge("picsync_files_found", "Files that the last pass looked at.", "rule")
FILES_DONE = ("moved", "unsorted", "duplicates")
MIRRORED = ("sent", "moved", "deleted", "folders")
FILES = _counter(
    "picsync_files_moved_total", "Files moved, " + _by("target", FILES_DONE), *("rule", "target")
)
FILES_MIRRORED = _counter(
    "picsync_files_mirrored_total",
    "What mirrors did, " + _by("action", MIRRORED),
    *("rule", "action"),
)
FILES_HELD = _gauge(
    "picsync_file_deletes_held", "Files whose deletion waits for the operator's permission.", "rule"
)
FILES_LEFT = _gauge(
    "picsync_files_left",
    "Files that the last pass left, " + _by("reason", sorted({*Left, *Why})),
    *("rule", "reason"),
)
_OF_PASSES = (PASS_RUNNING, PASS_LAST, PASS_GOOD, PASS_INTERVAL, FILES_LEFT, FILES_FOUND, FILES_HELD)
"""Gauges that a rule no longer has once it is gone."""
FILES_FAILED = _counter("picsync_file_failures_total", "Failures of passes or of single files.", "rule")

# --- web frames -----------------------------------------------------------------------------------------
FRAME_PAGES = _gauge(
    "picsync_frame_pages", "Open pages of a web frame that listen for changes; others ask for them.", "frame"
)
FRAME_DEVICES = _gauge("picsync_frame_devices", "Devices that may show a web frame.", "frame")
FRAME_SEEN = _gauge(
    "picsync_frame_last_seen_timestamp_seconds",
    "When a device last had a web frame open; absent if none ever had.",
    "frame",
)
FRAME_PICTURES = _counter(
    "picsync_frame_pictures_sent_total", "Pictures that devices loaded from a web frame.", "frame"
)
FRAME_BYTES = _counter("picsync_frame_picture_bytes_sent_total", "Size of these pictures.", "frame")
UPLOADS = _counter(
    "picsync_uploads_total",
    "Files that the family has sent: `ready`, `duplicate` (the library had them) or `failed`.",
    "outcome",
)
UPLOAD_BYTES = _counter("picsync_upload_bytes_received_total", "Bytes of files that the family has sent.")
UPLOADS_WAITING = _gauge(
    "picsync_uploads_waiting",
    "Files that have arrived and are not in the library yet; it should return to 0.",
)
LIBRARY_AVAILABLE = _gauge(
    "picsync_library_available",
    "Whether the library of the family's uploads could be used when it was last needed.",
)

# --- services -----------------------------------------------------------------------------------------
REQUESTS = _counter(
    "picsync_requests_total",
    "Request attempts, " + _by("outcome", RequestOutcome),
    *("service", "operation", "outcome"),
)
REQUEST_DURATION = _histogram(
    "picsync_request_duration_seconds",
    "Duration of request attempts.",
    *("service", "operation"),
    buckets=REQUEST_BUCKETS,
)
RETRIES = _counter(
    "picsync_request_retries_total",
    "Requests retried after a transient failure.",
    *("service", "operation"),
)
LOGIN_OK = _gauge(
    "picsync_login_ok", "1 if the service accepts the login, 0 if the operator has to fix it.", "service"
)
TOKEN_EXPIRY = _gauge(
    "picsync_access_token_expiry_timestamp_seconds", "When the current access token expires.", "service"
)
TOKEN_REMAINING = _gauge(
    "picsync_access_token_remaining_seconds",
    "Seconds until the current access token expires; negative after that.",
    "service",
)

# --- configuration and process ------------------------------------------------------------------------
CONFIG_OK = _gauge(
    "picsync_config_last_reload_successful",
    "0 while a changed configuration or credentials file is refused and the old one is in force.",
)
CONFIG_AT = _gauge(
    "picsync_config_last_reload_success_timestamp_seconds", "When the current configuration was loaded."
)
CONFIG_PROBLEMS = _gauge(
    "picsync_config_problems", "Problems of the rejected configuration; 0 if it was accepted."
)
BUILD = _gauge("picsync_build_info", "Always 1; the label is the version of picsync.", "version")

METRICS = tuple(each for each in list(vars().values()) if isinstance(each, Metric))
"""All of picsync's own metrics, in the order of the documentation."""


class _Histogram:
    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        bounds = (*(f"{bound:g}" for bound in self._bounds), "+Inf")
        return list(zip(bounds, accumulate(self._counts), strict=True))


class Metrics(Collector):
    """Updates the metrics of a registry from events."""

    def __init__(self, registry: CollectorRegistry, *, now: Callable[[], float]) -> None:
        """`now` returns seconds since 1970."""
        self._now = now
        self._values: dict[Metric, dict[Labels, float]] = {metric: {} for metric in METRICS}
        self._histograms: dict[Metric, dict[Labels, _Histogram]] = {metric: {} for metric in METRICS}
        self._rules: frozenset[str] = frozenset()
        self._passes: frozenset[str] = frozenset()
        self._pairs: dict[str, tuple[str, str]] = {}
        """Rule -> album and frame."""
        self._dry: set[str] = set()
        self._status: Callable[[], Status] | None = None
        self._uses: Callable[[], Iterable[FrameUse]] = tuple
        self._upload_use: Callable[[], UploadUse | None] = lambda: None
        self._set(BUILD, 1, version("picsync"))
        self._config(())
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def expect(
        self, rules: Mapping[str, tuple[str, str]], *, every_s: Mapping[str, float] | None = None
    ) -> None:
        """Set the rules in force: adds series of new rules, and removes those of old ones.

        `rules` has the album and the frame of each rule by its name in events; `every_s` has the intervals in
        seconds, without rules that run once.
        """
        wanted = frozenset(rules)
        for rule in self._rules - wanted:
            self._end(rule)
        for rule in wanted - self._rules:
            self._begin(rule)
        self._rules = wanted
        self._pairs = dict(rules)
        for rule in wanted:
            self._set(INTERVAL, (every_s or {}).get(rule, 0), rule)

    def expect_passes(self, rules: Mapping[str, str], *, every_s: Mapping[str, float]) -> None:
        """Set the rules in force whose passes work on files, with their kinds."""
        for rule in self._passes - rules.keys():
            for metric in _OF_PASSES:
                series = self._values[metric]
                for labels in [labels for labels in series if labels[0] == rule]:
                    del series[labels]
        for rule in rules.keys() - self._passes:
            for outcome in CycleOutcome:
                self._add(PASSES, 0, rule, outcome)
            mirrors = rules[rule] == PassKind.MIRROR
            for what in MIRRORED if mirrors else FILES_DONE:
                self._add(FILES_MIRRORED if mirrors else FILES, 0, rule, what)
            if mirrors:
                self._set(FILES_HELD, 0, rule)
            self._add(FILES_FAILED, 0, rule)
            for metric in (PASS_RUNNING, PASS_LAST, PASS_GOOD):
                self._set(metric, 0, rule)
        self._passes = frozenset(rules)
        for rule in rules:
            self._set(PASS_INTERVAL, every_s.get(rule, 0), rule)

    def expect_accounts(self, services: Collection[str], sources: Collection[str]) -> None:
        """Set the services and source accounts in force; gauges of those that are gone end.

        Their counters stay: what was counted has happened.
        """
        for metric, names in ((LOGIN_OK, services), (TOKEN_EXPIRY, services), (LAST_LISTING, sources)):
            series = self._values[metric]
            for labels in [labels for labels in series if labels[0] not in names]:
                del series[labels]

    def watch(self, status: Callable[[], Status]) -> None:
        """Read the rules' health from `status` at each scrape."""
        self._status = status

    def watch_frames(self, uses: Callable[[], Iterable[FrameUse]]) -> None:
        """Read at each scrape how web frames are used; those that are gone have no series."""
        self._uses = uses

    def watch_uploads(self, use: Callable[[], UploadUse | None]) -> None:
        """Read at each scrape what the family has sent; without a library there are no series."""
        self._upload_use = use

    def expect_requests(self, operations: Iterable[tuple[str, str]]) -> None:
        """Start the series of these (service, operation) at zero, so that no request goes uncounted.

        Prometheus does not count a counter's first value as an increase.
        """
        for service, operation in operations:
            for outcome in RequestOutcome:
                self._add(REQUESTS, 0, service, operation, outcome)
            self._add(RETRIES, 0, service, operation)

    def read(self, event: Event) -> None:
        """Handle an event; events of rules that are not in force are ignored for rule metrics."""
        rule = event.report.rule if isinstance(event, CycleFinished) else getattr(event, "rule", None)
        if rule is not None and rule in self._rules:
            self._of_cycle(rule, event)
            self._of_items(rule, event)
        self._of_passes(event)
        self._of_sources(event)
        self._of_services(event)
        match event:
            case ConfigApplied():
                self._config(())
            case ConfigRefused(problems):
                self._config(problems, refused=True)

    def collect(self) -> Iterable[Exposed]:
        """Yield all metrics with their current values, for the registry."""
        self._values[TOKEN_REMAINING] = {
            labels: expiry - self._now() for labels, expiry in self._values[TOKEN_EXPIRY].items()
        }
        if self._status is not None:
            found = (rule_health(rule) for rule in self._status().rules)
            levels = {each.rule.name: each.level for each in found if each.rule.name in self._rules}
            self._values[HEALTH] = {
                (name, level): level is own for name, own in levels.items() for level in Level
            }
        self._use_frames(list(self._uses()))
        self._use_uploads(self._upload_use())
        for metric in METRICS:
            family = metric.kind(metric.name, metric.meaning, labels=metric.exposed)
            # Copies, since a scrape may come from another thread.
            if isinstance(family, HistogramMetricFamily):
                for labels, histogram in list(self._histograms[metric].items()):
                    family.add_metric(self._exposed(metric, labels), histogram.buckets(), histogram.sum)
            else:
                for labels, value in list(self._values[metric].items()):
                    family.add_metric(self._exposed(metric, labels), value)
            yield family

    def _use_frames(self, uses: Sequence[FrameUse]) -> None:
        self._values[FRAME_PAGES] = {(use.frame,): use.pages for use in uses}
        self._values[FRAME_DEVICES] = {(use.frame,): use.devices for use in uses}
        self._values[FRAME_PICTURES] = {(use.frame,): use.pictures_sent for use in uses}
        self._values[FRAME_BYTES] = {(use.frame,): use.bytes_sent for use in uses}
        self._values[FRAME_SEEN] = {(use.frame,): use.seen_at.timestamp() for use in uses if use.seen_at}

    def _use_uploads(self, use: UploadUse | None) -> None:
        if use is None:
            for metric in (UPLOADS, UPLOAD_BYTES, UPLOADS_WAITING, LIBRARY_AVAILABLE):
                self._values[metric] = {}
            return
        self._values[UPLOADS] = {(outcome,): count for outcome, count in use.settled.items()}
        self._values[UPLOAD_BYTES] = {(): use.bytes_received}
        self._values[UPLOADS_WAITING] = {(): use.waiting}
        self._values[LIBRARY_AVAILABLE] = {(): use.library_available}

    def _exposed(self, metric: Metric, labels: Labels) -> Labels:
        if metric.labels[:1] != ("album",):
            return labels
        album, frame = self._pairs.get(labels[0], (labels[0], ""))
        return (album, frame, *labels[1:])

    # --- events ---------------------------------------------------------------------------------------

    def _of_cycle(self, rule: str, event: Event) -> None:
        match event:
            case CycleStarted(_, dry_run):
                (self._dry.add if dry_run else self._dry.discard)(rule)
                self._set(CYCLE_RUNNING, 1, rule)
            case TransfersPlanned(_, transfers):
                self._set(CYCLE_TRANSFERS, len(transfers), rule)
            case CycleScheduled(_, at):
                self._set(NEXT_CYCLE, at.timestamp(), rule)
            case CycleFinished(report):
                self._add(CYCLES, 1, rule, report.outcome)
                self._observe(CYCLE_DURATION, report.duration_s, rule)
                self._set(CYCLE_RUNNING, 0, rule)
                self._set(LAST_CYCLE, self._now(), rule)
                if report.outcome.good:
                    self._set(LAST_GOOD, self._now(), rule)
                if report.changed and not report.dry_run:
                    self._set(LAST_CHANGE, self._now(), rule)
                self._set(COMPLETE, report.certainty is Certainty.COMPLETE, rule)
                if report.on_frame is not None:
                    self._compared(rule, report, report.on_frame)

    def _of_passes(self, event: Event) -> None:
        rule = event.report.rule if isinstance(event, PassFinished) else getattr(event, "rule", None)
        if rule not in self._passes:
            return
        match event:
            case PassStarted():
                self._set(PASS_RUNNING, 1, rule)
            case PassFinished(report):
                self._set(PASS_RUNNING, 0, rule)
                self._add(PASSES, 1, rule, report.outcome)
                self._set(PASS_LAST, self._now(), rule)
                if report.outcome.good:
                    self._set(PASS_GOOD, self._now(), rule)
                if report.dry_run:
                    return
                self._add(FILES_FAILED, len(report.failures), rule)
                self._set(FILES_FOUND, report.found, rule)
                if report.kind is PassKind.MIRROR:
                    self._set(FILES_HELD, report.held, rule)
                for what, number in report.done.items():
                    counter = FILES_MIRRORED if report.kind is PassKind.MIRROR else FILES
                    self._add(counter, number, rule, what)
                for labels in [each for each in self._values[FILES_LEFT] if each[0] == rule]:
                    self._set(FILES_LEFT, 0, *labels)
                for why, number in report.left.items():
                    self._set(FILES_LEFT, number, rule, why)

    def _compared(self, rule: str, report: CycleReport, on_frame: int) -> None:
        for metric, value in ((LISTED, report.listed), (WANTED, report.wanted), (OVERFLOW, report.overflow)):
            self._set(metric, value, rule)
        for skip in Skip:
            self._set(SKIPPED, report.skipped.get(skip, 0), rule, skip)
        for why, number in report.left_out.items():
            self._set(LEFT_OUT, number, rule, why)
        if report.storage is not None:
            self._stored(rule, report.storage)
        hold = report.hold
        for reason in HoldReason:
            self._set(HELD, len(hold.photos) if hold and hold.reason is reason else 0, rule, reason)
        self._set(HELD_FOR_PERSON, len(hold.photos) if hold and hold.needs_person else 0, rule)
        full = any(failure.code is FailureCode.QUOTA_EXCEEDED for failure in report.failures)
        self._set(STORAGE_FULL, full, rule)
        if not report.dry_run:
            self._set(ON_FRAME, on_frame, rule)
            self._add(OBSERVED, on_frame, rule)
            if report.in_playlist is not None:
                self._set(IN_PLAYLIST, report.in_playlist, rule)
                self._values[ON_A_FRAME].pop((rule,), None)
                if report.assigned is not None:
                    self._set(ON_A_FRAME, report.assigned, rule)

    def _stored(self, rule: str, storage: Storage) -> None:
        for amount, held in storage.amounts.items():
            for metric, value in ((STORAGE_BYTES, held.size_bytes), (STORAGE_PHOTOS, held.photos)):
                if value is not None:
                    self._set(metric, value, rule, amount)

    def _of_items(self, rule: str, event: Event) -> None:
        match event:
            case ItemDownloaded(_, _, size_bytes):
                self._add(DOWNLOADED, 1, rule)
                self._add(DOWNLOADED_BYTES, size_bytes, rule)
            case ItemFailed():
                self._add(FAILURES, 1, rule)
            case _ if rule in self._dry:
                return  # What follows is only predicted.
            case ItemUploaded(_, _, 0):
                self._add(ALREADY_THERE, 1, rule)
            case ItemUploaded(_, _, size_bytes):
                self._add(UPLOADED, 1, rule)
                self._add(UPLOADED_BYTES, size_bytes, rule)
            case PhotoDeleted():
                self._add(DELETED, 1, rule)
            case PlaylistCreated():
                self._add(CREATED, 1, rule)
            case Published():
                self._add(PUBLISHED, 1, rule)

    def _of_sources(self, event: Event) -> None:
        match event:
            case Listed(_, Listing(source, items=items, certainty=certainty)):
                self._outcome(LISTINGS, CERTAINTIES, certainty, source)
                self._add(LISTED_ITEMS, len(items), source)
                self._set(LAST_LISTING, len(items), source)
            case CacheRead(source, hits, misses):
                for outcome, count in zip(READ_OUTCOMES, (hits, misses), strict=True):
                    self._add(CACHE_READS, count, source, outcome)
            case CacheWritten(source, updated):
                self._outcome(CACHE_WRITES, WRITE_OUTCOMES, WRITE_OUTCOMES[updated], source)
            case CacheMeasured(entries, size_bytes):
                self._values[CACHE_ENTRIES] = {(source,): count for source, count in entries.items()}
                self._values[CACHE_SIZE] = {} if size_bytes is None else {(): size_bytes}

    def _of_services(self, event: Event) -> None:
        match event:
            case RequestFinished(service, operation, outcome, duration_s):
                self._outcome(REQUESTS, RequestOutcome, outcome, service, operation)
                self._observe(REQUEST_DURATION, duration_s, service, operation)
                self._add(RETRIES, 0, service, operation)
            case RetryScheduled(service, operation):
                self._add(RETRIES, 1, service, operation)
            case LoggedIn(service):
                self._set(LOGIN_OK, 1, service)
            case LoginRefused(service):
                self._set(LOGIN_OK, 0, service)
            case AccessToken(service, None):
                self._values[TOKEN_EXPIRY].pop((service,), None)
            case AccessToken(service, at) if at is not None:
                self._set(TOKEN_EXPIRY, at.timestamp(), service)
                if at.timestamp() > self._now():
                    # It is only reported after the service has accepted it in a request.
                    self._set(LOGIN_OK, 1, service)

    def _config(self, problems: Sequence[str], *, refused: bool = False) -> None:
        self._set(CONFIG_OK, not refused)
        self._set(CONFIG_PROBLEMS, len(problems))
        if not refused:
            self._set(CONFIG_AT, self._now())

    # --- series ---------------------------------------------------------------------------------------

    def _begin(self, rule: str) -> None:
        for metric in METRICS:
            if metric.kind is CounterMetricFamily and metric.labels == ("album",):
                self._add(metric, 0, rule)
        for metric in (CYCLE_RUNNING, LAST_CYCLE, LAST_GOOD, LAST_CHANGE, HELD_FOR_PERSON, STORAGE_FULL):
            self._set(metric, 0, rule)
        self._set(RULE_SINCE, self._now(), rule)
        self._histograms[CYCLE_DURATION][rule,] = _Histogram(CYCLE_BUCKETS)
        for outcome in OUTCOMES:
            self._add(CYCLES, 0, rule, outcome)
        for skip in Skip:
            self._set(SKIPPED, 0, rule, skip)
        for reason in HoldReason:
            self._set(HELD, 0, rule, reason)

    def _end(self, rule: str) -> None:
        for metric in METRICS:
            if metric.labels[:1] == ("album",):
                for series in (self._values[metric], self._histograms[metric]):
                    for labels in [labels for labels in series if labels[0] == rule]:
                        del series[labels]

    def _set(self, metric: Metric, value: float, *labels: str) -> None:
        self._values[metric][labels] = value

    def _add(self, metric: Metric, amount: float, *labels: str) -> None:
        series = self._values[metric]
        series[labels] = series.get(labels, 0) + amount

    def _outcome(self, metric: Metric, outcomes: Iterable[str], outcome: str, *labels: str) -> None:
        """Count one outcome; the others start at 0, so that their first count shows as an increase."""
        for each in outcomes:
            self._add(metric, each == outcome, *labels, each)

    def _observe(self, metric: Metric, value: float, *labels: str) -> None:
        self._histograms[metric].setdefault(labels, _Histogram(metric.buckets)).observe(value)


def table() -> str:
    """Return all metrics as a Markdown table, ending with a line break."""
    rows = (
        (
            f"`{metric.name}`",
            metric.kind.__name__.removesuffix("MetricFamily").lower(),
            ", ".join(f"`{label}`" for label in metric.exposed),
            metric.meaning,
        )
        for metric in METRICS
    )
    head = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def insert_table(page: str) -> str:
    """Return the page with the table between its markers; raises ValueError if they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(insert_table(target.read_text("utf-8")), "utf-8")
