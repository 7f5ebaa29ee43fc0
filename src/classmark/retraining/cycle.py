"""The ring, as far as it goes today: a dataset becomes a measured, registered version."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classmark.datasets import Dataset
from classmark.errors import SettingError, VersionExistsError
from classmark.models import family_class, keep_logs
from classmark.naming import checked_name
from classmark.progress import Progress
from classmark.registry import (
    Bump,
    Lineage,
    ModelReference,
    RegisteredVersion,
    Registry,
    VersionDraft,
)
from classmark.retraining.metadata import dataset_facts, figures, training_facts
from classmark.retraining.record import described, finished, run_start
from classmark.training import (
    RunLink,
    TeachingModel,
    Tracker,
    TrainedModel,
    TrainingRecipe,
    Untracked,
    Workshop,
    checkpoints_of,
    problem_of,
    tracked,
    train,
    training_key,
)

logger = logging.getLogger(__name__)

# Whoever loses as often has other troubles.
_LOST_RACES = 3


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version and the training it came from.

    Attributes:
        version: As it was registered.
        trained: What came of training.
        run: Where its record is to be found; None where none was to be kept.
    """

    version: RegisteredVersion
    trained: TrainedModel
    run: RunLink | None


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """What is asked for.

    Attributes:
        model: The model's name.
        recipe: What is to be trained.
        bump: Which number rises; None takes what differs from the latest version.
        notes: For the metadata.
        tracker: What keeps the record of the training.
        home: Where `training/` keeps what a killed training left, and `logs/` what TensorBoard
            shows; None keeps neither.
        teacher: Whose answers are learned beside the labels; None where there is none.
    """

    model: str
    recipe: TrainingRecipe
    bump: Bump | None = None
    notes: str = ""
    tracker: Tracker = field(default_factory=Untracked)
    home: Path | None = None
    teacher: TeachingModel | None = None


def check_kind(registry: Registry, model: str, *, of_table: bool) -> None:
    """Let a model pass whose versions are all of texts, or all of tables.

    Raises:
        SettingError: Its versions are of the other kind: whoever asks for the live one would get
            other answers from one day to the next.
    """
    if model not in registry.models():
        return
    if registry.resolve(ModelReference(model, role="latest")).is_of_table == of_table:
        return
    theirs, ours = ("texts", "the rows of a table") if of_table else ("the rows of tables", "texts")
    raise SettingError(
        f"The versions of {model!r} are asked for {theirs}, and this one would be for {ours}.",
        remedy="Give it a name of its own with --model.",
    )


def train_version(
    dataset: Dataset,
    request: VersionRequest,
    registry: Registry,
    *,
    threads: int,
    progress: Progress,
) -> NewVersion:
    """Train a model, measure it and register it as the next version.

    Raises:
        SettingError: The family or one of its parameters does not exist, or it can't learn several
            labels and the dataset's documents have some; or the model's name can't be one.
        ParityError: The exported model does not answer as the trained one does; nothing is
            registered.
    """
    checked_name(request.model, of="model")
    check_kind(registry, request.model, of_table=False)
    family = family_class(request.recipe.family).with_parameters(request.recipe.parameters)
    family.check_problem(problem_of(dataset))
    family.check_teacher(request.teacher is not None)
    start = run_start(request.model, request.recipe, family.parameters, dataset)
    recipe = request.recipe
    decisive = family.learning_parameters | {"teacher": request.teacher and request.teacher.name}
    # Not by the fingerprint: what is kept follows the order of the rows, as the snapshot does.
    key = training_key(recipe.family, decisive, recipe.seed, dataset.snapshot_id)
    with (
        checkpoints_of(key, request.home and request.home / "training", progress) as checkpoints,
        tracked(request.tracker, start) as run,
        TemporaryDirectory(prefix="classmark-version-") as folder,
    ):
        artifact = Path(folder)
        workshop = Workshop(threads, progress, run.record, checkpoints, request.teacher)
        trained = train(dataset, request.recipe, artifact, workshop)
        draft = VersionDraft(
            model=request.model,
            artifact=artifact,
            lineage=Lineage(trained.outcome.architecture, dataset.labels, dataset.fingerprint),
            metadata=_metadata(dataset, request, trained) | {"tracking": described(run.link())},
            reason=request.notes or f"trained {request.recipe.family} on {dataset.name}",
        )
        version = registered(registry, draft, request.bump)
        run.end(finished(version))
        if request.home:
            keep_logs(checkpoints, request.home / "logs" / version.name)
    return NewVersion(version, trained, run.link())


def registered(registry: Registry, draft: VersionDraft, bump: Bump | None) -> RegisteredVersion:
    """The version that a trained artifact becomes; a lost race for a number costs no training.

    Raises:
        VersionExistsError: Other machines took one number after the other.
    """
    for _ in range(_LOST_RACES):
        try:
            return registry.register(draft, bump)
        except VersionExistsError:
            logger.info("Another machine took the number that %s was to get", draft.model)
    return registry.register(draft, bump)


def _metadata(dataset: Dataset, request: VersionRequest, trained: TrainedModel) -> dict[str, Any]:
    return {
        **training_facts(trained),
        "problem": trained.problem.value,
        "base_model": trained.parameters.get("backbone"),
        "dataset": dataset_facts(dataset)
        | {
            "categories": list(dataset.labels),
            "read": dataset.read,
            "dropped": dict(dataset.dropped),
            "counts": dataset.counts(),
        },
        "metrics": {part: figures(it.evaluation) for part, it in trained.assessments.items()},
        "calibration": trained.reliable.described(),
        "reliability": asdict(request.recipe.reliability),
        "baseline": trained.baseline.described() if trained.baseline else None,
        "teacher": request.teacher.name if request.teacher else None,
        "notes": request.notes,
    }
