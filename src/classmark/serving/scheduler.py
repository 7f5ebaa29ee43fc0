"""Which text is computed when: one a thread, requests take turns, nothing that comes too late."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from classmark.errors import OverloadedError
from classmark.models import Classifier, TimedAnswer
from classmark.serving.alone import Alone

T = TypeVar("T")

# How much the newest text counts when it is estimated how long the next ones take.
_WEIGHT = 0.05
# Of the time that is left. What takes the cores from computing makes every text behind it later,
# and an answer that comes too late was computed for nobody.
_SURE_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait; what is beyond is refused at once.

    Attributes:
        texts: Accepted and not yet answered.
        seconds: Until the first text of a request is begun.
    """

    texts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """What one request wants computed.

    Attributes:
        classifier: What answers.
        texts: Each of them.
        then: Makes of the answers what is wanted; on the thread that gave the last one, so that it
            may write to a disk.
        alone: What answers if nothing else is asked at the time.
        by: On the clock of `time.monotonic`. What was not begun then never is, and who asked gives
            it up by itself.
    """

    classifier: Classifier
    texts: Sequence[str]
    then: Callable[[list[TimedAnswer]], T]
    alone: Alone | None = None
    by: float = math.inf


class Scheduler:
    """Computes texts on a fixed number of threads; used from one event loop.

    A request has only a few texts in the queue at a time, so that one text need not wait until
    another request's thousands are done, and what nobody waits for any more is not computed.

    Args:
        threads: Texts that are computed at once.
        limits: How much may wait.
    """

    def __init__(self, threads: int, limits: QueueLimits) -> None:
        self._threads = [
            threading.Thread(target=self._compute, name=f"compute-{number}", daemon=True)
            for number in range(threads)
        ]
        # One in each thread's hand and one for it to take next.
        self._queued_a_request = 2 * threads
        self._limits = limits
        self._waiting = 0
        self._queue: deque[_Request | None] = deque()
        # A thread waits here for one entry of the queue.
        self._entries: SimpleQueue[None] = SimpleQueue()
        self._seconds_a_text = 0.0

    def check_room(self, texts: int, by: float, before: int = 0) -> None:
        """Let pass so many texts that are wanted by then, after others that are yet to be queued.

        Raises:
            OverloadedError: Too many wait already, or they would come too late.
        """
        if self._waiting + texts > self._limits.texts:
            raise OverloadedError(
                f"{self._waiting:,} texts wait already, and {texts:,} more would be over "
                f"{self._limits.texts:,}.",
                remedy="Ask again in a second, with fewer texts at a time.",
            )
        wait = (len(self._queue) + before) * self._seconds_a_text / len(self._threads)
        if wait > min(self._limits.seconds, _SURE_SHARE * (by - time.monotonic())):
            raise OverloadedError(
                f"{self._waiting:,} texts wait already; the next one would be begun in about "
                f"{wait:.1f} s, which is too late.",
                remedy="Ask again in a second.",
            )

    async def run(self, work: Work[T]) -> T:
        """What comes of the answers, which are in the order of the texts.

        Raises:
            OverloadedError: Too many texts wait already; none of these was accepted.
        """
        texts = len(work.texts)
        self.check_room(texts, work.by)
        request = _Request(work, is_alone=texts == 1 and not self._waiting)
        self._waiting += texts
        try:
            self._accept(request)
            found: T = await request.future
            return found
        finally:
            request.is_over = True
            self._waiting -= texts

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        while self._queue:
            if request := self._queue.popleft():
                request.drop()
        for _ in self._threads:
            self._put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _accept(self, request: "_Request") -> None:
        if self._threads[0].ident is None:
            for thread in self._threads:
                thread.start()
        if not request.work.texts:
            # Nothing is left to compute, and others need not wait for long.
            self._queue.appendleft(request)
            self._entries.put(None)
        for _ in range(min(self._queued_a_request, len(request.work.texts))):
            self._put(request)

    def _put(self, request: "_Request | None") -> None:
        self._queue.append(request)
        self._entries.put(None)

    def _compute(self) -> None:
        while True:
            self._entries.get()
            try:
                request = self._queue.popleft()
            except IndexError:  # it was dropped
                continue
            if request is None:
                return
            self._go_on(request)

    def _go_on(self, request: "_Request") -> None:
        began = time.monotonic()
        if request.is_over or began >= request.work.by:
            return
        if not request.answer_next():
            return
        if request.is_more:
            self._put(request)
        took = time.monotonic() - began
        weight = _WEIGHT if self._seconds_a_text else 1.0
        # Another thread may do so at the same time; one text more or less tells nothing.
        self._seconds_a_text += (took - self._seconds_a_text) * weight


class _Request:
    """Work that was accepted, and how far it is."""

    def __init__(self, work: Work[Any], *, is_alone: bool) -> None:
        self.work = work
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()
        self._classifier = work.alone if is_alone and work.alone else work.classifier
        self._lock = threading.Lock()
        self._begun = 0
        self._answers: dict[int, TimedAnswer] = {}

    @property
    def is_more(self) -> bool:
        """Whether a text has not been begun that somebody waits for."""
        return not self.is_over and self._begun < len(self.work.texts)

    def answer_next(self) -> bool:
        """Compute a text, if there is one left; after the last one the request is finished.

        Returns:
            Whether there was one.
        """
        with self._lock:
            index = self._begun
            self._begun += 1
        if index >= len(self.work.texts):
            if not self.work.texts:
                self._finish()
            return False
        try:
            timed = self._classifier.classify_timed(self.work.texts[index])
        except BaseException as error:  # noqa: BLE001 (whoever asked gets it)
            self._settle(None, error)
            return True
        with self._lock:
            self._answers[index] = timed
            is_last = len(self._answers) == len(self.work.texts)
        if is_last:
            self._finish()
        return True

    def drop(self) -> None:
        """Give it up; whoever waits for it is cancelled."""
        self._settle(None, asyncio.CancelledError())

    def _finish(self) -> None:
        answers = [self._answers[index] for index in range(len(self.work.texts))]
        try:
            found = self.work.then(answers)
        except BaseException as error:  # noqa: BLE001 (whoever asked gets it)
            self._settle(None, error)
        else:
            self._settle(found, None)

    def _settle(self, found: object, error: BaseException | None) -> None:
        self.is_over = True

        def settled() -> None:
            if self.future.done():
                return
            if isinstance(error, asyncio.CancelledError):
                self.future.cancel()
            elif error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(found)

        with suppress(RuntimeError):  # the loop has ended, and with it who asked
            self._loop.call_soon_threadsafe(settled)
