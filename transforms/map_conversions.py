"""`map-conversions`: the Singer mapper that turns raw source streams into the canonical ones."""

from __future__ import annotations

import sys
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

import click
from singer_sdk.helpers.capabilities import PluginCapabilities

from pipe import batches, command, messages, metrics
from pipe.errors import ConfigurationError, PipeError, SkippableError
from pipe.mapper import PipeMapper, RecordHandler
from pipe.rejects import MAX_RATIO, MINIMUM, RejectLog, record_hash
from pipe.streams import CANONICAL, REJECTS
from transforms import drift, explain, preview, replay, sources
from transforms.columns_rules import NotColumnarError
from transforms.compile_rows import Retraction, RowMapper, Target, compile_row
from transforms.map_blocks import BlockMapper
from transforms.memory import FieldMemory
from transforms.reads import DELETED_AT
from transforms.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import msgspec
    import pyarrow as pa

    from pipe.blocks import Block
    from transforms.rules import Source, StreamRule

STAGE = "map-conversions"
Count = tuple[str, str, str]  # metric, source stream, canonical stream


class Step(NamedTuple):
    """One rule at work on a source stream."""

    map_row: RowMapper
    emit: Callable[[bytes], None]
    into: str
    mapped: Count
    filtered: Count
    retracted: Count

    def counted(self, row: bytes | None) -> Count:
        """What a record counts as that came to `row`."""
        if row is None:
            return self.filtered
        return self.retracted if row.__class__ is Retraction else self.mapped


