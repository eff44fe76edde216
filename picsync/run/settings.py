"""The settings of picsync.yaml, the credentials and the environment: read and checked together."""

from __future__ import annotations

import importlib.util
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from picsync.config import (
    CREDENTIALS_PATHS,
    Account,
    Config,
    Credentials,
    FrameSettings,
    Listen,
    MaxDelete,
    WebListener,
    read_regular,
)
from picsync.config.family import FRAME as FAMILY_FRAME
from picsync.config.kinds import AnyKind, Hook
from picsync.config.openid import SECTION, OpenIdClient
from picsync.config.rules import AlbumRule as ConfiguredRule
from picsync.config.tree import FieldPath, Place
from picsync.core.capacity import Capacity
from picsync.core.caption import Wording
from picsync.core.choice import Choice
from picsync.core.errors import ConfigError, Problem
from picsync.core.mirror import Theirs
from picsync.core.mirrorstate import mirror_name
from picsync.core.model import job_name
from picsync.core.organize import OrganizeRule, feeds, fixed_part, reads_targets
from picsync.core.pairing import may_pair
from picsync.core.places import LOCAL, Reach, StorePlace, fold, split
from picsync.core.plan import DeleteLimit, Rule
from picsync.core.pools import Pool
from picsync.core.select import Overflow
from picsync.core.values import dataclass
from picsync.frames.kinds import FRAMES
from picsync.http import network
from picsync.jobs.mirror import Mirroring
from picsync.jobs.organize import Organizing, Origin, organize_name
from picsync.run.kinds import read_accounts, read_config, read_credentials
from picsync.run.renditions import rendition_on
from picsync.sources.kinds import SOURCES
from picsync.stores.kinds import STORES
from picsync.sync.rule import AlbumRule
from picsync.system.packages import extra_advice


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration and credentials that match."""

    config: Config
    credentials: Credentials

    @property
    def intervals(self) -> dict[str, timedelta]:
        """Job name -> interval between starts; empty if there is only one cycle."""
        every = {
            job_name(album.name, frame): album.every or self.config.every
            for album in self.config.albums
            for frame in frames_of(self.config, album)
        }
        every |= {organize_name(rule.name): rule.every or self.config.every for rule in self.config.organize}
        every |= {mirror_name(rule.name): rule.every or self.config.every for rule in self.config.mirror}
        return {name: interval for name, interval in every.items() if interval is not None}

    @property
    def jobs(self) -> list[str]:
        """The names of all jobs: each rule on each of its frames."""
        albums = [name for album in self.config.albums for name in jobs_of(self.config, album)]
        albums = list(dict.fromkeys(albums))
        sorting = [organize_name(rule.name) for rule in self.config.organize]
        return [*sorting, *(mirror_name(rule.name) for rule in self.config.mirror), *albums]

    @property
    def unused(self) -> list[Problem]:
        """Frames and accounts that are defined, but that no rule uses."""
        config, accounts = self.config, self.credentials.kinds
        frames = {name for album in config.albums for name in album.frames}
        used = {name for album in config.albums for name in album.sources}
        used |= {config.frame(name, accounts).account for name in (*frames, *config.frames)}
        used |= set(places_in_use(config))
        advice = "No rule uses it. Name it under a rule's `{}`, or remove it."
        found = [
            config.problem(("frames", name), advice.format("frames"))
            for name in config.frames
            if name not in frames
        ]
        found += [
            (entry.place or Place("credentials.yaml")).problem(
                ("accounts", name), advice.format("frames" if entry.kind in FRAMES else "sources")
            )
            for name, entry in self.credentials.named.items()
            if name not in used
        ]
        return found


@dataclass(frozen=True, slots=True)
class SettingsFiles:
    """The source of the settings: two files, overridden by the environment."""

    config: Path
    environ: Mapping[str, str]
    credentials: Sequence[Path] = CREDENTIALS_PATHS

    def load(self) -> Settings:
        """Read and check everything; raises ConfigError with all problems of both files."""
        config, credentials, errors = self.parts()
        if config is None or credentials is None or errors:
            hints = [error.hint for error in errors if error.hint]
            raise ConfigError([one for error in errors for one in error.problems], hint="\n".join(hints))
        settings = Settings(config, credentials)
        without = [name for name in settings.jobs if name not in settings.intervals]
        if settings.intervals and without:
            message = (
                f"is missing for {', '.join(without)}, while other rules have one. Set it at the top level."
            )
            raise ConfigError([config.problem(("every",), message)])
        news = config.family.notify if config.family is not None else None
        if news is not None and not (settings.intervals and config.notify):
            needs = "notify" if settings.intervals else "every"
            message = f"needs `{needs}` at the top level; doc/notifications.md has examples."
            raise ConfigError(
                [
                    config.problem(
                        (
                            "family",
                            "notify",
                        ),
                        message,
                    )
                ]
            )
        if (
            settings.intervals
            and config.sentry is not None
            and importlib.util.find_spec("sentry_sdk") is None
        ):
            message = f"needs Sentry's library. {extra_advice('sentry')}"
            raise ConfigError([config.problem(("sentry",), message)])
        if settings.intervals and config.notify:
            from picsync.observe.notify import check_notify

            if problems := check_notify(config.notify, str(self.config)):
                raise ConfigError(problems)
        return settings

    def parts(self) -> tuple[Config | None, Credentials | None, list[ConfigError]]:
        """Return the usable settings, None for an unusable file, and the problems."""
        config, credentials, errors = None, None, []
        try:
            credentials = read_credentials(self.environ, self.credentials)
            accounts = credentials.kinds
        except ConfigError as error:
            errors.append(error)
            accounts = read_accounts(self.environ, self.credentials)
        try:
            config = read_config(self.config, self.environ, accounts)
        except ConfigError as error:
            errors.insert(0, error)
        try:
            own = config.ca_certificates if config is not None else None
            network.Network.read(self.environ, own, file=str(self.config))
        except ConfigError as error:
            errors.append(error)
        if config is not None and credentials is not None:
            try:
                _require(config, credentials)
            except ConfigError as error:
                errors.append(error)
        return config, credentials, _each_once(errors)

    def fingerprint(self) -> tuple[object, ...]:
        """Return what `load` depends on: the files' content, and who else may open the credentials."""
        content, *credentials = map(_content, (self.config, *self.credentials))
        return (content and content[0], *credentials)


