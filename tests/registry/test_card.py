"""The model card tells what the metadata tell, and of nothing else that it knew it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from classmark.registry import Action, Status, VersionEvent, card_state, model_card

SECTIONS = [
    *("Details", "Intended use", "Data", "Metrics", "Limits", "Ethical notes"),
    "How to reproduce",
]


def figures(**given: Any) -> dict[str, Any]:
    found = {
        "rows": 40,
        "accuracy": 0.75,
        "accuracy_low": 0.598,
        "accuracy_high": 0.858,
        "macro_f1": 0.7456,
        "macro_f1_low": 0.594,
        "macro_f1_high": 0.922,
        "calibration_error": 0.1234,
        "coverage": 0.625,
        "accuracy_answered": 0.96,
        "latency_p50_ms": 12.34,
        "latency_p95_ms": 23.45,
    }
    return found | given


def of_class(recall: float, support: int) -> dict[str, float]:
    return {
        "precision": 0.5,
        "recall": recall,
        "recall_low": 0.1,
        "recall_high": 0.9,
        "f1": 0.6,
        "support": support,
    }


def metadata(**given: Any) -> dict[str, Any]:
    """Those of a version of texts that has everything."""
    test = figures(
        per_class={"fiction": of_class(0.9, 20), "poetry": of_class(0.6, 20)},
        confusions=[{"true": "poetry", "given": "fiction", "rows": 8, "support": 20}],
    )
    return {
        "name": "shelves_v1.2.3",
        "version": "v1.2.3",
        "created_at": "2024-05-06T07:08:09+00:00",
        "family": "encoder",
        "architecture": "encoder:minilm",
        "base_model": "minilm",
        "size_mb": 91.6,
        "labels": ["fiction", "poetry"],
        "hyperparameters": {"backbone": "minilm", "max_tokens": 256, "strength": None},
        "seed": 7,
        "reliability": {"method": "temperature", "accuracy": 0.9, "risk": 0.05},
        "calibration": {
            "method": "temperature",
            "temperature": 1.25,
            "selection_rows": 200,
            "abstain_below": 0.61,
            "promise": {"accuracy": 0.9, "risk": 0.05, "rows": 200, "coverage": 0.7},
            "shortcomings": [],
        },
        "dataset": {
            "name": "books",
            "snapshot": "158ffa80dd78",
            "fingerprint": "4e62",
            "source": {"path": "books.jsonl", "sha256": "3f49"},
            "read": 1000,
            "dropped": {"too_short": 30, "not_english": 2},
            "samples": 968,
            "split": {"train": 888, "val": 40, "test": 40},
            "counts": {"train": {"fiction": 800, "poetry": 88}, "test": {"fiction": 20}},
            "recipe": {
                "cleaning": ["redact@1", "unicode@1"],
                "language": "en",
                "split": "stratified",
                "near_duplicates": None,
                "keep_together": 0.4,
            },
        },
        "metrics": {"train": figures(accuracy=0.98), "test": test},
        "baseline": {
            "family": "linear",
            "accuracy": 0.5,
            "accuracy_interval": [0.35, 0.65],
            "p_value": 0.0123,
            "verdict": "Beats the linear baseline by 25.0 points (5.0 to 45.0).",
        },
        "tracking": {"uri": "https://tracking.example.org", "run_id": "ab12", "problem": ""},
        "git_commit": "cd" * 20,
        "libraries": {"numpy": "2.4.6"},
        "notes": "the second one",
    } | given


def without(known: dict[str, Any], *path: str) -> dict[str, Any]:
    """The metadata as a release had them that did not know one of them."""
    first, *rest = path
    if not rest:
        return {key: value for key, value in known.items() if key != first}
    return known | {first: without(known[first], *rest)}


def rendered(card: str) -> str:
    """The card as HTML, by a parser that lets HTML pass."""
    page: str = MarkdownIt("commonmark", {"html": True}).enable("table").render(card)
    return page


def test_a_card_has_every_section_in_its_order() -> None:
    assert re.findall(r"^## (.+)$", model_card(metadata()), re.MULTILINE) == SECTIONS
    assert re.findall(r"^## (.+)$", model_card({}), re.MULTILINE) == SECTIONS


@pytest.mark.parametrize(
    "told",
    [
        "# Model card of `shelves_v1.2.3`",
        "| architecture | encoder:minilm |",
        "| licence of the backbone | Apache-2.0 (all-MiniLM-L6-v2) |",
        "| size | 91.6 MB |",
        "run `ab12` at `https://tracking.example.org`",
        "one of 2 classes (fiction, poetry)",
        "texts that are not English",
        "| left out | too_short 30, not_english 2 |",
        "| poetry | 88 | 0 |",
        "| test | 40 | 75.0 % (59.8 to 85.8) | 74.6 % (59.4 to 92.2) | 0.123 | 12.3 ms | 23.4 ms |",
        "| poetry | 20 | 60.0 % (10.0 to 90.0) | 50.0 % | 0.600 |",
        "a temperature of 1.25, fitted on 200 documents of val",
        "below a confidence of 0.610. At least 90.0 % of the other answers are right",
        "with a risk of 5.0 % that this does not hold",
        "On the test part 62.5 % are answered, of which 96.0 % are right.",
        "Beats the linear baseline by 25.0 points (5.0 to 45.0).",
        "Its accuracy on the same rows is 50.0 % (35.0 to 65.0), p = 0.0123.",
        "Found least often: poetry (60.0 % of 20), fiction (90.0 % of 20).",
        "poetry for fiction (8 of 20)",
        "The test part is small (40 rows)",
        "98.0 % against 75.0 %",
        "At most 256 tokens",
        "e-mail addresses, phone numbers and URLs with a query were replaced",
        "classmark train books --model shelves --family encoder --set backbone=minilm --set",
        " --set max_tokens=256 --seed 7 --calibration temperature --promise 0.9 --risk 0.05\n",
    ],
)
def test_what_the_metadata_tell_the_card_tells(told: str) -> None:
    assert told in model_card(metadata())


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("git_commit",), "| commit | not stated |"),
        (("dataset", "counts"), "| parts | train 888, val 40, test 40 |"),
        (("dataset", "dropped"), "| left out | not stated |"),
        (("dataset", "recipe"), "Personal data: not stated."),
        (("metrics",), "Figures: not measured."),
        (("metrics", "test", "per_class"), "75.0 % (59.8 to 85.8)"),
        (("metrics", "test", "macro_f1_low"), "| 74.6 % | 0.123 |"),
        (("metrics", "test", "calibration_error"), "| not measured | 12.3 ms |"),
        (("baseline",), "Beside the baseline: not measured."),
        (("calibration",), "Calibration: not measured."),
        (("base_model",), "| backbone | minilm |"),
        (("reliability",), "--seed 7\n"),
        (("baseline",), "--risk 0.05\n"),
        (("tracking",), "| record of the training | none |"),
    ],
)
def test_what_a_release_did_not_know_is_not_invented(path: tuple[str, ...], told: str) -> None:
    assert told in model_card(without(metadata(), *path))


@given(st.sets(st.sampled_from(sorted(metadata()))))
def test_a_card_lacks_nothing_but_what_the_metadata_lack(missing: set[str]) -> None:
    known = {key: value for key, value in metadata().items() if key not in missing}
    card = model_card(known)
    assert "None" not in card
    assert "nan" not in card.split()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"base_model": "some/other", "hyperparameters": {}}, "backbone | not stated |"),
        ({"family": "linear", "baseline": None}, "this is the baseline's family"),
        (
            {"baseline": {"family": "linear", "problem": "It has no words."}},
            "Beside the baseline: not measured: It has no words.",
        ),
        (
            {"calibration": {"method": "none", "promise": None, "shortcomings": ["Too few."]}},
            "Abstaining: never; every text is answered. Too few.",
        ),
        (
            {"dataset": {"recipe": {"cleaning": ["unicode@1"]}}},
            "Personal data: not redacted",
        ),
        ({"family": "transformer", "baseline": None}, "--risk 0.05 --no-baseline\n"),
        ({"family": "linear", "baseline": None}, "--risk 0.05\n"),
        ({"teacher": "ag@v2.0.0"}, "| teacher | ag@v2.0.0 |"),
        ({"teacher": "ag@v2.0.0", "baseline": None}, " --teacher ag@v2.0.0 --no-baseline\n"),
        (
            {"parity": {"larger": {"ag@v2.0.0": {"label_share": 0.953, "accuracy": 0.912}}}},
            "ag@v2.0.0: 95.3 % of the validation rows answered alike, accuracy on them 91.2 % |",
        ),
        ({"hyperparameters": {"name": "a b; c"}}, "--set 'name=a b; c'"),
        (
            {"hyperparameters": {"members": "linear,encoder", "encoder": {"max_tokens": 64}}},
            "--set members=linear,encoder --set encoder.max_tokens=64 --seed",
        ),
        (
            {"base_model": None, "hyperparameters": {"encoder": {"backbone": "minilm"}}},
            "| backbone | minilm |",
        ),
    ],
)
def test_what_differs_is_told_as_it_is(given: dict[str, Any], told: str) -> None:
    assert told in model_card(metadata(**given))


def test_a_card_of_a_table_tells_its_errors() -> None:
    numbers = {"rows": 90, "mae": 1.5, "rmse": 2.25, "r2": None}
    card = model_card(
        {
            "name": "prices_v1.0.0",
            "labels": ["price"],
            "dataset": {"name": "homes", "kind": "table", "task": "regression"},
            "metrics": {"test": numbers},
            "baseline": {"comparisons": {"price": {"winner": None}}},
        }
    )
    assert "| test | 90 | 1.500 | 2.250 | not measured |" in card
    assert "a number for price" in card
    assert "price: not shown to differ." in card
    assert "Abstaining" not in card


def test_a_card_of_a_table_of_classes_tells_each_target() -> None:
    figures_of_target = figures(per_class={"oak": of_class(0.5, 40), "elm": of_class(0.9, 40)})
    del figures_of_target["rows"]
    compared = {"winner": "version", "difference": {"value": 0.1, "low": 0.05, "high": 0.15}}
    card = model_card(
        {
            "name": "trees_v1.0.0",
            "labels": ["elm", "oak"],
            "dataset": {"name": "woods", "kind": "table", "task": "classification"},
            "metrics": {
                "test": {"rows": 80, "accuracy": 0.7, "targets": {"tree": figures_of_target}}
            },
            "baseline": {"comparisons": {"tree": compared}},
        }
    )
    assert "| test | 80 |" in card
    assert "| oak | 40 |" in card
    assert "Found least often: oak (50.0 % of 40)" in card
    assert "tree: the version is better; version minus baseline 0.100 (0.050 to 0.150)." in card
    assert "a row with the columns of the table `woods`" in card
    assert "it names one" in card
    assert "unless it abstains" not in card
    assert "classmark train woods --kind table --model trees" in card


@pytest.mark.parametrize(
    "label", ["a|b", "<b>x</b>", "*x*", "`x`", "[x](http://y)", "a\n## b", "\\", "_x_", "&lt;"]
)
def test_a_label_is_shown_and_not_obeyed(label: str) -> None:
    assert elements_with(label) == elements_with("x")


@given(st.text(min_size=1, max_size=12))
def test_no_label_makes_or_breaks_an_element(label: str) -> None:
    assert elements_with(label) == elements_with("x")


def elements_with(label: str) -> list[str]:
    """The elements of the page of a card with one class, in their order."""
    test = figures(per_class={label: of_class(0.5, 4)})
    page = rendered(model_card(metadata(metrics={"test": test}, labels=[label])))
    return re.findall(r"<(\w+)", page)


def event(sequence: int, action: Action, version: str, before: str, after: str) -> VersionEvent:
    at = datetime(2024, 5, 6, sequence, tzinfo=UTC)
    live = (before or None, after or None)
    return VersionEvent(sequence, action, version, *live, "ada", "a | b", at, "", "")


def test_the_state_tells_when_a_version_was_live_and_what_happened_to_it() -> None:
    events = [
        event(1, Action.REGISTERED, "v1.0.0", "", ""),
        event(2, Action.PROMOTED, "v1.0.0", "", "v1.0.0"),
        event(3, Action.REGISTERED, "v1.1.0", "v1.0.0", "v1.0.0"),
        event(4, Action.PROMOTED, "v1.1.0", "v1.0.0", "v1.1.0"),
        event(5, Action.ROLLED_BACK, "v1.0.0", "v1.1.0", "v1.0.0"),
    ]
    assert card_state("v1.0.0", Status.PRODUCTION, events).splitlines() == [
        "| fact | value |",
        "| --- | --- |",
        "| status | production |",
        "| live | 2024-05-06 02:00:00 to 2024-05-06 04:00:00; since 2024-05-06 05:00:00 |",
        "",
        "| when (UTC) | what | who | why |",
        "| --- | --- | --- | --- |",
        r"| 2024-05-06 01:00:00 | registered v1.0.0 | ada | a \| b |",
        r"| 2024-05-06 02:00:00 | promoted v1.0.0 | ada | a \| b |",
        r"| 2024-05-06 04:00:00 | promoted v1.1.0 | ada | a \| b |",
        r"| 2024-05-06 05:00:00 | rolled back v1.0.0 | ada | a \| b |",
    ]
    assert "| live | never |" in card_state("v1.0.0", Status.TESTING, events[:1])
    card = model_card(metadata(), card_state("v1.0.0", Status.TESTING, events[:1]))
    assert card.index("## State") < card.index("## Details")