class MapConversions(PipeMapper):
    """Maps raw streams by presets; what no preset matches passes byte for byte."""

    name = STAGE
    package_name = "growthnav-connectors"
    capabilities = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]  # noqa: RUF012
    config_jsonschema = SETTINGS

    def __init__(self, **arguments: Any) -> None:
        """Read the sources and compile nothing yet: a stream is compiled when its SCHEMA comes."""
        super().__init__(**arguments)
        self.tenant = str(self.config["tenant"])
        self.sources = sources.of_extractor(sources.read(self.config["sources"]), self.config.get("extractor"))
        self.rejects = RejectLog(
            STAGE,
            self.tenant,
            self.run_id,
            float(self.config.get("max_reject_ratio", MAX_RATIO)),
            int(self.config.get("min_rejects", MINIMUM)),
        )
        self.only = replay.read(self.config.get("only_rejected"))
        self.fetched: Counter[str] = Counter()
        self.counts: Counter[Count] = Counter()
        self.targets: list[Target] = []
        self._steps: dict[str, list[Step]] = {}
        self._sent_schemas: set[str] = set()
        self._matched: dict[str, Source] = {}
        self._keys: dict[str, list[str]] = {}
        self._kinds: dict[str, dict[str, str]] = {}
        self.stopped: dict[str, PipeError] = {}
        fields_file = self.config.get("fields_file")
        self.memory = FieldMemory(Path(fields_file) if fields_file else None)

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        """Compile the rules that match the stream, and announce the canonical streams they feed."""
        matches = self._rules_for(message.stream)
        if not matches:
            return [line]
        keep_raw = bool(self.config.get("keep_raw", False)) and self.only is None
        if keep_raw and message.stream in CANONICAL:
            raise ConfigurationError(
                "keep_raw cannot keep a source stream that has the name of a canonical one",
                stream=message.stream,
                remedy="Rename it in the tap, or set keep_raw: false",
            )
        lines = [line] if keep_raw else []
        self._matched[message.stream] = matches[0][0]
        self._keys[message.stream] = message.key_properties or []
        self._kinds[message.stream] = drift.kinds(message.schema)
        if message.stream in self.stopped:
            return []
        try:
            self._check_drift(message.stream, self._kinds[message.stream])
            self.handlers[message.stream] = self._handler(matches, message)
        except (drift.DriftError, ConfigurationError) as error:
            self._stop(message.stream, error)
            return []
        for _, rule in matches:
            lines += self._announce(rule.into.name)
        if self.only is not None:
            wanted = self.only.get(message.stream, frozenset())
            self.handlers[message.stream] = replay.only(
                self.handlers[message.stream], wanted, self._keys[message.stream]
            )
        elif self.in_batches:
            self._map_in_blocks(message)
        if keep_raw:
            self.passing.add(message.stream)
        return lines

    def on_batch(self, message: batches.BatchMessage, files: list[Path]) -> None:
        """Look at the columns of typed files before their records are mapped."""
        stream = message.stream
        if message.format == "jsonl" or stream in self.stopped:
            return
        try:
            for file in files:
                columns = batches.read_schema(file, message.format, stream)
                self._check_drift(stream, drift.kinds_of_file(columns, self._kinds[stream]))
        except drift.DriftError as error:
            self._stop(stream, error)

    def is_ours(self, stream: str) -> bool:
        """Whether a source matches the stream."""
        return bool(self._rules_for(stream))

    def on_reject(self, stream: str, record: msgspec.Raw, error: SkippableError) -> None:
        """Send a row to `rejects`, and fail when there are too many."""
        keys = self._keys[stream]
        if self.only is not None and record_hash(bytes(record), keys) not in self.only.get(stream, ()):
            return
        self.fetched[stream] += 1
        self.send(*self._announce(REJECTS.name))
        row = self.rejects.row(self._matched[stream].connector, stream, record, error, self.position, keys=keys)
        self.outlet(REJECTS.name)(row)
        if self.only is None:  # those of a replay were all rejected before
            self.rejects.check(stream, self.fetched[stream])

    def on_activate_version(self, stream: str, line: bytes) -> list[bytes]:
        """Versions belong to the raw stream: several sources share one canonical stream, which has none."""
        return [line] if not self._is_handled(stream) or stream in self.passing else []

    def at_end(self) -> None:
        """Log the counts: fetched = mapped + filtered + retracted + rejected, each counted on its own."""
        for stream, fetched in self.fetched.items():
            metrics.counter("fetched_count", fetched, stage=STAGE, stream=stream)
        for (metric, stream, into), count in sorted(self.counts.items()):
            metrics.counter(metric, count, stage=STAGE, stream=stream, into=into)
        self.rejects.report(sorted(self.rejects.counts))
        for target in self.targets:
            for field, count in sorted(target.bad_values.items()):
                metrics.counter("bad_value_count", count, stage=STAGE, stream=target.source_stream, field=field)
        for source in self.sources:
            if source not in self._matched.values():
                patterns = [name for rule in source.preset.streams for name in rule.match]
                self.logger.warning(
                    "source '%s' (preset %s) matched no stream; it looks for: %s",
                    source.connector,
                    source.preset.name,
                    ", ".join(patterns),
                )
        self.memory.save(self.stopped)
        drift.report(STAGE, self.stopped, self._matched)

    def _check_drift(self, stream: str, fields: dict[str, str]) -> None:
        rules = [rule for _, rule in self._rules_for(stream)]
        drift.check(self.memory.expecting(rules, stream), stream, fields)
        self.memory.take(rules, stream, fields)

    def _stop(self, stream: str, error: PipeError) -> None:
        """Load nothing more of a stream, and send no STATE on: a later run reads again what is left out here."""
        self.logger.error("%s", error)
        self.stopped[stream] = error
        self.withholding = True
        self.passing.discard(stream)
        self.handlers[stream] = lambda record: None
        self.block_handlers[stream] = lambda block: None

    def _handler(self, rules: list[tuple[Source, StreamRule]], message: messages.SchemaMessage) -> RecordHandler:
        """All of a source stream's rules as one handler: a record is mapped by every rule, or rejected."""
        stream, fetched, counts = message.stream, self.fetched, self.counts
        steps = self._steps[stream] = [self._step(source, rule, message) for source, rule in rules]

        def handle(record: msgspec.Raw) -> None:
            rows = [step.map_row(record) for step in steps]
            fetched[stream] += 1
            for row, step in zip(rows, steps, strict=True):
                counts[step.counted(row)] += 1
                if row is not None:
                    step.emit(row)

        if len(steps) > 1:
            return handle
        map_row, emit, counted = steps[0].map_row, steps[0].emit, steps[0].counted

        def handle_one(record: msgspec.Raw) -> None:
            row = map_row(record)
            fetched[stream] += 1
            counts[counted(row)] += 1
            if row is not None:
                emit(row)

        return handle_one

    def _map_in_blocks(self, message: messages.SchemaMessage) -> None:
        """Have the stream's records mapped a block at a time, unless a rule is for the row mapper alone."""
        stream, steps = message.stream, self._steps[message.stream]
        rules = list(zip(self.targets[-len(steps) :], (step.map_row for step in steps), strict=True))
        self.block_handlers.pop(stream, None)
        try:
            map_block = BlockMapper(
                rules, message.schema, self.engine, _Outcome(self, stream, steps), rows=self.batch_rows
            )
        except NotColumnarError:
            return

        def handle(block: Block) -> None:
            try:
                map_block(block)
            except PipeError:
                self._state = None  # it may cover records that did not leave
                self._let_go()
                raise

        self.block_handlers[stream] = handle
        del self.handlers[stream]

    @cached_property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """What the compiled queries run in."""
        from pipe import columnar

        connection = columnar.connect(self.outbox.directory, threads=1)  # the steps beside us are as busy
        connection.execute("SET arrow_large_buffer_size = false")  # blocks are small
        return connection

    def _step(self, source: Source, rule: StreamRule, message: messages.SchemaMessage) -> Step:
        target = Target(
            tenant=self.tenant,
            source=source,
            rule=rule,
            source_stream=message.stream,
            include_raw=bool(self.config.get("include_raw", False)),
            reject_bad_values=self.config.get("on_bad_value") == "reject",
        )
        self.targets.append(target)
        into = rule.into.name
        counts = [(metric, message.stream, into) for metric in ("mapped_count", "filtered_count", "retracted_count")]
        return Step(compile_row(target, message.schema), self.outlet(into), into, *counts)

    def _announce(self, name: str) -> list[bytes]:
        """The SCHEMA line of a canonical stream, before its first record."""
        if name in self._sent_schemas:
            return []
        self._sent_schemas.add(name)
        return [messages.encode(CANONICAL[name].schema_message())]

    def _rules_for(self, stream: str) -> list[tuple[Source, StreamRule]]:
        """The rules of the one source that matches the stream.

        Raises:
            ConfigurationError: two sources match it.
        """
        found: dict[int, list[tuple[Source, StreamRule]]] = {}
        for index, source in enumerate(self.sources):
            for rule in source.preset.streams:
                if rule.takes(stream):
                    found.setdefault(index, []).append((source, rule))
        if len(found) > 1:
            names = ", ".join(f"{pairs[0][0].connector} ({pairs[0][0].preset.name})" for pairs in found.values())
            raise ConfigurationError(
                f"more than one source matches it: {names}",
                stream=stream,
                remedy="Give each source a 'match' with the names of its own streams",
            )
        return next(iter(found.values()), [])

    def is_mapped(self, stream: str) -> bool:
        """Whether its SCHEMA has come, and a source matches it."""
        return stream in self._steps

    def map_once(self, stream: str, record: msgspec.Raw) -> list[tuple[str, bytes | None]]:
        """What a record becomes, by canonical stream, without counting or sending it."""
        return [(step.into, step.map_row(record)) for step in self._steps[stream]]

    def source_fields(self, stream: str) -> set[str]:
        """Source fields (lower case) that the stream's rules read."""
        return {root.lower() for _, rule in self._rules_for(stream) for root in rule.roots}

    # The command line.

    @classmethod
    def invoke(
        cls,
        *,
        check: str | None = None,
        preview_rows: int | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
        **arguments: Any,
    ) -> None:
        """Run the mapper, or explain (`--check`) or show (`--preview`) what it would do."""
        if check is not None:
            explain.print_sources(sources.read(explain.read_config(check).get("sources")))
        elif preview_rows is not None:
            mapper = cls(config=config.config, parse_env_config=config.parse_env)
            preview.run(mapper, preview_rows, file_input or sys.stdin)
        else:
            super().invoke(config=config, file_input=file_input, **arguments)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command with two more options."""
        result = super().get_singer_command()
        result.params.extend(
            [
                click.Option(
                    ["--check"], metavar="CONFIG", help="Explain where each field of a config would be taken from."
                ),
                click.Option(
                    ["--preview", "preview_rows"],
                    type=click.IntRange(min=1),
                    metavar="N",
                    help="Show the first N records a stream before and after, personal values masked.",
                ),
            ]
        )
        return result


class _Outcome:
    """Where the results of a stream's blocks go."""

    def __init__(self, mapper: MapConversions, stream: str, steps: list[Step]) -> None:
        self._mapper = mapper
        self._stream = stream
        self._steps = steps

    def fetched(self, count: int) -> None:
        """Count source records that were not rejected."""
        self._mapper.fetched[self._stream] += count

    def rejected(self, record: msgspec.Raw, position: int, error: SkippableError) -> None:
        """Tell of a record that was rejected."""
        at = self._mapper.position
        self._mapper.position = position
        self._mapper.on_reject(self._stream, record, error)
        self._mapper.position = at

    def mapped(self, rule: int, table: pa.Table, filtered: int) -> None:
        """Send what a rule made of some records."""
        step = self._steps[rule]
        retracted = len(table) - table.column(DELETED_AT).null_count if DELETED_AT in table.column_names else 0
        counts = {step.mapped: len(table) - retracted, step.retracted: retracted, step.filtered: filtered}
        self._mapper.counts += Counter(counts)
        if len(table):
            self._mapper.send(self._mapper.outbox.write_table(step.into, table))


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(MapConversions, dataframes=False)
