"""How a version came to be, said from its metadata, whatever that leaves out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classmark.cli.version_facts import baseline_sentence, training_facts
from classmark.registry import RegisteredVersion, Status, Version

DATASET = {"name": "papers", "snapshot": "0123456789ab", "split": {"train": 80, "test": 10}}
PARITY = {
    "chosen": "int8",
    "rows": 1500,
    "exports": {"int8": {"label_share": 0.995, "largest_gap": 0.0123}},
}


def version_with(**metadata: Any) -> RegisteredVersion:
    return RegisteredVersion(
        model="shelf",
        version=Version(1, 0, 0),
        status=Status.TESTING,
        created_at=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
        folder=Path("shelf_v1.0.0"),
        digest="",
        metadata={"dataset": DATASET} | metadata,
    )


def test_all_that_is_known_is_said() -> None:
    version = version_with(
        family="encoder",
        architecture="encoder:minilm",
        base_model=None,
        hyperparameters={"max_tokens": 64, "l2": [0.1, 1]},
        seed=0,
        parity=PARITY,
        training_seconds=12.34,
        size_mb=70.369,
    )
    assert dict(training_facts(version)) == {
        "status": "testing",
        "registered": "2024-05-06 07:08:09 UTC",
        "family": "encoder",
        "architecture": "encoder:minilm",
        "parameters": "max_tokens 64, l2 [0.1, 1]",
        "seed": "0",
        "dataset": "papers, snapshot 0123456789ab",
        "documents": "train 80, test 10",
        "parity": (
            "serves as int8: 99.5 % of 1,500 validation labels as trained, largest probability "
            "gap 0.012"
        ),
        "training": "12.3 s",
        "size": "70.4 MB",
    }


def test_what_a_version_does_not_tell_is_left_out() -> None:
    named = [name for name, _ in training_facts(version_with(dataset={"name": "papers"}))]
    assert named == ["status", "registered", "dataset"]
    assert baseline_sentence(version_with()) == ""


def test_the_baseline_is_told_with_its_interval() -> None:
    baseline = {
        "family": "linear",
        "accuracy": 0.812,
        "difference": 0.031,
        "interval": [0.01, 0.052],
        "p_value": 0.00412,
    }
    assert baseline_sentence(version_with(baseline=baseline)) == (
        "When it was trained, the linear baseline had an accuracy of 81.2 % on the test part; this "
        "version differed by +3.1 points (+1.0 to +5.2, p = 0.00412)."
    )


def test_a_baseline_that_failed_is_told_too() -> None:
    found = baseline_sentence(version_with(baseline={"family": "linear", "problem": "No words."}))
    assert found == "There is no figure of the linear baseline: No words."
