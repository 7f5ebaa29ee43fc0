"""Semantic Scholar's bulk search as it answers.

See https://api.semanticscholar.org/api-docs/graph.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from tests.documents.standins.answer import Answer, Parameters, Twist
from tests.documents.standins.papers import KnownPaper

MOST_OF_A_PAGE = 1_000
_FIELDS = {
    *("paperId", "corpusId", "externalIds", "url", "title", "abstract", "venue", "year"),
    *("publicationVenue", "referenceCount", "citationCount", "influentialCitationCount"),
    *("isOpenAccess", "openAccessPdf", "fieldsOfStudy", "s2FieldsOfStudy", "publicationTypes"),
    *("publicationDate", "journal", "authors"),
}


class BulkSearch:
    """Answers searches among papers, a thousand at a time."""

    def __init__(self, papers: Sequence[KnownPaper]) -> None:
        self._papers = sorted(
            (paper for paper in papers if paper.paper_id), key=lambda paper: paper.paper_id or ""
        )

    def query(self, parameters: Parameters, twist: Twist) -> Answer:
        """What `/graph/v1/paper/search/bulk` answers."""
        wrong = _mistake(parameters)
        if wrong:
            return _json({"error": wrong}, 400)
        found = [paper for paper in self._papers if _meets(paper, parameters)]
        start = _start(parameters.get("token", ""))
        if start is None:
            return _json({"error": "Invalid continuation token"}, 400)
        end = start + MOST_OF_A_PAGE
        fields = set(parameters.get("fields", "title").split(",")) | {"paperId"}
        page = [] if twist.empty else found[start:end]
        # The token of an empty page leads to the same place again.
        following = start if twist.empty else end
        token = f"PCOFYAQM{following:012X}" if following < len(found) else None
        records = [{key: it for key, it in _record(p).items() if key in fields} for p in page]
        return _json({"total": len(found) + twist.more, "token": token, "data": records})


def _mistake(parameters: Parameters) -> str | None:
    unknown = set(parameters.get("fields", "title").split(",")) - _FIELDS
    if unknown:
        return f"Unrecognized or unsupported fields: [{', '.join(sorted(unknown))}]"
    if not parameters.get("query"):
        return "Missing required parameter: query"
    if "year" in parameters and not re.fullmatch(r"(\d{4})?-?(\d{4})?", parameters["year"]):
        return "Invalid year"
    return None


def _start(token: str) -> int | None:
    if not token:
        return 0
    return int(token[8:], 16) if re.fullmatch(r"PCOFYAQM[0-9A-F]{12}", token) else None


def _meets(paper: KnownPaper, parameters: Parameters) -> bool:
    return _says(paper, parameters["query"]) and _is_of(paper, parameters)


def _says(paper: KnownPaper, query: str) -> bool:
    """Whether a paper has all words of one of the ways that `|` separates."""
    return any(
        all((word.lstrip("-+") in paper.words) != word.startswith("-") for word in _words(way))
        for way in query.lower().split("|")
    )


def _words(way: str) -> list[str]:
    return [quoted or word for quoted, word in re.findall(r'"([^"]*)"|([^\s()"]+)', way)]


def _is_of(paper: KnownPaper, parameters: Parameters) -> bool:
    years = parameters.get("year")
    if years:
        first, dash, last = years.partition("-")
        last = last if dash else first
        return (first or "0000") <= f"{paper.published:%Y}" <= (last or "9999")
    days = parameters.get("publicationDateOrYear", ":")
    first, colon, last = days.partition(":")
    last = last if colon else first
    return (first or "0") <= f"{paper.published:%Y-%m-%d}" <= ((last or "9") + "~")


def _record(paper: KnownPaper) -> dict[str, Any]:
    external = {
        "DOI": paper.doi.upper() if paper.doi else None,
        "ArXiv": paper.arxiv_id,
        "PubMed": paper.pmid,
        "CorpusId": 200_000_000 + paper.number,
    }
    return {
        "paperId": paper.paper_id,
        "externalIds": {name: value for name, value in external.items() if value},
        "title": paper.title,
        "abstract": None if paper.number % 18 == 0 else paper.abstract,
        "venue": "" if paper.journal is None else "Journal of Stand-ins",
        "year": paper.published.year,
        "publicationDate": f"{paper.published:%Y-%m-%d}" if paper.number % 14 else None,
        "citationCount": paper.number % 500,
        "isOpenAccess": paper.arxiv_id is not None,
        "openAccessPdf": _pdf(paper),
        "fieldsOfStudy": ["Computer Science", "Mathematics"] if paper.number % 8 else None,
        "authors": [
            {"authorId": str(1_000 + (paper.number + nth) % 97), "name": f"{given} {family}"}
            for nth, (given, family) in enumerate(paper.authors)
        ],
    }


def _pdf(paper: KnownPaper) -> dict[str, str] | None:
    if paper.arxiv_id is None:
        return None
    return {"url": f"https://arxiv.org/pdf/{paper.arxiv_id}", "status": "GREEN"}


def _json(value: dict[str, Any], status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json", status)
