"""Statuses that an operator may see, each from real events sent to a StatusBoard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from picsync.core.errors import ItemError, LoginNeeded, TransientError
from picsync.core.events import (
    About,
    AccessToken,
    ConfigApplied,
    ConfigRefused,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleScheduled,
    CycleStarted,
    Event,
    Failure,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Listed,
    LoggedIn,
    LoginRefused,
    Notice,
    NoticeKind,
    Published,
    RetryScheduled,
    Stopping,
    TransfersPlanned,
)
from picsync.core.model import Certainty, Digest, FramePhoto, Listing, MediaItem, Photos
from picsync.core.plan import (
    Rule,
    Situation,
    Transfer,
    plan_changes,
)
from picsync.core.select import Candidate, Skip
from picsync.observe.status import RuleStatus, Status, StatusBoard
from picsync.observe.words import event_sentence

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
ALBUM_IDS = [f"AF1Qip{'xYz0Lk9' * 6}{number:02}" for number in range(3)]
HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe\x1b[31m"


class StatusBuilder:
    """A board, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START
        self.board = StatusBoard("3.0.0", lambda: self.now, event_sentence)

    def expect(self, *names: str, dry_run: bool = False) -> None:
        """Have rules in force, the first of them with two source albums."""
        ids = [ALBUM_IDS[:2], *([album_id] for album_id in [ALBUM_IDS[2]] * len(names))]
        rules = {
            name: RuleStatus(name, {"googlephotos": ids[place]}, dry_run=dry_run)
            for place, name in enumerate(names)
        }
        self.board.expect(rules)
        self.tell(ConfigApplied(tuple(names)))

    def tell(self, *events: Event, after_s: float = 0.0) -> None:
        """Let something happen, some time later."""
        self.now += timedelta(seconds=after_s)
        for event in events:
            self.board.read(event)

    def finish(self, report: CycleReport, every_s: float = 3600.0) -> None:
        """End a cycle and plan the next one."""
        self.tell(CycleFinished(report))
        self.tell(CycleScheduled(report.rule, self.now + timedelta(seconds=every_s)))

    def cycle(self, report: CycleReport, *, after_s: float = 1.0) -> None:
        """Run a cycle in which nothing travels."""
        self.tell(CycleStarted(report.rule, report.dry_run), after_s=after_s)
        problem = None if report.certainty is Certainty.COMPLETE else "The second page was cut off."
        listing = Listing("googlephotos", ALBUM_IDS[0], tuple(map(item, range(report.listed))), problem)
        self.tell(Listed(report.rule, listing), TransfersPlanned(report.rule, ()))
        self.now += timedelta(seconds=report.duration_s)
        self.finish(report)


def report_of(rule: str, count: int, **changes: object) -> CycleReport:
    """Return the report of a cycle that found everything in place, with `changes`."""
    report = CycleReport(
        rule, CycleOutcome.DONE, duration_s=1.9, listed=count, wanted=count, on_frame=count, in_playlist=count
    )
    return replace(report, **changes)  # type: ignore[arg-type] # each test names fields of CycleReport


def item(number: int) -> MediaItem:
    return MediaItem("googlephotos", f"item-{number}", filename=f"IMG_{4000 + number}.HEIC")


def photo(number: int, filename: str = "") -> FramePhoto:
    return FramePhoto(
        f"secret-id-{number}", Digest.md5(f"{number:032x}"), filename or f"IMG_{4000 + number}.HEIC"
    )


def held(rule: str, wanted: int, surplus: int) -> CycleReport:
    """Return the report of a cycle whose deletes the brake holds."""
    photos = [photo(number) for number in range(wanted + surplus)]
    candidates = [Candidate(item(number), photos[number].digest) for number in range(wanted)]
    plan = plan_changes(Rule(rule), Situation(candidates, [], Photos(tuple(photos)), []))
    total = wanted + surplus
    return report_of(
        rule, wanted, outcome=CycleOutcome.HELD, on_frame=total, in_playlist=total, hold=plan.hold
    )


def first_start() -> StatusBuilder:
    """Three rules, of which one is being compared for the first time."""
    builder = StatusBuilder()
    builder.expect("Grandma", "Uncle Rafał & family", "Cabin")
    builder.tell(CycleStarted("Grandma", dry_run=False), after_s=2)
    builder.now += timedelta(seconds=1)
    return builder


def at_rest(*names: str) -> StatusBuilder:
    """All rules in place, for a day."""
    builder = StatusBuilder()
    builder.expect(*(names or ("Grandma", "Uncle Rafał & family")))
    builder.tell(LoggedIn("Nixplay"), AccessToken("Google Photos", START + timedelta(hours=1)), after_s=2)
    for hour in range(24):
        for place, name in enumerate(builder.board.status().rules):
            report = report_of(name.name, 1204 - 900 * place)
            if hour == 17 and not place:
                builder.tell(CycleStarted(name.name, dry_run=False))
                builder.tell(TransfersPlanned(name.name, tuple(Transfer(item(n), None) for n in range(3))))
                for number in range(3):
                    builder.tell(ItemDownloaded(name.name, f"IMG_{number}.HEIC", 3_100_000), after_s=2)
                    builder.tell(ItemUploaded(name.name, f"IMG_{4000 + number}.HEIC", 3_100_000), after_s=2)
                builder.tell(Published(name.name, f"ss_{name.name}", 3, 0, 1204))
                builder.finish(replace(report, uploaded=3, uploaded_bytes=9_300_000, duration_s=14.2))
            else:
                skipped = {} if place else {Skip.VIDEO: 41}
                builder.cycle(replace(report, skipped=skipped))
        builder.now += timedelta(hours=1)
    builder.now += timedelta(minutes=-56)
    return builder


