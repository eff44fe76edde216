"""The operator's token, cookie and buttons over real HTTP."""

from __future__ import annotations

import logging
import stat
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

import httpx
import pytest

from picsync.core.events import CycleRequested, DeletesAllowed, Event
from picsync.system.control import Requests
from picsync.web.operator import SIGNED_IN_FOR, WRONG_TOKENS, WRONG_TOKENS_S, Operator
from picsync.web.server import WebServer
from tests.observe.statuses import SCENES, Stage, held
from tests.web.test_web_page import all_of, parse, text_of

RULES = ["Grandma", "Uncle Rafał & family"]


@dataclass
class Rig:
    """A served page with buttons, its requests' folder, and a browser that is moved by hand."""

    requests: Requests
    stage: Stage = field(default_factory=SCENES["held_deletes"])
    now: float = 1_800_000_000.0
    woken: list[list[str] | None] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    server: WebServer = field(init=False)
    browser: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        def wake(names: Iterable[str] | None) -> list[str]:
            self.woken.append(None if names is None else list(names))
            return [rule for rule in RULES if names is None or rule in names]

        operator = Operator(
            self.requests, self.stage.board.status, wake, self.events.append, now=lambda: self.now
        )
        self.server = WebServer(self.stage.board.status, lambda: b"", lambda: True, operator=operator)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def page(self, path: str = "/") -> Element:
        answer = await self.browser.get(path)
        assert answer.status_code == 200
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        # Else a browser would send `Origin: null` with the page's forms.
        assert answer.headers["referrer-policy"] == "same-origin"
        return parse(answer.text)

    async def send(self, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send a form as a browser does, and follow no redirect."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        sent = {name: value for name, value in {**own, **headers}.items() if value}
        return await self.browser.post("/operator", data=fields, headers=sent)

    async def press(self, page: Element, label: str) -> str:
        """Press a button of the page; return what the page then says."""
        form = next(form for form in all_of(page, "form") if label in map(text_of, all_of(form, "button")))
        assert (form.get("method"), form.get("action")) == ("post", "operator")
        fields = {str(each.get("name")): each.get("value") or "" for each in all_of(form, "input")}
        (button,) = all_of(form, "button")
        fields[str(button.get("name"))] = str(button.get("value"))
        return await self.said(await self.send(fields))

    async def said(self, answer: httpx.Response) -> str:
        assert answer.status_code == 303, answer.text
        page = await self.page(
            str(httpx.URL(f"{self.url}/operator").join(answer.headers["location"]).raw_path.decode())
        )
        (note,) = [each for each in all_of(page, "p") if "said" in (each.get("class") or "")]
        return text_of(note)

    async def enter(self, token: str) -> str:
        return await self.said(await self.send({"do": "enter", "token": token}))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(Requests.beside(str(tmp_path / "cache.db")))
    await rig.server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=rig.url) as rig.browser:
        yield rig
    await rig.server.close()


def buttons(page: Element) -> list[str]:
    return [text_of(button) for button in all_of(page, "button")]


async def test_a_token_once_then_buttons(rig: Rig) -> None:
    token = rig.requests.new_token()
    assert stat.S_IMODE((rig.requests.folder / "operator-token").stat().st_mode) == 0o600
    page = await rig.page()
    assert buttons(page) == []
    (link,) = [each for each in all_of(page, "a") if each.get("id") == "enter"]
    page = await rig.page("/" + str(link.get("href")).removeprefix("./").partition("#")[0])
    # A page that renewed itself would take away what is being typed.
    assert (page.get("data-refresh"), buttons(page)) == ("0", ["Sign in"])
    assert all_of(page, "noscript") == []
    assert await rig.enter(f" {token}\n") == "Signed in as the operator."
    page = await rig.page()
    assert buttons(page) == [
        "Allow these deletes",
        "Sync now",
        "Sync now",
        "Sync all albums now",
        "Sign out",
    ]
    assert page.get("data-refresh") == "15"
    assert await rig.press(page, "Sign out") == "Signed out."
    assert buttons(await rig.page()) == []


