"""What `classmark --help` costs, and what it imports.

Usage: python benchmarks/start_up.py
"""

import resource
import statistics
import subprocess
import sys

HEAVY = ("torch", "sklearn", "mlflow", "transformers", "numpy", "gradio")


def cpu_seconds() -> float:
    """Of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print the median of eleven runs, and the heavy modules that a run imports."""
    seconds = []
    for _ in range(11):
        before = cpu_seconds()
        subprocess.run(
            [sys.executable, "-m", "classmark", "--help"], check=True, capture_output=True
        )
        seconds.append(cpu_seconds() - before)
    code = (
        "import sys, contextlib, io; sys.argv = ['classmark', '--help']\n"
        "from classmark.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    print(
        f"median {statistics.median(seconds):.3f} s of CPU, heavy modules: {found.stdout.strip()}"
    )


if __name__ == "__main__":
    main()