def mid_upload() -> StatusBuilder:
    """The first rule sends many photos, one of which failed."""
    builder = at_rest()
    builder.tell(CycleStarted("Grandma", dry_run=False), after_s=3400)
    builder.tell(TransfersPlanned("Grandma", tuple(Transfer(item(number), None) for number in range(120))))
    for number in range(46):
        builder.tell(ItemDownloaded("Grandma", f"IMG_{4000 + number}.HEIC", 3_100_000), after_s=1)
        if number < 44:
            builder.tell(ItemUploaded("Grandma", f"IMG_{4000 + number}.HEIC", 3_100_000), after_s=1)
    error = ItemError("Google refuses the download (500).", hint="The next cycle tries again.")
    builder.tell(ItemFailed("Grandma", "IMG_4077.HEIC", error), after_s=1)
    builder.tell(RetryScheduled("Nixplay", "upload", 4.0, "Nixplay is busy (503)."), after_s=3)
    builder.now += timedelta(seconds=2)
    return builder


def held_deletes() -> StatusBuilder:
    """A third of the first album would be deleted."""
    builder = at_rest()
    builder.cycle(held("Grandma", 400, 203), after_s=3400)
    builder.now += timedelta(minutes=7)
    return builder


def login_needed() -> StatusBuilder:
    """The password of the frame's service has been changed."""
    builder = at_rest()
    error = LoginNeeded(
        "Nixplay refused the password for anna@example.com: status 401.",
        hint="Check `nixplay:` in .picsync-credentials.yaml; picsync takes up the changed file by itself.",
    )
    for _ in range(3):
        for name in ("Grandma", "Uncle Rafał & family"):
            builder.tell(CycleStarted(name, dry_run=False), after_s=20)
            builder.tell(LoginRefused("Nixplay", error.message, error.hint))
            failed = (Failure(name, error, About.RULE),)
            builder.finish(
                report_of(
                    name,
                    0,
                    outcome=CycleOutcome.LOGIN_NEEDED,
                    on_frame=None,
                    in_playlist=None,
                    failures=failed,
                )
            )
    builder.now += timedelta(minutes=3)
    return builder


def config_refused() -> StatusBuilder:
    """A changed picsync.yaml has mistakes; the rules go on by the old one."""
    builder = at_rest()
    builder.tell(
        ConfigRefused(
            (
                "picsync.yaml:7: albums[1].maxDelet: is not a setting; did you mean `maxDelete`?",
                'picsync.yaml:12: every: must be a time such as `1h`, not "soon".',
            )
        ),
        after_s=30,
    )
    builder.now += timedelta(minutes=2)
    return builder


def failing() -> StatusBuilder:
    """A source is away for hours, the other rule has one unusable photo."""
    builder = at_rest()
    away = TransientError("Google Photos does not answer (503) for 2 minutes.")
    broken = ItemError(
        "It is neither a picture nor a video.", unusable=True, hint="Remove it from the album."
    )
    for _ in range(4):
        failures = (Failure(ALBUM_IDS[0], away, About.SOURCE_ALBUM, "googlephotos"),)
        builder.cycle(
            report_of(
                "Grandma", 1204, outcome=CycleOutcome.FAILED, certainty=Certainty.PARTIAL, failures=failures
            ),
            after_s=600,
        )
    builder.cycle(
        report_of(
            "Uncle Rafał & family",
            304,
            outcome=CycleOutcome.FAILED,
            failures=(Failure("IMG_0815.HEIC", broken),),
            notices=(Notice(NoticeKind.PLAYLIST_DUPLICATE, "ss_Uncle", 2),),
        )
    )
    return builder


def dry_run() -> StatusBuilder:
    """One rule that only says what it would do."""
    builder = StatusBuilder()
    builder.expect("Grandma", dry_run=True)
    builder.tell(LoggedIn("Nixplay"))
    builder.cycle(report_of("Grandma", 310, dry_run=True, uploaded=12, uploaded_bytes=36_000_000))
    builder.now += timedelta(minutes=1)
    return builder


def stopping() -> StatusBuilder:
    """Asked to end while sending."""
    builder = mid_upload()
    builder.tell(Stopping())
    return builder


def hostile() -> StatusBuilder:
    """Every name and message that others choose tries to be more than text."""
    builder = StatusBuilder()
    builder.expect(HOSTILE)
    builder.board.expect({HOSTILE: RuleStatus(HOSTILE, {HOSTILE: [HOSTILE]})})
    error = ItemError(HOSTILE, hint=f"{HOSTILE}\n`{HOSTILE}`")
    builder.tell(LoginRefused(HOSTILE, HOSTILE), ConfigRefused((HOSTILE, HOSTILE)))
    builder.tell(CycleStarted(HOSTILE, dry_run=False), ItemFailed(HOSTILE, HOSTILE, error))
    report = held(HOSTILE, 40, 20)
    assert report.hold is not None
    hold = replace(report.hold, photos=(photo(1, HOSTILE),))
    failures = (Failure(HOSTILE, error),)
    notices = (Notice(NoticeKind.SOURCE_NOTE, said=f"`{HOSTILE}`{HOSTILE}"),)
    builder.cycle(replace(report, hold=hold, failures=failures, notices=notices))
    return builder


STATUSES: dict[str, Callable[[], StatusBuilder]] = {
    situation.__name__: situation
    for situation in (
        first_start,
        at_rest,
        mid_upload,
        held_deletes,
        login_needed,
        config_refused,
        failing,
        dry_run,
        stopping,
        hostile,
    )
}


def status_of(situation: str) -> Status:
    return STATUSES[situation]().board.status()
