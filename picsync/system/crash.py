"""Reports unexpected exceptions for developers: where they were raised, without any values.

The text of an exception may contain anything that passed through the code: a URL with a token, a line of the
credentials file, a photo's name. The report therefore contains only types and lines of code.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import PurePath

from picsync.core.errors import REPORT_TO, UnexpectedError
from picsync.core.events import Crashed

FRAMES_KEPT = 30
"""Maximum number of innermost calls in a traceback; an endless recursion has thousands."""
ERRORS_KEPT = 10
"""Maximum number of exceptions in a report, including causes and members of groups."""


def unexpected(error: BaseException) -> UnexpectedError:
    """Return the error that represents a bug in reports, the status and notifications."""
    return UnexpectedError(
        f"An unexpected error: {summary(error)}.",
        hint=f"This is a bug in picsync. Please report it at {REPORT_TO} with the traceback from the log.",
    )


def crashed(error: BaseException, what: str, *, rule: str = "") -> Crashed:
    """Return the event for a bug; `what` names the part that failed, and what continues."""
    return Crashed(rule, what, summary(error), report(error))


def summary(error: BaseException) -> str:
    """Return an exception's type and the place in picsync where it was raised, on one line."""
    error = _innermost(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "picsync" in PurePath(frame.filename).parts]
    where = (own or frames)[-1:]
    return f"{type(error).__name__}" + "".join(f" in {_file(each)}, line {each.lineno}" for each in where)


def report(error: BaseException) -> str:
    """Return a traceback without the texts of the exceptions."""
    return "\n".join(_lines(error))


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _lines(error: BaseException) -> Iterator[str]:
    for number, (each, why) in enumerate(_related(error)):
        if number == ERRORS_KEPT:
            yield "... and more exceptions"
            return
        yield f"Traceback (most recent call last){why}:"
        frames = traceback.extract_tb(each.__traceback__)
        if len(frames) > FRAMES_KEPT:
            yield f"  ... {len(frames) - FRAMES_KEPT} more calls"
        for frame in frames[-FRAMES_KEPT:]:
            yield f'  File "{_file(frame)}", line {frame.lineno}, in {frame.name}'
            if frame.line:
                yield f"    {frame.line}"
        yield f"{type(each).__module__}.{type(each).__qualname__}"


def _related(error: BaseException, why: str = "") -> Iterator[tuple[BaseException, str]]:
    """Yield an exception, the members of a group, and the causes of each."""
    found: list[tuple[BaseException, str]] = [(error, why)]
    seen: set[int] = set()
    while found:
        each, why = found.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each, why
        if isinstance(each, BaseExceptionGroup):
            found += [(member, ", part of the group above") for member in each.exceptions]
        if each.__cause__ is not None:
            found.append((each.__cause__, ", the cause of the one above"))
        elif each.__context__ is not None and not each.__suppress_context__:
            found.append((each.__context__, ", handled when the one above was raised"))


def _file(frame: traceback.FrameSummary) -> str:
    """Return the path from the package on, without the location of the Python installation."""
    parts = PurePath(frame.filename).parts
    for root in ("site-packages", "picsync"):
        if root in parts:
            at = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[at + (root == "site-packages") :])
    return "/".join(parts[-2:])
