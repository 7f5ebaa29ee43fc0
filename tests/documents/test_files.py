"""Documents out of files: which fields are read, and which records can't be used."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from classmark.documents import Document, Fields, content_id, read_columns, read_documents
from classmark.errors import InputError, RecordError, SourceError

PAPER = {
    "title": " On shelves ",
    "abstract": "They hold books.",
    "primary_category": "cs.DB",
    "label": "not this",
    "text": "nor this",
    "arxiv_id": "2401.00001",
    "authors": ["A. Bee", "C. Dee"],
    "published": "2024-01-01",
}
PLAIN = {"text": "They hold books.", "label": "a"}
Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def write(*rows: dict[str, Any], name: str = "a.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
        return path

    return write


def read(path: Path, fields: Fields | None = None) -> list[Document]:
    return list(read_documents(path, fields))


def refusal(path: Path, fields: Fields | None = None) -> str:
    with pytest.raises(RecordError) as refused:
        read(path, fields)
    return str(refused.value)


def test_a_paper_is_title_and_abstract_under_its_primary_category(put: Put) -> None:
    assert read(put(PAPER)) == [
        Document(
            id="2401.00001",
            text="On shelves. They hold books.",
            label="cs.DB",
            title=" On shelves ",
            authors=("A. Bee", "C. Dee"),
            published="2024-01-01",
            ids=("arxiv:2401.00001",),
        )
    ]


def test_a_plain_record_is_text_and_label(put: Put) -> None:
    assert read(put(PLAIN)) == [
        Document(id=content_id("They hold books."), text="They hold books.", label="a")
    ]


def test_the_first_record_decides_which_fields_are_read(put: Put) -> None:
    assert "line 2: no field 'text'" in refusal(put(PLAIN, {"abstract": "A.", "title": "T."}))
    assert [d.text for d in read(put(PLAIN, {**PLAIN, "abstract": "Not read."}))] == [
        "They hold books."
    ] * 2


def test_named_fields_go_before_those_found(put: Put) -> None:
    fields = Fields(text=("abstract", "title", "text"), label="label")
    document = read(put(PAPER), fields)[0]
    assert document.text == "They hold books.. On shelves. nor this"
    assert document.label == "not this"


@pytest.mark.parametrize("empty", [None, "", "  \n"])
def test_an_empty_field_among_others_is_left_out(empty: str | None, put: Put) -> None:
    assert read(put({**PAPER, "title": empty}))[0].text == "They hold books."


@pytest.mark.parametrize(
    ("label", "read_as"),
    [
        ("a", "a"),
        (" a ", "a"),
        (1, "1"),
        (0, "0"),
        (-3, "-3"),
        (2.5, "2.5"),
        (False, "False"),
        ("0", "0"),
        (None, None),
        ("", None),
        ("  ", None),
    ],
)
def test_a_label_is_read_as_text(label: object, read_as: str | None, put: Put) -> None:
    assert read(put({**PLAIN, "label": label}))[0].label == read_as


@pytest.mark.parametrize(
    ("ids", "read_as"),
    [
        ({"id": "x"}, "x"),
        ({"id": " x "}, "x"),
        ({"id": 0}, "0"),
        ({"id": 7, "doi": "10.1/2"}, "7"),
        ({"pmid": 123, "id": ""}, "123"),
        ({"source_id": "s", "arxiv_id": "a", "id": "i"}, "s"),
        ({"id": None}, content_id(PLAIN["text"])),
        ({"id": ["x"]}, content_id(PLAIN["text"])),
        ({"id": True}, content_id(PLAIN["text"])),
    ],
)
def test_an_id_is_the_source_s_own_or_made_from_the_text(
    ids: dict[str, object], read_as: str, put: Put
) -> None:
    assert read(put({**PLAIN, **ids}))[0].id == read_as


def test_odd_extras_do_no_harm(put: Put) -> None:
    document = read(put({**PLAIN, "authors": "A. Bee", "published": 2024, "title": None}))[0]
    assert (document.authors, document.published, document.title) == ((), "2024", "")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"label": "a"}, "line 2: no field 'text'"),
        ({"text": None, "label": "a"}, "line 2: no text in 'text'"),
        ({"text": " \n\t", "label": "a"}, "line 2: no text in 'text'"),
        ({"text": {"en": "word"}, "label": "a"}, "line 2: 'text' is a dict, not text"),
        ({"text": ["word"], "label": "a"}, "line 2: 'text' is a list, not text"),
        ({"text": 5, "label": "a"}, "line 2: 'text' is a int, not text"),
        ({"text": "word"}, "line 2: no field 'label'"),
        ({"text": "word", "label": ["a", "b"]}, "line 2: 'label' is a list, not a label"),
        ({"text": "word", "label": {"a": 1}}, "line 2: 'label' is a dict, not a label"),
    ],
)
def test_a_row_that_can_t_be_used_is_named_by_its_line(
    row: dict[str, object], told: str, put: Put
) -> None:
    assert told in refusal(put(PLAIN, row, PLAIN))


def test_a_record_of_a_json_list_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps({"samples": [PLAIN, {**PLAIN, "text": None}]}))
    assert "record 2: no text in 'text'" in refusal(path)


def test_a_paper_needs_title_or_abstract(put: Put) -> None:
    empty = {**PAPER, "title": "", "abstract": None}
    assert "line 2: no text in 'title' and 'abstract'" in refusal(put(PAPER, empty))


def test_the_first_five_offenders_are_named_and_no_more(put: Put) -> None:
    rows = [PLAIN if number % 2 else {"label": "a"} for number in range(1, 31)]
    told = refusal(put(*rows))
    assert [f"line {number}:" in told for number in (2, 4, 6, 8, 10)] == [True] * 5
    assert told.count("line ") == 5


def test_nothing_follows_the_first_offender(put: Put) -> None:
    documents = read_documents(put(PLAIN, {"label": "a"}, PLAIN))
    assert next(documents).text == PLAIN["text"]
    with pytest.raises(RecordError):
        next(documents)


def test_an_unknown_label_field_is_told_with_the_fields_there_are(put: Put) -> None:
    told = refusal(put(PLAIN), Fields(label="genre"))
    assert "line 1: no field 'genre'" in told
    assert "the first record has: text, label" in told


def test_an_unknown_text_field_is_told(put: Put) -> None:
    assert "line 1: no field 'body'" in refusal(put(PLAIN), Fields(text=("text", "body")))


def test_texts_alone_will_do_where_no_label_is_required(put: Put) -> None:
    fields = Fields(label_required=False)
    assert [d.label for d in read(put({"text": "word"}, PLAIN), fields)] == [None, "a"]


def test_a_label_field_that_was_named_is_required_all_the_same(put: Put) -> None:
    fields = Fields(label="genre", label_required=False)
    assert "no field 'genre'" in refusal(put(PLAIN), fields)


def test_a_record_without_fields_is_told_so(put: Put) -> None:
    assert "the first record has: none" in refusal(put({}))


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", b""), ("a.csv", b"text,label\n")])
def test_a_file_without_records_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match="holds no records"):
        read(tmp_path / name)


def test_a_csv_row_without_text_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'text,label\n"one\ntwo",1\n,2\n'))
    assert "line 4: no text in 'text'" in refusal(path)


@pytest.mark.parametrize("row", [b"word,a\0b,1", b"word,a,1\0", b"wo\0rd,a,1"])
def test_a_csv_row_with_a_nul_is_named_by_its_line(row: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label,id\n" + row + b"\n")
    with pytest.raises(InputError, match=r"(?i)line 2"):
        read(path)


@pytest.mark.parametrize("label", ["a\0b", "a\nb", "\x1b[31ma"])
def test_a_label_that_does_not_print_is_named_by_its_line(label: str, put: Put) -> None:
    assert "line 1: 'label'" in refusal(put({**PLAIN, "label": label}))


@pytest.mark.parametrize("field", ["text", "sentence", "content"])
def test_a_text_may_have_several_names(field: str, put: Put) -> None:
    assert [d.text for d in read(put({field: "word", "label": "a"}))] == ["word"]


def test_text_goes_before_its_other_names(put: Put) -> None:
    row = {"content": "c", "sentence": "s", "text": "t", "label": "a"}
    assert read(put(row))[0].text == "t"
    assert read(put(row), Fields(text=("content",)))[0].text == "c"
    assert "line 1: no field 'text'" in refusal(put({"body": "b", "label": "a"}))


SEVERAL = Fields(multi_label=True)


def test_several_labels_are_read_where_they_are_asked_for(put: Put) -> None:
    rows = [{**PLAIN, "label": value} for value in (["b", "a", "b"], "c; a", None, [])]
    assert [(d.label, d.labels) for d in read(put(*rows), SEVERAL)] == [
        ("b", ("a", "b")),
        ("c", ("a", "c")),
        (None, ()),
        (None, ()),
    ]


def test_labels_of_one_label_stay_as_they_are_written(put: Put) -> None:
    document = read(put({**PLAIN, "label": "c; a"}))[0]
    assert (document.label, document.labels) == ("c; a", ())


@pytest.mark.parametrize(
    ("more", "label"),
    [
        ({"labels": ["x", "y"], "categories": ["z"], "primary_category": "p"}, "x"),
        ({"categories": ["z"], "primary_category": "p"}, "z"),
        ({"primary_category": "p"}, "p"),
        ({}, "a"),
    ],
)
def test_the_field_of_several_labels_is_found(
    more: dict[str, object], label: str, put: Put
) -> None:
    assert read(put({**PLAIN, **more}), SEVERAL)[0].label == label


def test_a_list_of_labels_is_refused_with_the_option_that_reads_it(put: Put) -> None:
    assert "--multi-label reads several labels" in refusal(put({**PLAIN, "label": ["a", "b"]}))
    assert "--multi-label" not in refusal(put({**PLAIN, "label": {"a": 1}}))
    nested = put({**PLAIN, "label": [["a"]]})
    assert "line 1: 'label' holds a list, not labels" in refusal(nested, SEVERAL)


def test_a_group_is_read_where_it_is_named(put: Put) -> None:
    rows = [{**PLAIN, "thread": value} for value in (" t1 ", 2, "", None)]
    fields = Fields(group="thread")
    assert [d.group for d in read(put(*rows), fields)] == ["t1", "2", None, None]
    assert [d.group for d in read(put(*rows))] == [None] * 4
    assert "line 2: no field 'thread'" in refusal(put(rows[0], PLAIN), fields)
    assert "'thread' is a list" in refusal(put({**PLAIN, "thread": ["a"]}), fields)


def test_ids_of_every_kind_are_kept_beside_the_id(put: Put) -> None:
    row = {**PLAIN, "arxiv_id": "2401.00001v2", "doi": "https://doi.org/10.1/X", "pmid": "7"}
    document = read(put(row))[0]
    assert document.id == "2401.00001v2"
    assert document.ids == ("doi:10.1/x", "arxiv:2401.00001", "pmid:7")


def test_a_source_that_can_t_be_opened_is_told_before_anything_is_asked_of_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        read_documents(tmp_path / "none.jsonl")


def test_a_source_may_be_named_as_text(put: Put) -> None:
    path = put(PLAIN)
    assert list(read_documents(str(path))) == read(path)


def test_the_columns_of_a_source_are_those_of_its_first_record(put: Put, tmp_path: Path) -> None:
    assert read_columns(put(PLAIN, PAPER)) == ["text", "label"]
    table = tmp_path / "a.csv"
    table.write_text("head,body\nAn index.,Of tables.\n", encoding="utf-8")
    assert read_columns(table) == ["head", "body"]
    assert read_columns(put(name="empty.jsonl")) == []
