"""What we have: versions, which one is live, and how that came to be."""

from classmark.registry.card import model_card
from classmark.registry.card_history import card_state
from classmark.registry.chain import live_at
from classmark.registry.data_disposal import DataKeeper, DataPlaces
from classmark.registry.data_retention import DataRemoval
from classmark.registry.falling_back import earlier_live
from classmark.registry.following import Follower, Lag, ModelState, Place, StoredVersion
from classmark.registry.gate import (
    Beside,
    Decision,
    Evidence,
    PromotionSettings,
    Status,
    Verdict,
    check_promotion,
    check_rollback,
    judged,
)
from classmark.registry.integrity import MANIFEST, verify_manifest, write_manifest
from classmark.registry.leftovers import Leftover
from classmark.registry.mlflow_mirror import MirrorSettings, MlflowMirror
from classmark.registry.objects import StorageSettings, storage_location
from classmark.registry.pointer import StoredProduction
from classmark.registry.pulling import Pulled
from classmark.registry.records import (
    Action,
    HistoryCheck,
    RegisteredVersion,
    VersionDraft,
    VersionEvent,
)
from classmark.registry.remote import VersionStorage
from classmark.registry.removals import RemovalRecord
from classmark.registry.retention import Disposal, RetentionSettings
from classmark.registry.signing import SignatureCheck, SigningKey, SigningSettings, Trust
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
    "Beside",
    "Bump",
    "DataKeeper",
    "DataPlaces",
    "DataRemoval",
    "Decision",
    "Disposal",
    "Evidence",
    "Follower",
    "HistoryCheck",
    "Lag",
    "Leftover",
    "Lineage",
    "MirrorSettings",
    "MlflowMirror",
    "ModelReference",
    "ModelState",
    "Place",
    "PromotionSettings",
    "Pulled",
    "RegisteredVersion",
    "Registry",
    "RemovalRecord",
    "RetentionSettings",
    "SignatureCheck",
    "SigningKey",
    "SigningSettings",
    "Status",
    "StorageSettings",
    "StoredProduction",
    "StoredVersion",
    "Trust",
    "Verdict",
    "Version",
    "VersionDraft",
    "VersionEvent",
    "VersionStorage",
    "card_state",
    "check_promotion",
    "check_rollback",
    "earlier_live",
    "judged",
    "live_at",
    "model_card",
    "proposed_bump",
    "storage_location",
    "verify_manifest",
    "write_manifest",
]
