"""classmark's server beside others: the same model, the same texts, the same connections.

Usage: PYTHONPATH=. python benchmarks/serving/compare.py [--rounds 3] [--seconds 20]
    [--connections 8 32] [--only classmark fastapi ...] [--data FILE] [--keep FOLDER]

Needs wrk (`apt-get install wrk`). Each peer is installed into a virtual environment of its own
under `build/peers`, some 3 GB in all; who can't be installed or does not come up is told with the
reason. FILE has `text` and `label` in each line of JSON, gzipped; without it, and without
`agnews_train10k.jsonl.gz` in CLASSMARK_DATA_DIR, texts are sample documents cut to the length of
news. `--keep` keeps the model in FOLDER, and takes it from there the next time.

In each round every server is started, one after the other, and the classifier is called without a
server on all cores. Measured of each: seconds from the start of the process to the first right
answer (files are in the page cache), the median of lone requests over one connection, requests a
second and p50, p95, p99 over more of them, the largest memory of all its processes (PSS), and what
was not answered with success, which must be nothing. All figures are medians over the rounds.
Answers are compared with those of the version in this process.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.serving.artifacts import Artifacts
from benchmarks.serving.lineup import ENTRANTS, Entrant, install
from benchmarks.serving.load import Burst, burst, check_wrk, in_process
from benchmarks.serving.servers import Scales, Server, ServerError, free_port, running

from classmark.models import Classifier

AGREEMENT_TEXTS = 100
_WARM_UP_SECONDS = 2.0
_NEWS = "agnews_train10k.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one server did in one round.

    Attributes:
        cold_start_seconds: To the first right answer.
        agreement: The share of texts that it labels as the version in this process does.
        lone: One connection.
        crowds: By connections.
        peak_bytes: Of all its processes.
    """

    cold_start_seconds: float
    agreement: float
    lone: Burst
    crowds: Mapping[int, Burst]
    peak_bytes: int

    @property
    def failures(self) -> int:
        """What was not answered well, whoever asked."""
        return sum(one.failures for one in (self.lone, *self.crowds.values()))


