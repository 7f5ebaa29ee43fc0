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

__all__ = [
    "DocumentTrace",
    "Holding",
    "Link",
    "NewVersion",
    "Role",
    "SnapshotTrace",
    "SourceTrace",
    "Use",
    "VersionRequest",
    "learned_before",
    "trace_document",
    "trace_version",
    "train_version",
]
