"""Plans and reports as sentences and lines for people; pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from picsync.events import CycleReport
from picsync.plan import Plan, Skip, Transfer

FEW = 25
"""Up to so many, photos are named one by one."""

_SKIPPED = {
    Skip.VIDEO: ("video", "videos", "skipped (`videos: true` takes them)"),
    Skip.FORMAT: ("item", "items", "skipped, since the frame does not take the format"),
    Skip.UNUSABLE: ("item", "items", "skipped as unusable"),
}


def counted(count: int, one: str, many: str = "") -> str:
    """Return "1 photo", "2 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size(size_bytes: int) -> str:
    """Return a size in the unit that suits it: "3.2 MB"."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value, unit = float(size_bytes), "B"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the last one is used below
        value /= 1000
        if value < 999.5:
            break
    return f"{value:.1f} {unit}"


def printable(text: str) -> str:
    """Return foreign text, such as a file name, without anything that could move a terminal's cursor."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) or "(no name)"


def plan_transfer_lines(rule: str, transfers: Sequence[Transfer]) -> Iterator[str]:
    """Yield the first stroke of a dry run's plan: photo by photo when few, summarised when many."""
    yield f"Album {printable(rule)}:"
    yield from _each("upload", [printable(transfer.item.filename) for transfer in transfers])


def plan_changes_lines(rule: str, plan: Plan) -> Iterator[str]:
    """Yield the second stroke, as it follows from the predicted result of the first."""
    by_id = {photo.photo_id: photo.filename for photo in (*plan.shown, *plan.deletes)}
    for edit in plan.edits:
        if edit.playlist is None:
            yield f"  create playlist ss_{printable(rule)}"
        yield from _each("add to the playlist", [printable(photo.filename) for photo in edit.add])
        removed = [by_id.get(item.photo_id, f"entry {item.item_id}") for item in edit.remove]
        yield from _each("remove from the playlist", [printable(name) for name in removed])
    yield from _each("delete", [printable(photo.filename) for photo in plan.deletes])
    if plan.hold is not None:
        yield f"  held: {plan.hold.message}"
    if plan.overflow:
        yield f"  not shown, since the playlist is full: the {plan.overflow} oldest"
    if plan.empty and plan.hold is None:
        yield "  nothing else to do"


def _each(verb: str, names: Sequence[str]) -> Iterator[str]:
    if len(names) > FEW:
        yield f"  {verb} {counted(len(names), 'photo')}: {', '.join(names[:3])}, ... {names[-1]}"
        return
    for name in names:
        yield f"  {verb} {name}"


def report_sentence(report: CycleReport) -> str:
    """Return what one cycle did, in one sentence."""
    name = f"Album {printable(report.rule)}"
    if report.on_frame is None:
        return f"{name}: nothing was changed."
    done = list(_done(report))
    state = counted(report.on_frame, "photo") + " on the frame"
    if report.in_playlist is not None and report.in_playlist != report.on_frame:
        state += f", {report.in_playlist:,} in the playlist"
    if report.dry_run:
        return f"{name}: dry run, nothing was changed; it would leave {state}."
    verdict = ", ".join(done) if done else "nothing to do" if report.outcome == "done" else "nothing changed"
    return f"{name}: {verdict}; {state} ({report.duration_s:.1f} s)."


def _done(report: CycleReport) -> Iterator[str]:
    if report.uploaded:
        yield f"{counted(report.uploaded, 'photo')} uploaded ({size(report.uploaded_bytes)})"
    if report.already_there:
        yield f"{report.already_there:,} already there"
    if report.deleted:
        yield f"{report.deleted:,} deleted"


def report_remarks(report: CycleReport) -> Iterator[str]:
    """Yield what a person should know besides: skipped items, notices, deletes held back, failures."""
    for skip, count in report.skipped.items():
        one, many, why = _SKIPPED[skip]
        yield f"{counted(count, one, many)} {why}."
    yield from report.notices
    if report.hold is not None:
        yield report.hold.message
    for failure in report.failures[:FEW]:
        yield f"{printable(failure.subject)}: {failure.error}"
    if len(report.failures) > FEW:
        yield f"... and {counted(len(report.failures) - FEW, 'more failure')}."
