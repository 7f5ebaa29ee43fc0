"""The articles of a PubMed answer."""

import re
from xml.etree.ElementTree import Element

from classmark.documents.collecting.markup import text_of
from classmark.documents.collecting.paper import Paper
from classmark.documents.identifiers import bare_id

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def read_articles(root: Element) -> tuple[Paper, ...]:
    """The papers of a PubmedArticleSet that have a PMID and a title; books are left out."""
    papers = (_paper(article) for article in root.iter("PubmedArticle"))
    return tuple(paper for paper in papers if paper.pmid and paper.title)


def _paper(article: Element) -> Paper:
    pmid = text_of(article.find("MedlineCitation/PMID"))
    inner = article.find("MedlineCitation/Article")
    inner = Element("Article") if inner is None else inner
    headings = tuple(
        text_of(name) for name in article.iterfind(".//MeshHeadingList/MeshHeading/DescriptorName")
    )
    return Paper(
        source="pubmed",
        source_id=pmid,
        title=text_of(inner.find("ArticleTitle")),
        abstract=_abstract(inner),
        authors=tuple(filter(None, map(_author, inner.iterfind("AuthorList/Author")))),
        categories=headings,
        primary_category=_major_heading(article) or (headings[0] if headings else ""),
        published=_published(article, inner),
        updated=_date(article.find("MedlineCitation/DateRevised")),
        doi=bare_id("doi", _article_id(article, inner, "doi")),
        pmid=pmid,
        journal_reference=_journal(inner),
    )


def _abstract(article: Element) -> str:
    """The sections of an abstract, each behind its label."""
    sections = []
    for section in article.iterfind("Abstract/AbstractText"):
        label, text = section.get("Label", ""), text_of(section)
        sections.append(f"{label.capitalize()}: {text}" if label and text else text)
    return " ".join(filter(None, sections))


def _author(author: Element) -> str:
    collective = text_of(author.find("CollectiveName"))
    given = text_of(author.find("ForeName")) or text_of(author.find("Initials"))
    return collective or f"{given} {text_of(author.find('LastName'))}".strip()


def _major_heading(article: Element) -> str:
    """The first subject that PubMed's indexers call the article's main one."""
    for heading in article.iterfind(".//MeshHeadingList/MeshHeading"):
        if any(part.get("MajorTopicYN") == "Y" for part in heading):
            return text_of(heading.find("DescriptorName"))
    return ""


def _article_id(article: Element, inner: Element, kind: str) -> str:
    for found in article.iterfind("PubmedData/ArticleIdList/ArticleId"):
        if found.get("IdType") == kind:
            return text_of(found)
    for found in inner.iterfind("ELocationID"):
        if found.get("EIdType") == kind:
            return text_of(found)
    return ""


def _published(article: Element, inner: Element) -> str:
    """The day of the electronic article, else that of the issue, as exact as it is known."""
    issue = inner.find("Journal/JournalIssue/PubDate")
    medline = "" if issue is None else text_of(issue.find("MedlineDate"))
    year = re.search(r"\d{4}", medline)
    entered = article.find("MedlineCitation/DateCompleted")
    return (
        _date(inner.find("ArticleDate"))
        or _date(issue)
        or (year[0] if year else "")
        or _date(entered)
    )


def _date(element: Element | None) -> str:
    if element is None or not (year := text_of(element.find("Year"))):
        return ""
    month = text_of(element.find("Month"))[:3].lower()
    if month in _MONTHS:
        month = f"{_MONTHS.index(month) + 1}"
    if not month.isdecimal():
        return year
    day = text_of(element.find("Day"))
    return f"{year}-{month:0>2}-{day:0>2}" if day else f"{year}-{month:0>2}"


def _journal(article: Element) -> str:
    """Journal, volume, issue and pages."""
    issue = article.find("Journal/JournalIssue")
    issue = Element("JournalIssue") if issue is None else issue
    number = text_of(issue.find("Issue"))
    places = [
        text_of(article.find("Journal/Title")),
        text_of(issue.find("Volume")) + (f" ({number})" if number else ""),
        text_of(article.find("Pagination/MedlinePgn")),
    ]
    return ", ".join(place for place in places if place.strip())
