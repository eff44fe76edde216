"""Passes of a mirror between changes on both sides, failures, stops and lost memory."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from picsync.core.errors import RefusedError
from picsync.core.events import Event, FileSkipped
from picsync.core.mirror import Theirs
from picsync.core.places import LOCAL, StorePlace, fold
from picsync.core.plan import DeleteLimit
from picsync.jobs.mirror import MirrorContext, Mirroring, MirrorJob
from picsync.system.control import Requests
from tests.jobs.memory_store import MemoryStore
from tests.jobs.mirrored import Remembering

names = st.sampled_from(["a", "b", "B"])
paths = st.lists(names, min_size=1, max_size=2).map(lambda parts: "/" + "/".join(parts))
data = st.sampled_from([b"1", b"2", b"33", b"44"])
trees = st.dictionaries(paths, data, min_size=1, max_size=5)


class MirrorMachine(RuleBasedStateMachine):
    """`/in` here, `/out` there, which ignores case."""

    def __init__(self) -> None:
        super().__init__()
        self.here = MemoryStore()
        self.there = MemoryStore(folds=True)
        self.here.make("/in")
        self.memory = Remembering()
        self.events: list[Event] = []
        self.folder = tempfile.TemporaryDirectory(prefix="picsync-test-")
        self.requests = Requests(Path(self.folder.name))

    def teardown(self) -> None:
        try:
            self.passes_make_both_sides_equal()
        finally:
            self.folder.cleanup()

    @initialize(folds=st.booleans(), ours=trees, foreign=trees)
    def begin(self, folds: bool, ours: dict[str, bytes], foreign: dict[str, bytes]) -> None:
        self.there.folds = folds
        self.put_all(ours, theirs=False)
        self.put_all(foreign, theirs=True)
        self.run()

    @rule(files=trees, theirs=st.booleans())
    def put_all(self, files: dict[str, bytes], theirs: bool) -> None:
        for path, content in files.items():
            try:
                (self.there if theirs else self.here).put(("/out" if theirs else "/in") + path, content)
            except RefusedError:
                continue

    @rule(number=st.integers(0, 5), data=data, theirs=st.booleans())
    def change(self, number: int, data: bytes, theirs: bool) -> None:
        store = self.there if theirs else self.here
        files = [path for path, (content, _) in store.tree.items() if content is not None]
        if files:
            store.put(files[number % len(files)], data)

    @rule(path=paths, theirs=st.booleans())
    def folder_of(self, path: str, theirs: bool) -> None:
        try:
            (self.there if theirs else self.here).make(("/out" if theirs else "/in") + path)
        except RefusedError:
            return

    @rule(path=paths, theirs=st.booleans())
    def remove(self, path: str, theirs: bool) -> None:
        (self.there if theirs else self.here).remove(("/out" if theirs else "/in") + path)

    @rule(path=paths, to=paths)
    def rename(self, path: str, to: str) -> None:
        content = self.here.tree.get(f"/in{path}", (None, 0))[0]
        if content is not None:
            self.here.remove(f"/in{path}")
            self.put_all({to: content}, theirs=False)

    @rule()
    def forget(self) -> None:
        self.memory.states.clear()

    @rule(seed=st.integers(0, 1 << 16), share=st.sampled_from([0.0, 0.1, 0.5]), steps=st.integers(0, 40))
    def interrupted_pass(self, seed: int, share: float, steps: int) -> None:
        rng = random.Random(seed)
        self.here.failing = self.there.failing = lambda _where: rng.random() < share
        left = iter(range(steps))
        self.run(leaving=lambda: next(left, None) is None)
        self.here.failing = self.there.failing = lambda _where: False

    @rule()
    def held_pass(self) -> None:
        before = [path for path, (content, _) in self.there.tree.items() if content is not None]
        report = self.run(limit=DeleteLimit(count=0))
        if report.held:
            gone = report.done.get("moved", 0)
            assert sum(path not in self.there.tree for path in before) <= gone
        assert "deleted" not in report.done or not report.held

    @rule()
    def keeping_pass(self) -> None:
        before = dict(self.there.tree)
        known = {
            path: one for (side, path), one in self.known().items() if side == "equal" and one.content_hash
        }
        report = self.run(theirs=Theirs.KEEP)
        assert not report.failures
        for path, (content, _) in before.items():
            if content is not None and not any(fold(f"/out{one}") == fold(path) for one in known):
                assert self.there.tree.get(path, (None, 0))[0] == content, path

    @rule()
    def passes_make_both_sides_equal(self) -> None:
        for _ in range(2):
            self.events.clear()
            report = self.run()
            assert not report.failures, report.failures
        assert not report.done, report.done
        skipped = {
            path for (side, path), _ in self.known().items() if side == "skipped"
        }  # Names that the other side cannot hold.
        wanted = {
            self.there.key(path.removeprefix("/in")): content
            for path, (content, _) in self.here.tree.items()
            if path != "/in" and path.removeprefix("/in") not in skipped
        }
        found = {
            self.there.key(path.removeprefix("/out")): content
            for path, (content, _) in self.there.tree.items()
            if path.startswith("/out/")
        }
        assert found == wanted
        assert all(one.why == "same_name" for one in self.events if isinstance(one, FileSkipped))

    def known(self) -> Any:
        state = self.memory.states.get("mirror backup")
        return {} if state is None else state.files

    def run(self, leaving: Any = lambda: False, **changes: Any) -> Any:
        stores = cast("Any", {LOCAL: self.here, "box": self.there})
        context = MirrorContext(stores, self.memory, self.requests, self.events.append, leaving)
        fields = {"limit": DeleteLimit(share=1.0), **changes}
        job = MirrorJob(Mirroring("backup", "/in", StorePlace("box", "/out"), **fields), None, context)
        return asyncio.run(job.run())


TestMirrorMachine = MirrorMachine.TestCase
TestMirrorMachine.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
