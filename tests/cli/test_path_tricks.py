"""Names that try to be paths: nothing outside of the home is read, written or told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from classmark.database import Database
from classmark.registry import Lineage, ModelReference, Registry, VersionDraft

Classmark = Callable[..., subprocess.CompletedProcess[str]]
Look = Callable[[Path], dict[str, object]]

CANARY = "the canary sings"
# {outside} is a folder beside the home with whole copies of a dataset, a table and a model.
TRICKS = (
    *("..", "../..", "../outside", "../../outside/papers", "./papers", "papers/../../outside"),
    *("%2e%2e", "%2e%2e%2foutside", "..%2foutside", "%2e%2e/outside", "..%c0%afoutside"),
    *("{outside}", "{outside}/papers", "/etc/passwd", "~", "~root", "~/outside"),
    *("file://{outside}", "file:../outside", "s3://bucket/key", "\\", "..\\outside", "C:\\outside"),
    *("\\\\server\\share", "papers\n", "papers\n../outside", "papers\0", "\0../outside"),
    *("x" * 64, "x" * 300, "x" * 5000, "\u2024\u2024/outside", "\uff0e\uff0e\uff0foutside"),
    *("..\u2215outside", "..\u2044outside", "\u202e.."),
    *("-", "--", "-rf", "--home={outside}", ".", ".hidden", "", " ", "*", "$HOME", "`id`"),
)
# Commands that take a name; {trick} stands for it.
PLACES = (
    *("versions {trick}", "history {trick}", "rollback {trick}", "retention {trick}", "gc {trick}"),
    *("verify {trick}@latest", "verify shelf@{trick}", "promote {trick}@v1.0.0"),
    *("archive {trick}@v1.0.0", "archive shelf@{trick}", "delete {trick}@v1.0.0 --dry-run"),
    *("delete shelf@{trick}", "card {trick}@latest", "lineage {trick}@latest"),
    *("sign {trick}@latest --key {outside}/canary", "rollback shelf --to {trick}"),
    *("predict {trick}@latest text", "explain {trick}@latest text", "serve --model {trick}"),
    *("compare {trick}@latest shelf@latest papers", "evaluate {trick}@latest papers"),
    *("train {trick} --model new --family linear", "train papers --model {trick} --family linear"),
    *("train papers --model new --family {trick}", "audit {trick}"),
    *("tune {trick} --model new --family linear", "tune papers --model {trick} --family linear"),
    "tune papers --model new --family linear --study {trick}",
    *("cross-validate {trick} --family linear", "cross-validate papers --family {trick}"),
    *("prepare {papers} --name {trick}", "prepare-table {table} --target b --name {trick}"),
    *("report {trick}@latest papers", "retention {trick} --dry-run"),
    *("publish {trick}@latest", "unpublish {trick}@v1.0.0", "pull {trick}@v1.0.0"),
    *("publish shelf@{trick}", "unpublish shelf@{trick}", "pull shelf@{trick}"),
)
PER_PLACE = 2
REFUSED = {1, 2, 3}

# Hooks stay for good: this one looks only while somebody asks it to.
_watched: list[tuple[str, list[str]]] = []


def _see(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"open", "os.listdir", "os.scandir"} and _watched:
        folder, seen = _watched[-1]
        path = arguments[0]
        if isinstance(path, str | bytes | Path):
            found = os.path.realpath(os.fsdecode(path).replace("\0", ""))
            if found.startswith(folder):
                seen.append(found)


@pytest.fixture(scope="session", autouse=True)
def _hook() -> None:
    sys.addaudithook(_see)


@pytest.fixture(scope="module")
def bare(
    inside: Classmark, papers: Path, artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home with the dataset `papers` and v1.0.0 and v1.0.1 (live) of the model `shelf`."""
    home = tmp_path_factory.mktemp("bare") / "home"
    assert inside("prepare", papers, "--name", "papers", "--home", home).returncode == 0
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    registry = Registry(database, home / "models", now=lambda: datetime.now(UTC), actor="ada")
    labels, metadata = ("cs.CL", "cs.CV", "cs.DB"), {"dataset": {"name": "papers"}}
    draft = VersionDraft("shelf", artifact, Lineage("linear", labels, "00"), metadata)
    for number in ("v1.0.0", "v1.0.1"):
        registry.register(draft)
        registry.promote(ModelReference.parse(f"shelf@{number}"))
    database.close()
    return home


@pytest.fixture
def home(bare: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(bare, tmp_path / "home", symlinks=True))


