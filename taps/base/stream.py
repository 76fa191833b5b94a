"""The stream base: the SDK's catalog, selection and state, with records written in blocks.

The SDK's own loop costs about 33 CPU seconds a million records (selection, conforming, one flush a line). Here a
subclass yields blocks of encoded records; each block leaves in one write, and STATE only after what it covers.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import singer_sdk.singerlib as singer
from singer_sdk.exceptions import MaxRecordsLimitException
from singer_sdk.streams import Stream

from pipe import columnar, messages

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    import pyarrow as pa
    from singer_sdk.helpers.types import Context, Record

    from taps.base.batch_files import BatchFiles
    from taps.base.tap import PipeTap


Rows: TypeAlias = "list[bytes] | pa.Table"
"""Rows as a stream yields them: encoded records, or a table whose types say what they are in a RECORD (see
`pipe.columnar`)."""

_COUNT_SECONDS = 2
"""Between two counts in the log, so that whoever watches the run sees it move."""


class BlockStream(Stream):
    """Base of the streams.

    A subclass implements `blocks`, and calls `announce` before records with new properties and `checkpoint` once its
    bookmark has moved. Code after a `yield` in `blocks` runs when the block has been written.
    """

    _tap: PipeTap
    state_rows: int = 10_000
    """Records between two STATE messages, at least."""

    version: int = 0
    """Table version of the records, for streams that end with `activate_version`."""

    _sent: dict[str, Any]
    _all_selected: bool
    _rows: int
    _bytes: int
    _total: int

    @abstractmethod
    def blocks(self) -> Iterator[Rows]:
        """Yield blocks of encoded records in order; with `files`, also tables of selected columns."""

    @abstractmethod
    def save_bookmark(self) -> None:
        """Put into `stream_state` what has been written so far; called before every STATE."""

    def announce(self, properties: Mapping[str, dict[str, Any]]) -> None:
        """Send a new SCHEMA when one of `properties` is new or differs from what was sent last."""
        sent = self._sent["properties"]
        changed = {name: schema for name, schema in properties.items() if not _same(sent.get(name), schema)}
        if not changed:
            return
        self._sent = {**self._sent, "properties": {**sent, **changed}}
        bookmarks = [self.replication_key] if self.replication_key else None
        self._tap.write_message(singer.SchemaMessage(self.name, self._sent, self.primary_keys, bookmarks))

    def checkpoint(self, *, at_end: bool = False) -> None:
        """Send STATE if it is due: after `state_rows` records, or at the end of a part of the stream (such as a file).

        There it waits until the records outweigh it: thousands of small files would else make more STATE than records.
        """
        if self._rows >= self.state_rows or (at_end and self._bytes > len(messages.encode(self.tap_state))):
            self._write_bookmark()

    def activate_version(self) -> None:
        """Tell the target that the records of `version` are all there are."""
        self._tap.write_message(singer.ActivateVersionMessage(stream=self.name, version=self.version))

    def is_selected(self, name: str) -> bool:
        """Whether the property is to be sent; one the catalog does not know, only where it leaves nothing out."""
        breadcrumb = ("properties", name)
        return self.mask.get(breadcrumb, self._all_selected)

    @property
    def files(self) -> BatchFiles | None:
        """Where batch files go, when the setting `batch_config` asks for them."""
        return self._tap.message_writer.files

    # What the SDK calls.

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never at the start, as the SDK would: only after a complete read, by `activate_version`."""
        return False

    def get_batch_config(self, config: Mapping[str, Any]) -> None:
        """None: the files that `batch_config` asks for are ours, written by `_sync_records`."""

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: bookmarks are kept by the subclass."""

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Every record, decoded; for callers of the SDK's interface, the sync itself uses `blocks`."""
        self._prepare()
        for block in self.blocks():
            rows = block if isinstance(block, list) else columnar.encoded(block, self.schema["properties"])
            yield from map(msgspec.json.decode, rows)

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write all blocks, then the last STATE."""
        self._prepare()
        self._tap.writing = True
        with self.get_record_counter() as counter, self.get_sync_timer():
            counter.log_interval = _COUNT_SECONDS
            for block in self.blocks():
                if self._tap.stopping:  # the bookmark covers all that was written; this block was not
                    self._write_bookmark()
                    sys.exit(128 + self._tap.stopping)
                self._write(block)
                counter.increment(len(block))
        self._tap.writing = False
        self.save_bookmark()
        self._finalize_state(self.stream_state)
        self._write_state_message()
        yield from ()

    def _prepare(self) -> None:
        self._sent = self.stream_maps[0].transformed_schema
        self._all_selected = all(chosen for breadcrumb, chosen in self.mask.items() if breadcrumb)
        self._rows = self._bytes = self._total = 0

    def _write(self, block: Rows) -> None:
        limit = self.ABORT_AT_RECORD_COUNT
        over = limit is not None and self._total + len(block) > limit
        if over and limit is not None:
            block = block[: limit - self._total]
        if len(block):
            writer = self._tap.message_writer
            write = writer.write_records if isinstance(block, list) else writer.write_table
            self._bytes += write(self.name, block, self.version)
            self._rows += len(block)
            self._total += len(block)
        if over:
            self._write_bookmark()
            self._abort_sync(MaxRecordsLimitException(f"The dry run's limit of {limit} records is reached."))

    def _write_bookmark(self) -> None:
        self.save_bookmark()
        self.state_manager.is_flushed = False
        self._write_state_message()
        self._rows = self._bytes = 0


def _same(sent: dict[str, Any] | None, schema: dict[str, Any]) -> bool:
    """Whether two property schemas mean the same; what only describes does not count."""
    return sent is not None and {**sent, "description": None} == {**schema, "description": None}
