"""What linking remembers of its base: the records that were all compared with each other, once.

Later records are compared with them by the same model, so that the base need not be scored again. It still holds as
long as its normal forms and everything that scoring follows from are equal: the fingerprint says so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from identity.linking.model import Model, text_of
from identity.linking.prepare import COLUMNS, PERSON
from identity.linking.result import EDGES, RECORD_ID

if TYPE_CHECKING:
    import duckdb

    from identity.linking.settings import LinkSettings

VOTE: Final = "vote"
PAIRS: Final = EDGES.append(pa.field(VOTE, pa.float64()))
"""Pairs that speak for one person (`kind` is `model`, then `mw_NAME` of the comparisons) or against (`veto`); `vote` is
what they weigh when people are found, in bits."""

VETO: Final = "veto"

SHARE: Final = 0.1
"""New records, over those of the base, above which everything is linked anew: the model should know them, too."""

_PROGRAMS: Final = ("splink", "duckdb", "growthnav-connectors")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a base."""

    fingerprint: str
    model: Model
    """Fitted to it."""
    prior: float
    limits: list[int]
    """Of each blocking rule: how many records may share a key and still meet; 0 where nobody does."""
    pairs: pa.Table
    """As `PAIRS`."""

    def figures(self) -> str:
        """All but the pairs, as JSON; nothing of a record is in it."""
        model = {**asdict(self.model), "broad": sorted(self.model.broad)}
        return json.dumps(
            {"fingerprint": self.fingerprint, "model": model, "prior": self.prior.hex(), "limits": self.limits}
        )

    @classmethod
    def of(cls, figures: str, pairs: pa.Table) -> Known:
        """What `figures` gave, with the pairs."""
        data: dict[str, Any] = json.loads(figures)
        model = {**data["model"], "broad": frozenset(data["model"]["broad"])}
        vetoes = {name: (when, unless) for name, (when, unless) in model["vetoes"].items()}
        return cls(
            fingerprint=data["fingerprint"],
            model=Model(**{**model, "vetoes": vetoes}),
            prior=float.fromhex(data["prior"]),
            limits=data["limits"],
            pairs=pairs,
        )


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What linking is told of the last time."""

    base: pa.Array | None = None
    """Ids of records; the others are new. None: there is no base, so all records become one."""
    known: Known | None = None
    """What is known of the base; None: it is found out again, and comes out the same."""


def fingerprint(db: duckdb.DuckDBPyConnection, settings: LinkSettings) -> str:
    """A digest of the table `person` and of everything else that scores of its pairs follow from."""
    row = f"hash({RECORD_ID}, {', '.join(COLUMNS)})"
    records = db.execute(f"SELECT count(*), bit_xor({row}), sum({row} // 2) FROM {PERSON}").fetchall()[0]  # noqa: S608
    chosen = {name: str(value) for name, value in asdict(settings).items() if name != "hash_key"}
    programs = [version(name) for name in _PROGRAMS]
    text = json.dumps([[str(one) for one in records], chosen, programs, text_of(settings.model)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
