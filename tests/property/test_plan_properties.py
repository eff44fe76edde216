"""Properties of every plan, for every listing and every failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from picsync.core.model import Digest, FramePhoto, Listing, MediaItem, Photos, Playlist, PlaylistItem
from picsync.core.plan import (
    AddItems,
    Content,
    DeleteLimit,
    HoldReason,
    Plan,
    PlaylistEdit,
    Rule,
    Situation,
    parts_needed,
    plan_changes,
    plan_edit,
    plan_transfers,
    steps,
)
from picsync.core.select import Candidate, Overflow, Skip
from picsync.observe.words import hold_sentence

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
def playlists(draw: st.DrawFn, name: str = "ss_A") -> Playlist:
    ids = draw(st.lists(st.sampled_from([*(photo.photo_id for photo in PHOTOS), "stranger"]), max_size=18))
    return Playlist(name, name, tuple(PlaylistItem(f"{name} {n}", each) for n, each in enumerate(ids)))


@st.composite
def parts(draw: st.DrawFn) -> list[Playlist]:
    """Draw the playlists of a split album, or of one that was one; any of them may be missing."""
    names = draw(st.sampled_from([[], ["ss_A"], ["ss_A"], ["ss_A", "ss_A_2"], ["ss_A", "ss_A_2", "ss_A_3"]]))
    missing = draw(st.sampled_from(["", "", "ss_A", "ss_A_2"]))
    return [draw(playlists(name)) for name in names if name != missing]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    problem = st.one_of(st.none(), st.none(), st.just("The listing broke off."))
    sample = draw(st.sampled_from([False, False, True]))
    return Situation(
        candidates=draw(candidates()),
        listings=[Listing("memory", "album", problem=draw(problem), sample=sample)],
        photos=Photos(tuple(draw(st.lists(st.sampled_from(PHOTOS), unique=True))), draw(problem)),
        playlists=draw(parts()),
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
    overflow=st.sampled_from(Overflow),
)


def wanted(now: Situation) -> set[Digest]:
    return {c.digest for c in now.candidates if c.digest is not None and c.skip is None}


@given(RULES, situations())
def test_deletes_need_knowledge(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    if not plan.deletes:
        return
    assert rule.delete
    assert all(listing.complete for listing in now.listings)
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
        assert plan.hold.total == len(now.photos.items)
        sentence = hold_sentence(plan.hold)
        assert sentence.startswith(f"{plan.hold.count} photo")
        assert sentence.endswith(".")
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
    if plan.overflow and plan.seen is None:
        assert len(plan.shown) == now.playlist_limit
        assert rule.overflow is not Overflow.SPLIT


@given(RULES, situations())
def test_what_a_listing_may_have_left_out_stays_in_the_playlists(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    digests = {candidate.digest for candidate in now.candidates if candidate.skip is None}
    listed = frozenset(photo.photo_id for photo in now.photos.items)
    complete = now.photos.complete and None not in digests
    complete = complete and all(listing.complete for listing in now.listings)
    if complete and wanted(now) <= {photo.digest for photo in now.photos.items}:
        assert plan.seen is None
        return
    assert plan.seen == listed
    for edit in plan.edits:
        before = edit.playlist.items if edit.playlist else ()
        gone = {entry.item_id for entry in edit.remove}
        left = {entry.photo_id for entry in before if entry.item_id not in gone}
        assert {entry.photo_id for entry in before} - listed <= left


@given(RULES, situations())
def test_split_uses_fewest_playlists_and_moves_no_photo(rule: Rule, now: Situation) -> None:
    plan = plan_changes(rule, now)
    limit = now.playlist_limit
    if rule.overflow is not Overflow.SPLIT or limit is None or plan.seen is not None:
        return
    names = [content.name for content in plan.contents]
    needed = parts_needed(len(plan.shown), limit)
    assert names[:needed] == [rule.part_name(number) for number in range(1, needed + 1)]
    assert all(content.photos for content in plan.contents[:needed] if plan.shown)
    assert all(len(content.photos) <= limit for content in plan.contents)
    assert not any(content.photos for content in plan.contents[needed:])
    assert {playlist.name for playlist in now.playlists} <= set(names)
    home = {photo.photo_id: content.name for content in plan.contents for photo in content.photos}
    for playlist in now.playlists:
        held = {item.photo_id for item in playlist.items} & home.keys()
        stays = {photo_id for photo_id in held if home[photo_id] == playlist.name}
        earlier = names[: names.index(playlist.name)]
        elsewhere = {photo_id for photo_id in held if home[photo_id] in earlier}
        if playlist.name in names[:needed]:
            # What does not stay is in an earlier part as well, or is beyond what a playlist can hold.
            assert stays | elsewhere == held or len(held) > limit


@given(RULES, situations())
def test_overflow_as_an_error_keeps_the_playlist(rule: Rule, now: Situation) -> None:
    plan = plan_changes(replace(rule, overflow=Overflow.ERROR), now)
    staying = {photo.photo_id for photo in set(now.photos.items) - set(plan.deletes)}
    shown = {photo.photo_id for photo in plan.shown}
    for playlist in now.playlists[:1]:
        held = {item.photo_id for item in playlist.items if playlist.name == "ss_A"} & staying
        assert held <= shown or not fits(now)


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
    """A frame that carries out every action, except those that are told to fail."""

    photos: set[str]
    playlists: dict[str, Playlist]
    limit: int | None
    made: int = 0
    history: list[dict[str, list[str]]] = field(default_factory=list)

    @classmethod
    def of(cls, now: Situation) -> World:
        there = {photo.photo_id for photo in now.photos.items}
        return cls(there, {playlist.name: playlist for playlist in now.playlists}, now.playlist_limit)

    def snapshot(self) -> None:
        shown = {name: [i.photo_id for i in playlist.items] for name, playlist in self.playlists.items()}
        self.history.append(shown)

    def carry_out(self, plan: Plan, fails: list[bool]) -> None:
        failing = iter(fails)
        self.snapshot()
        published = True
        for edit in plan.edits:
            if edit.content.photos or published:
                published = self.edit(edit, failing) and published
        if not published:
            return
        for photo in plan.deletes:
            if not next(failing, False):
                self.photos.discard(photo.photo_id)
                ours = {content.name for content in plan.contents}  # what else there is is a person's
                for playlist in (each for each in self.playlists.values() if each.name in ours):
                    assert photo.photo_id not in {entry.photo_id for entry in playlist.items}
                self.snapshot()

    def edit(self, edit: PlaylistEdit, failing: Iterator[bool]) -> bool:
        name = edit.content.name
        for step in steps(edit, self.limit):
            if next(failing, False):
                return False
            entries = self.playlists[name].items if name in self.playlists else ()
            if isinstance(step, AddItems):
                numbers = range(self.made, self.made + len(step.photos))
                self.made += len(step.photos)
                new = (PlaylistItem(f"n{n}", p.photo_id) for n, p in zip(numbers, step.photos, strict=True))
                entries = (*entries, *new)
            else:
                entries = tuple(entry for entry in entries if entry not in step.items)
            self.playlists[name] = Playlist(name, name, entries)
            self.snapshot()
        return True


@given(RULES, situations(), st.lists(st.booleans(), max_size=12))
def test_any_interrupted_plan_leaves_wanted_photos_shown(
    rule: Rule, now: Situation, fails: list[bool]
) -> None:
    plan = plan_changes(rule, now)
    world = World.of(now)
    world.carry_out(plan, fails)
    before = world.history[0]
    photos = {content.name: content.photos for content in plan.contents}
    shown = {photo.photo_id for photo in plan.shown}
    at_first = {photo_id for ids in before.values() for photo_id in ids} & shown
    for seen in world.history[1:]:
        for name, ids in seen.items():
            assert ids or not photos.get(name) or not before.get(name)
            assert world.limit is None or len(ids) <= max(world.limit, len(before.get(name, [])))
        if rule.overflow is Overflow.SPLIT and not rule.force_publish and fits(now):
            assert at_first <= {photo_id for ids in seen.values() for photo_id in ids}


def fits(now: Situation) -> bool:
    """Whether no playlist exceeds its maximum."""
    return now.playlist_limit is None or all(len(p.items) <= now.playlist_limit for p in now.playlists)


@given(RULES, situations())
def test_a_carried_out_plan_leaves_an_empty_plan(rule: Rule, now: Situation) -> None:
    limit = now.playlist_limit
    if limit is not None:
        now = replace(now, playlists=[replace(p, items=p.items[:limit]) for p in now.playlists])
        if plan_changes(rule, now).seen is not None:
            return  # strangers stay and may take the room
    plan = plan_changes(rule, now)
    world = World.of(now)
    world.carry_out(plan, [])
    assert any(playlist.items for playlist in world.playlists.values()) or not plan.shown
    left = tuple(photo for photo in now.photos.items if photo.photo_id in world.photos)
    playlists = sorted(world.playlists.values(), key=lambda playlist: playlist.name)
    again = plan_changes(
        replace(rule, force_publish=False),
        replace(now, photos=replace(now.photos, items=left), playlists=playlists),
    )
    assert again.empty
    if plan.seen is None:
        for content in plan.contents:
            held = world.playlists[content.name].items if content.name in world.playlists else ()
            assert sorted(entry.photo_id for entry in held) == sorted(p.photo_id for p in content.photos)


@given(playlists(), st.lists(st.sampled_from(PHOTOS), unique=True, max_size=14))
def test_a_right_playlist_is_left_alone(playlist: Playlist, shown: list[FramePhoto]) -> None:
    edit = plan_edit(playlist, Content("ss_A", tuple(shown)))
    ids = [item.photo_id for item in playlist.items]
    if sorted(ids) == sorted(photo.photo_id for photo in shown):
        assert not edit.add
        assert not edit.remove


@given(playlists(), st.lists(st.sampled_from(PHOTOS), unique=True, min_size=2, max_size=14))
def test_a_rewrite_restores_the_order_within_the_limit(playlist: Playlist, shown: list[FramePhoto]) -> None:
    limit = max(len(playlist.items), len(shown), 2)
    world = World(set(), {"ss_A": playlist}, limit)
    edit = plan_edit(playlist, Content("ss_A", tuple(shown)), rewrite=True)
    world.carry_out(Plan(edits=(edit,)), [])
    assert [entry.photo_id for entry in world.playlists["ss_A"].items] == [photo.photo_id for photo in shown]
    assert all(len(seen["ss_A"]) <= limit for seen in world.history)
    assert all(seen["ss_A"] for seen in world.history[1:])


def test_the_reasons_to_hold_are_all_reachable() -> None:
    def hold(now: Situation) -> HoldReason | None:
        found = plan_changes(Rule("A"), now).hold
        return found.reason if found else None

    some = Photos(tuple(PHOTOS[:3]))
    known = [Candidate(MediaItem("memory", "1"), DIGESTS[0])]
    unknown = [*known, Candidate(MediaItem("memory", "2"))]
    missing = [*known, Candidate(MediaItem("memory", "2"), DIGESTS[9])]
    broken = Listing("memory", "album", problem="It broke off.")
    sample = Listing("memory", "album", sample=True)
    assert hold(Situation(known, [broken, sample], some, [])) is HoldReason.LISTING
    assert hold(Situation(known, [sample], some, [])) is HoldReason.SAMPLE
    assert hold(Situation(unknown, [], some, [])) is HoldReason.UNKNOWN
    assert hold(Situation(missing, [], some, [])) is HoldReason.UPLOADS
    assert hold(Situation([], [], some, [])) is HoldReason.BRAKE
    assert hold(Situation(known, [], some, [])) is None


@given(RULES, situations())
def test_brake_counts_what_is_gone_but_not_what_is_displaced(rule: Rule, now: Situation) -> None:
    rule = replace(rule, allow_deletes=False, delete_limit=DeleteLimit(count=0))
    displaced = {each.digest for each in now.candidates if each.skip is Skip.NOT_CHOSEN}
    plan = plan_changes(rule, now)
    assert displaced.issuperset(photo.digest for photo in plan.deletes)
    assert len(plan.deletes) < len(now.photos.items) or not plan.deletes
    if plan.hold is not None and plan.hold.reason is HoldReason.BRAKE and plan.deletes:
        assert displaced.isdisjoint(photo.digest for photo in plan.hold.photos)
