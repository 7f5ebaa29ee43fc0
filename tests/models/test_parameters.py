"""Parameters as they come from `--set KEY=VALUE`."""

from dataclasses import dataclass

import pytest

from classmark.errors import SettingError
from classmark.models.parameters import Count, Strength, Weight, parsed_parameters


@dataclass(frozen=True, slots=True)
class Oven:
    """Something with one parameter of each kind."""

    name: str = "hearth"
    trays: Count = 2
    heat: Strength = 10.0
    steam: Weight | None = None
    fan: bool = False


def test_what_is_not_given_keeps_its_default() -> None:
    assert parsed_parameters(Oven, {}) == Oven()


def test_texts_become_values_of_their_kind() -> None:
    given = {"name": "3", "trays": "4", "heat": "1e-3", "steam": "0", "fan": "true"}
    assert parsed_parameters(Oven, given) == Oven("3", 4, 0.001, 0.0, fan=True)


@pytest.mark.parametrize("nothing", ["none", "None", "NONE"])
def test_none_is_nothing_where_nothing_may_be(nothing: str) -> None:
    assert parsed_parameters(Oven, {"steam": nothing}) == Oven()
    with pytest.raises(SettingError, match="trays"):
        parsed_parameters(Oven, {"trays": nothing})


def test_unknown_keys_are_named_and_the_known_ones_listed() -> None:
    with pytest.raises(SettingError) as refused:
        parsed_parameters(Oven, {"trays": "1", "salt": "1", "Fan": "true"})
    assert refused.value.message == "Unknown parameter: Fan, salt. Did you mean 'fan'?"
    assert refused.value.remedy == "Known are: name, trays, heat, steam, fan."


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trays", "0"),
        ("trays", "1.5"),
        ("trays", ""),
        ("heat", "0"),
        ("heat", "-1"),
        ("heat", "inf"),
        ("heat", "nan"),
        ("heat", "hot"),
        ("steam", "-0.1"),
        ("steam", "nan"),
        ("fan", "perhaps"),
    ],
)
def test_a_value_that_can_not_be_is_named_with_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"\({key}"):
        parsed_parameters(Oven, {key: value})


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(SettingError, match=r"trays.*; heat") as refused:
        parsed_parameters(Oven, {"trays": "many", "heat": "hot", "fan": "true"})
    assert "fan" not in refused.value.message