async def test_the_cookie_is_for_this_site_only_and_not_the_token(rig: Rig) -> None:
    token = rig.requests.new_token()
    answer = await rig.send({"do": "enter", "token": token})
    kept = [each for each in answer.headers.get_list("set-cookie") if each.startswith("picsync-operator-")]
    assert len(kept) == 1
    attributes = {each.strip().lower() for each in kept[0].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} < attributes
    assert "secure" not in attributes
    assert token not in str(answer.headers)
    assert answer.headers["cache-control"] == "no-store"
    over_tls = await rig.send(
        {"do": "enter", "token": token}, Origin="https://frame.example.org", Host="frame.example.org"
    )
    assert "; secure" in over_tls.headers["set-cookie"].lower()


async def test_the_held_deletes_are_allowed(rig: Rig) -> None:
    await rig.enter(rig.requests.new_token())
    said = await rig.press(await rig.page(), "Allow these deletes")
    assert said == "The held deletes of Grandma are allowed, and a cycle is asked for."
    hold = rig.stage.board.status().rules[0].last.hold  # type: ignore[union-attr]
    assert hold is not None
    assert rig.requests.allowed("Grandma") == {photo.digest for photo in hold.photos}
    assert rig.requests.allowed(RULES[1]) == frozenset()
    assert (rig.woken, rig.events) == ([["Grandma"]], [DeletesAllowed("Grandma", 203)])


async def test_nobody_allows_what_was_not_shown(rig: Rig) -> None:
    await rig.enter(rig.requests.new_token())
    page = await rig.page()
    rig.stage.cycle(held("Grandma", 100, 503))
    said = await rig.press(page, "Allow these deletes")
    assert said == "Nothing was allowed: what is held back in Grandma has changed. Look at it again."
    assert (rig.requests.allowed("Grandma"), rig.woken) == (frozenset(), [])
    rig.stage.board.expect({})
    assert await rig.press(page, "Allow these deletes") == "This album rule is no longer in force."


async def test_cycles_are_asked_for(rig: Rig) -> None:
    await rig.enter(rig.requests.new_token())
    page = await rig.page()
    assert await rig.press(page, "Sync now") == "Asked for a cycle of Grandma."
    assert await rig.press(page, "Sync all albums now") == "Asked for a cycle of 2 album rules."
    assert rig.woken == [["Grandma"], None]
    assert rig.events == [CycleRequested(name) for name in ("Grandma", *RULES)]


