"""The families by name; heavy parts arrive when they are asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from classmark.errors import SettingError
from classmark.models import CATALOGUE, Classifier, Family, family_class
from classmark.models.catalogue import CatalogueEntry

HEAVY = {"torch", "transformers", "sklearn", "scipy", "onnx", "onnxruntime", "tokenizers"}


def in_fresh_process(code: str) -> str:
    """What a Python process of its own prints in the end."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().rpartition("\n")[2]


def test_every_family_is_known_by_its_own_name() -> None:
    assert {"linear", "encoder", "ensemble", "cascade"} <= set(CATALOGUE)
    for name in CATALOGUE:
        assert family_class(name).name == name
        assert issubclass(family_class(name), Family)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_what_answers_stands_in_another_module_than_what_learns(entry: CatalogueEntry) -> None:
    module, _, name = entry.classifier.partition(":")
    assert module != entry.family.partition(":")[0]
    found = getattr(__import__(module, fromlist=[name]), name)
    assert issubclass(found, Classifier)


@pytest.mark.parametrize("name", ["oracle", "", "Linear", "linear "])
def test_an_unknown_family_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(SettingError, match=f"no model family '{name}'") as refused:
        family_class(name)
    assert refused.value.remedy == f"Choose one of: {', '.join(CATALOGUE)}."


def test_the_room_loads_no_family_before_it_is_asked_for() -> None:
    printed = in_fresh_process(
        "import json, sys; import classmark.models; print(json.dumps(sorted(sys.modules)))"
    )
    assert {name.partition(".")[0] for name in json.loads(printed)} & HEAVY == set()


def test_the_linear_family_learns_without_torch() -> None:
    printed = in_fresh_process(
        "import json, sys; from classmark.models import family_class;"
        "family_class('linear').with_parameters({}); print(json.dumps(sorted(sys.modules)))"
    )
    loaded = {name.partition(".")[0] for name in json.loads(printed)}
    assert "sklearn" in loaded
    assert loaded & {"torch", "transformers", "onnx", "onnxruntime"} == set()


@pytest.mark.parametrize(("family", "absent"), [("linear", "sklearn"), ("encoder", "torch")])
def test_where_a_part_is_not_installed_its_extra_is_named(
    family: str, absent: str, tmp_path: Path
) -> None:
    # An import of what sys.modules maps to None fails as if it were not installed.
    printed = in_fresh_process(
        f"import sys; sys.modules[{absent!r}] = None\n"
        "from classmark.errors import MissingExtraError\n"
        "from classmark.models import family_class\n"
        f"try: family_class({family!r})\n"
        "except MissingExtraError as error: print(error)"
    )
    assert f"Training '{family}' needs the 'train' extra" in printed
    assert "pip install 'classmark[train]'" in printed
    assert list(tmp_path.iterdir()) == []
