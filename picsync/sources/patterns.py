"""The options `include` and `exclude` of sources that consist of files."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _pattern(value: str) -> str:
    if not value or value.startswith("/"):
        raise ValueError(
            f"must be a pattern for paths below the folder, such as `*.jpg` or `raw/**`, not {value[:60]!r}"
        )
    from picsync.sources.choice import pattern_problem

    if problem := pattern_problem(value):
        raise ValueError(problem)
    return value


def word(pattern: str) -> str:
    """Return the pattern quoted so that different lists of patterns never read the same."""
    return repr(pattern) if set(pattern) & set(",()'\"") else pattern


Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_listed)]
