"""Opening the database file, and saying clearly why it cannot be opened or written."""

from __future__ import annotations

import logging
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError
from targets.core.spool import SpoolDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

logger = logging.getLogger(__name__)

LOCK_PATIENCE_SECONDS = 10.0
LOCK_PAUSE_SECONDS = 0.25

KEPT = "64MB"
"""Of what was read and written, between commits; a sixteenth of `memory_limit` as it is shipped."""

MAGIC = slice(8, 12)
"""Where a database file says that it is one."""


def open_database(config: Mapping[str, Any]) -> tuple[duckdb.DuckDBPyConnection, SpoolDirectory]:
    """Open the file for this run alone; make it, and its directory, when they are missing.

    Raises:
        ConfigurationError: the path is no DuckDB database, or cannot be written.
        RetriableError: another process has it open.
    """
    path = Path(config["filepath"]).expanduser().absolute()
    if config["filepath"].startswith(":") or path.is_dir():
        raise ConfigurationError("filepath must name a file", remedy="For example out/acme.duckdb")
    path.parent.mkdir(parents=True, exist_ok=True)
    spool_prefix = f".{path.name}.spool-"
    if not path.exists():
        _create(path, spool_prefix)
    _check_kind(path)
    connection = _connect(path)
    try:
        spool = SpoolDirectory(path.parent, spool_prefix)
        _configure(connection, config, spool.path)
    except BaseException:
        connection.close()
        raise
    return connection, spool


@contextmanager
def engine_errors(stream: str | None = None) -> Iterator[None]:
    """Turn the engine's errors into ours; its own words may name values, so they are left out."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise RetriableError(
            "the database engine ran out of memory or of space for temporary files",
            remedy="Raise memory_limit, lower batch_size_rows and batch_size_bytes, or free disk space",
        ) from None
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        raise RetriableError(
            f"the database file cannot be written ({_cause(error)})",
            remedy="See that its disk has space and is writable, then run again; what was committed is kept",
        ) from None
    except duckdb.ConstraintException:
        raise DataError(
            "a row breaks a constraint of its table", stream=stream, remedy="Drop the constraint, which is not ours"
        ) from None
    except (duckdb.DependencyException, duckdb.CatalogException, duckdb.BinderException) as error:
        raise DataError(
            f"its table cannot be changed as needed ({type(error).__name__})",
            stream=stream,
            remedy="Drop the index or the view that stands in the way",
        ) from None


def give_back(connection: duckdb.DuckDBPyConnection, memory_limit: str) -> None:
    """Have the engine forget what it has read and written, but for a little.

    It would keep that up to its limit, so that a load of ten million rows took more memory than one of a million; a
    load hardly comes back to it.
    """
    with suppress(duckdb.OutOfMemoryException):  # it holds more than that for good
        connection.execute(f"SET memory_limit = '{KEPT}'")
    connection.execute("SET memory_limit = ?", [memory_limit])


def _create(path: Path, prefix: str) -> None:
    """Make a new database in another place first, so that a kill leaves a whole file or none."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as directory:
        new = Path(directory) / path.name
        with engine_errors():
            duckdb.connect(str(new)).close()
        with suppress(OSError):  # another run was faster, or there are no links here: connecting will do
            path.hardlink_to(new)


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(MAGIC.stop)[MAGIC] != b"DUCK":
            raise ConfigurationError(
                f"{path} is not a DuckDB database; it was left as it is", remedy="Set filepath to another file"
            )


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    waited = 0.0
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException as error:
            if not is_in_use(error):
                raise unusable(path, error) from None
        if waited >= LOCK_PATIENCE_SECONDS:
            raise RetriableError(
                f"the database file {path} is in use by another process",
                remedy="Close it there (a database browser, another run of this tenant) and run again",
            )
        if not waited:
            logger.info("The database file is in use; waiting up to %.0f s", LOCK_PATIENCE_SECONDS)
        time.sleep(LOCK_PAUSE_SECONDS)
        waited += LOCK_PAUSE_SECONDS


def _configure(connection: duckdb.DuckDBPyConnection, config: Mapping[str, Any], spool: Path) -> None:
    """Session settings; nothing is fetched from outside."""
    settings = {
        "TimeZone": "UTC",
        "temp_directory": str(spool),
        "autoinstall_known_extensions": False,
        # Merging row groups at every commit would write all of a large load twice; see `DuckDBLoader.close`.
        "max_vacuum_tasks": 0,
        "memory_limit": config["memory_limit"],
        "threads": config.get("threads"),
    }
    for name, value in settings.items():
        if value is not None:
            try:
                connection.execute(f"SET {name} = ?", [value])
            except duckdb.Error:
                raise ConfigurationError(
                    f"{name} has a value that DuckDB does not take", remedy="For example memory_limit: 2GB, threads: 2"
                ) from None


def is_in_use(error: duckdb.Error) -> bool:
    """Whether a file cannot be opened because another process has it open."""
    return "set lock on file" in str(error)


def unusable(path: Path, error: duckdb.Error) -> PipeError:
    """Why a file cannot be opened that nobody else has open."""
    if "version" in str(error):
        return ConfigurationError(
            f"{path} was written by another version of DuckDB than {duckdb.__version__}",
            remedy="Open it with the version that wrote it, export it, and import it here",
        )
    return ConfigurationError(
        f"the database file {path} cannot be opened ({_cause(error)})", remedy="See that it may be read and written"
    )


def _cause(error: duckdb.Error) -> str:
    """What the operating system said; the engine's own words may name values."""
    return str(error).rpartition(": ")[2].strip().splitlines()[0][:80] if ": " in str(error) else type(error).__name__