def _each_once(errors: Sequence[ConfigError]) -> list[ConfigError]:
    """Return the errors without problems that an earlier error contains, such as an unknown variable."""
    seen: set[Problem] = set()
    kept = []
    for error in errors:
        problems = [problem for problem in error.problems if problem not in seen]
        seen.update(problems)
        if problems:
            kept.append(ConfigError(problems, hint=error.hint))
    return kept


def _content(path: Path) -> tuple[bytes, int] | None:
    """Return a file's content and its permission bits for non-owners; None if unreadable."""
    try:
        content, mode = read_regular(path)
        return content, mode & 0o077
    except (OSError, ValueError):
        return None


def album_rules(
    config: Config,
    accounts: Mapping[str, str] | None = None,
    *,
    dry_run: bool = False,
    allow_deletes: bool = False,
    family: bool = False,
) -> list[AlbumRule]:
    """Return each rule on each of its frames; the options apply to all of them.

    `accounts` has the kind of each account by name. With `family`, categories are also on the family's pages.
    """
    kinds = accounts or {}
    weights: dict[tuple[str, str, str], dict[tuple[str, str], float]] = defaultdict(dict)
    for album in config.albums:
        for frame in album.frames:
            weights[config.frame(frame, kinds).place][album.name, frame] = album.share

    def one(album: ConfiguredRule, frame: str) -> AlbumRule:
        settings = config.frame(frame, kinds)
        rendition = rendition_on(config, kinds, frame, album.rendition)
        shares = weights[settings.place]
        total = settings.capacity.capacity if settings.capacity else Capacity()
        parts = total.parts([*shares.values()])
        return AlbumRule(
            Rule(
                name=album.name,
                delete=album.delete,
                force_publish=album.force_publish,
                videos=album.videos,
                delete_limit=_delete_limit(album.max_delete),
                allow_deletes=allow_deletes,
                overflow=Overflow(album.overflow),
                replace_per_cycle=rendition.replace_per_cycle,
            ),
            sources={
                account: tuple(dict.fromkeys(map(str, entries))) for account, entries in album.sources.items()
            },
            frame=frame,
            choice=None if album.select is None else album.select.choice,
            dry_run=dry_run or album.dry_run,
            recipe=rendition.recipe,
            replace=rendition.replace,
            wording=rendition.wording,
            capacity=parts[[*shares].index((album.name, frame))],
            pool=None
            if total.unlimited or len(shares) == 1
            else Pool(total, {(at, one): share for (one, at), share in shares.items()}),
            share=album.share / sum(shares.values()),
        )

    rules = [one(album, frame) for album in config.albums for frame in album.frames]
    pages = _on_pages(config, dry_run=dry_run, allow_deletes=allow_deletes) if family else []
    return [*rules, *pages]


