"""One paper of several services becomes one, in any order, and no two become one by chance."""

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from classmark.documents.collecting.merging import merged
from classmark.documents.collecting.paper import Paper

TITLE = "Landmarks for Numeric Planning with Axioms"
ARXIV = Paper(
    source="arxiv",
    source_id="1501.00001",
    title=TITLE,
    abstract="Short.",
    authors=("Ada Öz", "Bo Brandt"),
    categories=("cs.AI",),
    primary_category="cs.AI",
    published="2015-01-01T00:00:00Z",
    arxiv_id="1501.00001",
    version=2,
    doi="10.5555/1",
)
PUBMED = Paper(
    source="pubmed",
    source_id="30000001",
    title=TITLE,
    abstract="The longer abstract of the two.",
    authors=("Oz A",),
    categories=("Humans", "Planning Techniques"),
    primary_category="Planning Techniques",
    published="2015-01",
    pmid="30000001",
    doi="10.5555/1",
)
SCHOLAR = Paper(
    source="semantic-scholar",
    source_id="f" * 40,
    title=TITLE,
    authors=("Ada Öz", "Bo Brandt"),
    categories=("Computer Science", "Mathematics"),
    primary_category="Computer Science",
    published="2015",
    pmid="30000001",
    citation_count=7,
)


def without_ids(paper: Paper, **others: str) -> Paper:
    return replace(paper, **{"doi": "", "pmid": "", "arxiv_id": "", **others})  # type: ignore[arg-type]


def test_a_shared_id_makes_one_paper_even_by_way_of_a_third() -> None:
    for order in permutations([ARXIV, PUBMED, SCHOLAR]):
        (one,) = merged(order)
        assert one.source == "arxiv+pubmed+semantic-scholar"
        assert (one.doi, one.pmid, one.arxiv_id) == ("10.5555/1", "30000001", "1501.00001")
        assert one.abstract == PUBMED.abstract
        assert one.authors == ARXIV.authors
        assert (one.published, one.citation_count, one.version) == (ARXIV.published, 7, 2)


def test_the_label_of_a_merged_paper_is_arxiv_s() -> None:
    (one,) = merged([SCHOLAR, PUBMED, ARXIV])
    assert (one.primary_category, one.categories) == ("cs.AI", ("cs.AI",))


def test_without_arxiv_the_label_is_one_of_the_categories() -> None:
    (one,) = merged([SCHOLAR, PUBMED])
    assert one.primary_category in one.categories


def test_title_author_and_year_make_one_paper_where_no_id_does() -> None:
    alike = without_ids(
        PUBMED, title="Landmarks for numeric planning, with axioms.", published="2015-07-08"
    )
    assert len(merged([ARXIV, alike])) == 1


def test_alike_titles_alone_do_not_merge_papers() -> None:
    for other in (
        without_ids(PUBMED, published="2016-01-01"),
        without_ids(PUBMED, published=""),
        replace(without_ids(PUBMED), authors=("Brandt C",)),
        replace(without_ids(PUBMED), authors=()),
        replace(PUBMED, doi="10.5555/2"),
    ):
        assert len(merged([ARXIV, other])) == 2


def test_editorials_of_one_author_and_year_stay_apart() -> None:
    for title in ("Editorial", "Introduction", "Letter to the Editor", "In this issue"):
        papers = [
            without_ids(replace(PUBMED, source_id=str(number), title=title)) for number in range(3)
        ]
        assert len(merged(papers)) == 3


def test_the_newest_version_s_title_is_kept() -> None:
    older = replace(ARXIV, version=1, title="An older title that is longer than the newer one is")
    (one,) = merged([older, ARXIV])
    assert (one.title, one.version) == (TITLE, 2)


WORDS = st.sampled_from(
    ["", "Editorial", "One two three four", "One two three FOUR!", "Five six seven eight nine"]
)
PAPERS = st.lists(
    st.builds(
        Paper,
        source=st.sampled_from(["arxiv", "pubmed", "semantic-scholar"]),
        source_id=st.sampled_from("abcdefgh"),
        title=WORDS,
        abstract=st.sampled_from(["", "short", "longer"]),
        authors=st.sampled_from([(), ("Ada Öz",), ("Oz A", "B C")]),
        categories=st.sampled_from([(), ("x",), ("y", "z")]),
        published=st.sampled_from(["", "2015", "2015-02-03", "2016"]),
        arxiv_id=st.sampled_from(["", "", "1", "2"]),
        version=st.integers(0, 2),
        doi=st.sampled_from(["", "", "10.1/a", "10.1/b"]),
        pmid=st.sampled_from(["", "", "7", "8"]),
        citation_count=st.sampled_from([None, 0, 5]),
    ),
    max_size=8,
)


@given(PAPERS, st.randoms(use_true_random=False))
def test_the_order_of_papers_plays_no_part(papers: list[Paper], chance: object) -> None:
    shuffled = list(papers)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merged(shuffled) == merged(papers)


@given(PAPERS)
def test_no_id_is_lost_and_none_belongs_to_two_papers(papers: list[Paper]) -> None:
    together = merged(papers)
    assert len(together) <= len(papers)
    for kind in ("doi", "arxiv_id", "pmid"):
        found = [getattr(paper, kind) for paper in together if getattr(paper, kind)]
        assert len(found) == len(set(found))
        assert set(found) <= {getattr(paper, kind) for paper in papers}


@given(PAPERS)
def test_merging_twice_is_merging_once(papers: list[Paper]) -> None:
    once = merged(papers)
    assert len(merged([*once, *once])) == len(merged(once))


@given(PAPERS)
def test_papers_of_different_ids_are_never_joined_by_their_title(papers: list[Paper]) -> None:
    numbered = [
        replace(paper, source_id=str(number), doi=f"10.1/{number}", arxiv_id="", pmid="")
        for number, paper in enumerate(papers)
    ]
    assert len(merged(numbered)) == len(papers)


def test_a_preprint_and_its_journal_article_are_one_paper_with_all_ids() -> None:
    preprint = Paper(
        source="semantic-scholar",
        source_id="s1",
        title="A paper",
        doi="10.48550/arxiv.1602.03480",
    )
    arxiv = Paper(
        source="arxiv", source_id="1602.03480", title="A paper", arxiv_id="1602.03480", doi="10.1/j"
    )
    pubmed = Paper(source="pubmed", source_id="7", title="A paper", doi="10.1/j", pmid="7")
    (paper,) = merged([preprint, pubmed, arxiv])
    assert paper.ids == ("arxiv:1602.03480", "doi:10.1/j", "pmid:7")
    assert (paper.doi, paper.arxiv_id, paper.pmid) == ("10.1/j", "1602.03480", "7")
    assert Paper.from_record(paper.as_record()) == paper


def test_a_doi_of_arxiv_contradicts_no_other() -> None:
    both = {"title": "Words that make a long title", "authors": ("Ada B",), "published": "2019"}
    first = Paper(source="a", source_id="1", doi="10.48550/arxiv.1602.03480", **both)  # type: ignore[arg-type]
    second = Paper(source="b", source_id="2", doi="10.1/j", **both)  # type: ignore[arg-type]
    assert len(merged([first, second])) == 1
