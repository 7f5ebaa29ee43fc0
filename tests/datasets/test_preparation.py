"""From documents as they came to a dataset, with everything left out accounted for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets import Dataset, DocumentSource, PreparationRecipe, prepare
from classmark.documents import Document, DropReason, QualityRules
from classmark.errors import RecordError, SettingError

T = TypeVar("T")
Prepare = Callable[..., Dataset]
Make = Callable[..., list[Document]]
ANY_LENGTH = QualityRules(min_words=0)


@pytest.fixture(scope="module")
def prepared(now: datetime) -> Prepare:
    def run(documents: Iterable[Document], recipe: PreparationRecipe) -> Dataset:
        source = DocumentSource(documents, {"name": "made for the test"})
        return prepare("shelves", source, recipe, now=now)

    return run


def rows(dataset: Dataset) -> list[Document]:
    return [document for part in dataset.parts.values() for document in part]


def test_texts_and_titles_are_cleaned(prepared: Prepare, make_documents: Make) -> None:
    documents = [
        replace(d, text=f"{d.text} See https://a.b/c!!!  $x$", title=f"\\emph{{{d.title}}}")
        for d in make_documents(db=5, ai=5)
    ]
    dataset = prepared(documents, PreparationRecipe(rules=ANY_LENGTH))
    assert {d.text.partition("See")[2] for d in rows(dataset)} == {""}
    assert {d.title for d in rows(dataset)} == {d.title for d in make_documents(db=5, ai=5)}


def test_the_rest_of_a_document_is_left_as_it_came(prepared: Prepare, make_documents: Make) -> None:
    documents = make_documents(db=10, ai=10)
    dataset = prepared(documents, PreparationRecipe(rules=ANY_LENGTH))
    assert sorted(rows(dataset), key=lambda d: d.id) == sorted(documents, key=lambda d: d.id)


def test_each_document_left_out_is_counted_under_its_reason(
    prepared: Prepare, make_documents: Make
) -> None:
    good = make_documents(db=10, ai=12)
    flawed = [
        Document("e1", "https://nothing.but/this", "db"),
        Document("e2", " $x$ ", "db"),
        Document("s1", "too short", "db"),
        Document("n1", good[0].text, None),
        Document("u1", good[0].text, "unknown"),
        Document("f1", f"le la les {good[0].text}", "db"),
        replace(good[0], text="Other words, the same id, and enough of them."),
        Document("t1", "Other words, the same title, and enough.", "db", title=good[1].title),
        Document("t2", good[2].text.upper(), "ai"),
        Document("t3", good[2].text, "db"),
    ]
    rules = QualityRules(
        min_words=5,
        labels=frozenset({"db", "ai"}),
        is_english=lambda text: not text.startswith("le la les"),
    )
    dataset = prepared([*good, *flawed], PreparationRecipe(rules=rules, per_class=10))
    assert dataset.dropped == {
        "beyond_per_class": 2,
        "duplicate_id": 1,
        "duplicate_text": 2,
        "duplicate_title": 1,
        "empty_text": 2,
        "no_label": 1,
        "not_english": 1,
        "too_short": 1,
        "unknown_label": 1,
    }
    assert set(dataset.dropped) == {reason.value for reason in DropReason}
    assert dataset.read == 32
    assert dataset.sizes() == {"train": 16, "val": 2, "test": 2}


documents_as_they_come = st.lists(
    st.builds(
        Document,
        id=st.integers(0, 60).map(str),
        text=st.sampled_from(["", "one", "one two", "one two three $x$"]).flatmap(
            lambda text: st.integers(0, 200).map(lambda n: f"{text} {n}" if text else "")
        ),
        label=st.sampled_from(["a", "b", "c", "", None]),
    ),
    max_size=60,
)


@given(documents_as_they_come, st.none() | st.integers(5, 8))
def test_kept_and_dropped_add_up_to_read(
    prepared: Prepare, documents: list[Document], per_class: int | None
) -> None:
    recipe = PreparationRecipe(rules=QualityRules(min_words=2), per_class=per_class)
    enough = [Document(f"{label}{n}", f"{label} {n}", label) for label in "xy" for n in range(6)]
    only = [replace(d, label=d.label and "x") for d in documents]
    dataset = prepared([*enough, *only], recipe)
    assert sum(dataset.sizes().values()) + sum(dataset.dropped.values()) == dataset.read
    assert dataset.read == len(documents) + 12
    assert 0 not in dataset.dropped.values()


def test_the_first_of_two_duplicates_is_kept(prepared: Prepare, make_documents: Make) -> None:
    documents = make_documents(db=5, ai=5)
    again = [replace(d, id=f"again-{d.id}") for d in documents]
    dataset = prepared([*documents, *again], PreparationRecipe(rules=ANY_LENGTH))
    assert {d.id for d in rows(dataset)} == {d.id for d in documents}


def test_duplicates_are_found_after_cleaning(prepared: Prepare, make_documents: Make) -> None:
    documents = make_documents(db=6, ai=6)
    noisy = Document("noisy", f"{documents[0].text} https://a.b $x$", "db")
    dataset = prepared([*documents, noisy], PreparationRecipe(rules=ANY_LENGTH))
    assert dataset.dropped == {"duplicate_text": 1}


def test_a_document_left_out_does_not_make_a_later_one_a_duplicate(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = make_documents(db=6, ai=6)
    unlabelled = replace(documents[0], label=None)
    dataset = prepared([unlabelled, *documents], PreparationRecipe(rules=ANY_LENGTH))
    assert dataset.dropped == {"no_label": 1}


def test_words_are_counted_after_cleaning(prepared: Prepare, make_documents: Make) -> None:
    documents = make_documents(db=6, ai=6)
    padded = Document("padded", "two words " + "https://a.b " * 50, "db")
    recipe = PreparationRecipe(rules=QualityRules(min_words=5))
    assert prepared([*documents, padded], recipe).dropped == {"too_short": 1}


def test_per_class_takes_so_many_of_each(prepared: Prepare, make_documents: Make) -> None:
    recipe = PreparationRecipe(rules=ANY_LENGTH, per_class=10)
    dataset = prepared(make_documents(db=30, ai=10, se=7), recipe)
    assert dataset.counts() == {
        "train": {"ai": 8, "db": 8, "se": 5},
        "val": {"ai": 1, "db": 1, "se": 1},
        "test": {"ai": 1, "db": 1, "se": 1},
    }
    assert dataset.dropped == {"beyond_per_class": 20}


def test_expected_labels_alone_are_kept(prepared: Prepare, make_documents: Make) -> None:
    rules = replace(ANY_LENGTH, labels=frozenset({"db", "ai"}))
    dataset = prepared(make_documents(db=6, ai=6, se=9), PreparationRecipe(rules=rules))
    assert dataset.labels == ("ai", "db")
    assert dataset.dropped == {"unknown_label": 9}


def test_the_order_of_distinct_rows_changes_nothing(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = make_documents(db=30, ai=30)
    recipe = PreparationRecipe(rules=ANY_LENGTH, per_class=20)
    assert prepared(reversed(documents), recipe) == prepared(documents, recipe)


def test_another_seed_gives_another_dataset(prepared: Prepare, make_documents: Make) -> None:
    documents = make_documents(db=30, ai=30)
    recipe = PreparationRecipe(rules=ANY_LENGTH)
    other = replace(recipe, seed=43)
    assert prepared(documents, recipe).fingerprint != prepared(documents, other).fingerprint


def test_the_dataset_tells_how_it_was_made(prepared: Prepare, make_documents: Make) -> None:
    rules = QualityRules(min_words=3, labels=frozenset({"db", "ai"}), is_english=bool)
    recipe = PreparationRecipe(rules=rules, per_class=9, ratios=(0.6, 0.2, 0.2), seed=7)
    dataset = prepared(make_documents(db=9, ai=9), recipe)
    assert dataset.recipe == {
        "cleaning": [
            "unicode@1",
            "urls@1",
            "inline-math@1",
            "latex-commands@1",
            "repeated-punctuation@1",
            "white-space@1",
        ],
        "min_words": 3,
        "labels": ["ai", "db"],
        "language": "en",
        "per_class": 9,
        "ratios": [0.6, 0.2, 0.2],
        "seed": 7,
    }
    assert dataset.created_at == "2024-05-06T07:08:09+00:00"
    assert dataset.source == {"name": "made for the test"}


@pytest.mark.parametrize("documents", [[], [Document("1", "short", "a"), Document("2", "", "a")]])
def test_nothing_kept_is_an_error_that_counts_the_reasons(
    documents: list[Document], prepared: Prepare
) -> None:
    with pytest.raises(RecordError) as refused:
        prepared(documents, PreparationRecipe())
    assert f"None of {len(documents)} documents" in str(refused.value)
    assert ("1 empty_text, 1 too_short" in str(refused.value)) == bool(documents)


@pytest.mark.parametrize("counts", [{"db": 20}, {"db": 20, "ai": 3}])
def test_too_little_to_split_is_an_error(
    counts: dict[str, int], prepared: Prepare, make_documents: Make
) -> None:
    with pytest.raises(RecordError):
        prepared(make_documents(**counts), PreparationRecipe(rules=ANY_LENGTH))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\0", "a_v1.0.0"])
def test_a_name_that_can_t_be_is_refused_before_anything_is_read(name: str, now: datetime) -> None:
    documents = iter([Document("1", "text", "a")])
    with pytest.raises(SettingError):
        prepare(name, DocumentSource(documents, {}), PreparationRecipe(), now=now)
    assert len(list(documents)) == 1


def test_a_recipe_that_can_t_be_is_refused() -> None:
    with pytest.raises(SettingError, match="per-class"):
        PreparationRecipe(per_class=0)
    with pytest.raises(SettingError, match="min-words"):
        PreparationRecipe(rules=QualityRules(min_words=-1))
    with pytest.raises(SettingError, match="sum to 1"):
        PreparationRecipe(ratios=(0.5, 0.5, 0.5))


def test_progress_sees_every_document(make_documents: Make, now: datetime) -> None:
    class Counting:
        seen = 0

        def track(self, items: Iterable[T], doing: str, total: int | None = None) -> Iterator[T]:
            assert doing
            assert total is None
            for item in items:
                self.seen += 1
                yield item

    progress = Counting()
    source = DocumentSource(iter(make_documents(db=8, ai=8)), {})
    recipe = PreparationRecipe(rules=ANY_LENGTH)
    prepare("shelves", source, recipe, now=now, progress=progress)
    assert progress.seen == 16
