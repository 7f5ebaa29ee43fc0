"""What was answered is recorded, whatever kills the process, the disk or the database."""

import logging
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from classmark.database import SCHEMA, Database
from classmark.errors import DatabaseUnavailableError, UnavailableError, UnknownPredictionError
from classmark.predictions import Prediction, PredictionLog, Spool

Make = Callable[..., Prediction]

PREPARE = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from classmark.database import Database
from classmark.errors import UnavailableError
from classmark.predictions import Prediction, PredictionLog, Spool
home, name = Path(sys.argv[1]), sys.argv[2]
log = PredictionLog(Database(f"sqlite:///{home / 'classmark.db'}"))
spool = Spool(home / "spool", log)
def predictions(*numbers):
    return [
        Prediction(f"{name}-{n}", "shelves", "v1.0.0", "text " * 50, "cs.DB", 0.5, 1.0, None,
                   datetime.now(UTC))
        for n in numbers
    ]
"""
APPEND_AND_DIE = """
for number in range(50):
    spool.append(predictions(number))
print("appended", flush=True)
os.kill(os.getpid(), 9)
"""
APPEND_AND_LIVE = """
spool.append(predictions(1, 2))
print("appended", flush=True)
sys.stdin.read()
spool.append(predictions(3))
spool.close()
"""
APPEND_AND_DRAIN = """
for number in range(0, 300, 3):
    spool.append(predictions(number, number + 1, number + 2))
    if number % 10 == 0:
        spool.drain()
os.kill(os.getpid(), 9) if name.endswith("0") else spool.close()
"""
FILL_THE_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
acknowledged, told = 0, []
for number in range(40):
    try:
        spool.append(predictions(number))
        acknowledged += 1
    except UnavailableError as error:
        told.append(str(error))
print(acknowledged, len(told), told[-1], flush=True)
"""
DROP_ON_A_FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
from classmark.predictions import Recorder
recorder = Recorder(spool, refuses=False)
print(sum(recorder.on_predictions(predictions(number)) for number in range(40)), flush=True)
"""
# No disk can be made to refuse this here.
CUT_NOTHING = """
def refuse(*_):
    raise OSError(5, "Input/output error")
os.ftruncate = refuse
"""
FREE_THE_DISK = """
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append(predictions("after"))
"""
DIE = "os.kill(os.getpid(), 9)"


def run(code: str, home: Path, name: str = "child") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PREPARE + code, str(home), name]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def started(code: str, home: Path, name: str = "child") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE + code, str(home), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def database_url(home: Path) -> str:
    """Processes of these tests make databases of their own in the home."""
    return f"sqlite:///{home / 'classmark.db'}"


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "spool"


@pytest.fixture
def spool(folder: Path, log: PredictionLog) -> Iterator[Spool]:
    spool = Spool(folder, log)
    yield spool
    spool.close()


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def left_behind(folder: Path, *predictions: Prediction, torn: bytes = b"") -> Path:
    """A segment as a process leaves it that died."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "0.jsonl"
    path.write_bytes(b"".join(orjson.dumps(asdict(it)) + b"\n" for it in predictions) + torn)
    return path


def test_what_was_appended_is_on_disk_before_it_is_in_the_log(
    spool: Spool, folder: Path, log: PredictionLog, make_prediction: Make
) -> None:
    spool.append([make_prediction("a"), make_prediction("b")])
    (segment,) = segments(folder)
    assert [orjson.loads(line)["id"] for line in segment.read_bytes().splitlines()] == ["a", "b"]
    assert log.count() == 0


def test_what_was_appended_reaches_the_log_once(
    spool: Spool, log: PredictionLog, make_prediction: Make
) -> None:
    told = make_prediction("a", text='né\n\N{GRINNING FACE} "quoted" \u2028 \\')
    spool.append([told])
    spool.append([make_prediction("b")])
    assert spool.drain() == 2
    assert spool.drain() == 0
    assert log.find("a") == told
    spool.append([make_prediction("c")])
    assert spool.drain() == 1
    assert log.count() == 3


