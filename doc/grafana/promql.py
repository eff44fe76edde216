"""What the dashboard asks Prometheus; the thresholds are those of the alerts in k8s/prometheusrule.yaml."""

from __future__ import annotations

SCOPE = 'job="$job", instance=~"$instance"'
ALBUM = f'{SCOPE}, album=~"$album"'
GOOGLE = f'{SCOPE}, service=~"Google Photos( \\\\(.+\\\\))?"'
"""All accounts; the name of one that is not called after its kind follows in parentheses."""
RULE = "album, frame"
"""The labels of an album rule on one of its frames."""


def of_album(name: str) -> str:
    """Return the selector of an album rule's metric, without the `picsync_`."""
    return f"picsync_{name}{{{ALBUM}}}"


RUNNING = of_album("cycle_running")
TRANSFERS = of_album("cycle_transfers")
INTERVAL = of_album("cycle_interval_seconds")
SINCE = of_album("rule_since_timestamp_seconds")
LAST = of_album("last_cycle_timestamp_seconds")
LAST_GOOD = of_album("last_good_cycle_timestamp_seconds")
NEXT = of_album("next_cycle_timestamp_seconds")
ON_FRAME = of_album("photos_on_frame")
IN_PLAYLIST = of_album("playlist_photos")
WANTED = of_album("photos_wanted")
OVERFLOW = of_album("playlist_overflow_photos")
HELD_FOR_PERSON = of_album("deletes_held_for_person")
HELD = f"sum without (reason) ({of_album('deletes_held')})"
DOWNLOADED = of_album("media_items_downloaded_total")
UPLOADED = of_album("photos_uploaded_total")

_STUCK = (
    f"(time() - ({LAST_GOOD} > 0 or {SINCE}) > 3 * ({INTERVAL} > 0))"
    f" unless (time() - {LAST} > 3 * {INTERVAL}"
    f" and increase({DOWNLOADED}[30m]) + increase({UPLOADED}[30m]) > 0)"
)

RIGHT, KEEPS_MORE, UNKNOWN, UPLOADING, MISSING, WAITS, TRYING, STUCK = range(8)
"""How an album rule stands, the best first."""


def standing(*labels: str) -> str:
    """Return the query for how album rules stand: by `labels`, the worst of each and first."""
    by_weight = (
        f"{STUCK} + 0 * ({_STUCK})",
        f"{WAITS} + 0 * ({HELD_FOR_PERSON} > 0)",
        f"{UPLOADING} + 0 * ({RUNNING} == 1 and {TRANSFERS} > 0)",
        f"{TRYING} + 0 * ({LAST} > {LAST_GOOD})",
        f"{MISSING} + 0 * ({WANTED} - {OVERFLOW} > {IN_PLAYLIST})",
        f"{UNKNOWN} + 0 * ({RUNNING} unless {ON_FRAME})",
        f"{KEEPS_MORE} + 0 * ({ON_FRAME} > {WANTED})",
        f"{RIGHT} * {RUNNING}",
    )
    return f"sort_desc(max by ({', '.join(labels)}) (\n  " + "\n  or ".join(by_weight) + "\n))"


_AGE = f"time() - ({LAST_GOOD} > 0)"
AGE = _AGE
AGE_IN_TIME = f"max by ({RULE}) ({_AGE} <= {INTERVAL} or {_AGE} and {INTERVAL} == 0)"
AGE_LATE = f"max by ({RULE}) ({_AGE} > {INTERVAL} <= 3 * {INTERVAL} and {INTERVAL} > 0)"
AGE_OVERDUE = f"max by ({RULE}) ({_AGE} > 3 * ({INTERVAL} > 0))"
NEVER_GOOD = f"max by ({RULE}) (-1 + 0 * ({LAST_GOOD} == 0))"
"""-1 for each rule without a good cycle."""


def per_row(expr: str) -> str:
    """Return a query for one value for each row of the table of albums."""
    return f"max by ({RULE}, instance) ({expr})"


def per_minute(name: str) -> str:
    """Return how often a minute what an album rule's counter counts happens."""
    return f"60 * sum(rate({of_album(name)}[$__rate_interval]))"


def rate(name: str, by: str, labels: str = SCOPE) -> str:
    """Return a counter's rate a second, by label."""
    return f"sum by ({by}) (rate(picsync_{name}{{{labels}}}[$__rate_interval]))"


LATENCY = (
    f"histogram_quantile(0.95, {rate('request_duration_seconds_bucket', 'service, operation, le')}) >= 0"
)
"""The comparison drops what was not asked for (NaN)."""

CYCLES = f"sum by (outcome) (increase({of_album('cycles_total')}[$__rate_interval])) > 0"

# Google counts by day and Cloud project; requests for tokens do not count.
GOOGLE_REQUESTS = (
    f'sum(increase(picsync_requests_total{{{GOOGLE}, operation!~"download|refresh_token"}}[1d])) / 10000'
)
GOOGLE_DOWNLOADS = f'sum(increase(picsync_requests_total{{{GOOGLE}, operation="download"}}[1d])) / 75000'
# A frame without playlists, such as a folder, has no limit, and no playlist that could be assigned.
FULLEST = f"topk(5, max by ({RULE}) ({IN_PLAYLIST} and {of_album('playlist_assigned')})) / 2000"

_FRAME_SEEN = f"max by (frame) (picsync_frame_last_seen_timestamp_seconds{{{SCOPE}}})"
FRAME_SEEN = f"sort_desc(clamp_min(time() - {_FRAME_SEEN}, 0))"
FRAME_NEVER_SEEN = f"max by (frame) (-1 + 0 * picsync_frame_pages{{{SCOPE}}}) unless {_FRAME_SEEN}"
"""-1 for each web frame that no device has ever had open."""
