"""Settings: where each comes from, and what is told of one that can't be."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import make_url

from classmark.documents import CollectingSettings
from classmark.errors import SettingError
from classmark.serving import ServingSettings
from classmark.settings import (
    CONFIGURATION,
    ServeJob,
    Settings,
    TrackingSettings,
    load_settings,
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests play no part."""
    for name in list(os.environ):
        if name.startswith("CLASSMARK_"):
            monkeypatch.delenv(name)


def refusal(home: Path) -> str:
    with pytest.raises(SettingError) as refused:
        load_settings(home)
    return str(refused.value)


def test_every_setting_has_a_default(tmp_path: Path) -> None:
    found = load_settings(tmp_path)
    assert found.home == tmp_path
    assert found.database == f"sqlite:///{tmp_path}/classmark.db"
    assert found.serving == ServingSettings()
    assert found.collecting == CollectingSettings()
    assert found.tracking == TrackingSettings()
    assert found.actor


@pytest.mark.parametrize("written", ["off", "'off'", "false", "required"])
def test_keys_are_off_or_required_as_yaml_writes_it(written: str, tmp_path: Path) -> None:
    (tmp_path / CONFIGURATION).write_text(f"serving:\n  api_keys: {written}\n  threads: 3\n")
    found = load_settings(tmp_path).serving
    assert found == ServingSettings(3, api_keys="required" if written == "required" else "off")


def test_every_setting_is_described() -> None:
    rooms = [field.annotation for field in Settings.model_fields.values() if not field.description]
    assert len(rooms) >= 8
    for room in rooms:
        for one in fields(room):  # type: ignore[arg-type]  # a dataclass, or this fails
            assert f"{one.name}: " in (getattr(room, "__doc__", None) or "")


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    load_settings(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "actor: ada\ndatabase_url: sqlite:///ada.db\nserving:\n  threads: 3\n  max_texts: 7\n"
    (tmp_path / CONFIGURATION).write_text(lines)
    monkeypatch.setenv("CLASSMARK_ACTOR", "grace")
    monkeypatch.setenv("CLASSMARK_SERVING__THREADS", "5")
    found = load_settings(tmp_path)
    assert (found.actor, found.database) == ("grace", "sqlite:///ada.db")
    assert (found.serving.threads, found.serving.max_texts) == (5, 7)


def test_the_home_that_is_asked_for_goes_before_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_HOME", str(tmp_path / "other"))
    assert load_settings(tmp_path).home == tmp_path
    assert load_settings().home == tmp_path / "other"


def test_a_file_can_t_move_the_home_that_it_lies_in(tmp_path: Path) -> None:
    (tmp_path / CONFIGURATION).write_text("home: elsewhere\n")
    told = refusal(tmp_path)
    assert f"{tmp_path / CONFIGURATION} can't set home" in told
    assert "--home or CLASSMARK_HOME" in told


def test_the_home_is_workspace_where_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().home == tmp_path / "workspace"
    monkeypatch.setenv("CLASSMARK_HOME", "")
    assert load_settings().home == tmp_path / "workspace"


def test_the_tilde_is_the_login_s_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(Path("~/desk")).home == tmp_path / "desk"
    assert "can't be found" in refusal(Path("~nobody-of-that-name/desk"))


@pytest.mark.parametrize("name", ["a?b", "a%41b", "a#b", "a b", "a[1]", "ä"])
def test_a_home_may_have_any_name(name: str, tmp_path: Path) -> None:
    found = load_settings(tmp_path / name)
    assert make_url(found.database).database == str(tmp_path / name / "classmark.db")
    assert not make_url(found.database).query


def test_other_variables_are_nobody_s_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Kubernetes sets them for a service of that name.
    monkeypatch.setenv("CLASSMARK_PORT", "tcp://10.0.0.1:8000")
    monkeypatch.setenv("CLASSMARK_SERVICE_HOST", "10.0.0.1")
    assert load_settings(tmp_path).serving == ServingSettings()


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "{}\n"])
def test_a_file_without_settings_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / CONFIGURATION).write_text(content)
    assert load_settings(tmp_path).serving == ServingSettings()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"colour: red\n", "(colour: there is no such setting)"),
        (b"serving:\n  speed: 9\n", "(serving.speed: there is no such setting)"),
        (b"serving: 9\n", "(serving: "),
        (b"serving:\n  threads: many\n", "(serving.threads: "),
        (b"serving:\n  threads: 1.5\n", "(serving.threads: "),
        (b"serving:\n  threads: -1\n", "(serving: no number of 0 or more: threads)"),
        (b"serving:\n  drain_seconds: .nan\n", "(serving: no number of 0 or more: drain_seconds)"),
        (b"serving:\n  drain_seconds: .inf\n", "(serving: no number of 0 or more: drain_seconds)"),
        (b"actor: 3\n", "(actor: "),
        (b"colour: red\nactor: 3\n", "; "),
        (b"serving:\n  api_keys: on\n", "(serving.api_keys: it must be 'off' or 'required')"),
        (b"serving:\n  api_keys: 1\n", "(serving.api_keys: it must be 'off' or 'required')"),
        (
            b"serving:\n  timeout_seconds: -1\n",
            "(serving: no number of 0 or more: timeout_seconds)",
        ),
        (
            b"serving:\n  max_requests_per_second: .inf\n",
            "(serving: no number of 0 or more: max_requests_per_second)",
        ),
        (b"serving: [1, 2", "can't be read"),
        (b"- one\n- two\n", "can't be read"),
        (b"word\n", "can't be read"),
        (b"actor: \xff\n", "can't be read"),
        (b"actor: \0\n", "can't be read"),
    ],
)
def test_what_can_t_be_is_told_with_its_place(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / CONFIGURATION).write_bytes(content)
    found = refusal(tmp_path)
    assert told in found
    assert str(tmp_path) in found
    assert "\n" not in found


