"""Which versions there are, which one is live, and how that came to be."""

import logging
import math
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text, update

from classmark.database import Database
from classmark.errors import (
    ConflictError,
    DatabaseUnavailableError,
    PromotionRefusedError,
    SettingError,
    TamperedVersionError,
    UnavailableError,
    UnknownModelError,
    UnknownVersionError,
    VersionExistsError,
)
from classmark.models import load_classifier
from classmark.registry import (
    Action,
    Beside,
    Bump,
    Lineage,
    ModelReference,
    Registry,
    Status,
    Version,
    VersionDraft,
)
from classmark.registry.tables import VersionRow

Draft = Callable[..., VersionDraft]
START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def promote(registry: Registry, written: str, reason: str = "") -> None:
    registry.promote(ModelReference("shelves", Version.parse(written)), reason)


def live(registry: Registry) -> str | None:
    found = [v for v in registry.versions("shelves") if v.status is Status.PRODUCTION]
    assert len(found) <= 1
    return str(found[0].version) if found else None


def numbers(registry: Registry) -> list[str]:
    return [str(version.version) for version in registry.versions("shelves")]


def view(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(
        (home / "models" / "shelves" / "version_registry.json").read_bytes()
    )
    return found


def link(home: Path) -> str | None:
    path = home / "models" / "shelves" / "production"
    return path.readlink().name if path.is_symlink() else None


def test_the_first_version_is_v1_0_0_and_answers(registry: Registry, draft: Draft) -> None:
    version = registry.register(draft(reason="to begin with"))
    assert version.name == "shelves_v1.0.0"
    assert version.status is Status.TESTING
    assert version.created_at == START
    assert version == registry.verify(ModelReference.parse("shelves@latest"))
    assert load_classifier(version.folder).classify("An index for range joins.").label == "cs.DB"


def test_metadata_says_what_a_version_is(registry: Registry, draft: Draft) -> None:
    version = registry.register(draft())
    written = orjson.loads((version.folder / "metadata.json").read_bytes())
    assert written == version.metadata
    assert written["name"] == "shelves_v1.0.0"
    assert written["version"] == "v1.0.0"
    assert written["created_at"] == "2024-05-06T07:08:09+00:00"
    assert written["labels"] == ["cs.CL", "cs.CV", "cs.DB"]
    assert written["architecture"] == "linear"
    assert written["size_mb"] > 0
    assert written["notes"] == "né"


def test_a_figure_that_is_no_number_is_kept_as_a_file_keeps_it(
    registry: Registry, draft: Draft
) -> None:
    odd = {**draft().metadata, "loss": {"val": math.nan, "test": math.inf}}
    version = registry.register(replace(draft(), metadata=odd))
    written = orjson.loads((version.folder / "metadata.json").read_bytes())
    assert written["loss"] == {"val": None, "test": None}
    assert not registry.check_history("shelves").problems
    assert registry.verify(ModelReference.parse("shelves@latest")).version == version.version


def test_the_number_that_rises_follows_what_differs(registry: Registry, draft: Draft) -> None:
    registry.register(draft())
    registry.register(draft())
    registry.register(draft(fingerprint="cd" * 32))
    registry.register(draft(fingerprint="cd" * 32, architecture="encoder"))
    registry.register(draft(fingerprint="cd" * 32, architecture="encoder", labels=("a", "b")))
    assert numbers(registry) == ["v1.0.0", "v1.0.1", "v1.1.0", "v2.0.0", "v3.0.0"]


def test_the_number_that_rises_can_be_named(registry: Registry, draft: Draft) -> None:
    registry.register(draft(), Bump.MAJOR)
    for bump in (Bump.MINOR, Bump.PATCH, Bump.MAJOR):
        registry.register(draft(), bump)
    assert numbers(registry) == ["v1.0.0", "v1.1.0", "v1.1.1", "v2.0.0"]


def test_versions_are_listed_by_number(registry: Registry, draft: Draft) -> None:
    for _ in range(12):
        registry.register(draft(), Bump.MINOR)
    assert numbers(registry) == [f"v1.{minor}.0" for minor in range(12)]
    latest = registry.resolve(ModelReference.parse("shelves@latest"))
    assert str(latest.version) == "v1.11.0"


def test_models_are_apart(registry: Registry, draft: Draft) -> None:
    registry.register(draft(model="shelves"))
    registry.register(draft(model="boxes"))
    registry.register(draft(model="boxes"))
    registry.promote(ModelReference.parse("boxes@v1.0.1"))
    assert registry.models() == ["boxes", "shelves"]
    assert numbers(registry) == ["v1.0.0"]
    assert live(registry) is None
    assert [event.sequence for event in registry.history("boxes")] == [1, 2, 3]
    assert [event.sequence for event in registry.history("shelves")] == [1]


def test_an_empty_registry_has_no_models(registry: Registry) -> None:
    assert registry.models() == []


@pytest.mark.parametrize("either_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../up", "a/b", "/etc/passwd", "a\\b", "a b", "a\nb", "a\x00b", "~"),
        *("-rf", ".hidden", "a..b", "a.", "shelves_v1.0.0", "ä", "a" * 64, "a@b", "$HOME"),
    ],
)
def test_a_name_that_could_be_a_path_is_refused_everywhere(
    name: str, registry: Registry, draft: Draft, home: Path
) -> None:
    before = set(home.parent.rglob("*"))
    for attempt in (
        lambda: registry.register(draft(model=name)),
        lambda: registry.versions(name),
        lambda: registry.history(name),
        lambda: registry.rollback(name),
        lambda: registry.promote(ModelReference(name, Version(1, 0, 0))),
        lambda: registry.verify(ModelReference(name, role="latest")),
    ):
        with pytest.raises(SettingError, match="can't be the name of a model"):
            attempt()
    assert set(home.parent.rglob("*")) == before


