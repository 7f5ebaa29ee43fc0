"""The tutorial runs: its commands in their order, and what it prints is what they print."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXPECTED_EXIT = re.compile(r"# exits with (\d+)$", re.MULTILINE)
_STOP = "^C"
_START_SECONDS = 60
# The port that the page names, the folder that it was written in.
_PORT, _FOLDER = ":8000", "/home/you/papers"

_DRAWN = re.compile(r"[\s\u2500-\u259f]+")
_IDENTIFIER = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{12}\b|\d{8}T\d{6}_\d+Z")
_VERSION_OR_NUMBER = re.compile(r"(v\d+\.\d+\.\d+)|[+-]?\d[\d.,:e+-]*")


@dataclass(slots=True)
class Step:
    """One command of the page and what it shows of its output."""

    command: str
    shown: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        found = _EXPECTED_EXIT.search(self.command)
        return int(found[1]) if found else 0

    @property
    def serves(self) -> bool:
        return self.command.startswith("classmark serve") and self.exit_code == 0


def steps_of(page: str) -> list[Step]:
    steps: list[Step] = []
    for block in _BLOCK.findall(page):
        commands = 0
        for line in block.splitlines():
            if line.startswith("$ ") or line == _STOP:
                steps.append(Step(line.removeprefix("$ ")))
                commands += 1
            elif line.startswith("> ") and commands:
                steps[-1].command += "\n" + line.removeprefix("> ")
            else:
                assert commands, f"output without a command: {line}"
                steps[-1].shown.append(line)
    return steps


def normal(line: str) -> str:
    """A line without what differs from run to run: figures, ids, the width of tables."""
    plain = _IDENTIFIER.sub("#", _DRAWN.sub(" ", line)).strip()
    return _VERSION_OR_NUMBER.sub(lambda found: found[1] or "0", plain)


def not_printed(shown: Sequence[str], printed: str) -> list[str]:
    """The shown lines that were not printed, in this order; `...` stands for anything."""
    lines = iter([normal(line) for line in printed.splitlines()])
    missing = []
    for line in shown:
        pieces = [normal(piece) for piece in line.split("...")]
        pattern = re.compile(".*?".join(map(re.escape, pieces)))
        if any(pieces) and not any(pattern.search(found) for found in lines):
            missing.append(line)
    return missing


class Walk:
    """A person who follows the page: one folder, one server at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        own = {name: v for name, v in os.environ.items() if not name.startswith("CLASSMARK_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
        self._environment = own | {"PATH": path, "CLASSMARK_ACTOR": "you"}

    def take(self, step: Step) -> tuple[int, str]:
        """Exit code and output of a step; a server has none yet, its end has both."""
        if step.command == _STOP:
            return self.stop(), ""
        if step.serves:
            return 0, self._serve(step.command)
        return self._run(step.command)

    def stop(self) -> int:
        """What Ctrl+C gives, where a server runs."""
        if self._server is None:
            return 0
        self._server.send_signal(signal.SIGINT)
        server, self._server = self._server, None
        return server.wait(timeout=_START_SECONDS)

    def _run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", command.replace(_PORT, f":{self._port}")],  # noqa: S607 (the reader's)
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=240,
        )
        return done.returncode, self._as_the_page_has_it(done.stdout.decode())

    def _serve(self, command: str) -> str:
        log = self._folder / "server.log"
        with log.open("wb") as file:
            self._server = subprocess.Popen(
                [*command.split(), "--port", str(self._port)],
                cwd=self._folder,
                env=self._environment,
                executable=str(Path(sys.executable).parent / "classmark"),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        _wait_until_ready(self._server, self._port)
        return self._as_the_page_has_it(log.read_text("utf-8"))

    def _as_the_page_has_it(self, output: str) -> str:
        return output.replace(str(self._folder), _FOLDER).replace(f":{self._port}", _PORT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    pytest.fail(f"the server did not answer; its exit code: {server.poll()}")


STEPS = steps_of(TUTORIAL.read_text("utf-8"))


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    walk = Walk(tmp_path_factory.mktemp("papers"))
    yield walk
    walk.stop()


@pytest.mark.parametrize("number", range(len(STEPS)), ids=lambda number: f"step{number + 1}")
def test_each_command_does_what_the_page_says(number: int, walk: Walk) -> None:
    step = STEPS[number]
    needed = step.command.partition(" ")[0]
    if step.command != _STOP and needed != "classmark" and not shutil.which(needed):
        pytest.skip(f"{needed} is not installed")
    code, output = walk.take(step)
    assert code == step.exit_code, f"{step.command}\n{output}"
    assert not_printed(step.shown, output) == [], f"{step.command}\n{output}"


def test_the_page_has_the_whole_loop() -> None:
    verbs = {step.command.split()[1] for step in STEPS if step.command.startswith("classmark ")}
    loop = {"prepare", "train", "evaluate", "compare", "promote", "rollback", "predict", "serve"}
    assert loop - verbs == set()


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        (["a 1.5", "b"], "a 2.75\nb\n", []),
        (["b", "a"], "a\nb\n", ["a"]),
        (["v1.0.0 is live"], "v2.0.0 is live", ["v1.0.0 is live"]),
        (["│ x │ 3   │"], "│ x   │ 14 │", []),
        (["at 3 ... in 5 s", "..."], "at 4 something in 50 s", []),
        (
            ["id 4f1f4f1f-1f4f-4a77-91b9-e1ef09ce2a99"],
            "id 00000000-aaaa-4a77-91b9-000000000000",
            [],
        ),
    ],
)
def test_shown_lines_are_compared_but_for_figures(
    shown: list[str], printed: str, missing: list[str]
) -> None:
    assert not_printed(shown, printed) == missing


def test_commands_outputs_and_expected_failures_are_told_apart() -> None:
    page = "```console\n$ a \\\n> b\nout\n$ c  # exits with 3\n```\n```sh\n$ d\n```\n"
    steps = steps_of(page)
    assert [(step.command, step.shown, step.exit_code) for step in steps] == [
        ("a \\\nb", ["out"], 0),
        ("c  # exits with 3", [], 3),
    ]
