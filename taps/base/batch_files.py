"""Batch files of a tap, as its setting `batch_config` wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe import batches
from pipe.outbox import Outbox, storage_errors
from taps.base.settings import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

PARQUET, ARROW, JSONL = "parquet", "arrow", "jsonl"


class BatchFiles:
    """Writes tables to files, and says how many rows go into one."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        """Take a checked `batch_config`."""
        storage, encoding = chosen.get("storage", {}), chosen.get("encoding", {})
        self.rows = int(chosen.get("batch_size", BATCH_SIZE))
        self.format = str(encoding.get("format", PARQUET))
        self.outbox = Outbox(storage.get("root"), first=True, prefix=storage.get("prefix", ""))
        compression = encoding.get("compression", "none")
        self._compression = None if compression in {"none", "gzip"} and self.format == ARROW else compression

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
        if self.format == PARQUET:
            import pyarrow.parquet as pq

            pq.write_table(table, path, compression=self._compression, use_dictionary=False, write_statistics=False)
        elif self.format == ARROW:
            import pyarrow as pa

            options = pa.ipc.IpcWriteOptions(compression=self._compression)
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
                writer.write_table(table)
        else:
            from pipe.columnar import encoded

            path.write_bytes(b"".join(row + b"\n" for row in encoded(table, {})))


def uris(message: bytes) -> list[str]:
    """The files that an encoded BATCH message names."""
    return batches.decode(message, 0).manifest
