"""An ensemble: several families answer, and their answers are put together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator
from safetensors.numpy import save_file

from classmark.errors import SettingError
from classmark.models.composition import Combined, Composite, Examination
from classmark.models.ensemble_runtime import COMBINATION, Combination, Vote
from classmark.models.head import row_weights
from classmark.models.parameters import ClassWeights, Strength
from classmark.models.stacking import fitted_stack, member_losses, voting_weights


def _without_spaces(names: str) -> str:
    return ",".join(name.strip() for name in names.split(","))


def _numbers(written: str) -> str:
    for number in written.split(","):
        try:
            is_weight = 0 <= float(number) < np.inf
        except ValueError:
            is_weight = False
        if not is_weight:
            raise ValueError(f"{number!r} is no weight")
    return written


@dataclass(frozen=True, slots=True)
class EnsembleParameters:
    """What can be set of the ensemble family, its members' parameters apart.

    Attributes:
        members: The families, as `linear,encoder`.
        method: `stack` (a logistic regression over the members' answers) or `vote` (their weighted
            mean).
        weights: Of the members' votes, as `1,2`; None chooses them by the log loss on the
            validation part.
        inverse_regularisation: C of the stack; None chooses among 0.0001, 0.001, 0.01 and 0.1 by
            cross-validation within the validation part.
        class_weights: `balanced` lets every class count the same in putting answers together.
    """

    members: Annotated[str, AfterValidator(_without_spaces)] = "linear,encoder"
    method: Literal["stack", "vote"] = "stack"
    weights: Annotated[str, AfterValidator(_numbers)] | None = None
    inverse_regularisation: Strength | None = None
    class_weights: ClassWeights = None


class EnsembleFamily(Composite):
    """Families that answer together, by stacking (Wolpert 1992) or by voting."""

    name: ClassVar[str] = "ensemble"
    parameters_class = EnsembleParameters

    @classmethod
    def _members_named(cls, parameters: EnsembleParameters) -> tuple[str, ...]:
        names = tuple(parameters.members.split(","))
        _check_method(parameters, len(names))
        return names

    def _weights(self, truth: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each validation row counts, shape (rows,)."""
        return row_weights(self._parameters.class_weights, truth)

    def _combined(self, examination: Examination, export: Path) -> Combined:
        if self._parameters.method == "vote":
            combination, details = _vote(examination, self._parameters.weights)
        else:
            combination, details = _stack(examination, self._parameters.inverse_regularisation)
        save_file(combination.tensors(), export / COMBINATION)
        rows = np.ascontiguousarray(np.moveaxis(examination.answers, 1, 0))
        # Row by row, as it is served: products of other shapes differ in their last digit.
        parent = np.stack([combination.probabilities(answers) for answers in rows])
        return Combined(parent, {**_scores(examination, parent), **details})


def _check_method(parameters: EnsembleParameters, members: int) -> None:
    """Let weights pass that belong to the method and to the members."""
    only_vote, only_stack = parameters.weights, parameters.inverse_regularisation
    wrong = "weights" if parameters.method == "stack" and only_vote else None
    if parameters.method == "vote" and only_stack is not None:
        wrong = "inverse_regularisation"
    if wrong:
        raise SettingError(
            f"{wrong} is no parameter of method={parameters.method}.",
            remedy="Leave it out, or choose the other one of stack and vote.",
        )
    if only_vote and (len(only_vote.split(",")) != members or not any(_parsed(only_vote))):
        raise SettingError(
            f"weights are {only_vote!r}, and there are {members} members.",
            remedy="Write a number for each member, as 1,2; one of them above 0.",
        )


def _vote(examination: Examination, given: str | None) -> tuple[Combination, Mapping[str, Any]]:
    weights = voting_weights(examination) if given is None else _parsed(given)
    vote = Vote(weights / weights.sum())
    return vote, {"weights": _by_member(examination, vote.weights)}


def _stack(examination: Examination, given: float | None) -> tuple[Combination, Mapping[str, Any]]:
    """The stack; the best member alone where the stack is worse on rows held out from it."""
    fitted, losses = fitted_stack(examination, given), member_losses(examination)
    best = int(losses.argmin())
    is_worse = fitted.losses[fitted.inverse_regularisation] > losses[best]
    details = {
        "inverse_regularisation": fitted.inverse_regularisation,
        "held_out_log_loss": {str(strength): loss for strength, loss in fitted.losses.items()},
        "fell_back_to": examination.members[best] if is_worse else None,
    }
    return Vote(np.eye(len(losses))[best]) if is_worse else fitted.stack, details


def _scores(examination: Examination, parent: NDArray[np.float64]) -> dict[str, Any]:
    """How often the members and the ensemble are right on the validation rows, and their losses."""
    ensemble = replace(examination, members=("ensemble",), answers=parent[None])
    return {
        name: {**_by_member(examination, measure(examination)), "ensemble": measure(ensemble)[0]}
        for name, measure in {
            "validation_accuracy": Examination.accuracies,
            "validation_log_loss": member_losses,
        }.items()
    }


def _by_member(examination: Examination, figures: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(examination.members, figures.tolist(), strict=True))


def _parsed(weights: str) -> NDArray[np.float64]:
    return np.array([float(number) for number in weights.split(",")])
