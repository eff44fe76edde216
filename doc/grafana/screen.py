"""The panels and where they stand: one screen that answers, from top to bottom, the questions of an evening.

Is the frame up to date, and when did it last succeed? What is happening now? Is anything about to break?
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from doc.grafana import promql
from doc.grafana.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    About,
    Column,
    Query,
    bars,
    course,
    mapping,
    rows,
    tiles,
)

STANDING = mapping(
    {
        promql.RIGHT: ("up to date", GREEN),
        promql.KEEPS_MORE: ("right, keeps more", GREEN),
        promql.UNKNOWN: ("not known yet", BLUE),
        promql.UPLOADING: ("uploading", BLUE),
        promql.MISSING: ("photos missing", YELLOW),
        promql.WAITS: ("waits for permission", YELLOW),
        promql.TRYING: ("last cycle failed", ORANGE),
        promql.STUCK: ("stuck", RED),
    }
)
OUTCOMES = {
    "done": GREEN,
    "held": YELLOW,
    "failed": ORANGE,
    "login_needed": "purple",
    "stopped": GREY,
}
MIB = 2.0**20
RULE = "{{album}} on {{frame}}"


def add_frame(board: Dashboard) -> None:
    """Add the answer to whether the frame is right, and when it last was made so."""
    board.with_panel(
        tiles(
            About(
                "Is the frame up to date?",
                "Right: as of the last cycle, the frame's album and playlist hold exactly what the sources"
                " want. The worst comes first. Waits for you: deletes are held until you allow them."
                " Stuck: no good cycle for three intervals, as alert PicsyncNoGoodCycle says. Keeps more:"
                " photos that no source has any more stay, by `delete: false` or because picsync is not yet"
                " sure.",
                (0, 1, 7, 4),
                "none",
                empty="no picsync answers",
            ),
            Query(promql.standing(promql.RULE), RULE),
            mappings=STANDING,
        )
    )
    board.with_panel(
        tiles(
            About(
                "Last good cycle",
                "How long ago a cycle last ended as done or held. Yellow from one interval (`every`) on,"
                " red from three on. A first or bulk sync may well take longer than that: then see what is"
                " happening now.",
                (0, 5, 7, 4),
                "s",
                decimals=0,
                empty="no picsync answers",
            ),
            Query(promql.AGE_OVERDUE, RULE, RED),
            Query(promql.AGE_LATE, RULE, YELLOW),
            Query(promql.AGE_IN_TIME, RULE, GREEN),
            Query(promql.NEVER_GOOD, RULE, BLUE),
            mappings=mapping({-1: ("none yet", BLUE)}),
        )
    )
    _albums(board)
    board.with_panel(
        tiles(
            About(
                "Deletes held",
                "Photos that left their sources but stay on the frame until you allow deleting them:"
                " `picsync allow-deletes`, or raise `maxDelete`.",
                (19, 1, 2, 4),
                "none",
                ((1, YELLOW),),
                empty="?",
            ),
            Query(f"sum({promql.HELD_FOR_PERSON})", "for you"),
        )
    )
    board.with_panel(
        tiles(
            About(
                "picsync",
                "Whether Prometheus can scrape it, and whether the configuration files as they are now are"
                " in force.",
                (21, 1, 3, 4),
                "none",
                empty="not scraped",
            ),
            Query(f"min(up{{{promql.SCOPE}}})", "process"),
            Query(f"min(picsync_config_last_reload_successful{{{promql.SCOPE}}}) + 10", "configuration"),
            mappings=mapping(
                {0: ("down", RED), 1: ("up", GREEN), 10: ("refused", ORANGE), 11: ("in force", GREEN)}
            ),
        )
    )
    board.with_panel(
        tiles(
            About(
                "Logins",
                "Whether each service accepts our login. If not, nothing is synchronised until a person"
                " sees to it: `picsync googlephotos login`, or the password in .picsync-credentials.yaml.",
                (19, 5, 5, 4),
                "none",
                empty="not asked yet",
            ),
            Query(f"min by (service) (picsync_login_ok{{{promql.SCOPE}}})", "{{service}}"),
            mappings=mapping({0: ("login needed", RED), 1: ("accepted", GREEN)}),
        )
    )


def _albums(board: Dashboard) -> None:
    background = DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    words = DynamicConfigValue("mappings", json.loads(json.dumps(STANDING, cls=JSONEncoder)))
    duration = [DynamicConfigValue("unit", "s"), DynamicConfigValue("decimals", 0)]
    running = mapping({}, [(None, 0, "now", BLUE)])
    due = DynamicConfigValue("mappings", json.loads(json.dumps(running, cls=JSONEncoder)))
    board.with_panel(
        rows(
            About(
                "On the frame = in the playlist = wanted",
                "One row for each album rule and frame, the worst first, with what the last cycle found. No"
                " room: photos, the oldest, beyond the 2,000 that a playlist shows. Held: deletes kept back,"
                " for whatever reason.",
                (7, 1, 12, 8),
                "none",
                empty="no picsync answers",
            ),
            [
                Column("Album", 130, label="album"),
                Column("Frame", 90, label="frame"),
                Column(
                    "State",
                    110,
                    query=Query(promql.standing(promql.RULE, "instance")),
                    properties=[words, background],
                ),
                Column("On frame", 75, query=Query(promql.per_row(promql.ON_FRAME))),
                Column("In playlist", 80, query=Query(promql.per_row(promql.IN_PLAYLIST))),
                Column("Wanted", 70, query=Query(promql.per_row(promql.WANTED))),
                Column("No room", 70, query=Query(promql.per_row(promql.OVERFLOW))),
                Column("Held", 60, query=Query(promql.per_row(promql.HELD))),
                Column("Last good", 90, query=Query(promql.per_row(promql.AGE)), properties=duration),
                Column(
                    "Next in",
                    80,
                    query=Query(promql.per_row(f"{promql.NEXT} - time()")),
                    properties=[*duration, due],
                ),
                Column("Instance", 110, label="instance"),
            ],
        )
    )


def add_cycles(board: Dashboard) -> None:
    """Add what is happening now, in terms of picsync."""
    board.with_panel(
        tiles(
            About(
                "Now",
                "Cycles under way, how many media items they set out to transfer, and when the next cycle"
                " is due.",
                (0, 10, 3, 5),
                "none",
                base=BLUE,
                decimals=0,
                empty="none due",
            ),
            Query(f"sum({promql.RUNNING})", "cycles running"),
            Query(f"sum({promql.RUNNING} * {promql.TRANSFERS}) or 0 * sum({promql.RUNNING})", "to transfer"),
            Query(f"min({promql.NEXT} - time() > 0)", "next cycle in", unit="s"),
        )
    )
    panel = course(
        About(
            "Cycles by outcome",
            "Cycles that ended, by Grafana's rate interval. `done` and `held` are good; `failed` says"
            " why in the log; `login_needed` waits for a person.",
            (3, 10, 7, 5),
            "short",
            decimals=0,
        ),
        Query(promql.CYCLES, "{{outcome}}"),
        stacked=True,
    )
    for outcome, color in OUTCOMES.items():
        fixed = {"mode": "fixed", "fixedColor": color}
        panel.override_by_name(outcome, [DynamicConfigValue("color", fixed)])
    board.with_panel(panel)
    board.with_panel(
        course(
            About(
                "Transfers",
                "Photos a minute, the moment they move. In the steady state there is nothing to see here.",
                (10, 10, 7, 5),
                "suffix: /min",
            ),
            Query(promql.per_minute("media_items_downloaded_total"), "downloaded", BLUE),
            Query(promql.per_minute("photos_uploaded_total"), "uploaded", GREEN),
            Query(promql.per_minute("photos_already_there_total"), "already there", GREY),
            Query(promql.per_minute("photos_deleted_total"), "deleted", YELLOW),
            Query(promql.per_minute("item_failures_total"), "failed", RED),
        )
    )
    board.with_panel(
        course(
            About(
                "Photos",
                "Of all albums on display, as of their last cycles: the three lines should be one.",
                (17, 10, 7, 5),
                "short",
                decimals=0,
            ),
            Query(f"sum({promql.WANTED})", "wanted", ORANGE),
            Query(f"sum({promql.ON_FRAME})", "on the frame", BLUE),
            Query(f"sum({promql.IN_PLAYLIST})", "in the playlist", GREEN),
        )
    )


def add_requests(board: Dashboard) -> None:
    """Add how the services answer."""
    board.with_panel(
        course(
            About(
                "Requests by outcome",
                "Attempts a second. Refused: an answer that repeating would not change. Failed: no answer,"
                " or one that says to come back later.",
                (0, 15, 7, 5),
                "reqps",
            ),
            Query(promql.rate("requests_total", "service, outcome"), "{{service}} {{outcome}}"),
        )
    )
    board.with_panel(
        course(
            About(
                "Request latency, 95th percentile",
                "How long all but the slowest 5 % of attempts took, from the histogram's buckets. Nixplay"
                " processes uploads for up to two minutes (await_processing).",
                (7, 15, 10, 5),
                "s",
                ((30, YELLOW), (120, RED)),
            ),
            Query(promql.LATENCY, "{{service}} {{operation}}"),
            limit=True,
            beside=True,
        )
    )
    board.with_panel(
        course(
            About(
                "Retries",
                "Requests a minute that are asked again after a failure that may pass. A few are nothing to"
                " worry about; many for hours mean that a service is in trouble or that we ask too fast.",
                (17, 15, 7, 5),
                "suffix: /min",
            ),
            Query(
                f"60 * {promql.rate('request_retries_total', 'service, operation')} > 0",
                "{{service}} {{operation}}",
            ),
            stacked=True,
        )
    )


def add_limits(board: Dashboard) -> None:
    """Add what may run out."""
    nearly = ((0.8, YELLOW), (1, RED))
    board.with_panel(
        bars(
            About(
                "Google's quota, last 24 hours",
                "Of 10,000 API requests and 75,000 downloads that Google allows a Cloud project each day, by"
                " all accounts together"
                " (its day ends at midnight in California). Beyond, it answers 429 until the next day: raise"
                " `every`.",
                (0, 21, 4, 4),
                "percentunit",
                nearly,
                decimals=1,
                empty="no Google Photos",
            ),
            Query(promql.GOOGLE_REQUESTS, "requests"),
            Query(promql.GOOGLE_DOWNLOADS, "downloads"),
        )
    )
    board.with_panel(
        bars(
            About(
                "Fullest playlists",
                "Of the 2,000 photos that Nixplay shows of a playlist; the oldest beyond that are left out."
                " To show all, split the album into two rules.",
                (4, 21, 4, 4),
                "percentunit",
                ((0.95, YELLOW), (1, RED)),
                decimals=1,
                empty="not known yet",
            ),
            Query(promql.FULLEST, RULE),
        )
    )
    board.with_panel(
        tiles(
            About(
                "Web frames last seen",
                "How long ago a device last had the page of a web frame open. Yellow from a day on, as alert"
                " PicsyncFrameNotSeen says: the tablet may be switched off, without network, or at another"
                " page. `picsync frame tokens NAME` lists its devices.",
                (8, 21, 4, 4),
                "s",
                ((86_400, YELLOW),),
                decimals=0,
                empty="no web frame",
            ),
            Query(promql.FRAME_SEEN, "{{frame}}"),
            Query(promql.FRAME_NEVER_SEEN, "{{frame}}"),
            mappings=mapping({-1: ("never", BLUE)}),
        )
    )
    board.with_panel(
        tiles(
            About(
                "Access token expires in",
                "Tokens live for an hour and are renewed when they are next needed, so a negative value"
                " between cycles is fine. It is the login (above) that tells whether renewing still works.",
                (12, 21, 3, 4),
                "s",
                decimals=0,
                empty="no token yet",
            ),
            Query(
                f"min by (service) (picsync_access_token_remaining_seconds{{{promql.SCOPE}}})",
                "{{service}}",
                GREEN,
            ),
            mappings=mapping({}, [(None, 0, "renewed when needed", BLUE)]),
        )
    )
    board.with_panel(
        tiles(
            About(
                "Cache",
                "Size on disk of what is known of photos; absent for a database server.",
                (15, 21, 3, 4),
                "bytes",
                ((500_000_000, YELLOW),),
                empty="not on disk",
            ),
            Query(f"sum(picsync_cache_size_bytes{{{promql.SCOPE}}})", "cache"),
            graph=True,
        )
    )
    board.with_panel(
        tiles(
            About(
                "Memory",
                "Resident memory of the process; the deployment in k8s/ allows it 256 MiB.",
                (18, 21, 3, 4),
                "bytes",
                ((200 * MIB, YELLOW), (240 * MIB, RED)),
                empty="not scraped",
            ),
            Query(f"max(process_resident_memory_bytes{{{promql.SCOPE}}})", "memory"),
            graph=True,
        )
    )
    board.with_panel(
        tiles(
            About(
                "Open files",
                "File descriptors in use, of those that the process may open.",
                (21, 21, 3, 4),
                "percentunit",
                ((0.5, YELLOW), (0.8, RED)),
                decimals=2,
                empty="not scraped",
            ),
            Query(
                f"max(process_open_fds{{{promql.SCOPE}}} / process_max_fds{{{promql.SCOPE}}})", "of the limit"
            ),
            graph=True,
        )
    )
