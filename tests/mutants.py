"""Checks that the suite detects defects: copies of picsync with one defect each must fail it.

    python -m tests.mutants [WORD...]

Each mutant is a copy of the package in a temporary directory with one change; the work tree is not modified.
The tests named for it run until the first one fails. If none fails, the mutant survives and the exit code is
1: then the suite needs a new test.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("picsync", "tests", "doc", "pyproject.toml", "README.md", "CHANGELOG.md", "picsync.yaml.example")
PLAN = ("tests/property/test_plan_properties.py", "tests/property/test_cycle_machine.py", "tests/sync")
RENDITIONS = ("tests/sync/test_renditions.py", "tests/sync/test_lives.py")
MACHINE = ("tests/property/test_cycle_machine.py", "tests/sync")
OVER_HTTP = ("tests/property/test_wire_machine.py", "tests/frames", "tests/e2e", "tests/faults")
LIMIT_S = 600


@dataclass(frozen=True)
class Mutant:
    """One change that a test must detect."""

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    """The test directories and files, each of which must detect it by itself."""


MUTANTS = (
    Mutant(
        "deletes before it publishes",
        "picsync/sync/cycle.py",
        "        if await self._publish(seen):\n            await self._delete(seen)\n",
        "        await self._delete(seen)\n        await self._publish(seen)\n",
        MACHINE,
    ),
    Mutant(
        "deletes although publishing failed",
        "picsync/sync/cycle.py",
        "        if await self._publish(seen):\n            await self._delete(seen)\n",
        "        await self._publish(seen)\n        await self._delete(seen)\n",
        MACHINE,
    ),
    Mutant(
        "skips the second listing of the sources",
        "picsync/sync/observing.py",
        "if not await self._listed_alike():",
        "if False:",
        ("tests/sync", "tests/faults/test_pages_that_lie.py"),
    ),
    Mutant(
        "takes an incomplete listing for a complete one",
        "picsync/core/plan.py",
        "if certainty is Certainty.PARTIAL or now.photos.problem:",
        "if now.photos.problem:",
        PLAN,
    ),
    Mutant(
        "takes what the frame leaves out for gone",
        "picsync/core/plan.py",
        "    seen = None if sure else frozenset(photo.photo_id for photo in now.photos.items)\n",
        "    seen = None\n",
        PLAN,
    ),
    Mutant(
        "deletes while content is unknown",
        "picsync/core/plan.py",
        "    if unknown:\n",
        "    if False:\n",
        PLAN,
    ),
    Mutant(
        "deletes while something wanted is missing",
        "picsync/core/plan.py",
        "    if missing and not now.storage_full:\n",
        "    if False:\n",
        PLAN,
    ),
    Mutant(
        "sends equal content twice",
        "picsync/core/plan.py",
        "        if candidate.same in planned:\n",
        "        if False:\n",
        MACHINE,
    ),
    Mutant(
        "has no brake",
        "picsync/core/plan.py",
        "    if not count or rule.allow_deletes or within_limit(rule.delete_limit, count, total):\n",
        "    if True:\n",
        PLAN,
    ),
    Mutant(
        "has a brake that lets an album be emptied",
        "picsync/core/plan.py",
        "    return deletes < photos and (deletes <= BRAKE_COUNT",
        "    return (deletes <= BRAKE_COUNT",
        PLAN,
    ),
    Mutant(
        "does not obey delete: false",
        "picsync/core/plan.py",
        "    held = set(hold.photos if hold else rest if not rule.delete else ())\n",
        "    held = set(hold.photos if hold else ())\n",
        PLAN,
    ),
    Mutant(
        "removes entries before it adds",
        "picsync/core/plan.py",
        "    size = len(edit.playlist.items) if edit.playlist else 0\n    add, remove",
        "    if edit.remove:\n        yield RemoveItems(edit.remove)\n"
        "    size = len(edit.playlist.items) - len(edit.remove) if edit.playlist else 0\n"
        "    edit = PlaylistEdit(edit.content, edit.playlist, edit.add)\n    add, remove",
        PLAN,
    ),
    Mutant(
        "does not read a playlist back",
        "picsync/sync/publish.py",
        "            if edit.empty or unordered:\n                count, shown",
        "            if True:\n                count, shown",
        MACHINE,
    ),
    Mutant(
        "publishes from what it uploaded, not from what the frame lists",
        "picsync/sync/cycle.py",
        "            await self.observation.see_photos(seen)\n            unlisted =",
        "            unlisted =",
        MACHINE,
    ),
    Mutant(
        "skips the second listing of the frame",
        "picsync/sync/observing.py",
        "if photos_too:",
        "if False:",
        ("tests/sync",),
    ),
    Mutant(
        "believes whichever listing of the frame comes last",
        "picsync/core/model.py",
        "        if not odd or self.problem is not None:\n",
        "        if True:\n",
        ("tests/sync",),
    ),
    Mutant(
        "records a digest only after the upload",
        "picsync/sync/transfer.py",
        "        await self._record(item, content)\n        return None if",
        "        return None if",
        ("tests/sync", "tests/crash/test_kills.py"),
    ),
    Mutant(
        "sends a rejected photo that another source lists",
        "picsync/sync/transfer.py",
        "return None if self._rejects(item, content, same) else content",
        "return content",
        ("tests/sync/test_rejected.py",),
    ),
    Mutant(
        "forgets a failure of one item",
        "picsync/sync/transfer.py",
        "        self._result.failures.append(Failure(item.filename or item.item_id, error))\n        if",
        "        if",
        MACHINE,
    ),
    Mutant(
        "repeats what must not be repeated",
        "picsync/http/retry.py",
        "        return Again(lost) if operation.repeatable or not result.sent else lost\n",
        "        return Again(lost)\n",
        ("tests/http", "tests/frames", "tests/faults/test_fault_matrix.py"),
    ),
    Mutant(
        "creates without looking first",
        "picsync/frames/nixplay/catalog.py",
        "            if found := await self._find(name, self._seen.usable_since(name, DENIED_FOR_S)):\n"
        "                return found\n",
        "",
        ("tests/frames", "tests/property/test_wire_machine.py", "tests/faults/test_fault_matrix.py"),
    ),
    Mutant(
        "believes one listing without the name",
        "picsync/frames/nixplay/view.py",
        "DENIALS = 2\n",
        "DENIALS = 1\n",
        ("tests/frames",),
    ),
    Mutant(
        "shares an observation that began too early",
        "picsync/aio/observation.py",
        "            elif running.given_up or running.began <= instant:\n",
        "            elif running.given_up:\n",
        ("tests/aio", "tests/frames"),
    ),
    Mutant(
        "believes a listing of the frame whatever its count says",
        "picsync/frames/nixplay/frame.py",
        '            problem = f"Nixplay says the album contains',
        '            problem = None and f"Nixplay says the album contains',
        ("tests/frames",),
    ),
    Mutant(
        "takes a failing list of playlists for an empty one",
        "picsync/sync/observing.py",
        "        return await self.playlist_frame.playlists(self.rule.rule.part_name(number))\n",
        "        try:\n"
        "            return await self.playlist_frame.playlists(self.rule.rule.part_name(number))\n"
        "        except PicsyncError:\n            return ()\n",
        MACHINE,
    ),
    Mutant(
        "takes an error page for a picture",
        "picsync/sync/tempfiles.py",
        "            if self._head.lstrip().startswith(_TEXT_STARTS):\n",
        "            if False:\n",
        ("tests/sync", "tests/fuzz/test_fuzz_parsers.py", "tests/faults/test_fault_matrix.py"),
    ),
    Mutant(
        "goes on where a half of a download was",
        "picsync/sync/tempfiles.py",
        "        self.size_bytes = 0\n        self._hash = hashlib.new(self._algorithm, used",
        "        self.size_bytes = 0\n        hashlib.new(self._algorithm, used",
        MACHINE,
    ),
    Mutant(
        "commits a cache's record some time later",
        "picsync/cache/store.py",
        "        await asyncio.shield(self._next_commit)\n",
        "        await asyncio.sleep(0)\n",
        ("tests/cache", "tests/crash/test_kills.py"),
    ),
    Mutant(
        "shows the oldest where there is no room",
        "picsync/core/choice.py",
        "taken_at(thing) or _LONG_AGO, reverse=True)",
        "taken_at(thing) or _LONG_AGO)",
        ("tests/property/test_select_properties.py",),
    ),
    Mutant(
        "knows no photo by its name",
        "picsync/core/identity.py",
        "        if not self._parsed():\n",
        "        if True:\n",
        RENDITIONS,
    ),
    Mutant(
        "never looks again at what fitted another recipe",
        "picsync/core/identity.py",
        "key.recipe == FITTING_BYTES and not remembered",
        "key.recipe == FITTING_BYTES",
        RENDITIONS,
    ),
    Mutant(
        "knows no photo by the content of another item",
        "picsync/core/identity.py",
        "            return (*found, *self._by_token(content_key(original)))\n",
        "            return found\n",
        RENDITIONS,
    ),
    Mutant(
        "replaces photos of copies at once",
        "picsync/sync/transfer.py",
        "        may_send = not unplanned or self._replacements > 0\n",
        "        may_send = True\n",
        RENDITIONS,
    ),
    Mutant(
        "keeps a replaced photo while others cannot be uploaded",
        "picsync/core/plan.py",
        "if photo.photo_id not in replaced]",
        "]",
        RENDITIONS,
    ),
    Mutant(
        "replaces everything at once",
        "picsync/core/plan.py",
        "for each in replacing))[:replacements])",
        "for each in replacing)))",
        RENDITIONS,
    ),
    Mutant(
        "skips what is on the frame for its format",
        "picsync/core/select.py",
        "    if found.digest in shown.digests:\n        return found\n",
        "",
        ("tests/property/test_select_properties.py",),
    ),
    Mutant(
        "never tries again what could not be used",
        "picsync/core/select.py",
        "now - recorded_at < UNUSABLE_FOR",
        "now - recorded_at < 1000 * UNUSABLE_FOR",
        ("tests/property/test_select_properties.py",),
    ),
    Mutant(
        "works on in spite of a stop",
        "picsync/sync/transfer.py",
        "            if self._halted or self._stopping():\n                return\n",
        "            if self._halted:\n                return\n",
        ("tests/sync", "tests/crash/test_signals.py"),
    ),
)


@dataclass(frozen=True)
class Verdict:
    """The result of a mutant with one directory or file of tests."""

    killed: bool
    by: str
    seconds: float


def mutate(folder: Path, mutant: Mutant) -> None:
    """Make the change in a copy; raises LookupError if its code no longer exists."""
    path = folder / mutant.file
    text = path.read_text("utf-8")
    if text.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: {mutant.file} has it {text.count(mutant.old)} times")
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")


def copy_to(folder: Path) -> None:
    """Copy the files that tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)


