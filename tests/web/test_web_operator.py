"""The operator's token, cookie and buttons over real HTTP."""

from __future__ import annotations

import logging
import stat
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree.ElementTree import Element

import httpx
import pytest

from picsync.core.events import (
    CycleOutcome,
    CycleRequested,
    DeletesAllowed,
    Event,
    PassFinished,
    PassKind,
    PassReport,
)
from picsync.core.model import Digest
from picsync.observe.status import PassStatus
from picsync.system.control import Held, Requests
from picsync.web.operator import SIGNED_IN_FOR, WRONG_TOKENS, WRONG_TOKENS_S, Operator, Paired, rule_key
from picsync.web.server import WebServer
from tests.observe.statuses import STATUSES, StatusBuilder, held
from tests.web.test_web_page import all_of, parse, text_of

RULES = ["Grandma", "Uncle Rafał & family"]


@dataclass
class RunningPages:
    """A served page with buttons, its requests' folder, and a browser that is moved by hand."""

    requests: Requests
    builder: StatusBuilder = field(default_factory=STATUSES["held_deletes"])
    now: float = 1_800_000_000.0
    woken: list[list[str] | None] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    has_frames: bool = False
    codes: list[tuple[str, str]] = field(default_factory=list)
    server: WebServer = field(init=False)
    browser: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        def wake(names: Iterable[str] | None) -> list[str]:
            self.woken.append(None if names is None else list(names))
            return [rule for rule in RULES if names is None or rule in names]

        def pair(code: str, address: str) -> Paired:
            self.codes.append((code, address))
            return Paired.DONE if code == "123456" else Paired.UNKNOWN

        operator = Operator(
            self.requests,
            self.builder.board.status,
            wake,
            self.events.append,
            pair=lambda: pair if self.has_frames else None,
            now=lambda: self.now,
        )
        self.server = WebServer(self.builder.board.status, lambda: b"", lambda: True, operator=operator)

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
async def pages(tmp_path: Path) -> AsyncIterator[RunningPages]:
    pages = RunningPages(Requests.beside(str(tmp_path / "cache.db")))
    await pages.server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=pages.url) as pages.browser:
        yield pages
    await pages.server.close()


def buttons(page: Element) -> list[str]:
    return [text_of(button) for button in all_of(page, "button")]


async def test_a_token_once_then_buttons(pages: RunningPages) -> None:
    token = pages.requests.new_token()
    assert stat.S_IMODE((pages.requests.folder / "operator-token").stat().st_mode) == 0o600
    page = await pages.page()
    assert buttons(page) == []
    (link,) = [each for each in all_of(page, "a") if each.get("id") == "enter"]
    page = await pages.page("/" + str(link.get("href")).removeprefix("./").partition("#")[0])
    # A page that renewed itself would take away what is being typed.
    assert (page.get("data-refresh"), buttons(page)) == ("0", ["Sign in"])
    assert all_of(page, "noscript") == []
    assert await pages.enter(f" {token}\n") == "Signed in as the operator."
    page = await pages.page()
    assert buttons(page) == [
        "Allow these deletes",
        "Sync now",
        "Sync now",
        "Sync all albums now",
        "Sign out",
    ]
    assert page.get("data-refresh") == "15"
    assert await pages.press(page, "Sign out") == "Signed out."
    assert buttons(await pages.page()) == []


async def test_the_cookie_is_for_this_site_only_and_not_the_token(pages: RunningPages) -> None:
    token = pages.requests.new_token()
    answer = await pages.send({"do": "enter", "token": token})
    kept = [each for each in answer.headers.get_list("set-cookie") if each.startswith("picsync-operator-")]
    assert len(kept) == 1
    attributes = {each.strip().lower() for each in kept[0].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} < attributes
    assert "secure" not in attributes
    assert token not in str(answer.headers)
    assert answer.headers["cache-control"] == "no-store"
    over_tls = await pages.send(
        {"do": "enter", "token": token}, Origin="https://frame.example.org", Host="frame.example.org"
    )
    assert "; secure" in over_tls.headers["set-cookie"].lower()


async def test_the_held_deletes_are_allowed(pages: RunningPages) -> None:
    await pages.enter(pages.requests.new_token())
    said = await pages.press(await pages.page(), "Allow these deletes")
    assert said == "The held deletes of Grandma are allowed, and a cycle was requested."
    hold = pages.builder.board.status().rules[0].last.hold  # type: ignore[union-attr]
    assert hold is not None
    assert pages.requests.allowed("Grandma") == {photo.digest for photo in hold.photos}
    assert pages.requests.allowed(RULES[1]) == frozenset()
    assert (pages.woken, pages.events) == ([["Grandma"]], [DeletesAllowed("Grandma", 203)])


async def test_nobody_allows_what_was_not_shown(pages: RunningPages) -> None:
    await pages.enter(pages.requests.new_token())
    page = await pages.page()
    pages.builder.cycle(held("Grandma", 100, 503))
    said = await pages.press(page, "Allow these deletes")
    assert said == "Nothing was allowed: the held deletes of Grandma have changed. Check them again."
    assert (pages.requests.allowed("Grandma"), pages.woken) == (frozenset(), [])
    pages.builder.board.expect({})
    assert await pages.press(page, "Allow these deletes") == "This rule is no longer in force."


