"""PubMed's E-utilities with their history server, as they answer.

See https://www.ncbi.nlm.nih.gov/books/NBK25499/.
"""

import json
import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from tests.documents.standins.answer import WRONG_KEY, Answer, Parameters, Twist
from tests.documents.standins.papers import KnownPaper
from tests.documents.standins.pubmed_xml import article_set

# PubMed gives the first 9,999 records of a search and no others.
FURTHEST_RECORD = 9_998
_TOO_FAR = (
    "Search Backend failed: Exception:\n'retstart' cannot be larger than 9998. For PubMed, ESearch"
    " can only retrieve the first 9,999 records matching the query."
)
_DATE = re.compile(r"\d{4}(/\d{1,2}(/\d{1,2})?)?")
_TERM = re.compile(r'(?:"([^"]*)"|([^\s()"\[\]]+))(?:\[([^\]]*)\])?')


class Entrez:
    """Answers searches among papers, and fetches what they found."""

    def __init__(self, papers: Sequence[KnownPaper]) -> None:
        # The newest first, as PubMed has it.
        self._papers = sorted(
            (paper for paper in papers if paper.pmid), key=lambda paper: -int(paper.pmid or 0)
        )
        self._history: dict[str, list[KnownPaper]] = {}

    def forget(self) -> None:
        """Let every WebEnv be expired."""
        self._history.clear()

    def esearch(self, parameters: Parameters, twist: Twist) -> Answer:
        """What `esearch.fcgi` answers."""
        if parameters.get("api_key") == WRONG_KEY:
            return _wrong_key()
        as_json = parameters.get("retmode", "xml") == "json"
        start, size = int(parameters.get("retstart", 0)), int(parameters.get("retmax", 20))
        wrong = _mistake(parameters) or (_TOO_FAR if start > FURTHEST_RECORD else None)
        if wrong:
            return _refused(wrong, as_json=as_json)
        found = [paper for paper in self._papers if _meets(paper, parameters)]
        environment = ""
        if parameters.get("usehistory") == "y":
            environment = f"MCID_{uuid.uuid4().hex}"
            self._history[environment] = found
        page = found[start : min(start + size, FURTHEST_RECORD + 1)]
        ids = [] if twist.empty else [paper.pmid or "" for paper in page]
        figures = {"count": len(found) + twist.more, "retmax": len(ids), "retstart": start}
        history = {"querykey": "1", "webenv": environment} if environment else {}
        written = _as_json if as_json else _as_xml
        return written({name: str(value) for name, value in (figures | history).items()}, ids)

    def efetch(self, parameters: Parameters, twist: Twist) -> Answer:
        """What `efetch.fcgi` answers."""
        if parameters.get("api_key") == WRONG_KEY:
            return _wrong_key()
        start, size = int(parameters.get("retstart", 0)), int(parameters.get("retmax", 20))
        found = self._named(parameters)
        if found is None:
            return _unfetched(f"Unable to obtain query #{parameters.get('query_key', '')}", 400)
        if start > FURTHEST_RECORD:
            return _unfetched(_TOO_FAR, 400)
        if start >= len(found) > 0:
            return _unfetched("Empty result - nothing to do", 400)
        page = [] if twist.empty else found[start : min(start + size, FURTHEST_RECORD + 1)]
        return Answer(article_set(page), "text/xml; charset=UTF-8")

    def _named(self, parameters: Parameters) -> list[KnownPaper] | None:
        if "WebEnv" in parameters:
            known = self._history.get(parameters["WebEnv"])
            return known if parameters.get("query_key") == "1" else None
        ids = parameters.get("id", "").split(",")
        return [paper for paper in self._papers if paper.pmid in ids]


def _mistake(parameters: Parameters) -> str | None:
    if not parameters.get("term", "").strip():
        return "Empty term and query_key - nothing todo"
    if parameters.get("db", "pubmed") != "pubmed":
        return f"Invalid db name specified: {parameters['db']}"
    dates = [parameters[name] for name in ("mindate", "maxdate") if name in parameters]
    # Both or neither, as PubMed wants it.
    if len(dates) == 1 or not all(_DATE.fullmatch(date) for date in dates):
        return f"Invalid date range: {', '.join(dates)}"
    return None


def _meets(paper: KnownPaper, parameters: Parameters) -> bool:
    return _is_of(paper.published, parameters) and any(
        all(_says(paper, *term) for term in _TERM.findall(re.sub(r"\bAND\b", " ", way)))
        for way in re.split(r"\bOR\b", parameters["term"])
    )


def _is_of(published: datetime, parameters: Parameters) -> bool:
    if "mindate" not in parameters:
        return True
    day = (published.year, published.month, published.day)
    first = tuple(map(int, parameters["mindate"].split("/")))
    last = tuple(map(int, parameters["maxdate"].split("/")))
    return first <= day and day[: len(last)] <= last


def _says(paper: KnownPaper, quoted: str, word: str, field: str) -> bool:
    sought = (quoted or word).lower()
    if field.lower() in {"dp", "pdat", "date - publication"}:
        first, _, last = sought.partition(":")
        return _is_of(paper.published, {"mindate": first, "maxdate": last or first})
    if field.lower() in {"mh", "mesh", "mesh terms"}:
        return any(sought == name.lower() for name in paper.categories)
    return sought in paper.words


def _as_json(figures: dict[str, str], ids: list[str]) -> Answer:
    result = figures | {"idlist": ids, "translationset": [], "querytranslation": ""}
    header = {"type": "esearch", "version": "0.3"}
    body = json.dumps({"header": header, "esearchresult": result})
    return Answer(body.encode(), "application/json; charset=UTF-8")


def _as_xml(figures: dict[str, str], ids: list[str]) -> Answer:
    names = {"count": "Count", "retmax": "RetMax", "retstart": "RetStart"}
    names |= {"querykey": "QueryKey", "webenv": "WebEnv"}
    told = "".join(f"<{names[it]}>{value}</{names[it]}>" for it, value in figures.items())
    listed = "\n".join(f"<Id>{one}</Id>" for one in ids)
    body = f"""<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE eSearchResult PUBLIC "-//NLM//DTD esearch 20060628//EN"\
 "https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20060628/esearch.dtd">
<eSearchResult>{told}<IdList>
{listed}
</IdList><TranslationSet/><QueryTranslation></QueryTranslation></eSearchResult>
"""
    return Answer(body.encode(), "text/xml; charset=UTF-8")


def _refused(reason: str, *, as_json: bool) -> Answer:
    """E-utilities' way to refuse a search: an answer like any other, with the error in it."""
    if as_json:
        header = {"type": "esearch", "version": "0.3"}
        body = json.dumps({"header": header, "esearchresult": {"ERROR": reason}})
        return Answer(body.encode(), "application/json; charset=UTF-8")
    body = f'<?xml version="1.0" ?><eSearchResult><ERROR>{reason}</ERROR></eSearchResult>'
    return Answer(body.encode(), "text/xml; charset=UTF-8")


def _wrong_key() -> Answer:
    """NCBI repeats the key that it does not know."""
    told = {"error": "API key invalid", "api-key": WRONG_KEY, "type": "wrong format"}
    return Answer(json.dumps(told).encode(), "application/json", 400)


def _unfetched(reason: str, status: int) -> Answer:
    body = f"""<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE eEfetchResult PUBLIC "-//NLM//DTD efetch 20131226//EN"\
 "https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20131226/efetch.dtd">
<eFetchResult>
\t<ERROR>{reason}</ERROR>
</eFetchResult>
"""
    return Answer(body.encode(), "text/xml; charset=UTF-8", status)
