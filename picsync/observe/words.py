"""Plans, reports, failures and advice as sentences and lines; pure functions.

The log, the status page and notifications all use these. `summary` words the status page's answer to "is the
frame up to date?"; the page's headings and labels are in `web/templates/status.html`.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from picsync.core.capacity import Storage
from picsync.core.choice import LeftOut
from picsync.core.errors import (
    REPORT_TO,
    ContentError,
    Defect,
    FormatError,
    ListingError,
    NoRoomError,
    NoSourceError,
    PicsyncError,
    PlaylistFullError,
    PlaylistMismatchError,
    SpoolError,
)
from picsync.core.events import (
    About,
    ChangesPlanned,
    ConfigApplied,
    ConfigRefused,
    Crashed,
    CycleFinished,
    CycleReport,
    CycleRequested,
    CycleScheduled,
    CycleStarted,
    DeletesAllowed,
    Event,
    Failure,
    FileMoved,
    FileSkipped,
    ItemConverted,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Listed,
    LoggedIn,
    LoginRefused,
    NameReplaced,
    Notice,
    NoticeKind,
    PassFinished,
    PassKind,
    PassReport,
    PassStarted,
    PhotoDeleted,
    PlaylistCreated,
    Published,
    RetryScheduled,
    Stopping,
    TransfersPlanned,
)
from picsync.core.identity import plain_name
from picsync.core.mirrorstate import MirrorState, Side, Why, mirror_name
from picsync.core.model import Contradiction, Listing
from picsync.core.places import fold
from picsync.core.plan import Hold, HoldReason, Plan
from picsync.core.select import Candidate, Skip
from picsync.core.text import harmless

_FORMATS_SHOWN = 5

HELD_DELETES = "held_deletes"
"""Code of log lines about held deletes; failures and notices have their own."""

FEW = 25
"""Up to this number, photos are named individually."""

_SKIPPED = {
    Skip.VIDEO: ("video", "videos", "skipped (`videos: true` takes them)"),
    Skip.FORMAT: ("item", "items", "skipped, since the frame does not take the format"),
    Skip.UNUSABLE: ("item", "items", "skipped as unusable; each is tried again after a day"),
    Skip.NOT_CHOSEN: ("photo", "photos", "left out by `select`"),
    Skip.CAPACITY: ("photo", "photos", "left out, since the frame has no room"),
    Skip.REJECTED: ("photo", "photos", "rejected at the frame (`picsync frame rejected` lists them)"),
}

_LEFT_OUT = {
    LeftOut.EXCLUDE: "of an excluded kind (`exclude`)",
    LeftOut.UNDATED: "without a date (`since`, `until`)",
    LeftOut.SINCE: "taken too early (`since`)",
    LeftOut.UNTIL: "taken too late (`until`)",
    LeftOut.ORIENTATION: "of another shape (`orientation`)",
    LeftOut.MIN_RATING: "with fewer stars (`minRating`)",
    LeftOut.FAVORITES: "that are not favourites (`favorites`)",
    LeftOut.SIMILAR: "similar to a better one (`similar`)",
    LeftOut.UNKNOWN: "not examined yet",
    LeftOut.MOST: "ranked too low (`most`)",
    LeftOut.LISTING: "waiting for a complete listing",
}


def left_out_words(reason: LeftOut) -> str:
    """Return why a photo is left out, to follow a number of photos or a name."""
    return _LEFT_OUT[reason]


def counted(count: int, one: str, many: str = "") -> str:
    """Return "1 photo", "2 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_UNITS = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0))


def rough(seconds: float) -> str:
    """Return a duration in a suitable unit: "45 seconds", "12 minutes", "3 days"."""
    seconds = min(max(0.0, seconds), 1e12)
    # Below two of a unit, the next smaller one is used: 90 minutes rather than 1 hour.
    unit, length = next((each for each in _UNITS if seconds >= 2 * each[1]), ("second", 1.0))
    return counted(round(seconds / length), unit)


def relative(instant: datetime, now: datetime) -> str:
    """Return a time relative to now: "12 minutes ago", "in 3 hours", "now"."""
    seconds = (instant - now).total_seconds()
    if abs(seconds) < 2:
        return "now"
    return f"in {rough(seconds)}" if seconds > 0 else f"{rough(-seconds)} ago"


def size(size_bytes: int) -> str:
    """Return a size in a suitable unit: "3.2 MB"."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value, unit = float(size_bytes), "B"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the last one is used below
        value /= 1000
        if value < 999.5:
            break
    return f"{value:.1f} {unit}"


def printable(text: str) -> str:
    """Return a foreign name, such as that of a file, sanitised; "(no name)" if it is empty."""
    return harmless(text) or "(no name)"


def listing_words(listing: Listing) -> str:
    """Return a source album's listing in words, with its certainty."""
    where = f"{listing.source} {printable(listing.album_id)}"
    seen = f"{where}: {counted(len(listing.items), 'item')}, {listing.certainty}"
    return f"{seen}. {listing.note.rstrip('.')}" if listing.note else seen


