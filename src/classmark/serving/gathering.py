"""The head of an answer and its body leave in one piece."""

import asyncio
from typing import Any


class GatheredWrites:
    """A transport that writes once a turn of the event loop, whatever was written to it meanwhile.

    uvicorn writes head and body one after the other, at the price of a system call more. A process
    that is killed between the two leaves a client, or a proxy before it, with an answer that has
    begun: nobody else can be asked any more.

    Args:
        transport: What writes.
        loop: Whose turns count.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have it written when this turn of the loop is over."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def get_write_buffer_size(self) -> int:
        """Bytes that have not left."""
        return sum(map(len, self._parts)) + self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Write what waits, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
