"""Papers out of scholarly services."""

from classmark.documents.collecting.arxiv import DEFAULT_CATEGORIES, Arxiv
from classmark.documents.collecting.harvest import Collector, HarvestFiles
from classmark.documents.collecting.pubmed import PubMed
from classmark.documents.collecting.semantic_scholar import SemanticScholar
from classmark.documents.collecting.settings import CollectingSettings
from classmark.documents.collecting.source import Query, Source
from classmark.documents.collecting.store import Harvest, HarvestStore, HeldHarvest

__all__ = [
    "DEFAULT_CATEGORIES",
    "SOURCES",
    "Arxiv",
    "CollectingSettings",
    "Collector",
    "Harvest",
    "HarvestFiles",
    "HarvestStore",
    "HeldHarvest",
    "PubMed",
    "Query",
    "SemanticScholar",
    "Source",
]

SOURCES: dict[str, type[Arxiv | PubMed | SemanticScholar]] = {
    source.name: source for source in (Arxiv, PubMed, SemanticScholar)
}
