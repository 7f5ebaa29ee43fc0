"""Wrong input: a clear message, an exit code, no traceback, and nothing half-written."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Classmark = Callable[..., subprocess.CompletedProcess[str]]
Look = Callable[[Path], dict[str, object]]

TEXT = "A query plan for joins over many tables that never reads a row twice. " * 5


def rows(*pairs: tuple[str, str]) -> bytes:
    return b"".join(
        json.dumps({"id": str(number), "text": f"{text} {TEXT} {number}", "label": label}).encode()
        + b"\n"
        for number, (text, label) in enumerate(pairs)
    )


FILES = {
    "prose.jsonl": b"This is no JSON, only a sentence.\n",
    "broken.jsonl": rows(("a", "x"), ("b", "y")) + b'{"text": "c", "lab\n',
    "textless.jsonl": rows(("a", "x")) + b'{"id": "1", "text": " ", "label": "y"}\n',
    "one_class.jsonl": rows(*[("a", "x")] * 20),
    "three.jsonl": rows(("a", "x"), ("b", "y"), ("c", "y")),
    "strange.jsonl": rows(("a", "cs.DB"), ("b", "astro-ph")),
    "latin.jsonl": rows(("a", "x")) + '{"text": "é", "label": "y"}\n'.encode("latin-1"),
    "empty.jsonl": b"",
    "short.csv": b"text,label\nfew words,x\nno more,y\n",
    "notes.txt": b"text\n",
}

PREPARE = "prepare {papers} --name new"
TRAIN = "train papers --model new --family linear"
REFUSALS = {
    "prepare {wrong}/missing.jsonl --name new": (2, "There is no file {wrong}/missing.jsonl"),
    "prepare {wrong}/prose.jsonl --name new": (
        2,
        "is not JSON (line 1, column 1: unexpected character, expected a JSON value).",
    ),
    "prepare {wrong}/broken.jsonl --name new": (2, "is not JSON (line 3, column 19: "),
    "prepare {wrong}/textless.jsonl --name new": (2, "line 2: no text in 'text'"),
    "prepare {wrong}/one_class.jsonl --name new": (2, "Only one class is left (x)"),
    "prepare {wrong}/three.jsonl --name new": (2, "Too few documents"),
    "prepare {wrong}/latin.jsonl --name new": (2, "is not UTF-8 (line 2)"),
    "prepare {wrong}/empty.jsonl --name new": (2, "holds no records"),
    "prepare {wrong}/short.csv --name new": (2, "None of 2 documents was kept: 2 too_short"),
    "prepare {papers} --name ../new": (2, "'../new' can't be the name of a dataset"),
    f"{PREPARE} --label-field genre": (2, "no field 'genre'"),
    f"{PREPARE} --per-class 0": (2, "--per-class must be at least 1"),
    f"{PREPARE} --ratios a,b,c": (2, "--ratios 'a,b,c' are no numbers"),
    f"{PREPARE} --ratios 0.8,0.1,0.2": (2, "can't split a dataset"),
    f"{PREPARE} --seed -1": (2, "greater than or equal to 0"),
    f"{PREPARE} --json {{wrong}}": (2, "No file can be written at {wrong}"),
    f"{PREPARE} --json {{papers}}/new.json": (2, "No file can be written at {papers}/new.json"),
    "train nothing --model new --family linear": (3, "There is no dataset 'nothing'"),
    "train papers --model a/b --family linear": (2, "can't be the name of a model"),
    "train papers --model new --family forest": (2, "There is no model family 'forest'"),
    f"{TRAIN} --set depth=3": (2, "Unknown parameter: depth"),
    f"{TRAIN} --set longest_ngram=long": (2, "longest_ngram"),
    f"{TRAIN} --set longest_ngram": (2, "--set 'longest_ngram' is no KEY=VALUE"),
    f"{TRAIN} --calibration platt": (2, "There is no calibration 'platt'"),
    f"{TRAIN} --promise much": (2, "--promise 'much' is no share"),
    f"{TRAIN} --promise 90": (2, "A promise of 90.0 can't be"),
    f"{TRAIN} --risk 0": (2, "A risk of 0.0 can't be"),
    f"{TRAIN} --bump huge": (2, "'huge' is not one of"),
    "evaluate shelf@v9.9.9 papers": (3, "'shelf' has no version v9.9.9"),
    "evaluate shelf@v1.0 papers": (2, "'v1.0' is not a version"),
    "evaluate shelf papers": (2, "'shelf' does not say which version"),
    "evaluate desk@latest papers": (3, "There is no model 'desk' (known: shelf)"),
    "evaluate shelf@latest nothing": (2, "no file and no dataset 'nothing' (datasets: papers)"),
    "evaluate shelf@latest {wrong}/strange.jsonl": (2, "(astro-ph)"),
    "evaluate shelf@latest {papers} --label-field genre": (2, "no field 'genre'"),
    "compare shelf@v1.0.0 shelf@v9.9.9 papers": (3, "'shelf' has no version v9.9.9"),
    "versions desk": (3, "There is no model 'desk'"),
    "verify shelf@v9.9.9": (3, "'shelf' has no version v9.9.9"),
    "promote shelf@v1.0.1": (4, "v1.0.1 is in production already"),
    "promote shelf@v1.0.0": (4, "v1.0.0 is older than v1.0.1"),
    "promote shelf@v1.0.1 --force": (2, "--force needs a reason"),
    "promote shelf@v1.0.1 --assume-new": (2, "--assume-new tells of the rows of --on"),
    "rollback shelf --to v1.0": (2, "'v1.0' is not a version"),
    "rollback shelf --to v1.0.1": (4, "v1.0.1 is in production already"),
    "predict shelf@latest": (2, "It is not clear what to classify"),
    "predict shelf@latest text --file {papers}": (2, "It is not clear what to classify"),
    "predict shelf@latest text --out {wrong}/new.csv": (2, "is for the results of --file"),
    "predict shelf@latest --file {papers} --out {papers}": (2, "is for the results of --file"),
    "predict shelf@latest --file {papers} --out {papers}/new.csv": (2, "No file can be written"),
    # Root may write there, and yet nobody can.
    "predict shelf@latest --file {papers} --out /proc/none/new.csv": (2, "No file can be written"),
    "predictions export shelf --out /proc/none/new.csv": (2, "No file can be written"),
    "predictions export shelf --out {papers}/new.csv": (2, "No file can be written"),
    "predict shelf@latest --file {papers} --out {wrong}/new.pdf": (2, "as 'new.pdf'"),
    "predict shelf@latest --file {wrong}/missing.jsonl": (2, "There is no file"),
    "predict shelf@latest --file {wrong}/prose.jsonl": (2, "is not JSON (line 1"),
    "predict shelf@latest --file {papers} --text-fields body": (2, "no field 'body'"),
    "serve --model desk --port 0": (3, "There is no model 'desk'"),
    "serve --host nowhere.invalid --port 0": (2, "nowhere.invalid:0 can't be listened on"),
    "serve --port 65536": (2, "less than or equal to 65535"),
    "doctor --port 0": (2, "greater than or equal to 1"),
}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def call(classmark: Classmark, inside: Classmark) -> Classmark:
    """Run a command; a server that starts all the same must not be this process."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return (classmark if arguments[0] == "serve" else inside)(*arguments)

    return run


