"""What can be set of serving."""

import os
from dataclasses import dataclass
from typing import Literal

from classmark.serving.scheduler import QueueLimits


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
        max_wait_seconds: Until a text is begun; where it would be longer, 503 at once.
        cache_bytes: Of memory for answers that were given before; 0 computes each one anew.
        drain_seconds: Between two moves of spooled predictions to the database.
        fallback: Whether an earlier version answers where the live one can't be loaded.
        api_keys: Whether who asks must have a key.
        max_requests_per_second: Of one key or, without keys, of one address; 0 for any number.
        timeout_seconds: After which a prediction is given up; 0 for never.
        unrecorded: Whether a prediction that can't be recorded, as the disk is full, is refused, or
            answered without an id and counted.
        client_seconds: For a request to arrive whole, and for a part of an answer to be taken; 0
            waits for ever.
        follow_seconds: Between two looks whether another version is in production; 0 never looks.
    """

    threads: int = 0
    max_texts: int = 100
    max_batch_texts: int = 10_000
    max_text_characters: int = 100_000
    max_body_bytes: int = 16 * 1024 * 1024
    max_waiting_texts: int = 20_000
    max_wait_seconds: float = 2.0
    cache_bytes: int = 16 * 1024 * 1024
    drain_seconds: float = 0.5
    fallback: bool = True
    api_keys: Literal["off", "required"] = "off"
    max_requests_per_second: float = 0.0
    timeout_seconds: float = 30.0
    unrecorded: Literal["refuse", "answer"] = "refuse"
    client_seconds: float = 30.0
    follow_seconds: float = 0.5

    @property
    def queue(self) -> QueueLimits:
        """How much may wait."""
        return QueueLimits(self.max_waiting_texts, self.max_wait_seconds)

    @property
    def worker_threads(self) -> int:
        """Texts that are computed at once."""
        return self.threads or _usable_cores()
