"""Two accounts of each kind in one configuration: each works, and fails, independently."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from picsync.core.events import AccessToken, CycleOutcome, CycleReport, Event, LoggedIn, LoginRefused
from picsync.core.model import Finding, Mark
from picsync.doctor import examine
from picsync.emulators.google import GooglePhotos, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.immich import Immich
from picsync.emulators.nixplay import Nixplay
from picsync.emulators.server import EmulatorServer
from picsync.emulators.world import READ_SCOPE
from picsync.observe.words import failure_text
from picsync.run.settings import SettingsFiles, album_rules
from picsync.run.wiring import inspect_cache, open_tools, operations, services
from picsync.sync.cycle import run_cycle
from tests.observe.scraping import Scraped

PHOTO_BYTES = 3_000
AUNT = "aunt.example"


@dataclass
class Family:
    """Two Nixplay accounts, two Immich servers with equal IDs, and two logins at Google."""

    folder: Path
    google: GooglePhotos
    immich: tuple[Immich, Immich]
    nixplay: Nixplay
    server: EmulatorServer
    events: list[Event] = field(default_factory=list)
    contents: set[str] = field(default_factory=set)

    def set_up(self) -> None:
        """Fill the albums, and write configuration and credentials."""
        clients = (self.google.client_id, "cousin.apps.example")
        self.google.add_client(clients[1], "cousins-secret")
        albums, logins = [], []
        for place, client in enumerate(clients):
            album = self.google.add_album("Google", client_id=client)
            self.google.add_item(album, "g.jpg", self._new(place))
            albums.append(album.album_id)
            logins.append(self.google.issue_credentials([READ_SCOPE], client_id=client))
        for place, immich in enumerate(self.immich):
            immich.add_asset(immich.add_album("Grandma"), "i.jpg", self._new(10 + place))
        for user in ("anna", "hans"):
            self.nixplay.add_user(user, f"password-of-{user}")
        google = [
            f"api: {{key: {login['client_id']}, secret: {login['client_secret']}}}, access: {{access_token: "
            f"{login['access_token']}, refresh_token: {login['refresh_token']}, expiry: '{login['expiry']}'}}"
            for login in logins
        ]
        immich_lines = [
            f"server: 'http://{immich.host}', api_key: '{immich.add_key().secret}'" for immich in self.immich
        ]
        (self.folder / ".picsync-credentials.yaml").touch(0o600)
        (self.folder / ".picsync-credentials.yaml").write_text(
            "nixplay: {username: anna, password: password-of-anna}\n"
            f"googlephotos: {{{google[0]}}}\n"
            f"immich: {{{immich_lines[0]}}}\n"
            "accounts:\n"
            "  grandpa: {kind: nixplay, username: hans, password: password-of-hans}\n"
            f"  cousin: {{kind: googlephotos, {google[1]}}}\n"
            f"  aunt: {{kind: immich, {immich_lines[1]}}}\n",
            "utf-8",
        )
        (self.folder / "picsync.yaml").write_text(
            f"emulator: {self.server.url}\n"
            "albums:\n"
            "- name: Family\n"
            "  frames: [nixplay, grandpa]\n"
            "  sources:\n"
            f"    googlephotos: [{albums[0]}]\n"
            f"    cousin: [{albums[1]}]\n"
            "    immich: [Grandma]\n"
            "    aunt: [Grandma]\n",
            "utf-8",
        )

    def _new(self, seed: int) -> bytes:
        content = read_all(generated_jpeg(seed, PHOTO_BYTES))
        self.contents.add(hashlib.md5(content, usedforsecurity=False).hexdigest())
        return content

    @property
    def files(self) -> SettingsFiles:
        return SettingsFiles(self.folder / "picsync.yaml", {}, [self.folder / ".picsync-credentials.yaml"])

    @property
    def cache(self) -> str:
        return str(self.folder / "cache.db")

    def rewrite(self, old: str, new: str) -> None:
        """Change the credentials."""
        path = self.folder / ".picsync-credentials.yaml"
        assert old in path.read_text("utf-8")
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    async def cycles(self) -> list[CycleReport]:
        """Run a cycle on each frame, as a new process."""
        settings = self.files.load()
        async with open_tools(
            settings.config,
            settings.credentials,
            cache=self.cache,
            emit=self.events.append,
            notify=lambda _: None,
            sleep=_at_once,
        ) as tools:
            return [await run_cycle(rule, tools) for rule in album_rules(settings.config)]

    async def problems(self) -> list[Finding]:
        """Return what the doctor wants mended, except that the emulated frames show no playlist."""
        found = [finding async for finding in examine(self.files, self.cache, self.events.append)]
        wrong = [finding for finding in found if finding.mark is Mark.PROBLEM]
        return [finding for finding in wrong if "no frame shows the playlist" not in finding.message]

    def on_frame(self, user: str) -> set[str]:
        return {photo.md5 for photo in self.nixplay.account(user).photos.values()}


async def _at_once(_: float) -> None:
    return


@pytest.fixture
async def family(tmp_path: Path) -> AsyncIterator[Family]:
    google, nixplay = GooglePhotos(), Nixplay()
    immich = (Immich(), Immich(host=AUNT))
    async with EmulatorServer([google, *immich, nixplay]) as server:
        found = Family(tmp_path, google, immich, nixplay, server)
        found.set_up()
        yield found
    nixplay.close()


def messages(reports: Iterable[CycleReport]) -> str:
    return "\n".join(failure_text(failure) for report in reports for failure in report.failures)


async def test_everything_arrives_on_both_frames(family: Family) -> None:
    assert [report.outcome for report in await family.cycles()] == [CycleOutcome.DONE] * 2
    assert family.on_frame("anna") == family.on_frame("hans") == family.contents
    assert len(family.contents) == 4
    logins = family.server.log.count(host="api.nixplay.com", path="login")
    assert logins == 2, [f"{one.host}{one.path}" for one in family.server.log.records]


async def test_equal_ids_of_two_accounts_share_no_row(family: Family) -> None:
    [first], [second] = (list(immich.library.assets) for immich in family.immich)
    assert first == second
    await family.cycles()
    entries = (await inspect_cache(family.cache)).entries
    assert entries == {"googlephotos": 1, "cousin": 1, "immich": 1, "aunt": 1}
    family.server.log.clear()
    assert not any(report.changed for report in await family.cycles())
    assert family.server.log.count(path=r"/original") == 0


async def test_a_frame_account_fails_alone(family: Family) -> None:
    family.rewrite("password-of-hans", "wrong")
    good, bad = await family.cycles()
    assert (good.outcome, bad.outcome) == (CycleOutcome.DONE, CycleOutcome.LOGIN_NEEDED)
    assert family.on_frame("anna") == family.contents
    assert family.on_frame("hans") == set()
    assert "`accounts.grandpa:`" in messages([bad])
    [problem] = await family.problems()
    assert (problem.subject, "`accounts.grandpa:`" in problem.fix) == ("Nixplay (grandpa)", True)


@pytest.mark.parametrize(
    ("account", "old", "new", "said"),
    [
        ("aunt", f"'http://{AUNT}', api_key: '", f"'http://{AUNT}', api_key: 'x", "`accounts.aunt.api_key`"),
        ("cousin", "cousins-secret", "another", "`picsync googlephotos login --account cousin`"),
    ],
)
async def test_a_source_account_fails_alone(
    family: Family, account: str, old: str, new: str, said: str
) -> None:
    await family.cycles()
    family.rewrite(old, new)
    family.google.expire_access_tokens()
    reports = await family.cycles()
    assert all(report.outcome is CycleOutcome.LOGIN_NEEDED for report in reports)
    assert family.on_frame("anna") == family.on_frame("hans") == family.contents
    assert said in messages(reports)
    assert {failure.account for report in reports for failure in report.failures} == {account}
    problems = await family.problems()
    assert problems
    assert all(account in f"{one.subject}{one.message}" for one in problems), problems


async def test_the_services_in_use_are_those_of_the_login_events(family: Family) -> None:
    await family.cycles()
    told = {event.service for event in family.events if isinstance(event, LoggedIn | AccessToken)}
    assert told == services(family.files.load())


async def test_a_refused_login_names_the_command_for_its_account(family: Family) -> None:
    family.rewrite("cousins-secret", "another")
    family.google.expire_access_tokens()
    await family.cycles()
    hints = {event.hint for event in family.events if isinstance(event, LoginRefused)}
    assert all("`picsync googlephotos login --account cousin`" in hint for hint in hints)
    assert hints


async def test_metrics_tell_the_accounts_apart(family: Family) -> None:
    scraped = Scraped("Family")
    scraped.metrics.expect_requests(operations(family.files.load()))
    await family.cycles()
    scraped.read(*family.events)
    counted = {labels["service"] for labels in _requests(scraped)}
    assert counted == {
        f"{service}{account}"
        for service, name in (("Nixplay", "grandpa"), ("Google Photos", "cousin"), ("Immich", "aunt"))
        for account in ("", f" ({name})")
    }
    for source in ("googlephotos", "cousin", "immich", "aunt"):
        assert scraped.value("listings_total", source=source, certainty="complete") == 2


def _requests(scraped: Scraped) -> Iterable[dict[str, str]]:
    """Yield the labels of requests that were counted."""
    for family in scraped.metrics.collect():
        for sample in family.samples:
            if sample.name == "picsync_requests_total" and sample.value:
                yield sample.labels
