"""A paper, as a value and as a record that can be prepared."""

import gzip
from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents import Fields, read_documents
from classmark.documents.collecting.paper import Paper, on_one_line

PAPER = Paper(
    source="arxiv",
    source_id="1501.00001",
    title="A title",
    abstract="An abstract. Mail ada@example.org.",
    authors=("Ada Öz",),
    categories=("cs.AI", "cs.LG"),
    primary_category="cs.AI",
    published="2015-01-01T00:00:00Z",
    arxiv_id="1501.00001",
    version=2,
    doi="10.5555/1",
    pdf_url="https://arxiv.org/pdf/1501.00001v2",
    comment="See https://example.org/it?paper=1",
)
TEXT = st.text(max_size=20)


@given(
    st.builds(
        Paper,
        *(TEXT,) * 3,
        abstract=TEXT,
        authors=st.lists(TEXT, max_size=3).map(tuple),
        categories=st.lists(TEXT, max_size=3).map(tuple),
        version=st.integers(0, 9),
        citation_count=st.none() | st.integers(0, 9),
    )
)
def test_a_paper_comes_back_from_its_record(paper: Paper) -> None:
    assert Paper.from_record(paper.as_record()) == paper


def test_what_is_unknown_is_left_out_of_a_record() -> None:
    record = PAPER.as_record()
    assert {"pmid", "journal_reference", "citation_count"}.isdisjoint(record)
    assert record["doi"] == "10.5555/1"


def test_personal_data_of_every_text_is_replaced() -> None:
    redacted = PAPER.redacted()
    assert redacted.abstract == "An abstract. Mail [EMAIL]."
    assert redacted.comment == "See [URL]"
    assert (redacted.pdf_url, redacted.doi, redacted.source_id) == (
        PAPER.pdf_url,
        PAPER.doi,
        PAPER.source_id,
    )


def test_a_record_is_a_document_that_can_be_prepared(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl.gz"
    path.write_bytes(gzip.compress(orjson.dumps(PAPER.as_record()) + b"\n"))
    (document,) = read_documents(path, Fields())
    assert document.id == "1501.00001"
    assert document.label == "cs.AI"
    assert document.text.startswith("A title. An abstract.")
    assert set(document.ids) == {"doi:10.5555/1", "arxiv:1501.00001"}


def test_white_space_becomes_single_spaces() -> None:
    assert on_one_line("\n A  title\n  with\tbreaks ") == "A title with breaks"
    assert on_one_line(None) == ""
