"""Versions that go: archived, deleted with a receipt, retired by rule; and what is left behind."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.database import Database
from classmark.errors import (
    ConflictError,
    PromotionRefusedError,
    UnavailableError,
    UnknownModelError,
    UnknownVersionError,
)
from classmark.registry import (
    Action,
    Bump,
    ModelReference,
    RegisteredVersion,
    Registry,
    RetentionSettings,
    Status,
    Version,
    VersionDraft,
    VersionEvent,
)
from classmark.registry.retention import disposals

Draft = Callable[..., VersionDraft]
START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def named(number: int) -> ModelReference:
    return ModelReference("shelves", Version(1, 0, number))


def statuses(registry: Registry) -> dict[str, Status]:
    return {str(one.version): one.status for one in registry.versions("shelves")}


@pytest.fixture
def registry(registry: Registry, draft: Draft) -> Registry:
    """v1.0.0 was live, v1.0.1 is, v1.0.2 waits."""
    for _ in range(3):
        registry.register(draft())
    registry.promote(named(0))
    registry.promote(named(1))
    return registry


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "models" / "shelves"


def test_an_archived_version_stays_and_says_why(registry: Registry) -> None:
    assert registry.archive(named(2), "not better").status is Status.ARCHIVED
    assert statuses(registry)["v1.0.2"] is Status.ARCHIVED
    last = registry.history("shelves")[-1]
    assert (last.action, last.version, last.reason) == (Action.ARCHIVED, "v1.0.2", "not better")
    assert last.production_before == last.production_after == "v1.0.1"
    registry.verify(named(2))
    assert not registry.check_history("shelves").problems


def test_a_deleted_version_is_gone_and_leaves_a_receipt(registry: Registry, folder: Path) -> None:
    digest = registry.resolve(named(0)).digest
    registry.delete(named(0), "a request")
    assert sorted(path.name for path in folder.glob("shelves_*")) == [
        "shelves_v1.0.1",
        "shelves_v1.0.2",
    ]
    assert not list(folder.glob(".*.draft"))
    assert "v1.0.0" not in statuses(registry)
    last = registry.history("shelves")[-1]
    assert (last.action, last.version, last.manifest) == (Action.DELETED, "v1.0.0", digest)
    assert not registry.check_history("shelves").problems
    with pytest.raises(UnknownVersionError, match=r"deleted on 2024-05-06 by ada, a request"):
        registry.resolve(named(0))


@pytest.mark.parametrize("change", ["archive", "delete"])
def test_what_is_live_stays(change: str, registry: Registry, folder: Path) -> None:
    before = registry.history("shelves")
    with pytest.raises(ConflictError, match=r"v1\.0\.1 is in production"):
        getattr(registry, change)(named(1))
    assert registry.history("shelves") == before
    assert (folder / "shelves_v1.0.1").is_dir()


def test_nothing_is_archived_twice(registry: Registry) -> None:
    with pytest.raises(ConflictError, match="archived already"):
        registry.archive(named(0))


def test_a_number_is_never_given_again(registry: Registry, draft: Draft) -> None:
    registry.delete(named(2))
    assert str(registry.register(draft()).version) == "v1.0.3"


def test_a_model_of_which_all_is_deleted_keeps_its_history(
    registry: Registry, draft: Draft
) -> None:
    registry.register(draft(model="drawers"))
    registry.delete(ModelReference("drawers", Version(1, 0, 0)))
    assert registry.models() == ["shelves"]
    assert [event.action for event in registry.history("drawers")] == ["registered", "deleted"]
    assert not registry.check_history("drawers").problems
    with pytest.raises(UnknownModelError):
        registry.versions("drawers")
    with pytest.raises(UnknownVersionError, match="deleted on"):
        registry.verify(ModelReference("drawers", Version(1, 0, 0)))
    assert registry.histories() == ["drawers", "shelves"]
    assert str(registry.register(draft(model="drawers")).version) == "v2.0.0"


def test_what_is_not_known_of_a_deleted_version_may_all_differ(
    registry: Registry, draft: Draft
) -> None:
    registry.register(draft(architecture="encoder"))
    registry.delete(ModelReference("shelves", Version(2, 0, 0)))
    assert str(registry.register(draft()).version) == "v3.0.0"
    registry.register(draft(fingerprint="cd" * 32))
    registry.delete(ModelReference("shelves", Version(3, 1, 0)))
    assert str(registry.register(draft()).version) == "v3.2.0"


def test_the_rule_of_retention_is_asked_anew_for_each_version(
    registry: Registry, draft: Draft
) -> None:
    """Somebody rolls back while it works: what one would go back to now stays."""
    for number in (3, 4):
        registry.register(draft())
        registry.promote(named(number))
    registry.register(draft())
    registry.promote(named(5))
    rule = RetentionSettings(keep_before_production=1)
    registry.archive(named(2))
    assert not list(registry.retire("shelves", rule))
    for _ in (6, 7, 8):
        registry.register(draft())
    registry.promote(named(8))
    going = registry.retire("shelves", rule)
    assert next(going).version.version == Version(1, 0, 6)
    registry.rollback("shelves", Version(1, 0, 5))
    assert not list(going)
    assert statuses(registry)["v1.0.7"] is Status.TESTING


def test_a_number_that_is_asked_for_rises_from_a_deleted_one(
    registry: Registry, draft: Draft
) -> None:
    registry.delete(named(2))
    assert str(registry.register(draft(), Bump.MINOR).version) == "v1.1.0"


def test_a_rollback_skips_what_was_deleted(registry: Registry) -> None:
    registry.promote(named(2))
    registry.delete(named(1))
    assert registry.rollback("shelves").version == Version(1, 0, 0)


def test_a_rollback_to_what_was_deleted_is_refused(registry: Registry) -> None:
    registry.delete(named(0))
    with pytest.raises(PromotionRefusedError, match="No earlier version"):
        registry.rollback("shelves")
    with pytest.raises(UnknownVersionError, match="deleted"):
        registry.rollback("shelves", Version(1, 0, 0))


def test_a_dry_run_deletes_nothing(registry: Registry, folder: Path) -> None:
    before = registry.history("shelves")
    assert registry.delete(named(0), dry_run=True).version == Version(1, 0, 0)
    with pytest.raises(ConflictError, match="in production"):
        registry.delete(named(1), dry_run=True)
    assert registry.history("shelves") == before
    assert (folder / "shelves_v1.0.0").is_dir()


def test_what_somebody_deletes_meanwhile_is_not_promoted(
    database: Database, home: Path, registry: Registry
) -> None:
    """Between the look at the files and the change of the state it goes."""

    class Slow(Registry):
        def verify(self, reference: ModelReference) -> RegisteredVersion:
            found = super().verify(reference)
            registry.delete(reference)
            return found

    slow = Slow(database, home / "models", now=lambda: START, actor="grace")
    with pytest.raises(UnknownVersionError, match="deleted meanwhile"):
        slow.promote(named(2))
    assert statuses(registry) == {"v1.0.0": Status.ARCHIVED, "v1.0.1": Status.PRODUCTION}


def test_files_that_a_killed_deletion_left_are_removed(
    registry: Registry, folder: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    (folder / "shelves_v1.0.0").rename(kept)
    registry.delete(named(0))
    kept.rename(folder / "shelves_v1.0.0")
    (folder / ".shelves_v1.0.9.0123.draft").mkdir()
    (folder / ".production.0123.draft").symlink_to("shelves_v1.0.1")
    planned = registry.tidy("shelves", dry_run=True)
    assert [(one.path.name, one.what, one.is_removed) for one in planned] == [
        (".production.0123.draft", "draft", False),
        (".shelves_v1.0.9.0123.draft", "draft", False),
        ("shelves_v1.0.0", "deleted", False),
    ]
    assert planned[2].megabytes > 0
    assert all(one.is_removed for one in registry.tidy("shelves"))
    assert registry.tidy("shelves") == []
    for version in registry.versions("shelves"):
        registry.verify(ModelReference("shelves", version.version))


def test_versions_that_the_database_does_not_know_go_only_if_asked(
    registry: Registry, folder: Path
) -> None:
    for name in ("shelves_v7.0.0", "shelves_v1.0.0.unknown-0123abcd"):
        (folder / name).mkdir()
    assert [one.is_removed for one in registry.tidy("shelves")] == [False, False]
    assert len([one for one in registry.tidy("shelves", unknown=True) if one.is_removed]) == 2
    assert not (folder / "shelves_v7.0.0").exists()


def test_tidying_mends_link_and_view(registry: Registry, folder: Path) -> None:
    (folder / "production").unlink()
    (folder / "version_registry.json").unlink()
    registry.tidy("shelves", dry_run=True)
    assert not (folder / "production").is_symlink()
    registry.tidy("shelves")
    assert (folder / "production").resolve().name == "shelves_v1.0.1"
    assert (folder / "version_registry.json").is_file()


def test_tidying_writes_cards_anew_that_a_power_cut_emptied(
    registry: Registry, folder: Path
) -> None:
    cards = sorted((folder / "cards").iterdir())
    before = [card.read_bytes() for card in cards]
    cards[0].write_bytes(b"")
    cards[1].unlink()
    registry.tidy("shelves")
    assert [card.read_bytes() for card in cards] == before


def test_no_card_is_written_where_a_link_leads(
    registry: Registry, folder: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder / "cards")
    (tmp_path / "elsewhere").mkdir()
    (folder / "cards").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError, match="leads out"):
        registry.promote(named(2))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_registration_that_died_before_the_database_knew_leaves_a_draft(
    registry: Registry, draft: Draft, folder: Path
) -> None:
    for name in ("shelves_v1.0.3", "shelves_v9.0.0"):
        (folder / name).mkdir()
        (folder / f".{name}.unfinished").touch()
    assert str(registry.register(draft()).version) == "v1.0.3"
    assert not (folder / ".shelves_v1.0.3.unfinished").exists()
    # Known by now: only the mark is left over.
    (folder / ".shelves_v1.0.2.unfinished").touch()
    found = registry.tidy("shelves")
    assert [(one.path.name, one.what) for one in found] == [
        ("shelves_v9.0.0", "draft"),
        (".shelves_v1.0.2.unfinished", "draft"),
        (".shelves_v9.0.0.unfinished", "draft"),
    ]
    assert registry.tidy("shelves") == []
    for version in registry.versions("shelves"):
        registry.verify(ModelReference("shelves", version.version))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "production").unlink(), "names nothing, and shelves_v1.0.1 is"),
        (
            lambda folder: (folder / "version_registry.json").write_bytes(b"{"),
            "version_registry.json does not say what the database says.",
        ),
    ],
)
def test_link_or_view_that_is_behind_is_told_until_it_is_mended(
    damage: Callable[[Path], object], told: str, registry: Registry, folder: Path
) -> None:
    assert registry.behind("shelves") == []
    damage(folder)
    (problem,) = registry.behind("shelves")
    assert told in problem
    registry.tidy("shelves")
    assert registry.behind("shelves") == []


def test_a_folder_in_place_of_the_link_is_told(registry: Registry, folder: Path) -> None:
    (folder / "production").unlink()
    (folder / "production").mkdir()
    (problem,) = registry.behind("shelves")
    assert problem.endswith("production is no link.")


def test_a_folder_that_no_database_knows_is_looked_at(registry: Registry, home: Path) -> None:
    (home / "models" / "lost" / "lost_v1.0.0").mkdir(parents=True)
    (home / "models" / "not a name").mkdir()
    assert registry.folders() == ["lost", "shelves"]
    assert [one.what for one in registry.tidy("lost")] == ["unknown"]


def version(number: int, status: Status) -> RegisteredVersion:
    return RegisteredVersion(
        model="shelves",
        version=Version(1, 0, number),
        status=status,
        created_at=START,
        folder=Path(f"shelves_v1.0.{number}"),
        digest="",
        metadata={},
    )


def went_live(sequence: int, before: int | None, after: int, day: int) -> VersionEvent:
    return VersionEvent(
        sequence=sequence,
        action=Action.PROMOTED,
        version=f"v1.0.{after}",
        production_before=None if before is None else f"v1.0.{before}",
        production_after=f"v1.0.{after}",
        actor="ada",
        reason="",
        at=START + timedelta(days=day),
        manifest="",
        digest="",
    )


# 0, 1 and 2 were live; 3 never was; 4 is; 5 waits.
VERSIONS = [
    *(version(number, Status.ARCHIVED) for number in (0, 1, 2)),
    version(3, Status.TESTING),
    version(4, Status.PRODUCTION),
    version(5, Status.TESTING),
]
EVENTS = [
    went_live(1, None, 0, 0),
    went_live(2, 0, 2, 10),
    went_live(3, 2, 1, 20),
    went_live(4, 1, 4, 30),
]


@pytest.mark.parametrize(
    ("keep", "days", "day", "expected"),
    [
        (2, 0, 999, {3: Action.ARCHIVED}),  # 1 and 2 were live last; nothing is ever deleted.
        (2, 5, 999, {0: Action.DELETED, 3: Action.ARCHIVED}),
        (2, 5, 14, {3: Action.ARCHIVED}),  # 0 went on day 10.
        (2, 5, 15, {0: Action.DELETED, 3: Action.ARCHIVED}),
        (1, 5, 999, {0: Action.DELETED, 2: Action.DELETED, 3: Action.ARCHIVED}),
        (0, 15, 40, {0: Action.DELETED, 2: Action.DELETED, 3: Action.ARCHIVED}),  # 1: day 30.
        (3, 1, 999, {3: Action.ARCHIVED}),
        (4, 1, 999, {}),
    ],
)
def test_the_rule_keeps_what_one_would_go_back_to(
    keep: int, days: int, day: int, expected: dict[int, Action]
) -> None:
    rule = RetentionSettings(keep_before_production=keep, delete_after_days=days)
    found = disposals(VERSIONS, EVENTS, rule, START + timedelta(days=day))
    assert {one.version.version.patch: one.action for one in found} == expected


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_neither_the_live_one_nor_a_newer_one_ever_goes(keep: int, days: int, day: int) -> None:
    rule = RetentionSettings(keep_before_production=keep, delete_after_days=days)
    found = list(disposals(VERSIONS, EVENTS, rule, START + timedelta(days=day)))
    assert all(one.version.version < Version(1, 0, 4) for one in found)
    assert len(found) <= max(4 - keep, 0)


def test_where_nothing_is_live_nothing_goes() -> None:
    waiting = [version(number, Status.TESTING) for number in range(5)]
    rule = RetentionSettings(keep_before_production=0, delete_after_days=1)
    assert not list(disposals(waiting, [], rule, START + timedelta(days=99)))


def test_retiring_does_what_the_rule_says_and_says_why(
    registry: Registry, draft: Draft, folder: Path
) -> None:
    for number in (3, 4, 5):
        registry.register(draft())
        registry.promote(named(number))
    rule = RetentionSettings(keep_before_production=1, delete_after_days=0)
    planned = list(registry.retire("shelves", rule, dry_run=True))
    assert statuses(registry)["v1.0.2"] is Status.TESTING
    assert list(registry.retire("shelves", rule)) == planned
    assert [(one.version.name, one.reason) for one in planned] == [
        ("shelves_v1.0.2", "retention: older than v1.0.5")
    ]
    assert statuses(registry)["v1.0.2"] is Status.ARCHIVED
    assert registry.history("shelves")[-1].reason == "retention: older than v1.0.5"
    assert not list(registry.retire("shelves", rule))
    assert len(list(folder.glob("shelves_v*"))) == 6


def test_retiring_deletes_what_was_archived_long_enough(
    database: Database, home: Path, registry: Registry
) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    other = Registry(database, home / "models", now=lambda: later, actor="worker")
    rule = RetentionSettings(keep_before_production=0, delete_after_days=365)
    done = list(other.retire("shelves", rule))
    assert [(one.version.name, one.action) for one in done] == [("shelves_v1.0.0", "deleted")]
    assert registry.history("shelves")[-1].reason == "retention: archived for 365 days"
