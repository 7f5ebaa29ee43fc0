"""What we learn from: datasets, how they are prepared, split and kept."""

from classmark.datasets.dataset import PARTS, Conflict, Dataset, labels_of
from classmark.datasets.held import HeldSnapshot
from classmark.datasets.origin import origin_of
from classmark.datasets.preparation import DocumentSource, PreparationRecipe, prepare
from classmark.datasets.profiling.counting import Sampling, profile_dataset, profile_documents
from classmark.datasets.profiling.languages import language_counter
from classmark.datasets.profiling.page import check_profile_folder, write_profile
from classmark.datasets.profiling.profile import Profile, Subject
from classmark.datasets.splitting import Ratios, Split, checked_ratios, split
from classmark.datasets.store import DatasetStore
from classmark.datasets.tables.cells import DateOrder, Decimal
from classmark.datasets.tables.columns import Column, Conventions, Kind
from classmark.datasets.tables.features import FeaturePipeline
from classmark.datasets.tables.frames import typed
from classmark.datasets.tables.preparation import TableSource, prepare_table
from classmark.datasets.tables.reading import MISSING_WORDS, read_table
from classmark.datasets.tables.recipe import Importance, Outliers, Selection, TableRecipe, Task
from classmark.datasets.tables.store import TableStore
from classmark.datasets.tables.table import Features, PreparedTable, TableDataset

__all__ = [
    "MISSING_WORDS",
    "PARTS",
    "Column",
    "Conflict",
    "Conventions",
    "Dataset",
    "DatasetStore",
    "DateOrder",
    "Decimal",
    "DocumentSource",
    "FeaturePipeline",
    "Features",
    "HeldSnapshot",
    "Importance",
    "Kind",
    "Outliers",
    "PreparationRecipe",
    "PreparedTable",
    "Profile",
    "Ratios",
    "Sampling",
    "Selection",
    "Split",
    "Subject",
    "TableDataset",
    "TableRecipe",
    "TableSource",
    "TableStore",
    "Task",
    "check_profile_folder",
    "checked_ratios",
    "labels_of",
    "language_counter",
    "origin_of",
    "prepare",
    "prepare_table",
    "profile_dataset",
    "profile_documents",
    "read_table",
    "split",
    "typed",
    "write_profile",
]
