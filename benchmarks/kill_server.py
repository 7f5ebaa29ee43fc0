"""Faults under load: is every answered prediction in the log exactly once, and who notices?

Usage: python benchmarks/kill_server.py [--kill 20] [--sigterm 50] [--postgres 20]
           [--stopped 60] [--full-disk] [--clients 8] [--family linear]

--kill       rounds: start `classmark serve`, let the clients ask, `kill -9` after a random time.
             20 where no other fault is asked for.
--sigterm    rounds: the same with SIGTERM. Who was accepted must be answered, and the end be good.
--postgres   times: a server on a PostgreSQL of its own, whose postmaster gets `kill -9` and is
             started again.
--stopped    seconds: all processes of that PostgreSQL stand still, and the clients go on.
--full-disk  the disk of the spool is filled under load and emptied again; needs root, for a tmpfs.

At the end of each the log must hold every prediction that was answered with 200 exactly once, and
no text twice. A request of which neither an answer nor the log knows anything was not accepted: its
connection was just being closed. Clients send such a request again.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

# The PostgreSQL of the tests, and what scripts share.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.serving_load import (
    Heard,
    begun,
    counted,
    ended,
    free_port,
    make_home,
    percentiles,
    start_server,
)
from tests.conftest import PostgresServer, running_postgres

Result = dict[str, Any]
# Where times are compared, clients ask at the same pace before and meanwhile.
PAUSE_SECONDS = 0.05
MEASURED_SECONDS = 20.0
# Smaller than what is there anyway would be no disk at all.
DISK_BYTES = 1_000_000
MUST_BE_NONE = (
    *("lost", "doubled", "cut_short", "accepted_and_unanswered", "left_in_spool", "bad_exits"),
)


def sqlite_of(home: Path) -> str:
    """The database of a home."""
    return f"sqlite:///{home / 'classmark.db'}"


def stopped(server: subprocess.Popen[bytes]) -> int:
    """The exit code of a server that had time to move what waited."""
    time.sleep(2)
    server.terminate()
    return server.wait()


def told(home: Path, heard: list[Heard], database_url: str) -> Result:
    """What was found, and what still waits in the spool."""
    left = len(list((home / "spool").iterdir()))
    return {**counted(heard, database_url), "left_in_spool": left}


def rounds(home: Path, clients: int, number: int, *, how: signal.Signals) -> Result:
    """A signal to a server under load, again and again."""
    heard: list[Heard] = []
    exits: list[int] = []
    port = free_port()
    for done in range(number):
        server = start_server(home, port)
        asking = begun(port, f"{how.name} {done}", clients)
        time.sleep(random.uniform(0.2, 2.0))
        server.send_signal(how)
        exits.append(server.wait())
        heard += ended(asking)
    stopped(start_server(home, port))
    found = {"rounds": number, **told(home, heard, sqlite_of(home))}
    if how is signal.SIGKILL:
        # Nobody was promised these: the server died between the record and the answer.
        found["recorded_and_unanswered"] = found.pop("accepted_and_unanswered")
        del found["cut_short"]
    else:
        found["bad_exits"] = sum(code != 0 for code in exits)
    return found


@contextmanager
def killable(server: PostgresServer) -> Iterator[Callable[[], None]]:
    """What kills the postmaster and starts another one."""
    others: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        os.kill(postmaster(server), signal.SIGKILL)
        for other in others:
            other.wait()
        # The first one is nobody's child but a shell's that does not look, and so seems to live.
        (server.folder / "data" / "postmaster.pid").unlink()
        while not answers(server):
            # Until the last process of the one before is gone, none can begin.
            with (server.folder / "log").open("ab") as log:
                others.append(
                    subprocess.Popen(
                        server.command, stdout=log, stderr=log, user=server.user, cwd=server.folder
                    )
                )
            time.sleep(1)

    try:
        yield kill
    finally:
        for other in others:
            other.send_signal(signal.SIGQUIT)
            other.wait()


def postmaster(server: PostgresServer) -> int:
    """The process that makes the others."""
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def answers(server: PostgresServer) -> bool:
    """Whether its program for that says so."""
    command = [server.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    return subprocess.run(command, check=False).returncode == 0


Fault = Callable[[PostgresServer, Callable[[], None]], None]


def on_postgres(home: Path, clients: int, family: str, *, fault: Fault) -> Result:
    """A fault of the database while a server answers: who notices, and what is lost."""
    home.mkdir(parents=True)
    with (
        running_postgres() as database,
        killable(database) as kill,
        database.fresh("migrated") as name,
    ):
        url = database.url(name)
        (home / "classmark.yaml").write_text(f"database_url: {url}\n", encoding="utf-8")
        make_home(home, family)
        port = free_port()
        server = start_server(home, port)
        asking = begun(port, "database", clients, PAUSE_SECONDS)
        time.sleep(MEASURED_SECONDS)
        began = time.monotonic()
        fault(database, kill)
        over = time.monotonic()
        heard = ended(asking)
        database.wait()
        time.sleep(5)
        found = {"bad_exits": int(stopped(server) != 0)}
        found |= told(home, heard, url.replace("postgresql:", "postgresql+psycopg:"))
    times = [one for client in heard for one in client.times]
    before = percentiles([took for at, took in times if at < began])
    during = percentiles([took for at, took in times if began <= at < over])
    return {
        **found,
        "fault_seconds": round(over - began, 1),
        "seconds_before": before,
        "seconds_during": during,
        "p99_ratio": round(during["p99"] / before["p99"], 2),
    }


def killed_again_and_again(_: PostgresServer, kill: Callable[[], None], *, times: int) -> None:
    """The postmaster, so often."""
    for _number in range(times):
        kill()
        time.sleep(random.uniform(0.5, 2.0))


def standing_still(database: PostgresServer, _: Callable[[], None], *, seconds: float) -> None:
    """All processes of the database, for so long."""
    database.signal(signal.SIGSTOP)
    time.sleep(seconds)
    database.signal(signal.SIGCONT)


def full_disk(home: Path, clients: int) -> Result:
    """The disk of the spool is full for a while: what can't be recorded is not answered."""
    spool = home / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    options = f"size={DISK_BYTES},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(spool)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        return {"skipped": "a tmpfs can't be mounted here: root may do so"}
    try:
        port = free_port()
        server = start_server(home, port)
        asking = begun(port, "disk", clients, PAUSE_SECONDS)
        for _ in range(5):
            time.sleep(2)
            filled_up(spool / "ballast")
            time.sleep(2)
            (spool / "ballast").unlink()
        time.sleep(2)
        heard = ended(asking)
        found = {"bad_exits": int(stopped(server) != 0)}
        return found | told(home, heard, sqlite_of(home))
    finally:
        subprocess.run(["umount", str(spool)], check=True)  # noqa: S607 (wherever the system has it)


