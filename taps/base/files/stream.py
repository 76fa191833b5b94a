"""Files as a Singer stream: which are new, their records in blocks, and in STATE what has been read."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

from pipe import metrics
from pipe.errors import DataError, PipeError, RetriableError, SkippableError
from taps.base.batch_files import JSONL
from taps.base.files import bookmark, choices, columns, kinds, listing, shape, tabled
from taps.base.files.rejected import Rejected
from taps.base.files.source import opened
from taps.base.settings import BATCH_SIZE
from taps.base.stream import BlockStream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    import pyarrow as pa

    from taps.base.files.find import SourceFile
    from taps.base.files.settings import StreamSettings
    from taps.base.files.source import Source
    from taps.base.files.table import Tables
    from taps.base.stream import Rows
    from taps.base.tap import PipeTap

BLOCK_BYTES = 256 * 1024
"""Encoded records written at once."""


class FileStream(BlockStream):
    """One stream of the settings: its files, oldest first."""

    _mark: bookmark.FileBookmark | None = None

    def __init__(self, tap: PipeTap, options: StreamSettings) -> None:
        """Make the stream of `options`; no file is opened yet."""
        super().__init__(tap, name=options.stream)
        self.options = options
        batch_config = self.config.get("batch_config")
        self._batch_rows = batch_config.get("batch_size", BATCH_SIZE) if batch_config else 0
        self.state_rows = max(self.config["state_rows"], self._batch_rows)
        self._marked = self.config["add_metadata_columns"]
        self.primary_keys = options.key_properties or options.keys or [shape.FILE, shape.ROW]
        self.forced_replication_method = (
            REPLICATION_FULL_TABLE if options.mode == choices.REPLACE else REPLICATION_INCREMENTAL
        )
        self.replication_key = shape.MODIFIED if self._marked and options.mode == choices.APPEND else None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema, found in the files once it is asked for: not at all when a catalog is given."""
        if self._schema is None:
            found = columns.discover(self._files(), self.options, self.logger)
            found |= columns.marks() if self._marked else {}
            for key in self.primary_keys:
                found.setdefault(key, kinds.SCHEMAS[kinds.STRING])
            self._schema = {"type": "object", "properties": columns.with_keys(found, self.primary_keys)}
        return self._schema

    def blocks(self) -> Iterator[Rows]:
        """The records of all new files, or of the snapshot."""
        self._mark = None
        self._told_absent: set[str] = set()
        self._rejected = Rejected(self.options, self.logger)
        yield from self._snapshot() if self.options.mode == choices.REPLACE else self._new_files()
        metrics.counter("reject_count", self._rejected.total, stage=self.tap_name, stream=self.name)

    def save_bookmark(self) -> None:
        """Put the account of files into the state; a snapshot's is put there once it is complete."""
        if self._mark:
            self._mark.store(self.stream_state)

    def announce(self, properties: Mapping[str, dict[str, Any]]) -> None:
        """Send a new SCHEMA when one of `properties` is new or differs from what was sent last."""
        super().announce(columns.with_keys(properties, self.primary_keys))

    def _new_files(self) -> Iterator[Rows]:
        """Read the files that are new; one that cannot be read does not keep the others from being read.

        STATE tells of a file once all its rows are out. Files with rejected rows are told of last, if at all: when
        the run fails for too many of them, the next one reads them again.
        """
        incremental = self.replication_method == REPLICATION_INCREMENTAL
        found = bookmark.load(self.name, self.stream_state) if incremental else bookmark.FilesRead()
        mark = self._mark = bookmark.FileBookmark(found, self.options.paths, self.options.fingerprint)
        if mark.path_has_changed:
            self.logger.warning("path has changed: files no longer named in the state are read again")
        waiting = {file.name: file for file in mark.unread(listing.in_order(self._files(), self.options))}
        doubtful: list[SourceFile] = []
        failures: list[PipeError] = []
        for file in list(waiting.values()):
            try:
                yield from self._read(file, mark)
            except PipeError as error:
                self.logger.error("%s", error)  # noqa: TRY400  the text says it all
                failures.append(error)
                mark.drop_progress()
            else:
                if self._rejected.by_file[file.name]:
                    doubtful.append(file)
                    continue
                del waiting[file.name]
                mark.done(file, waiting.values())
                self.checkpoint(at_end=True)
        if excess := self._rejected.excess():
            failures.append(excess)
            doubtful.clear()
        for file in doubtful:
            del waiting[file.name]
            mark.done(file, waiting.values())
        self._fail_if_any(failures)

    def _snapshot(self) -> Iterator[Rows]:
        """Read the snapshot, then tell the target that it is all there is."""
        mark = bookmark.load(self.name, self.stream_state)
        self.version = max(time.time_ns() // 1_000_000, mark.version + 1)
        files = listing.snapshot(self._files(), self.options, self.logger)
        for file in files:
            yield from self._read(file)
            if file.has_changed():
                raise RetriableError(f"the file '{file.name}' changed while it was read", stream=self.name)
        if excess := self._rejected.excess():
            raise excess
        if files:
            self._replace(mark)

    def _replace(self, mark: bookmark.FilesRead) -> None:
        """Activate the version just read, if nothing speaks against it.

        Raises:
            DataError: it has too few rows.
        """
        rows, allowed = self._rejected.rows, self.options.max_shrink_pct
        if rows < mark.rows * (1 - allowed / 100) or (not rows and allowed < 100):  # noqa: PLR2004  percent
            raise DataError(
                f"{rows} rows after {mark.rows} in the last snapshot: more than max_shrink_pct {allowed:g} fewer",
                stream=self.name,
                remedy="Nothing was deleted. If the snapshot is right, run once with a higher max_shrink_pct",
            )
        if self._rejected.total:
            self.logger.warning(
                "%d rows of the snapshot were rejected: nothing is deleted this time", self._rejected.total
            )
            return
        self.activate_version()
        done = bookmark.FilesRead(files_read=bookmark.FORMAT, path=self.options.paths, rows=rows, version=self.version)
        bookmark.store(done, self.stream_state)

    def _read(self, file: SourceFile, mark: bookmark.FileBookmark | None = None) -> Iterator[Rows]:
        """The records of one file in blocks; from where an interrupted run left off, if `mark` says so."""
        skip = mark.rows_read(file) if mark else 0
        in_tables = self.files is not None and self.files.format != JSONL
        with opened(file, self.options, in_tables=in_tables) as source:
            for block, row in self._encoded(file, source, skip):
                yield block
                if mark and not self._rejected.by_file[file.name]:
                    mark.progress(file, row)
                    self.checkpoint()
        for note in source.notes:
            self.logger.warning("'%s': %s", file.name, note)

    def _encoded(self, file: SourceFile, source: Source, skip: int) -> Iterator[tuple[Rows, int]]:
        """Blocks of records, and the number of the last data row in each."""
        if source.objects is None and not source.columns:
            return  # not even a header
        shaped = self._shape(file, source)
        if source.tables and isinstance(shaped, shape.TableShape) and tabled.fits(shaped):
            number = yield from self._tables(file, source.tables, shaped, skip)
            self._rejected.rows += number - skip
            return
        block: list[bytes] = []
        size, number = 0, skip
        for number, row in enumerate(islice(source.objects or source.rows, skip, None), skip + 1):
            try:
                if isinstance(row, SkippableError):
                    raise row
                record = shaped.encode(row, number)
            except SkippableError as error:
                self._rejected.add(file, number, error)
                continue
            if size >= BLOCK_BYTES or (shaped.news and block):
                yield block, number - 1
                block, size = [], 0
            if shaped.news:
                self.announce(shaped.news)
                shaped.news = {}
            block.append(record)
            size += len(record)
        if block:
            yield block, number
        self._rejected.rows += number - skip

    def _tables(
        self, file: SourceFile, read: Tables, shaped: shape.TableShape, skip: int
    ) -> Generator[tuple[pa.Table, int], None, int]:
        reader = tabled.Tabled(shaped, self.options.reading, partial(self._rejected.add, file))
        return reader.tables(read, skip, self._batch_rows, self.announce)

    def _shape(self, file: SourceFile, source: Source) -> shape.Shape:
        known = {**self.effective_schema["properties"], **self._sent["properties"]}
        marks = {shape.FILE: file.name, shape.MODIFIED: file.modified_at} if self._marked else {}
        null_bad = self.options.on_bad_value == choices.NULL
        frame = shape.Frame(self.is_selected, self.primary_keys, marks, null_bad_values=null_bad)
        if source.objects is not None:
            return shape.ObjectShape(known, columns.declared(self.options), frame)
        table = columns.of_table(source, self.options, known)
        absent = set(self.options.columns) - {column.name for column in table} - self._told_absent
        if absent:
            self._told_absent |= absent  # once: the files of a stream tend to be alike
            self.logger.warning("'%s' has no column %s, although declared", file.name, ", ".join(sorted(absent)))
        return shape.TableShape(table, frame)

    def _files(self) -> list[SourceFile]:
        return listing.all_files(self.options, self.logger)

    def _fail_if_any(self, failures: list[PipeError]) -> None:
        """Send the last STATE, then raise the first of the failures."""
        if not failures:
            return
        self._write_bookmark()
        first, others = failures[0], len(failures) - 1
        if others:
            first.problem += f" (and {others} more {'error' if others == 1 else 'errors'}, see above)"
        raise first
