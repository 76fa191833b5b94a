"""`resolve-identity`: the Singer mapper that tells which person each record is about."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from singer_sdk.helpers.capabilities import PluginCapabilities

from identity import columns, settings
from identity.columns import TableRows
from identity.fragments import Normaliser
from identity.hashing import Hasher
from identity.identify import Fragments, Identifiers
from identity.keys import tenant_key
from identity.lineage import Lineage
from identity.links import find_links
from identity.people import People
from identity.records import FRAGMENTS, PERSON, TENANT, Codec
from identity.rows import RecordRows, mended
from identity.store import Store
from identity.store_file import Hold
from pipe import batches, columnar, command, memory, messages, metrics
from pipe.blocks import Block, BlockHandler
from pipe.errors import DataError, SkippableError
from pipe.mapper import PipeMapper
from pipe.rejects import RejectLog
from pipe.streams import CANONICAL, CONVERSIONS, CUSTOMER_PROFILES, IDENTITY_MAP, IDENTITY_MERGES, REJECTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipe.streams import Stream

STAGE = "resolve-identity"
STREAMS = {stream.name: stream for stream in (CONVERSIONS, CUSTOMER_PROFILES)}
FATAL_RULES = {
    "key": "Records without their key cannot be stored or told apart: mend the step before this one",
    "tenant": "The steps of one pipe must all work for the same tenant: compare their settings 'tenant'",
}
"""Rules whose breach is not the fault of one record; with what to do about it."""


class ResolveIdentity(PipeMapper):
    """Adds `global_customer_id` to conversions and customer profiles; other streams pass byte for byte."""

    name = STAGE
    package_name = "growthnav-connectors"
    capabilities = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]  # noqa: RUF012
    config_jsonschema = settings.SCHEMA
    flush_bytes: ClassVar[int] = 6 << 20  # a commit every 8,000 records or so: a look-up costs the same for one

    def __init__(self, **arguments: Any) -> None:
        """Take hold of the tenant's store and read it."""
        super().__init__(**arguments)
        pa.set_memory_pool(pa.system_memory_pool())  # gives back what a block needed; the default one keeps it
        self._open = ExitStack()
        with ExitStack() as opening:  # what is open is closed again when the rest fails
            self._start(self.settings, opening)
            self._open = opening.pop_all()

    def _start(self, chosen: settings.Settings, opening: ExitStack) -> None:
        opening.callback(Hold(chosen.store).release)
        self.hasher = Hasher(tenant_key(chosen.key, chosen.store, chosen.key_file))
        self.store = Store(chosen.store, chosen.tenant, self.hasher, durable=chosen.durable)
        opening.callback(self.store.close)
        normaliser = Normaliser(chosen.region, gmail_dots=chosen.gmail_dots, placeholders=chosen.placeholders)
        self.identifiers = Identifiers(normaliser, self.hasher, self.store.db)
        lineage = Lineage(chosen.tenant, self.store, self._send_table)
        self.people = People(self.store, lineage, run_id=self.run_id)
        self._warned = False
        self.rejects = RejectLog(STAGE, chosen.tenant, self.run_id)
        self.records: Counter[str] = Counter()
        self._sent_schemas: set[str] = set()

    def is_ours(self, stream: str) -> bool:
        """The canonical streams with people in them."""
        return stream in STREAMS

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        """Prepare for a canonical stream; a stream of that name without fragments is somebody else's and passes."""
        stream, properties = STREAMS.get(message.stream), message.schema.get("properties") or {}
        if stream is None or FRAGMENTS not in properties:
            self.block_handlers.pop(message.stream, None)
            return [line]
        if stream.key not in properties:
            raise DataError(
                "the SCHEMA declares identity fragments but not the key",
                stream=stream.name,
                field=stream.key,
                remedy="Let map-conversions make the canonical streams, or send their keys as it does",
            )
        codec = Codec(stream, properties, self.settings.personal_data, self.hasher.field)
        self.block_handlers[stream.name] = self._work(stream, codec)
        if PERSON not in properties:
            properties[PERSON] = {"type": ["string", "null"]}
            line = messages.encode(message)
        return [line, *self._announce(IDENTITY_MAP.name), *self._announce(IDENTITY_MERGES.name)]

    def on_reject(self, stream: str, record: msgspec.Raw, error: SkippableError) -> None:
        """Send a row to `rejects`, and fail when there are too many, or when it is not the record that is wrong."""
        if remedy := FATAL_RULES.get(error.rule):
            raise DataError(
                f"the record in line {self.position} {error.problem}", stream=stream, field=error.field, remedy=remedy
            )
        self.records[stream] += 1
        self.send(*self._announce(REJECTS.name))
        self.outlet(REJECTS.name)(self.rejects.row("", stream, record, error, self.position))
        self.rejects.check(stream, self.records[stream])

    def on_activate_version(self, stream: str, line: bytes) -> list[bytes]:
        """Records leave without a version (the canonical streams have none), so none is activated."""
        return [] if stream in self.block_handlers else [line]

    def before_write(self) -> None:
        """Commit: no id leaves before the store knows it for good."""
        self.store.commit()
        self.people.tick()
        memory.give_back()

    def at_end(self) -> None:
        """Log the counts."""
        for stream, count in sorted(self.records.items()):
            metrics.counter("resolved_count", count - self.rejects.counts[stream], stage=STAGE, stream=stream)
        self.rejects.report(sorted(self.records))
        metrics.counter("minted_count", self.people.minted, stage=STAGE)
        metrics.counter("merge_count", self.people.merged, stage=STAGE)
        metrics.counter("repeated_merge_count", self.people.repeated, stage=STAGE)
        for (kind, reason), count in sorted(self.identifiers.dropped.items()):
            metrics.counter("dropped_fragment_count", count, stage=STAGE, type=kind, reason=reason)

    def process_endofpipe(self) -> None:
        """Let go of the rest, then of the store."""
        try:
            super().process_endofpipe()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the store."""
        self._open.close()

    def _work(self, stream: Stream, codec: Codec) -> BlockHandler:
        """What is done with a block of a stream."""

        def work(block: Block) -> None:
            if block.format == "jsonl":
                self._work_on_records(stream, codec, block)
                return
            for file in block.files:
                table = batches.read_table(file, block.format, stream.name)
                if columns.is_canonical(table, stream):
                    self._work_on_table(stream, table)
                else:
                    rows = map(msgspec.Raw, columnar.encoded(table, stream.json_schema()["properties"]))
                    self._work_on_records(stream, codec, Block(stream.name, [*rows], [block.position] * len(table)))

        return work

    def _work_on_records(self, stream: Stream, codec: Codec, block: Block) -> None:
        def reject(record: msgspec.Raw, position: int, error: SkippableError) -> None:
            self.position = position
            self.on_reject(stream.name, record, error)

        rows = RecordRows(codec, reject)
        for record, position in block.lines():
            try:
                links = mended(codec.links, record)
                self._check(stream, links.key, links.tenant)
            except SkippableError as error:
                reject(record, position, error)
                continue
            if codec.is_retraction(links):
                rows.let_pass(record)
            else:
                rows.add(record, position, links)
                self.records[stream.name] += 1
        emit = self.outlet(stream.name)
        for row in rows.resolved(*self._resolve(rows)):
            emit(row)

    def _work_on_table(self, stream: Stream, table: pa.Table) -> None:
        tenants = pc.unique(table.column(TENANT)).to_pylist() if TENANT in table.column_names else []
        stranger = next((tenant for tenant in tenants if tenant and tenant != self.settings.tenant), None)
        lacking = pc.any(pc.equal(pc.fill_null(table.column(stream.key), ""), "")).as_py()
        try:
            self._check(stream, None if lacking else "key", stranger)
        except SkippableError as error:
            self.on_reject(stream.name, msgspec.Raw(b"{}"), error)
        passing = columns.retractions(table)
        people = table if passing is None else table.filter(pc.invert(passing))
        rows = TableRows(stream, people, self.settings.personal_data, self.hasher.field)
        self.records[stream.name] += len(people)
        resolved = rows.resolved(*self._resolve(rows))
        self._send_table(stream, resolved if passing is None else columns.put_back(resolved, table, passing))

    def _resolve(self, rows: RecordRows | TableRows) -> tuple[pa.Array, NDArray[np.bool_], pa.Array]:
        """Hash of each fragment, which of them are kept, and the person of each record."""
        fragments = rows.fragments()
        with self.store.guard():
            hashes = self.identifiers.hashes(fragments)
        if self.identifiers.met_card_numbers and not self._warned:
            self._warned = True
            self.logger.warning(
                "hashed_cc holds plain card numbers; they were dropped, but should never leave the source: "
                "let it send a fingerprint or token"
            )
        if not self.people.held.forgotten:
            return hashes, *self._find(rows.keys, fragments, hashes)
        with self.store.guard():
            erased = self.people.held.erased(self.identifiers.of_records(rows.keys), rows.updated)
        told = ~erased[fragments.records]
        chosen = pa.array(np.flatnonzero(told))
        number = np.cumsum(~erased) - 1
        fewer = Fragments(
            number[fragments.records[told]],
            *(part.take(chosen) for part in (fragments.kinds, fragments.values, fragments.sources)),
        )
        kept = np.zeros(len(told), np.bool_)
        kept[told], found = self._find(rows.keys.filter(pa.array(~erased)), fewer, hashes.take(chosen))
        places = pa.array(np.where(erased, 0, number), mask=erased)
        return hashes, kept, found.take(places) if len(found) else pa.nulls(len(erased), pa.string())

    def _find(self, keys: pa.Array, fragments: Fragments, hashes: pa.Array) -> tuple[NDArray[np.bool_], pa.Array]:
        """Which fragments are kept, and the person of each record."""
        with self.store.guard():
            links, kept = find_links(keys, fragments, hashes, self.identifiers, self.people)
        return kept, self.people.resolve(links)

    def _check(self, stream: Stream, key: str | None, tenant: str | None) -> None:
        if not key:
            raise SkippableError("has no key", rule="key", field=stream.key)
        if tenant and tenant != self.settings.tenant:
            raise SkippableError("belongs to another tenant", rule="tenant", field=TENANT)

    def _send_table(self, stream: Stream, table: pa.Table) -> None:
        if self.in_batches:
            self.send(self.outbox.write_table(stream.name, table))
        else:
            emit = self.outlet(stream.name)
            for row in columnar.encoded(table, stream.json_schema()["properties"]):
                emit(row)

    def _announce(self, name: str) -> list[bytes]:
        """The SCHEMA line of a stream of ours, before its first record."""
        if name in self._sent_schemas:
            return []
        self._sent_schemas.add(name)
        return [messages.encode(CANONICAL[name].schema_message())]

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Our own check in place of the SDK's: it quotes no value and finds unknown names."""
        self.settings = settings.read(self._config)
        return []


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(ResolveIdentity, dataframes=False)