def plan_lines(
    rule: str, listings: Sequence[Listing], uploads: Sequence[tuple[str, str]], plan: Plan
) -> Iterator[str]:
    """Yield a dry run's plan: photo by photo if there are few, otherwise summarised.

    `uploads` are file names, each with the kind of its source.
    """
    yield f"Album {printable(rule)}:"
    for listing in listings:
        yield f"  from {listing_words(listing)}"
    by_source: dict[str, list[str]] = {}
    for filename, source in uploads:
        by_source.setdefault(source, []).append(printable(filename))
    for source, names in by_source.items():
        yield from _each("upload", names, f" from {source}")
    by_id = {photo.photo_id: plain_name(photo.filename) for photo in (*plan.shown, *plan.deletes)}
    for edit in plan.edits:
        if edit.playlist is None:
            yield f"  create playlist {printable(edit.content.name)}"
        where = "the playlist" if len(plan.contents) < 2 else printable(edit.content.name)
        yield from _each(f"add to {where}", [printable(plain_name(photo.filename)) for photo in edit.add])
        removed = [by_id.get(item.photo_id, f"entry {item.item_id}") for item in edit.remove]
        yield from _each(f"remove from {where}", [printable(name) for name in removed])
    yield from _each("delete", [printable(plain_name(photo.filename)) for photo in plan.deletes])
    if plan.order:
        yield f"  put {counted(len(plan.order), 'photo')} in the order that the rule asks for"
    if plan.hold is not None:
        yield f"  held: {hold_sentence(plan.hold)}"
    if plan.overflow:
        yield f"  not shown, since the playlist is full: {counted(plan.overflow, 'photo')}"
    if plan.empty and plan.hold is None and not uploads:
        yield "  nothing to do"


def _each(verb: str, names: Sequence[str], origin: str = "") -> Iterator[str]:
    # Several photos may have the same name: shared links name photos by the second of their capture.
    times = Counter(names)
    if len(times) > FEW:
        different = list(times)
        sample = f"{', '.join(different[:3])}, ... {different[-1]}"
        yield f"  {verb} {counted(len(names), 'photo')}{origin}: {sample}"
        return
    for name, count in times.items():
        together = f" ({count:,} photos of this name)" if count > 1 else ""
        yield f"  {verb} {name}{origin}{together}"


def hold_sentence(hold: Hold) -> str:
    """Return which deletes are held, and what releases them."""
    held = f"{counted(hold.count, 'photo')} of {hold.total:,} not deleted: "
    match hold.reason:
        case HoldReason.LISTING:
            what = doubt(hold.problem) or "a source album was not listed completely."
            return f"{held}{what} Nothing is deleted until the listing is complete again."
        case HoldReason.SAMPLE:
            return (
                f"{held}a source album shows only some of its items, so the photos that it does not show may"
                " still be wanted."
            )
        case HoldReason.UNKNOWN:
            items = counted(hold.waiting, "listed item")
            return f"{held}the content of {items} could not be read yet."
        case HoldReason.UPLOADS:
            photos = counted(hold.waiting, "photo")
            return f"{held}{photos} could not be uploaded yet, and the frame keeps its photos."
        case HoldReason.BRAKE if hold.count == hold.total:
            return (
                f"{held}this would empty the album. If this is intended, run `picsync allow-deletes`, or set"
                ' `maxDelete: "100%"` in the rule.'
            )
        case HoldReason.BRAKE:
            return (
                f"{held}this is {hold.count / hold.total:.0%} of the album at once. If this is intended, run"
                f" `picsync allow-deletes`, or set `maxDelete: {hold.count}` in the rule."
            )


def doubt(problem: str | Contradiction | None) -> str:
    """Return why a listing of the frame album may be incomplete; empty if it is complete."""
    if isinstance(problem, Contradiction):
        photos = counted(len(problem.photo_ids), "photo")
        return (
            f"The frame's listings contradict each other on {photos} (the first is {problem.photo_ids[0]})."
        )
    return problem or ""


