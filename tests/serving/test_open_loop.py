import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from benchmarks.serving.open_loop import Asked, Plan, ask_all

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def planned(folder: Path, port: int) -> Plan:
    bodies = folder / "bodies"
    bodies.write_bytes(b'{"text": "a"}\n{"text": "b"}')
    return Plan(port, "/predict", str(bodies), timeout_ms=1000, stages=((200.0, 0.2),))


async def asked_of(handler: Handler, folder: Path) -> list[Asked]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        asked = await ask_all(planned(folder, server.sockets[0].getsockname()[1]))
        # Every connection is closed before the loop ends.
        handlers = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*handlers)
    return asked


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


def test_no_request_waits_for_the_answer_to_another(tmp_path: Path) -> None:
    expected = sum(1 for _ in planned(tmp_path, 0).arrivals())
    seen = 0
    all_are_there = asyncio.Event()

    async def answer_when_all_are_there(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal seen
        await reader.readuntil(b"}")
        seen += 1
        if seen == expected:
            all_are_there.set()
        await all_are_there.wait()
        writer.write(ANSWER)
        await close(writer)

    asked = asyncio.run(asked_of(answer_when_all_are_there, tmp_path))
    assert [one.status for one in asked] == [200] * expected
    assert min(one.done for one in asked) >= max(one.sent for one in asked)


def test_a_request_whose_connection_breaks_has_no_status(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        await close(writer)

    asked = asyncio.run(asked_of(hang_up, tmp_path))
    assert {one.status for one in asked} == {0}


def test_arrivals_come_at_the_rate_of_their_stage(tmp_path: Path) -> None:
    plan = Plan(0, "/predict", str(tmp_path), 1000, stages=((100.0, 50.0), (400.0, 50.0)))
    arrivals = list(plan.arrivals())
    assert arrivals == sorted(arrivals)
    # Five standard deviations of a Poisson count to either side.
    assert sum(at < 50 for at in arrivals) == pytest.approx(5_000, abs=354)
    assert sum(at >= 50 for at in arrivals) == pytest.approx(20_000, abs=707)
