"""Fuzzing within a budget: every parser of foreign data in turn, with inputs determined by the seed."""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

from tests.config import test_config_properties as config
from tests.fuzz import (
    test_fuzz_cache,
    test_fuzz_cycle,
    test_fuzz_dropbox,
    test_fuzz_google,
    test_fuzz_nixplay,
    test_fuzz_parsers,
    test_fuzz_sources,
)
from tests.fuzz.wireserver import looping

ROUND_S = 4.0
"""Time for a parser before the next one continues."""

PARSERS: Mapping[str, tuple[Any, ...]] = {
    "settings: any text": (config.test_any_file, config.test_any_environment),
    "settings: torn files": (test_fuzz_parsers.test_files_torn_on_disk,),
    "credentials: written": (config.test_a_login_is_written_or_the_file_stays,),
    "cache file": (test_fuzz_cache.test_a_damaged_cache,),
    "Nixplay: bodies": (test_fuzz_nixplay.test_any_body,),
    "Nixplay: answers": (test_fuzz_nixplay.test_any_answer,),
    "Google: bodies": (test_fuzz_google.test_any_body,),
    "Google: answers": (test_fuzz_google.test_any_answer,),
    "Google: refusals": (test_fuzz_google.test_any_refusal,),
    "shared album: page": (test_fuzz_sources.test_a_shared_album_s_page,),
    "shared album: further page": (test_fuzz_sources.test_a_shared_album_s_further_page,),
    "Immich": (test_fuzz_sources.test_immich_s_answers,),
    "Dropbox: answers": (test_fuzz_dropbox.test_any_answer,),
    "Dropbox: refusals": (test_fuzz_dropbox.test_any_refusal, test_fuzz_dropbox.test_any_failure_of_an_entry),
    "picker": (test_fuzz_sources.test_the_picker_s_answers,),
    "cookies": (test_fuzz_parsers.test_a_cookie_never_spoils_the_next_request,),
    "Retry-After": (test_fuzz_parsers.test_any_retry_after,),
    "file heads": (test_fuzz_parsers.test_a_head_of_a_file, test_fuzz_parsers.test_an_original_in_any_pieces),
    "picture headers": (test_fuzz_sources.test_a_picture_s_header,),
    "EXIF": (test_fuzz_sources.test_exif,),
    "file names": (test_fuzz_parsers.test_a_name_for_the_frame, test_fuzz_parsers.test_a_name_for_people),
    "whole cycles": (test_fuzz_cycle.test_no_wanted_photo_goes,),
}
"""The fuzzed parsers, by the tests that do it."""


@dataclass
class Fuzzed:
    """The result of one parser."""

    parser: str
    inputs: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    """Hypothesis's report: the input, and where it failed."""


def run(
    number: int,
    budget_s: float,
    *,
    only: str = "",
    say: Callable[[str], None] = print,
) -> list[Fuzzed]:
    """Fuzz the parsers in turn, at least one round each, until the time is up; `only` is part of a name."""
    results = [Fuzzed(parser) for parser in PARSERS if only.lower() in parser.lower()]
    if not results:
        raise ValueError(f"no parser is called {only!r}; there are: {', '.join(PARSERS)}")
    until = time.monotonic() + budget_s
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        context: dict[str, object] = {
            "loop": stack.enter_context(looping()),
            "tmp_path": folder,
            "path": folder / "settings.yaml",
        }
        for turn in itertools.count():
            for result in results:
                if turn and time.monotonic() > until:
                    return results
                _round(result, number + 1_000 * turn, context)
                for failure in result.failures[turn:]:
                    say(f"FAILED {result.parser} (seed {number + 1_000 * turn})\n{failure}")
    raise AssertionError("unreachable")


def _round(result: Fuzzed, number: int, context: Mapping[str, Any]) -> None:
    tests = PARSERS[result.parser]
    began = time.monotonic()
    for at, test in enumerate(tests):
        count = 8
        until = time.monotonic() + ROUND_S / len(tests)
        for repeat in itertools.count():
            try:
                result.inputs += _batch(test, number + 100_000 * (at + 1) + 7 * repeat, count, context)
            except Exception:  # noqa: BLE001 - whatever a parser raises is its result
                result.failures.append(traceback.format_exc(limit=-6))
                break
            if time.monotonic() > until:
                break
            count = min(2 * count, 500)
    result.seconds += time.monotonic() - began


def _batch(test: Any, number: int, count: int, context: Mapping[str, Any]) -> int:
    """Run one property on `count` inputs or fewer, where it has fewer; return how many there were."""
    ran = 0
    inner = test.hypothesis.inner_test

    def counted(*args: Any, **options: Any) -> None:
        nonlocal ran
        ran += 1
        inner(*args, **options)

    needed = inner.__code__.co_varnames[: inner.__code__.co_argcount]
    before = test._hypothesis_internal_use_settings
    seed(number)(test)
    test._hypothesis_internal_use_settings = settings(
        max_examples=count,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    test.hypothesis.inner_test = counted
    try:
        test(**{name: value for name, value in context.items() if name in needed})
    finally:
        test.hypothesis.inner_test = inner
        test._hypothesis_internal_use_settings = before
    return ran


def table(results: Sequence[Fuzzed]) -> str:
    """Return the figures as lines."""
    lines = [f"{'parser':28} {'inputs':>8} {'seconds':>8}  failures"]
    lines += [
        f"{each.parser:28} {each.inputs:8} {each.seconds:8.0f}  {len(each.failures)}" for each in results
    ]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total = sum(each.inputs for each in results)
    return "\n".join([*lines, f"{total} inputs; at most {peak_mb:.0f} MB of memory in this process"])
