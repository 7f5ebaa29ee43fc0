"""How a member of a composite is trained: as if it were alone, and once only."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.durable import JSON_OPTIONS, publishing, write_json
from classmark.models.catalogue import load_classifier
from classmark.models.model import Announce, Family, Milestone
from classmark.models.training_data import TrainingData
from classmark.models.training_folder import FINISHED, OUTCOME, TENSORBOARD, keep_logs
from classmark.progress import Progress


@dataclass(slots=True)
class Relay:
    """Passes a member's milestones on, its epochs counted on from those of the members before.

    One who hears them hears one training, whose epochs only ever rise.

    Attributes:
        announce: Who hears them.
        start: The epochs of the members before.
        epochs: Those of this member until now.
    """

    announce: Announce
    start: float
    epochs: float = 0.0

    def __call__(self, milestone: Milestone) -> None:
        """Pass one on."""
        self.epochs = milestone.epoch
        self.announce(replace(milestone, epoch=self.start + milestone.epoch))


@dataclass(frozen=True, slots=True)
class MemberSite:
    """Where a member is trained.

    Attributes:
        folder: Where its artifact goes.
        checkpoints: What it keeps there outlives the process; None where nothing does.
        progress: Shows long work.
        relay: Hears its milestones.
    """

    folder: Path
    checkpoints: Path | None
    progress: Progress
    relay: Relay


def train_member(member: Family, data: TrainingData, site: MemberSite) -> dict[str, Any]:
    """Train a member, or take it from where a killed training had finished it.

    Returns:
        What came of it, as JSON has it: the fields of its `TrainingOutcome`, and `epochs`.
    """
    if site.checkpoints is None:
        return _learned(member, data, site)
    finished, unfinished = site.checkpoints / FINISHED, site.checkpoints / "unfinished"
    artifact, outcome = finished / "artifact", finished / OUTCOME
    if not finished.exists():
        with publishing(finished) as draft:
            inside = replace(site, folder=draft / artifact.name, checkpoints=unfinished)
            write_json(draft / outcome.name, _learned(member, data, inside))
    keep_logs(unfinished, site.checkpoints / TENSORBOARD)
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(artifact, site.folder)
    told: dict[str, Any] = orjson.loads(outcome.read_bytes())
    return told


def _learned(member: Family, data: TrainingData, site: MemberSite) -> dict[str, Any]:
    """Train a member; what came of it as JSON has it, so that it is the same when read again."""
    outcome = member.train(
        data, site.folder, site.progress, checkpoints=site.checkpoints, announce=site.relay
    )
    told = {**asdict(outcome), "epochs": site.relay.epochs}
    parsed: dict[str, Any] = orjson.loads(orjson.dumps(told, option=JSON_OPTIONS))
    return parsed


def served_answers(folder: Path, texts: Sequence[str], progress: Progress) -> NDArray[np.float64]:
    """What a member's artifact answers to clean texts, shape (texts, classes)."""
    classifier = load_classifier(folder)
    asked = progress.track(texts, f"Asking {folder.name}", len(texts))
    return np.stack([classifier.probabilities(text) for text in asked])
