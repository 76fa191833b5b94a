"""`tap-identity`: people reconciled from the tenant's warehouse and store, as Singer streams."""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from singer_sdk import Stream, Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from identity.hashing import Hasher
from identity.keys import tenant_key
from identity.reconcile import restore, settings
from identity.reconcile.forget import leave_out
from identity.reconcile.ledger import Ledger
from identity.reconcile.tell import STREAMS, Teller
from identity.reconcile.warehouse import DELETED, opened, stage, stage_saved
from identity.reconcile.work import Job, reconcile
from identity.store import Store
from identity.store_file import Hold
from pipe import columnar, command, messages, metrics
from pipe.errors import DataError
from pipe.mapper import RUN_ID_VARIABLE
from pipe.outbox import Outbox
from pipe.pump import BlockWriter
from pipe.settings import StrictSettings
from pipe.streams import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb
    import pyarrow as pa

    from identity.linking import Linked
    from pipe.streams import Stream as Canonical

logger = logging.getLogger(__name__)

BOOKMARK = "identity"


class IdentityStream(Stream):
    """One of the streams, for the catalog; `TapIdentity.sync_all` does the work for all of them at once."""

    def __init__(self, tap: Tap, canonical: Canonical) -> None:
        """Describe `canonical`."""
        super().__init__(tap=tap, name=canonical.name, schema=canonical.json_schema())
        self.primary_keys = [canonical.key]

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Not used."""
        raise AssertionError("all streams come from one reconcile")


class TapIdentity(StrictSettings, Tap):
    """Finds people in everything a tenant has, keeps their ids, and says what changed and why."""

    name = "tap-identity"
    package_name = "growthnav-connectors"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    capabilities: ClassVar[list[Any]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's own settings: they belong to the capabilities that are not offered."""

    def discover_streams(self) -> list[IdentityStream]:
        """The four streams."""
        return [IdentityStream(self, stream) for stream in STREAMS]

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state of the last run.

        Raises:
            DataError: it is not one of this tap.
        """
        mark = state.get("bookmarks", {}).get(BOOKMARK, {}) if isinstance(state, dict) else None
        if not isinstance(mark, dict) or not all(isinstance(value, int) for value in mark.values()):
            raise DataError(
                "the state cannot be used: its bookmark is not one of this tap",
                remedy="Restore the state of the last good run, or run once without it (--full-refresh)",
            )
        self._since = mark
        super().load_state(state)

    def sync_all(self) -> None:  # type: ignore[misc]  # marked final, yet streams of one piece of work need it
        """Reconcile, commit, then send what is new since the last run, then STATE."""
        chosen = settings.read(self.config)
        self._out = BlockWriter()
        self._outbox = Outbox(chosen.batch_directory) if chosen.in_batches else None
        if self._outbox:
            self._outbox.hold(clear=True)
        run_id = os.environ.get(RUN_ID_VARIABLE, "")
        selected = {stream.name for stream in self.streams.values() if stream.selected}
        self._selected = [stream for stream in STREAMS if stream.name in selected]
        with work_space(chosen) as db, open_ledger(chosen) as (ledger, hasher):
            with opened(db, chosen.warehouse) as source:
                stage(db, source)
                if not ledger.last():
                    stage_saved(db, source)
                    if restore.is_needed(db, ledger):
                        logger.warning("the identity store was empty; it is made again from the warehouse")
                        restore.restore(db, ledger, run_id)
            leave_out(db, ledger, hasher)
            # Not a line before this: with the first one the target opens the warehouse, and then nobody else can.
            self._lines(messages.encode(stream.schema_message()) for stream in self._selected)
            teller = Teller(ledger, hasher, chosen.tenant, self._emit)
            since = teller.known(getattr(self, "_since", {}))
            behind = since.get("reconcile", 0) != ledger.last()
            again = chosen.force or behind
            job = Job(chosen.tenant, run_id, chosen.linking, chosen.large_person, again, chosen.incremental)
            linked = reconcile(db, ledger, hasher, job)
            ledger.store.commit()
            teller.tell(db, since, chosen.personal_data)
            self._lines([messages.encode({"type": "STATE", "value": {"bookmarks": {BOOKMARK: teller.bookmark()}}})])
            self._report(linked)

    def _emit(self, stream: Canonical, table: pa.Table) -> None:
        if stream not in self._selected:
            return
        metrics.counter("record_count", len(table), stream=stream.name)
        if DELETED in table.column_names:
            message = stream.schema_message()
            message["schema"]["properties"][DELETED] = Kind.TIMESTAMP.value.json_schema
            self._lines([messages.encode(message)])
        if self._outbox:
            self._lines([self._outbox.write_table(stream.name, table)])
            return
        head, tail = messages.record_frame(stream.name)
        rows = columnar.encoded(table, stream.json_schema()["properties"])
        self._out.write(head + (tail + head).join(rows) + tail)

    def _lines(self, lines: Iterable[bytes]) -> None:
        self._out.write(b"".join(line + b"\n" for line in lines))

    def _report(self, linked: Linked | None) -> None:
        if linked is None:
            logger.info("nothing has changed since the last reconcile")
            return
        report = linked.report
        logger.info(
            "%s: %d units, %d people, %d links (%s)",
            report.method, report.records, report.people, report.links, report.reason,
        )  # fmt: skip
        if report.scope:
            logger.info("linked: %s", report.scope)
        if report.prior is not None:
            logger.info("model %s: %.0f expected matches", report.model_version, report.expected_matches)
        for session in report.sessions:
            logger.info("trained %s: %s %s", session.name, session.outcome, session.reason)
        if report.untrained_levels:
            logger.info("as shipped: %s", "; ".join(report.untrained_levels))
        for warning in report.warnings:
            logger.warning("%s", warning)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Our own check in place of the SDK's: it quotes no value and finds unknown names."""
        found = super()._validate_config(raise_errors=raise_errors)
        if raise_errors:
            settings.read(self.config)
        return found


@contextmanager
def work_space(chosen: settings.Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the work, which leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="growthnav-identity-") as temporary:
        db = columnar.connect(Path(temporary), chosen.memory_limit)
        try:
            yield db
        finally:
            db.close()


@contextmanager
def open_ledger(chosen: settings.Settings) -> Iterator[tuple[Ledger, Hasher]]:
    """The tenant's store, held against other runs.

    Raises:
        RetriableError: another run holds it.
        ConfigurationError, DataError: it is not ours to open, or damaged.
    """
    hold = Hold(chosen.store)
    try:
        hasher = Hasher(tenant_key(chosen.key, chosen.store, chosen.key_file))
        store = Store(chosen.store, chosen.tenant, hasher, durable=chosen.durable)
        try:
            yield Ledger(store, hasher.secret("person")), hasher
        finally:
            store.close()
    finally:
        hold.release()


def main() -> NoReturn:
    """Run `tap-identity`."""
    command.plugin(TapIdentity)
