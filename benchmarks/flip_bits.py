"""Damage a signed version in every way we know: is any of it ever loaded?

Usage: python benchmarks/flip_bits.py [--flips 1000] [--family linear] [--seed 42]

A version is trained on the sample documents, signed, and a newer one after it. Then one bit at a
time is flipped, spread over all its files and its signature, and whole files are cut, swapped,
removed, added, emptied and put in place of others. After each damage the version is loaded as
`serve` loads it; then the damage is mended. Exits with 1 if anything was loaded, or refused in a
way that nobody foresaw.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from classmark.database import Database
from classmark.documents import sample_documents
from classmark.errors import ClassmarkError, IntegrityError
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.progress import Silent
from classmark.registry import (
    Lineage,
    ModelReference,
    Registry,
    SigningKey,
    Trust,
    VersionDraft,
    write_manifest,
)
from classmark.serving import load_served_model

MODEL = "shelf"
FIRST, SECOND = (ModelReference.parse(f"{MODEL}@{number}") for number in ("v1.0.0", "v1.0.1"))
NOBODY = 65534
Damage = Callable[[Path], object]


def trained(folder: Path, family: str) -> Path:
    """An artifact that learned the sample documents."""
    documents = [d for d in sample_documents() if int(d.id[-2:]) <= 20]
    texts, labels = [d.text for d in documents], [d.label or "" for d in documents]
    data = TrainingData(
        train=LabelledTexts(texts, labels), validation=LabelledTexts(texts[::5], labels[::5])
    )
    folder.mkdir()
    family_class(family).with_parameters({}).train(data, folder, Silent())
    return folder


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A private key and its public one, made as docs/registry.md says."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run([*make, "-out", private], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "pkey", "-in", private, "-pubout", "-out", public],  # noqa: S607 (on the path)
        check=True,
        capture_output=True,
    )
    return private, public


def made(work: Path, family: str) -> tuple[Registry, Path]:
    """A registry with two signed versions, strict about signatures, and a stranger's key."""
    private, public = key_pair(work, "ours")
    stranger, _ = key_pair(work, "stranger")
    database = Database(f"sqlite:///{work / 'home' / 'classmark.db'}")
    registry = Registry(
        database, work / "home" / "models", now=lambda: datetime.now(UTC), actor="campaign"
    ).trusting(Trust(public, required=True))
    artifact = trained(work / "artifact", family)
    draft = VersionDraft(
        model=MODEL,
        artifact=artifact,
        lineage=Lineage(family, ("a", "b"), "ab" * 32),
        metadata={"dataset": {"name": "samples"}},
    )
    for reference in (FIRST, SECOND):
        registry.register(draft)
        registry.sign(reference, SigningKey(private))
    return registry, stranger


