"""Moving spooled predictions to the log, again and again."""

import logging
import threading

from classmark.errors import UnavailableError
from classmark.predictions.spool import Spool

logger = logging.getLogger(__name__)

# How long the end of a process waits for a database that may never answer.
_PATIENCE_SECONDS = 5.0


class Drainer:
    """Drains a spool in a thread of its own, which holds up neither answers nor the end.

    Args:
        spool: Where predictions wait.
        seconds: Between two tries.
    """

    def __init__(self, spool: Spool, seconds: float) -> None:
        self._spool = spool
        self._seconds = seconds
        self._is_ending = threading.Event()
        # Python waits at its end for threads that are no daemons, be it for ever.
        self._thread = threading.Thread(target=self._run, name="drainer", daemon=True)

    def begin(self) -> None:
        """Let the thread run."""
        self._thread.start()

    def end(self) -> None:
        """Drain once more and stop; with a database that hangs the rest stays in the spool."""
        self._is_ending.set()
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            logger.warning("Predictions wait in the spool: the database does not answer in time")

    def _run(self) -> None:
        while not self._is_ending.wait(self._seconds):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        try:
            self._spool.drain()
        except UnavailableError as error:
            logger.warning("Predictions wait in the spool: %s", error)
        except Exception:
            # Whatever it is, predictions are safe in the spool; the next try may find it mended.
            logger.exception("Predictions wait in the spool")
