"""Run as a process of its own: imports all of a package and writes down what that set going."""

import json
import logging
import pkgutil
import sys
import threading
from importlib import import_module
from pathlib import Path

# Alembic runs these itself, inside its own context.
RUN_BY_ALEMBIC = ("classmark.migrations.env", "classmark.migrations.versions")

# urllib3 asks the machine so whether it knows IPv6, and closes the socket at once; where boto3 is
# installed, accelerate brings it in.
PROBE = ("socket.bind", ("::1", 0))

happened: list[str] = []


def heard(event: str, arguments: tuple[object, ...]) -> None:
    """Write down every use of a socket."""
    if event in {"socket.bind", "socket.connect", "socket.sendto"}:
        if (event, arguments[1]) == PROBE:
            return
        happened.append(f"{event} {arguments[1:]}")


def running() -> set[str]:
    """What an import may not add to."""
    threads = {f"thread {thread.name}" for thread in threading.enumerate()}
    handlers = {f"root log handler {handler!r}" for handler in logging.getLogger().handlers}
    files = {f"file {path}" for path in Path().rglob("*")}
    return threads | handlers | files


def main(package: str, report: Path) -> None:
    """Import module after module of a package; for each, what it set going."""
    sys.addaudithook(heard)
    before = running()
    set_going: dict[str, list[str]] = {}
    root = import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}.", onerror=import_module):
        if found.name.startswith(RUN_BY_ALEMBIC):
            continue
        import_module(found.name)
        set_going[found.name] = sorted(running() - before) + happened
        before |= running()
        happened.clear()
    report.write_text(json.dumps(set_going), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