def notice_sentence(notice: Notice) -> str:  # noqa: C901 - one flat table
    """Return what an operator should know although nothing failed."""
    name, count = printable(notice.name), notice.count
    match notice.kind:
        case NoticeKind.PLAYLIST_NEW:
            why = (
                f" ({notice.frame} does not keep the name {printable(notice.asked)})" if notice.asked else ""
            )
            return (
                f"The playlist {name} is new{why}. Assign it to a frame once by hand; {notice.frame} shows it"
                " there from then on."
            )
        case NoticeKind.PLAYLIST_UNASSIGNED:
            return f"No frame shows the playlist {name} yet. Assign it to one once by hand."
        case NoticeKind.PLAYLIST_DUPLICATE:
            return (
                f"{count} playlists are named {name}; all are kept in sync. Remove by hand the ones that no"
                " frame shows."
            )
        case NoticeKind.PLAYLIST_UNUSED:
            return (
                f"The playlist {name} is no longer needed and is emptied. It is not deleted, since a frame"
                " may be set to show it; delete it by hand if none is."
            )
        case NoticeKind.PLAYLIST_FULL_NEWEST:
            rest = f"the oldest {counted(count, 'photo')} {'is' if count == 1 else 'are'} not shown."
            return f"The playlist {name} has room for {counted(notice.shown, 'photo')}; {rest}"
        case NoticeKind.PLAYLIST_FULL_SPLIT:
            rest = f"{count:,} {'has' if count == 1 else 'have'} no place yet."
            return f"The playlist {name} has room for {counted(notice.shown, 'photo')}; {rest}"
        case NoticeKind.UPLOADS_UNLISTED:
            it = "it" if count == 1 else "them"
            return (
                f"{counted(count, 'photo')} uploaded, but not yet listed by {notice.frame}; the next cycle"
                f" publishes {it}."
            )
        case NoticeKind.FRAME_LISTING_DOUBTFUL:
            return f"{doubt(notice.said)} Nothing counts as gone until all are listed."
        case NoticeKind.SOURCE_CHANGED:
            return (
                "A source album changed while it was listed; the next cycle decides about the photos that"
                " have left it."
            )
        case NoticeKind.SOURCE_NOTE:
            return doubt(notice.said)
        case NoticeKind.PHOTO_NOTE:
            have = "has a remark" if count == 1 else "have remarks"
            more = f" {counted(count, 'further photo')} {have} of this kind." if count else ""
            return f"{name}: {printable(doubt(notice.said))}{more}"
        case NoticeKind.PHOTO_REJECTED:
            what = f"{name} and {counted(count, 'other photo')} were" if count else f"{name} was"
            return (
                f"{what} deleted from {notice.frame} by someone, and will not be sent there again."
                " `picsync frame restore` undoes this."
            )
        case NoticeKind.PHOTOS_LOST:
            were = "was" if count == 1 else "were"
            return (
                f"{count:,} of {counted(notice.shown, 'photo')} {were} missing from {notice.frame} at once."
                " That is too many for a request, so those that are still wanted are sent again."
            )
        case NoticeKind.CAPTIONS_MISSING:
            return _captions_missing(notice)
        case NoticeKind.PLAYLIST_NOT_SHOWN:
            said = printable(doubt(notice.said))
            return f"{said} If that does not change, do it by hand once in the app of {notice.frame}."
        case NoticeKind.ORDER_NOT_KEPT:
            return (
                f"{notice.frame} does not keep the order of the playlist {name}, so the `order` of the rule's"
                " `select` has no effect on what is shown first. It is tried again after a day."
            )


def _captions_missing(notice: Notice) -> str:
    photos, are = counted(notice.count, "photo"), "is" if notice.count == 1 else "are"
    reason = printable(doubt(notice.said)) if notice.said else "its listing has other texts than were sent."
    return (
        f"The captions of {photos} {are} not as they should be at {notice.frame}: {reason} The photos are"
        " shown all the same. Captions are tried again later; with `captionAs: picture` they are drawn into"
        " the photos instead."
    )


def error_sentence(error: PicsyncError) -> str:
    """Return what happened, and to what."""
    match error:
        case ContentError():
            return _defect(error)
        case FormatError():
            return f"its format is {_format(error.mime_type)}, which {error.frame} does not accept."
        case NoSourceError():
            return f"The rule for album {printable(error.rule)!r} names no source, so nothing is changed."
        case PlaylistFullError():
            total = error.shown + error.left_out
            return (
                f"it has room for {counted(error.shown, 'photo')}, but there are {total:,}:"
                f" {error.left_out:,} {'is' if error.left_out == 1 else 'are'} left out."
            )
        case PlaylistMismatchError():
            return f"it holds {counted(error.held, 'entry', 'entries')}, but {error.due:,} were published."
        case NoRoomError():
            why = (
                f"{error.reason} after {size(error.written_bytes)}"
                if error.free_bytes is None
                else f"{size(error.free_bytes)} are free there"
            )
            return (
                f"it does not fit into the folder for temporary files {error.folder}: it has at least"
                f" {size(error.size_bytes)}, and {why}."
            )
        case SpoolError():
            return f"Could not write to the folder for temporary files {error.folder}: {error.reason}."
    return error.message