def judge(folder: Path, tests: str) -> Verdict:
    """Run the tests of one place until the first one fails."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", "--tb=no"]
    command += ["--hypothesis-profile=mutants", tests]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    try:
        ran = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return Verdict(True, "it never ended", time.monotonic() - began)
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"pytest {tests} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, flags=re.MULTILINE)
    return Verdict(ran.returncode == 1, failed[0] if failed else "", time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """Test the mutants whose names have every word; print a line for each result and return an exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*")
    parser.add_argument("--first", action="store_true", help="leave a mutant alone once it is killed")
    options = parser.parse_args(arguments)
    survivors = 0
    chosen = [each for each in MUTANTS if all(word in each.name for word in options.words)]
    for mutant in chosen:
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            folder = Path(name)
            copy_to(folder)
            mutate(folder, mutant)
            killed = False
            for tests in mutant.tests:
                verdict = judge(folder, tests)
                killed = killed or verdict.killed
                says = f"killed by {verdict.by}" if verdict.killed else f"not noticed by {tests}"
                print(f"{mutant.name}: {says} ({verdict.seconds:.0f} s)", flush=True)
                if killed and options.first:
                    break
            survivors += not killed
            if not killed:
                print(f"{mutant.name}: SURVIVES", flush=True)
    print(f"{len(chosen)} mutants, {len(chosen) - survivors} killed, {survivors} survive")
    return min(survivors, 1)


if __name__ == "__main__":
    sys.exit(main())
