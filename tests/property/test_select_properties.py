"""What must hold of every selection, whatever was listed and is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from picsync.core.identity import Shown
from picsync.core.model import Digest, FramePhoto, MediaItem, MediaKind, Photos
from picsync.core.model import Mapping as DigestMapping
from picsync.core.plan import plan_transfers
from picsync.core.recipe import ORIGINAL
from picsync.core.select import (
    UNUSABLE_FOR,
    Accepted,
    Candidate,
    Lesson,
    Skip,
    candidates,
    count_skipped,
    learned,
    newest,
    wanted,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DIGESTS = [Digest("md5", f"{n:032x}") for n in range(6)]
PHOTOS = [FramePhoto(f"p{n}", digest) for n, digest in enumerate(DIGESTS)]
MAYBE_DIGEST = st.one_of(st.none(), st.sampled_from(DIGESTS))
TYPES = ["", "image/jpeg", "image/heic", "video/mp4"]
ACCEPTED = st.builds(
    Accepted,
    mime_types=st.frozensets(st.sampled_from(TYPES[1:])),
    videos_from=st.frozensets(st.sampled_from(["one", "two"])),
)
ITEMS = st.lists(
    st.builds(
        MediaItem,
        source=st.sampled_from(["one", "two"]),
        item_id=st.sampled_from("abcdefghij"),
        kind=st.sampled_from(MediaKind),
        mime_type=st.sampled_from(TYPES),
        taken_at=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
        digest=MAYBE_DIGEST,
    ),
    unique=True,
    max_size=12,
)
RECORDED = st.sampled_from(
    [None, NOW + timedelta(hours=1), NOW, NOW - UNUSABLE_FOR / 2, NOW - UNUSABLE_FOR, NOW - 2 * UNUSABLE_FOR]
)


@st.composite
def known(draw: st.DrawFn, items: list[MediaItem]) -> dict[MediaItem, DigestMapping]:
    return {
        item: DigestMapping(
            item.source,
            item.item_id,
            "",
            "original",
            draw(MAYBE_DIGEST),
            draw(st.sampled_from([None, "it is broken."])),
            draw(RECORDED),
        )
        for item in items
        if draw(st.booleans())
    }


Case = tuple[list[MediaItem], dict[MediaItem, DigestMapping], frozenset[Digest], Accepted]
CASES = ITEMS.flatmap(
    lambda items: st.tuples(st.just(items), known(items), st.frozensets(st.sampled_from(DIGESTS)), ACCEPTED)
)


def chosen(case: Case) -> list[Candidate]:
    items, cache, there, accepted = case
    photos = [photo for photo in PHOTOS if photo.digest in there]
    return candidates(items, cache, cache, Shown(photos, ORIGINAL), accepted, NOW)


@given(CASES)
def test_each_item_has_one_candidate_in_order(case: Case) -> None:
    assert [candidate.item for candidate in chosen(case)] == case[0]


@given(CASES)
def test_a_digest_in_the_listing_outranks_the_cache(case: Case) -> None:
    for candidate in chosen(case):
        before = case[1].get(candidate.item)
        if candidate.skip is not Skip.VIDEO:
            assert candidate.digest == (candidate.item.digest or (before.digest if before else None))


@given(CASES)
def test_each_skip_has_its_reason_and_none_is_missed(case: Case) -> None:
    _, cache, there, accepted = case
    for candidate in chosen(case):
        item, before = candidate.item, cache.get(candidate.item)
        unwanted = item.kind is MediaKind.VIDEO and item.source not in accepted.videos_from
        assert (candidate.skip is Skip.VIDEO) == unwanted
        on_frame = candidate.digest in there
        foreign = item.kind is MediaKind.PHOTO and item.mime_type not in {"", *accepted.mime_types}
        assert (candidate.skip is Skip.FORMAT) == (not unwanted and not on_frame and foreign)
        tried_at = before.recorded_at if before is not None and before.unusable is not None else None
        recent = tried_at is not None and NOW - tried_at < UNUSABLE_FOR
        skipped = not unwanted and not on_frame and not foreign and recent
        assert (candidate.skip is Skip.UNUSABLE) == skipped


@given(CASES)
def test_content_on_the_frame_stays_wanted(case: Case) -> None:
    there = case[2]
    for candidate in chosen(case):
        if candidate.digest in there:
            assert candidate.skip is None


@given(CASES)
def test_the_counts_add_up_and_nothing_skipped_is_transferred(case: Case) -> None:
    found = chosen(case)
    counts = count_skipped(found)
    skipped = [candidate for candidate in found if candidate.skip is not None]
    assert sum(counts.reasons.values()) == len(skipped)
    assert all(count > 0 for count in counts.reasons.values())
    assert sum(counts.formats.values()) == counts.reasons.get(Skip.FORMAT, 0)
    photos = Photos(tuple(photo for photo in PHOTOS if photo.digest in case[2]))
    travelling = {transfer.item for transfer in plan_transfers(found, photos)}
    assert not travelling & {candidate.item for candidate in skipped}
    assert set(wanted(found)) == {c.digest for c in found if c.digest is not None and c.skip is None}


@given(CASES, st.data())
def test_transfers_only_add_knowledge(case: Case, data: st.DataObject) -> None:
    found = chosen(case)
    sent = [candidate.item for candidate in found if candidate.skip is None]
    digests = {item: data.draw(st.sampled_from(DIGESTS)) for item in sent if data.draw(st.booleans())}
    unusable = {item for item in sent if data.draw(st.booleans())}
    after = learned(found, Lesson(digests, digests, unusable))
    assert [candidate.item for candidate in after] == [candidate.item for candidate in found]
    renewed = {old.digest: digests[old.item] for old in found if old.item in digests and old.digest}
    for old, new in zip(found, after, strict=True):
        if old.item in unusable:
            assert (new.digest, new.skip) == (old.digest, Skip.UNUSABLE)
        elif old.skip is not None or old.item in digests or old.digest not in renewed:
            assert (new.digest, new.skip) == (digests.get(old.item, old.digest), old.skip)
        else:
            # Another item with the same content has shown what it is now.
            assert (new.digest, new.skip) in {(digest, None) for digest in digests.values()}


@given(ITEMS, st.lists(st.sampled_from(PHOTOS), unique=True), st.integers(1, 8))
def test_the_newest_are_shown_in_order(items: list[MediaItem], photos: list[FramePhoto], limit: int) -> None:
    by_digest = dict(zip(DIGESTS, items, strict=False))
    shown = newest(photos, by_digest, limit)
    assert [photo for photo in photos if photo in shown] == list(shown)
    assert len(shown) == min(limit, len(photos))

    def taken_at(photo: FramePhoto) -> datetime:
        item = by_digest.get(photo.digest)
        return (item.taken_at if item else None) or datetime.min.replace(tzinfo=UTC)

    left_out = [taken_at(photo) for photo in photos if photo not in shown]
    assert not left_out or max(left_out) <= min(map(taken_at, shown))
