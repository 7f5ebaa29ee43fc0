"""From documents as they came to a dataset, with everything left out accounted for."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets import (
    Conflict,
    Dataset,
    DocumentSource,
    PreparationRecipe,
    Split,
    prepare,
)
from classmark.documents import (
    DEFAULT_STEPS,
    REDACTION,
    Document,
    DropReason,
    QualityRules,
)
from classmark.errors import RecordError, SettingError
from classmark.progress import Silent

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
        Document("d1", good[3].text + " and one word more", "db"),
        Document("t1", "Other words, the same title, and enough.", "db", title=good[1].title),
        Document("t2", good[2].text.upper(), "ai"),
        Document("t3", good[2].text, "db"),
    ]
    rules = QualityRules(
        min_words=5,
        labels=frozenset({"db", "ai"}),
        are_english=lambda texts: [not text.startswith("le la les") for text in texts],
    )
    dataset = prepared(
        [*good, *flawed], PreparationRecipe(rules=rules, per_class=10, near_duplicates=0.7)
    )
    assert dataset.dropped == {
        "beyond_per_class": 2,
        "duplicate_id": 1,
        "duplicate_text": 2,
        "duplicate_title": 1,
        "empty_text": 2,
        "near_duplicate": 1,
        "no_label": 1,
        "not_english": 1,
        "too_short": 1,
        "unknown_label": 1,
    }
    # Older copies are left out of splits by time alone.
    assert {*dataset.dropped, "older_copy"} == {reason.value for reason in DropReason}
    assert dataset.read == 33
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


def test_a_balanced_test_part_has_so_many_of_each_and_the_others_learn(
    prepared: Prepare, make_documents: Make
) -> None:
    recipe = PreparationRecipe(rules=ANY_LENGTH, test_per_class=4, ratios=(0.5, 0.25, 0.25))
    parts = prepared(make_documents(db=40, ai=10), recipe).parts

    counts = {part: Counter(document.label for document in parts[part]) for part in parts}
    assert counts == {
        "train": {"db": 24, "ai": 4},
        "val": {"db": 12, "ai": 2},
        "test": {"db": 4, "ai": 4},
    }


def test_a_balanced_test_part_that_takes_all_of_a_label_is_an_error(
    prepared: Prepare, make_documents: Make
) -> None:
    recipe = PreparationRecipe(rules=ANY_LENGTH, test_per_class=9)
    with pytest.raises(RecordError, match="ai \\(10\\)") as raised:
        prepared(make_documents(db=40, ai=10), recipe)
    assert "test fewer of each than --test-per-class 9" in (raised.value.remedy or "")


def test_without_a_balanced_test_part_its_option_is_no_remedy(
    prepared: Prepare, make_documents: Make
) -> None:
    with pytest.raises(RecordError, match="Too few") as raised:
        prepared(make_documents(db=40, ai=2), PreparationRecipe(rules=ANY_LENGTH))
    assert "--test-per-class" not in (raised.value.remedy or "")


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
    rules = QualityRules(
        min_words=3,
        labels=frozenset({"db", "ai"}),
        are_english=lambda texts: [bool(text) for text in texts],
    )
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
        "split": "stratified",
        "near_duplicates": None,
        "keep_together": 0.4,
        "several_labels": False,
        "test_per_class": None,
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
    with pytest.raises(SettingError, match="test-per-class"):
        PreparationRecipe(test_per_class=0)
    with pytest.raises(SettingError, match="shared out by label"):
        PreparationRecipe(test_per_class=5, split=Split.TIME)
    with pytest.raises(SettingError, match="shared out by label"):
        PreparationRecipe(test_per_class=5, several_labels=True)


def test_progress_sees_every_document(make_documents: Make, now: datetime) -> None:
    class Counting(Silent):
        seen = 0

        def track(
            self, items: Iterable[T], doing: str, total: int | None = None, note: object = None
        ) -> Iterator[T]:
            assert doing
            assert total is note is None
            for item in items:
                self.seen += 1
                yield item

    progress = Counting()
    source = DocumentSource(iter(make_documents(db=8, ai=8)), {})
    recipe = PreparationRecipe(rules=ANY_LENGTH)
    prepare("shelves", source, recipe, now=now, progress=progress)
    assert progress.seen == 16


# Near-copies, groups, time, several labels, personal data


def part_of(dataset: Dataset) -> dict[str, str]:
    return {d.id: part for part, documents in dataset.parts.items() for d in documents}


def with_copies(documents: list[Document]) -> list[Document]:
    """Each with a copy that says one word more."""
    copies = [replace(d, id=f"{d.id}-copy", text=f"{d.text} again", title="") for d in documents]
    return [*documents, *copies]


def test_near_copies_never_straddle_a_split(prepared: Prepare, make_documents: Make) -> None:
    documents = with_copies(make_documents(db=30, ai=20))
    dataset = prepared(documents, PreparationRecipe(rules=ANY_LENGTH))
    parts = part_of(dataset)
    assert len(parts) == 100
    assert [id_ for id_ in parts if parts[id_.removesuffix("-copy")] != parts[id_]] == []
    assert dataset.counts() == {
        "train": {"ai": 32, "db": 48},
        "val": {"ai": 4, "db": 6},
        "test": {"ai": 4, "db": 6},
    }


def test_near_copies_straddle_a_split_where_nobody_keeps_them_together(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = with_copies(make_documents(db=30, ai=20))
    parts = part_of(prepared(documents, PreparationRecipe(rules=ANY_LENGTH, keep_together=1)))
    assert any(parts[id_.removesuffix("-copy")] != parts[id_] for id_ in parts)


def test_of_near_duplicates_the_first_is_kept(prepared: Prepare, make_documents: Make) -> None:
    documents = with_copies(make_documents(db=10, ai=10))
    dataset = prepared(documents, PreparationRecipe(rules=ANY_LENGTH, near_duplicates=0.8))
    assert dataset.dropped == {"near_duplicate": 20}
    assert {d.id for d in rows(dataset)} == {d.id for d in make_documents(db=10, ai=10)}


def test_near_duplicates_under_another_label_are_listed(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = make_documents(db=10, ai=10)
    again = replace(
        documents[0], id="other", label="ai", title="", text=f"{documents[0].text} again"
    )
    recipe = PreparationRecipe(rules=ANY_LENGTH, near_duplicates=0.8)
    dataset = prepared([*documents, again], recipe)
    assert dataset.dropped == {"near_duplicate": 1}
    assert dataset.conflicts == (Conflict("db-0", "db", "other", "ai"),)


def test_documents_of_one_group_stay_together(prepared: Prepare, make_documents: Make) -> None:
    documents = [
        replace(d, group=f"thread {number // 4}")
        for number, d in enumerate(make_documents(db=80, ai=40))
    ]
    dataset = prepared(documents, PreparationRecipe(rules=ANY_LENGTH, split=Split.GROUP))
    parts = part_of(dataset)
    by_group = {
        d.group: {parts[other.id] for other in rows(dataset) if other.group == d.group}
        for d in rows(dataset)
    }
    assert {len(found) for found in by_group.values()} == {1}
    assert dataset.sizes() == {"train": 96, "val": 12, "test": 12}


def test_a_group_and_its_near_copies_stay_together(prepared: Prepare, make_documents: Make) -> None:
    documents = [
        replace(d, group=f"{d.label} {int(d.id.split('-')[1]) % 10}")
        for d in make_documents(db=40, ai=40)
    ]
    copies = [
        replace(d, id=f"{d.id}-copy", text=f"{d.text} again", title="", group=None)
        for d in documents
    ]
    dataset = prepared(
        [*documents, *copies], PreparationRecipe(rules=ANY_LENGTH, split=Split.GROUP)
    )
    parts = part_of(dataset)
    assert [id_ for id_ in parts if parts[id_.removesuffix("-copy")] != parts[id_]] == []


def test_by_time_the_newest_test(prepared: Prepare, make_documents: Make) -> None:
    documents = [
        replace(d, published=f"{1990 + int(d.id.split('-')[1])}-03")
        for d in make_documents(db=20, ai=20)
    ]
    dataset = prepared(documents, PreparationRecipe(rules=ANY_LENGTH, split=Split.TIME))
    years = {
        part: sorted(int((d.published or "")[:4]) for d in documents)
        for part, documents in dataset.parts.items()
    }
    assert years["train"][-1] <= years["val"][0] <= years["val"][-1] <= years["test"][0]
    assert dataset.sizes() == {"train": 32, "val": 4, "test": 4}


def test_by_time_the_original_of_a_tested_copy_is_left_out(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = [
        replace(d, published=f"{1990 + int(d.id.split('-')[1])}")
        for d in make_documents(db=20, ai=20)
    ]
    late = replace(
        documents[0], id="late", text=f"{documents[0].text} again", title="", published="2020-01-01"
    )
    dataset = prepared([*documents, late], PreparationRecipe(rules=ANY_LENGTH, split=Split.TIME))
    assert part_of(dataset)["late"] == "test"
    assert documents[0].id not in part_of(dataset)
    assert dataset.dropped == {"older_copy": 1}
    years = {part: [(d.published or "")[:4] for d in ds] for part, ds in dataset.parts.items()}
    assert max(years["train"]) <= min(years["val"]) <= max(years["val"]) <= min(years["test"])


def test_by_time_a_label_may_be_learned_as_the_second_of_several(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = [
        replace(
            d,
            label="a",
            labels=("a", "b") if number % 2 else ("a", "c"),
            published=f"{1950 + number}",
        )
        for number, d in enumerate(make_documents(db=50))
    ]
    recipe = PreparationRecipe(rules=ANY_LENGTH, split=Split.TIME, several_labels=True)
    assert prepared(documents, recipe).sizes() == {"train": 40, "val": 5, "test": 5}


@pytest.mark.parametrize("published", [None, "", "spring 2019", "2019-13-01"])
def test_by_time_every_document_needs_a_date(
    published: str | None, prepared: Prepare, make_documents: Make
) -> None:
    documents = make_documents(db=10, ai=10)
    documents[3] = replace(documents[3], published=published)
    with pytest.raises(RecordError, match="1 of 20 documents have no date"):
        prepared(documents, PreparationRecipe(rules=ANY_LENGTH, split=Split.TIME))


def test_by_time_nothing_is_tested_that_was_never_learned(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = [
        replace(d, published="2001" if d.label == "db" else "2019")
        for d in make_documents(db=36, ai=4)
    ]
    with pytest.raises(RecordError, match=r"oldest part lacks .* ai"):
        prepared(documents, PreparationRecipe(rules=ANY_LENGTH, split=Split.TIME))


def test_documents_may_have_several_labels(prepared: Prepare, make_documents: Make) -> None:
    documents = [
        replace(d, labels=("ai", "db") if number % 4 == 0 else (d.label or "",))
        for number, d in enumerate(make_documents(db=60, ai=40))
    ]
    recipe = PreparationRecipe(rules=ANY_LENGTH, several_labels=True)
    dataset = prepared(documents, recipe)
    assert dataset.labels == ("ai", "db")
    assert Counter(d.label for d in rows(dataset)) == {"db": 60, "ai": 40}
    assert dataset.counts() == {
        "train": {"ai": 44, "db": 56},
        "val": {"ai": 6, "db": 7},
        "test": {"ai": 5, "db": 7},
    }
    both = {part: sum(len(d.labels) == 2 for d in ds) for part, ds in dataset.parts.items()}
    assert sum(both.values()) == 25
    assert min(both.values()) >= 2


@pytest.mark.parametrize("groups", [1, 2])
def test_no_part_is_empty_unsaid(groups: int, prepared: Prepare, make_documents: Make) -> None:
    documents = [
        replace(d, labels=("x", d.label or ""), group=str(number % groups))
        for number, d in enumerate(make_documents(db=20, ai=20))
    ]
    recipe = PreparationRecipe(rules=ANY_LENGTH, split=Split.GROUP, several_labels=True)
    with pytest.raises(RecordError, match="a part is empty"):
        prepared(documents, recipe)


def test_of_several_labels_the_expected_ones_are_kept(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = [replace(d, labels=("x", d.label or "")) for d in make_documents(db=10, ai=10, x=5)]
    rules = QualityRules(min_words=0, labels=frozenset({"db", "ai"}))
    dataset = prepared(documents, PreparationRecipe(rules=rules, several_labels=True))
    assert {d.labels for d in rows(dataset)} == {("ai",), ("db",)}
    assert {d.label for d in rows(dataset)} == {"ai", "db"}
    assert dataset.dropped == {"unknown_label": 5}


def test_a_repetition_under_another_label_is_listed(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = make_documents(db=10, ai=10)
    again = [
        replace(documents[0], id="same", title=""),
        replace(documents[1], id="other", label="ai"),
    ]
    dataset = prepared([*documents, *again], PreparationRecipe(rules=ANY_LENGTH))
    assert dataset.conflicts == (Conflict("db-1", "db", "other", "ai"),)


def test_one_paper_under_two_ids_is_kept_once(prepared: Prepare, make_documents: Make) -> None:
    documents = [replace(d, ids=(f"doi:10.1/{d.id}",)) for d in make_documents(db=10, ai=10)]
    other = replace(documents[0], id="pmid-7", title="", text="Quite another wording of it all.")
    dataset = prepared([*documents, other], PreparationRecipe(rules=ANY_LENGTH))
    assert dataset.dropped == {"duplicate_id": 1}


def test_personal_data_is_replaced_before_anything_is_kept(
    prepared: Prepare, make_documents: Make
) -> None:
    documents = [
        replace(
            d,
            text=f"{d.text} Write to {d.label}@example.org or +44 20 7946 0958.",
            title=f"{d.title} http://a.org/?id={d.id}",
            authors=("Ann (ann@example.org)",),
            group="ann@example.org",
            id=f"{d.id}@example.org",
            ids=(f"doi:10.1/{d.id}", f"mail:{d.id}@example.org"),
            published="2019, ann@example.org",
        )
        for d in make_documents(db=10, ai=10)
    ]
    recipe = PreparationRecipe(rules=ANY_LENGTH, steps=(REDACTION, *DEFAULT_STEPS))
    dataset = prepared(documents, recipe)
    assert dataset.recipe["cleaning"][0] == "redaction@1"
    for document in rows(dataset):
        assert "[EMAIL] or [PHONE]" in document.text
        assert document.title.endswith("[URL]")
        assert document.authors == ("Ann ([EMAIL])",)
        assert document.published == "2019, [EMAIL]"
        assert [known_as.partition(":")[0] for known_as in document.ids] == ["doi"]
        assert document.id.startswith("sha256-")
        assert "@" not in str(document)
    groups = {d.group for d in rows(dataset)} | {d.group for d in rows(prepared(documents, recipe))}
    assert len(groups) == 2


@pytest.mark.parametrize("similarity", [0.39, 1.1, -1.0, float("nan")])
def test_a_similarity_that_can_t_be_told_is_refused(similarity: float) -> None:
    with pytest.raises(SettingError, match="--near-duplicates"):
        PreparationRecipe(near_duplicates=similarity)
    with pytest.raises(SettingError, match="--keep-together"):
        PreparationRecipe(keep_together=similarity)