def test_what_does_not_exist_is_not_found(registry: Registry, draft: Draft) -> None:
    with pytest.raises(UnknownModelError, match="none yet"):
        registry.versions("shelves")
    with pytest.raises(UnknownModelError):
        registry.rollback("shelves")
    registry.register(draft())
    with pytest.raises(UnknownModelError, match="known: shelves"):
        registry.history("boxes")
    with pytest.raises(UnknownVersionError, match=r"no version v9\.0\.0 \(it has v1\.0\.0\)"):
        registry.promote(ModelReference.parse("shelves@v9.0.0"))
    with pytest.raises(UnknownVersionError, match="No version of 'shelves' is in production"):
        registry.resolve(ModelReference.parse("shelves@production"))


def test_promotion_puts_one_version_in_place_of_the_other(registry: Registry, draft: Draft) -> None:
    for _ in range(3):
        registry.register(draft())
    promote(registry, "v1.0.0")
    promoted = registry.promote(ModelReference.parse("shelves@v1.0.1"))
    assert promoted.status is Status.PRODUCTION
    assert promoted == registry.resolve(ModelReference.parse("shelves@production"))
    assert [version.status for version in registry.versions("shelves")] == [
        Status.ARCHIVED,
        Status.PRODUCTION,
        Status.TESTING,
    ]


@pytest.mark.parametrize("seen", [None, "v1.0.0"])
def test_what_was_judged_does_not_go_live_beside_another_one(
    registry: Registry, draft: Draft, seen: str | None
) -> None:
    for _ in range(3):
        registry.register(draft())
    if seen:
        promote(registry, seen)
    looked = Beside(Version.parse(seen) if seen else None)
    first, second = (ModelReference.parse(f"shelves@{one}") for one in ("v1.0.1", "v1.0.2"))
    assert registry.promote(first, against=looked).status is Status.PRODUCTION
    before = registry.history("shelves")
    judged = "beside v1.0.0" if seen else "when nothing was live"
    with pytest.raises(ConflictError, match=f"v1.0.2 was judged {judged}; now v1.0.1 is live"):
        registry.promote(second, against=looked)
    assert registry.history("shelves") == before
    # Who did not judge, as one who forces it, says nothing of what is live.
    assert registry.promote(second).status is Status.PRODUCTION