def _on_pages(config: Config, *, dry_run: bool, allow_deletes: bool) -> list[AlbumRule]:
    """Return the rules that put what the sources of categories list on the family's pages."""
    if config.family is None:
        return []
    from picsync.family.gallery import CAPTION, MAX_PHOTOS, RECIPE

    named: dict[str, list[ConfiguredRule]] = defaultdict(list)
    for album in config.albums:
        if config.family.has(album.name):
            named[album.name].append(album)

    def one(name: str, albums: list[ConfiguredRule]) -> AlbumRule:
        sources: dict[str, dict[str, None]] = defaultdict(dict)
        for album in albums:
            for account, entries in album.sources.items():
                sources[account] |= dict.fromkeys(map(str, entries))
        return AlbumRule(
            Rule(
                name=name,
                delete=all(album.delete for album in albums),
                delete_limit=_delete_limit(albums[0].max_delete),
                allow_deletes=allow_deletes,
            ),
            sources={account: tuple(entries) for account, entries in sources.items()},
            frame=FAMILY_FRAME,
            choice=Choice(most=MAX_PHOTOS),
            dry_run=dry_run or all(album.dry_run for album in albums),
            recipe=RECIPE,
            wording=Wording(CAPTION),
            judged=False,
            settles=False,
        )

    return [one(name, albums) for name, albums in named.items()]


def frames_of(config: Config, album: ConfiguredRule) -> tuple[str, ...]:
    """Return the names of a rule's frames, with that of the family's pages if it is a category."""
    is_category = config.family is not None and config.family.has(album.name)
    return (*album.frames, FAMILY_FRAME) if is_category else album.frames


def jobs_of(config: Config, album: ConfiguredRule) -> list[str]:
    """Return the names of a rule's jobs."""
    return [job_name(album.name, frame) for frame in frames_of(config, album)]


def _delete_limit(allowed: MaxDelete | None) -> DeleteLimit | None:
    if allowed is None:
        return None
    return DeleteLimit(allowed.count, None if allowed.percent is None else allowed.percent / 100)


def frames_in_use(config: Config, credentials: Credentials) -> list[FrameSettings]:
    """Return the frames that rules use, each once."""
    names = dict.fromkeys(name for album in config.albums for name in album.frames)
    return [config.frame(name, credentials.kinds) for name in names]