async def test_a_folder_that_cannot_be_written_is_said(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.enter(rig.requests.new_token())
    page = await rig.page()
    # Also for root, whom no permission keeps out.
    rig.requests.folder.rename(rig.requests.folder.with_name("away"))
    rig.requests.folder.with_name("away").joinpath("operator-token").rename(rig.requests.folder)
    monkeypatch.setattr(Requests, "token", lambda self: self.folder.read_text().strip())
    assert await rig.press(page, "Allow these deletes") == (
        "The permission could not be stored. The log says why."
    )
    assert "cannot be written to" in caplog.text
    assert (rig.woken, rig.events) == ([], [])


async def test_without_the_cookie_nothing_happens(rig: Rig) -> None:
    said = "Enter the operator's token first."
    assert await rig.said(await rig.send({"do": "sync"})) == said
    rig.requests.new_token()
    for fields in (
        {"do": "sync"},
        {"do": "allow", "rule": "x", "held": "y"},
        {"do": "leave"},
        {"do": "?"},
    ):
        assert await rig.said(await rig.send(fields)) == said
    assert (rig.woken, rig.events) == ([], [])


async def test_a_new_token_and_time_end_the_cookies(rig: Rig) -> None:
    token = rig.requests.new_token()
    await rig.enter(token)
    rig.now += SIGNED_IN_FOR.total_seconds() - 1
    assert "Sign out" in buttons(await rig.page())
    rig.now += 2
    assert buttons(await rig.page()) == []
    rig.now -= 60
    assert "Sign out" in buttons(await rig.page())
    rig.requests.new_token()
    assert buttons(await rig.page()) == []
    assert (await rig.enter(token)).startswith("This is not the operator's token.")


async def test_a_forged_cookie_is_none(rig: Rig) -> None:
    await rig.enter(rig.requests.new_token())
    ((name, value),) = [each for each in rig.browser.cookies.items() if each[0] != "picsync-said"]
    until, _, seal = value.partition(".")
    for forged in (f"{int(until) + 1}.{seal}", f".{seal}", f"{until}.", until, "", "9" * 3000, f"x.{'é'}"):
        headers = {b"Cookie": f"{name}={forged}".encode()}
        answer = await rig.browser.get("/", headers=headers)
        assert "Sign out" not in answer.text
        rig.browser.cookies.clear()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:9", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "", "Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "none"},
        {"Host": "evil.example"},
        {"Origin": "http://127.0.0.1"},
    ],
    ids=str,
)
async def test_another_sites_form_is_refused(rig: Rig, headers: dict[str, str]) -> None:
    token = rig.requests.new_token()
    await rig.enter(token)
    for fields in ({"do": "sync"}, {"do": "enter", "token": token}):
        answer = await rig.send(fields, **headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert answer.text.startswith("Refused: ")
    assert rig.woken == []


async def test_a_proxy_that_passes_the_host_is_no_other_site(rig: Rig) -> None:
    rig.requests.new_token()
    for origin, host in (("https://frame.example.org", "frame.example.org"), ("http://NAS:80", "nas")):
        assert (await rig.send({"do": "sync"}, Origin=origin.lower(), Host=host)).status_code == 303


async def test_only_a_form_that_is_posted_is_read(rig: Rig) -> None:
    await rig.enter(rig.requests.new_token())
    assert (await rig.browser.get("/operator?do=sync")).status_code == 404
    own = {"Origin": rig.url}
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        answer = await rig.browser.post(
            "/operator", content=b"do=sync", headers={**own, "Content-Type": kind}
        )
        assert answer.status_code == 415
    form = {**own, "Content-Type": "application/x-www-form-urlencoded"}

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"do=sync&" + b"x" * 1000

    for body, status in (
        (b"x" * 5000, 413),
        (endless(), 413),
        (b"a=b&" * 50, 400),
        (b"\xff", 400),
        (b"do=no", 400),
    ):
        answer = await rig.browser.post("/operator", content=body, headers=form)
        assert answer.status_code == status
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await rig.browser.request(method, "/operator", headers=own)).status_code == 405
    assert rig.woken == []


async def test_guessing_is_slowed_down_and_the_log_has_no_token(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await rig.enter("x" * 32)).startswith("There is no operator's token yet.")
    token = rig.requests.new_token()
    for number in range(WRONG_TOKENS):
        assert (await rig.enter(f"guess-{number}")).startswith("This is not the operator's token.")
    for guess in ("guess-more", token):
        assert await rig.enter(guess) == "Too many wrong tokens. Wait a minute, then try again."
    assert buttons(await rig.page()) == []
    rig.now += WRONG_TOKENS_S
    assert await rig.enter(token) == "Signed in as the operator."
    # The browser's own log apart.
    records = [record for record in caplog.records if not record.name.startswith("http")]
    said = [record.getMessage() for record in records if record.levelno >= logging.INFO]
    assert len(said) == 1
    secrets = (
        token,
        "guess",
        *(str(cookie.value) for cookie in rig.browser.cookies.jar if "." in str(cookie.value)),
    )
    assert len(secrets) == 3
    assert not [record for record in records for secret in secrets if secret in str(vars(record))]


async def test_hostile_names_are_pressed_by_a_key(tmp_path: Path) -> None:
    rig = Rig(Requests.beside(str(tmp_path / "cache.db")), stage=SCENES["hostile"]())
    await rig.server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=rig.url) as rig.browser:
        await rig.enter(rig.requests.new_token())
        said = await rig.press(await rig.page(), "Allow these deletes")
        assert said.startswith("The held deletes of <script>")
        (rule,) = rig.stage.board.status().rules
        assert rig.woken == [[rule.name]]
    await rig.server.close()


async def test_what_was_said_is_not_shown_for_a_made_up_cookie(rig: Rig) -> None:
    for cookie in ("picsync-said=<b>x</b>", "picsync-said=sync.ffff", "picsync-said=" + "x" * 4000):
        answer = await rig.browser.get("/", headers={"Cookie": cookie})
        assert answer.status_code == 200
        assert "<b>x" not in answer.text