def test_neither_the_live_nor_an_older_version_is_promoted(
    registry: Registry, draft: Draft
) -> None:
    for _ in range(2):
        registry.register(draft())
    promote(registry, "v1.0.1")
    before = registry.history("shelves")
    for written in ("v1.0.0", "v1.0.1"):
        with pytest.raises(PromotionRefusedError):
            promote(registry, written)
    assert registry.history("shelves") == before


def test_rolling_back_goes_to_what_was_live_before(registry: Registry, draft: Draft) -> None:
    for _ in range(4):
        registry.register(draft())
    for written in ("v1.0.0", "v1.0.2", "v1.0.3"):
        promote(registry, written)
    assert str(registry.rollback("shelves", reason="wrong labels").version) == "v1.0.2"
    assert str(registry.rollback("shelves").version) == "v1.0.0"
    with pytest.raises(PromotionRefusedError, match="No earlier version") as refused:
        registry.rollback("shelves")
    assert refused.value.remedy.endswith("classmark promote shelves@v1.0.3")
    assert live(registry) == "v1.0.0"


def test_where_no_earlier_one_was_live_it_is_told_what_can_be_done(
    registry: Registry, draft: Draft
) -> None:
    registry.register(draft())
    promote(registry, "v1.0.0")
    with pytest.raises(PromotionRefusedError, match="No earlier version") as refused:
        registry.rollback("shelves")
    assert "v1.0.0 is the only version" in refused.value.remedy
    for _ in range(2):
        registry.register(draft())
    promote(registry, "v1.0.2")
    registry.delete(ModelReference("shelves", Version(1, 0, 0)))
    with pytest.raises(PromotionRefusedError, match="No earlier version") as refused:
        registry.rollback("shelves")
    assert refused.value.remedy.endswith("classmark rollback shelves --to v1.0.1")
    assert str(registry.rollback("shelves", Version(1, 0, 1)).version) == "v1.0.1"


def test_after_a_rollback_the_way_forward_is_open(registry: Registry, draft: Draft) -> None:
    for _ in range(2):
        registry.register(draft())
    promote(registry, "v1.0.0")
    promote(registry, "v1.0.1")
    registry.rollback("shelves")
    promote(registry, "v1.0.1")
    assert live(registry) == "v1.0.1"
    assert str(registry.rollback("shelves").version) == "v1.0.0"


def test_a_rollback_can_name_its_version(registry: Registry, draft: Draft) -> None:
    for _ in range(3):
        registry.register(draft())
    promote(registry, "v1.0.1")
    with pytest.raises(PromotionRefusedError, match="newer"):
        registry.rollback("shelves", Version(1, 0, 2))
    with pytest.raises(PromotionRefusedError, match="in production already"):
        registry.rollback("shelves", Version(1, 0, 1))
    with pytest.raises(UnknownVersionError):
        registry.rollback("shelves", Version(0, 9, 0))
    assert str(registry.rollback("shelves", Version(1, 0, 0)).version) == "v1.0.0"
    assert live(registry) == "v1.0.0"


def test_what_never_went_live_can_t_be_rolled_back_from(registry: Registry, draft: Draft) -> None:
    registry.register(draft())
    for to in (None, Version(1, 0, 0)):
        with pytest.raises(PromotionRefusedError, match="nothing to roll back from") as refused:
            registry.rollback("shelves", to)
        assert refused.value.remedy.endswith("classmark promote shelves@v1.0.0")


