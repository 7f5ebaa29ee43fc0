"""Who may go live: pure rules over what is known of a version."""

from enum import StrEnum

from classmark.errors import ConflictError, PromotionRefusedError
from classmark.registry.version import Version


class Status(StrEnum):
    """Where a version stands in its life."""

    TRAINING = "training"
    TESTING = "testing"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


def check_promotion(candidate: Version, status: Status, production: Version | None) -> None:
    """Let a version pass that may be promoted.

    Raises:
        PromotionRefusedError: It is live already, not finished, or not newer than production.
    """
    if status is Status.PRODUCTION:
        raise PromotionRefusedError(
            f"{candidate} is in production already.", remedy="There is nothing to do."
        )
    if status is Status.TRAINING:
        raise PromotionRefusedError(
            f"{candidate} is still in training.", remedy="Promote it when training has ended."
        )
    if production is not None and candidate < production:
        raise PromotionRefusedError(
            f"{candidate} is older than {production}, which is in production.",
            remedy="To go back on purpose, use: classmark rollback MODEL --to VERSION",
        )


def check_rollback(target: Version, status: Status, production: Version | None) -> None:
    """Let a version pass that may be rolled back to.

    Raises:
        PromotionRefusedError: It is live, was never finished, or is newer than production.
    """
    if production is None:
        raise PromotionRefusedError(
            "Nothing is in production, so there is nothing to roll back from.",
            remedy="Promote a version: classmark promote MODEL@VERSION",
        )
    if status in {Status.PRODUCTION, Status.TRAINING}:
        raise PromotionRefusedError(
            f"{target} is {status.value}; production can't roll back to it.",
            remedy="Name a version that was live before: classmark history MODEL",
        )
    if target > production:
        raise PromotionRefusedError(
            f"{target} is newer than {production}, which is in production.",
            remedy="To go forward, use: classmark promote MODEL@VERSION",
        )


def check_archiving(version: Version, status: Status) -> None:
    """Let a version pass that may be archived.

    Raises:
        ConflictError: It is live, in training, or archived already.
    """
    if status is Status.ARCHIVED:
        raise ConflictError(f"{version} is archived already.", remedy="There is nothing to do.")
    check_deletion(version, status)


def check_deletion(version: Version, status: Status) -> None:
    """Let a version pass that may be deleted.

    Raises:
        ConflictError: It is live or in training.
    """
    if status is Status.PRODUCTION:
        raise ConflictError(
            f"{version} is in production.",
            remedy="Put another one live first: classmark promote or classmark rollback",
        )
    if status is Status.TRAINING:
        raise ConflictError(
            f"{version} is still in training.", remedy="Wait until the training has ended."
        )
