"""The service as a process: runs cycles, watches files, serves pages, updates metrics.

SIGINT and SIGTERM are handled by `Stop` in `scheduler`, and SIGHUP by `Service`.
"""

from __future__ import annotations

import asyncio
import glob
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from picsync.aio.tasks import progressed
from picsync.config import LEAST_EVERY, WebListener
from picsync.config.environment import in_container
from picsync.config.family import FRAME as FAMILY_FRAME
from picsync.core.errors import CacheError, ConfigError, ListenError, Problem, StateError
from picsync.core.events import (
    CycleFinished,
    CycleRequested,
    Emit,
    Event,
    PassKind,
    RequestFinished,
    RequestOutcome,
    RetryScheduled,
)
from picsync.core.mirrorstate import mirror_name
from picsync.core.model import job_name
from picsync.core.places import LOCAL
from picsync.core.values import dataclass
from picsync.frames.base import Frame
from picsync.frames.kinds import FRAMES
from picsync.http.transport import KEPT_S
from picsync.jobs.albums import AlbumJob, CycleContext
from picsync.jobs.mirror import MirrorContext, Mirroring, MirrorJob
from picsync.jobs.organize import OrganizeContext, OrganizeJob, organize_name
from picsync.observe.status import PassStatus, RuleStatus, StatusBoard
from picsync.observe.words import event_sentence
from picsync.rendering.pool import Renderer
from picsync.run.filewatch import FileWatch
from picsync.run.scheduler import HEARTBEAT_S, AnyJob, Service, Stop
from picsync.run.settings import (
    Settings,
    SettingsFiles,
    album_rules,
    entries_in_use,
    fed_by,
    fed_by_mirror,
    frames_of,
    mirroring,
    organizing,
    reporting,
)
from picsync.run.wiring import (
    frames_with_pages,
    open_cache,
    open_services,
    open_stores,
    open_tools,
    operations,
    own_folder,
    services,
)
from picsync.sync.rule import AlbumRule
from picsync.system.control import Requests
from picsync.system.crash import crashed
from picsync.system.memory import return_freed_memory

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from picsync.cache.store import Cache
    from picsync.config import Config, Listen
    from picsync.core.judgements import Judges
    from picsync.core.model import FramePhoto
    from picsync.family.uploads.service import Uploads
    from picsync.observe.metrics import Metrics
    from picsync.observe.notify import Notifier, Pinger
    from picsync.observe.sentry import CrashReports
    from picsync.web.family.services import Services
    from picsync.web.frame.routes import Hide, Plain
    from picsync.web.frame.server import FrameServer, Household
    from picsync.web.hooks import Hooks

log = logging.getLogger("picsync")

TIDY_AFTER_S = KEPT_S + 1.0
"""Seconds after a cycle until its memory is returned."""

LISTEN_AGAIN_S = 60.0
"""Interval between attempts to listen on an address that is in use."""


def send_to(readers: Sequence[Emit]) -> Emit:
    """Return an emitter that passes each event to every reader, in order.

    A reader that fails misses that event; the others do not, and the cycle continues. Readers may be added to
    the sequence later.
    """
    told: set[str] = set()

    def emit(event: Event) -> None:
        for read in readers:
            try:
                read(event)
            except Exception as error:  # noqa: BLE001 - logged, and the event reaches the other readers
                crash = crashed(error, f"The event {event.action} is missing in a log, page or metric.")
                if crash.report not in told:
                    told.add(crash.report)
                    log.error(  # noqa: TRY400 - with a traceback without values
                        event_sentence(crash), extra={"action": crash.action, "report": crash.report}
                    )

    return emit


@asynccontextmanager
async def reporting_crashes(settings: Settings, context: RunContext) -> AsyncIterator[RunContext]:
    """Return the context of a single run whose bugs are reported as those of the service are."""
    readers = [context.emit]
    reports = None
    if settings.config.sentry is not None:
        from picsync.observe.sentry import CrashReports

        reports = CrashReports(version("picsync"))
        reports.expect(settings.config.sentry)
        readers.append(reports.read)
    try:
        yield replace(context, emit=send_to(readers))
    finally:
        if reports is not None:
            await reports.aclose()


