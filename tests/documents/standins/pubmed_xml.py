"""Papers as PubMed's XML, in the varieties that PubMed has."""

from collections.abc import Sequence
from html import escape

from tests.documents.standins.papers import KnownPaper

_HEAD = """<?xml version="1.0" ?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN"\
 "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">
<PubmedArticleSet>
"""
_PARTS = ("BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS")


def article_set(papers: Sequence[KnownPaper]) -> bytes:
    """What `efetch` answers with `retmode=xml`."""
    return (_HEAD + "".join(map(_article, papers)) + "</PubmedArticleSet>").encode()


def _article(paper: KnownPaper) -> str:
    day = paper.published
    return f"""<PubmedArticle>
<MedlineCitation Status="MEDLINE" Owner="NLM">
<PMID Version="1">{paper.pmid}</PMID>
<DateCompleted><Year>{day:%Y}</Year><Month>{day:%m}</Month><Day>{day:%d}</Day></DateCompleted>
<Article PubModel="Print-Electronic">
<Journal>
<ISSN IssnType="Electronic">1234-5678</ISSN>
<JournalIssue CitedMedium="Internet"><Volume>{1 + paper.number % 40}</Volume><Issue>2</Issue>
<PubDate>{_publication_date(paper)}</PubDate></JournalIssue>
<Title>Journal of stand-ins</Title>
<ISOAbbreviation>J Stand Ins</ISOAbbreviation>
</Journal>
<ArticleTitle>{_marked(paper.title, "i", paper.number % 5 == 0)}</ArticleTitle>
{_doi(paper, '<ELocationID EIdType="doi" ValidYN="Y">{}</ELocationID>')}
{_abstract(paper)}
{_authors(paper)}
<Language>eng</Language>
<PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType>
{'<PublicationType UI="D016454">Review</PublicationType>' if paper.number % 6 == 0 else ""}
</PublicationTypeList>
<ArticleDate DateType="Electronic"><Year>{day:%Y}</Year><Month>{day:%m}</Month>\
<Day>{day:%d}</Day></ArticleDate>
</Article>
<MedlineJournalInfo><Country>England</Country><MedlineTA>J Stand Ins</MedlineTA>\
</MedlineJournalInfo>
<MeshHeadingList>
{_mesh(paper)}
</MeshHeadingList>
</MedlineCitation>
<PubmedData>
<History><PubMedPubDate PubStatus="pubmed"><Year>{day.year}</Year><Month>{day.month}</Month>\
<Day>{day.day}</Day><Hour>6</Hour><Minute>0</Minute></PubMedPubDate></History>
<PublicationStatus>ppublish</PublicationStatus>
<ArticleIdList><ArticleId IdType="pubmed">{paper.pmid}</ArticleId>
{_doi(paper, '<ArticleId IdType="doi">{}</ArticleId>')}</ArticleIdList>
<ReferenceList><Reference><Citation>Another one.</Citation>\
<ArticleIdList><ArticleId IdType="pubmed">1</ArticleId>\
<ArticleId IdType="doi">10.5555/cited</ArticleId></ArticleIdList></Reference></ReferenceList>
</PubmedData>
</PubmedArticle>
"""


def _publication_date(paper: KnownPaper) -> str:
    day = paper.published
    return (
        f"<Year>{day:%Y}</Year><Month>{day:%b}</Month><Day>{day:%d}</Day>",
        f"<Year>{day:%Y}</Year><Month>{day:%m}</Month>",
        f"<MedlineDate>{day:%Y %b}-Dec</MedlineDate>",
        f"<Year>{day:%Y}</Year>",
    )[paper.number // 3 % 4]


def _doi(paper: KnownPaper, element: str) -> str:
    return element.format(escape(paper.doi)) if paper.doi else ""


def _marked(text: str, tag: str, wanted: bool) -> str:
    """Escaped, with a word in the middle marked if that is wanted."""
    words = [escape(word, quote=False) for word in text.split(" ")]
    if wanted:
        middle = len(words) // 2
        words[middle] = f"<{tag}>{words[middle]}</{tag}>"
    return " ".join(words)


def _abstract(paper: KnownPaper) -> str:
    """One paragraph, four with labels, or none at all."""
    if paper.number % 75 == 0:
        return ""
    if paper.number % 2:
        text = _marked(paper.abstract, "sup", paper.number % 3 == 0)
        return f"<Abstract><AbstractText>{text}</AbstractText></Abstract>"
    sentences = paper.abstract.split(". ")
    size = -(-len(sentences) // len(_PARTS))
    parts = [". ".join(sentences[at : at + size]) for at in range(0, len(sentences), size)]
    texts = "".join(
        f'<AbstractText Label="{label}" NlmCategory="{label}">{_marked(part, "b", True)}'
        "</AbstractText>\n"
        for label, part in zip(_PARTS, parts, strict=False)
    )
    return f"<Abstract>{texts}<CopyrightInformation>© Nobody</CopyrightInformation></Abstract>"


def _authors(paper: KnownPaper) -> str:
    people = "".join(
        f'<Author ValidYN="Y"><LastName>{escape(family)}</LastName>'
        f"<ForeName>{escape(given)}</ForeName><Initials>{given[:1]}</Initials>"
        "<AffiliationInfo><Affiliation>Somewhere.</Affiliation></AffiliationInfo></Author>\n"
        for given, family in paper.authors
    )
    if paper.number % 24 == 0:
        people += '<Author ValidYN="Y"><CollectiveName>The Consortium</CollectiveName></Author>'
    return f'<AuthorList CompleteYN="Y">{people}</AuthorList>'


def _mesh(paper: KnownPaper) -> str:
    return "\n".join(
        f'<MeshHeading><DescriptorName UI="D{number:06d}" MajorTopicYN="N">{escape(name)}'
        "</DescriptorName></MeshHeading>"
        for number, name in enumerate(("Humans", *paper.categories))
    )