def filled_up(ballast: Path) -> None:
    """Take what is left of a disk, to the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def asked_for(arguments: argparse.Namespace) -> Iterator[tuple[str, Callable[[Path], Result]]]:
    """Each fault by its name, and what tries it on a home that is new."""
    clients, family = arguments.clients, arguments.family
    faults: dict[str, Fault] = {}
    if arguments.postgres:
        faults["postmaster_killed"] = partial(killed_again_and_again, times=arguments.postgres)
    if arguments.stopped:
        faults["database_stopped"] = partial(standing_still, seconds=arguments.stopped)

    def on_sqlite(tried: Callable[[Path, int], Result], home: Path) -> Result:
        make_home(home, family)
        return tried(home, clients)

    for name, number, how in (
        ("killed", arguments.kill, signal.SIGKILL),
        ("told_to_end", arguments.sigterm, signal.SIGTERM),
    ):
        if number:
            yield name, partial(on_sqlite, partial(rounds, number=number, how=how))
    for name, fault in faults.items():
        yield name, partial(on_postgres, clients=clients, family=family, fault=fault)
    if arguments.full_disk:
        yield "full_disk", partial(on_sqlite, full_disk)


def main() -> None:
    """Try each fault and count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--kill", "--sigterm", "--postgres"):
        parser.add_argument(name, type=int, default=0)
    parser.add_argument("--stopped", type=float, default=0.0)
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--family", default="linear")
    arguments = parser.parse_args()
    if (
        not any((arguments.kill, arguments.sigterm, arguments.postgres, arguments.stopped))
        and not arguments.full_disk
    ):
        arguments.kill = 20
    results: dict[str, Result] = {}
    for name, tried in asked_for(arguments):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = {"clients": arguments.clients, **tried(Path(folder, "home"))}
    print(json.dumps(results, indent=2))
    if any(found.get(name) for found in results.values() for name in MUST_BE_NONE):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
