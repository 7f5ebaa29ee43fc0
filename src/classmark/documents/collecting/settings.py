"""What can be set of collecting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CollectingSettings:
    """Where papers come from, and how patiently they are asked for.

    Attributes:
        arxiv_url: Of the arXiv API.
        pubmed_url: Of NCBI's E-utilities.
        semantic_scholar_url: Of the Semantic Scholar graph API.
        seconds_between_requests: To one source; 0 takes the source's own rule. The official hosts
            are never asked faster than their rule.
        timeout_seconds: For the first try; each further one waits twice as long.
        backoff_seconds: Before the second try; it doubles, with jitter.
        ncbi_key: API key of NCBI, which allows 10 requests a second instead of 3.
        semantic_scholar_key: API key of Semantic Scholar.
        email: Told to NCBI, which asks for it, and to nobody else.
    """

    arxiv_url: str = "https://export.arxiv.org/api/query"
    pubmed_url: str = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    semantic_scholar_url: str = "https://api.semanticscholar.org/graph/v1"
    seconds_between_requests: float = 0.0
    timeout_seconds: float = 30.0
    backoff_seconds: float = 2.0
    ncbi_key: str = ""
    semantic_scholar_key: str = ""
    email: str = ""
