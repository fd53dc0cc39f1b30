"""The command line. One file a command; everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from nntrain.cli.exits import Exit, code_of
from nntrain.errors import NNTrainError

COMMANDS = (
    "fit",
    "resume",
    "eval",
    "validate",
    "show",
    "summary",
    "gradcheck",
    "schema",
    "doctor",
)  # nntrain/cli/<name>.py holds a function of that name

app = typer.Typer(
    name="nntrain",
    help="Train neural networks from one YAML file.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every error turned into one message and the documented exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            # whoever read our output has left: nothing can be said, and the interpreter must not try at its exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.OK) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except (NNTrainError, OSError, MemoryError) as error:
            typer.echo(f"error: {describe(error)}", err=True)
            raise typer.Exit(code_of(error)) from None

    return run


def describe(error: BaseException) -> str:
    """One message: ours as it is, the system's with the file it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError) and not str(error):
        return "out of memory"
    return str(error)


def _version(wanted: bool) -> None:
    if wanted:
        from nntrain import __version__

        typer.echo(f"nntrain {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Train neural networks from one YAML file."""


for _name in COMMANDS:
    _module = importlib.import_module(f"nntrain.cli.{_name.replace('-', '_')}")
    app.command(_name)(guarded(getattr(_module, _name.replace("-", "_"))))


def main() -> None:
    """The entry point of `nntrain` and of `python -m nntrain`."""
    app(prog_name="nntrain")
