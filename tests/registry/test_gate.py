"""Who may go live."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.errors import PromotionRefusedError
from classmark.registry import Status, Version, check_promotion, check_rollback

VERSIONS = st.builds(Version, *[st.integers(0, 3)] * 3)
STATUSES = st.sampled_from(Status)
WAITING = st.sampled_from([Status.TESTING, Status.STAGING, Status.ARCHIVED])
OLD, NEW = Version(1, 0, 0), Version(1, 1, 0)


def may_be_promoted(candidate: Version, status: Status, production: Version | None) -> bool:
    try:
        check_promotion(candidate, status, production)
    except PromotionRefusedError:
        return False
    return True


def may_be_rolled_back_to(target: Version, status: Status, production: Version | None) -> bool:
    try:
        check_rollback(target, status, production)
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
        check_promotion(OLD, Status.ARCHIVED, NEW)
    assert "classmark rollback" in told.value.remedy
    with pytest.raises(PromotionRefusedError, match=r"v1\.1\.0 is newer than v1\.0\.0") as told:
        check_rollback(NEW, Status.TESTING, OLD)
    assert "classmark promote" in told.value.remedy