def noting_progress(emit: Emit) -> Emit:
    """Return an emitter that counts each event as progress, except for failed requests."""

    def note(event: Event) -> None:
        failed = isinstance(event, RequestFinished) and event.outcome is not RequestOutcome.SUCCESS
        if not failed and not isinstance(event, RetryScheduled):
            progressed()
        emit(event)

    return note


@dataclass(frozen=True, slots=True)
class Home:
    """What the family's pages need; without them, nothing."""

    family: Services | None = None
    frames: Mapping[str, Frame] = field(default_factory=dict)
    """The gallery, by its name among the frames."""
    judges: Judges | None = None
    renderer: Renderer | None = None
    """Shared by uploads and cycles: two pools would start twice as many workers as there is memory for."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """The environment of cycles, besides the settings."""

    cache: str
    """Path or database URL."""
    emit: Emit
    notify: Callable[[str], None]
    """Called with messages for the user that are not events."""
    stop: Stop
    dry_run: bool = False
    """Whether all rules only print what they would do."""
    allowed: set[str] = field(default_factory=set)
    """Rules whose next cycle may delete everything that is due; that cycle removes its entry."""
    told: set[str] = field(default_factory=set)
    """The reported problem of the request folder, so that it is not repeated by each cycle or reload."""
    warned: set[str] = field(default_factory=set)
    """Current warnings about the settings, so that a reload does not repeat them."""
    show_plan: Callable[[], Emit] | None = None
    """Creates a reader for each cycle that only plans."""
    leaving: Callable[[], bool] | None = None
    """Whether a cycle should start no new work; `stop` by default."""

    def tell_once(self, error: CacheError) -> None:
        """Report a problem of the request folder once."""
        if error.message not in self.told:
            self.told.add(error.message)
            self.notify(str(error))

    def warn(self, settings: Settings) -> None:
        """Report unsafe credentials and unused accounts, unless already reported and unchanged."""
        warnings = {str(warning) for warning in (*settings.credentials.warnings, *settings.unused)}
        for warning in sorted(warnings - self.warned):
            self.notify(warning)
        self.warned.clear()
        self.warned.update(warnings)

    @asynccontextmanager
    async def open_jobs(
        self,
        settings: Settings,
        intervals: Mapping[str, timedelta] = MappingProxyType({}),
        *,
        home: Home | None = None,
    ) -> AsyncIterator[list[AnyJob]]:
        """Open what the settings need; the jobs can be run until the end of the context.

        `intervals` are by job name. `home` is what the family's pages need, if it is open already. Raises
        ConfigError and CacheError.
        """
        jobs: list[AnyJob] = []
        async with AsyncExitStack() as stack:
            if home is None:
                home = await stack.enter_async_context(self.open_home(settings))
            if settings.config.organize:
                jobs += await stack.enter_async_context(self.open_organizing(settings, intervals))
            opened: Cache | None = None
            if settings.config.mirror:
                opened = await stack.enter_async_context(
                    open_cache(self.cache, notify=self.notify, dry_run=self.dry_run)
                )
                jobs += await stack.enter_async_context(self.open_mirrors(settings, intervals, opened))
            if settings.config.albums:
                jobs += await stack.enter_async_context(self._open_albums(settings, intervals, opened, home))
            yield jobs

    @asynccontextmanager
    async def open_home(self, settings: Settings) -> AsyncIterator[Home]:
        """Open what the family's pages need, as far as there is something to open. Raises ConfigError."""
        config = settings.config
        if config.family is None:
            yield Home()
            return
        from picsync.family.gallery import Gallery
        from picsync.family.judging import FamilyJudges, NoJudges, open_judges
        from picsync.run.family import open_family

        async with AsyncExitStack() as stack:
            try:
                if self.dry_run:
                    home = Home(judges=await stack.enter_async_context(open_judges(self.cache)))
                else:
                    renderer = Renderer()
                    stack.push_async_callback(renderer.aclose)
                    opening = open_family(
                        config, config.family, settings.credentials, cache=self.cache, renderer=renderer
                    )
                    family = await stack.enter_async_context(opening)
                    gallery = Gallery(family.state, family.pictures)
                    judges = FamilyJudges(family.state, family.on_frames)
                    home = Home(family, {FAMILY_FRAME: gallery}, judges, renderer)
            except StateError as error:
                self.notify(f"The family's pages are off, and frames keep the photos that they have. {error}")
                home = Home(judges=NoJudges(error))
            yield home

    @asynccontextmanager
    async def _open_albums(
        self, settings: Settings, intervals: Mapping[str, timedelta], opened: Cache | None, home: Home
    ) -> AsyncIterator[list[AlbumJob]]:
        emit = noting_progress(self.emit)
        async with open_tools(
            settings.config,
            settings.credentials,
            cache=self.cache,
            emit=emit,
            notify=self.notify,
            dry_run=self.dry_run,
            opened=opened,
            pages=home.frames,
            judges=home.judges,
            shared_renderer=home.renderer,
        ) as tools:
            context = CycleContext(
                tools,
                Requests.beside(self.cache),
                self.emit,
                self.tell_once,
                self.leaving or self.stop,
                allowed=self.allowed,
                plan_readers=self._with_plan if self.show_plan else None,
            )
            rules = self.rules(settings, home)
            yield [AlbumJob(rule, intervals.get(rule.name), context) for rule in rules]

    def rules(self, settings: Settings, home: Home) -> list[AlbumRule]:
        """Return each rule on each of its frames, and on the family's pages if these are open."""
        return album_rules(
            settings.config, settings.credentials.kinds, dry_run=self.dry_run, family=bool(home.frames)
        )

    @asynccontextmanager
    async def open_organizing(
        self,
        settings: Settings,
        intervals: Mapping[str, timedelta] = MappingProxyType({}),
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator[list[OrganizeJob]]:
        """Open the organizing rules and what they need. Raises ConfigError."""
        emit = self._with_plan(noting_progress(self.emit))
        config, credentials = settings.config, settings.credentials
        async with open_stores(config, credentials, cache=self.cache, emit=emit, sleep=sleep) as stores:
            context = OrganizeContext(
                stores, own_folder(self.cache), emit, self.leaving or self.stop, sleep=sleep
            )
            jobs = []
            for rule in organizing(config, dry_run=self.dry_run):
                fed = fed_by(config, credentials.kinds, rule.rule, rule.account)
                every = intervals.get(organize_name(rule.rule.name))
                jobs.append(OrganizeJob(rule, every, context, feeds=fed))
            yield jobs

    @asynccontextmanager
    async def open_mirrors(
        self,
        settings: Settings,
        intervals: Mapping[str, timedelta],
        opened: Cache,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator[list[MirrorJob]]:
        """Open the mirroring rules and what they need. Raises ConfigError."""
        emit = self._with_plan(noting_progress(self.emit))
        config, credentials = settings.config, settings.credentials
        rules = [own_files_aside(rule, self.cache) for rule in mirroring(config, dry_run=self.dry_run)]
        async with open_stores(config, credentials, cache=self.cache, emit=emit, sleep=sleep) as stores:
            context = MirrorContext(
                stores,
                opened,
                Requests.beside(self.cache),
                emit,
                self.leaving or self.stop,
                allowed=self.allowed,
                sleep=sleep,
            )
            yield [
                MirrorJob(
                    rule,
                    intervals.get(mirror_name(rule.name)),
                    context,
                    feeds=fed_by_mirror(config, credentials.kinds, rule),
                )
                for rule in rules
            ]

    def _with_plan(self, emit: Emit) -> Emit:
        return send_to([emit, self.show_plan()]) if self.show_plan else emit


def own_files_aside(rule: Mirroring, cache: str) -> Mirroring:
    """Return a mirroring rule that leaves out the cache; raises ConfigError if the cache is in its target."""
    if "://" in cache:
        return rule
    path = Path(os.path.realpath(Path(cache).expanduser()))
    if rule.to.account == LOCAL and path.is_relative_to(os.path.realpath(rule.to.path)):
        message = f"the mirror `{rule.name}` would delete the cache {path}, which is in {rule.to}."
        hint = "Put the cache elsewhere (`--cache`), or choose another folder."
        raise ConfigError([Problem("picsync.yaml", None, "mirror", message)], hint=hint)
    if not path.is_relative_to(os.path.realpath(rule.source)):
        return rule
    return replace(rule, ignore=(*rule.ignore, f"{glob.escape(path.name)}*"))


class Server(Protocol):
    """A server."""

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""

    async def start(self, host: str, port: int) -> None:
        """Listen; raises ListenError or ConfigError if the address is unavailable."""

    async def close(self) -> None:
        """Stop listening."""


class LongRun:
    """Runs the rules repeatedly, and serves the configured pages; create it inside the event loop."""

    def __init__(
        self,
        files: SettingsFiles,
        context: RunContext,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        least_every: timedelta = LEAST_EVERY,
        tidy: Callable[[], object] = return_freed_memory,
        tidy_after_s: float = TIDY_AFTER_S,
    ) -> None:
        """Create the service; the files are checked when they change, and every `heartbeat_s`.

        No rule has an interval below `least_every`. `tidy` is called `tidy_after_s` after the last of
        several cycles that follow one another.
        """
        self._files = files
        self._board = StatusBoard(version("picsync"), _now, event_sentence)
        self._tidy = tidy
        self._tidy_after_s = tidy_after_s
        self._tidying: asyncio.TimerHandle | None = None
        self._readers: list[Emit] = [context.emit, self._board.read, self._tidy_after_cycle]
        self._counted: _Figures | None = None
        self._emit = send_to(self._readers)
        self._least_every = least_every
        self._raised: Mapping[str, timedelta] = {}
        """Rules whose configured interval is below the minimum; reported once."""
        self._notifier: Notifier | None = None
        self._pinger: Pinger | None = None
        self._crash_reports: CrashReports | None = None
        self._household: Household | None = None
        self._people: FrameServer | None = None
        self._uploads: Uploads | None = None
        self._frames: Mapping[str, Frame] = {}
        """By name, of the settings in force."""
        self._addresses: dict[str, str] = {}
        self._service = Service(self, context.stop, self._emit, heartbeat_s=heartbeat_s)
        self._watch = FileWatch((files.config, *files.credentials), self._service.look)
        self._context = replace(context, emit=self._emit, leaving=self._service.leaving)

    async def run(self, settings: Settings) -> None:
        """Serve until stopped; raises CancelledError if running transfers did not finish in time."""
        try:
            with self._watch, self._service.on_hangup():
                await self._service.run(settings)
        finally:
            if self._tidying is not None:
                self._tidying.cancel()
            if self._notifier is not None:
                await self._notifier.aclose()
            if self._pinger is not None:
                await self._pinger.aclose()
            if self._crash_reports is not None:
                await self._crash_reports.aclose()

    def _tidy_after_cycle(self, event: Event) -> None:
        """Return the memory of a cycle to the system, once its connections are closed."""
        if isinstance(event, CycleFinished):
            if self._tidying is not None:
                self._tidying.cancel()
            loop = asyncio.get_running_loop()
            self._tidying = loop.call_later(self._tidy_after_s, self._tidy)

    async def try_out(self, settings: Settings) -> None:
        """Raise what opening the services would raise; sends nothing."""
        cache = self._context.cache
        async with open_services(settings.config, settings.credentials, cache=cache, emit=self._emit):
            pass

    def load(self) -> Settings:
        """Read the settings' files; raises ConfigError."""
        return self._files.load()

    def fingerprint(self) -> object:
        """Return a value that changes when the files do."""
        self._watch.renew()
        return self._files.fingerprint()

    @asynccontextmanager
    async def open(self, settings: Settings) -> AsyncIterator[list[AnyJob]]:
        """Open everything for the settings: tools, pages, metrics."""
        intervals = self._intervals(settings)
        self._context.warn(settings)
        async with AsyncExitStack() as stack:
            home = await stack.enter_async_context(self._context.open_home(settings))
            rules = self._context.rules(settings, home)
            # Readers are started first, so that they see the first request.
            self._board.expect({rule.name: _expected(rule, settings) for rule in rules}, services(settings))
            passes = _expected_passes(settings, dry_run=self._context.dry_run)
            self._board.expect_passes(passes)
            self._tell(settings, intervals)
            if settings.config.prometheus is not None:
                every_s = {name: every.total_seconds() for name, every in intervals.items()}
                metrics = self._figures().metrics
                pairs = {rule.name: (rule.album, rule.frame) for rule in rules}
                metrics.expect(pairs, every_s=every_s)
                metrics.expect_passes({each.name: each.kind for each in passes}, every_s=every_s)
                metrics.expect_accounts(services(settings), entries_in_use(settings.config))
                metrics.expect_requests(operations(settings))
            jobs = await stack.enter_async_context(self._context.open_jobs(settings, intervals, home=home))
            self._frames = _frames_of(jobs)
            self._send_news(stack, settings.config, home)
            if settings.config.prometheus is not None:
                await self._serve(stack, self._pages(), settings.config.prometheus.listen, "Status page: {}")
            if settings.config.pprof is not None:
                from picsync.profiling.server import ProfilingServer

                await self._serve(
                    stack, ProfilingServer(), settings.config.pprof.listen, "Profiling: {}debug/pprof/"
                )
            hooks = self._hooks(settings)
            people = await self._serve_people(stack, settings, jobs, hooks, home)
            requests = Requests.beside(self._context.cache)
            names = settings.jobs

            def asked() -> None:
                for name in self._service.wake(sorted(requests.take_asked(names))):
                    self._emit(CycleRequested(name))
                if people is not None:
                    people.look()
                else:
                    # Nobody knows the answer; a command must not wait for it.
                    for question in requests.take_questions():
                        with suppress(CacheError):
                            requests.answer(question, {})

            stack.enter_context(requests.listening(names, asked, self._context.tell_once))
            yield jobs

    async def _serve_people(
        self,
        stack: AsyncExitStack,
        settings: Settings,
        jobs: Sequence[AnyJob],
        hooks: Hooks | None,
        home: Home,
    ) -> FrameServer | None:
        """Serve the pages of the frames that have some, and the webhooks."""
        config, cache = settings.config, self._context.cache
        own = config.webhooks.listen if config.webhooks is not None else None
        web = config.web or WebListener()
        others = await self._family(settings, home)
        pages = others is not None or any(FRAMES[entry.kind].pages for entry in config.frames.values())
        if hooks is not None and (own is not None or not pages):
            from picsync.web.hooks import HookServer

            server = HookServer(hooks, field="web.listen" if own is None else "webhooks.listen")
            await self._serve(stack, server, own or web.listen, "Webhooks: {}hooks/")
        self._people = None
        if not pages:
            return None
        from picsync.web.frame.server import FrameServer, Household

        if self._household is None:
            self._household = Household(Requests.beside(cache))
        shown = frames_with_pages(settings, _frames_of(jobs), self._emit, cache=cache)
        more = hooks.add_to if hooks is not None and own is None else None
        frame_server = FrameServer(
            shown, self._household, embed=web.embed, more=more, others=others, hide=_hide(home)
        )
        self._people = frame_server
        what = "Frames: {}frame/NAME" if others is None else "Family: {}"
        await self._serve(stack, frame_server, web.listen, what)
        return frame_server

    def _send_news(self, stack: AsyncExitStack, config: Config, home: Home) -> None:
        """Send news of the family's photos until the stack is unwound, if they are wanted."""
        if home.family is None or config.family is None or config.family.notify is None:
            return
        from picsync.family.news import Newsroom, Wanted
        from picsync.run.news import NewsSender

        wanted = Wanted(config.family.notify.period, config.family.notify.champions)
        newsroom = Newsroom(home.family.state)
        sender = NewsSender(newsroom, config.notify, wanted, home.family.url, self._emit)
        sender.start()
        stack.push_async_callback(sender.aclose)

    async def _family(self, settings: Settings, home: Home) -> Plain | None:
        """Return the handler of the family's pages; None if there are none."""
        self._uploads = None if home.family is None else home.family.uploads
        if home.family is None:
            return None
        from picsync.serving.asgi import handler
        from picsync.web.family.app import application, prepare

        def changed(categories: Collection[str]) -> None:
            """Start the cycles of the rules whose frames may show a photo that was hidden or restored."""
            albums = settings.config.albums
            named = {album.name for album in albums}
            known = named.intersection(categories) or named
            self._service.wake(
                job_name(album.name, frame)
                for album in albums
                if album.name in known or FAMILY_FRAME not in frames_of(settings.config, album)
                for frame in album.frames
            )

        home.family.photos.tell_of_changes(changed)
        web = settings.config.web or WebListener()
        app = application(home.family)
        await prepare(app)
        return handler(app, proxies=web.proxies)

    def _hooks(self, settings: Settings) -> Hooks | None:
        """Return the webhooks; None if they are off."""
        if settings.config.webhooks is None:
            return None
        from picsync.web.hooks import Caller, Hooks

        token = settings.config.webhooks.token
        callers = [
            Caller(one.hook, one.hook.signed_with(one.account), one.jobs)
            for one in reporting(settings.config, settings.credentials)
        ]
        return Hooks(callers, self._service.touch, token=token.get_secret_value() if token else "")

    def _tell(self, settings: Settings, intervals: Mapping[str, timedelta]) -> None:
        if self._notifier is None and settings.config.notify:
            from picsync.observe.notify import Notifier

            self._notifier = Notifier(self._board.status)
            self._readers.append(self._notifier.read)
        if self._notifier is not None:
            self._notifier.expect(settings.config.notify, intervals, page=status_page(settings.config))
        if self._crash_reports is None and settings.config.sentry is not None:
            from picsync.observe.sentry import CrashReports

            self._crash_reports = CrashReports(version("picsync"))
            self._readers.append(self._crash_reports.read)
        if self._crash_reports is not None:
            self._crash_reports.expect(settings.config.sentry)
        if self._pinger is None and settings.config.ping is not None:
            from picsync.observe.notify import Pinger

            self._pinger = Pinger()
            self._readers.append(self._pinger.read)
        if self._pinger is not None:
            self._pinger.expect(settings.config.ping, intervals)

    def _intervals(self, settings: Settings) -> dict[str, timedelta]:
        """Return the rules' intervals, none below the minimum."""
        raised = {name: every for name, every in settings.intervals.items() if every < self._least_every}
        if raised and raised != self._raised:
            self._context.notify(
                f"every: the shortest interval is {self._least_every.total_seconds():.0f} s, which is now"
                f" used for {', '.join(raised)}. Write `10m` or more: edited files are noticed anyway."
            )
        self._raised = raised
        return {name: max(every, self._least_every) for name, every in settings.intervals.items()}

    def _pages(self) -> Server:
        from prometheus_client import generate_latest

        from picsync.web.operator import Operator
        from picsync.web.pictures import FramePictures
        from picsync.web.server import WebServer

        registry = self._figures().registry
        requests = Requests.beside(self._context.cache)
        operator = Operator(
            requests,
            self._board.status,
            self._service.wake,
            self._emit,
            pair=lambda: self._household.pair if self._household is not None else None,
        )
        return WebServer(
            self._board.status,
            lambda: generate_latest(registry),
            self._service.alive,
            operator=operator,
            pictures=FramePictures(lambda: self._frames),
        )

    def _figures(self) -> _Figures:
        """Return the metrics, which are counted from the first possible scrape on."""
        if self._counted is None:
            from prometheus_client import CollectorRegistry

            from picsync.observe.metrics import Metrics

            registry = CollectorRegistry()
            self._counted = _Figures(registry, Metrics(registry, now=time.time))
            self._counted.metrics.watch(self._board.status)
            self._counted.metrics.watch_frames(lambda: self._people.uses() if self._people else ())
            self._counted.metrics.watch_uploads(lambda: self._uploads.use() if self._uploads else None)
            self._readers.append(self._counted.metrics.read)
        return self._counted

    async def _serve(self, stack: AsyncExitStack, server: Server, listen: Listen, what: str) -> None:
        """Serve until the stack is unwound; if the address is in use, continue and try again later.

        `what` is logged once it listens, with the URL for `{}`.
        """
        stack.push_async_callback(self._close, server)
        try:
            await self._listen(server, listen, what)
        except Exception as error:  # noqa: BLE001 - reported and retried; photos are more important
            if isinstance(error, ListenError):
                self._context.notify(str(error))
            else:
                self._emit(crashed(error, f"picsync cannot listen on port {listen.port}, and tries again."))
            trying = asyncio.create_task(self._listen_later(server, listen, what))
            stack.push_async_callback(_end, trying)

    async def _listen_later(self, server: Server, listen: Listen, what: str) -> None:
        while True:
            await asyncio.sleep(LISTEN_AGAIN_S)
            with suppress(Exception):  # The first error was reported.
                await self._listen(server, listen, what)
                return

    async def _close(self, server: Server) -> None:
        try:
            await server.close()
        except Exception as error:  # noqa: BLE001 - reported; the server is no longer needed
            self._emit(crashed(error, "A server was not closed properly. picsync continues."))

    async def _listen(self, server: Server, listen: Listen, what: str) -> None:
        await server.start(listen.host, listen.port)
        host = listen.host or "127.0.0.1"
        address = f"http://{f'[{host}]' if ':' in host else host}:{server.port}/"
        if self._addresses.get(what) != address:
            self._addresses[what] = address
            log.info(what.format(address), extra={"action": "listening"})


@dataclass(frozen=True, slots=True)
class _Figures:
    registry: CollectorRegistry
    metrics: Metrics


def _frames_of(jobs: Sequence[object]) -> Mapping[str, Frame]:
    """Return the frames that the album rules use, by name."""
    tools = (job.context.tools for job in jobs if isinstance(job, AlbumJob))
    return next((each.frames for each in tools), {})


def _hide(home: Home) -> Hide | None:
    """Return what hides a photo that a frame's page does not want; None without family pages."""
    family = home.family
    if family is None:
        return None

    async def hide(frame: str, photo: FramePhoto) -> None:
        await family.photos.hide_shown(photo, frame=frame)

    return hide


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def status_page(config: Config) -> str:
    """Return the URL of the status page for the user; empty if there is none or it is unknown."""
    from picsync.observe.notify import page_address

    pages = config.prometheus
    if pages is None:
        return ""
    return page_address(pages.listen, pages.address, reachable=not in_container())


def _expected(rule: AlbumRule, settings: Settings) -> RuleStatus:
    frame = settings.config.frame(rule.frame, settings.credentials.kinds)
    return RuleStatus(
        rule.name,
        sources=rule.sources,
        album=rule.album,
        frame=rule.frame,
        playlists=rule.frame != FAMILY_FRAME and FRAMES[frame.kind].playlists,
        dry_run=rule.dry_run,
    )


def _expected_passes(settings: Settings, *, dry_run: bool) -> list[PassStatus]:
    return [
        PassStatus(
            organize_name(rule.name),
            rule.name,
            PassKind.ORGANIZE,
            dry_run=dry_run or rule.dry_run,
            source=str(rule.from_),
            targets=tuple(dict.fromkeys(map(str, (rule.to.photos, rule.to.videos)))),
        )
        for rule in settings.config.organize
    ] + [
        PassStatus(
            mirror_name(mirror.name),
            mirror.name,
            PassKind.MIRROR,
            dry_run=dry_run or mirror.dry_run,
            source=str(mirror.from_),
            targets=(str(mirror.to),),
        )
        for mirror in settings.config.mirror
    ]


def _now() -> datetime:
    return datetime.now(UTC)
