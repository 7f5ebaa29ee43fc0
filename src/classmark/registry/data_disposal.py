"""Data that is done with: removed by rule, each with a receipt that stays."""

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import orjson

from classmark.datasets import DatasetStore, HeldSnapshot, TableStore
from classmark.documents import Collector, HeldHarvest
from classmark.durable import exclusive, sync_folder, write_json
from classmark.errors import ConflictError
from classmark.registry.data_retention import DataRemoval, HeldData, data_removals
from classmark.registry.records import RegisteredVersion
from classmark.registry.removals import RemovalRecord
from classmark.registry.retention import RetentionSettings, kept_versions
from classmark.registry.store import Registry

logger = logging.getLogger(__name__)

# Lies in a folder that is on its way out, so that whoever finishes the removal knows the rest.
_RECEIPT = ".removal.json"


@dataclass(frozen=True, slots=True)
class DataPlaces:
    """Where the data of a home lies.

    Attributes:
        folder: The home's `data` folder.
        datasets: Snapshots of texts.
        tables: Snapshots of tables.
        collector: What was collected.
    """

    folder: Path
    datasets: DatasetStore
    tables: TableStore
    collector: Collector

    @property
    def record(self) -> RemovalRecord:
        """What retention removed."""
        return RemovalRecord(self.folder / "removals.jsonl")


class DataKeeper:
    """Removes what the rule of retention says.

    Args:
        registry: Its versions need data.
        places: Where the data lies.
        settings: What is kept.
        now: The clock.
        actor: Who is written into the receipts.
    """

    def __init__(
        self,
        registry: Registry,
        places: DataPlaces,
        settings: RetentionSettings,
        *,
        now: Callable[[], datetime],
        actor: str,
    ) -> None:
        self._registry = registry
        self._places = places
        self._settings = settings
        self._now = now
        self._actor = actor

    def retire(self, *, dry_run: bool = False) -> Iterator[DataRemoval]:
        """Remove what is older than the settings keep and no version needs.

        Args:
            dry_run: Change nothing.

        Yields:
            What was removed, or would be.

        Raises:
            ConflictError: The database does not know the models that lie beside the data.
        """
        self._check_versions_known()
        if dry_run:
            yield from self._removals({**self._snapshots(), **self._harvests()})
            return
        with exclusive(self._places.folder / ".removals.lock"):
            self._finish_what_was_killed()
            snapshots, harvests = self._snapshots(), self._harvests()
            for removal in self._removals({**snapshots, **harvests}):
                if snapshot := snapshots.get(removal.data):
                    self._remove_snapshot(snapshot, removal)
                    yield removal
                elif self._remove_harvest(harvests[removal.data], removal):
                    yield removal
            self._follow_harvests()

    def _check_versions_known(self) -> None:
        """With another database no version would seem to need anything."""
        known = set(self._registry.histories())
        for model in self._registry.folders():
            if model in known:
                continue
            if any(one.what == "unknown" for one in self._registry.tidy(model, dry_run=True)):
                raise ConflictError(
                    f"The database knows nothing of the model {model!r}, whose versions may need"
                    " data that is here.",
                    remedy="Name the database that they were made with, or move the model's folder"
                    " away.",
                )

    def _removals(self, held: dict[HeldData, Any]) -> list[DataRemoval]:
        return list(data_removals(held, self._needed_by(), self._settings, self._now()))

    def _needed_by(self) -> list[RegisteredVersion]:
        registry = self._registry
        return [
            version
            for model in registry.models()
            for version in kept_versions(
                registry.versions(model), registry.history(model), self._settings
            )
        ]

    def _snapshots(self) -> dict[HeldData, HeldSnapshot]:
        places = self._places
        texts = {_held("snapshot", one): one for one in places.datasets.held()}
        return texts | {_held("table", one): one for one in places.tables.held()}

    def _harvests(self) -> dict[HeldData, HeldHarvest]:
        return {
            HeldData("harvest", one.name, "", "", one.changed_at, one.bytes): one
            for one in self._places.collector.held()
        }

    def _remove_snapshot(self, snapshot: HeldSnapshot, removal: DataRemoval) -> None:
        folder, receipt = snapshot.folder, self._receipt(removal)
        write_json(folder / _RECEIPT, receipt)
        with suppress(OSError):
            if snapshot.link.is_symlink() and snapshot.link.resolve() == folder.resolve():
                snapshot.link.unlink()
        aside = folder.with_name(f".{folder.name}.{receipt['removal']}.removed")
        folder.rename(aside)
        sync_folder(folder.parent)
        self._places.record.add(receipt)
        _clear(aside)

    def _remove_harvest(self, harvest: HeldHarvest, removal: DataRemoval) -> bool:
        more = {"source": harvest.source, "papers": harvest.papers}
        receipt = self._receipt(removal) | more
        tell = partial(self._places.record.add, receipt)
        try:
            return self._places.collector.forget(harvest, tell)
        except ConflictError as error:
            logger.warning("%s stays for now: %s", harvest.name, error)
            return False

    def _follow_harvests(self) -> None:
        """Let the papers of harvests that are gone go from the file of all papers, too."""
        folder = self._places.folder
        held = {one.name for one in self._places.collector.held()}
        receipts = self._places.record.receipts()
        gone = [it for it in receipts if it["kind"] == "harvest" and it["name"] not in held]
        for receipt in gone:
            raw = folder / "raw" / receipt["source"] / f"{receipt['name']}.jsonl.gz"
            raw.unlink(missing_ok=True)
        processed = folder / "processed" / "papers.jsonl.gz"
        if gone and processed.is_file():
            last = max(datetime.fromisoformat(receipt["at"]).timestamp() for receipt in gone)
            if processed.stat().st_mtime <= last:
                self._places.collector.write_processed()

    def _receipt(self, removal: DataRemoval) -> dict[str, Any]:
        data = removal.data
        return {
            "removal": uuid.uuid4().hex,
            "at": self._now().isoformat(),
            "actor": self._actor,
            "reason": removal.reason,
            "kind": data.kind,
            "name": data.name,
            "snapshot": data.snapshot,
            "fingerprint": data.fingerprint,
            "since": data.since.isoformat(),
            "bytes": data.bytes,
        }

    def _finish_what_was_killed(self) -> None:
        """Remove what was set aside by a process that died, and give the receipt it lacks."""
        folder, record = self._places.folder, self._places.record
        known = {receipt.get("removal") for receipt in record.receipts()}
        for aside in (*folder.glob("snapshots/*/.*.removed"), *folder.glob("tables/*/.*.removed")):
            written = aside / _RECEIPT
            receipt = orjson.loads(written.read_bytes()) if written.is_file() else None
            if receipt is not None and receipt["removal"] not in known:
                record.add(receipt)
            _clear(aside)


def _held(kind: Literal["snapshot", "table"], snapshot: HeldSnapshot) -> HeldData:
    return HeldData(
        kind,
        snapshot.name,
        snapshot.snapshot_id,
        snapshot.fingerprint,
        snapshot.created_at,
        snapshot.bytes,
    )


def _clear(aside: Path) -> None:
    shutil.rmtree(aside)
    with suppress(OSError):  # another snapshot of that name may be there
        aside.parent.rmdir()