def _defect(error: ContentError) -> str:
    match error.defect:
        case Defect.EMPTY:
            return "it is empty."
        case Defect.NOT_MEDIA:
            return "its content is neither a picture nor a video."
        case Defect.TRUNCATED:
            return "it is truncated: the end of the file is missing."
        case Defect.TOO_LARGE:
            return f"it is larger than {error.limit >> 30} GiB."
        case Defect.TOO_MANY_PIXELS:
            claimed = f"{error.amount / 1e6:,.0f} megapixels" if error.amount else "no pixels"
            return f"it claims to have {claimed}; at most {error.limit // 1_000_000} megapixels are accepted."


def advice(error: PicsyncError) -> str:
    """Return what the user should do about an error; empty if unknown."""
    match error:
        case ContentError(defect=Defect.TRUNCATED):
            return "Put the whole file into the album again."
        case ListingError() if not error.hint:
            return "The next cycle lists it again."
        case NoSourceError():
            return "Add at least one album under `sources:` in picsync.yaml."
        case PlaylistFullError():
            return (
                "Take photos out of the source albums, or set `overflow: split` or `overflow: newest` in the"
                " rule."
            )
        case NoRoomError():
            return (
                "Free some space there, or point TMPDIR to a disk with more room (in a container: a larger"
                " `tmpfs` or volume)."
            )
        case SpoolError():
            return f"{error.hint} Or point TMPDIR to another folder.".lstrip()
    return error.hint or ("This may resolve itself: try again later." if error.transient else "")


def failure_advice(failure: Failure) -> str:
    """Return what the user should do about a failure, with the photos that wait for it; empty if unknown."""
    waiting = failure.waiting
    if waiting is None:
        return advice(failure.error)
    least = "at least " if waiting.at_least else ""
    needed = f" ({least}{size(waiting.size_bytes)})" if waiting.size_bytes else ""
    wait = "waits" if waiting.count == 1 else "wait"
    return f"{counted(waiting.count, 'photo')}{needed} {wait} for storage. {failure.error.hint}".rstrip()


def failure_text(failure: Failure) -> str:
    """Return what happened and, if known, what to do, without the subject."""
    known = failure.waiting is not None or not failure.error.transient or failure.error.hint
    return f"{error_sentence(failure.error)} {failure_advice(failure) if known else ''}".rstrip()


def failure_subject(failure: Failure) -> str:
    """Return the subject of a failure."""
    name = printable(failure.subject)
    match failure.about:
        case About.RULE:
            return f"album {name}"
        case About.PLAYLIST:
            return f"playlist {name}"
        case About.SOURCE_ALBUM:
            others = f" and {counted(failure.more, 'other album')}" if failure.more else ""
            return f"{failure.account} album {name}{others}"
        case About.FILE_RULE:
            return name
        case About.ITEM:
            return f"{name} and {counted(failure.more, 'other file')}" if failure.more else name


def report_sentence(report: CycleReport) -> str:
    """Return what one cycle did, in one sentence."""
    return f"Album {printable(report.rule)}: {report_result(report)}"


def report_result(report: CycleReport, *, timed: bool = True) -> str:
    """Return the result of a cycle, without the album's name; with its duration if `timed`."""
    if report.on_frame is None:
        return "nothing was changed."
    done = list(_done(report))
    state = counted(report.on_frame, "photo") + " on the frame"
    if report.in_playlist is not None and report.in_playlist != report.on_frame:
        state += f", {report.in_playlist:,} in the playlist"
    if report.dry_run:
        captions = counted(report.captions_written, "caption")
        would = f"set {captions} and leave" if report.captions_written else "leave"
        return f"dry run, nothing was changed; it would {would} {state}."
    if report.outcome == "stopped":
        done.append("stopped early")
    verdict = ", ".join(done) if done else "nothing to do" if report.outcome == "done" else "nothing changed"
    took = f" ({report.duration_s:.1f} s)" if timed else ""
    return f"{verdict}; {state}{took}."


def _done(report: CycleReport) -> Iterator[str]:
    if report.uploaded:
        yield f"{counted(report.uploaded, 'photo')} uploaded ({size(report.uploaded_bytes)})"
    if report.already_there:
        yield f"{report.already_there:,} already there"
    if report.deleted:
        yield f"{report.deleted:,} deleted"
    if report.captions_written:
        yield f"{counted(report.captions_written, 'caption')} set"
    if report.playlists_edited and not report.photos_changed:
        what = "playlist" if report.playlists_edited == 1 else f"{report.playlists_edited:,} playlists"
        yield f"{what} updated ({report.entries_added:,} added, {report.entries_removed:,} removed)"


