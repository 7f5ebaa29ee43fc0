"""What ensembles and cascades share: members with parameters and folders of their own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from classmark.errors import SettingError
from classmark.models import (
    Family,
    Milestone,
    TrainingData,
    family_class,
    keep_logs,
    load_classifier,
)
from classmark.models.cascade import CascadeFamily, CascadeParameters
from classmark.models.ensemble import EnsembleFamily, EnsembleParameters
from classmark.models.linear import LinearFamily, LinearParameters
from classmark.models.model import Learned, TrainingSite
from classmark.progress import Silent

# What the fixtures of this room give: see conftest.py.
Samples = Any
AskFresh = Callable[..., Any]


class KilledError(Exception):
    """The process dies here."""


class InEpochs(LinearFamily):
    """A linear family that tells of epochs, notes when it trains, and may die on the way."""

    def __init__(self, parameters: LinearParameters, *, dies: bool = False) -> None:
        super().__init__(parameters)
        self.dies = dies
        self.trained = 0
        self.found: list[str] = []

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        self.trained += 1
        if site.checkpoints is not None:
            site.checkpoints.mkdir(parents=True, exist_ok=True)
            self.found = sorted(path.name for path in site.checkpoints.iterdir())
            (site.checkpoints / "half-way").touch()
        for epoch in (1, 2):
            site.announce(Milestone(epoch, {"val_accuracy": 0.5}))
        if self.dies:
            raise KilledError
        return super()._learn(data, site)


def words(longest: int) -> InEpochs:
    return InEpochs(LinearParameters(longest_ngram=longest))


def both(one: Family, other: Family) -> EnsembleFamily:
    return EnsembleFamily(EnsembleParameters(members="one,other"), {"one": one, "other": other})


# Parameters


def test_a_member_gets_the_parameters_that_are_written_behind_its_family() -> None:
    given = {"encoder.max_tokens": "128", "linear.longest_ngram": "1", "method": "vote"}
    assert family_class("ensemble").with_parameters(given).parameters == {
        "members": "linear,encoder",
        "method": "vote",
        "weights": None,
        "inverse_regularisation": None,
        "class_weights": None,
        "linear": family_class("linear").with_parameters({"longest_ngram": "1"}).parameters,
        "encoder": family_class("encoder").with_parameters({"max_tokens": "128"}).parameters,
    }


def test_members_of_members_get_theirs_and_brackets_tell_what_contains_what() -> None:
    given = {
        "strong": "ensemble",
        "ensemble.members": " encoder , linear",
        "ensemble.encoder.max_tokens": "64",
        "linear.longest_ngram": "1",
    }
    family = family_class("cascade").with_parameters(given)
    assert family.parameters["ensemble"]["encoder"]["max_tokens"] == 64
    assert family.parameters["ensemble"]["members"] == "encoder,linear"
    assert family.parameters["ensemble"]["linear"]["longest_ngram"] == 2
    assert family.parameters["linear"]["longest_ngram"] == 1
    assert family.architecture == "cascade:linear+(ensemble:encoder:minilm+linear)"


@pytest.mark.parametrize(
    ("family", "given", "message", "remedy"),
    [
        ("ensemble", {"members": "linear,oracle"}, "no model family 'oracle'", "linear, encoder"),
        ("ensemble", {"members": "linear,"}, "no model family ''", "linear, encoder"),
        ("ensemble", {"members": "linear"}, "'linear' alone", "Choose among: linear, encoder"),
        ("ensemble", {"members": ""}, "'' alone is named", "Choose among: linear, encoder"),
        ("ensemble", {"members": "linear,linear"}, "'linear' is named twice", "linear, encoder"),
        ("cascade", {"cheap": "encoder"}, "'encoder' is named twice", "Choose among: linear"),
        ("cascade", {"strong": "Encoder"}, "no model family 'Encoder'", "linear, encoder"),
        ("cascade", {"cheap": "cascade"}, "can't contain itself", "Choose among: linear"),
        ("ensemble", {"members": "linear,ensemble"}, "can't contain itself", "Choose among: l"),
        (
            "ensemble",
            {"members": "encoder,cascade", "cascade.strong": "ensemble"},
            "can't contain itself, as it would by 'cascade'",
            "Choose among: linear",
        ),
        ("ensemble", {"oracle.depth": "1"}, "Unknown parameter: oracle.depth", "linear.PARAMETER"),
        ("ensemble", {"linear": "1"}, "Unknown parameter: linear", "members, method, weights"),
        ("cascade", {"strong": "ensemble", "encoder.max_tokens": "9"}, "encoder.max_tokens", "ens"),
        ("cascade", {"linear.mint": "1"}, "Member 'linear': Unknown.* mint", "longest_ngram"),
        ("cascade", {"linear.longest_ngram": "0"}, "Member 'linear': .*longest_ngram", "--set"),
        ("cascade", {"margin": "-0.1"}, "margin", "--set"),
        ("cascade", {"margin": "nan"}, "margin", "--set"),
        ("ensemble", {"method": "shout"}, "method.*'stack' or 'vote'", "--set"),
        ("ensemble", {"method": "vote", "weights": "1,x"}, "weights", "--set"),
        ("ensemble", {"method": "vote", "weights": "1,-1"}, "weights", "--set"),
        ("ensemble", {"method": "vote", "weights": "1,nan"}, "weights", "--set"),
        ("ensemble", {"method": "vote", "weights": "1"}, "weights are '1'", "for each member"),
        ("ensemble", {"method": "vote", "weights": "0,0"}, "weights are '0,0'", "above 0"),
        ("ensemble", {"weights": "1,1"}, "weights is no parameter of method=stack", "Leave it"),
        (
            "ensemble",
            {"method": "vote", "inverse_regularisation": "1"},
            "inverse_regularisation is no parameter of method=vote",
            "Leave it out",
        ),
    ],
)
def test_what_can_not_be_is_named_with_what_can(
    family: str, given: dict[str, str], message: str, remedy: str
) -> None:
    with pytest.raises(SettingError, match=message) as refused:
        family_class(family).with_parameters(given)
    assert remedy in refused.value.remedy


# Training


def test_every_member_is_a_whole_artifact_and_nothing_is_there_twice(
    samples: Samples, tmp_path: Path
) -> None:
    family = both(words(1), words(2))
    outcome = family.train(samples.data, tmp_path, Silent())
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    every = {"config.json", "examples.json", "label_map.json"}
    whole = {*every, "model.safetensors", "vocabulary.txt"}
    assert files == {
        *every,
        "combination.safetensors",
        *(f"members/{name}/{file}" for name in ("0_one", "1_other") for file in whole),
    }
    for name in ("one", "other"):
        told = outcome.details["members"][name]
        assert told["parity"]["exports"]["fp32"]["label_share"] == 1
        assert told["architecture"] == "linear"
    assert load_classifier(tmp_path / "members" / "0_one").labels == ("cs.CV", "cs.DB", "cs.RO")


def test_who_listens_hears_epochs_that_rise_over_all_members(
    samples: Samples, tmp_path: Path
) -> None:
    heard: list[Milestone] = []
    both(words(1), words(2)).train(samples.data, tmp_path, Silent(), announce=heard.append)
    assert heard == [Milestone(epoch, {"val_accuracy": 0.5}) for epoch in (1, 2, 3, 4)]


def test_who_listens_may_stop_it(samples: Samples, tmp_path: Path) -> None:
    def stop(milestone: Milestone) -> None:
        if milestone.epoch == 3:
            raise KilledError

    last = words(2)
    with pytest.raises(KilledError):
        both(words(1), last).train(samples.data, tmp_path / "artifact", Silent(), announce=stop)
    assert last.trained == 1
    assert not (tmp_path / "artifact").exists()


def test_a_killed_training_does_not_train_again_what_was_finished(
    samples: Samples, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    dying = InEpochs(LinearParameters(longest_ngram=2), dies=True)
    with pytest.raises(KilledError):
        both(words(1), dying).train(samples.data, tmp_path / "killed", Silent(), checkpoints=kept)
    assert sorted(path.name for path in kept.iterdir()) == ["0_one", "1_other"]
    first, second = words(1), words(2)
    heard: list[Milestone] = []
    outcome = both(first, second).train(
        samples.data, tmp_path / "resumed", Silent(), checkpoints=kept, announce=heard.append
    )
    assert (first.trained, second.trained) == (0, 1)
    assert second.found == ["half-way"]
    assert [milestone.epoch for milestone in heard] == [3, 4]
    at_once = both(words(1), words(2)).train(samples.data, tmp_path / "at once", Silent())
    assert outcome == at_once
    assert contents(tmp_path / "resumed") == contents(tmp_path / "at once")


def test_a_finished_member_keeps_no_checkpoints_of_its_own(
    samples: Samples, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    both(words(1), words(2)).train(samples.data, tmp_path / "a", Silent(), checkpoints=kept)
    for member in ("0_one", "1_other"):
        assert [path.name for path in (kept / member).iterdir()] == ["finished"]
    assert orjson.loads((kept / "0_one" / "finished" / "outcome.json").read_bytes())["epochs"] == 2


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Stopped(Exception):  # noqa: N818 (nothing is wrong)
    """Ends a training where it stands."""


def test_a_transformer_is_a_member_that_is_gone_on_with_and_keeps_its_logs(
    samples: Samples, tiny_backbone: Path, tmp_path: Path, ask_fresh: AskFresh
) -> None:
    settings = {"backbone": str(tiny_backbone), "max_tokens": "16", "epochs": "1"}
    given = {f"transformer.{key}": value for key, value in settings.items()}
    family = family_class("ensemble").with_parameters({"members": "linear,transformer", **given})
    kept, artifact = tmp_path / "checkpoints", tmp_path / "artifact"

    def stop(_: Milestone) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        family.train(samples.data, artifact, Silent(), checkpoints=kept, announce=stop)
    linear = kept / "0_linear" / "finished"
    finished = linear.stat().st_ino
    outcome = family.train(samples.data, artifact, Silent(), checkpoints=kept)
    assert linear.stat().st_ino == finished
    assert outcome.architecture == f"ensemble:linear+transformer:{tiny_backbone}"
    assert list(outcome.details["members"]["transformer"]["parity"]["exports"]) == ["fp32", "int8"]

    keep_logs(kept, tmp_path / "logs")
    logs = tmp_path / "logs"
    assert [path.name for path in logs.iterdir()] == ["1_transformer"]
    assert any(path.stat().st_size > 100 for path in logs.glob("1_transformer/events*"))
    texts = samples.held_out.texts[:12]
    here = [list(load_classifier(artifact).classify(text).probabilities) for text in texts]
    fresh = ask_fresh(artifact, texts)
    assert fresh.rows == here
    assert {name.partition(".")[0] for name in fresh.loaded} & {"torch", "transformers"} == set()


# Composites of composites


def test_a_cascade_to_an_ensemble_answers_in_a_fresh_process_as_here(
    samples: Samples, tmp_path: Path, ask_fresh: AskFresh
) -> None:
    parameters = CascadeParameters(cheap="quick", strong="both")
    family = CascadeFamily(parameters, {"quick": words(1), "both": both(words(1), words(2))})
    data = replace(samples.data, validation=samples.held_out)
    family.train(data, tmp_path, Silent())
    assert (tmp_path / "members" / "1_both" / "members" / "0_one" / "config.json").is_file()
    texts = samples.held_out.texts
    here = [list(load_classifier(tmp_path).classify(text).probabilities) for text in texts]
    fresh = ask_fresh(tmp_path, texts)
    assert fresh.rows == here
    assert {name.partition(".")[0] for name in fresh.loaded} & {
        "torch",
        "sklearn",
        "scipy",
    } == set()
