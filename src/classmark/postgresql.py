"""What PostgreSQL needs that SQLite does not: a server may be far away, stopped, or gone."""

import json
import math
import time
from collections.abc import Generator
from typing import Any

import orjson
from psycopg import Connection, OperationalError
from sqlalchemy import URL, Engine, create_engine, event

# What the URL does not set itself, as libpq names it. `connect_timeout` covers the login too.
_CONNECTION = {
    "connect_timeout": "5",
    # A machine that went away without a word is noticed after 25 seconds.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
    # Who waits for a lock gives up before the client does; who holds locks and hangs loses them.
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=5min",
}


class _ImpatientConnection(Connection[Any]):
    """A connection that is given up when the server does not answer in time.

    A process that was stopped, or a disk that hangs, keeps the connection open: neither keepalives
    nor the server's own limits notice it.
    """

    answer_seconds = math.inf

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """What the driver waits for, or an error that says that it took too long."""
        return super().wait(self._in_time(gen), *args, **kwargs)

    def _in_time(self, waiting: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        give_up_at = time.monotonic() + self.answer_seconds
        try:
            wanted = next(waiting)
            while True:
                ready = yield wanted
                # The driver looks in ten times a second, with nothing ready.
                if not ready and time.monotonic() > give_up_at:
                    # Closed, or the pool would hand it out again.
                    self.close()
                    raise OperationalError(f"no answer within {self.answer_seconds:.0f} seconds")
                wanted = waiting.send(ready)
        except StopIteration as end:
            return end.value


def postgresql_engine(url: URL, *, answer_seconds: float) -> Engine:
    """Connections to a server.

    Args:
        url: Where it is; its parameters come before ours.
        answer_seconds: How long it may take to answer one statement.
    """
    ours = {name: value for name, value in _CONNECTION.items() if name not in url.query}
    # A server may have been restarted since the last transaction.
    engine = create_engine(url, connect_args=ours, pool_pre_ping=True, json_serializer=_strict_json)

    def connect(
        _dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]
    ) -> Connection[Any]:
        connection = _ImpatientConnection.connect(*arguments, **named)
        connection.answer_seconds = answer_seconds
        return connection

    event.listen(engine, "do_connect", connect)
    return engine


def _strict_json(value: object) -> str:
    """JSON as the standard has it: PostgreSQL refuses NaN, which Python writes and SQLite keeps."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        # As it stands in files: null.
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