@pytest.fixture(scope="module")
def refused(call: Classmark, look: Look) -> Callable[..., str]:
    """Run a command that must be refused; what it told."""

    def run(code: int, home: Path, *arguments: object) -> str:
        before = look(home)
        done = call(*arguments, "--home", home)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        assert look(home) == before
        return done.stderr

    return run


@pytest.mark.parametrize("line", REFUSALS)
def test_what_can_t_be_is_refused(
    line: str, shelf: Path, papers: Path, wrong: Path, refused: Callable[..., str]
) -> None:
    code, expected = REFUSALS[line]
    places = {"papers": papers, "wrong": wrong}
    before = sorted(path.name for path in wrong.iterdir())
    told = refused(code, shelf, *(word.format(**places) for word in line.split()))
    assert expected.format(**places) in told
    assert "Next: " in told or "--help" in told
    assert sorted(path.name for path in wrong.iterdir()) == before


def test_an_empty_text_is_refused(shelf: Path, refused: Callable[..., str]) -> None:
    for text in ("", " \n\t"):
        assert "The text is empty" in refused(2, shelf, "predict", "shelf@latest", text)


def test_a_text_that_is_not_utf_8_is_refused(shelf: Path, classmark: Classmark) -> None:
    asked = ("predict", "shelf@latest", "--interactive", "--home", shelf)
    done = classmark(*asked, typed=b"a table\nan \xe9 image\n")
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr


@pytest.mark.parametrize("name", ["\x1b[31m", "a" * 200, "[/bold] :smile:"])
def test_odd_names_are_told_as_they_are(
    name: str, shelf: Path, refused: Callable[..., str]
) -> None:
    assert "can't be the name of a model" in refused(2, shelf, "versions", name)
    assert "no file and no dataset" in refused(2, shelf, "evaluate", "shelf@latest", name)


def test_no_home_is_made_by_looking_for_one(tmp_path: Path, call: Classmark, papers: Path) -> None:
    place = tmp_path / "typo"
    for command in (
        ("versions", "shelf"),
        ("promote", "shelf@latest"),
        ("evaluate", "shelf@latest", papers),
        ("predict", "shelf@latest", "text"),
        ("serve", "--port", "0"),
    ):
        done = call(*command, "--home", place)
        assert (done.returncode, done.stdout) == (3, "")
        assert f"There is no home at {place}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_file_is_refused(papers: Path, call: Classmark) -> None:
    before = papers.read_bytes()
    for command in (("versions", "shelf"), ("prepare", papers, "--name", "new")):
        done = call(*command, "--home", papers)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"The home {papers} is no folder" in done.stderr
    assert papers.read_bytes() == before


def test_a_home_of_nobody_is_refused(call: Classmark) -> None:
    done = call("versions", "shelf", "--home", "~nobody-of-that-name/x")
    assert done.returncode == 2
    assert "~nobody-of-that-name/x can't be found" in done.stderr


def test_a_folder_that_is_no_home_stays_as_it_is(call: Classmark, tmp_path: Path) -> None:
    done = call("versions", "shelves", "--home", tmp_path)
    assert done.returncode == 3
    assert "There is no home at" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_whose_extra_is_missing_names_it() -> None:
    code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["classmark", "evaluate", "a@latest", "b"]
from classmark.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "pip install 'classmark[train]'" in done.stderr
