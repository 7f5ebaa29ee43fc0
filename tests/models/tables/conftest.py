"""Tables of bundled data, and every family trained once on each of them."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from classmark.datasets import PreparedTable, TableRecipe, TableSource, prepare_table
from classmark.models import (
    TABLE_CATALOGUE,
    TableOutcome,
    TablePredictor,
    TableTrainingData,
    load_table_predictor,
    table_family_class,
)
from classmark.progress import Silent

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
# Small ones: what is asked here is the contract, and not the last point.
FAST = {
    "forest": {"trees": "20"},
    "boosted": {"rounds": "40"},
    "network": {"max_epochs": "40", "width": "32"},
}
ASK = """
import json, sys
from pathlib import Path
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import pandas as pd
from classmark.models import load_table_predictor
rows = pd.read_parquet(sys.argv[1])
found = [load_table_predictor(Path(folder)).outputs(rows) for folder in sys.argv[2:]]
print(json.dumps([[target.tolist() for target in outputs] for outputs in found]))
"""


@dataclass(frozen=True, slots=True)
class Trained:
    """A family as it was trained, and the predictor that came of it.

    Attributes:
        family: Its name in the catalogue.
        prepared: What it learned from.
        folder: Where the artifact lies; not to be written to.
        outcome: What training said.
        predictor: Loaded from the folder.
    """

    family: str
    prepared: PreparedTable
    folder: Path
    outcome: TableOutcome
    predictor: TablePredictor

    @property
    def held_out(self) -> pd.DataFrame:
        """Rows that it has never seen."""
        return self.prepared.table.parts["test"]


# A family's name and what it learns from -> trained.
Learn = Callable[..., Trained]
# A family's name and "classes" or "numbers" -> trained.
Learned = Callable[[str, str], Trained]
# A family's name -> outputs of each target for the held-out rows.
Fresh = dict[str, object]


def prepared(frame: pd.DataFrame, *targets: str) -> PreparedTable:
    source = TableSource(frame, {"name": "bundled"})
    return prepare_table("bundled", source, TableRecipe(targets), now=NOW)


@pytest.fixture(scope="session")
def wines() -> PreparedTable:
    """Columns of every kind with gaps, and two targets: one of three grapes; strong or not."""
    frame = load_wine(as_frame=True).frame
    rng = np.random.default_rng(0)
    rows = len(frame)
    grape = frame.pop("target").map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
    strong = frame.pop("alcohol").gt(13).map({True: "strong", False: "weak"})
    frame["proline"] = frame["proline"].where(rng.random(rows) > 0.2)
    soil = np.where(rng.random(rows) < 0.7, grape.str[:2], "clay")
    frame["soil"] = pd.Series(soil).where(rng.random(rows) > 0.1)
    organic = np.where(rng.random(rows) < 0.5, "yes", "no")
    frame["organic"] = pd.Series(organic).where(rng.random(rows) > 0.1)
    picked = pd.Timestamp("2023-09-01") + pd.to_timedelta(rng.integers(0, 60, rows), "D")
    frame["picked"] = picked.strftime("%Y-%m-%d")
    words = ["dry", "fruity", "round", "of cherries", "of plums", "with oak", "long", "short"]
    frame["note"] = [" ".join(rng.choice(words, 4)) + f" bottle{row}" for row in range(rows)]
    frame["bottle"] = [f"B{row:04}" for row in range(rows)]
    return prepared(frame.assign(grape=grape, strength=strong), "grape", "strength")


@pytest.fixture(scope="session")
def patients() -> PreparedTable:
    """Two targets that are numbers, of different size."""
    return prepared(load_diabetes(as_frame=True, scaled=False).frame, "target", "bmi")


@pytest.fixture(scope="session")
def learn(tmp_path_factory: pytest.TempPathFactory) -> Learn:
    def train(family: str, table: PreparedTable, seed: int = 42) -> Trained:
        folder = tmp_path_factory.mktemp(family)
        chosen = table_family_class(family).with_parameters(FAST.get(family, {}))
        outcome = chosen.train(TableTrainingData.of(table, seed), folder, Silent())
        return Trained(family, table, folder, outcome, load_table_predictor(folder))

    return train


@pytest.fixture(scope="session")
def learned(wines: PreparedTable, patients: PreparedTable, learn: Learn) -> Learned:
    """What a family made of classes or numbers; learned once."""
    tables, made = {"classes": wines, "numbers": patients}, dict[tuple[str, str], Trained]()

    def once(family: str, of: str) -> Trained:
        if (family, of) not in made:
            made[family, of] = learn(family, tables[of])
        return made[family, of]

    return once


@pytest.fixture(scope="session", params=TABLE_CATALOGUE)
def of_classes(request: pytest.FixtureRequest, learned: Learned) -> Trained:
    """Every family of the catalogue, one after the other, on classes."""
    return learned(request.param, "classes")


@pytest.fixture(scope="session", params=TABLE_CATALOGUE)
def of_numbers(request: pytest.FixtureRequest, learned: Learned) -> Trained:
    """Every family of the catalogue, one after the other, on numbers."""
    return learned(request.param, "numbers")


@pytest.fixture(
    scope="session",
    params=[(family, of) for family in TABLE_CATALOGUE for of in ("classes", "numbers")],
    ids=" of ".join,
)
def trained(request: pytest.FixtureRequest, learned: Learned) -> Trained:
    """Every family on both."""
    return learned(*request.param)


@pytest.fixture(scope="session")
def fresh(
    wines: PreparedTable, learned: Learned, tmp_path_factory: pytest.TempPathFactory
) -> Fresh:
    """What a process of its own, without torch, makes of all families' artifacts of classes."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    wines.table.parts["test"].to_parquet(path)
    folders = [str(learned(family, "classes").folder) for family in TABLE_CATALOGUE]
    command = [sys.executable, "-c", ASK, str(path), *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(TABLE_CATALOGUE, json.loads(done.stdout), strict=True))