async def test_cycles_are_asked_for(pages: RunningPages) -> None:
    await pages.enter(pages.requests.new_token())
    page = await pages.page()
    assert await pages.press(page, "Sync now") == "A cycle of Grandma was requested."
    assert await pages.press(page, "Sync all albums now") == "A cycle of 2 album rules was requested."
    assert pages.woken == [["Grandma"], None]
    assert pages.events == [CycleRequested(name) for name in ("Grandma", *RULES)]


async def test_a_folder_that_cannot_be_written_is_said(
    pages: RunningPages, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pages.enter(pages.requests.new_token())
    page = await pages.page()
    # Also for root, whom no permission keeps out.
    pages.requests.folder.rename(pages.requests.folder.with_name("away"))
    pages.requests.folder.with_name("away").joinpath("operator-token").rename(pages.requests.folder)
    monkeypatch.setattr(Requests, "token", lambda self: self.folder.read_text().strip())
    assert await pages.press(page, "Allow these deletes") == (
        "The permission could not be stored. The log says why."
    )
    assert "cannot be written to" in caplog.text
    assert (pages.woken, pages.events) == ([], [])


async def test_without_the_cookie_nothing_happens(pages: RunningPages) -> None:
    said = "Enter the operator's token first."
    assert await pages.said(await pages.send({"do": "sync"})) == said
    pages.requests.new_token()
    for fields in (
        {"do": "sync"},
        {"do": "allow", "rule": "x", "held": "y"},
        {"do": "leave"},
        {"do": "?"},
    ):
        assert await pages.said(await pages.send(fields)) == said
    assert (pages.woken, pages.events) == ([], [])


async def test_a_new_token_and_time_end_the_cookies(pages: RunningPages) -> None:
    token = pages.requests.new_token()
    await pages.enter(token)
    pages.now += SIGNED_IN_FOR.total_seconds() - 1
    assert "Sign out" in buttons(await pages.page())
    pages.now += 2
    assert buttons(await pages.page()) == []
    pages.now -= 60
    assert "Sign out" in buttons(await pages.page())
    pages.requests.new_token()
    assert buttons(await pages.page()) == []
    assert (await pages.enter(token)).startswith("This is not the operator's token.")


async def test_a_forged_cookie_is_none(pages: RunningPages) -> None:
    await pages.enter(pages.requests.new_token())
    ((name, value),) = [each for each in pages.browser.cookies.items() if each[0] != "picsync-said"]
    until, _, seal = value.partition(".")
    for forged in (f"{int(until) + 1}.{seal}", f".{seal}", f"{until}.", until, "", "9" * 3000, f"x.{'é'}"):
        headers = {b"Cookie": f"{name}={forged}".encode()}
        answer = await pages.browser.get("/", headers=headers)
        assert "Sign out" not in answer.text
        pages.browser.cookies.clear()


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
async def test_another_sites_form_is_refused(pages: RunningPages, headers: dict[str, str]) -> None:
    token = pages.requests.new_token()
    await pages.enter(token)
    for fields in ({"do": "sync"}, {"do": "enter", "token": token}):
        answer = await pages.send(fields, **headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert answer.text.startswith("Refused: ")
    assert pages.woken == []


async def test_a_proxy_that_passes_the_host_is_no_other_site(pages: RunningPages) -> None:
    pages.requests.new_token()
    for origin, host in (("https://frame.example.org", "frame.example.org"), ("http://NAS:80", "nas")):
        assert (await pages.send({"do": "sync"}, Origin=origin.lower(), Host=host)).status_code == 303


async def test_only_a_form_that_is_posted_is_read(pages: RunningPages) -> None:
    await pages.enter(pages.requests.new_token())
    assert (await pages.browser.get("/operator?do=sync")).status_code == 404
    own = {"Origin": pages.url}
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        answer = await pages.browser.post(
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
        answer = await pages.browser.post("/operator", content=body, headers=form)
        assert answer.status_code == status
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await pages.browser.request(method, "/operator", headers=own)).status_code == 405
    assert pages.woken == []


async def test_guessing_is_slowed_down_and_the_log_has_no_token(
    pages: RunningPages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await pages.enter("x" * 32)).startswith("There is no operator's token yet.")
    token = pages.requests.new_token()
    for number in range(WRONG_TOKENS):
        assert (await pages.enter(f"guess-{number}")).startswith("This is not the operator's token.")
    for guess in ("guess-more", token):
        assert await pages.enter(guess) == "Too many wrong tokens. Wait a minute, then try again."
    assert buttons(await pages.page()) == []
    pages.now += WRONG_TOKENS_S
    assert await pages.enter(token) == "Signed in as the operator."
    # The browser's own log apart.
    records = [record for record in caplog.records if not record.name.startswith("http")]
    said = [record.getMessage() for record in records if record.levelno >= logging.INFO]
    assert len(said) == 1
    secrets = (
        token,
        "guess",
        *(str(cookie.value) for cookie in pages.browser.cookies.jar if "." in str(cookie.value)),
    )
    assert len(secrets) == 3
    assert not [record for record in records for secret in secrets if secret in str(vars(record))]


async def test_hostile_names_are_pressed_by_a_key(tmp_path: Path) -> None:
    pages = RunningPages(Requests.beside(str(tmp_path / "cache.db")), builder=STATUSES["hostile"]())
    await pages.server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=pages.url) as pages.browser:
        await pages.enter(pages.requests.new_token())
        said = await pages.press(await pages.page(), "Allow these deletes")
        assert said.startswith("The held deletes of <script>")
        (rule,) = pages.builder.board.status().rules
        assert pages.woken == [[rule.name]]
    await pages.server.close()


async def test_what_was_said_is_not_shown_for_a_made_up_cookie(pages: RunningPages) -> None:
    for cookie in ("picsync-said=<b>x</b>", "picsync-said=sync.ffff", "picsync-said=" + "x" * 4000):
        answer = await pages.browser.get("/", headers={"Cookie": cookie})
        assert answer.status_code == 200
        assert "<b>x" not in answer.text


async def test_the_operator_lets_a_device_in_by_its_code(pages: RunningPages) -> None:
    pages.has_frames = True
    assert "Let it in" not in buttons(await pages.page("/?pair"))
    answer = await pages.send({"do": "pair", "code": "123456"})
    assert (answer.headers["location"], pages.codes) == ("./?operator", []), "not without the token"
    await pages.enter(pages.requests.new_token())
    (link,) = [each for each in all_of(await pages.page(), "a") if each.get("id") == "pair"]
    page = await pages.page("/" + str(link.get("href")).removeprefix("./").partition("#")[0])
    assert (page.get("data-refresh"), "Let it in" in buttons(page)) == ("0", True)
    said = await pages.said(await pages.send({"do": "pair", "code": "654321"}))
    assert said == "No device shows this code now. Check it: a code is valid for ten minutes."
    said = await pages.said(await pages.send({"do": "pair", "code": "123456"}))
    assert said == "The device is let in. It shows the frame in a few seconds."
    assert pages.codes == [("654321", "127.0.0.1"), ("123456", "127.0.0.1")]


async def test_without_web_frames_there_are_no_codes(pages: RunningPages) -> None:
    await pages.enter(pages.requests.new_token())
    page = await pages.page("/?pair")
    assert not [each for each in all_of(page, "a") if each.get("id") == "pair"]
    assert "Let it in" not in buttons(page)
    await pages.send({"do": "pair", "code": "123456"})
    assert pages.codes == []


async def test_held_deletes_of_a_mirror_are_allowed_as_they_were_shown(pages: RunningPages) -> None:
    name = "mirror backup"
    RULES.append(name)
    try:
        held = Held(name, frozenset({Digest("sha256", "ab" * 32), Digest("sha256", "cd" * 32)}), 4)
        board = pages.builder.board
        board.expect_passes([PassStatus(name, "backup", PassKind.MIRROR, "/in", ("/out",))])
        report = PassReport(name, PassKind.MIRROR, CycleOutcome.DONE, held=2, held_key=held.key)
        board.read(PassFinished(report))
        pages.requests.note_held(name, held, carried_out=True)
        page = await pages.page()
        assert "2 deletes held" in text_of(page)
        assert "Allow these deletes" not in buttons_of(page, name)
        await pages.enter(pages.requests.new_token())
        page = await pages.page()
        others = replace(held, digests=held.digests | {Digest("sha256", "ef" * 32)})
        pages.requests.note_held(name, others, carried_out=True)
        assert "Nothing was allowed" in await press_of(pages, page, name)
        assert not pages.requests.allowed(name)
        pages.requests.note_held(name, held, carried_out=True)
        assert await press_of(pages, page, name) == (
            f"The held deletes of {name} are allowed, and a cycle was requested."
        )
        assert pages.requests.allowed(name) == held.digests
        assert pages.events == [DeletesAllowed(name, 2)]
        assert pages.woken[-1] == [name]
        assert await press_of(pages, page, name, "Mirror now") == f"A cycle of {name} was requested."
    finally:
        RULES.remove(name)


def forms_of(page: Element, rule: str) -> list[Element]:
    """The forms of one rule."""
    return [
        form
        for form in all_of(page, "form")
        for each in all_of(form, "input")
        if each.get("value") == rule_key(rule)
    ]


def buttons_of(page: Element, rule: str) -> list[str]:
    return [text_of(button) for form in forms_of(page, rule) for button in all_of(form, "button")]


async def press_of(pages: RunningPages, page: Element, rule: str, label: str = "Allow these deletes") -> str:
    """Press a button of one rule."""
    (form,) = [one for one in forms_of(page, rule) if label in map(text_of, all_of(one, "button"))]
    fields = {str(each.get("name")): each.get("value") or "" for each in all_of(form, "input")}
    (button,) = all_of(form, "button")
    return await pages.said(await pages.send({**fields, str(button.get("name")): str(button.get("value"))}))