@dataclass(slots=True)
class Score:
    """What all rounds gave.

    Attributes:
        turns: By server.
        lost: Why a server has no turns.
        alone: Texts a second of the classifier without a server, a figure a round.
    """

    turns: dict[str, list[Turn]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    alone: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Course:
    """What everybody goes through.

    Attributes:
        artifacts: The model and the texts.
        expected: The version's labels of the first texts.
        known: A text, and its label, of which the version is surest.
        connections: How many at once, one burst each.
        seconds: Of each burst.
    """

    artifacts: Artifacts
    expected: Sequence[str]
    known: tuple[str, str]
    connections: Sequence[int]
    seconds: float

    def run(self, name: str, entrant: Entrant) -> Turn:
        """Start a server, and ask it.

        Raises:
            ServerError: It does not come up or answers wrongly.
        """
        port = free_port()
        launch = entrant.launch(self.artifacts, port)
        bodies = self.artifacts.bodies(name, launch.dialect.encoded)
        with running(launch, self.known, port, bodies.with_suffix(".log")) as server:
            return self._asked(server, bodies)

    def _asked(self, server: Server, bodies: Path) -> Turn:
        scales = Scales(server)
        scales.start()
        found = server.labels(self.artifacts.texts[: len(self.expected)])
        agreed = sum(a == b for a, b in zip(found, self.expected, strict=True))
        burst(server, bodies, max(self.connections), _WARM_UP_SECONDS)
        lone = burst(server, bodies, 1, self.seconds)
        crowds = {many: burst(server, bodies, many, self.seconds) for many in self.connections}
        share = agreed / len(self.expected)
        return Turn(server.cold_start_seconds, share, lone, crowds, scales.stop())


def course_of(given: argparse.Namespace, artifacts: Artifacts, classifier: Classifier) -> Course:
    """What everybody goes through, as this process's classifier answers it."""
    asked = artifacts.texts[:AGREEMENT_TEXTS]
    answers = [classifier.classify(text) for text in asked]
    surest = max(range(len(asked)), key=lambda number: answers[number].confidence)
    return Course(
        artifacts,
        [answer.label for answer in answers],
        (asked[surest], answers[surest].label),
        given.connections,
        given.seconds,
    )


def raced(given: argparse.Namespace, course: Course, classifier: Classifier) -> Score:
    """All rounds, each turn told as it ends."""
    score = Score()
    for name in given.only:
        environment = ENTRANTS[name].environment
        if environment is not None:
            _noting_loss(score, name, partial(install, environment))
    for number in range(given.rounds):
        score.alone.append(in_process(classifier, course.artifacts.texts, given.seconds))
        print(f"round {number + 1}: {score.alone[-1]:.1f} texts a second alone", flush=True)
        for name in given.only:
            if name not in score.lost:
                _noting_loss(score, name, partial(_take_turn, score, course, name))
    return score


def _noting_loss(score: Score, name: str, step: Callable[[], None]) -> None:
    try:
        step()
    except ServerError as error:
        score.lost[name] = str(error)
        print(f"{name} is left out: {error}", flush=True)


def _take_turn(score: Score, course: Course, name: str) -> None:
    turn = course.run(name, ENTRANTS[name])
    score.turns.setdefault(name, []).append(turn)
    speeds = ", ".join(f"{one.a_second:.1f} over {many}" for many, one in turn.crowds.items())
    print(f"{name}: {speeds}; {turn.failures} failures", flush=True)


def table(score: Score, connections: Sequence[int]) -> Iterator[str]:
    """The figures of all servers, as a table."""
    alone = statistics.median(score.alone)
    columns = ["server", "labels as ours", "cold start s", "lone p50 ms"]
    for many in connections:
        columns += [f"requests/s, {many} conn.", "of alone", "p50 / p95 / p99 ms"]
    yield _row([*columns, "peak MB", "failures"])
    yield "|" + "---|" * (len(columns) + 2)
    for name, turns in score.turns.items():
        cells = [ENTRANTS[name].what, f"{turns[0].agreement:.2f}"]
        cells.append(f"{_median(turns, lambda turn: turn.cold_start_seconds):.1f}")
        cells.append(f"{_median(turns, lambda turn: turn.lone.p50_ms):.1f}")
        for many in connections:
            cells += _crowd_cells([turn.crowds[many] for turn in turns], alone)
        cells.append(f"{_median(turns, lambda turn: turn.peak_bytes) / 1e6:.0f}")
        yield _row([*cells, str(sum(turn.failures for turn in turns))])


def _crowd_cells(bursts: Sequence[Burst], alone: float) -> list[str]:
    speed = statistics.median(one.a_second for one in bursts)
    waits = ("p50_ms", "p95_ms", "p99_ms")
    medians = [statistics.median(getattr(one, wait) for one in bursts) for wait in waits]
    return [f"{speed:.1f}", f"{speed / alone:.2f}", " / ".join(f"{one:.0f}" for one in medians)]


def _median(turns: Sequence[Turn], figure: Callable[[Turn], float]) -> float:
    return statistics.median(map(figure, turns))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def news() -> Path | None:
    """Where the texts are, if the measurement data are there."""
    file = Path(os.environ.get("CLASSMARK_DATA_DIR", ""), _NEWS)
    return file if file.is_file() else None


def describe(artifacts: Artifacts) -> None:
    """Say what is asked of whom."""
    metadata = json.loads((artifacts.version / "metadata.json").read_text(encoding="utf-8"))
    words = statistics.mean(len(text.split()) for text in artifacts.texts)
    print(
        f"{len(artifacts.texts)} texts of {words:.0f} words on average; classmark serves "
        f"{metadata['parity']['chosen']}, {metadata['size_mb']:.1f} MB",
        flush=True,
    )


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--only", nargs="+", choices=ENTRANTS, default=list(ENTRANTS))
    parser.add_argument("--data", type=Path, default=news())
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def main() -> None:
    """Race, and print the table."""
    given = parsed()
    check_wrk()
    # Servers that run are ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    place = nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory()
    with place as folder:
        artifacts = Artifacts.made(Path(folder).absolute(), given.data)
        describe(artifacts)
        classifier = artifacts.classifier()
        score = raced(given, course_of(given, artifacts, classifier), classifier)
    print(f"\nWithout a server: {statistics.median(score.alone):.1f} texts a second\n")
    print("\n".join(table(score, given.connections)))
    for name, reason in score.lost.items():
        print(f"\n{name} is left out: {reason}")
    if any(turn.failures for turns in score.turns.values() for turn in turns):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
