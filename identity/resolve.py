"""`resolve-identity`: the Singer mapper that tells which person each record is about."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from singer_sdk.helpers.capabilities import PluginCapabilities

from identity import settings
from identity.fragments import CARD_NUMBER, KINDS, RECORD, Normaliser, UnusableError
from identity.hashing import Hasher, make_key, read_key, uid_text
from identity.identify import Identifiers, unknown
from identity.lineage import Lineage
from identity.people import People
from identity.records import FRAGMENTS, PERSON, TENANT, Codec, Fragment
from identity.store import Store
from identity.store_file import Hold
from pipe import command, messages, metrics
from pipe.errors import DataError, SkippableError
from pipe.mapper import PipeMapper, RecordHandler
from pipe.rejects import RejectLog
from pipe.streams import CANONICAL, CONVERSIONS, CUSTOMER_PROFILES, IDENTITY_MAP, IDENTITY_MERGES, REJECTS

if TYPE_CHECKING:
    import msgspec

STAGE = "resolve-identity"
STREAMS = {stream.name: stream for stream in (CONVERSIONS, CUSTOMER_PROFILES)}
FATAL_RULES = {
    "key": "Records without their key cannot be stored or told apart: mend the step before this one",
    "tenant": "The steps of one pipe must all work for the same tenant: compare their settings 'tenant'",
}
"""Rules whose breach is not the fault of one record; with what to do about it."""

ANONYMOUS = Fragment(RECORD)
"""Stands for the key of a record, where that is all there is to know it by."""


class ResolveIdentity(PipeMapper):
    """Adds `global_customer_id` to conversions and customer profiles; other streams pass byte for byte."""

    name = STAGE
    package_name = "growthnav-connectors"
    capabilities = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]  # noqa: RUF012
    config_jsonschema = settings.SCHEMA
    flush_bytes: ClassVar[int] = 1 << 21  # a commit every 2,000 records or so: few enough, and the buffer stays small

    def __init__(self, **arguments: Any) -> None:
        """Take hold of the tenant's store and read it."""
        super().__init__(**arguments)
        self._open = ExitStack()
        with ExitStack() as opening:  # what is open is closed again when the rest fails
            self._start(self.settings, opening)
            self._open = opening.pop_all()

    def _start(self, chosen: settings.Settings, opening: ExitStack) -> None:
        opening.callback(Hold(chosen.store).release)
        self.hasher = Hasher(_key(chosen))
        self.hashes = Identifiers(
            Normaliser(chosen.region, gmail_dots=chosen.gmail_dots, placeholders=chosen.placeholders), self.hasher
        )
        self.store = Store(
            chosen.store, chosen.tenant, self.hasher.key_id, durable=chosen.durable, indexed=chosen.low_memory
        )
        opening.callback(self.store.close)
        self.lineage = Lineage(
            chosen.tenant,
            self.store,
            self.store.uids(),
            self.outlet(IDENTITY_MAP.name),
            self.outlet(IDENTITY_MERGES.name),
        )
        self.people = People(self.store, self.hasher, self.lineage, run_id=self.run_id, low_memory=chosen.low_memory)
        self.rejects = RejectLog(STAGE, chosen.tenant, self.run_id)
        self.records: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self._sent_schemas: set[str] = set()

    def is_ours(self, stream: str) -> bool:
        """The canonical streams with people in them."""
        return stream in STREAMS

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        """Prepare for a canonical stream; a stream of that name without fragments is somebody else's and passes."""
        stream, properties = STREAMS.get(message.stream), message.schema.get("properties") or {}
        if stream is None or FRAGMENTS not in properties:
            self.handlers.pop(message.stream, None)
            return [line]
        if stream.key not in properties:
            raise DataError(
                "the SCHEMA declares identity fragments but not the key",
                stream=stream.name,
                field=stream.key,
                remedy="Let map-conversions make the canonical streams, or send their keys as it does",
            )
        codec = Codec(stream, properties, self.settings.personal_data, self.hasher.field)
        self.handlers[stream.name] = self._handler(stream.name, codec)
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
        return [] if stream in self.handlers else [line]

    def before_write(self) -> None:
        """Commit: no id leaves before the store knows it for good."""
        self.store.commit()
        self.people.tick()

    def at_end(self) -> None:
        """Log the counts."""
        for stream, count in sorted(self.records.items()):
            metrics.counter("resolved_count", count - self.rejects.counts[stream], stage=STAGE, stream=stream)
            metrics.counter("reject_count", self.rejects.counts[stream], stage=STAGE, stream=stream)
        metrics.counter("minted_count", self.people.minted, stage=STAGE)
        metrics.counter("merge_count", self.people.merged, stage=STAGE)
        metrics.counter("repeated_merge_count", self.people.repeated, stage=STAGE)
        for (kind, reason), count in sorted(self.dropped.items()):
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

    def _handler(self, stream: str, codec: Codec) -> RecordHandler:
        """What is done with one record of a stream."""
        decode, encode, emit = codec.decode, codec.encode, self.outlet(stream)
        ways, record_hash, drop, tenant = self.hashes.by_type, self.hashes.record, self._drop, self.settings.tenant
        people, assign, uids, records = self.people, self.people.assign, self.lineage.uids, self.records

        def handle(raw: msgspec.Raw) -> None:
            record = decode(raw)
            key = record.key
            if not key:
                raise SkippableError("has no key", rule="key", field=STREAMS[stream].key)
            if record.tenant != tenant and record.tenant:
                raise SkippableError("belongs to another tenant", rule="tenant", field=TENANT)
            records[stream] += 1
            digests: list[bytes] = []
            kept: list[Fragment] = []
            for fragment in record.fragments or ():
                try:
                    digest = ways.get(fragment.type, unknown)(fragment)
                except UnusableError as error:
                    drop(fragment.type, str(error))
                    continue
                if digest not in digests:
                    fragment.value = digest.hex()
                    digests.append(digest)
                    kept.append(fragment)
            if record.fragments:
                record.fragments = kept
            # A record without fragments is known by its key. When it comes again with some, the two persons merge;
            # when it loses them it becomes somebody new, because the keys of other records are not kept.
            if not digests:
                person = assign((record_hash(key),), (ANONYMOUS,), key)
            elif people.has_records and people.knows(known := record_hash(key)):
                person = assign((*digests, known), (*kept, ANONYMOUS), key)
            else:
                person = assign(digests, kept, key)
            record.person = uid_text(uids, person)
            emit(encode(record))

        return handle

    def _drop(self, kind: str, reason: str) -> None:
        if reason == CARD_NUMBER and not any(reason == CARD_NUMBER for _, reason in self.dropped):
            self.logger.warning(
                "hashed_cc holds plain card numbers; they were dropped, but should never leave the source: "
                "let it send a fingerprint or token"
            )
        self.dropped[kind if kind in KINDS else "other", reason] += 1

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


def _key(chosen: settings.Settings) -> bytes:
    """The tenant's secret key; a new one only for a new store."""
    if chosen.key is not None:
        return chosen.key
    if chosen.store.exists() or chosen.key_file.exists():
        return read_key(chosen.key_file)
    return make_key(chosen.key_file)


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(ResolveIdentity)
