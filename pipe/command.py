"""The frame every executable runs in: one clear last line instead of a traceback, and an exit code that tells why."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from pipe.errors import InternalError, PipeError, of_system

if TYPE_CHECKING:
    from collections.abc import Callable

DEBUG_VARIABLE = "GROWTHNAV_DEBUG"
"""Set to 1, an unexpected error prints its traceback (which may show values: never in production)."""


_GC_THRESHOLD = 100_000
"""Container objects between two searches for cycles: records make many short-lived lists and no cycles."""


def run(name: str, command: Callable[[], object]) -> NoReturn:
    """Run a click command (or any callable) to its end and exit the process.

    Exit code 0 after success, the error class's own code after a `PipeError`, 70 after anything unforeseen.
    """
    code = 0
    try:
        result = command()
        code = result if isinstance(result, int) else 0  # click returns the code of a context's exit
    except PipeError as error:
        _last_line(name, error.kind, str(error))
        _leave(error.exit_code)
    except KeyboardInterrupt:
        _last_line(name, "retriable", "interrupted")
        _leave(130)
    except click.exceptions.Exit as done:
        _leave(done.exit_code)
    except click.ClickException as error:
        error.show()
        _leave(error.exit_code)
    except click.Abort:
        _leave(130)
    except Exception as error:  # noqa: BLE001  the outermost frame: whatever is left is a bug of ours
        if isinstance(error, OSError) and (known := of_system(error)):
            _last_line(name, known.kind, str(known))
            _leave(known.exit_code)
        if os.environ.get(DEBUG_VARIABLE) == "1":
            traceback.print_exc()
        _last_line(name, InternalError.kind, _describe(error))
        _leave(InternalError.exit_code)
    _leave(code)


class _NoDataFrames:
    """Keeps pandas from being imported, which takes longer than all the rest of a small run.

    DuckDB and Arrow import it with the first table they are given, to see whether that is a DataFrame.
    """

    def find_spec(self, name: str, *_: object) -> None:
        """Say that pandas is not there, as on a machine without it."""
        if name == "pandas":
            raise ModuleNotFoundError("no DataFrame comes here", name=name)


def plugin(cls: type, *, dataframes: bool = True) -> NoReturn:
    """Run a Singer SDK plugin class as an executable; without `dataframes` where nothing it calls works on any."""
    if not dataframes:
        sys.meta_path.insert(0, _NoDataFrames())
    gc.freeze()  # what the imports made stays for good
    atexit.register(gc.unfreeze)  # else the database engine reports its own objects as leaked
    gc.set_threshold(_GC_THRESHOLD)
    command = cls.cli  # type: ignore[attr-defined]
    run(cls.name, lambda: command.main(standalone_mode=False))  # type: ignore[attr-defined]


def _describe(error: Exception) -> str:
    """The type and the place in our code, without the message: messages of others quote values."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119
    return (
        f"unexpected {type(error).__name__}{place}. "
        f"Please report it; {DEBUG_VARIABLE}=1 prints the traceback (it may show data)"
    )


def _last_line(name: str, kind: str, text: str) -> None:
    logging.getLogger(name).error("%s error: %s", kind, text)


def _leave(code: int) -> NoReturn:
    logging.shutdown()
    try:
        sys.stdout.flush()
    except OSError:
        # The reader is gone; closing the descriptor keeps the interpreter from trying again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