def unassigned_sentence(report: CycleReport) -> str:
    """Return which playlists no frame shows, and what to do; empty if there are none."""
    names = [printable(name) for name in report.unassigned]
    if not names:
        return ""
    which = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    it = "it" if len(names) == 1 else "them"
    return (
        f"No frame shows {which} yet: assign {it} to a frame once by hand."
        " The next cycle notices; `picsync sync-now` starts it at once."
    )


def decision(candidate: Candidate, *, on_frame: bool) -> tuple[str, str]:
    """Return whether an item is shown, in one word or two, and why."""
    done, why = _decision(candidate, on_frame=on_frame)
    return done, f"{why} ({printable(candidate.unusable).rstrip('.')})" if candidate.unusable else why


def _decision(candidate: Candidate, *, on_frame: bool) -> tuple[str, str]:
    """Return the same without what is true of this item only."""
    if candidate.skip is None:
        again = "to be replaced" if candidate.outdated else "to be sent"
        return "shown", "on the frame" if on_frame else again
    if candidate.left_out is not None:
        return "left out", left_out_words(candidate.left_out)
    if candidate.skip is Skip.CAPACITY:
        return "left out", "without room on the frame"
    if candidate.skip is Skip.REJECTED:
        return "left out", "rejected at the frame"
    return "skipped", _SKIPPED[candidate.skip][2].removeprefix("skipped").strip(" ,") or "skipped"


def decisions_sentence(rule: str, found: Sequence[Candidate], there: Collection[object]) -> str:
    """Return how many photos of a rule are shown, and why the others are not."""
    shown = [each for each in found if each.skip is None]
    new = sum(1 for each in shown if each.digest not in there)
    reasons = Counter(_decision(each, on_frame=False) for each in found if each.skip is not None)
    paired = sum(1 for each in shown if each.pair is not None)
    pairs = f", {paired:,} in pairs" if paired else ""
    words = [f"{count:,} {why}" for (_, why), count in reasons.most_common()]
    rest = f" Not shown: {', '.join(words)}." if words else ""
    counts = f"{len(shown):,} of {counted(len(found), 'photo')} shown{pairs}"
    return f"{printable(rule)}: {counts}, {new:,} of them to be sent.{rest}"


def skip_remarks(report: CycleReport) -> Iterator[str]:
    """Yield which items are not sent to the frame, and why."""
    for skip, count in report.skipped.items():
        one, many, why = _SKIPPED[skip]
        more = f" ({_formats(report)})" if skip is Skip.FORMAT and report.formats else ""
        if skip is Skip.NOT_CHOSEN:
            numbers = [(each, report.left_out.get(each, 0)) for each in LeftOut]
            reasons = [f"{number:,} {left_out_words(each)}" for each, number in numbers if number]
            more = f": {', '.join(reasons)}"
        if skip is Skip.CAPACITY and report.storage is not None:
            more = f" ({storage_words(report.storage)})"
            if later := report.storage.later:
                more += f"; {later:,} of them {'follows' if later == 1 else 'follow'} in the next cycles"
            if report.storage.lacks_space:
                more += (
                    ". They are sent once there is space; with a `capacity`, newer photos replace older ones"
                )
        yield f"{counted(count, one, many)} {why}{more}."


def storage_words(storage: Storage) -> str:
    """Return how much of the storage is to be used, such as "439 MB of 450 MB"."""
    return " and ".join(_planned(planned, limit) for _, planned, _, limit in _amounts(storage))


def _planned(planned: _Amount, limit: _Amount) -> str:
    if planned.number <= limit.number:
        return f"{planned} of {limit}"
    # Only a frame that was full is sent more, to notice that there is room again.
    return f"{planned}; so far, {limit} fitted"


def storage_sentence(storage: Storage) -> str:
    """Return how the storage of a frame is used: what is used, planned and left, and the limit."""
    parts = [
        f"{used} used, {planned} planned of {limit}, {left} left"
        if planned.number <= limit.number
        else f"{used} used, {_planned(planned, limit)}"
        for used, planned, left, limit in _amounts(storage)
    ]
    return f"Storage: {'; '.join(parts)}."


class _Amount(NamedTuple):
    """A number, and how it is written."""

    number: int
    words: str

    def __str__(self) -> str:
        return self.words


