"""The command line: one file a command; errors become exit codes here."""

import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import typer

from classmark import __version__
from classmark.cli.terminal import say_error
from classmark.errors import ClassmarkError

# name: (module, what it does), in the order of the loop.
COMMANDS = {
    "quickstart": ("quickstart", "All of it on 400 sample documents: prepare to serve."),
    "prepare": ("prepare", "Documents become a dataset."),
    "train": ("train", "A dataset becomes the next version of a model."),
    "evaluate": ("evaluate", "Measure a version on labelled documents."),
    "compare": ("compare", "Two versions on the same labelled documents."),
    "versions": ("versions", "List a model's versions."),
    "promote": ("promote", "Put a version into production."),
    "rollback": ("rollback", "Put an earlier version back into production."),
    "history": ("history", "What was live when, who moved it and why."),
    "verify": ("verify", "Check every byte of a version."),
    "predict": ("predict", "Classify one text, a file, or what you type."),
    "serve": ("serve", "Answer over HTTP, with a web page."),
    "doctor": ("doctor", "What is installed, what works, what to do."),
}
_INTERRUPTED = 130


def main() -> None:
    """Run the command that the arguments name."""
    _app(sys.argv[1:])()


def _app(arguments: list[str]) -> typer.Typer:
    """All commands by name; only the one that is called is imported, so that help costs nothing."""
    app = typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_show_locals=False
    )
    app.callback(help="Classifies documents and keeps the models that do it honest.")(_root)
    called = next((argument for argument in arguments if argument in COMMANDS), None)
    for name, (module, summary) in COMMANDS.items():
        run = import_module(f"classmark.cli.{module}").run if name == called else _not_called
        app.command(name, help=None if name == called else summary)(_guarded(run))
    return app


def _root(
    *, version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True)
) -> None:
    if version:
        typer.echo(f"classmark {__version__}")
        raise typer.Exit


def _not_called() -> None:
    """Stands in the help for a command that is not imported."""


def _guarded(run: Callable[..., None]) -> Callable[..., None]:
    @wraps(run)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            run(*arguments, **options)
        except ClassmarkError as error:
            say_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(_INTERRUPTED) from interrupt

    return guarded