def _openid(config: Config, credentials: Credentials) -> list[ConfigError]:
    """Return what `family.oidc` lacks elsewhere."""
    if config.family is None or config.family.oidc is None:
        return []
    lacking = []
    if config.web is None or config.web.url is None:
        problem = (
            "needs `web: {url: ...}`, the address at which people open the pages: the provider sends them"
            " back to it."
        )
        lacking.append(ConfigError([config.problem(("family", "oidc"), problem)]))
    account = credentials.account(SECTION)
    client = account.read(OpenIdClient)
    try:
        account.require(
            {"client_id": client.client_id, "client_secret": client.client_secret.get_secret_value()},
            "`family.oidc` signs people in through a client that you register at the provider. Write it"
            f" there: {account.example('client_id: <ID>, client_secret: <secret>')}",
        )
    except ConfigError as error:
        lacking.append(error)
    return lacking


def _require(config: Config, credentials: Credentials) -> None:
    """Raise ConfigError with everything that the credentials lack, for all services at once."""
    lacking: list[ConfigError] = []
    needs: list[tuple[AnyKind, Account, list[Any]]] = [
        *(
            (FRAMES[one.kind], credentials.account(one.account), [])
            for one in frames_in_use(config, credentials)
        ),
    ]
    for name, entries in entries_in_use(config).items():
        account = credentials.account(name)
        needs.append((SOURCES[account.kind], account, list(entries.values())))
    for name, places in places_in_use(config).items():
        account = credentials.account(name)
        needs.append((STORES[account.kind], account, list(places)))
    for kind, account, listed in needs:
        try:
            kind.require(account, listed)
        except ConfigError as error:
            lacking.append(error)
    lacking += _overlaps(config, credentials)
    lacking += _sorted_frames(config, credentials)
    lacking += _mirrored(config, credentials)
    lacking += _spools(config)
    lacking += _listeners(config)
    lacking += _webhooks(config, credentials)
    lacking += _unpairable(config, credentials)
    lacking += _openid(config, credentials)
    if lacking:
        problems = list(dict.fromkeys(problem for error in lacking for problem in error.problems))
        raise ConfigError(problems, hint="\n".join(dict.fromkeys(error.hint for error in lacking)))


def _unpairable(config: Config, credentials: Credentials) -> Iterator[ConfigError]:
    """Yield an error for each rule that asks for pairs on a panel without room for them."""
    for number, album in enumerate(config.albums):
        for frame in album.frames:
            recipe = rendition_on(config, credentials.kinds, frame, album.rendition).recipe
            if not recipe.convert or not recipe.pair or may_pair(recipe):
                continue
            own = album.rendition is not None and album.rendition.pair
            rule: FieldPath = ("albums", number) if own else ("frames", frame)
            panel = f"that of the frame `{frame}` is {recipe.panel}" if recipe.panel else "none is set"
            message = (
                f"has `pair: true`, which needs a panel that is wider than it is high; {panel}. Set `panel`,"
                " such as 1280x800, or remove `pair`."
            )
            yield ConfigError([config.problem((*rule, "rendition", "pair"), message)])


def _filled(config: Config, credentials: Credentials) -> Iterator[tuple[FrameSettings, StorePlace]]:
    """Yield each frame that fills a folder that its options name, with the folder."""
    for frame in frames_in_use(config, credentials):
        for reach in FRAMES[frame.kind].places(frame.account, frame.options):
            yield frame, reach.place


def _read(accounts: Mapping[str, str], sources: Mapping[str, Iterable[Any]]) -> list[Reach]:
    """Return the folders that entries read; `accounts` has the kind of each account by name."""
    return [
        reach
        for name, entries in sources.items()
        for entry in entries
        for reach in SOURCES[accounts.get(name, name)].places(name, entry)
    ]


