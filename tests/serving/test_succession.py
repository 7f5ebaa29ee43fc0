"""Which version should answer next: what is live, in the end, and never at the price of answers."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.serving.succession import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Loaded,
    Mark,
    Refusal,
    Step,
    next_step,
    refused,
    refused_at_start,
)

ONE, TWO, THREE = (Mark(f"v1.{number}.0", f"{number}" * 64) for number in range(3))
OTHER_BYTES = Mark(TWO.version, "f" * 64)
MARKS = (ONE, TWO, THREE, OTHER_BYTES)


@pytest.mark.parametrize(
    ("loaded", "live", "refusal", "step"),
    [
        (Loaded(ONE), ONE, None, Step.KEEP),
        (Loaded(ONE), None, None, Step.KEEP),
        (Loaded(ONE, TWO), ONE, None, Step.KEEP),
        (Loaded(ONE), TWO, None, Step.LOAD),
        (Loaded(ONE, TWO), TWO, None, Step.SWAP),
        (Loaded(ONE, TWO), THREE, None, Step.LOAD),
        # The number alone is not enough: it must be the same bytes.
        (Loaded(ONE, TWO), OTHER_BYTES, None, Step.LOAD),
        (Loaded(TWO), OTHER_BYTES, None, Step.LOAD),
        (Loaded(ONE), TWO, Refusal(TWO, 100.0, 1.0), Step.WAIT),
        (Loaded(ONE), TWO, Refusal(TWO, 99.0, 1.0), Step.LOAD),
        (Loaded(ONE), TWO, Refusal(OTHER_BYTES, 100.0, 60.0), Step.LOAD),
        (Loaded(ONE), THREE, Refusal(TWO, 100.0, 60.0), Step.LOAD),
        (Loaded(ONE), ONE, Refusal(TWO, 100.0, 60.0), Step.KEEP),
        (Loaded(ONE, TWO), TWO, Refusal(TWO, 100.0, 60.0), Step.SWAP),
    ],
)
def test_what_follows_from_what_is_live(
    loaded: Loaded, live: Mark | None, refusal: Refusal | None, step: Step
) -> None:
    assert next_step(loaded, live, refusal, 100.0) is step


def test_the_pause_doubles_up_to_a_minute_and_begins_anew_for_another_version() -> None:
    pauses, before = [], None
    for _ in range(9):
        before = refused(TWO, before, 5.0)
        pauses.append(before.pause_seconds)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert refused(THREE, before, 5.0) == Refusal(THREE, 5.0, FIRST_PAUSE_SECONDS)
    assert refused_at_start(TWO, 5.0) == Refusal(TWO, 5.0, LONGEST_PAUSE_SECONDS)


@dataclass
class World:
    """What the rule decides about, moved by its steps."""

    broken: frozenset[Mark]
    loaded: Loaded
    refusal: Refusal | None = None
    tries: list[tuple[Mark, float]] = field(default_factory=list)

    def move(self, live: Mark | None, now: float) -> Step:
        step = next_step(self.loaded, live, self.refusal, now)
        if step is Step.SWAP:
            assert self.loaded.kept
            self.loaded = Loaded(self.loaded.kept, self.loaded.served)
        if step is Step.LOAD:
            assert live
            self.tries.append((live, now))
            if live in self.broken:
                self.refusal = refused(live, self.refusal, now)
            else:
                self.loaded = Loaded(self.loaded.served, live)
        return step


LIVE = st.one_of(st.none(), st.sampled_from(MARKS))


@given(st.frozensets(st.sampled_from(MARKS[1:])), st.lists(LIVE, max_size=30))
def test_what_answers_is_what_was_live_last_and_could_be_loaded(
    broken: frozenset[Mark], lives: list[Mark | None]
) -> None:
    world, expected = World(broken, Loaded(ONE)), ONE
    for now, live in enumerate(lives):
        # A load and a swap: no more is needed.
        for _ in range(2):
            world.move(live, float(now))
        if live is not None and live not in broken:
            expected = live
        assert world.loaded.served == expected
        assert world.loaded.served not in broken
        assert world.loaded.kept != world.loaded.served
        assert world.move(live, float(now)) in {Step.KEEP, Step.WAIT}


@given(st.lists(st.floats(0.1, 5.0), min_size=1, max_size=400))
def test_what_can_not_be_loaded_is_tried_seldom_and_for_ever(pauses: list[float]) -> None:
    world, now = World(frozenset([TWO]), Loaded(ONE)), 0.0
    for pause in pauses:
        assert world.move(TWO, now) in {Step.LOAD, Step.WAIT}
        now += pause
    times = [at for _, at in world.tries]
    gaps = [after - before for before, after in pairwise(times)]
    wanted = [min(FIRST_PAUSE_SECONDS * 2**n, LONGEST_PAUSE_SECONDS) for n in range(len(gaps))]
    assert all(gap >= least for gap, least in zip(gaps, wanted, strict=True))
    assert all(gap <= least + max(pauses) for gap, least in zip(gaps, wanted, strict=True))
    assert world.loaded == Loaded(ONE)
