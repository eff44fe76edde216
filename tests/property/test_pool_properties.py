"""What must hold when several rules divide the capacity of a frame."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from picsync.core.capacity import Capacity
from picsync.core.pools import Claim, Place, Pool

WEIGHTS = st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.0]), min_size=2, max_size=4)
AMOUNTS = st.integers(0, 40)


def place(number: int) -> Place:
    return "frame", f"album {number}"


def pool(total: int, weights: list[float]) -> Pool:
    return Pool(
        Capacity(total * 1_000_000, total), {place(number): weight for number, weight in enumerate(weights)}
    )


def amount(photos: int) -> Capacity:
    return Capacity(photos * 1_000_000, photos)


class Rules:
    """Rules that fill what they may, each in its own cycles."""

    def __init__(self, shared: Pool, total: int) -> None:
        self.shared = shared
        self.total = total
        self.holds = [0] * len(shared.weights)
        self.needs = [0] * len(shared.weights)
        self.claims: dict[Place, Claim] = {}

    def cycle(self, number: int) -> None:
        for other, held in enumerate(self.holds):
            if other != number:  # What it sees at the frame.
                self.claims.setdefault(place(other), Claim(amount(held)))
        limit = self.shared.limit(place(number), amount(self.holds[number]), self.claims)
        self.holds[number] = min(self.needs[number], limit.photos or 0)
        assert sum(self.holds) <= self.total
        self.claims[place(number)] = Claim(amount(self.holds[number]), amount(self.needs[number]))


def test_what_one_does_not_need_others_use() -> None:
    three = pool(12, [1.0, 1.0, 2.0])
    claims = {place(0): Claim(amount(1), amount(1)), place(2): Claim(amount(2), amount(2))}
    assert three.limit(place(1), amount(0), claims) == amount(9)
    # One of which nothing is known needs its part.
    del claims[place(2)]
    assert three.limit(place(1), amount(0), claims).photos == 3
    # Before that is known, nobody gives up what it has.
    assert three.limit(place(1), amount(5), claims).photos == 5


@given(
    WEIGHTS,
    st.integers(4, 40),
    st.lists(st.tuples(st.integers(0, 3), AMOUNTS), min_size=1, max_size=12),
    st.integers(0, 12),
)
@example([1.0, 1.0], 10, [(0, 3), (1, 20), (0, 20)], 2)
def test_rules_never_hold_more_than_the_whole_and_none_waits_forever_for_its_part(
    weights: list[float], total: int, wishes: list[tuple[int, int]], restart: int
) -> None:
    """Each rule runs its cycles; what it wants changes, and picsync is restarted once."""
    parts = [part.photos or 0 for part in Capacity(photos=total).parts(weights)]
    if sum(parts) > total:
        return  # More rules than photos: each may have one all the same.
    rules = Rules(pool(total, weights), total)
    for step, (number, need) in enumerate(wishes):
        if step == restart:
            rules.claims.clear()
        rules.needs[number % len(weights)] = need
        rules.cycle(number % len(weights))
    for number in (*range(len(weights)),) * 4:
        rules.cycle(number)
    assert all(
        held >= min(part, need) for held, part, need in zip(rules.holds, parts, rules.needs, strict=True)
    )
    # Nothing is left unused while somebody needs it, but for what rounding leaves.
    assert sum(rules.holds) >= min(total, sum(rules.needs)) - len(weights)
