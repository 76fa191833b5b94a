"""Rows that could not be read: counted, told by file and row, and too many of them an error."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipe.errors import DataError, SkippableError
from pipe.rejects import MINIMUM
from taps.base.files import choices, shape
from taps.base.files.delimited import RAGGED

if TYPE_CHECKING:
    import logging

    from taps.base.files.find import SourceFile
    from taps.base.files.settings import StreamSettings

_TOLD = 10
"""Rejected rows named in the log, a file; the others are only counted."""


class Rejected:
    """The account of one stream in one run."""

    def __init__(self, options: StreamSettings, logger: logging.Logger) -> None:
        """Count for the stream of `options`."""
        self.rows = 0
        """Data rows read, rejected ones included."""
        self.by_file: Counter[str] = Counter()
        self._options = options
        self._logger = logger
        self._fatal = {
            *([RAGGED] if options.on_ragged == choices.FAIL else []),
            *([shape.BAD_VALUE] if options.on_bad_value == choices.FAIL else []),
        }

    @property
    def total(self) -> int:
        """Rows rejected."""
        return self.by_file.total()

    def add(self, file: SourceFile, row: int, error: SkippableError) -> None:
        """Count a data row that cannot be taken.

        Raises:
            DataError: the settings say that such a row fails the run.
        """
        if error.rule in self._fatal:
            raise DataError(
                f"data row {row} cannot be read: {error.problem}",
                field=error.field,
                remedy="Mend the file, or set on_ragged or on_bad_value to reject",
            )
        self.by_file[file.name] += 1
        count = self.by_file[file.name]
        if count <= _TOLD:
            column = f", column '{error.field}'" if error.field else ""
            self._logger.warning("Rejected data row %d of '%s'%s: %s", row, file.name, column, error.problem)
        elif count == _TOLD + 1:
            self._logger.warning("Further rejected rows of '%s' are only counted", file.name)

    def excess(self) -> DataError | None:
        """The error to end with when more rows were rejected than the settings bear."""
        if self.total <= max(MINIMUM, self._options.max_reject_ratio * self.rows):
            return None
        worst, count = self.by_file.most_common(1)[0]
        return DataError(
            f"{self.total} of {self.rows} data rows were rejected, {count} of them in '{worst}': more than "
            f"max_reject_ratio {self._options.max_reject_ratio} bears",
            stream=self._options.stream,
            remedy="The warnings above name file, row and reason; mend the files, the declared columns, or the ratio",
        )
