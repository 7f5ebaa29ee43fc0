"""What we learn from: datasets, how they are prepared, split and kept."""

from classmark.datasets.dataset import PARTS, Dataset
from classmark.datasets.preparation import DocumentSource, PreparationRecipe, prepare
from classmark.datasets.splitting import checked_ratios, stratified_split
from classmark.datasets.store import DatasetStore

__all__ = [
    "PARTS",
    "Dataset",
    "DatasetStore",
    "DocumentSource",
    "PreparationRecipe",
    "checked_ratios",
    "prepare",
    "stratified_split",
]
