"""Who is who by the plainest sequential program there is, one record after the other: what every block must equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from identity_pipe import KEY_OF, encode

from identity.fragments import CUSTOMER_ID, RECORD, Normaliser, UnusableError
from identity.hashing import Hasher

FRAGMENTS = pa.list_(
    pa.struct(
        [("type", pa.string()), ("value", pa.string()), ("source_system", pa.string()), ("confidence", pa.float64())]
    )
)
COLUMNS = pa.schema(
    [
        ("conversion_id", pa.string()),
        ("customer_id", pa.string()),
        ("transaction_id", pa.string()),
        ("value", pa.decimal128(38, 9)),
        ("identity_fragments", FRAGMENTS),
        ("global_customer_id", pa.string()),
    ]
)


@dataclass
class Model:
    """The people of one tenant, by number: 0 for the oldest."""

    hasher: Hasher
    normaliser: Normaliser = field(default_factory=Normaliser)
    count: int = 0
    owner: dict[str, int] = field(default_factory=dict)
    """Identifier -> the person it was first linked to."""
    parent: dict[int, int] = field(default_factory=dict)
    merges: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    """(retired, survivor at that time) -> (reason, record)."""
    sources: dict[str, str] = field(default_factory=dict)
    """Customer id -> its source system."""

    def resolve(self, rows: Iterable[dict[str, Any]]) -> list[tuple[str, int, list[str]]]:
        """Of each row its key, its person, and its identifiers."""
        return [self._resolve(row) for row in rows]

    def map(self) -> set[tuple[str, str, int, bool]]:
        """Of `identity_map` (source system, source key, person, whether it still holds)."""
        found = set()
        for digest, source in self.sources.items():
            person = self.owner[digest]
            while person in self.parent:
                found.add((source, digest, person, False))
                person = self.parent[person]
            found.add((source, digest, person, True))
        return found

    def _resolve(self, row: dict[str, Any]) -> tuple[str, int, list[str]]:
        kinds: dict[str, str] = {}
        for each in row["identity_fragments"]:
            if digest := self._digest(each):
                if digest not in kinds and each["type"] == CUSTOMER_ID:
                    self.sources[digest] = each["source_system"]
                kinds.setdefault(digest, each["type"])
        told = list(kinds)
        own = self.hasher.identifiers(RECORD)(row[KEY_OF])
        if not kinds or own in self.owner:
            kinds[own] = RECORD
        owners = {digest: self._living(self.owner[digest]) for digest in kinds if digest in self.owner}
        if not owners:
            person, self.count = self.count, self.count + 1
        else:
            person = min(owners.values())
            for retired in sorted(set(owners.values()) - {person}):
                reason = {kinds[digest] for digest, has in owners.items() if has in {person, retired}}
                self.parent[retired] = person
                self.merges[retired, person] = ", ".join(sorted(reason)), row[KEY_OF]
        for digest in kinds:
            self.owner.setdefault(digest, person)
        return row[KEY_OF], person, told

    def _digest(self, each: dict[str, Any]) -> str | None:
        kind, source = each["type"], each["source_system"]
        rule = self.normaliser.rules.get(kind)
        if rule is None or (kind == CUSTOMER_ID and not source):
            return None
        try:
            normal = rule(each["value"])
        except UnusableError:
            return None
        return self.hasher.identifiers(*((kind, source) if kind == CUSTOMER_ID else (kind,)))(normal)

    def _living(self, person: int) -> int:
        while person in self.parent:
            person = self.parent[person]
        return person


def batch(directory: Path, rows: list[dict[str, Any]], number: int, form: str) -> bytes:
    """A BATCH message for these conversions, with its file written."""
    path = directory / f"rows-{number}.{form}"
    if form == "jsonl":
        path.write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    else:
        columns = [pa.array([row[name] for row in rows], COLUMNS.field(name).type) for name in _PLAIN]
        values = pa.array([row["value"] for row in rows]).cast(COLUMNS.field("value").type)
        table = pa.table(dict(zip(_PLAIN, columns, strict=True)) | {"value": values}).select(COLUMNS.names)
        if form == "parquet":
            pq.write_table(table, path)
        else:
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table)
    return encode({"type": "BATCH", "stream": "conversions", "encoding": {"format": form}, "manifest": [path.as_uri()]})


_PLAIN = [name for name in COLUMNS.names if name != "value"]