def test_history_says_what_was_live_when_who_moved_it_and_why(
    registry: Registry, draft: Draft, database: Database, home: Path
) -> None:
    registry.register(draft(reason="first try"))
    registry.register(draft(reason="more data"))
    promote(registry, "v1.0.0", "good enough")
    later = Registry(
        database, home / "models", now=lambda: START + timedelta(days=1), actor="grace"
    )
    promote(later, "v1.0.1", "better")
    later.rollback("shelves", reason="worse after all")
    told = [
        (
            e.sequence,
            e.action,
            e.version,
            e.production_before,
            e.production_after,
            e.actor,
            e.reason,
        )
        for e in registry.history("shelves")
    ]
    assert told == [
        (1, Action.REGISTERED, "v1.0.0", None, None, "ada", "first try"),
        (2, Action.REGISTERED, "v1.0.1", None, None, "ada", "more data"),
        (3, Action.PROMOTED, "v1.0.0", None, "v1.0.0", "ada", "good enough"),
        (4, Action.PROMOTED, "v1.0.1", "v1.0.0", "v1.0.1", "grace", "better"),
        (5, Action.ROLLED_BACK, "v1.0.0", "v1.0.1", "v1.0.0", "grace", "worse after all"),
    ]
    moments = [event.at for event in registry.history("shelves")]
    assert moments == sorted(moments)
    assert moments[-1] == START + timedelta(days=1)


def test_the_view_says_what_the_database_says(registry: Registry, draft: Draft, home: Path) -> None:
    registry.register(draft())
    assert view(home) == {
        "model": "shelves",
        "production_version": None,
        "latest_version": "v1.0.0",
        "history_digest": registry.history("shelves")[-1].digest,
        "versions": [
            {
                "version": "v1.0.0",
                "path": "shelves_v1.0.0",
                "created_at": "2024-05-06T07:08:09+00:00",
                "status": "testing",
            }
        ],
    }
    assert link(home) is None
    registry.register(draft())
    promote(registry, "v1.0.0")
    assert (view(home)["production_version"], view(home)["latest_version"]) == ("v1.0.0", "v1.0.1")
    assert [row["status"] for row in view(home)["versions"]] == ["production", "testing"]
    assert [(home / "models/shelves" / row["path"]).is_dir() for row in view(home)["versions"]] == [
        True,
        True,
    ]
    assert link(home) == "shelves_v1.0.0"
    promote(registry, "v1.0.1")
    registry.rollback("shelves")
    assert link(home) == f"shelves_{view(home)['production_version']}" == "shelves_v1.0.0"


def test_another_process_s_home_is_read_from_the_start(
    registry: Registry, draft: Draft, home: Path, database_url: str
) -> None:
    registry.register(draft())
    promote(registry, "v1.0.0")
    database = Database(database_url)
    again = Registry(database, home / "models", now=lambda: START, actor="grace")
    assert again.versions("shelves") == registry.versions("shelves")
    assert again.history("shelves") == registry.history("shelves")
    database.close()


