"""The options `include` and `exclude` of sources that consist of files."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from picsync.config.options import listed


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


_Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(listed)]
Include = Annotated[
    _Patterns,
    Field(
        description="Take only files that match one of these patterns. A pattern without a slash matches"
        " names in any folder (`*.jpg`), one with slashes matches paths relative to the folder, where `**`"
        " stands for any number of folders (`2024/**`). Case is ignored. Default: all files.",
        examples=["[2024/**, '*.heic']"],
    ),
]
Exclude = Annotated[
    _Patterns,
    Field(
        description="Skip files and folders that match one of these patterns, even if `include` matches"
        " too. Default: none.",
        examples=["[raw/**, '*screenshot*']"],
    ),
]
