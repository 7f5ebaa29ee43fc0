"""A paper as a scholarly service describes it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from classmark.documents.redaction import redact

_ALWAYS = {"source", "source_id", "title", "abstract", "primary_category"}


@dataclass(frozen=True, slots=True)
class Paper:
    """What one or several services say of one paper.

    Attributes:
        source: The service, or several, joined by "+".
        source_id: The service's own id of it.
        title: On one line.
        abstract: Empty where the service has none.
        authors: In their order, as the service spells them.
        categories: arXiv categories, MeSH headings or fields of study.
        primary_category: The one that counts as label; empty where there is none.
        published: ISO 8601, as exact as the service knows it; empty where unknown.
        updated: ISO 8601; empty where unknown.
        arxiv_id: Without version; empty where unknown, as the ids below.
        version: Of arXiv; 0 elsewhere.
        doi: In lower case, without address.
        pmid: Of PubMed.
        pdf_url: Address of a PDF.
        comment: Of the authors.
        journal_reference: Journal, volume, pages, as the service spells them.
        citation_count: None where the service does not count.
        ids: All DOIs, arXiv ids and PMIDs of a paper merged from several, as `doi:10.1000/182`.
    """

    source: str
    source_id: str
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    primary_category: str = ""
    published: str = ""
    updated: str = ""
    arxiv_id: str = ""
    version: int = 0
    doi: str = ""
    pmid: str = ""
    pdf_url: str = ""
    comment: str = ""
    journal_reference: str = ""
    citation_count: int | None = None
    ids: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """The paper as a JSON object; what is unknown is left out, what `prepare` reads is not."""
        values = asdict(self)
        return {
            name: value
            for name, value in values.items()
            if name in _ALWAYS or value not in ("", (), None)
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Paper":
        """The paper that `as_record` described."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in record.items() if name in known}
        for name in ("authors", "categories", "ids"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    def redacted(self) -> "Paper":
        """The paper with e-mail addresses, phone numbers and URLs with a query replaced."""
        return replace(
            self,
            title=redact(self.title),
            abstract=redact(self.abstract),
            authors=tuple(redact(author) for author in self.authors),
            comment=redact(self.comment),
            journal_reference=redact(self.journal_reference),
            pdf_url=redact(self.pdf_url),
        )


def on_one_line(text: str | None) -> str:
    """The text with every run of white space made one space."""
    return " ".join((text or "").split())
