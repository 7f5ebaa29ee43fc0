"""The command line: one file a command; errors become exit codes here."""

import io
import os
import re
import sys
from importlib import import_module

import typer

from classmark import __version__
from classmark.cli.terminal import say_error, say_warning
from classmark.errors import ClassmarkError, MissingExtraError, SettingError

# name: what it does, in the order of the loop; each is a module of this folder, _ for -.
COMMANDS = {
    "quickstart": "All of it on 400 sample documents: prepare to serve.",
    "collect": "Papers from arXiv, PubMed or Semantic Scholar.",
    "prepare": "Documents become a dataset.",
    "prepare-table": "A table of columns becomes a dataset with fitted features.",
    "profile": "What a dataset or a file is like: a page, plots, the main figures.",
    "audit": "Suspected label errors, conflicts and near-duplicates of a dataset.",
    "train": "A dataset becomes the next version of a model.",
    "tune": "Search the best parameters of a family.",
    "cross-validate": "Which family does best on a dataset.",
    "evaluate": "Measure a version on labelled documents.",
    "report": "The report of a version, as HTML and PDF.",
    "compare": "Two versions on the same labelled documents.",
    "card": "The model card of a version.",
    "versions": "List a model's versions.",
    "promote": "Put a version into production.",
    "rollback": "Put an earlier version back into production.",
    "publish": "Bring a version to places elsewhere: a storage of versions.",
    "unpublish": "Take a version away from there.",
    "pull": "Bring a version here from the storage of versions.",
    "archive": "Mark a version as done with; its files stay.",
    "delete": "Remove a version and its files; the history keeps that it was.",
    "retention": "Archive and delete old versions by rule.",
    "gc": "Remove what killed processes left behind.",
    "history": "What was live when, who moved it and why.",
    "lineage": "Where a version comes from, and what became of a document.",
    "verify": "Check every byte of a version, and its signature.",
    "sign": "Vouch for a version with your key.",
    "predict": "Classify one text, a file, or what you type.",
    "explain": "What the answer for one text rests on: words with weights.",
    "predictions": "Export what a server answered, with the labels that came later.",
    "keys": "Who may ask a server: make, list and revoke keys.",
    "serve": "Answer over HTTP, with a web page.",
    "ui": "The web page on a port of its own.",
    "doctor": "What is installed, what works, what to do.",
}
_INTERRUPTED = 130
# Options that take KEY=VALUE, and several of them.
_OF_KEYS = {"--set", "--search"}
_KEY = re.compile(r"[A-Za-z_][\w.]*=")


def main() -> None:
    """Run the command that the arguments name; end the process with its exit code."""
    # What a home holds is what people wrote and asked: it is its owner's alone.
    os.umask(0o077)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a character shows another one; nothing fails for that.
        sys.stdout.reconfigure(errors="replace")
    try:
        arguments = one_key_an_option(_readable(sys.argv[1:]))
        _app(arguments)(arguments, prog_name="classmark")
    except ClassmarkError as error:
        say_error(error.message, error.remedy)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        missing = MissingExtraError(f"This command ({error.name})", extra="train")
        say_error(missing.message, missing.remedy)
        sys.exit(missing.exit_code)
    except OSError as error:
        say_error(_described(error), "Check the path, its permissions and the space on the disk.")
        sys.exit(ClassmarkError.exit_code)
    except SystemExit as ended:
        # Typer makes an exit of Ctrl+C; what caused that one has the notes.
        if ended.code == _INTERRUPTED:
            _say_what_is_left(ended)
        raise
    except KeyboardInterrupt as error:
        _say_what_is_left(error)
        sys.exit(_INTERRUPTED)


def _readable(arguments: list[str]) -> list[str]:
    """The arguments; what stands in them is kept in files and databases that are UTF-8.

    Raises:
        SettingError: One of them is not.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            shown = argument.encode(errors="replace").decode()
            raise SettingError(
                f"The argument {shown!r} is not written in UTF-8.",
                remedy="Write it in UTF-8; a file of such a name, rename first.",
            ) from error
    return arguments


def one_key_an_option(arguments: list[str]) -> list[str]:
    """The arguments with `--set A=1 B=2` as `--set A=1 --set B=2`, and `--search` likewise."""
    written: list[str] = []
    option = ""
    for argument in arguments:
        goes_on = bool(option and written[-1] != option and _KEY.match(argument))
        if goes_on:
            written.append(option)
        elif argument in _OF_KEYS:
            option = argument
        elif not (option and written[-1] == option):
            option = ""
        written.append(argument)
    return written


def _app(arguments: list[str]) -> typer.Typer:
    """All commands by name; only the one that is called is imported, so that help costs nothing."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        epilog="Options stand behind the command: classmark COMMAND --help lists them.",
    )
    app.callback(help="Classifies documents and keeps the models that do it honest.")(_root)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, summary in COMMANDS.items():
        if name == called:
            app.command(name)(import_module(f"classmark.cli.{name.replace('-', '_')}").run)
        else:
            app.command(name, help=summary)(_not_called)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"classmark {__version__}")
        raise typer.Exit


def _root(
    *,
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_print_version
    ),
) -> None:
    """What may stand before the command."""


def _not_called() -> None:
    """Stands in the help for a command that is not imported."""


def _say_what_is_left(error: BaseException | None) -> None:
    """What an interrupted command leaves of its work, if it leaves something."""
    notes: list[str] = []
    while error is not None:
        notes += getattr(error, "__notes__", [])
        error = error.__cause__ or error.__context__
    if notes:
        say_warning(" ".join(["Interrupted.", *notes]))


def _described(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."
