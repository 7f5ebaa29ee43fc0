"""What was written: documents, how they are read, cleaned and judged."""

from classmark.documents.cleaning import (
    DEFAULT_STEPS,
    REDACTION,
    CleaningStep,
    clean,
    steps_named,
)
from classmark.documents.collecting import (
    DEFAULT_CATEGORIES,
    SOURCES,
    CollectingSettings,
    Collector,
    Harvest,
    HarvestFiles,
    HarvestStore,
    HeldHarvest,
    Query,
    Source,
)
from classmark.documents.disjoint_sets import DisjointSets
from classmark.documents.document import Document, content_id
from classmark.documents.duplicates import ExactDuplicates, Repeat
from classmark.documents.files import Fields, read_columns, read_documents
from classmark.documents.language import english_detector, language_detector
from classmark.documents.near_duplicates import (
    LEAST_SIMILARITY,
    STANDARD_ERROR,
    NearDuplicates,
)
from classmark.documents.quality import DropReason, QualityRules
from classmark.documents.reading.hub import HUB_PREFIX, is_hub_name
from classmark.documents.redaction import redact
from classmark.documents.samples import sample_documents

__all__ = [
    "DEFAULT_CATEGORIES",
    "DEFAULT_STEPS",
    "HUB_PREFIX",
    "LEAST_SIMILARITY",
    "REDACTION",
    "SOURCES",
    "STANDARD_ERROR",
    "CleaningStep",
    "CollectingSettings",
    "Collector",
    "DisjointSets",
    "Document",
    "DropReason",
    "ExactDuplicates",
    "Fields",
    "Harvest",
    "HarvestFiles",
    "HarvestStore",
    "HeldHarvest",
    "NearDuplicates",
    "QualityRules",
    "Query",
    "Repeat",
    "Source",
    "clean",
    "content_id",
    "english_detector",
    "is_hub_name",
    "language_detector",
    "read_columns",
    "read_documents",
    "redact",
    "sample_documents",
    "steps_named",
]