def _overlaps(config: Config, credentials: Credentials) -> Iterator[ConfigError]:
    """Yield an error for each frame whose folder overlaps with that of another frame or a source."""
    used = {name: entries.values() for name, entries in entries_in_use(config).items()}
    read = _read(credentials.kinds, used)
    filled: dict[str, StorePlace] = {}
    for frame, place in _filled(config, credentials):
        where = ("frames", frame.name)
        source = next((one for one in read if _reaches(one, place)), None)
        if source is not None:
            is_what = (
                "is the folder of a source"
                if place == source.place
                else f"is in {source.place}, a source's folder"
            )
            message = (
                f"{place} {is_what}: picsync would take the photos that it puts there for new ones. Choose a"
                " directory outside of it."
            )
            yield ConfigError([config.problem(where, message)])
        for other, taken in filled.items():
            if _overlap(place, taken):
                message = (
                    f"{place} overlaps with {taken}, the directory of the frame `{other}`."
                    " Choose another one."
                )
                yield ConfigError([config.problem(where, message)])
        filled[frame.name] = place


def _listeners(config: Config) -> Iterator[ConfigError]:
    """Yield an error for each listener whose address another one has."""
    pages = any(FRAMES[entry.kind].pages for entry in config.frames.values())
    web = config.web or (WebListener() if pages else None)
    found = {"prometheus": config.prometheus, "web": web, "webhooks": config.webhooks, "pprof": config.pprof}
    taken: dict[str, Listen] = {}
    for name, listener in found.items():
        if listener is None or listener.listen is None:
            continue
        own = listener.listen
        other = next((one for one, listen in taken.items() if listen.overlaps(own)), None)
        if other is not None:
            message = (
                f"is {own}, which `{other}.listen` ({taken[other]}) already uses. Choose another"
                " port for one of them."
            )
            if {name, other} == {"web", "webhooks"}:
                message += " Or remove `webhooks.listen`: webhooks are then served on `web.listen`."
            yield ConfigError([config.problem((name, "listen"), message)])
        taken[name] = own


def _webhooks(config: Config, credentials: Credentials) -> Iterator[ConfigError]:
    """Yield an error for everything that webhooks lack."""
    if config.webhooks is None:
        return
    callers = reporting(config, credentials)
    for caller in callers:
        try:
            caller.hook.require(caller.account)
        except ConfigError as error:
            yield error
    pages = any(FRAMES[entry.kind].pages for entry in config.frames.values())
    if config.webhooks.listen is None and config.web is None and not pages:
        message = 'needs an address to listen on, such as `listen: ":8091"`.'
        yield ConfigError([config.problem(("webhooks",), message)])
    if not callers and config.webhooks.token is None:
        message = (
            "has no purpose: no rule reads from an account whose service calls webhooks, such as Dropbox."
            " Set a `token` for other services, or remove `webhooks`."
        )
        yield ConfigError([config.problem(("webhooks",), message)])


@dataclass(frozen=True, slots=True)
class Reporting:
    """An account whose service calls webhooks, and the jobs that read from it."""

    account: Account
    hook: Hook
    jobs: tuple[str, ...]


def reporting(config: Config, credentials: Credentials) -> list[Reporting]:
    """Return the accounts whose services report changes to webhooks."""
    jobs: dict[str, list[str]] = defaultdict(list)
    for album in config.albums:
        for name in (*album.sources, *(reach.place.account for reach in _stored(album.sources))):
            jobs[name] += jobs_of(config, album)
    for rule in config.organize:
        jobs[rule.from_.account].append(organize_name(rule.name))
    found = []
    for name, readers in jobs.items():
        account = credentials.account(name)
        for kind in (SOURCES.get(account.kind), STORES.get(account.kind)):
            if kind is not None and kind.hook is not None:
                found.append(Reporting(account, kind.hook, tuple(dict.fromkeys(readers))))
                break
    return found


def _sorted_frames(config: Config, credentials: Credentials) -> Iterator[ConfigError]:
    """Yield an error for each frame whose folder an organizing rule would sort."""
    for frame, place in _filled(config, credentials):
        for rule in config.organize:
            if _reaches(Reach(rule.from_, below=rule.recursive), place):
                message = (
                    f"{place} is in the folder that the rule `{rule.name}` of `organize` sorts: it would move"
                    " the photos of the frame. Choose another directory."
                )
                yield ConfigError([config.problem(("frames", frame.name), message)])


