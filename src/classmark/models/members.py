"""The members of a composite: whole artifacts, each in a folder of its own inside another's.

::

    config.json  label_map.json  ...    the composite's own
    members/0_linear/                   an artifact of the linear family
    members/1_encoder/                  an artifact of the encoder family
"""

from collections.abc import Sequence
from pathlib import Path

from classmark.models.artifact import ArtifactConfig, damaged
from classmark.models.catalogue import load_classifier
from classmark.models.classifier import Classifier
from classmark.naming import is_name

MEMBERS = "members"


def member_folder(artifact: Path, place: int, family: str) -> Path:
    """Where a member lies in the artifact of its composite."""
    return artifact / MEMBERS / f"{place}_{family}"


def load_members(
    artifact: Path, families: Sequence[str], config: ArtifactConfig
) -> tuple[Classifier, ...]:
    """The classifiers of a composite's members, in their order.

    Raises:
        TamperedVersionError: One of them is damaged, or knows other classes.
    """
    # They become names of folders.
    if strange := [family for family in families if not is_name(family)]:
        raise damaged(artifact, f"{', '.join(map(repr, strange))} is no name of a member")
    folders = [member_folder(artifact, place, family) for place, family in enumerate(families)]
    members = tuple(map(load_classifier, folders))
    if any(member.labels != config.labels for member in members):
        raise damaged(artifact, "its labels and those of its members do not belong together")
    return members
