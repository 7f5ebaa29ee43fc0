"""`classmark cross-validate` compares families and says which is best."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from classmark.cli.cross_validate import parameters_by_family
from classmark.errors import SettingError

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]


def test_a_family_is_measured_on_folds(classmark: Classmark, shelf: Path, tmp_path: Path) -> None:
    asked = ("cross-validate", "papers", "--family", "linear", "--folds", 2)
    given = ("--set", "linear.longest_ngram=1", "--home", shelf, "--json", tmp_path / "r.json")
    done = classmark(*asked, *given)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "r.json").read_bytes())
    (family,) = result["families"]
    assert (result["documents"], result["folds"], result["best"]) == (54, 2, None)
    assert family["parameters"] == {"longest_ngram": "1"}
    assert [fold["rows"] for fold in family["folds"]] == [27, 27]
    low, high = family["accuracy_interval"]
    assert 0 < low < family["accuracy"] < high <= 1
    assert "linear was measured alone. Test was not looked at." in done.stdout


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("nothing", "--family", "linear"), 3, "There is no dataset 'nothing'"),
        (("papers", "--family", "oracle"), 2, "no model family 'oracle'"),
        (("papers", "--family", "linear", "--folds", 1), 2, "in 1 folds"),
        (("papers", "--family", "linear", "--family", "linear"), 2, "once each"),
        (("papers", "--family", "linear", "--set", "encoder.a=1"), 2, "none of the families"),
        (("papers", "--family", "linear", "--set", "linear.a=1"), 2, "Unknown parameter: a"),
    ],
)
def test_what_can_not_be_is_told(
    inside: Classmark, shelf: Path, given: tuple[object, ...], code: int, told: str
) -> None:
    done = inside("cross-validate", *given, "--home", shelf)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_parameters_are_those_of_the_family_before_the_dot() -> None:
    given = ["linear.longest_ngram=1", "encoder.backbone=a.b=c"]
    assert parameters_by_family(given, ["linear", "encoder"]) == {
        "linear": {"longest_ngram": "1"},
        "encoder": {"backbone": "a.b=c"},
    }


@pytest.mark.parametrize("given", ["longest_ngram=1", "other.a=1", "linear=1", "linear.a"])
def test_a_parameter_without_its_family_is_refused(given: str) -> None:
    with pytest.raises(SettingError):
        parameters_by_family([given], ["linear"])