def _mirrored(config: Config, credentials: Credentials) -> Iterator[ConfigError]:
    """Yield an error for each mirror whose target another rule or a frame fills, or that contains itself."""
    filled: list[tuple[StorePlace, str]] = [
        (place, f"the directory of the frame `{frame.name}`") for frame, place in _filled(config, credentials)
    ]
    for rule in config.organize:
        for place in rule.places:
            folder = split(place.path)[0] if place == rule.log else fixed_part(place.path)
            filled.append(
                (StorePlace(place.account, folder), f"a folder of the rule `{rule.name}` of `organize`")
            )
    for album in config.albums:
        filled += [
            (reach.place, f"a folder of a spool of the rule `{album.name}`")
            for reach in _stored(album.sources)
        ]
    for number, mirror in enumerate(config.mirror):
        where: FieldPath = ("mirror", number, "to")
        for place, what in dict.fromkeys(filled):
            if _overlap(mirror.to, place):
                message = (
                    f"is {mirror.to}, which overlaps with {place}, {what}: the mirror would delete its files."
                    " Choose another folder."
                )
                yield ConfigError([config.problem(where, message)])
        if mirror.to.account == LOCAL and _meet(mirror.to.path, mirror.from_.path):
            message = (
                f"is {mirror.to}, which by its symbolic links contains `from` ({mirror.from_}) or is in it."
                " Choose another folder."
            )
            yield ConfigError([config.problem(where, message)])


def _spools(config: Config) -> Iterator[ConfigError]:
    """Yield an error for each spool whose folders something else moves files from, or another spool has."""
    seen: dict[str, tuple[object, list[Reach]]] = {}
    for number, album in enumerate(config.albums):
        for name, entries in album.sources.items():
            for entry in entries:
                folders = list(_stored({name: [entry]}))
                where = ("albums", number, "sources", name)
                for other, its in seen.values():
                    both = ((one.place, two.place) for one in folders for two in its)
                    pair = next(
                        ((one, two) for one, two in both if other != entry and _overlap(one, two)), None
                    )
                    if pair is not None:
                        message = (
                            f"has {pair[0]}, which overlaps with {pair[1]}, a folder of another spool. Rules"
                            " that share a spool need the same options for it; others need other folders."
                        )
                        yield ConfigError([config.problem(where, message)])
                for rule in config.organize:
                    sorts = Reach(rule.from_, below=rule.recursive)
                    taken = next((one.place for one in folders if _reaches(sorts, one.place)), None)
                    if taken is not None:
                        message = (
                            f"has {taken}, whose files the rule `{rule.name}` of `organize` would move away."
                            " Choose another folder."
                        )
                        yield ConfigError([config.problem(where, message)])
                if folders:
                    seen[str(entry)] = (entry, folders)


def _reaches(reach: Reach, place: StorePlace) -> bool:
    """Whether files in a folder are among those that something reads."""
    if reach.place.account != place.account:
        return False
    if place.account != LOCAL:
        return reach.place.contains(place) if reach.below else fold(reach.place.path) == fold(place.path)
    if reach.below:
        return _inside(place.path, reach.place.path)
    return os.path.realpath(place.path) == os.path.realpath(reach.place.path)


def _overlap(one: StorePlace, other: StorePlace) -> bool:
    if one.account != other.account:
        return False
    local = one.account == LOCAL
    return _meet(one.path, other.path) if local else one.contains(other) or other.contains(one)


def places_in_use(config: Config) -> dict[str, dict[str, float]]:
    """Return the folders that rules name, by account: path -> how long a file there must be unchanged."""
    found: dict[str, dict[str, float]] = {}
    for rule in config.organize:
        for place in rule.places:
            folder = split(place.path)[0] if place == rule.log else fixed_part(place.path)
            quiet = found.setdefault(place.account, {})
            quiet[folder] = max(quiet.get(folder, 0.0), rule.quiet.total_seconds())
    for mirror in config.mirror:
        for place in (mirror.from_, mirror.to):
            quiet = found.setdefault(place.account, {})
            quiet[place.path] = max(quiet.get(place.path, 0.0), mirror.quiet.total_seconds())
    for album in config.albums:
        for reach in _stored(album.sources):
            found.setdefault(reach.place.account, {}).setdefault(reach.place.path, 0.0)
    return found


