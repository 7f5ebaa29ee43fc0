"""What can be set of serving."""

import os
from dataclasses import dataclass


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """How a server answers.

    Attributes:
        threads: Texts that are computed at once; 0 takes the cores this process may use.
        max_texts: In one request to `/predict`.
        max_batch_texts: In one request to `/predict_batch`.
        max_text_characters: In one text.
        max_body_bytes: In one request.
        max_waiting_texts: Accepted and not yet computed; beyond, requests get 503 at once.
        drain_seconds: Between two moves of spooled predictions to the database.
        fallback: Whether an earlier version answers where the live one can't be loaded.
    """

    threads: int = 0
    max_texts: int = 100
    max_batch_texts: int = 10_000
    max_text_characters: int = 100_000
    max_body_bytes: int = 16 * 1024 * 1024
    max_waiting_texts: int = 20_000
    drain_seconds: float = 0.5
    fallback: bool = True

    @property
    def worker_threads(self) -> int:
        """Texts that are computed at once."""
        return self.threads or _usable_cores()
