"""Versions swapped under a busy server: does a request fail, and how soon does the new one answer?

Usage: python benchmarks/hot_swap.py [--swaps 200] [--clients 8] [--workers 1]

Makes a home with three small linear versions of the sample documents, starts `classmark serve`,
keeps the clients busy and moves production as another process would. Every second time it goes back
to the version that answered before, which the server has kept; the other times on to the third one,
which it must load. Each answer must be exactly what the version that it names gives by itself.
Times are from the commit in the database to the end of the first answer of the new version.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import run

from sqlalchemy import Engine, event

# What scripts share.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.serving_load import CLASSMARK, free_port, percentiles, start_server

from classmark.assembly import Home, open_home
from classmark.documents import sample_documents
from classmark.models import load_classifier
from classmark.registry import ModelReference, RegisteredVersion

TEXT = "A new index for range joins over relational tables."
# So many answers in a row by the new version end the wait for a swap.
IN_A_ROW = 20
# How long a swap is waited for; none should come near it.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got, and when."""

    began: float
    ended: float
    status: int
    version: str
    probabilities: tuple[float, ...]


class Client(threading.Thread):
    """Asks as fast as answers come, over one connection."""

    def __init__(self, port: int, answers: list[Answer]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._answers = answers
        self.is_over = threading.Event()
        self.broken: list[str] = []

    def run(self) -> None:
        """Ask until it is over; a connection that breaks is a failure, and made anew."""
        body = json.dumps({"texts": [TEXT], "return_probabilities": True})
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self.is_over.is_set():
            began = time.monotonic()
            try:
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = json.loads(response.read())
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
                connection.close()
                continue
            probabilities = content.get("predictions", [{}])[0].get("probabilities", {})
            self._answers.append(
                Answer(
                    began,
                    time.monotonic(),
                    response.status,
                    content.get("model_version", ""),
                    tuple(probabilities.values()),
                )
            )
        connection.close()


def make_home(folder: Path) -> Home:
    """A home with three versions that differ, the first of them in production."""
    folder.mkdir(parents=True)
    documents = list(sample_documents())
    for number, chosen in enumerate((documents[::2], documents[1::2], documents)):
        source, name = folder / f"part{number}.jsonl", f"part{number}"
        source.write_text("".join(json.dumps(asdict(one)) + "\n" for one in chosen))
        for command in (
            ["prepare", str(source), "--name", name],
            ["train", name, "--model", "m", "--family", "linear"],
        ):
            run([*CLASSMARK, *command, "--home", str(folder)], check=True, capture_output=True)
    home = open_home(folder)
    home.registry.promote(ModelReference("m", home.registry.versions("m")[0].version))
    return home


class Swapper:
    """Moves production and waits until nothing else answers."""

    def __init__(self, home: Home, answers: list[Answer]) -> None:
        self._home = home
        self._answers = answers
        self._committed = 0.0
        event.listen(Engine, "commit", self._note)

    def _note(self, _: object) -> None:
        self._committed = time.monotonic()

    def swap(self, version: RegisteredVersion) -> float:
        """The seconds from the commit to the first answer of a version."""
        number, seen = str(version.version), len(self._answers)
        self._home.registry.adopt(version)
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            last = self._answers[-IN_A_ROW:]
            if len(self._answers) > seen + IN_A_ROW and {one.version for one in last} == {number}:
                new = [one.ended for one in self._answers[seen:] if one.version == number]
                return min(new) - self._committed
            time.sleep(0.02)
        raise SystemExit(f"{number} does not answer")


def swapped(
    versions: Sequence[RegisteredVersion], swapper: Swapper, times: int
) -> dict[str, list[float]]:
    """The seconds of each swap: of those that had to load, and of those that had not."""
    served, kept, third = versions
    found: dict[str, list[float]] = {"loaded": [], "kept": []}
    for number in range(times):
        # Anywhere between two looks of the server.
        time.sleep(random.uniform(0, 0.5))
        if number % 2 == 0:
            served, kept, third = third, served, kept
            found["loaded"].append(swapper.swap(served))
        else:
            served, kept = kept, served
            found["kept"].append(swapper.swap(served))
    return found


def main() -> None:
    """Swap and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    answers: list[Answer] = []
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder, "home"))
        versions = home.registry.versions("m")
        known = {
            str(one.version): load_classifier(one.folder).classify(TEXT).probabilities
            for one in versions
        }
        port = free_port()
        server = start_server(home.folder, port, "--workers", str(arguments.workers))
        clients = [Client(port, answers) for _ in range(arguments.clients)]
        for client in clients:
            client.start()
        seconds = swapped(versions, Swapper(home, answers), arguments.swaps)
        for client in clients:
            client.is_over.set()
            client.join()
        server.terminate()
        exit_code = server.wait()
        logged = home.log.count()
        home.database.close()
    refused = [one for one in answers if one.status != 200]
    broken = [error for client in clients for error in client.broken]
    result = {
        "swaps": arguments.swaps,
        "clients": arguments.clients,
        "workers": arguments.workers,
        "requests": len(answers) + len(broken),
        "failures": len(refused) + len(broken),
        "answers_of_no_whole_version": sum(
            known.get(one.version) != one.probabilities for one in answers if one.status == 200
        ),
        "logged": logged,
        "requests_by_version": dict(Counter(one.version for one in answers)),
        "seconds_to_first_answer": {
            name: percentiles(values) for name, values in seconds.items() if values
        },
        "seconds_of_a_request": percentiles([one.ended - one.began for one in answers]),
        "exit_code": exit_code,
    }
    print(json.dumps(result, indent=2))
    if result["failures"] or result["answers_of_no_whole_version"] or exit_code:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