def test_a_variable_that_can_t_be_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSMARK_SERVING__THREADS", "many")
    assert "serving.threads: " in refusal(tmp_path)
    monkeypatch.setenv("CLASSMARK_SERVING__THREADS", "2")
    monkeypatch.setenv("CLASSMARK_SERVING", "{")
    assert "A CLASSMARK_* variable can't be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("CLASSMARK_SERVING_THREADS", "CLASSMARK_SERVING__THREADS"),
        ("CLASSMARK_STORAGE_URI", "CLASSMARK_STORAGE__URI"),
        ("classmark_tracking_timeout_seconds", "CLASSMARK_TRACKING__TIMEOUT_SECONDS"),
    ],
)
def test_a_variable_that_lacks_an_underscore_is_told_its_right_name(
    written: str, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(written, "2")
    with pytest.raises(SettingError, match=f"no variable {written}") as refused:
        load_settings(tmp_path)
    assert right in refused.value.remedy


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is no folder" in refusal(tmp_path / "file")
    assert "is no folder" in refusal(tmp_path / "file" / "home")


def test_what_a_server_is_to_do_reaches_its_workers(tmp_path: Path) -> None:
    code = """
import subprocess, sys
from pathlib import Path
from classmark.settings import ServeJob, load_settings
if len(sys.argv) > 1:
    job = ServeJob(model="shelf@v1.0.0", page=False, workers=3)
    job.hand_on(load_settings(Path(sys.argv[1])), Path("/metrics"))
    subprocess.run([sys.executable, "-c", sys.stdin.read()], check=True)
else:
    import os
    print(load_settings().home, ServeJob.handed_on(), os.environ["PROMETHEUS_MULTIPROC_DIR"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        input=code,
        capture_output=True,
        text=True,
        check=True,
    )
    job = ServeJob(model="shelf@v1.0.0", page=False, workers=3)
    assert done.stdout.strip() == f"{tmp_path} {job} /metrics"


@pytest.mark.parametrize("variable", ["NCBI_API_KEY", "S2_API_KEY"])
def test_keys_are_taken_as_others_name_them(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "s3cret\n")
    collecting = load_settings(tmp_path).collecting
    assert "s3cret" in {collecting.ncbi_key, collecting.semantic_scholar_key}


def test_a_key_that_can_t_be_one_is_refused_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2_API_KEY", "s3cr\u00e9t")
    with pytest.raises(SettingError, match="semantic_scholar_key") as refused:
        load_settings(tmp_path)
    assert "s3cr" not in str(refused.value)


@pytest.mark.parametrize(("written", "is_on"), [("true", True), ("false", False), ("auto", True)])
def test_tracking_is_on_off_or_follows_from_what_is_installed(
    written: str, is_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_TRACKING__ENABLED", written)
    assert load_settings(tmp_path).tracking.is_on is is_on
    (tmp_path / CONFIGURATION).write_text(f"tracking:\n  enabled: {written}\n")
    monkeypatch.delenv("CLASSMARK_TRACKING__ENABLED")
    assert load_settings(tmp_path).tracking.is_on is is_on


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://127.0.0.1:5000",
        "https://ada:s3cret@tracking.example.org/mlflow/",
        "http://[::1]:5000",
        "sqlite:////var/lib/mlflow.db",
    ],
)
def test_runs_may_be_kept_on_a_server_or_in_a_file(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_TRACKING__URI", uri)
    found = load_settings(tmp_path)
    assert found.tracking.uri == uri
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    "uri",
    [
        "tracking.example.org/s3cret",
        "ftp://ada:s3cret@tracking.example.org",
        "postgresql://ada:s3cret@tracking.example.org/mlflow",
        "https://",
        "https://tracking.example.org/?token=s3cret",
        "https://tracking.example.org/#s3cret",
        "https://ada:s3cret@tracking.example.org:99999",
        "http://[s3cret",
        "sqlite:///",
    ],
)
def test_a_store_that_can_t_be_one_is_refused_and_not_told(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_TRACKING__URI", uri)
    found = refusal(tmp_path)
    assert "tracking: uri is neither http(s)://" in found
    assert "s3cret" not in found


@pytest.mark.parametrize("uri", ["", "http://127.0.0.1:5000", "https://ada:s3cret@mlflow.org/x"])
def test_versions_may_be_published_to_a_server(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_MIRROR__MLFLOW_URI", uri)
    found = load_settings(tmp_path)
    assert found.mirror.mlflow_uri == uri
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("uri", ["mlflow.org/s3cret", "sqlite:////s3cret.db", "http://[s3cret"])
def test_another_address_of_a_registry_is_refused_and_not_told(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_MIRROR__MLFLOW_URI", uri)
    found = refusal(tmp_path)
    assert "mirror: mlflow_uri is not http(s)://" in found
    assert "s3cret" not in found