@pytest.fixture(scope="module")
def place(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, and beside it what no name may lead to."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(bare, folder / "home", symlinks=True)
    outside = folder / "outside"
    shutil.copytree(bare / "data" / "splits" / "papers", outside / "papers")
    shutil.copytree(bare / "models" / "shelf", outside / "shelf", symlinks=True)
    (outside / "canary").write_text(CANARY)
    (folder / "table.csv").write_text("a,b\n1,x\n2,y\n" * 9)
    return folder


@pytest.fixture
def opened(place: Path) -> Iterator[list[str]]:
    """The paths in `outside` that are opened or listed meanwhile."""
    seen: list[str] = []
    _watched.append((str(place / "outside"), seen))
    yield seen
    _watched.pop()


def tricks_of(number: int) -> Iterator[str]:
    """A few tricks for each place, so that together they try all."""
    return islice((TRICKS * 2)[number * PER_PLACE % len(TRICKS) :], PER_PLACE)


def words(command: str, trick: str, place: Path, papers: Path) -> list[str]:
    values = {"outside": place / "outside", "papers": papers, "table": place / "table.csv"}
    filled = trick.replace("{outside}", str(values["outside"]))
    return [word.format(trick=filled, **values) for word in command.split(" ")]


def _may_be_left_out(command: str) -> bool:
    """Whether a command does without the name."""
    return command.startswith(("serve", "retention", "gc")) or "--study" in command


# Tricks -> nothing; raises where one of them leads somewhere.
Try = Callable[[str, Iterator[str]], None]


@pytest.fixture
def tried(
    *,
    place: Path,
    papers: Path,
    inside: Classmark,
    look: Look,
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Try:
    """Try some tricks in one place, standing beside the home."""
    monkeypatch.chdir(place)

    def run(command: str, tricks: Iterator[str]) -> None:
        before = look(place)
        del opened[:]
        for trick in tricks:
            if _may_be_left_out(command) and trick in {"", "--home={outside}"}:
                # No name at all is the only model's, or all models', or the usual one; of two homes
                # the last counts.
                continue
            done = inside(*words(command, trick, place, papers), "--home", place / "home")
            assert done.returncode in REFUSED, (trick, done)
            assert "Traceback" not in done.stderr
            assert CANARY not in done.stdout + done.stderr
        assert opened == []
        assert look(place) == before

    return run


@pytest.mark.parametrize(("number", "command"), list(enumerate(PLACES)))
def test_a_name_that_is_a_path_leads_nowhere(number: int, command: str, tried: Try) -> None:
    tried(command, tricks_of(number))


@pytest.mark.heavy
@pytest.mark.parametrize("command", PLACES)
def test_no_name_that_is_a_path_leads_anywhere(command: str, tried: Try) -> None:
    tried(command, iter(TRICKS))


def test_a_dataset_that_is_a_link_out_of_the_home_is_not_read(
    home: Path, place: Path, inside: Classmark, look: Look, opened: list[str]
) -> None:
    names = home / "data" / "splits"
    (names / "evil").symlink_to(place / "outside" / "papers")
    (names / "round").symlink_to("round")
    before = look(place)
    del opened[:]
    for name in ("evil", "round"):
        done = inside("train", name, "--model", "new", "--family", "linear", "--home", home)
        assert done.returncode in {2, 3}, done
    assert [path for path in opened if path.endswith(".gz")] == []
    assert look(place) == before


def test_a_model_that_is_a_link_out_of_the_home_is_neither_used_nor_written(
    home: Path, place: Path, inside: Classmark, look: Look
) -> None:
    before = look(place / "outside")
    shutil.rmtree(home / "models" / "shelf")
    (home / "models" / "shelf").symlink_to(place / "outside" / "shelf")
    for command, code in (
        (("predict", "shelf@latest", "a text"), 5),
        (("verify", "shelf@latest"), 5),
        (("archive", "shelf@v1.0.0"), 6),
        (("delete", "shelf@v1.0.0"), 6),
        (("gc",), 6),
        (("train", "papers", "--model", "shelf", "--family", "linear"), 6),
    ):
        done = inside(*command, "--home", home)
        assert done.returncode == code, done
        assert "a link" in done.stderr
    assert look(place / "outside") == before


def test_everything_in_a_used_home_is_its_owner_s_alone(
    papers: Path, inside: Classmark, tmp_path: Path
) -> None:
    used = tmp_path / "used"
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{n % 7}.5,{'xy'[n % 2]}\n" for n in range(60)))
    key = tmp_path / "key.pem"
    made = ec.generate_private_key(ec.SECP256R1())
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for command in (
        ("prepare", papers, "--name", "papers"),
        ("prepare-table", table, "--name", "rows", "--target", "b"),
        ("train", "papers", "--model", "shelf", "--family", "linear"),
        ("promote", "shelf@latest"),
        ("evaluate", "shelf@latest", "papers"),
        ("sign", "shelf@latest", "--key", key),
    ):
        done = inside(*command, "--home", used)
        assert done.returncode == 0, done
    shown = [
        f"{path.relative_to(used)} {oct(path.stat().st_mode & 0o777)}"
        for path in [used, *used.rglob("*")]
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    assert shown == []
