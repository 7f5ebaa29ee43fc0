"""A file that a browser sends: read as files are, within the limits of a request."""

import base64
import json
from pathlib import Path

import pytest

from classmark.errors import InputError, RecordError, SourceError
from classmark.serving import ServingSettings
from classmark.serving.page_upload import Upload, documents_of, most_bytes, uploaded

SETTINGS = ServingSettings(max_batch_texts=3, max_body_bytes=20_000)


def texts(name: str, content: str, columns: str = "") -> list[str]:
    found = documents_of(Upload(name, content.encode()), columns, SETTINGS)
    return [document.text for document in found]


@pytest.mark.parametrize(
    ("name", "content", "columns", "found"),
    [
        ("a.csv", "id,text\n1,An index.\n2,A lens.\n", "", ["An index.", "A lens."]),
        ("A.CSV", "title,abstract\nJoins,An index.\n", "", ["Joins. An index."]),
        ("a.csv", "text,body\nno,An index.\n", "body", ["An index."]),
        ("a.tsv", "head\tbody\nJoins\tAn index.\n", " head , body ", ["Joins. An index."]),
        ("a.jsonl", '{"content": "An index."}\n', "", ["An index."]),
        ("a.json", '[{"text": "An index.", "label": 3}]', "", ["An index."]),
        ("../../etc/a.csv", "text\nAn index.\n", "", ["An index."]),
    ],
)
def test_documents_are_read(name: str, content: str, columns: str, found: list[str]) -> None:
    assert texts(name, content, columns) == found


@pytest.mark.parametrize(
    ("name", "content", "columns", "told"),
    [
        ("a.xlsx", "PK", "", "a.xlsx is not of a format that is read here."),
        ("a.csv.gz", "", "", "a.csv.gz is not of a format that is read here."),
        ("a", "", "", "a is not of a format that is read here."),
        ("a.csv", "", "", "a.csv is empty."),
        ("a.csv", "n,body\n1,b\n", "", "a.csv has no column 'text'. Name the one with the text."),
        ("a.csv", "n,body\n1,b\n", "", "There are: n, body."),
        ("a.csv", "n,body\n1,b\n", "n,c,d", "a.csv has no column 'c' and no column 'd'."),
        ("a.csv", "text\na\n \nb\n", "", "Unusable records in a.csv: line 3: no text in 'text'."),
        ("a.jsonl", "{", "", "a.jsonl"),
        ("a.csv", "text\na\nb\nc\nd\n", "", "a.csv has more than 3 documents."),
    ],
)
def test_what_can_t_be_read_is_told_by_its_owner_s_name(
    name: str, content: str, columns: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        texts(name, content, columns)
    assert told in str(caught.value)
    assert "classmark-" not in str(caught.value)
    assert "--text-fields" not in str(caught.value)


def test_bytes_that_are_no_utf_8_are_told() -> None:
    with pytest.raises(SourceError, match=r"a\.csv is not UTF-8"):
        documents_of(Upload("a.csv", "text\nŁódź".encode("utf-16")), "", SETTINGS)
    with pytest.raises(SourceError, match=r"a\.csv is not UTF-8"):
        documents_of(Upload("a.csv", "text\ncafé\n".encode("latin1")), "", SETTINGS)


def test_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert texts("a.csv", "text\nAn index.\n") == ["An index."]
    with pytest.raises(RecordError):
        texts("a.csv", "body\nAn index.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_file_comes_as_the_page_s_script_writes_it() -> None:
    sent = {"name": "a.csv", "bytes": 3, "content": base64.b64encode(b"a\xffb").decode()}
    assert uploaded(json.dumps(sent), SETTINGS) == Upload("a.csv", b"a\xffb")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("", "There is no file."),
        ("null", "There is no file."),
        ('{"name": "a.csv"}', "There is no file."),
        ('{"name": "a.csv", "bytes": 99999, "content": ""}', "a.csv has 99,999 bytes; 2,712 can"),
    ],
)
def test_what_is_no_file_or_too_large_is_told(sent: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        uploaded(sent, SETTINGS)
    assert told in str(caught.value)


def test_the_largest_file_fits_into_a_body() -> None:
    settings = ServingSettings()
    assert most_bytes(settings) * 4 / 3 < settings.max_body_bytes - 16_000
    assert most_bytes(ServingSettings(max_body_bytes=100)) == 0
