"""An answer leaves in one piece."""

import asyncio
from typing import cast

from classmark.serving.gathering import GatheredWrites


class Wire:
    """What leaves, piece by piece, until it is closed."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def pieces(*steps: str) -> list[bytes]:
    """What leaves when so is written; "turn" is one of the loop."""
    wire = Wire()

    async def run() -> None:
        gathered = GatheredWrites(cast("asyncio.Transport", wire), asyncio.get_running_loop())
        for step in steps:
            if step == "turn":
                await asyncio.sleep(0)
            elif step == "close":
                gathered.close()
            else:
                gathered.write(step.encode())
        await asyncio.sleep(0)
        assert gathered.is_closing() == ("close" in steps)

    asyncio.run(run())
    return wire.pieces


def test_what_is_written_in_one_turn_leaves_together() -> None:
    assert pieces("head", "body", "turn", "head", "body") == [b"headbody", b"headbody"]


def test_closing_writes_what_waits_and_nothing_after() -> None:
    assert pieces("head", "body", "close", "late") == [b"headbody"]
