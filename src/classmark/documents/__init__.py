"""What was written: documents, how they are read, cleaned and judged."""

from classmark.documents.cleaning import DEFAULT_STEPS, CleaningStep, clean, steps_named
from classmark.documents.document import Document, content_id
from classmark.documents.duplicates import ExactDuplicates
from classmark.documents.files import Fields, read_documents
from classmark.documents.language import english_detector
from classmark.documents.quality import DropReason, QualityRules
from classmark.documents.samples import sample_documents

__all__ = [
    "DEFAULT_STEPS",
    "CleaningStep",
    "Document",
    "DropReason",
    "ExactDuplicates",
    "Fields",
    "QualityRules",
    "clean",
    "content_id",
    "english_detector",
    "read_documents",
    "sample_documents",
    "steps_named",
]
