"""What viewers of a frame have rejected stays away from it, and only that, whatever was listed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from picsync.core.identity import ORIGINAL_BYTES, PhotoKey, Shown, content_key, item_key, keyed_name
from picsync.core.model import Digest, FramePhoto, Listing, MediaItem, Photos
from picsync.core.plan import Rule, Situation, plan_changes, plan_transfers
from picsync.core.recipe import ORIGINAL
from picsync.core.rejected import Rejected, Rejection
from picsync.core.select import Candidate, Lesson, Skip, candidates, learned, wanted
from tests.property.test_select_properties import CASES, DIGESTS, NOW, PHOTOS, Case

OTHERS = [Digest("md5", f"{n:032x}") for n in range(100, 103)]


@st.composite
def rejections(draw: st.DrawFn, items: list[MediaItem]) -> Rejected:
    """Reject some photos: by their bytes alone, or by a name that tells item and content."""
    found = [
        Rejection(digest) for digest in draw(st.lists(st.sampled_from(DIGESTS), unique=True, max_size=2))
    ]
    for item in draw(st.lists(st.sampled_from(items), unique=True, max_size=3)) if items else []:
        content = draw(st.sampled_from([*DIGESTS, *OTHERS]))
        # A rendition, so its own digest says nothing of the original's.
        key = PhotoKey(item_key(item), content_key(content), "abcd", 2_000)
        found.append(Rejection(draw(st.sampled_from(OTHERS)), keyed_name("a.jpg", key)))
    return Rejected(tuple(found))


CASES_REJECTED = CASES.flatmap(lambda case: st.tuples(st.just(case), rejections(case[0])))


def decided(case: Case, rejected: Rejected) -> list[Candidate]:
    items, cache, there, accepted = case
    photos = [photo for photo in PHOTOS if photo.digest in there]
    return candidates(items, cache, cache, Shown(photos, ORIGINAL), accepted, NOW, rejected)


def is_rejected(candidate: Candidate, cached: Digest | None, rejected: Rejected) -> bool:
    """Decide the same by definition."""
    digests = {candidate.digest, candidate.content, candidate.item.digest, cached} - {None}
    for each in rejected.items:
        keys = set(each.keys)
        if each.digest in digests or item_key(candidate.item) in keys:
            return True
        if any(content_key(digest) in keys for digest in digests if digest is not None):
            return True
    return False


@given(CASES_REJECTED)
def test_exactly_what_was_rejected_is_skipped(pair: tuple[Case, Rejected]) -> None:
    case, rejected = pair
    before, after = decided(case, Rejected()), decided(case, rejected)
    for plain, candidate in zip(before, after, strict=True):
        cached = case[1].get(candidate.item)
        if is_rejected(candidate, cached.digest if cached else None, rejected):
            assert candidate == replace(plain, skip=Skip.REJECTED)
        else:
            assert candidate == plain


@given(CASES_REJECTED)
def test_what_was_rejected_is_never_transferred(pair: tuple[Case, Rejected]) -> None:
    case, rejected = pair
    found = decided(case, rejected)
    photos = Photos(tuple(photo for photo in PHOTOS if photo.digest in case[2]))
    for transfer in plan_transfers(found, photos):
        assert not rejected.includes(transfer.item, (transfer.digest, transfer.content))
    assert not any(rejected.includes(item, (digest,)) for digest, item in wanted(found).items())


@given(CASES_REJECTED, st.data())
def test_content_that_turns_out_to_be_rejected_is_not_wanted(
    pair: tuple[Case, Rejected], data: st.DataObject
) -> None:
    case, rejected = pair
    found = decided(case, rejected)
    sent = [candidate.item for candidate in found if candidate.skip is None]
    turned_out = {item for item in sent if data.draw(st.booleans())}
    after = learned(found, Lesson(rejected=turned_out))
    for old, new in zip(found, after, strict=True):
        assert new.skip is (Skip.REJECTED if new.item in turned_out else old.skip)


@given(st.integers(1, 40), st.integers(0, 40), st.booleans())
def test_the_brake_does_not_count_rejected_photos(kept: int, away: int, by_name: bool) -> None:
    """However many a viewer rejects, they go, as long as something is left."""
    items = [MediaItem("one", str(n)) for n in range(kept + away)]
    digests = [Digest("md5", f"{n:032x}") for n in range(kept + away)]
    photos = [
        FramePhoto(
            f"p{n}",
            digest,
            keyed_name("a.jpg", PhotoKey(item_key(item), content_key(digest), ORIGINAL_BYTES))
            if by_name
            else "",
        )
        for n, (item, digest) in enumerate(zip(items, digests, strict=True))
    ]
    found = [
        Candidate(item, digest, Skip.REJECTED if n < away else None)
        for n, (item, digest) in enumerate(zip(items, digests, strict=True))
    ]
    now = Situation(found, [Listing("one", "a", tuple(items))], Photos(tuple(photos)), (), shows_albums=True)
    plan = plan_changes(Rule("A"), now)
    assert plan.hold is None
    assert set(plan.deletes) == set(photos[:away])