def _stored(sources: Mapping[str, Iterable[Any]]) -> Iterator[Reach]:
    """Yield the folders of sources that are in stores, in accounts of their own."""
    for name, entries in sources.items():
        if name in SOURCES and SOURCES[name].stored:
            for entry in entries:
                yield from SOURCES[name].places(name, entry)


def mirroring(config: Config, *, dry_run: bool = False) -> list[Mirroring]:
    """Return the mirroring rules."""
    return [
        Mirroring(
            rule.name,
            rule.from_.path,
            rule.to,
            rule.ignore,
            delete=rule.delete,
            theirs=Theirs(rule.theirs),
            limit=_delete_limit(rule.max_delete),
            dry_run=dry_run or rule.dry_run,
        )
        for rule in config.mirror
    ]


def fed_by_mirror(config: Config, accounts: Mapping[str, str], rule: Mirroring) -> frozenset[str]:
    """Return the names of the jobs that read what a mirroring rule writes."""
    found = {mirror_name(other.name) for other in config.mirror if _overlap(rule.to, other.from_)}
    for album in config.albums:
        if any(_overlap(rule.to, reach.place) for reach in _read(accounts, album.sources)):
            found |= {*jobs_of(config, album)}
    return frozenset(found - {mirror_name(rule.name)})


def _meet(one: str, other: str) -> bool:
    """Whether one of two local folders contains the other one."""
    return _inside(one, other) or _inside(other, one)


def organizing(config: Config, *, dry_run: bool = False) -> list[Organizing]:
    """Return the organizing rules."""
    return [
        Organizing(
            rule.rule,
            rule.from_.account,
            tuple(map(Origin, rule.taken)),
            rule.year,
            rule.month,
            rule.log,
            rule.log_date,
            dry_run=dry_run or rule.dry_run,
        )
        for rule in config.organize
    ]


def fed_by(config: Config, accounts: Mapping[str, str], rule: OrganizeRule, account: str) -> frozenset[str]:
    """Return the names of the jobs that read what an organizing rule has sorted."""
    found = {
        organize_name(other.name)
        for other in config.organize
        if other.from_.account == account and feeds(rule, other.rule)
    }
    targets = [place for place in (rule.photos, rule.videos, rule.unsorted) if place is not None]
    found |= {
        mirror_name(mirror.name)
        for mirror in config.mirror
        if account == LOCAL and any(_meet(mirror.from_.path, fixed_part(place)) for place in targets)
    }
    for album in config.albums:
        read = [reach.place for reach in _read(accounts, album.sources)]
        if any(place.account == account and reads_targets(rule, place.path) for place in read):
            found |= {*jobs_of(config, album)}
    return frozenset(found)


def _inside(path: str, folder: str) -> bool:
    """Return whether a path is inside a folder or equal to it, following symbolic links."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def readers(config: Config) -> dict[tuple[str, str], frozenset[str]]:
    """Return account and album ID -> the names of the jobs that read the album."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for album in config.albums:
        jobs = frozenset(job_name(album.name, frame) for frame in album.frames)
        for account, entries in album.sources.items():
            for key in ((account, str(entry)) for entry in entries):
                found[key] = found.get(key, frozenset()) | jobs
    return found


def entries_in_use(config: Config) -> dict[str, dict[str, Any]]:
    """Return the entries of all rules: account -> album ID -> entry, for accounts with entries."""
    found: dict[str, dict[str, Any]] = {}
    for album in config.albums:
        for account, entries in album.sources.items():
            for entry in entries:
                found.setdefault(account, {})[str(entry)] = entry
    return found
