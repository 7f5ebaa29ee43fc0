"""PubMed's articles in all their varieties."""

from xml.etree import ElementTree as ET

import pytest
from tests.documents.standins.papers import made_up_papers
from tests.documents.standins.pubmed_xml import article_set

from classmark.documents.collecting.paper import Paper
from classmark.documents.collecting.pubmed_articles import read_articles

PMID = "<PMID>1</PMID>"


def read(article: str, pmid: str = PMID, rest: str = "") -> tuple[Paper, ...]:
    return read_articles(
        ET.fromstring(  # noqa: S314 (our own)
            f"<PubmedArticleSet><PubmedArticle><MedlineCitation>{pmid}<Article>{article}</Article>"
            f"{rest}</MedlineCitation></PubmedArticle></PubmedArticleSet>"
        )
    )


def test_every_paper_of_an_answer_is_read() -> None:
    known = [paper for paper in made_up_papers(300) if paper.pmid]
    papers = read_articles(ET.fromstring(article_set(known)))  # noqa: S314 (our own)
    assert len(papers) == len(known)
    for paper, meant in zip(papers, known, strict=True):
        assert (paper.pmid, paper.title) == (meant.pmid, meant.title)
        assert paper.doi == (meant.doi or "").lower()
        assert paper.authors[0] == " ".join(meant.authors[0])
        assert paper.published[:4] == f"{meant.published:%Y}"
        assert set(meant.categories) < set(paper.categories)
        if meant.number % 75 == 0:
            assert paper.abstract == ""
        elif meant.number % 2:
            assert paper.abstract == " ".join(meant.abstract.split())
        else:
            assert paper.abstract.startswith("Background: ")
        assert "©" not in paper.abstract


def test_inline_markup_and_labels_are_kept_as_text() -> None:
    (paper,) = read(
        "<ArticleTitle>H<sub>2</sub>O in <i>E. coli</i>.</ArticleTitle><Abstract>"
        '<AbstractText Label="AIMS">One.</AbstractText><AbstractText>Two.</AbstractText>'
        '<AbstractText Label="NONE"/></Abstract>'
    )
    assert paper.title == "H2O in E. coli."
    assert paper.abstract == "Aims: One. Two."


def test_groups_and_people_without_forenames_are_authors() -> None:
    (paper,) = read(
        "<ArticleTitle>T</ArticleTitle><AuthorList>"
        "<Author><LastName>Öz</LastName><Initials>A</Initials></Author>"
        "<Author><CollectiveName>The Group</CollectiveName></Author><Author/></AuthorList>"
    )
    assert paper.authors == ("A Öz", "The Group")


@pytest.mark.parametrize(
    ("date", "published"),
    [
        ("<Year>2015</Year><Month>Mar</Month><Day>4</Day>", "2015-03-04"),
        ("<Year>2015</Year><Month>03</Month>", "2015-03"),
        ("<Year>2015</Year><Season>Spring</Season>", "2015"),
        ("<MedlineDate>2015 Mar-Apr</MedlineDate>", "2015"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998"),
        ("", ""),
    ],
)
def test_a_date_is_as_exact_as_it_is_known(date: str, published: str) -> None:
    issue = f"<Journal><JournalIssue><PubDate>{date}</PubDate></JournalIssue></Journal>"
    (paper,) = read(f"<ArticleTitle>T</ArticleTitle>{issue}")
    assert paper.published == published


def test_the_doi_of_a_cited_paper_is_not_this_one_s() -> None:
    known = [paper for paper in made_up_papers(10) if paper.pmid and not paper.doi]
    papers = read_articles(ET.fromstring(article_set(known)))  # noqa: S314 (our own)
    assert {paper.doi for paper in papers} == {""}


def test_the_main_subject_is_the_primary_category() -> None:
    headings = "".join(
        f'<MeshHeading><DescriptorName MajorTopicYN="{major}">{name}</DescriptorName></MeshHeading>'
        for name, major in (("Humans", "N"), ("Asthma", "Y"), ("Lung", "Y"))
    )
    (paper,) = read(
        "<ArticleTitle>T</ArticleTitle>", rest=f"<MeshHeadingList>{headings}</MeshHeadingList>"
    )
    assert (paper.primary_category, paper.categories) == ("Asthma", ("Humans", "Asthma", "Lung"))


def test_what_has_no_id_or_title_is_left_out() -> None:
    assert read("<ArticleTitle/>") == ()
    assert read("<ArticleTitle>T</ArticleTitle>", pmid="") == ()
