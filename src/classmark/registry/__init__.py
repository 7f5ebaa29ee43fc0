"""What we have: versions, which one is live, and how that came to be."""

from classmark.registry.card import model_card
from classmark.registry.gate import Status, check_promotion, check_rollback
from classmark.registry.integrity import MANIFEST, verify_manifest, write_manifest
from classmark.registry.records import Action, RegisteredVersion, VersionDraft, VersionEvent
from classmark.registry.store import Registry
from classmark.registry.version import (
    Bump,
    Lineage,
    ModelReference,
    Version,
    proposed_bump,
)

__all__ = [
    "MANIFEST",
    "Action",
    "Bump",
    "Lineage",
    "ModelReference",
    "RegisteredVersion",
    "Registry",
    "Status",
    "Version",
    "VersionDraft",
    "VersionEvent",
    "check_promotion",
    "check_rollback",
    "model_card",
    "proposed_bump",
    "verify_manifest",
    "write_manifest",
]
