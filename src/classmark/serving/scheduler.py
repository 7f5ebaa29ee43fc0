"""Which text is computed when: one a thread, requests take turns, bounded."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from classmark.errors import OverloadedError
from classmark.models import Classifier, TimedAnswer

T = TypeVar("T")


class Scheduler:
    """Computes texts on a fixed number of threads; used from one event loop.

    A request has only a few texts in the queue at a time, so that one text need not wait until
    another request's thousands are done, and what nobody waits for any more is not computed.

    Args:
        threads: Texts that are computed at once.
        max_waiting: Texts that are accepted and not yet answered, at most.
    """

    def __init__(self, threads: int, max_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="compute")
        # One in each thread's hand and one for it to take next.
        self._queued_a_request = 2 * threads
        self._max_waiting = max_waiting
        self._waiting = 0

    async def classify(self, classifier: Classifier, texts: Sequence[str]) -> list[TimedAnswer]:
        """The answers in the order of the texts.

        Raises:
            OverloadedError: Too many texts wait already; none of these was accepted.
        """
        if self._waiting + len(texts) > self._max_waiting:
            raise OverloadedError(
                f"{self._waiting:,} texts wait already, and {len(texts):,} more would be over "
                f"{self._max_waiting:,}.",
                remedy="Ask again in a second, with fewer texts at a time.",
            )
        self._waiting += len(texts)
        try:
            return await self._answers(classifier, texts)
        finally:
            self._waiting -= len(texts)

    async def aside(self, work: Callable[[], T]) -> T:
        """What `work` gives, on one of the threads: it would hold up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._pool.shutdown(cancel_futures=True)

    async def _answers(self, classifier: Classifier, texts: Sequence[str]) -> list[TimedAnswer]:
        answers: dict[int, TimedAnswer] = {}
        pending = iter(enumerate(texts))

        async def answer(pending: Iterator[tuple[int, str]]) -> None:
            for index, text in pending:
                answers[index] = await self.aside(partial(classifier.classify_timed, text))

        takers = [
            asyncio.ensure_future(answer(pending))
            for _ in range(min(self._queued_a_request, len(texts)))
        ]
        try:
            await asyncio.gather(*takers)
        finally:
            for taker in takers:
                taker.cancel()
        return [answers[index] for index in range(len(texts))]
