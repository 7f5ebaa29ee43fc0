"""`classmark collect` as its user runs it, against stand-ins for the services."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Classmark
from tests.documents.standins.answer import WRONG_KEY
from tests.documents.standins.papers import KnownPaper, made_up_papers
from tests.documents.standins.running import StandIns, running_stand_ins

KNOWN = 600
SECONDS_BETWEEN = 0.05
ARXIV = ("collect", "arxiv", "--categories", "cs.AI,cs.CV", "--until", "2025-12-31")
# Real papers of arXiv are in this folder, where somebody has them.
DATA = os.environ.get("CLASSMARK_DATA_DIR", "")


@pytest.fixture(scope="module")
def all_stand_ins() -> Iterator[StandIns]:
    with running_stand_ins(KNOWN) as running:
        yield running


@pytest.fixture
def stand_ins(all_stand_ins: StandIns) -> StandIns:
    all_stand_ins.reset()
    return all_stand_ins


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def listed(*categories: str) -> list[KnownPaper]:
    papers = made_up_papers(KNOWN)
    return [p for p in papers if p.arxiv_id and p.categories[0] in categories]


def records(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def raw_ids(home: Path, source: str = "arxiv") -> list[str]:
    (path,) = (home / "data" / "raw" / source).glob("*.jsonl.gz")
    return sorted(record["source_id"] for record in records(path))


def test_papers_are_collected_and_become_a_dataset(
    classmark: Classmark, stand_ins: StandIns, home: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = classmark(
        *ARXIV, "--home", home, "--per-category", 40, "--json", result, **stand_ins.environment()
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(result.read_text())
    assert (told["papers"], told["finished"], told["source"]) == (80, True, "arxiv")
    assert Counter(r["primary_category"] for r in records(Path(told["raw"]))) == {
        "cs.AI": 40,
        "cs.CV": 40,
    }
    following = next(line for line in done.stdout.splitlines() if line.startswith("Next: "))
    assert following == f"Next: classmark prepare {told['processed']} --name papers"
    prepared = classmark(*following.split()[2:], "--home", home)
    assert prepared.returncode == 0, prepared.stderr


def test_the_default_is_a_balanced_set_of_ten_categories(
    classmark: Classmark, stand_ins: StandIns, home: Path
) -> None:
    done = classmark(
        "collect", "arxiv", "--per-category", 5, "--home", home, **stand_ins.environment()
    )
    assert done.returncode == 0, done.stderr
    counts = Counter(record["primary_category"] for record in processed(home))
    # One of the ten has no paper at the stand-in.
    assert set(counts.values()) == {5}
    assert len(counts) == 9


def processed(home: Path) -> list[dict[str, Any]]:
    return records(home / "data" / "processed" / "papers.jsonl.gz")


def test_papers_of_all_three_services_are_one_set(
    classmark: Classmark, stand_ins: StandIns, home: Path
) -> None:
    for command in (
        (*ARXIV, "--per-category", 1000),
        ("collect", "pubmed", "the"),
        ("collect", "semantic-scholar", "the"),
    ):
        done = classmark(*command, "--home", home, **stand_ins.environment())
        assert done.returncode == 0, done.stderr
    papers = processed(home)
    for kind in ("arxiv_id", "pmid", "doi"):
        assert max(Counter(p[kind] for p in papers if kind in p).values()) == 1
    assert {"arxiv", "arxiv+pubmed+semantic-scholar"} <= {p["source"] for p in papers}


def test_a_harvest_that_broke_off_goes_on_and_a_finished_one_fetches_nothing(
    classmark: Classmark, stand_ins: StandIns, home: Path
) -> None:
    command = (*ARXIV, "--per-category", 1000, "--home", home)
    stand_ins.demand(
        {"service": "arxiv", "kind": "status", "status": 503, "on_request": 2, "times": 4}
    )
    broken = classmark(*command, **stand_ins.environment())
    assert broken.returncode == 6
    assert "status 503" in broken.stderr
    assert "papers in 1 pages are kept" in broken.stderr
    assert raw_ids(home)
    stand_ins.reset()
    assert classmark(*command, **stand_ins.environment()).returncode == 0
    assert raw_ids(home) == sorted(str(p.arxiv_id) for p in listed("cs.AI", "cs.CV"))
    stand_ins.reset()
    again = classmark(*command, **stand_ins.environment())
    assert again.returncode == 0
    assert stand_ins.requests() == []


def test_redacted_papers_hold_no_address_anywhere_in_the_home(
    classmark: Classmark, stand_ins: StandIns, home: Path
) -> None:
    for query in (("pubmed", "the"), ("semantic-scholar", "the")):
        done = classmark("collect", *query, "--redact", "--home", home, **stand_ins.environment())
        assert done.returncode == 0, done.stderr
    texts = [json.dumps(record) for record in processed(home)]
    assert any("[EMAIL]" in text for text in texts)
    assert not any("@example.org" in text for text in texts)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nature --total 5", "'nature' is not one of"),
        ("", "Missing argument"),
        ("pubmed", "PubMed needs a query"),
        ("semantic-scholar", "Semantic Scholar needs a query"),
        ("arxiv --since 2020-02-02 --until 2020-02-01", "2020-02-02"),
        ("arxiv --since 2099-01-01", "2099-01-01"),
        ("arxiv --since yesterday", "'yesterday' does not match"),
        ("arxiv --until 2020-02-30", "'2020-02-30' does not match"),
        ("arxiv --categories csAI", "csAI"),
        ("arxiv --categories ,", "category"),
        ("arxiv --total 0", "greater than or equal to 1"),
        ("arxiv --per-category -1", "greater than or equal to 1"),
        ("arxiv --total 5 --per-category 5", "--total"),
        ("arxiv planning", "--categories"),
        ("pubmed asthma --categories cs.AI", "--categories"),
        ("pubmed asthma --per-category 5", "--per-category"),
        ("pubmed asthma --json /", "No file can be written"),
    ],
)
def test_wrong_input_is_told_asks_nothing_and_writes_nothing(
    arguments: str, says: str, classmark: Classmark, stand_ins: StandIns, home: Path
) -> None:
    command = ("collect", *arguments.split(), "--home", home)
    done = classmark(*command, **stand_ins.environment())
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert stand_ins.requests() == []
    assert list(home.rglob("*.gz")) == []


def test_without_a_network_it_says_so_and_what_to_do(classmark: Classmark, home: Path) -> None:
    nowhere = {
        "CLASSMARK_COLLECTING__PUBMED_URL": "http://127.0.0.1:9",
        "CLASSMARK_COLLECTING__SECONDS_BETWEEN_REQUESTS": "0.001",
        "CLASSMARK_COLLECTING__BACKOFF_SECONDS": "0.01",
    }
    done = classmark("collect", "pubmed", "asthma", "--home", home, **nowhere)
    assert done.returncode == 6
    assert "Connection refused" in done.stderr
    assert "same command" in done.stderr


@pytest.mark.parametrize(
    ("source", "variable"), [("pubmed", "NCBI_API_KEY"), ("semantic-scholar", "S2_API_KEY")]
)
def test_a_key_of_the_environment_is_used_and_never_shown(
    source: str, variable: str, classmark: Classmark, stand_ins: StandIns, home: Path
) -> None:
    command = ("collect", source, "the", "--home", home)
    done = classmark(*command, **stand_ins.environment(), **{variable: WRONG_KEY})
    assert done.returncode == 2
    assert WRONG_KEY in json.dumps(stand_ins.requests())
    assert WRONG_KEY not in done.stdout + done.stderr
    kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(WRONG_KEY.encode() in content for content in kept)


def test_an_address_that_is_none_names_its_setting(classmark: Classmark, home: Path) -> None:
    done = classmark(
        *("collect", "arxiv", "--home", home), CLASSMARK_COLLECTING__ARXIV_URL="no address"
    )
    assert done.returncode == 2
    assert "collecting.arxiv_url" in done.stderr


@pytest.mark.slow
def test_a_harvest_that_is_killed_five_times_is_whole_and_kept_its_pace(
    stand_ins: StandIns, home: Path, environment: dict[str, str]
) -> None:
    chance = random.Random(5)  # noqa: S311 (nothing secret)
    command = [sys.executable, "-m", "classmark", "collect", "arxiv", "--home", str(home)]
    command += ["--per-category", "1000"]
    settings = environment | stand_ins.environment(SECONDS_BETWEEN)
    for _ in range(5):
        asked = len(stand_ins.requests())
        with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and len(stand_ins.requests()) == asked:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 3 * SECONDS_BETWEEN))
            os.kill(process.pid, signal.SIGKILL)
    subprocess.run(command, env=settings, stdout=subprocess.DEVNULL, check=True)
    assert raw_ids(home) == sorted(str(p.arxiv_id) for p in made_up_papers(KNOWN) if p.arxiv_id)
    requests = stand_ins.requests()
    pages = Counter(json.dumps(one["parameters"]) for one in requests)
    assert pages.total() - len(pages) <= 5
    times = [one["at_seconds"] for one in requests]
    assert min(later - earlier for earlier, later in pairwise(times)) >= SECONDS_BETWEEN
    assert {one["beside"] for one in requests} == {0}


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.skipif(
    not Path(DATA, "arxiv_cs.jsonl.gz").is_file(), reason="CLASSMARK_DATA_DIR has no such data"
)
def test_thousands_of_real_papers_are_collected_and_prepared(
    classmark: Classmark, tmp_path: Path
) -> None:
    home, data = tmp_path / "home", Path(DATA, "arxiv_cs.jsonl.gz")
    with running_stand_ins(59_000, papers=data) as stand_ins:
        done = classmark(
            *("collect", "arxiv", "--per-category", 300, "--home", home),
            **stand_ins.environment(),
        )
    assert done.returncode == 0, done.stderr
    papers = processed(home)
    assert set(Counter(paper["primary_category"] for paper in papers).values()) == {300}
    with gzip.open(data, "rt", encoding="utf-8") as file:
        real = {row["arxiv_id"]: row for row in map(json.loads, file)}
    for paper in papers:
        row = real[paper["arxiv_id"]]
        assert paper["title"] == " ".join(row["title"].split())
        assert paper["abstract"] == " ".join(row["abstract"].split())
    done = classmark(
        *("prepare", home / "data" / "processed" / "papers.jsonl.gz", "--name", "real"),
        *("--home", home),
    )
    assert done.returncode == 0, done.stderr