def _amounts(storage: Storage) -> Iterator[tuple[_Amount, _Amount, _Amount, _Amount]]:
    """Yield what is used, planned, left and allowed, each in bytes and in photos."""
    used, planned, left, limit = storage.used, storage.planned, storage.left, storage.capacity
    if limit.size_bytes is not None:
        now, later = storage.used_about, storage.planned_about
        yield (
            _bytes(used.size_bytes, about=now),
            _bytes(planned.size_bytes, about=later),
            _bytes(left.size_bytes, about=now),
            _bytes(limit.size_bytes),
        )
    if limit.photos is not None:
        most = _Amount(limit.photos, counted(limit.photos, "photo", "photos"))
        yield _count(used.photos), _count(planned.photos), _count(left.photos), most


def _bytes(number: int | None, *, about: bool = False) -> _Amount:
    return _Amount(number or 0, f"{'about ' if about else ''}{size(number or 0)}")


def _count(number: int | None) -> _Amount:
    return _Amount(number or 0, f"{number or 0:,}")


def _format(mime_type: str) -> str:
    """Return the name of a format."""
    from picsync.media.formats import called

    return called(mime_type)


def _formats(report: CycleReport) -> str:
    often = sorted(report.formats.items(), key=lambda each: (-each[1], each[0]))
    shown = [f"{count:,} {printable(_format(mime_type))}" for mime_type, count in often[:_FORMATS_SHOWN]]
    return ", ".join([*shown, "and others"] if len(often) > _FORMATS_SHOWN else shown)


def report_lines(report: CycleReport) -> Iterator[tuple[str, str, str]]:
    """Yield code, account and sentence of each additional thing that an operator should know."""
    for sentence in skip_remarks(report):
        yield "", "", sentence
    for notice in report.notices:
        yield notice.kind, "", notice_sentence(notice)
    if report.hold is not None:
        yield HELD_DELETES, "", hold_sentence(report.hold)
    for failure in report.failures[:FEW]:
        yield failure.code, failure.account, f"{_failure(failure)} {failure_advice(failure)}".rstrip()
    if len(report.failures) > FEW:
        yield "", "", f"... and {counted(len(report.failures) - FEW, 'more failure')}."


def report_remarks(report: CycleReport) -> Iterator[str]:
    """Yield additional information for the user: skipped items, notices, held deletes, failures."""
    for _, _, sentence in report_lines(report):
        yield sentence


def _failure(failure: Failure) -> str:
    return f"{failure_subject(failure)}: {error_sentence(failure.error)}"


_DONE_TO_FILES = {
    "moved": "{} moved",
    "duplicates": "{} moved to the duplicates",
    "unsorted": "{} moved to the unsorted ones",
    "sent": "{} sent",
    "deleted": "{} deleted",
    "folders": "{} created",
}
_LEFT = {
    "not_media": "neither photo nor video",
    "no_date": "without a date",
    "duplicate": "duplicate",
    "conflict": "whose name is taken",
    "pending": "not examined by the service yet",
    "unsettled": "still changing",
    "unreadable": "unreadable",
    "not_a_file": "link or device",
    "refused": "refused by the other side",
    "same_name": "with the name of another file but for capitals",
    "in_the_way": "in the place of a folder, or the reverse",
    "kept": "kept there",
    "unlisted": "folder that cannot be read there",
}
"""Why a file stays where it is, after the number 1."""
_LEFT_MORE = {
    "duplicate": "duplicates",
    "not_a_file": "links or devices",
    "unlisted": "folders that cannot be read there",
}
"""The same after other numbers, if that differs."""
_NOT_MIRRORED = {
    "not_a_file": "it is a link, a pipe or a device",
    "unreadable": "it cannot be read",
    "refused": "it was refused",
    "same_name": "another file has the same name but for capital letters, and the other side holds only one"
    " of them. Rename it",
    "in_the_way": "a file is in the place of a folder there, or the reverse, and may not be deleted. Remove"
    " it there",
    "kept": "somebody has added or changed it there, and `theirs` is `keep`",
    "unlisted": "it cannot be read there",
}
_ORGANIZE = "organize "
"""How the names of organizing rules begin among all jobs."""
_MIRROR = "mirror "
"""The same of mirrors."""
MANY = 20
"""Files that a command lists."""


def job_title(name: str) -> str:
    """Return the name of a job in messages."""
    if name.startswith(_ORGANIZE):
        return f"Organizing {printable(name.removeprefix(_ORGANIZE))}"
    if name.startswith(_MIRROR):
        return f"Mirror {printable(name.removeprefix(_MIRROR))}"
    return f"Album {printable(name)}"


def pass_sentence(report: PassReport) -> str:
    """Return what one pass over files did, in one sentence."""
    return f"{job_title(report.rule)}: {pass_result(report)}"