def test_a_version_whose_process_died_before_the_database_knew_is_made_anew(
    registry: Registry, draft: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    first = registry.register(draft())
    orphan = first.folder.with_name("shelves_v1.0.1")
    shutil.copytree(first.folder, orphan)
    (orphan / "config.json").write_bytes(b"{}")
    half = first.folder.with_name(".shelves_v1.0.1.0123.draft")
    half.mkdir()
    (half / "config.json").write_bytes(b"{")
    with caplog.at_level(logging.WARNING):
        second = registry.register(draft())
    assert numbers(registry) == ["v1.0.0", "v1.0.1"]
    assert registry.verify(ModelReference.parse("shelves@v1.0.1")) == second
    assert not half.exists()
    assert "shelves_v1.0.1.unknown-" in caplog.text


def test_link_and_view_that_a_dying_process_left_behind_are_mended(
    registry: Registry, draft: Draft, home: Path
) -> None:
    for _ in range(2):
        registry.register(draft())
    promote(registry, "v1.0.0")
    before = (home / "models/shelves/version_registry.json").read_bytes()
    promote(registry, "v1.0.1")
    (home / "models/shelves/version_registry.json").write_bytes(before)
    (home / "models/shelves/production").unlink()
    (home / "models/shelves/production").symlink_to("shelves_v1.0.0")
    with pytest.raises(PromotionRefusedError, match="is in production already"):
        promote(registry, "v1.0.1")
    assert link(home) == "shelves_v1.0.1"
    assert view(home)["production_version"] == "v1.0.1"


def test_a_database_that_is_away_changes_nothing(tmp_path: Path, draft: Draft) -> None:
    home = tmp_path / "home"
    (home / "classmark.db").mkdir(parents=True)
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    registry = Registry(database, home / "models", now=lambda: START, actor="ada")
    for attempt in (
        lambda: registry.register(draft()),
        registry.models,
        lambda: registry.promote(ModelReference.parse("shelves@latest")),
    ):
        with pytest.raises(DatabaseUnavailableError):
            attempt()
    (home / "classmark.db").rmdir()
    assert str(registry.register(draft()).version) == "v1.0.0"
    database.close()


def test_of_two_machines_with_one_database_one_registers_the_number(
    database: Database, tmp_path: Path, draft: Draft
) -> None:
    other = Registry(database, tmp_path / "other", now=lambda: START, actor="grace")

    def meanwhile() -> datetime:
        if not other.models():
            other.register(draft(reason="faster"))
        return START

    slow = Registry(database, tmp_path / "slow", now=meanwhile, actor="ada")
    with pytest.raises(VersionExistsError, match=r"shelves v1\.0\.0 at the same moment"):
        slow.register(draft(reason="slower"))
    assert [event.reason for event in other.history("shelves")] == ["faster"]
    other.verify(ModelReference.parse("shelves@v1.0.0"))
    assert not slow.versions("shelves")[0].folder.exists()
    assert str(slow.register(draft(reason="once more")).version) == "v1.0.1"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda _: {"details": {}}, "architecture, created_at, dataset"),
        (lambda row: {"details": row.details | {"notes": "stolen"}}, "notes"),
        (lambda row: {"created_at": row.created_at - timedelta(days=1)}, "created_at"),
    ],
)
def test_a_database_that_tells_something_else_than_the_files_is_noticed(
    database: Database,
    registry: Registry,
    draft: Draft,
    change: Callable[[VersionRow], dict[str, Any]],
    what: str,
) -> None:
    registry.register(draft())
    with database.write() as session:
        row = session.scalars(select(VersionRow)).one()
        session.execute(update(VersionRow).values(**change(row)))
    with pytest.raises(TamperedVersionError, match=f"does not tell .* does: {what}"):
        registry.verify(ModelReference.parse("shelves@v1.0.0"))


def test_figures_that_are_no_numbers_are_told_alike_by_file_and_database(
    registry: Registry, draft: Draft
) -> None:
    made = draft()
    odd = {"nothing": math.nan, "pair": (1, 2), 3: "three"}
    registry.register(replace(made, metadata={**made.metadata, "odd": odd}))
    found = registry.verify(ModelReference.parse("shelves@v1.0.0"))
    assert found.metadata["odd"] == {"nothing": None, "pair": [1, 2], "3": "three"}


@pytest.mark.parametrize(
    "written",
    [
        {"lost_digests": None},
        {"lost_digests": "ab" * 32},
        {"history_digest": {"a": 1}},
        {"history_digest": "no digest", "lost_digests": [1, None, ["x"]]},
        [],
    ],
)
def test_a_view_that_anybody_wrote_breaks_nothing(
    registry: Registry, draft: Draft, home: Path, written: Any
) -> None:
    registry.register(draft())
    path = home / "models" / "shelves" / "version_registry.json"
    path.write_bytes(orjson.dumps(written))
    assert registry.check_history("shelves").problems == ()
    assert registry.behind("shelves")
    promote(registry, "v1.0.0")
    assert registry.behind("shelves") == []
    assert view(home)["production_version"] == "v1.0.0"


