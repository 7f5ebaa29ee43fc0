"""The page of an explanation: all of the text, nothing from outside, nothing that runs."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest

from classmark.errors import SettingError
from classmark.evaluation import (
    Explanation,
    Fidelity,
    Method,
    Piece,
    explanation_figures,
    write_explanation,
)
from classmark.models import Answer

TEXT = "<script>alert('x')</script> & good\0, bad 日本 not read"
FIDELITY = Fidelity(-0.00001, 0.8, None, 1, 0.4, 0.6)
PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """What stands in a page: its elements with their classes, its addresses, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.marks: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        given = dict(attrs)
        if tag == "mark" and "title" in given:
            self.marks.append(f"{given['class']} {given['title']}")
        self.addresses += [given[name] or "" for name in ("src", "href") if name in given]

    def handle_data(self, data: str) -> None:
        self.text += data


def piece(word: str, weight: float) -> Piece:
    start = TEXT.index(word)
    return Piece(word, start, start + len(word), weight)


@pytest.fixture
def explanation() -> Explanation:
    return Explanation(
        method=Method.LIME,
        text=TEXT,
        answer=Answer("<b>db</b>", 0.7, (0.7, 0.3), ("<b>db</b>",)),
        label="<b>db</b>",
        against=None,
        value=0.7,
        base=0.1,
        pieces=(
            piece("script", 0.01),
            piece("alert", 0.3),
            piece("good", 0.6),
            piece("bad", -0.2),
            piece("日", 0.0),
            piece("本", 0.16),
        ),
        words=10,
        words_read=8,
        words_a_piece=2,
        asked=221,
        fidelity=FIDELITY,
    )


def page_of(explanation: Explanation, folder: Path) -> Page:
    return Page(write_explanation(explanation, "shelf_v1.0.0", folder).read_text("utf-8"))


def test_a_page_a_plot_and_the_figures_are_written(
    explanation: Explanation, tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "out"
    path = write_explanation(explanation, "shelf_v1.0.0", folder)
    assert path == folder / "explanation.html"
    names = {"explanation.html", "explanation.png", "explanation.json"}
    assert {found.name for found in folder.iterdir()} == names
    assert (folder / "explanation.png").read_bytes().startswith(PNG)
    figures = orjson.loads((folder / "explanation.json").read_bytes())
    assert figures["model"] == "shelf_v1.0.0"
    assert figures["pieces"][2] == {"text": "good", "start": 30, "end": 34, "weight": 0.6}


def test_the_whole_text_is_shown_and_nothing_in_it_is_markup(
    explanation: Explanation, tmp_path: Path
) -> None:
    page = page_of(explanation, tmp_path)
    shown = "".join(char for char in TEXT if char != "\0")
    assert shown in "".join(char for char in page.text if char not in "\0\ufffd")
    assert not {"script", "b", "link", "iframe"} & set(page.elements)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)


def test_words_are_marked_by_sign_and_strength(explanation: Explanation, tmp_path: Path) -> None:
    page = page_of(explanation, tmp_path)
    assert page.marks == [
        "for for2 +0.3000",
        "for for4 +0.6000",
        "against against2 −0.2000",  # noqa: RUF001 (a minus sign)
        "for for2 +0.1600",
    ]
    assert "0.0000" in page.text
    assert "-0.0" not in page.text


def test_what_was_left_out_or_taken_together_is_said(
    explanation: Explanation, tmp_path: Path
) -> None:
    page = page_of(explanation, tmp_path / "cut")
    assert "The model reads 8 of 10 words" in page.text
    assert "up to 2 words in a row" in page.text
    assert "not read by the model" in page.text
    whole = page_of(replace(explanation, words_read=10, words_a_piece=1), tmp_path / "whole")
    assert "of 10 words" not in whole.text
    assert "in a row" not in whole.text


def test_attention_has_no_signs(explanation: Explanation, tmp_path: Path) -> None:
    looked = replace(
        explanation,
        method=Method.ATTENTION,
        base=None,
        pieces=tuple(replace(one, weight=abs(one.weight)) for one in explanation.pieces),
        fidelity=Fidelity(None, None, 0.5, 1, 0.4, 0.6),
    )
    page = page_of(looked, tmp_path)
    assert page.marks[0] == "look look2 0.3000"
    assert "speaks against" not in page.text
    assert "Attention is the same for all labels" in page.text


def test_an_explanation_without_any_weight_is_a_page_too(
    explanation: Explanation, tmp_path: Path
) -> None:
    still = tuple(replace(one, weight=0.0) for one in explanation.pieces)
    page = page_of(replace(explanation, pieces=still), tmp_path)
    assert page.marks == []
    assert "none" in page.text


def test_an_earlier_explanation_gives_way_and_nothing_else(
    explanation: Explanation, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    page_of(explanation, tmp_path)
    page = page_of(replace(explanation, label="newer"), tmp_path)
    assert "Why newer?" in page.text
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["explanation.html", "explanation.png", "explanation.json"])
def test_a_file_of_somebody_else_is_never_replaced(
    name: str, explanation: Explanation, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(SettingError, match="belongs to no explanation"):
        write_explanation(explanation, "shelf_v1.0.0", tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_the_figures_list_words_strongest_first(explanation: Explanation) -> None:
    figures = explanation_figures(explanation)
    assert [word["text"] for word in figures["speaking_for"]] == ["good", "alert", "本", "script"]
    assert [word["text"] for word in figures["speaking_against"]] == ["bad"]
    assert figures["answer"] == "<b>db</b>"
    assert figures["method"] == "lime"
