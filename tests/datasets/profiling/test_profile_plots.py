"""Plots can be drawn of whatever documents are like, and be read."""

import struct
from collections.abc import Callable, Mapping

import pytest

from classmark.datasets import Dataset, Profile, Subject, profile_dataset, profile_documents
from classmark.datasets.profiling.plots import Plot, draw, drawn_label
from classmark.documents import Document

Make = Callable[..., list[Document]]
PNG = b"\x89PNG\r\n\x1a\n"
LONG = "a label of sixty characters that goes on until its very end"


def profile_of(*labels: str | None, published: str | None = None, text: str = "") -> Profile:
    documents = [
        Document(f"{place} {n}", text or "word " * (n + 1), label, published=published)
        for place, label in enumerate(labels)
        for n in range(3)
    ]
    return profile_documents(documents, Subject("shelves", ""))


def size_of(plot: Plot) -> tuple[int, int]:
    assert plot.png.startswith(PNG)
    width, height = struct.unpack(">II", plot.png[16:24])
    return width, height


def check(plots: Mapping[str, Plot]) -> None:
    for plot in plots.values():
        width, height = size_of(plot)
        assert width == 800
        assert 200 < height < 2500
        assert len(plot.alt) > 20


def test_a_dataset_has_four_plots_that_say_what_they_show(dataset: Dataset) -> None:
    plots = draw(profile_dataset(dataset))
    assert set(plots) == {"classes.png", "lengths.png", "class_lengths.png", "timeline.png"}
    check(plots)
    assert plots["classes.png"].alt == "Bars: documents of each class. db 20, ai 10."
    assert "all: most in 2024-01, 30" in plots["timeline.png"].alt
    assert "median 15" in plots["lengths.png"].alt
    assert "db 15, ai 15" in plots["class_lengths.png"].alt


@pytest.mark.parametrize(
    "labels",
    [
        ("one",),
        ("$x$", "cost $5 and \\frac{", "<b>"),
        ("日本語", "🚀 launch", "العربية"),
        ("_hidden", LONG, "x" * 60),
        (None, "db", "ai"),
        tuple(f"class {number}" for number in range(60)),
    ],
    ids=["one", "dollars", "other scripts", "long", "unlabelled too", "many"],
)
def test_any_labels_can_be_drawn(labels: tuple[str | None, ...]) -> None:
    plots = draw(profile_of(*labels, published="2024-05-06"))
    assert len(plots) == 4
    check(plots)


def test_the_rest_of_many_classes_and_what_has_none_are_drawn_as_such() -> None:
    plots = draw(profile_of(*map(str, range(35)), None))
    assert "5 other classes 15, no label 3." in plots["classes.png"].alt


def test_without_labels_and_dates_there_is_the_length_alone() -> None:
    plots = draw(profile_of(None, None))
    assert set(plots) == {"lengths.png"}
    check(plots)


@pytest.mark.parametrize("published", ["1066", "2024", "2024-05", "1999-01-01"])
def test_a_single_date_can_be_drawn(published: str) -> None:
    check(draw(profile_of("db", published=published)))


def test_dates_before_the_last_century_are_told_and_not_drawn() -> None:
    documents = [Document("1", "old", published="1066"), Document("2", "new", published="2024")]
    plots = draw(profile_documents(documents, Subject("shelves", "")))
    assert "(1 earlier ones not drawn)" in plots["timeline.png"].alt


def test_texts_without_words_and_endless_ones_can_be_drawn() -> None:
    check(draw(profile_of("db", "ai", text=" ")))
    check(draw(profile_of("db", "ai", text="word " * 50_000)))
    check(draw(profile_documents([], Subject("none", ""))))


def test_a_label_is_drawn_as_it_is_where_there_is_room() -> None:
    assert drawn_label("cs.DB", 3) == "cs.DB"
    assert drawn_label("Übersicht", 3) == "Übersicht"


def test_of_a_long_label_both_ends_are_drawn() -> None:
    assert drawn_label(LONG, 3) == "a label of …its very end"
    assert len(drawn_label("x" * 60, 3)) <= 24


def test_a_label_that_the_font_lacks_is_drawn_by_its_number() -> None:
    assert drawn_label("日本語", 3) == "class no. 3"