def pass_result(report: PassReport, *, timed: bool = True) -> str:
    """Return the result of a pass, without the rule's name; with its duration if `timed`."""
    done = [
        _DONE_TO_FILES.get(what, f"{{}} {what}").format(
            counted(number, "folder" if what == "folders" else "file")
        )
        for what, number in report.done.items()
        if number
    ]
    if report.outcome == "stopped":
        done.append("stopped early")
    mirror = report.kind is PassKind.MIRROR
    changed = "changed" if mirror else "moved"
    idle = report.outcome == "done" and not report.held
    nothing = "nothing to do" if idle else f"nothing was {changed}"
    verdict = ", ".join(done) if done else nothing
    if report.dry_run:
        verdict = f"dry run, nothing was {changed}; the result would be: {verdict}"
    left = ", ".join(_left(why, number) for why, number in report.left.items() if number)
    stay = f"; {'not mirrored' if mirror else 'left in the folder'}: {left}" if left else ""
    took = f" ({report.duration_s:.1f} s)" if timed else ""
    return f"{verdict}{stay}{took}.{f' {held_files(report)}' if report.held else ''}"


def _left(why: str, number: int) -> str:
    words = _LEFT.get(why, why)
    return f"{number:,} {words if number == 1 else _LEFT_MORE.get(why, words)}"


def held_files(report: PassReport) -> str:
    """Return how many deletes a pass has held, and what permits them."""
    return (
        f"{counted(report.held, 'delete')} held, since there are more than `maxDelete` permits: check that"
        f" the files are really gone, then run `picsync allow-deletes {shlex.quote(report.rule)}`."
    )


def mirror_lines(
    name: str, source: str, to: str, state: MirrorState | None, *, held: int = 0
) -> Iterator[str]:
    """Yield what is known of a mirror."""
    yield f"{printable(name)}: {printable(source)} -> {printable(to)}"
    files = [] if state is None else [*state.files.values()]
    skipped = sorted((one for one in files if one.side is Side.SKIPPED), key=lambda one: one.path)
    kept = {fold(one.path) for one in skipped if one.rev.startswith(f"{Why.KEPT}:")}
    equal = [one for one in files if one.side is Side.EQUAL and fold(one.path) not in kept]
    if not equal:
        yield "  No file is known to be equal on both sides; the next pass compares them."
    else:
        total = sum(one.size_bytes or 0 for one in equal)
        sizes = f", {size(total)}" if total else ""
        yield f"  Equal on both sides, as of the last pass: {counted(len(equal), 'file')}{sizes}."
    if begun := [one for one in files if one.side is Side.SENDING]:
        yield f"  Partly sent: {', '.join(printable(one.path) for one in begun)}."
    for one in skipped[:MANY]:
        why = one.rev.partition(":")[0]
        yield f"  Not mirrored: {printable(one.path)} ({_LEFT.get(why, why)})."
    if len(skipped) > MANY:
        yield f"  ... and {counted(len(skipped) - MANY, 'more file')} that are not mirrored."
    if held:
        command = shlex.quote(mirror_name(name))
        yield f"  {counted(held, 'delete')} held: run `picsync allow-deletes {command}` to permit them."


def pass_lines(report: PassReport) -> Iterator[tuple[str, str, str]]:
    """Yield code, account and sentence of each failure of a pass, at most a few."""
    for failure in report.failures[:FEW]:
        what = f"{_failure(failure)} {failure_advice(failure)}"
        yield failure.code, failure.account, what.rstrip()
    if len(report.failures) > FEW:
        yield "", "", f"... and {counted(len(report.failures) - FEW, 'more failure')}."