class Campaign:
    """One damaged version after another.

    Args:
        registry: Holds the versions.
        stranger: A private key that nobody trusts.
        seed: Everything random follows from it.
    """

    def __init__(self, registry: Registry, stranger: Path, seed: int) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.loaded: list[str] = []
        self.unforeseen: list[str] = []
        self._registry = registry
        self._stranger = stranger
        self._randomness = random.Random(seed)
        self._version = registry.verify(SECOND).folder
        self._older = registry.verify(FIRST).folder

    def signature(self, folder: Path) -> Path:
        """Beside a version's folder."""
        return folder.with_name(f"{folder.name}.sig")

    def files(self) -> list[Path]:
        """All that is damaged: the version's files and its signature."""
        return [*sorted(self._version.iterdir()), self.signature(self._version)]

    def flips(self, count: int) -> None:
        """Flip so many bits, one at a time, as many in each file as there are files for."""
        files = [path for path in self.files() if path.stat().st_size]
        for number in range(count):
            path = files[number % len(files)]
            content = path.read_bytes()
            changed = bytearray(content)
            place = self._randomness.randrange(len(changed))
            changed[place] ^= 1 << self._randomness.randrange(8)
            path.write_bytes(changed)
            self.ask("one bit flipped", f"{path.name} at {place}")
            path.write_bytes(content)

    def whole_files(self) -> None:
        """Everything that is done to files and folders as such."""
        for what, damage in self._of_each_file().items():
            for path in self.files():
                with self._mended():
                    damage(path)
                    self.ask(what, path.name)
        for what, damage in self._of_the_version().items():
            with self._mended():
                damage(self._version)
                self.ask(what, "")
        for path in self.files():
            with self._mended():
                path.chmod(0)
                with unprivileged(self._version.parents[3]):
                    self.ask("not readable", path.name)

    def ask(self, what: str, detail: str) -> None:
        """Load the version as serving does, and note what came of it."""
        try:
            load_served_model(self._registry, SECOND)
        except IntegrityError as error:
            self.counts[what, reason(error)] += 1
        except ClassmarkError as error:
            self.unforeseen.append(f"{what}, {detail}: {error!r}")
        except Exception as error:  # noqa: BLE001 (what nobody foresaw is what is looked for)
            self.unforeseen.append(f"{what}, {detail}: {error!r}")
        else:
            self.loaded.append(f"{what}, {detail}")

    def _of_each_file(self) -> dict[str, Damage]:
        return {
            "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
            "last byte cut": lambda path: os.truncate(path, path.stat().st_size - 1),
            "emptied": lambda path: os.truncate(path, 0),
            "a byte more": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
            "missing": Path.unlink,
            "a link to the same bytes": _linked,
            "a folder of that name": _made_a_folder,
            "a pipe": _made_a_pipe,
        }

    def _of_the_version(self) -> dict[str, Damage]:
        def forged(folder: Path) -> None:
            (folder / "config.json").write_bytes(b"{}")
            (folder / "manifest.json").unlink()
            write_manifest(folder)

        return {
            "two files swapped": lambda folder: _swapped(
                folder / "config.json", folder / "label_map.json"
            ),
            "an extra file": lambda folder: (folder / "model.pkl").write_bytes(b"x"),
            "a hidden extra file": lambda folder: (folder / ".hidden").touch(),
            "the manifest is []": lambda folder: (folder / "manifest.json").write_bytes(b"[]"),
            "the manifest is no JSON": lambda folder: (folder / "manifest.json").write_bytes(b"{"),
            "the older version's manifest": lambda folder: shutil.copy(
                self._older / "manifest.json", folder
            ),
            "the older version, with its valid signature": self._replaced_by_the_older,
            "the older version's signature": lambda folder: shutil.copy(
                self.signature(self._older), self.signature(folder)
            ),
            "a stranger's signature": lambda _: self._registry.sign(
                SECOND, SigningKey(self._stranger)
            ),
            "another file, manifest made anew": forged,
            "the folder is gone": shutil.rmtree,
            "the folder is a link": _linked,
        }

    def _replaced_by_the_older(self, folder: Path) -> None:
        shutil.rmtree(folder)
        shutil.copytree(self._older, folder)
        shutil.copy(self.signature(self._older), self.signature(folder))

    @contextlib.contextmanager
    def _mended(self) -> Iterator[None]:
        """Everything of the version is afterwards as it was."""
        kept = Path(tempfile.mkdtemp())
        shutil.copytree(self._version, kept / "version")
        shutil.copy(self.signature(self._version), kept / "signature")
        yield
        for path in (self._version, self.signature(self._version)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        shutil.copytree(kept / "version", self._version)
        shutil.copy(kept / "signature", self.signature(self._version))
        shutil.rmtree(kept)


def reason(error: IntegrityError) -> str:
    """The kind of a refusal, without names and places."""
    told = error.message.partition(": ")[2]
    if "does not belong" not in told:
        told = told.split("; ")[0]
    told = re.sub(r"\([0-9a-f]{64}\)", "(KEY)", told)
    told = re.sub(r"\bmanifest\.json\b", "the manifest", told)
    return re.sub(r"[\w.]+\.(json|md|txt|safetensors|onnx|pkl|hidden)|\.hidden", "a file", told)


@contextlib.contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Let root, who may read everything, be somebody else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _linked(path: Path) -> None:
    elsewhere = path.with_name(f"elsewhere-{path.name}").parents[1] / f"elsewhere-{path.name}"
    shutil.rmtree(elsewhere, ignore_errors=True)
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _swapped(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def main() -> None:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--family", default="linear")
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        campaign = Campaign(*made(Path(work), given.family), given.seed)
        campaign.flips(given.flips)
        campaign.whole_files()
    print("| damage | refused because | times |\n|---|---|---|")
    for (what, why), count in campaign.counts.items():
        print(f"| {what} | {why} | {count:,} |")
    print(f"{campaign.counts.total():,} refused, {len(campaign.loaded)} loaded,", end=" ")
    print(f"{len(campaign.unforeseen)} refused in an unforeseen way")
    print(*campaign.loaded, *campaign.unforeseen, sep="\n")
    sys.exit(bool(campaign.loaded or campaign.unforeseen))


if __name__ == "__main__":
    main()
