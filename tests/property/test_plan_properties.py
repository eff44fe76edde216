"""What must hold of every plan, whatever was listed and whatever fails on the way."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from picsync.model import Digest, FramePhoto, MediaItem, Photos, Playlist, PlaylistItem
from picsync.plan import (
    AddItems,
    Candidate,
    DeleteLimit,
    HoldReason,
    Plan,
    Rule,
    Situation,
    Skip,
    plan_changes,
    plan_edit,
    plan_transfers,
    steps,
)

DIGESTS = [Digest("md5", f"{n:032x}") for n in range(14)]
PHOTOS = [FramePhoto(f"p{n}", digest, f"{n}.jpg") for n, digest in enumerate(DIGESTS)]
LIMITS = st.one_of(st.none(), st.integers(min_value=2, max_value=20))


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    known = draw(st.lists(st.one_of(st.none(), st.sampled_from(DIGESTS)), max_size=14))
    skips = draw(st.lists(st.one_of(st.none(), st.none(), st.sampled_from(Skip)), min_size=14, max_size=14))
    return [
        Candidate(MediaItem("memory", f"i{n}"), digest, skip)
        for n, (digest, skip) in enumerate(zip(known, skips, strict=False))
    ]


@st.composite
def playlists(draw: st.DrawFn) -> Playlist:
    ids = draw(st.lists(st.sampled_from([*(photo.photo_id for photo in PHOTOS), "stranger"]), max_size=18))
    return Playlist("1", "ss_A", tuple(PlaylistItem(f"e{n}", photo_id) for n, photo_id in enumerate(ids)))


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    problem = st.one_of(st.none(), st.none(), st.just("The listing broke off."))
    listing_problem = draw(problem)
    return Situation(
        candidates=draw(candidates()),
        listing_problems=[listing_problem] if listing_problem else [],
        photos=Photos(tuple(draw(st.lists(st.sampled_from(PHOTOS), unique=True))), draw(problem)),
        playlists=draw(st.lists(playlists(), max_size=1)),
        playlist_limit=draw(LIMITS),
        storage_full=draw(st.booleans()),
    )


RULES = st.builds(
    Rule,
    name=st.just("A"),
    delete=st.booleans(),
    force_publish=st.booleans(),
    delete_limit=st.one_of(
        st.none(),
        st.builds(DeleteLimit, count=st.integers(0, 20)),
        st.builds(DeleteLimit, share=st.floats(0, 1)),
    ),
    allow_deletes=st.booleans(),
)


def wanted(now: Situation) -> set[Digest]:
    return {c.digest for c in now.candidates if c.digest is not None and c.skip is None}


@given(RULES, situations())
def test_deletes_need_knowledge(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    if not plan.deletes:
        return
    assert rule.delete
    assert not now.listing_problems
    assert now.photos.complete
    assert all(c.digest is not None or c.skip is not None for c in now.candidates)
    missing = wanted(now) - {photo.digest for photo in now.photos.items}
    assert not missing or now.storage_full


@given(RULES, situations())
def test_nothing_wanted_is_deleted(rule: Rule, now: Situation) -> None:
    assert not {photo.digest for photo in plan_changes(rule, now).deletes} & wanted(now)


@given(RULES, situations())
def test_every_surplus_photo_is_deleted_or_held_with_words(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    surplus = {photo for photo in now.photos.items if photo.digest not in wanted(now)}
    if not rule.delete:
        assert not plan.deletes
        assert plan.hold is None
    elif plan.hold is not None:
        assert set(plan.hold.photos) == surplus
        assert plan.hold.message.endswith(".")
    else:
        assert set(plan.deletes) == surplus


@given(RULES, situations())
def test_the_brake_holds_emptying_and_mass_deletes(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    deletes, total = len(plan.deletes), len(now.photos.items)
    if not deletes or rule.allow_deletes:
        return
    if deletes == total:
        assert rule.delete_limit is not None
        assert rule.delete_limit.share == 1
    elif rule.delete_limit is None:
        assert deletes <= 10 or deletes <= total / 10
    elif rule.delete_limit.share is not None:
        assert deletes <= rule.delete_limit.share * total
    else:
        assert rule.delete_limit.count is not None
        assert deletes <= rule.delete_limit.count


@given(RULES, situations())
def test_the_playlist_shows_what_stays_as_far_as_it_has_room(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    staying = set(now.photos.items) - set(plan.deletes)
    assert set(plan.shown) <= staying
    assert len(plan.shown) == len(set(plan.shown))
    assert len(plan.shown) + plan.overflow == len(staying)
    assert plan.overflow == 0 or len(plan.shown) == now.playlist_limit


@given(candidates(), st.lists(st.sampled_from(PHOTOS), unique=True))
def test_transfers_are_minimal_and_sufficient(listed: list[Candidate], there: list[FramePhoto]) -> None:
    transfers = plan_transfers(listed, Photos(tuple(there)))
    known = [transfer.digest for transfer in transfers if transfer.digest is not None]
    assert len(known) == len(set(known))
    on_frame = {photo.digest for photo in there}
    assert not set(known) & on_frame
    want = {c.digest for c in listed if c.skip is None and c.digest is not None}
    assert set(known) == want - on_frame
    unknown = [c.item for c in listed if c.skip is None and c.digest is None]
    assert [transfer.item for transfer in transfers if transfer.digest is None] == unknown


@dataclass
class World:
    """A frame that obeys, except where told to fail."""

    photos: set[str]
    entries: list[PlaylistItem]
    limit: int | None
    made: int = 0
    history: list[list[str]] = field(default_factory=list)

    def snapshot(self) -> None:
        self.history.append([entry.photo_id for entry in self.entries])

    def carry_out(self, plan: Plan, fails: list[bool]) -> None:
        failing = iter(fails)
        self.snapshot()
        published = True
        for edit in plan.edits:
            for step in steps(edit, self.limit):
                if next(failing, False):
                    published = False
                    break
                if isinstance(step, AddItems):
                    for photo in step.photos:
                        self.made += 1
                        self.entries.append(PlaylistItem(f"n{self.made}", photo.photo_id))
                else:
                    self.entries = [entry for entry in self.entries if entry not in step.items]
                self.snapshot()
        if not published:
            return
        for photo in plan.deletes:
            if not next(failing, False):
                self.photos.discard(photo.photo_id)
                assert photo.photo_id not in {entry.photo_id for entry in self.entries}
                self.snapshot()


@given(RULES, situations(), st.lists(st.booleans(), max_size=12))
def test_any_prefix_with_any_failures_leaves_something_right_to_see(
    rule: Rule, now: Situation, fails: list[bool]
) -> None:
    plan = plan_changes(rule, now)
    entries = list(now.playlists[0].items) if now.playlists else []
    existing = {photo.photo_id for photo in now.photos.items}
    world = World(set(existing), list(entries), now.playlist_limit)
    world.carry_out(plan, fails)
    for seen in world.history[1:]:
        assert seen or not plan.shown
        assert now.playlist_limit is None or len(seen) <= max(now.playlist_limit, len(entries))


@given(RULES, situations())
def test_a_carried_out_plan_leaves_an_empty_plan(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    entries = list(now.playlists[0].items) if now.playlists else []
    if now.playlist_limit is not None and len(entries) > now.playlist_limit:
        entries = entries[: now.playlist_limit]
        now = Situation(
            now.candidates, now.listing_problems, now.photos,
            [Playlist("1", "ss_A", tuple(entries))], now.playlist_limit, now.storage_full,
        )  # fmt: skip
        plan = plan_changes(rule, now)
    if now.playlist_limit is not None and not now.photos.complete:
        return  # strangers stay and may take the room
    world = World({photo.photo_id for photo in now.photos.items}, entries, now.playlist_limit)
    world.carry_out(plan, [])
    assert world.entries or not plan.shown
    left = tuple(photo for photo in now.photos.items if photo.photo_id in world.photos)
    again = plan_changes(
        Rule(rule.name, rule.delete, delete_limit=rule.delete_limit, allow_deletes=rule.allow_deletes),
        Situation(
            now.candidates,
            now.listing_problems,
            Photos(left, now.photos.problem),
            [Playlist("1", "ss_A", tuple(world.entries))] if world.entries or now.playlists else [],
            now.playlist_limit,
            now.storage_full,
        ),
    )
    assert again.empty
    if now.photos.complete:
        assert sorted(entry.photo_id for entry in world.entries) == sorted(p.photo_id for p in plan.shown)


@given(playlists(), st.lists(st.sampled_from(PHOTOS), unique=True, max_size=14))
def test_a_right_playlist_is_left_alone(playlist: Playlist, shown: list[FramePhoto]) -> None:
    edit = plan_edit(playlist, shown)
    ids = [item.photo_id for item in playlist.items]
    if sorted(ids) == sorted(photo.photo_id for photo in shown):
        assert not edit.add
        assert not edit.remove


@given(playlists(), st.lists(st.sampled_from(PHOTOS), unique=True, min_size=2, max_size=14))
def test_a_rewrite_restores_the_order_within_the_limit(playlist: Playlist, shown: list[FramePhoto]) -> None:
    limit = max(len(playlist.items), len(shown), 2)
    world = World(set(), list(playlist.items), limit)
    world.carry_out(Plan(edits=(plan_edit(playlist, shown, rewrite=True),)), [])
    assert [entry.photo_id for entry in world.entries] == [photo.photo_id for photo in shown]
    assert all(len(seen) <= limit for seen in world.history)
    assert all(seen for seen in world.history[1:])


def test_the_reasons_to_hold_are_all_reachable() -> None:
    def hold(now: Situation) -> HoldReason | None:
        found = plan_changes(Rule("A"), now).hold
        return found.reason if found else None

    some = Photos(tuple(PHOTOS[:3]))
    known = [Candidate(MediaItem("memory", "1"), DIGESTS[0])]
    unknown = [*known, Candidate(MediaItem("memory", "2"))]
    missing = [*known, Candidate(MediaItem("memory", "2"), DIGESTS[9])]
    assert hold(Situation(known, ["It broke off."], some, [])) is HoldReason.LISTING
    assert hold(Situation(unknown, [], some, [])) is HoldReason.UNKNOWN
    assert hold(Situation(missing, [], some, [])) is HoldReason.UPLOADS
    assert hold(Situation([], [], some, [])) is HoldReason.BRAKE
    assert hold(Situation(known, [], some, [])) is None
