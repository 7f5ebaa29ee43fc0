"""Closing the ring."""

from classmark.retraining.cycle import NewVersion, VersionRequest, train_version
from classmark.retraining.lineage import (
    DocumentTrace,
    Holding,
    Link,
    Role,
    SnapshotTrace,
    SourceTrace,
    Use,
    learned_before,
    trace_document,
    trace_version,
)
from classmark.retraining.promotion import Gatekeeper, Judgement
from classmark.retraining.table_cycle import NewTableVersion, train_table_version
from classmark.retraining.table_lineage import learned_rows, trace_table_version
from classmark.retraining.tuned import register_best

__all__ = [
    "DocumentTrace",
    "Gatekeeper",
    "Holding",
    "Judgement",
    "Link",
    "NewTableVersion",
    "NewVersion",
    "Role",
    "SnapshotTrace",
    "SourceTrace",
    "Use",
    "VersionRequest",
    "learned_before",
    "learned_rows",
    "register_best",
    "trace_document",
    "trace_table_version",
    "trace_version",
    "train_table_version",
    "train_version",
]
