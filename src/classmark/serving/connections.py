"""What a connection may cost: a request's head has a size, and its client a time."""

import asyncio
import fcntl
import struct
import termios
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from fastapi import Response
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from classmark.serving.admission import STATE, Admission
from classmark.serving.gathering import GatheredWrites
from classmark.serving.refusals import unread

# Of the request line and the headers together.
_HEAD_BYTES = 65_536


class PatientConfig(uvicorn.Config):
    """A server's configuration, with a bound on how long its clients may take.

    Args:
        app: As uvicorn takes it.
        client_seconds: For a request to arrive whole, and for a part of an answer to be taken;
            0 for any time.
        options: Of uvicorn.
    """

    def __init__(self, app: Any, *, client_seconds: float, **options: Any) -> None:
        super().__init__(app, http=BoundedConnection, **options)
        self.client_seconds = client_seconds


class _HeadTooLarge(Exception):  # noqa: N818 (the parser takes it for its own)
    """More came before the body than is let in."""


class _OneAtATime(FlowControl):
    """Reads on only when no request waits for the answer to the one before it."""

    def __init__(self, connection: "BoundedConnection") -> None:
        super().__init__(connection.transport)
        self._waiting = connection.pipeline

    def resume_reading(self) -> None:
        """Read on, or don't: uvicorn asks for it after each answer, whatever waits."""
        if not self._waiting:
            super().resume_reading()


class BoundedConnection(HttpToolsProtocol):
    """A connection that ends when its client is too slow, or sends a head that is too large.

    uvicorn waits for ever for the rest of a request, and for a client to read an answer; and it
    keeps as much of a head as comes.
    """

    _is_arriving = False
    _is_in_head = False
    _head_bytes = 0
    # What the parser has told of since data came, and how much came since it last told anything.
    _has_told = False
    _untold_bytes = 0
    # Whether the request that arrives was answered by its head alone.
    _is_refused = False
    # What is answered when all before it is.
    _postponed: HTTPStatus | None = None
    _untaken_bytes = 0
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        loop = asyncio.get_running_loop()
        gathered = GatheredWrites(cast("asyncio.Transport", transport), loop)
        super().connection_made(cast("asyncio.Transport", gathered))
        self.flow = _OneAtATime(self)
        self._is_arriving = True
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._stop()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._postponed is not None:
            return
        self._has_told = False
        super().data_received(data)
        # Of a header, or of what follows the last part of a body, the parser tells nothing before
        # it is whole, and keeps it.
        self._untold_bytes = 0 if self._has_told else self._untold_bytes + len(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._head_bytes + self._untold_bytes > _HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif not self._is_arriving and self._is_idle() and self.timeout_keep_alive_task is None:
            # Empty lines begin no request, and stopped the clock of an idle connection.
            self._is_arriving = True
            self._watch()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to somebody else."""
        self._stop()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request arrives."""
        super().on_message_begin()
        self._is_arriving = self._is_in_head = self._has_told = True
        self._head_bytes = 0
        self._watch()

    def on_url(self, url: bytes) -> None:
        """A part of the request line arrived."""
        self._has_told = True
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header arrived."""
        self._has_told = True
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head arrived."""
        self._has_told = True
        refusal = self._refusal_at_once()
        if refusal is None:
            super().on_headers_complete()
        else:
            self._is_refused = True
            self._write(refusal)
        self._is_in_head = False

    def on_body(self, body: bytes) -> None:
        """A part of the body arrived."""
        self._has_told = True
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request arrived."""
        self._is_arriving, self._has_told = False, True
        if self._is_refused:
            self._end_refused()
        else:
            super().on_message_complete()
        self._watch()

    def on_response_complete(self) -> None:
        """The answer is written, though perhaps not taken."""
        if self._postponed is not None and not self.pipeline and not self.transport.is_closing():
            self._answer(self._postponed)
            return
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The client does not take what we write."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer what can't be parsed, and close."""
        del msg
        too_large = self._head_bytes > _HEAD_BYTES
        self._refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
        )

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES:
            raise _HeadTooLarge

    def _is_idle(self) -> bool:
        """Whether nothing is being answered."""
        # uvicorn says of it that it is never None, and begins with None.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _owes(self) -> bool:
        """Whether it is the client's turn: to send the rest, or to take what was written."""
        return self._is_arriving or self.transport.get_write_buffer_size() > 0

    def _untaken(self) -> int:
        """Bytes that were written and are not yet with the client; 0 where all could leave."""
        waiting: int = self.transport.get_write_buffer_size()
        there = self.transport.get_extra_info("socket").fileno() if waiting else -1
        if there < 0:
            return waiting
        # The system takes megabytes, and more only when a great part of them has left.
        (leaving,) = struct.unpack("i", fcntl.ioctl(there, termios.TIOCOUTQ, bytes(4)))
        return waiting + int(leaving)

    def _watch(self) -> None:
        self._stop()
        seconds = cast("PatientConfig", self.config).client_seconds
        if seconds and self._owes():
            self._untaken_bytes = self._untaken()
            self._clock = self.loop.call_later(seconds, self._give_up)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _give_up(self) -> None:
        untaken = self._untaken()
        if 0 < untaken < self._untaken_bytes:
            # Slowly, but it is taken.
            self._watch()
        elif untaken > 0:
            self.transport.abort()
        elif not self._is_arriving:
            return
        elif self.flow.read_paused or (self._is_in_head and not self._is_idle()):
            # It is we who don't read on, for what came before is being answered.
            self._watch()
        elif self._is_in_head or not (self._is_idle() or self.cycle.response_started):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            # Nothing was asked, or the answer went out before the rest of the question came.
            self.transport.abort()

    def _refusal_at_once(self) -> Response | None:
        """The answer to a request that the app need not see, if it is its turn."""
        admission: Admission | None = self.app_state.get(STATE)
        if admission is None or self.expect_100_continue or not self._is_idle():
            return None
        return admission.refusal(self.url.partition(b"?")[0].decode("latin-1"), self.headers)

    def _end_refused(self) -> None:
        """Go on as after any answer: the rest of what was refused has been passed over."""
        self._is_refused = False
        if self.parser.should_keep_alive():
            self.on_response_complete()
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Read no more, and answer what is not as it must be when all before it is answered."""
        is_of_cycle = self._is_arriving and not self._is_in_head
        if is_of_cycle and self.pipeline:
            # Its turn has not come, and its body never will.
            self.pipeline.popleft()
            self._postpone(status)
        elif is_of_cycle and (self._is_refused or self.cycle.response_started):
            # It was answered before it was whole; another answer would be taken for the next one's.
            self.transport.close()
            self._watch()
        elif is_of_cycle or self._is_idle():
            self._answer(status)
        else:
            self._postpone(status)

    def _postpone(self, status: HTTPStatus) -> None:
        self._postponed, self._is_arriving = status, False
        self._watch()

    def _answer(self, status: HTTPStatus) -> None:
        """Answer in place of the app, which never sees the request as a whole, and close."""
        response = unread(status)
        response.headers["connection"] = "close"
        self._write(response)
        self.transport.close()
        self._is_arriving = False
        self._watch()

    def _write(self, response: Response) -> None:
        """Answer in place of the app."""
        headers = (*self.server_state.default_headers, *response.raw_headers)
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        head = STATUS_LINE[response.status_code] + b"".join(lines) + b"\r\n"
        self.transport.write(head + bytes(response.body))
