"""Streams that read tables: from one bulk read come batch files or RECORD messages, whichever is asked for."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._batch import BaseBatchFileEncoding

from pipe import columnar
from taps.base.batch_files import uris
from taps.base.stream import BlockStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from taps.base.stream import Rows


class TableStream(BlockStream):
    """Base of streams whose source is read in bulk.

    A subclass implements `tables`; code after a `yield` there runs when the table's rows are written, so that is the
    place to move the bookmark and call `checkpoint`.
    """

    state_rows = 1
    """STATE after every table."""

    @abstractmethod
    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows, in order, in tables of at most some 100,000 rows; columns nobody selected may be left out."""

    def blocks(self) -> Iterator[Rows]:
        """The rows, as files or as records."""
        for table in self.tables():
            chosen = table.select([name for name in table.column_names if self.is_selected(name)])
            if self.files:
                yield chosen
            else:
                yield columnar.encoded(chosen, self.schema["properties"])

    def get_batches(self, batch_config: Any, context: Any = None) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        """The same files for callers of the SDK's interface; needs the setting `batch_config`."""
        files = self.files
        if files is None:
            raise AssertionError("get_batches is for taps with batch_config")
        self._prepare()
        for table in self.blocks():
            yield BaseBatchFileEncoding(format=files.format), uris(files.write(self.name, table, self.version))