def moves_lines(moves: Sequence[tuple[str, str]], left: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield what a dry run of an organizing rule would do, a line for each file."""
    for path, to in moves:
        yield f"move {printable(path)} -> {printable(to)}"
    for path, why in left:
        yield f"keep {printable(path)} ({_LEFT.get(why, why)})"


def steps_lines(steps: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield what a dry run of a mirror would do, a line for each step."""
    for what, path, to in steps:
        arrow = f" -> {printable(to)}" if to else ""
        yield f"{what} {printable(path)}{arrow}"


def summed_sentence(event: Event, times: int) -> str | None:
    """Return several consecutive events as one sentence; None if they cannot be combined."""
    match event:
        case ItemUploaded(_, filename):
            return f"{counted(times, 'photo')} arrived on the frame; the last one was {printable(filename)}."
        case ItemFailed(_, filename, error):
            last = f"{printable(filename)}: {error_sentence(error)} {advice(error)}".rstrip()
            return f"{counted(times, 'photo')} failed. The last one was {last}"
        case FileMoved(_, path, to):
            return f"Moved {counted(times, 'file')}; the last one was {printable(path)}, to {printable(to)}."
        case PhotoDeleted(_, filename):
            return f"Deleted {counted(times, 'photo')}; the last one was {printable(filename)}."
    return None


def event_sentence(event: Event) -> str | None:  # noqa: C901 - one flat table
    """Return an event in words; None for those that only change counters and bars."""
    match event:
        case ConfigApplied(rules):
            sorting = sum(1 for rule in rules if rule.startswith(_ORGANIZE))
            mirrors = sum(1 for rule in rules if rule.startswith(_MIRROR))
            albums = len(rules) - sorting - mirrors
            parts = [counted(albums, "frame album")] if albums or not (sorting or mirrors) else []
            parts += [counted(sorting, "organizing rule")] if sorting else []
            parts += [counted(mirrors, "mirror")] if mirrors else []
            return f"The configuration is in force: {' and '.join(parts)}."
        case ConfigRefused(problems):
            more = f" And {counted(len(problems) - 1, 'more problem')}." if len(problems) > 1 else ""
            return f"The changed configuration is not used: {' '.join(problems[:1])}{more}"
        case LoggedIn(service):
            return f"Logged in to {service}."
        case LoginRefused(service, message):
            return harmless(message) or f"{service} refused the login."
        case RetryScheduled(wait_s=wait_s, reason=reason):
            return f"{reason} Trying again in {wait_s:.0f} s."
        case CycleStarted(rule, dry_run):
            return f"Album {printable(rule)}: started{' (dry run)' if dry_run else ''}."
        case Listed(_, listing):
            return f"Source album {listing_words(listing)}."
        case TransfersPlanned(rule, transfers) if transfers:
            return f"Album {printable(rule)}: {counted(len(transfers), 'item')} to transfer."
        case ItemDownloaded(_, filename, size_bytes):
            return f"Downloaded {printable(filename)} ({size(size_bytes)})."
        case ItemConverted(_, filename, size_bytes):
            return f"Converted {printable(filename)} ({size(size_bytes)})."
        case ItemUploaded(_, filename, 0):
            return f"{printable(filename)} is already on the frame."
        case ItemUploaded(_, filename, size_bytes):
            return f"Uploaded {printable(filename)} ({size(size_bytes)})."
        case ItemFailed(_, filename, error):
            return f"{printable(filename)}: {error_sentence(error)} {advice(error)}".rstrip()
        case ChangesPlanned(rule, plan) if plan.deletes:
            return f"Album {printable(rule)}: {counted(len(plan.deletes), 'photo')} to delete."
        case PlaylistCreated(_, playlist):
            return f"Created playlist {printable(playlist)}."
        case NameReplaced(service, kind, name, listed_as):
            return (
                f"{service} does not keep the {kind} name {printable(name)}: the {kind} is called"
                f" {printable(listed_as)} there, and picsync finds it by that name."
            )
        case Published(_, playlist, added, removed, count):
            done = f"{added:,} added, {removed:,} removed; it now holds {count:,}"
            return f"Published {printable(playlist)}: {done}."
        case PhotoDeleted(_, filename):
            return f"Deleted {printable(filename)}."
        case CycleFinished(report):
            result = f"Album {printable(report.rule)}: {report_result(report, timed=False)}"
            why = (
                error_sentence(f.error) if f.about is About.RULE else _failure(f) for f in report.failures[:1]
            )
            return " ".join((result, *why))
        case PassStarted(rule, _, dry_run):
            return f"{job_title(rule)}: started{' (dry run)' if dry_run else ''}."
        case FileMoved(_, path, to):
            return f"Moved {printable(path)} to {printable(to)}."
        case FileSkipped(rule, path, why, note):
            said = f": {printable(note).rstrip('.')}" if note else ""
            reason = _NOT_MIRRORED.get(why, why)
            return f"{job_title(rule)}: {printable(path)} is not mirrored: {reason}{said}."
        case PassFinished(report):
            first = [error_sentence(failure.error) for failure in report.failures[:1]]
            return " ".join((f"{job_title(report.rule)}: {pass_result(report, timed=False)}", *first))
        case CycleScheduled(rule, refused_wait_s=asked_s, wait_s=wait_s) if asked_s is not None:
            return (
                f"{job_title(rule)}: a service asked to wait for {rough(asked_s)} or more, longer than"
                f" the rule's interval. picsync tries again in {rough(wait_s)}."
            )
        case CycleRequested(rule):
            return f"{job_title(rule)}: the operator asked for a cycle."
        case DeletesAllowed(rule, count):
            return f"Album {printable(rule)}: the operator allowed {counted(count, 'held delete')}."
        case Crashed(what=what, error=error):
            bug = f"Unexpected error: {error}. This is a bug; please report it at {REPORT_TO}."
            return f"{printable(what)} {bug}"
        case Stopping():
            return "Stopping: no new work is started."
    return None
