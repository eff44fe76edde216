"""The services of the soak, in their own process, so that their resources are not counted as picsync's.

    python -m tests.run.soak_services FOLDER PORT SEED

Reads one JSON object per line (`do` and its arguments) and responds to each with one. This process decides
what happens between two cycles: which requests fail, and how the albums and the configuration change.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Album
from picsync.emulators.nixplay.hosts import HOSTS
from tests.e2e.household import Household, open_household
from tests.faults.interception import FOLLOWED
from tests.faults.operations import LIBRARY, operation_of
from tests.household_services import ALBUM, MEDIA_HOST
from tests.run.resources import rss_kib

OTHER = "Holiday"
GOOGLE_HOSTS = (MEDIA_HOST, LIBRARY, "oauth2.googleapis.com")
STATUSES = (400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504)
BODIES = ("", "{}", "[]", "null", "[{}]", '{"error":', "<html>Sorry</html>", "\xff" * 3000)
PLACES = ("http://127.0.0.1:1/x?t=1", "https://app.nixplay.com/login", "/", "")
SLOW = frozenset({FaultKind.HANG, FaultKind.DRIP, FaultKind.DRIP_HEAD})
"""Faults that cost a timeout or several, so they are rare."""
KINDS = [kind for kind in FaultKind for _ in range(1 if kind in SLOW else 20)]
EVERY = 3
"""One of this many cycles has a fault."""
FEWEST, MOST = 4, 9


class Services:
    """The emulated services, the files, and the faults."""

    def __init__(self, household: Household, port: int, seed: int) -> None:
        self.household = household
        self.other = household.google.add_album(OTHER)
        self._port = port
        self._rng = random.Random(seed)
        self._rules = 1
        self._strikes = 0
        self._struck: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._reset: Counter[str] = Counter()
        """Requests whose connection was reset; a client may have sent them again unseen."""

    def strike(self) -> None:
        """Change something; cause a fault in every third cycle."""
        self._count()
        self.household.server.faults.clear()
        self._strikes += 1
        if self._strikes % EVERY == 0:
            for _ in range(self._rng.choice((1, 1, 2, 3))):
                self.household.server.faults.add(self._fault())
        for album in (self.household.album, self.other):
            self._change(album)
        match self._rng.randrange(60):
            case 0:
                self.household.nixplay.expire_sessions()
            case 1:
                self.household.google.expire_access_tokens()
            case 2:
                self._configure(rules=self._rng.choice((1, 2)))
            case 3:
                self._configure(trouble="albumz: {")
            case 4:
                self._configure(rules=self._rules)

    def _count(self) -> None:
        """Take the records of the log, which is then empty."""
        for record in self.household.server.log.records:
            if record.fault:
                self._struck[f"{record.fault} at {record.host}"] += 1
            if record.host not in FOLLOWED:
                kind = operation_of(record.method, record.host, record.path)
                self._asked[str(kind)] += 1
                self._reset[str(kind)] += record.fault.startswith("reset")
        self.household.server.log.clear()

    def _fault(self) -> Fault:
        kind = self._rng.choice(KINDS)
        pick = self._rng.choice
        return Fault(
            kind=kind,
            host=pick((*HOSTS, *GOOGLE_HOSTS)),
            skip=self._rng.randrange(4),
            count=1 if kind in SLOW else pick((1, 1, 1, 2, 6, None)),
            after=kind in (FaultKind.STATUS, FaultKind.BODY, FaultKind.REDIRECT) and pick((True, False)),
            status=pick(STATUSES),
            headers=pick(({}, {}, {"Retry-After": pick(("3", "20", "soon"))})),
            body=pick(BODIES),
            content_type=pick(("text/html", "application/json")),
            location=pick(PLACES),
            chunk_bytes=4000,
            delay_s=0.001,
        )

    def _change(self, album: Album) -> None:
        if len(album.items) < FEWEST or (self._rng.random() < 0.25 and len(album.items) < MOST):
            self.household.add(self._rng.choice((1, 2)), album)
        elif len(album.items) > FEWEST and self._rng.random() < 0.25:
            self.household.google.remove_item(self._rng.choice(album.items))

    def _configure(self, *, rules: int = 1, trouble: str = "") -> None:
        """Replace the configuration with a different one, if only by a comment."""
        self._rules = rules
        self.household.rule_lines = ['maxDelete: "100%"']
        path = self.household.write_config(every="1s")
        text = path.read_text("utf-8") + f"prometheus: {{listen: '127.0.0.1:{self._port}'}}\n"
        if rules == 2:
            second = f"albums:\n- {{name: {OTHER}, sources: {{googlephotos: [{self.other.album_id}]}}, "
            text = text.replace("albums:\n", second + "maxDelete: '100%'}\n")
        new = path.with_suffix(".new")
        new.write_text(f"{text}{trouble}\n# {self._rng.random()}\n", "utf-8")
        new.replace(path)

    def calm(self) -> None:
        """End all faults, with a number of photos that is always the same."""
        self._count()
        self.household.server.faults.clear()
        for album in (self.household.album, self.other):
            while len(album.items) > FEWEST:
                self.household.google.remove_item(album.items[0])
            self.household.add(FEWEST - len(album.items), album)
        self._configure(rules=1)

    def judge(self) -> dict[str, Any]:
        """Report whether the frame is right and always has been, and the requests and changes so far."""
        self._count()
        try:
            self.household.assert_synced()
            wrong = ""
        except AssertionError as error:
            wrong = f"{error} {self.household.violations}"
        return {
            "wrong": wrong,
            "asked": self._asked,
            "reset": self._reset,
            "struck": self._struck,
            "changes": self.household.nixplay.counters,
            "photos": len(self.household.on_frame()),
            "made": self.household.made,
            "rss_kib": rss_kib(),
        }


async def serve(folder: Path, port: int, seed: int) -> None:
    """Carry out orders from standard input until it ends."""
    async with open_household(folder) as household:
        household.google.options.requests_per_day = household.google.options.media_requests_per_day = None
        services = Services(household, port, seed)
        services.calm()
        print(json.dumps({"config": str(folder / "picsync.yaml"), "album": ALBUM}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            answer = getattr(services, json.loads(line)["do"])()
            print(json.dumps(answer or {}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
