"""The stand-ins as a process of their own, and what a test says to them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PROGRAM = Path(__file__).with_name("scholarly_services.py")


@dataclass(frozen=True, slots=True)
class StandIns:
    """Running stand-ins.

    Attributes:
        url: Where all three answer.
    """

    url: str

    def demand(self, *faults: dict[str, Any]) -> None:
        """Let these faults happen, counted from now on, and no others."""
        self._post("/control", {"faults": faults})

    def reset(self) -> None:
        """Forget requests, faults and every WebEnv."""
        self._post("/reset", {})

    def requests(self, service: str | None = None, path: str = "") -> list[dict[str, Any]]:
        """What was asked of a service, in order."""
        answer = httpx.get(f"{self.url}/requests", timeout=30)
        told: list[dict[str, Any]] = answer.json()
        return [
            one for one in told if service in {None, one["service"]} and one["path"].endswith(path)
        ]

    def environment(self, seconds_between: float = 0.001) -> dict[str, str]:
        """The settings with which collectors ask here, quickly."""
        given = {
            "ARXIV_URL": f"{self.url}/api/query",
            "PUBMED_URL": f"{self.url}/entrez/eutils",
            "SEMANTIC_SCHOLAR_URL": f"{self.url}/graph/v1",
            "SECONDS_BETWEEN_REQUESTS": str(seconds_between),
            "BACKOFF_SECONDS": "0.01",
            "TIMEOUT_SECONDS": "10",
        }
        return {f"CLASSMARK_COLLECTING__{name}": value for name, value in given.items()}

    def _post(self, path: str, body: dict[str, Any]) -> None:
        httpx.post(f"{self.url}{path}", json=body, timeout=30).raise_for_status()


@contextmanager
def running_stand_ins(count: int = 200, papers: Path | None = None) -> Iterator[StandIns]:
    """Stand-ins that know so many papers, gone when the block ends."""
    arguments = ["--count", str(count), *(["--papers", str(papers)] if papers else [])]
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield StandIns(f"http://127.0.0.1:{port}")
        finally:
            process.kill()
