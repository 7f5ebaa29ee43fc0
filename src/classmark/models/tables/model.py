"""The contract that every family for tables keeps: train, save, load, predict.

A family is two classes, as for texts. The `TableFamily` learns from features and encoded targets
and writes its weights; the `TablePredictor` loads them and answers. Everything else an artifact
has, and what is done to rows before and to answers after, is the same for all and done here.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self

from numpy.typing import NDArray

from classmark.models.artifact import FEATURES
from classmark.models.model import Announce, TrainingSite, unheard
from classmark.models.parameters import parsed_parameters
from classmark.models.tables.artifact import TableConfig, write_table_config
from classmark.models.tables.features import features_of
from classmark.models.tables.parity import TableParity, outputs_in_fresh_process, table_parity
from classmark.models.tables.targets import Outputs, Target
from classmark.models.tables.training_data import TableTrainingData, targets_of
from classmark.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRows:
    """Rows as a family learns them.

    Attributes:
        values: Features, shape (rows, features), dense or sparse (CSR).
        targets: For each target codes of classes, or scaled numbers, shape (rows,).
    """

    values: Any
    targets: tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTable:
    """A table as a family learns it.

    Attributes:
        train: Learned from.
        validation: Never learned from.
        targets: What is predicted.
        seed: Everything random follows from it.
    """

    train: EncodedRows
    validation: EncodedRows
    targets: tuple[Target, ...]
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class LearnedTable:
    """What a family hands to the gate; its files lie in the folder that was given.

    Attributes:
        parent: For each target the outputs of the model as it was trained, for the validation
            rows, shape (rows, width): probabilities, or scaled numbers.
        details: Facts that the family wants kept in the version's metadata.
    """

    parent: tuple[Outputs, ...]
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """What came of training, beside the artifact.

    Attributes:
        architecture: What a major version stands for: the family.
        parity: How the loaded model agrees with the one that was trained.
        details: Facts that the family wants kept in the version's metadata.
    """

    architecture: str
    parity: TableParity
    details: Mapping[str, Any]


class TableFamily(ABC):
    """Learns from a table and writes an artifact.

    Attributes:
        name: In the catalogue of tables and in `--family`.
        parameters_class: The frozen dataclass of what `--set` can set.
        keeps_missing: Whether missing numbers are NaN, instead of the median beside a mark.
    """

    name: ClassVar[str]
    parameters_class: ClassVar[type]
    keeps_missing: ClassVar[bool] = False

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters

    @classmethod
    def with_parameters(cls, given: Mapping[str, str]) -> Self:
        """The family with `--set KEY=VALUE` parameters; the rest keeps its default.

        Raises:
            SettingError: A key is unknown or a value can't be.
        """
        return cls(parsed_parameters(cls.parameters_class, given))

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters, defaults too."""
        return asdict(self._parameters)

    @property
    def architecture(self) -> str:
        """What a major version stands for."""
        return self.name

    @abstractmethod
    def _learn(self, table: EncodedTable, folder: Path, site: TrainingSite) -> LearnedTable:
        """Learn, and write the weights into an empty folder."""

    def train(
        self,
        data: TableTrainingData,
        folder: Path,
        progress: Progress,
        *,
        checkpoints: Path | None = None,
        announce: Announce = unheard,
    ) -> TableOutcome:
        """Learn from the data and write a whole artifact into an empty folder.

        Args:
            data: What to learn from.
            folder: Where the artifact goes.
            progress: Shows long work.
            checkpoints: A folder of this training alone.
            announce: Hears every milestone of a family that has some, and may raise to stop.

        Raises:
            RecordError: There is nothing to learn or to validate on, or a target can't be learned.
            ParityError: The loaded model does not answer as the trained one does.
        """
        targets = targets_of(data)
        table = EncodedTable(
            self._encoded(data.train, data, targets),
            self._encoded(data.validation, data, targets),
            targets,
            data.seed,
        )
        with TemporaryDirectory(prefix="classmark-train-") as drafts:
            site = TrainingSite(Path(drafts), checkpoints, progress, announce)
            draft = site.drafts / "artifact"
            draft.mkdir()
            learned = self._learn(table, draft, site)
            data.pipeline.save(draft / FEATURES)
            write_table_config(draft, self._config(data, targets))
            parity = table_parity(learned.parent, outputs_in_fresh_process(draft, data.validation))
            shutil.copytree(draft, folder, dirs_exist_ok=True)
        return TableOutcome(self.architecture, parity, learned.details)

    def _encoded(
        self, rows: "pd.DataFrame", data: TableTrainingData, targets: tuple[Target, ...]
    ) -> EncodedRows:
        return EncodedRows(
            features_of(rows, data.pipeline, keeps_missing=self.keeps_missing),
            tuple(target.encoded(rows[target.name]) for target in targets),
        )

    def _config(self, data: TableTrainingData, targets: tuple[Target, ...]) -> TableConfig:
        return TableConfig(
            family=self.name,
            parameters=self.parameters,
            task=data.task,
            targets=targets,
            left_out=data.left_out,
            keeps_missing=self.keeps_missing,
        )
