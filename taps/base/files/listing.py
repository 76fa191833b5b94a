"""Which files a stream reads, and in which order, as its settings say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipe import times
from pipe.errors import ConfigurationError
from taps.base.files import choices, find

if TYPE_CHECKING:
    import logging

    from taps.base.files.find import SourceFile
    from taps.base.files.settings import StreamSettings


def all_files(options: StreamSettings, logger: logging.Logger) -> list[SourceFile]:
    """The files of `path` that are old enough, oldest first.

    Raises:
        ConfigurationError: there is none.
        CredentialsError, DataError: see `find.find`.
    """
    files = find.find(options.paths, options.stream)
    if not files and not options.allow_missing:
        raise ConfigurationError(
            "path matches no file",
            stream=options.stream,
            remedy="Check it against the working directory, or set allow_missing",
        )
    if not options.settle_seconds:
        return files
    latest = times.to_text(datetime.now(UTC) - timedelta(seconds=options.settle_seconds))
    settled = [file for file in files if file.modified < latest]
    if len(settled) < len(files):
        logger.info("%d files are left to the next run: they may still be growing", len(files) - len(settled))
    return settled


def in_order(files: list[SourceFile], options: StreamSettings) -> list[SourceFile]:
    """The files in the order in which they are read: by modification time, or by the date in their names."""
    if not options.date_from_name:
        return files
    return [file for _, file in find.by_name(files, options.date_from_name, options.stream)]


def snapshot(files: list[SourceFile], options: StreamSettings, logger: logging.Logger) -> list[SourceFile]:
    """The files that together are the table."""
    if options.snapshot == choices.ALL or not files:
        return in_order(files, options)
    if options.date_from_name:
        dated = find.by_name(files, options.date_from_name, options.stream)
        newest = [file for date, file in dated if date == dated[-1][0]]
    else:
        newest = files[-1:]
    if left_out := len(files) - len(newest):
        logger.info("The snapshot is '%s'; %d older files are left out", newest[-1].name, left_out)
    return newest