def test_reasons_and_names_are_kept_as_one_line_of_text(
    database: Database, home: Path, draft: Draft
) -> None:
    registry = Registry(database, home / "models", now=lambda: START, actor="a\x1b[31mda\udcff")
    registry.register(draft(reason="two\nlines\x00 and \x9bhalf"))
    (event,) = registry.history("shelves")
    assert (event.actor, event.reason) == ("a [31mda?", "two lines and half")
    assert registry.check_history("shelves").problems == ()


@pytest.mark.parametrize("name", [".lock", ".shelves_v1.0.1.unfinished"])
def test_nothing_is_made_where_a_link_leads(
    registry: Registry, draft: Draft, home: Path, tmp_path: Path, name: str
) -> None:
    registry.register(draft())
    path = home / "models" / "shelves" / name
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "outside")
    with suppress(UnavailableError):
        registry.register(draft())
    assert not (tmp_path / "outside").exists()


class Life(RuleBasedStateMachine):
    """Any sequence of changes: one production, one line of history, link and view that agree."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(self.tmp.mktemp("home"))
        self.database = Database(self.url)
        with self.database.write() as session:
            for table in ("model_versions", "version_events"):
                session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (our own names)
        self.registry = Registry(
            self.database, self.home / "models", now=lambda: START, actor="ada"
        )
        self.register("linear")

    tmp: pytest.TempPathFactory
    artifact: Path
    url: str

    @rule(architecture=st.sampled_from(["linear", "encoder"]))
    def register(self, architecture: str) -> None:
        lineage = Lineage(architecture, ("a", "b"), "00")
        self.registry.register(
            VersionDraft("shelves", self.artifact, lineage, {"dataset": {"fingerprint": "00"}})
        )

    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        before = live(self.registry)
        written = data.draw(st.sampled_from(numbers(self.registry)))
        allowed = before is None or Version.parse(written) > Version.parse(before)
        try:
            promote(self.registry, written)
        except PromotionRefusedError:
            assert not allowed
            assert live(self.registry) == before
        else:
            assert allowed
            assert live(self.registry) == written

    @rule()
    def roll_back(self) -> None:
        before = live(self.registry)
        try:
            after = self.registry.rollback("shelves").version
        except PromotionRefusedError:
            assert live(self.registry) == before
        else:
            assert before is not None
            assert after < Version.parse(before)
            assert live(self.registry) == str(after)

    @rule(data=st.data(), change=st.sampled_from(["archive", "delete"]))
    def retire(self, data: st.DataObject, change: str) -> None:
        found = data.draw(st.sampled_from(self.registry.versions("shelves")))
        may_go = found.status is not Status.PRODUCTION
        if change == "archive":
            may_go = may_go and found.status is not Status.ARCHIVED
        # Of a model without versions the other rules could draw none.
        assume(change == "archive" or len(numbers(self.registry)) > 1)
        try:
            getattr(self.registry, change)(ModelReference("shelves", found.version))
        except ConflictError:
            assert not may_go
        else:
            assert may_go

    @invariant()
    def everything_agrees(self) -> None:
        history = self.registry.history("shelves")
        assert [event.sequence for event in history] == list(range(1, len(history) + 1))
        line = [None, *(event.production_after for event in history)]
        assert [event.production_before for event in history] == line[:-1]
        assert line[-1] == live(self.registry) == view(self.home)["production_version"]
        assert link(self.home) == (line[-1] and f"shelves_{line[-1]}")
        assert not self.registry.check_history("shelves").problems
        registered = [event.version for event in history if event.action is Action.REGISTERED]
        assert len(registered) == len(set(registered))
        folders = {path.name for path in (self.home / "models" / "shelves").glob("shelves_v*")}
        assert folders == {f"shelves_{number}" for number in numbers(self.registry)}

    def teardown(self) -> None:
        self.database.close()


def test_whatever_happens_database_history_link_and_view_agree(
    tmp_path_factory: pytest.TempPathFactory, database_url: str
) -> None:
    Life.tmp, Life.artifact = tmp_path_factory, tmp_path_factory.mktemp("small")
    Life.url = database_url
    (Life.artifact / "config.json").write_bytes(b"{}")
    run_state_machine_as_test(Life, settings=settings(max_examples=8, stateful_step_count=12))


def test_no_metadata_can_rename_a_version(registry: Registry, draft: Draft) -> None:
    forged = replace(draft(), metadata={"name": "other", "version": "v9.9.9"})
    registry.register(forged)
    found = registry.register(forged)
    assert (found.metadata["name"], found.metadata["version"]) == ("shelves_v1.0.1", "v1.0.1")


def test_a_version_s_folder_that_became_a_link_is_refused(
    registry: Registry, draft: Draft, tmp_path: Path
) -> None:
    version = registry.register(draft())
    version.folder.rename(tmp_path / "elsewhere")
    version.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TamperedVersionError, match="link"):
        registry.verify(ModelReference("shelves", version.version))


def test_what_postgresql_s_own_tools_backed_up_is_whole_again(
    postgresql: Any, home: Path, draft: Draft
) -> None:
    with postgresql.fresh("migrated") as name, postgresql.fresh() as empty:
        database = Database(postgresql.url(name))
        registry = Registry(database, home / "models", now=lambda: START, actor="ada")
        registry.register(draft())
        promote(registry, "v1.0.0", "né")
        history = registry.history("shelves")
        database.close()
        dump = home / "classmark.dump"
        for command in (
            ("pg_dump", "--format=custom", f"--file={dump}", postgresql.url(name)),
            ("pg_restore", "--no-owner", f"--dbname={postgresql.url(empty)}", str(dump)),
        ):
            program, *arguments = command
            subprocess.run([postgresql.program(program), *arguments], check=True)
        restored = Database(postgresql.url(empty))
        again = Registry(restored, home / "models", now=lambda: START, actor="ada")
        assert again.history("shelves") == history
        assert not again.check_history("shelves").problems
        assert live(again) == "v1.0.0"
        restored.close()


def test_the_card_follows_every_change(registry: Registry, draft: Draft, home: Path) -> None:
    def card(version: str) -> Path:
        return home / "models" / "shelves" / "cards" / f"shelves_{version}.md"

    first, second = registry.register(draft()), registry.register(draft())
    assert "| status | testing |" in card("v1.0.0").read_text()
    registry.promote(ModelReference("shelves", first.version), "the | first")
    assert "| status | production |" in card("v1.0.0").read_text()
    assert r"the \| first" in card("v1.0.0").read_text()
    registry.promote(ModelReference("shelves", second.version))
    assert "| status | archived |" in card("v1.0.0").read_text()
    assert "promoted v1.0.1" in card("v1.0.0").read_text()
    assert registry.card(ModelReference("shelves", first.version))[1] == card("v1.0.0").read_text()
    registry.delete(ModelReference("shelves", first.version))
    assert not card("v1.0.0").exists()
    assert "| status | production |" in card("v1.0.1").read_text()


def test_a_card_that_a_kill_left_behind_follows_with_the_next_change(
    registry: Registry, draft: Draft, home: Path
) -> None:
    folder = home / "models" / "shelves"
    registry.register(draft())
    view, card = folder / "version_registry.json", folder / "cards" / "shelves_v1.0.0.md"
    before = [(path, path.read_bytes()) for path in (view, card)]
    registry.promote(ModelReference("shelves", role="latest"))
    for path, content in before:
        path.write_bytes(content)
    registry.tidy("shelves")
    assert "| status | production |" in card.read_text()
