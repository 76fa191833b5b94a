"""Batch files of a tap, as its setting `batch_config` wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe import batches, columnar
from pipe.outbox import Outbox, storage_errors
from taps.base.settings import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

PARQUET, ARROW, JSONL = "parquet", "arrow", "jsonl"
_COMPRESSIONS = {PARQUET: {"gzip", "zstd", "lz4", "snappy"}, ARROW: {"zstd", "lz4"}, JSONL: set()}


class BatchFiles:
    """Writes tables to files, and says how many rows go into one."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        """Take a checked `batch_config`."""
        storage, encoding = chosen.get("storage", {}), chosen.get("encoding", {})
        self.rows = int(chosen.get("batch_size", BATCH_SIZE))
        self.format = str(encoding.get("format", ARROW))
        self.outbox = Outbox(storage.get("root"), prefix=storage.get("prefix", ""))
        self.outbox.hold(clear=True)
        compression = encoding.get("compression", "none")
        self._compression = compression if compression in _COMPRESSIONS[self.format] else None

    def write(self, stream: str, table: pa.Table, version: int = 0) -> bytes:
        """The BATCH message for rows written to a new file.

        Raises:
            RetriableError: the disk is full.
        """
        path = self.outbox.new_file(self.format)
        with storage_errors(path):
            self._write(path, table)
        return self.outbox.message(stream, [path], self.format, version)

    def _write(self, path: Path, table: pa.Table) -> None:
        if self.format == JSONL:
            path.write_bytes(b"".join(row + b"\n" for row in columnar.encoded(table, {})))
        else:
            columnar.write(table, path, self.format, self._compression)


def uris(message: bytes) -> list[str]:
    """The files that an encoded BATCH message names."""
    return batches.decode(message, 0).manifest
