"""Who may go live."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.errors import PromotionRefusedError
from classmark.registry import (
    Decision,
    Evidence,
    PromotionSettings,
    Status,
    Version,
    check_promotion,
    check_rollback,
    judged,
)

VERSIONS = st.builds(Version, *[st.integers(0, 3)] * 3)
STATUSES = st.sampled_from(Status)
WAITING = st.sampled_from([Status.TESTING, Status.STAGING, Status.ARCHIVED])
OLD, NEW = Version(1, 0, 0), Version(1, 1, 0)


def may_be_promoted(candidate: Version, status: Status, production: Version | None) -> bool:
    try:
        check_promotion("shelves", candidate, status, production)
    except PromotionRefusedError:
        return False
    return True


def may_be_rolled_back_to(target: Version, status: Status, production: Version | None) -> bool:
    try:
        check_rollback("shelves", target, status, production)
    except PromotionRefusedError:
        return False
    return True


@given(VERSIONS, WAITING)
def test_the_first_version_may_go_live(candidate: Version, status: Status) -> None:
    assert may_be_promoted(candidate, status, None)


@given(VERSIONS, WAITING, VERSIONS)
def test_no_older_version_is_promoted(
    candidate: Version, status: Status, production: Version
) -> None:
    assert may_be_promoted(candidate, status, production) == (candidate >= production)


@given(VERSIONS, st.none() | VERSIONS)
def test_what_is_live_or_unfinished_is_not_promoted(
    candidate: Version, production: Version | None
) -> None:
    assert not may_be_promoted(candidate, Status.PRODUCTION, production)
    assert not may_be_promoted(candidate, Status.TRAINING, production)


@given(VERSIONS, STATUSES)
def test_without_production_there_is_nothing_to_roll_back_from(
    target: Version, status: Status
) -> None:
    assert not may_be_rolled_back_to(target, status, None)


@given(VERSIONS, WAITING, VERSIONS)
def test_no_newer_version_is_rolled_back_to(
    target: Version, status: Status, production: Version
) -> None:
    assert may_be_rolled_back_to(target, status, production) == (target <= production)


@given(VERSIONS, VERSIONS)
def test_what_is_live_or_unfinished_is_not_rolled_back_to(
    target: Version, production: Version
) -> None:
    assert not may_be_rolled_back_to(target, Status.PRODUCTION, production)
    assert not may_be_rolled_back_to(target, Status.TRAINING, production)


@given(VERSIONS, WAITING, VERSIONS)
def test_forward_is_promotion_and_back_is_rollback(
    version: Version, status: Status, production: Version
) -> None:
    if version != production:
        assert may_be_promoted(version, status, production) != may_be_rolled_back_to(
            version, status, production
        )


def test_a_refusal_names_both_versions_and_the_way_back() -> None:
    with pytest.raises(PromotionRefusedError, match=r"v1\.0\.0 is older than v1\.1\.0") as told:
        check_promotion("shelves", OLD, Status.ARCHIVED, NEW)
    assert told.value.remedy.endswith("classmark rollback shelves --to v1.0.0")
    with pytest.raises(PromotionRefusedError, match=r"v1\.1\.0 is newer than v1\.0\.0") as told:
        check_rollback("shelves", NEW, Status.TESTING, OLD)
    assert told.value.remedy.endswith("classmark promote shelves@v1.1.0")


@pytest.mark.parametrize("status", [Status.PRODUCTION, Status.TRAINING])
def test_who_can_t_be_gone_back_to_is_told_where_others_stand(status: Status) -> None:
    with pytest.raises(PromotionRefusedError) as told:
        check_rollback("shelves", OLD, status, NEW)
    assert told.value.remedy.endswith("classmark history shelves")


RULE = PromotionSettings(margin=0.01, class_margin=0.05)
SHARES = st.floats(-1, 1)


def evidence(
    gain: float, low: float, high: float, rows: int = 1000, losses: dict[str, float] | None = None
) -> Evidence:
    return Evidence("accuracy", rows, gain, low, high, tuple((losses or {}).items()))


@pytest.mark.parametrize(
    ("given", "decision", "reason"),
    [
        (
            evidence(0.03, 0.01, 0.05),
            Decision.PROMOTE,
            "better than production: accuracy +3.0 points (+1.0 to +5.0) on 1,000 rows",
        ),
        (
            evidence(0.001, -0.008, 0.01),
            Decision.PROMOTE,
            "not worse than production by 1 points or more: accuracy +0.1 points (-0.8 to +1.0)",
        ),
        # Shown to be a little worse, and shown to be within the margin.
        (evidence(-0.005, -0.009, -0.001), Decision.PROMOTE, "not worse than production by 1"),
        (evidence(-0.03, -0.05, -0.01), Decision.REJECT, "worse than production: accuracy -3.0"),
        (
            evidence(0.01, -0.03, 0.05),
            Decision.MORE_DATA,
            "not shown to lose less than 1 points: accuracy +1.0 points (-3.0 to +5.0)",
        ),
        (evidence(-0.02, -0.05, 0.01), Decision.MORE_DATA, "not shown to lose less than 1 points"),
        (evidence(0.5, 0.1, 0.9, rows=9), Decision.MORE_DATA, "9 rows are too few: 10 at least"),
        (
            evidence(0.03, 0.01, 0.05, losses={"cs.CL": 0.08, "cs.DB": 0.04}),
            Decision.REJECT,
            "cs.CL is found less often, by 8.0 points of recall",
        ),
        (evidence(0.03, 0.01, 0.05, losses={"cs.DB": 0.04}), Decision.PROMOTE, "better"),
    ],
)
def test_what_was_measured_decides(given: Evidence, decision: Decision, reason: str) -> None:
    found = judged([given], RULE)
    assert found.decision is decision
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith(reason)


NOTHING = float("nan")
ENDLESS = float("inf")


@pytest.mark.parametrize(
    "figures",
    [
        (NOTHING, NOTHING, NOTHING),
        (0.1, NOTHING, 0.2),
        (NOTHING, 0.1, 0.2),
        (0.2, 0.1, NOTHING),
        (ENDLESS, ENDLESS, ENDLESS),
        (-ENDLESS, -ENDLESS, -ENDLESS),
        (0.2, 0.1, ENDLESS),
    ],
)
def test_what_is_no_finite_number_shows_nothing(figures: tuple[float, float, float]) -> None:
    found = judged([evidence(*figures)], RULE)
    assert found.decision is Decision.MORE_DATA
    assert found.reasons == ("accuracy can't be measured: a figure of it is no finite number",)
    better = evidence(0.03, 0.01, 0.05)
    assert judged([better, evidence(*figures)], RULE).decision is Decision.MORE_DATA
    odd_class = evidence(0.03, 0.01, 0.05, losses={"cs.CL": NOTHING})
    assert judged([odd_class], RULE).decision is Decision.MORE_DATA


def test_a_margin_that_is_no_number_lets_nothing_pass() -> None:
    good = evidence(0.03, 0.01, 0.05)
    assert judged([good], PromotionSettings(margin=NOTHING)).decision is Decision.MORE_DATA
    losing = evidence(0.03, 0.01, 0.05, losses={"cs.CL": 0.5})
    strange = PromotionSettings(class_margin=NOTHING)
    assert judged([losing], strange).decision is Decision.REJECT


def test_of_numbers_more_rows_are_asked_before_one_goes_live() -> None:
    few, enough = (Evidence("error", n, 0.2, 0.1, 0.3, of_numbers=True) for n in (99, 100))
    found = judged([few], RULE)
    assert found.decision is Decision.MORE_DATA
    assert found.reasons == ("99 rows are too few: 100 at least",)
    assert judged([enough], RULE).decision is Decision.PROMOTE
    # Of what is shown to be worse no more need be seen.
    worse = Evidence("error", 10, -0.2, -0.3, -0.1, of_numbers=True)
    assert judged([worse], RULE).decision is Decision.REJECT


def test_how_many_rows_would_tell_is_guessed_where_they_can() -> None:
    (told,) = judged([evidence(0.01, -0.03, 0.05)], RULE).reasons
    assert told.endswith("on 1,000 rows; about 4,000 rows would tell, if it stays so")
    (told,) = judged([evidence(-0.02, -0.05, 0.01)], RULE).reasons
    assert told.endswith("on 1,000 rows")


def test_one_target_that_loses_is_enough_to_reject() -> None:
    better, worse = evidence(0.03, 0.01, 0.05), evidence(-0.03, -0.05, -0.01)
    doubtful = evidence(0.01, -0.03, 0.05)
    assert judged([better, doubtful, worse], RULE).decision is Decision.REJECT
    assert judged([better, doubtful], RULE).decision is Decision.MORE_DATA
    assert judged([better, better], RULE).decision is Decision.PROMOTE


@given(st.lists(SHARES, min_size=3, max_size=3), st.integers(0, 10**6), st.floats(0, 0.5))
def test_nothing_goes_live_that_may_have_lost_the_margin(
    shares: list[float], rows: int, margin: float
) -> None:
    low, gain, high = sorted(shares)
    found = judged([evidence(gain, low, high, rows)], PromotionSettings(margin))
    assert (found.decision is Decision.PROMOTE) == (low > -margin and rows >= 10)
    assert found.decision is not Decision.REJECT or high < 0
    assert all(found.reasons)


@given(st.lists(SHARES, min_size=3, max_size=3), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_margin_never_refuses_what_a_narrower_one_lets_pass(
    shares: list[float], one: float, other: float
) -> None:
    low, gain, high = sorted(shares)
    narrow, wide = sorted([one, other])
    if judged([evidence(gain, low, high)], PromotionSettings(narrow)).decision is Decision.PROMOTE:
        passed = judged([evidence(gain, low, high)], PromotionSettings(wide))
        assert passed.decision is Decision.PROMOTE
