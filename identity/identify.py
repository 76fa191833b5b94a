"""From fragments to the keyed hashes they are known by, many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import plain
from identity.engine import ROWS, texts
from identity.fragments import CARD_NUMBER, CUSTOMER_ID, RECORD, Normaliser, UnusableError
from identity.hashing import DIGITS
from pipe.columnar import literal

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from identity.fragments import Rule
    from identity.hashing import Hasher

Way = Callable[["str | None", "str | None"], str]
"""(value, source system) -> hash; raises `UnusableError` with the reason why it identifies nobody."""


@dataclass
class Fragments:
    """The identifiers of a block's records, one entry each, in the order of the records."""

    records: NDArray[np.int64]
    """Number of the record in its block."""
    kinds: pa.Array
    values: pa.Array
    sources: pa.Array


class Identifiers:
    """The ways from a fragment to its hash."""

    def __init__(self, normaliser: Normaliser, hasher: Hasher, db: duckdb.DuckDBPyConnection) -> None:
        """Put values into normal form with one, hash them with the other; columns are worked on in `db`."""
        self.dropped: Counter[tuple[str, str]] = Counter()
        """Fragments that identify nobody, by type and reason."""
        self._db = db
        self._hasher = hasher
        rules = dict(normaliser.rules)
        self._customer = rules.pop(CUSTOMER_ID)
        self._customers: dict[str, Callable[[str], str]] = {}
        self._ways: dict[str, Way] = {kind: _way(rule, hasher.identifiers(kind)) for kind, rule in rules.items()}
        self._ways[CUSTOMER_ID] = self._customer_id
        self._plain = plain.hashed(normaliser, {kind: hasher.secret(kind) for kind in rules}, ROWS)

    @property
    def met_card_numbers(self) -> bool:
        """Whether a plain card number came where a fingerprint should be."""
        return any(reason == CARD_NUMBER for _, reason in self.dropped)

    def hashes(self, fragments: Fragments) -> pa.Array:
        """The hash of each fragment in hexadecimal; null where it identifies nobody, which is counted."""
        columns = {"kind": fragments.kinds, "value": fragments.values, "source": fragments.sources}
        given = f"SELECT place, kind, value, {self._secret(fragments)} AS secret FROM {ROWS}"  # noqa: S608  quoted texts
        hashes = texts(self._db, self._plain.replace(ROWS, f"({given})"), pa.table(columns))
        return self._with_odd(hashes, fragments) if hashes.null_count else hashes

    def of_records(self, keys: pa.Array) -> pa.Array:
        """The hash of each record's key."""
        secret = literal(self._hasher.secret(RECORD))
        query = f"SELECT place, left(sha256({secret} || key), {DIGITS}) AS text FROM {ROWS}"  # noqa: S608  quoted text
        return texts(self._db, query, pa.table({"key": keys}))

    def _secret(self, fragments: Fragments) -> str:
        """SQL for the secret of a fragment's source system; only customer ids have one."""
        names = pc.unique(fragments.sources.filter(pc.equal(fragments.kinds, CUSTOMER_ID))).to_pylist()
        cases = [
            f"WHEN {literal(name)} THEN {literal(self._hasher.secret(CUSTOMER_ID, name))}" for name in names if name
        ]
        return f"CASE source {' '.join(cases)} END" if cases else "NULL"

    def _with_odd(self, hashes: pa.Array, fragments: Fragments) -> pa.Array:
        """Find the hashes of fragments that are not plain, each distinct one once."""
        places = np.flatnonzero(hashes.is_null().to_numpy(zero_copy_only=False))
        chosen = pa.array(places)
        odd = zip(
            fragments.kinds.take(chosen).to_pylist(),
            fragments.values.take(chosen).to_pylist(),
            fragments.sources.take(chosen).to_pylist(),
            strict=True,
        )
        seen: dict[Any, tuple[str | None, str]] = {}
        mended = []
        for kind, value, source in odd:
            key = (kind, value, source if kind == CUSTOMER_ID else None)
            found = seen.get(key)
            if found is None:
                found = seen[key] = self._odd(kind, value, source)
            if found[0] is None:
                self.dropped[kind if kind in self._ways else "other", found[1]] += 1
            mended.append(found[0])
        return pc.replace_with_mask(hashes, hashes.is_null(), pa.array(mended, pa.string()))

    def _odd(self, kind: str | None, value: str | None, source: str | None) -> tuple[str | None, str]:
        way = self._ways.get(kind or "")
        try:
            return (None, "unknown_type") if way is None else (way(value, source), "")
        except UnusableError as error:
            return None, str(error)

    def _customer_id(self, value: str | None, source: str | None) -> str:
        if not source:
            raise UnusableError("no_source_system")
        digest = self._customers.get(source)
        if digest is None:
            digest = self._customers[source] = self._hasher.identifiers(CUSTOMER_ID, source)
        return digest(self._customer(value))


def _way(rule: Rule, digest: Callable[[str], str]) -> Way:
    return lambda value, _: digest(rule(value))
