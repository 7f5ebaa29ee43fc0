"""The record of what retention removed: one JSON object a line, only ever added to."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson


class RemovalRecord:
    """The receipts of one home.

    Args:
        file: Where they stand; made with the first one.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, receipt: Mapping[str, Any]) -> None:
        """Add a receipt; it is on disk when this returns."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            # What a power cut left of a line must not swallow this one.
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            file.write((b"\n" if torn else b"") + orjson.dumps(receipt) + b"\n")
            os.fsync(descriptor)

    def receipts(self) -> Iterator[dict[str, Any]]:
        """All receipts, the first first; what is no receipt is passed over."""
        try:
            lines = self.file.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                receipt = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(receipt, dict):
                yield receipt

    def of_snapshot(self, name: str, snapshot: str | None, fingerprint: str) -> dict[str, Any]:
        """The last receipt of a snapshot; empty where retention did not remove it."""
        found: dict[str, Any] = {}
        for receipt in self.receipts():
            same = (receipt.get("name"), receipt.get("snapshot")) == (name, snapshot)
            if same or (fingerprint and receipt.get("fingerprint") == fingerprint):
                found = receipt
        return found
