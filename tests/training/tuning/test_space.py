"""What a search tries: the family's own space, with what its user says."""

import pytest

from classmark.errors import SettingError
from classmark.models import Choices, Problem, Range, family_class
from classmark.training import search_space
from classmark.training.tuning.space import grid_points, parsed_search

LINEAR, ENSEMBLE = family_class("linear"), family_class("ensemble")


def test_without_a_word_the_space_is_the_family_s_own() -> None:
    assert search_space(LINEAR, {}, {}) == LINEAR.search_space


def test_what_is_fixed_is_not_searched() -> None:
    space = search_space(LINEAR, {"longest_ngram": "2", "max_terms": "100"}, {})
    assert set(space) == set(LINEAR.search_space) - {"longest_ngram"}


def test_of_several_labels_what_the_family_can_not_have_there_is_not_searched() -> None:
    own = set(LINEAR.search_space) - {"bayes_weight"}
    assert set(search_space(LINEAR, {}, {}, Problem.MULTI_LABEL)) == own
    more = search_space(LINEAR, {}, {"max_terms": "100..900"}, Problem.MULTI_LABEL)
    assert set(more) == own | {"max_terms"}


@pytest.mark.parametrize(
    ("family", "fixed", "given", "told"),
    [
        ("linear", {}, {"bayes_weight": "0,1"}, "bayes_weight is 1"),
        ("linear", {"bayes_weight": "2"}, {}, "bayes_weight is 2"),
        ("ensemble", {}, {}, "learns one label for each text"),
    ],
)
def test_of_several_labels_what_can_not_be_learned_is_refused(
    family: str, fixed: dict[str, str], given: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        search_space(family_class(family), fixed, given, Problem.MULTI_LABEL)


def test_a_search_takes_the_place_of_the_family_s_own_or_adds_to_it() -> None:
    space = search_space(LINEAR, {}, {"longest_ngram": "1,2", "max_terms": "100..1000:log"})
    assert space["longest_ngram"] == Choices((1, 2))
    assert space["max_terms"] == Range(100, 1000, is_log=True, is_whole=True)
    assert space["bayes_weight"] == LINEAR.search_space["bayes_weight"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("inverse_regularisation", "1..10", Range(1, 10)),
        ("inverse_regularisation", " 1e-2 .. 1e+2 :log", Range(0.01, 100, is_log=True)),
        ("longest_ngram", "1..3", Range(1, 3, is_whole=True)),
        ("min_documents", "none, 2,3", Choices((None, 2, 3))),
        ("bayes_weight", "0,0.5", Choices((0.0, 0.5))),
    ],
)
def test_a_search_is_read_as_the_parameter_s_type(
    name: str, text: str, found: Range | Choices
) -> None:
    assert parsed_search(LINEAR, {}, name, text) == found


def test_a_member_s_parameters_are_searched_by_its_name_and_theirs() -> None:
    given = {"linear.max_terms": "100..900", "encoder.max_tokens": "64,128", "method": "vote,stack"}
    assert search_space(ENSEMBLE, {"encoder.batch_size": "8"}, given) == {
        "linear.max_terms": Range(100, 900, is_whole=True),
        "encoder.max_tokens": Choices((64, 128)),
        "method": Choices(("vote", "stack")),
    }
    deep = {"strong": "ensemble"}, {"ensemble.linear.bayes_weight": "0..1"}
    assert search_space(family_class("cascade"), *deep) == {
        "ensemble.linear.bayes_weight": Range(0, 1)
    }


@pytest.mark.parametrize(
    ("fixed", "given", "told"),
    [
        ({}, {"linear": "1..2"}, "Unknown parameter: linear"),
        ({}, {"encoder.flavour": "1,2"}, "Unknown parameter: encoder.flavour"),
        ({}, {"transformer.epochs": "1..2"}, "Unknown parameter: transformer.epochs"),
        ({}, {"encoder.max_tokens": "1..2.5"}, "encoder.max_tokens takes whole numbers"),
        ({}, {"linear.longest_ngram": "0,1"}, "Member 'linear': .*longest_ngram"),
        ({"linear.mint": "1"}, {"method": "vote,stack"}, "Unknown parameter: mint"),
    ],
)
def test_what_a_member_can_not_have_is_told(
    fixed: dict[str, str], given: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        search_space(ENSEMBLE, fixed, given)


def test_where_nothing_is_left_to_search_it_is_told_what_could_be() -> None:
    with pytest.raises(SettingError, match="nothing to search of family 'ensemble'") as told:
        search_space(ENSEMBLE, {"encoder.max_tokens": "64"}, {})
    assert "linear.longest_ngram" in told.value.remedy
    assert "encoder.max_tokens" not in told.value.remedy


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"flavour": "1..2"}, "Unknown parameter: flavour"),
        ({"longest_ngram": "2"}, "nothing to choose"),
        ({"longest_ngram": "1,1"}, "nothing to choose"),
        ({"longest_ngram": "3..1"}, "no range"),
        ({"longest_ngram": "1..2.5"}, "takes whole numbers"),
        ({"longest_ngram": "a..b"}, "could not convert"),
        ({"longest_ngram": "0..2"}, "longest_ngram"),
        ({"longest_ngram": "1,mint"}, "longest_ngram"),
        ({"inverse_regularisation": "0..1:log"}, "no range"),
        ({"inverse_regularisation": "1..nan"}, "no range"),
        ({"inverse_regularisation": "1..inf"}, "inverse_regularisation"),
        ({"inverse_regularisation": ""}, "inverse_regularisation"),
    ],
)
def test_a_search_that_can_not_be_is_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        search_space(LINEAR, {}, given)


def test_fixed_and_searched_at_once_is_refused() -> None:
    with pytest.raises(SettingError, match="at once: longest_ngram"):
        search_space(LINEAR, {"longest_ngram": "1"}, {"longest_ngram": "1,2"})


def test_a_fixed_value_that_can_not_be_is_told_before_anything_is_tried() -> None:
    with pytest.raises(SettingError, match="longest_ngram"):
        search_space(LINEAR, {"longest_ngram": "mint"}, {})


def test_nothing_left_to_search_is_told() -> None:
    with pytest.raises(SettingError, match="nothing to search"):
        search_space(LINEAR, dict.fromkeys(LINEAR.search_space, "1"), {})


def test_a_grid_has_every_combination_once_in_an_order_that_the_seed_decides() -> None:
    space = {"a": Choices((1, 2)), "b": Choices((None, "x", "y"))}
    one, same, other = (grid_points(space, seed) for seed in (1, 1, 2))
    assert len(one) == 6
    assert {(point["a"], point["b"]) for point in one} == {
        (a, b) for a in (1, 2) for b in (None, "x", "y")
    }
    assert one == same
    assert one != other
    assert sorted(map(str, one)) == sorted(map(str, other))


def test_a_grid_that_nobody_could_walk_is_refused() -> None:
    space = {str(number): Choices(tuple(range(10))) for number in range(6)}
    with pytest.raises(SettingError, match="1,000,000 points"):
        grid_points(space, 0)
