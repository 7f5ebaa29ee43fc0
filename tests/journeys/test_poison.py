"""What no honest client sends: each is refused, nobody else waits for it, and nothing stays."""

import gzip
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.serving.conftest import live_home

pytestmark = pytest.mark.slow

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]

MOST_BYTES = 16 * 1024 * 1024
# Far less than what any of these would take if it were kept or unpacked.
MOST_GROWTH_BYTES = 300 * 1024 * 1024
PREDICT = b'{"texts": ["A table of tuples"]}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(
    serving: Serving, artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A server that is soon out of patience."""
    home = live_home(tmp_path_factory.mktemp("poison") / "home", artifact)
    (home / "classmark.yaml").write_text("serving:\n  client_seconds: 1.0\n  threads: 2\n")
    with serving(home, "--no-ui") as server:
        for _ in range(20):
            server.ask("A table of tuples")
        yield server
        assert server.stop() == 0


def connected(server: Any) -> socket.socket:
    place = urlsplit(server.url)
    return socket.create_connection((place.hostname, place.port), timeout=30)


def post(
    body: bytes, *headers: bytes, kind: bytes = b"application/json", to: bytes = b"/predict"
) -> bytes:
    """A request to predict, as it goes over the wire."""
    lines = [b"POST " + to + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers]
    if kind:
        lines.append(b"Content-Type: " + kind)
    if not any(re.match(rb"(?i)content-length|transfer-encoding", one) for one in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(*headers: bytes, line: bytes = b"GET /health HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: x", b"Connection: close", *headers]) + b"\r\n\r\n"


def texts(inside: bytes) -> bytes:
    return post(b'{"texts": [' + inside + b"]}")


def upgraded() -> bytes:
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    headers = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", key)
    return b"\r\n".join([b"GET /predict HTTP/1.1", b"Host: x", *headers]) + b"\r\n\r\n"


# Name -> what is sent, and what may be answered.
POISON: dict[str, tuple[Callable[[], bytes], set[int]]] = {
    "ten megabytes": (lambda: texts(b'"' + b"a" * 10_000_000 + b'"'), {422}),
    "over the limit": (lambda: post(b"a" * (MOST_BYTES + 1)), {413}),
    "over the limit, only declared": (lambda: post(b"a", b"Content-Length: 99999999999"), {413}),
    "a number that no length is": (lambda: post(b"", b"Content-Length: " + b"9" * 40), {400}),
    "100,000 levels": (lambda: texts(b"[" * 100_000), {413}),
    "100,000 objects": (lambda: post(b'{"texts":' * 100_000), {413}),
    "a word of a million": (lambda: texts(b'"' + b"a" * 1_000_000 + b'"'), {422}),
    "a word as long as may be": (lambda: texts(b'"' + b"a" * 100_000 + b'"'), {200}),
    "NUL": (lambda: texts(rb'"a\u0000b"'), {422}),
    "a raw NUL": (lambda: texts(b'"a\x00b"'), {422}),
    "half a pair": (lambda: texts(rb'"\ud800"'), {422}),
    "the halves the wrong way": (lambda: texts(rb'"\udc00\ud800"'), {422}),
    "no UTF-8": (lambda: texts(b'"\xff\xfe"'), {400, 422}),
    "overlong UTF-8": (lambda: texts(b'"\xc0\xaf"'), {400, 422}),
    "UTF-16": (lambda: post('{"texts": ["a"]}'.encode("utf-16")), {200, 400, 422}),
    "a bomb": (
        lambda: post(gzip.compress(bytes(200_000_000)), b"Content-Encoding: gzip"),
        {400, 415, 422},
    ),
    "NaN": (lambda: texts(b"NaN"), {422}),
    "Infinity": (lambda: texts(b"-Infinity"), {422}),
    "1e400": (lambda: texts(b"1e400"), {422}),
    "a number of 5,000 digits": (lambda: texts(b"9" * 5000), {400, 422}),
    "a key twice": (lambda: post(b'{"texts": [1], "texts": ["a"]}'), {200, 422}),
    "nothing": (lambda: post(b""), {422}),
    "half of it": (lambda: post(PREDICT[:-3]), {422}),
    "plain text": (lambda: post(PREDICT, kind=b"text/plain"), {422}),
    "no kind": (lambda: post(PREDICT, kind=b""), {422}),
    "a form": (lambda: post(PREDICT, kind=b"multipart/form-data"), {422}),
    "a kind of rubbish": (lambda: post(PREDICT, kind=b"\xff/;;;="), {422}),
    "too short a length": (lambda: post(PREDICT, b"Content-Length: 10"), {400, 422}),
    "too great a length": (lambda: post(PREDICT, b"Content-Length: 100"), {408}),
    "a negative length": (lambda: post(PREDICT, b"Content-Length: -1"), {400}),
    "two lengths": (lambda: post(PREDICT, b"Content-Length: 1", b"Content-Length: 32"), {400}),
    "a length and chunks": (
        lambda: post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        {400},
    ),
    "chunks of rubbish": (lambda: post(b"ZZZ\r\n", b"Transfer-Encoding: chunked"), {400}),
    "a chunk beyond all": (
        lambda: post(b"F" * 20 + b"\r\n", b"Transfer-Encoding: chunked"),
        {400},
    ),
    "an endless trailer": (
        lambda: post(b"0\r\nX-T: " + b"a" * 5_000_000, b"Transfer-Encoding: chunked"),
        {400, 431},
    ),
    "trailers without number": (
        lambda: post(b"0\r\n" + b"a: b\r\n" * 100_000, b"Transfer-Encoding: chunked"),
        {400, 431},
    ),
    "an endless extension": (
        lambda: post(b"1;" + b"a" * 5_000_000, b"Transfer-Encoding: chunked"),
        {400, 431},
    ),
    "lists without number": (lambda: texts(b",".join([b"[]"] * 5_000_000)), {413}),
    "objects without number": (lambda: texts(b",".join([b"{}"] * 5_000_000)), {413}),
    "texts without number": (lambda: texts(b",".join([b'"a"'] * 4_000_000)), {413}),
    "fields without number": (
        lambda: post(b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}"),
        {413},
    ),
    "labels without number": (
        lambda: post(b'{"labels":[' + b",".join([b'""'] * 350_000) + b"]}", to=b"/feedback"),
        {413},
    ),
    "no number, and lists behind it": (
        lambda: texts(b"NaN," + b",".join([b"[]"] * 5_000_000)),
        {400},
    ),
    "a number of a million digits": (lambda: texts(b"9" * 1_000_000), {400}),
    "chunks that end early": (lambda: post(b"5\r\nab", b"Transfer-Encoding: chunked"), {408}),
    "a huge header": (lambda: get(b"X-Large: " + b"a" * 1_000_000), {431}),
    "a header that never ends": (lambda: b"GET / HTTP/1.1\r\nX-Large: " + b"a" * 900_000, {431}),
    "10,000 headers": (lambda: get(*[b"X-Header-%d: a" % n for n in range(10_000)]), {431}),
    "10,000 short headers": (lambda: get(*[b"a:"] * 10_000), {200, 431}),
    "a long path": (lambda: get(line=b"GET /" + b"a" * 900_000 + b" HTTP/1.1"), {431}),
    "a header without a name": (lambda: get(b": a"), {400}),
    "a folded header": (lambda: get(b"X-A: a\r\n b"), {200, 400}),
    "HTTP/1.0": (lambda: get(line=b"GET /health HTTP/1.0"), {200}),
    "HTTP/0.9": (lambda: b"GET /health\r\n\r\n", {200, 400}),
    "HTTP/2": (lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "TLS": (lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500, {400}),
    "no method": (lambda: get(line=b"ASK /health HTTP/1.1"), {400}),
    "a tunnel": (lambda: get(line=b"CONNECT example.org:443 HTTP/1.1"), {400, 404, 405}),
    "a path of bytes": (lambda: get(line=b"GET /\xff\xfe HTTP/1.1"), {400, 404}),
    "a socket": (upgraded, {403}),
}


def answer(connection: socket.socket, sent: bytes) -> bytes:
    """All that is answered until the connection ends."""
    received = b""
    # Who is refused may be cut off while they still send.
    with connection, contextmanager(_unless_cut_off)():
        sending = threading.Thread(target=_send, args=(connection, sent))
        sending.start()
        while part := connection.recv(65_536):
            received += part
    sending.join()
    return received


def _unless_cut_off() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


def _send(connection: socket.socket, sent: bytes) -> None:
    try:
        connection.sendall(sent)
    except OSError:
        return


def drip(connection: socket.socket, begun: bytes, part: bytes, seconds: float = 0.2) -> None:
    """Send for ever, a part at a time, until there is nobody who takes it."""
    connection.sendall(begun)
    while True:
        time.sleep(seconds)
        connection.sendall(part)
        if not part and not connection.recv(1):
            raise ConnectionError


def status_of(received: bytes) -> int:
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def memory(server: Any, name: str) -> int:
    """Of the process, in bytes: VmRSS for now, VmHWM for the most there was."""
    told = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", told, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def held(server: Any) -> tuple[int, int]:
    """How many sockets and threads the process has."""
    process = Path(f"/proc/{server.process.pid}")
    # One that is closed meanwhile is none.
    names = [os.path.realpath(one) for one in (process / "fd").iterdir()]
    return sum("socket:" in one for one in names), len(list((process / "task").iterdir()))


@contextmanager
def others_are_answered(server: Any) -> Iterator[None]:
    """Somebody else asks meanwhile, and is answered each time."""
    ended, found = threading.Event(), list[int]()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=20) as client:
            while not found or not ended.wait(0.05):
                found.append(client.post("/predict", content=PREDICT, headers=JSON).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ended.set()
        asking.join()
    assert set(found) == {200}


@pytest.fixture
def unharmed(server: Any) -> Iterator[None]:
    """Others are answered meanwhile, and afterwards nothing is left of it."""
    sockets, threads = held(server)
    before = memory(server, "VmRSS")
    with others_are_answered(server):
        yield
    end = time.monotonic() + 30
    while (now := held(server)) > (sockets, threads):
        assert time.monotonic() < end, (now, (sockets, threads))
        time.sleep(0.1)
    assert memory(server, "VmHWM") - before < MOST_GROWTH_BYTES


@pytest.mark.usefixtures("unharmed")
def test_poison_is_refused(server: Any) -> None:
    found = {
        # What takes long to make is made before the connection's clock runs.
        name: status_of(answer(connected(server), sent))
        for name, sent in [(name, make()) for name, (make, _) in POISON.items()]
    }
    wrong = {name: status for name, status in found.items() if status not in POISON[name][1]}
    assert wrong == {}


def test_who_asks_before_sending_is_answered_after_it(server: Any) -> None:
    received = answer(connected(server), post(PREDICT, b"Expect: 100-continue"))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"100", b"200"]


@pytest.mark.usefixtures("unharmed")
def test_pipelined_requests_are_answered_in_their_order(server: Any) -> None:
    ask = post(PREDICT).replace(b"Connection: close\r\n", b"")
    received = answer(connected(server), ask * 30 + get())
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200"] * 31
    assert received.rindex(b'"predictions"') < received.rindex(b'"healthy"')


@pytest.mark.parametrize("end", [b"NOT HTTP\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 900_000])
def test_what_comes_before_poison_is_answered_first(end: bytes, server: Any) -> None:
    ask = post(PREDICT).replace(b"Connection: close\r\n", b"")
    received = answer(connected(server), ask * 3 + end)
    found = [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", received)]
    assert (found[:3], found[3] in {400, 431}, found[4:]) == ([200] * 3, True, [])


@pytest.mark.usefixtures("unharmed")
def test_a_flood_of_pipelined_requests_is_read_as_it_is_answered(server: Any) -> None:
    ask = get(b"Content-Length: 700").replace(b"Connection: close\r\n", b"") + b"a" * 700
    with connected(server) as connection:
        connection.settimeout(2)
        sent = 0
        # Nobody takes the answers: what is not answered must wait in the kernel's buffers.
        with contextmanager(_unless_cut_off)():
            while sent < 100_000_000:
                sent += connection.send(ask * 100)
    assert sent < 20_000_000


def test_a_head_in_small_pieces_may_be_as_long_as_one_in_one_piece(server: Any) -> None:
    sent = get(*[b"X-Header-%d: " % n + b"a" * 1000 for n in range(50)])
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin in range(0, len(sent), 1000):
            connection.sendall(sent[begin : begin + 1000])
            time.sleep(0.002)
        assert status_of(connection.recv(65_536)) == 200


def test_who_takes_an_answer_slowly_gets_all_of_it(server: Any) -> None:
    many = b'{"texts": [' + b",".join([b'"a"'] * 10_000) + b'], "return_probabilities": true}'
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        ask = post(many, to=b"/predict_batch")
        connection.sendall(ask.replace(b"Connection: close\r\n", b"") * 3 + get())
        received = b""
        # Longer than the server's patience, all in all.
        while part := connection.recv(65_536):
            received += part
            time.sleep(0.1)
    assert len(received) > 6_000_000
    assert b'"healthy"' in received[-300:]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("begun", "part"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (b"GET /health HTTP/1.1\r\nX-Slow: ", b"a"),
        (post(b"", b"Content-Length: 1000"), b" "),
        (post(b"", b"Transfer-Encoding: chunked"), b"1\r\n \r\n"),
        (post(b"a", b"Content-Length: 99999999").replace(b"Connection: close\r\n", b""), b" "),
        (get().replace(b"Connection: close\r\n", b""), b"\r\n"),
    ],
    ids=["nothing", "empty lines", "head", "body", "chunks", "after an answer", "between two"],
)
def test_a_client_that_drips_is_not_waited_for(begun: bytes, part: bytes, server: Any) -> None:
    with connected(server) as connection, pytest.raises(ConnectionError):
        drip(connection, begun, part)


@pytest.mark.usefixtures("unharmed")
def test_a_client_that_never_reads_is_not_waited_for(server: Any) -> None:
    ask = get(line=b"GET /openapi.json HTTP/1.1").replace(b"Connection: close\r\n", b"")
    with connected(server) as connection, pytest.raises(ConnectionError):
        drip(connection, b"", ask * 100, seconds=0)


@pytest.mark.usefixtures("unharmed")
def test_a_crowd_of_slow_clients_is_not_waited_for(server: Any) -> None:
    crowd = [connected(server) for _ in range(300)]
    for one in crowd:
        one.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
    for one in crowd:
        assert status_of(answer(one, b"")) == 408
