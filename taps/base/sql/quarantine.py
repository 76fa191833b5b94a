"""Rows with values that cannot be sent: emptied, refused, or told of in the stream `rejects`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import singer_sdk.singerlib as singer

from pipe import columnar, metrics
from pipe.errors import DataError, SkippableError
from pipe.mapper import RUN_ID_VARIABLE
from pipe.rejects import MINIMUM, RejectLog
from pipe.streams import REJECTS
from taps.base.sql.engine import BAD, LAST_BIT
from taps.base.sql.settings import FAIL, QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taps.base.sql.engine import Column
    from taps.base.sql.stream import SQLStream

RULE = "unsendable_value"


class Quarantine:
    """The account of one stream in one run."""

    def __init__(self, stream: SQLStream) -> None:
        """Count for a stream."""
        config = stream.config
        self._stream = stream
        self._policy = config["on_bad_value"]
        self._log = RejectLog(
            stream.tap_name,
            config.get("tenant", ""),
            os.environ.get(RUN_ID_VARIABLE, ""),
            config["max_reject_ratio"],
            MINIMUM,
        )
        self._read = self._bad = 0

    def sift(self, chunk: pa.Table, columns: Sequence[Column]) -> pa.Table:
        """The rows to send, without the column `BAD`.

        Raises:
            DataError: a value cannot be sent, and the settings say to stop.
        """
        first = self._read
        self._read += len(chunk)
        if BAD not in chunk.column_names:
            return chunk
        bits = np.asarray(chunk.column(BAD).to_numpy())
        chunk = chunk.drop_columns([BAD])
        bad = bits != 0
        if not bad.any():
            return chunk
        self._bad += int(bad.sum())
        names = [column.name for column in columns if column.bad]
        if self._policy == FAIL:
            raise DataError(
                f"{int(bad.sum())} of the next {len(chunk)} rows have values that cannot be sent",
                stream=self._stream.name,
                field=_first(int(bits[bad][0]), names),
                remedy="Set on_bad_value to null or quarantine, or leave these rows out with 'where'",
            )
        if self._policy != QUARANTINE:
            return chunk
        self._tell(chunk, [(int(row), _first(int(bits[row]), names)) for row in np.flatnonzero(bad)], first)
        return chunk.filter(pc.invert(pa.array(bad)))

    def close(self) -> None:
        """Log the counts.

        Raises:
            DataError: more rows are in quarantine than the settings bear.
        """
        name = self._stream.name
        if self._bad:
            metrics.counter("bad_value_count", self._bad, stage=self._stream.tap_name, stream=name)
            self._stream.logger.warning("%d rows have values that cannot be sent (on_bad_value)", self._bad)
        self._log.check(name, self._read)

    def _tell(self, chunk: pa.Table, rows: list[tuple[int, str]], first: int) -> None:
        """Send a row of `rejects` for each."""
        stream = self._stream
        keys = stream.primary_keys
        table = chunk.take(pa.array([row for row, _ in rows]))
        records = columnar.encoded(table.select(keys) if keys else table, stream.schema["properties"])
        told = [
            self._log.row(
                stream.tap_name,
                stream.name,
                record,
                SkippableError("the value has no form in JSON", rule=RULE, field=field),
                first + row + 1,
                keys=keys,
            )
            for record, (row, field) in zip(records, rows, strict=True)
        ]
        schema: dict[str, Any] = REJECTS.json_schema()
        stream.send(singer.SchemaMessage(REJECTS.name, schema, [REJECTS.key]), REJECTS.name, told)


def _first(bits: int, names: list[str]) -> str:
    return names[min((bits & -bits).bit_length() - 1, LAST_BIT, len(names) - 1)]