def test_a_drained_spool_keeps_only_the_segment_it_writes_to(
    spool: Spool, folder: Path, make_prediction: Make
) -> None:
    for name in "abc":
        spool.append([make_prediction(name)])
        spool.drain()
    assert [path.stat().st_size for path in folder.iterdir()] == [0]


def test_segments_are_their_owner_s_alone(spool: Spool, folder: Path) -> None:
    del spool
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in segments(folder)] == [0o600]


def test_no_prediction_at_all_is_no_trouble(spool: Spool) -> None:
    spool.append([])
    assert spool.drain() == 0


def test_a_killed_process_loses_nothing(spool: Spool, log: PredictionLog, home: Path) -> None:
    done = run(APPEND_AND_DIE, home)
    assert (done.returncode, done.stdout) == (-9, "appended\n")
    assert spool.drain() == 50
    assert log.count() == 50
    assert log.find("child-49").text == "text " * 50


def test_a_line_that_was_cut_short_was_never_answered(
    folder: Path, spool: Spool, log: PredictionLog, make_prediction: Make
) -> None:
    whole, torn = make_prediction("whole"), orjson.dumps(asdict(make_prediction("torn")))
    for length in (1, len(torn) // 2, len(torn)):
        left_behind(folder, whole, torn=torn[:length])
        assert spool.drain() == 1
    assert log.count() == 1
    assert len(segments(folder)) == 1


def test_a_line_of_an_earlier_release_is_one_label(
    spool: Spool, log: PredictionLog, folder: Path, make_prediction: Make
) -> None:
    spool.append([replace(make_prediction("a"), labels=("cs.DB", "cs.AI"))])
    line = asdict(make_prediction("b"))
    del line["labels"]
    (folder / "earlier.jsonl").write_bytes(orjson.dumps(line) + b"\n")
    assert spool.drain() == 2
    assert log.find("a").labels == ("cs.DB", "cs.AI")
    assert log.find("b").given == ("cs.DB",)


def test_a_damaged_line_costs_no_other_and_is_kept_to_be_looked_at(
    folder: Path,
    spool: Spool,
    log: PredictionLog,
    make_prediction: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = left_behind(folder, make_prediction("before"))
    no_number = orjson.dumps({**asdict(make_prediction("x")), "confidence": None})
    for line in (b"\0" * 300, b"[]", b"{", no_number, b'{"id": "b"}'):
        path.write_bytes(path.read_bytes() + line + b"\n")
    path.write_bytes(path.read_bytes() + orjson.dumps(asdict(make_prediction("after"))) + b"\n")
    with caplog.at_level(logging.ERROR):
        assert spool.drain() == 2
    assert log.find("before").id == "before"
    assert log.find("after").id == "after"
    assert log.count() == 2
    assert path.with_suffix(".damaged").exists()
    assert not path.exists()
    assert "0.damaged has 5 lines that are damaged" in caplog.text
    assert spool.drain() == 0


@pytest.fixture(
    params=[
        (b'"confidence":0.75', b'"confidence":NaN'),
        # In UTC it would lie before the first year.
        (b'"2024-05-06T07:08:09.123456+00:00"', b'"0001-01-01T00:00:00+14:00"'),
    ],
    ids=["no value", "no moment"],
)
def with_a_refused_row(request: pytest.FixtureRequest, folder: Path, make_prediction: Make) -> Path:
    """A segment whose prediction 700 can be read and not be logged."""
    path = left_behind(folder, *(make_prediction(number) for number in range(1_200)))
    lines = path.read_bytes().splitlines(keepends=True)
    before, after = request.param
    assert before in lines[700]
    lines[700] = lines[700].replace(before, after)
    path.write_bytes(b"".join(lines))
    return path


def test_a_row_that_the_database_refuses_costs_no_other_and_is_set_aside(
    with_a_refused_row: Path,
    spool: Spool,
    log: PredictionLog,
    make_prediction: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = with_a_refused_row.read_bytes()
    spool.append([make_prediction("later")])
    since = spool.seconds_since_drain
    assert spool.drain() == 1_200
    assert spool.drain() == 0
    assert spool.seconds_since_drain < since
    assert log.count() == 1_200
    with pytest.raises(UnknownPredictionError):
        log.find("700")
    assert log.find("later").id == "later"
    assert with_a_refused_row.with_suffix(".damaged").read_bytes() == lines
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "0.damaged has 1 lines" in caplog.text


def test_what_can_t_be_moved_waits_is_told_once_and_does_not_count_as_moved(
    home: Path, make_prediction: Make, caplog: pytest.LogCaptureFixture
) -> None:
    older = Database(f"sqlite:///{home / 'classmark.db'}")
    PredictionLog(older).add([])
    with older.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    # The schema of a later release says nothing against a row.
    later = Database(f"sqlite:///{home / 'classmark.db'}")
    spool = Spool(home / "spool", PredictionLog(later))
    spool.append([make_prediction("a")])
    waited = []
    for _ in range(3):
        assert spool.drain() == 0
        waited.append(spool.seconds_since_drain)
    assert waited == sorted(waited)
    assert len(caplog.records) == 1
    assert "can't be logged and waits" in caplog.text
    with older.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": SCHEMA})
    assert spool.drain() == 1
    assert spool.seconds_since_drain < waited[-1]
    spool.close()
    for database in (older, later):
        database.close()


def test_a_segment_that_could_not_be_deleted_is_logged_once(
    folder: Path, spool: Spool, log: PredictionLog, make_prediction: Make
) -> None:
    predictions = [make_prediction("a"), make_prediction("b")]
    for _ in range(3):
        left_behind(folder, *predictions)  # the same bytes again, as if they had never gone
        spool.drain()
    assert log.count() == 2


def test_many_predictions_are_moved_a_few_at_a_time(
    folder: Path, spool: Spool, log: PredictionLog, make_prediction: Make
) -> None:
    left_behind(folder, *(make_prediction(number) for number in range(1_234)))
    assert spool.drain() == 1_234
    assert log.count() == 1_234


def test_the_segment_of_a_living_process_is_left_alone(
    spool: Spool, folder: Path, log: PredictionLog, home: Path
) -> None:
    with started(APPEND_AND_LIVE, home) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "appended\n"
        assert spool.drain() == 0
        assert len(segments(folder)) == 2
        child.communicate("")
        assert child.returncode == 0
    assert spool.drain() == 3
    assert log.count() == 3


def test_two_spools_of_one_process_leave_each_other_alone(
    spool: Spool, folder: Path, log: PredictionLog, make_prediction: Make
) -> None:
    other = Spool(folder, log)
    other.append([make_prediction("theirs")])
    spool.append([make_prediction("ours")])
    assert spool.drain() == 1
    assert other.drain() == 1
    assert log.count() == 2
    other.close()


def test_several_processes_share_the_folder_and_each_prediction_is_logged_once(
    spool: Spool, folder: Path, log: PredictionLog, home: Path
) -> None:
    children = [started(APPEND_AND_DRAIN, home, f"child {number}") for number in range(4)]
    said = [child.communicate() for child in children]
    assert said == [("", "")] * 4
    assert [child.returncode for child in children] == [-9, 0, 0, 0]
    spool.drain()
    assert log.count() == 4 * 300
    assert len(segments(folder)) == 1


def test_threads_may_append_while_it_is_drained(
    spool: Spool, log: PredictionLog, make_prediction: Make
) -> None:
    def append(thread: int) -> None:
        for number in range(100):
            spool.append([make_prediction(f"{thread}-{number}")])

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        spool.drain()
    spool.drain()
    assert log.count() == 400


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(
    spool: Spool, folder: Path, log: PredictionLog, home: Path
) -> None:
    done = run(FILL_THE_DISK + DIE, home)
    acknowledged, refused, told = done.stdout.split(" ", 2)
    assert int(acknowledged) > 5
    assert int(acknowledged) + int(refused) == 40
    assert "Free some disk space" in told
    for segment in segments(folder):
        assert segment.read_bytes()[-1:] in {b"", b"\n"}
    assert spool.drain() == int(acknowledged) == log.count()


def test_where_that_is_wanted_what_does_not_fit_is_told_apart_and_not_refused(
    spool: Spool, log: PredictionLog, home: Path
) -> None:
    done = run(DROP_ON_A_FULL_DISK + DIE, home)
    assert 5 < int(done.stdout) < 40
    assert "Answered and not recorded" in done.stderr
    assert spool.drain() == int(done.stdout) == log.count()


def test_when_there_is_room_again_it_goes_on(spool: Spool, log: PredictionLog, home: Path) -> None:
    done = run(FILL_THE_DISK + FREE_THE_DISK + DIE, home)
    assert done.returncode == -9, done.stderr
    assert spool.drain() == int(done.stdout.split()[0]) + 1
    assert log.find("child-after").id == "child-after"


def test_what_can_t_be_cut_back_does_not_touch_what_is_acknowledged_later(
    spool: Spool, log: PredictionLog, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done = run(CUT_NOTHING + FILL_THE_DISK + FREE_THE_DISK + DIE, home)
    assert done.returncode == -9, done.stderr
    assert spool.drain() == int(done.stdout.split()[0]) + 1 == log.count()
    assert log.find("child-after").id == "child-after"
    assert caplog.records == []


def test_a_folder_that_can_t_be_written_is_named(home: Path, log: PredictionLog) -> None:
    home.mkdir()
    (home / "spool").write_text("a file", encoding="utf-8")
    with pytest.raises(UnavailableError, match="home/spool"):
        Spool(home / "spool", log)


def test_with_no_file_left_to_open_draining_is_refused_and_nothing_lost(
    log: PredictionLog, home: Path
) -> None:
    code = """
import resource
spool.append(predictions(1))
held = []
try:
    while True:
        held.append(open(os.devnull))
except OSError:
    pass
try:
    spool.drain()
except UnavailableError:
    print("refused")
spool.append(predictions(2))
del held
print(spool.drain())
"""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + PREPARE + code, str(home), "child"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "refused\n2\n", done.stderr
    assert log.count() == 2


def test_with_the_database_away_the_spool_keeps_all_until_it_is_back(
    home: Path, make_prediction: Make
) -> None:
    path = home / "classmark.db"
    path.mkdir(parents=True)  # a folder is no database
    database = Database(f"sqlite:///{path}")
    log = PredictionLog(database)
    spool = Spool(home / "spool", log)
    for number in range(5):
        spool.append([make_prediction(number)])
        with pytest.raises(DatabaseUnavailableError):
            spool.drain()
    assert len(segments(home / "spool")) == 2  # it does not break into ever more pieces
    path.rmdir()
    assert spool.drain() == 5
    assert log.count() == 5
    spool.close()
    database.close()


def test_what_a_closed_spool_holds_is_drained_by_the_next(
    folder: Path, log: PredictionLog, make_prediction: Make
) -> None:
    first = Spool(folder, log)
    first.append([make_prediction("a")])
    first.close()
    first.close()
    second = Spool(folder, log)
    assert second.drain() == 1
    second.close()
    assert segments(folder) == []


def test_a_closed_spool_takes_no_more_and_harms_no_other_file(
    folder: Path, log: PredictionLog, make_prediction: Make, tmp_path: Path
) -> None:
    spool = Spool(folder, log)
    spool.append([make_prediction("a")])
    spool.close()
    note = tmp_path / "note"
    with note.open("wb") as file:  # it gets the number of the file that was just closed
        file.write(b"precious")
        file.flush()
        with pytest.raises(UnavailableError):
            spool.append([make_prediction("b")])
        assert note.read_bytes() == b"precious"
    assert spool.drain() == 1
    assert log.count() == 1


def test_draining_leaves_no_file_open(
    spool: Spool, folder: Path, log: PredictionLog, make_prediction: Make
) -> None:
    def round_trip(name: str) -> int:
        left_behind(folder, make_prediction(name), torn=b"{")
        spool.append([make_prediction(f"{name}'")])
        spool.drain()
        return len(list(Path("/proc/self/fd").iterdir()))

    log.count()
    first = round_trip("first")
    assert [round_trip(str(number)) for number in range(20)] == [first] * 20
