"""No file of a model folder is ever run: a payload that lies there stays where it is."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# What the fixtures of this room give: see conftest.py.
Trained = Any

LOAD = """
import json, sys
from pathlib import Path
from classmark.errors import ClassmarkError
from classmark.models import load_classifier
told = {}
for folder in json.load(sys.stdin):
    try:
        told[folder] = load_classifier(Path(folder)).classify("robots grasp cups").label
    except ClassmarkError as error:
        told[folder] = type(error).__name__
print(json.dumps(told))
"""
UNPICKLE = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
NAMES = (
    *("model.pkl", "pytorch_model.bin", "model.pth", "model.pt", "training_args.bin"),
    *("model.joblib", "weights.npy", "weights.npz", "calibration.pkl", "__init__.py"),
    *("sitecustomize.py", "config.py", "model.py", "tokenizer.py"),
)


def payload(canary: Path) -> bytes:
    """A pickle that makes a file when it is read, spelled out in the oldest protocol."""
    return f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()


def as_array(content: bytes) -> bytes:
    """The same as an array of objects."""
    file = BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    return file.getvalue() + content


def as_archive(content: bytes) -> bytes:
    """The same as torch keeps weights."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3")
    return file.getvalue()


def as_code(canary: Path) -> bytes:
    return f"open({str(canary)!r}, 'w').close()\n".encode()


def poison(canary: Path, name: str) -> bytes:
    suffix = Path(name).suffix
    if suffix == ".py":
        return as_code(canary)
    shapes: dict[str, Callable[[bytes], bytes]] = {
        ".npy": as_array,
        ".npz": as_array,
        **dict.fromkeys((".bin", ".pth", ".pt"), as_archive),
    }
    return shapes.get(suffix, bytes)(payload(canary))


def loaded_in_fresh_process(folders: list[Path], stand_in: Path) -> dict[str, str]:
    """What came of loading each folder, in a process that stands in one of them."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOAD],
        input=json.dumps(list(map(str, folders))),
        cwd=stand_in,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    return told


def test_the_payload_would_run_if_it_were_read(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    subprocess.run([sys.executable, "-c", UNPICKLE], input=payload(canary), check=True)
    assert canary.exists()


def test_a_payload_beside_the_files_of_a_model_is_not_run(trained: Trained, tmp_path: Path) -> None:
    canary, copy = tmp_path / "canary", tmp_path / "model"
    shutil.copytree(trained.folder, copy)
    for folder in [copy, *filter(Path.is_dir, copy.rglob("*"))]:
        for name in NAMES:
            (folder / name).write_bytes(poison(canary, name))
    told = loaded_in_fresh_process([copy], stand_in=copy)
    assert told == {str(copy): trained.classifier.classify("robots grasp cups").label}
    assert not canary.exists()


@pytest.mark.parametrize("shape", [bytes, as_array, as_archive], ids=["bare", "array", "archive"])
def test_a_payload_instead_of_a_file_of_a_model_is_not_run(
    trained: Trained, tmp_path: Path, shape: Callable[[bytes], bytes]
) -> None:
    canary = tmp_path / "canary"
    copies = []
    for number, path in enumerate(filter(Path.is_file, trained.folder.rglob("*"))):
        copies.append(tmp_path / str(number))
        shutil.copytree(trained.folder, copies[-1])
        (copies[-1] / path.relative_to(trained.folder)).write_bytes(shape(payload(canary)))
    told = loaded_in_fresh_process(copies, stand_in=copies[0])
    assert set(told.values()) <= {"TamperedVersionError", "SettingError"} | set(
        trained.classifier.labels
    )
    assert "TamperedVersionError" in told.values()
    assert not canary.exists()
