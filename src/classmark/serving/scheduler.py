"""Which text is computed when: one a thread, first come first served, bounded."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from classmark.errors import OverloadedError
from classmark.models import Classifier, TimedAnswer


class Scheduler:
    """Computes texts on a fixed number of threads; used from one event loop.

    Args:
        threads: Texts that are computed at once.
        max_waiting: Texts that are accepted and not yet answered, at most.
    """

    def __init__(self, threads: int, max_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="compute")
        self._max_waiting = max_waiting
        self._waiting = 0

    async def classify(self, classifier: Classifier, texts: Sequence[str]) -> list[TimedAnswer]:
        """The answers in the order of the texts.

        Raises:
            OverloadedError: Too many texts wait already; none of these was accepted.
        """
        if self._waiting + len(texts) > self._max_waiting:
            raise OverloadedError(
                f"{self._waiting} texts wait already.", remedy="Ask again in a second."
            )
        loop = asyncio.get_running_loop()
        self._waiting += len(texts)
        try:
            return await asyncio.gather(
                *(
                    loop.run_in_executor(self._pool, classifier.classify_timed, text)
                    for text in texts
                )
            )
        finally:
            self._waiting -= len(texts)

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._pool.shutdown(cancel_futures=True)
