"""Why persons were merged or split, in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from pipe.columnar import fetch

if TYPE_CHECKING:
    from identity.reconcile.changes import Context
    from identity.reconcile.ledger import Numbers

_BRIDGES: Final = """
SELECT l.person AS left_person, r.person AS right_person, l."group" AS "group", edges.*
FROM edges JOIN whose AS l ON l.key = edges."left" JOIN whose AS r ON r.key = edges."right"
WHERE l.person <> r.person AND l."group" = r."group"
ORDER BY coalesce(match_weight, 1e9) DESC, edges."left", edges."right"
"""
_PARTED: Final = """
WITH had AS (SELECT DISTINCT person, "group", kind, hash FROM fragment JOIN whose USING (place) WHERE person > 0),
spread AS (SELECT person, kind, hash FROM had GROUP BY ALL HAVING count(*) > 1)
SELECT DISTINCT person, "group", kind, blocked.hash IS NOT NULL AS blocked
FROM had JOIN spread USING (person, kind, hash) LEFT JOIN blocked USING (kind, hash)
"""
_DECIDED: Final = """
SELECT a.person, a."group", b."group" AS other FROM unlinked JOIN whose AS a ON a.key = unlinked."left"
JOIN whose AS b ON b.key = unlinked."right" WHERE a.person = b.person AND a."group" <> b."group"
"""


@dataclass(frozen=True)
class Reason:
    """Of one merge or split."""

    text: str
    rule: str
    weight: float | None = None
    model: str | None = None
    record: str = ""


class Reasons:
    """Looks up what links joined two persons, and what kept two groups apart."""

    def __init__(self, context: Context, groups: Numbers, previous: Numbers) -> None:
        """Prepare; nothing is read unless something is asked.

        Args:
            context: of the reconcile.
            groups: of each record.
            previous: living person each record had.
        """
        self._context = context
        keys = fetch(context.db, "SELECT place, key FROM record ORDER BY place")
        whose = keys.append_column("person", pa.array(previous)).append_column("group", pa.array(groups))
        context.db.register("whose", whose)

    @cached_property
    def _bridges(self) -> dict[tuple[int, int], Reason]:
        """The strongest link of each person's records to somebody else's in each group."""
        db, linked = self._context.db, self._context.linked
        db.register("edges", linked.edges)
        rows = fetch(db, _BRIDGES).to_pylist()
        db.unregister("edges")
        found: dict[tuple[int, int], Reason] = {}
        for row in rows:
            for person, record in ((row["left_person"], row["left"]), (row["right_person"], row["right"])):
                found.setdefault((person, row["group"]), _of_edge(row, record, linked.report.model_version))
        return found

    @cached_property
    def _parted(self) -> dict[tuple[int, int], set[tuple[str, bool]]]:
        """What the parts of each person have in common: type of identifier, whether it is blocked."""
        found: dict[tuple[int, int], set[tuple[str, bool]]] = {}
        for row in fetch(self._context.db, _PARTED).to_pylist():
            found.setdefault((row["person"], row["group"]), set()).add((row["kind"], row["blocked"]))
        return found

    @cached_property
    def _decided(self) -> set[tuple[int, int]]:
        """The parts that a person took out of another."""
        pairs = [(each.left, each.right) for each in self._context.ledger.decisions() if each.decision == "unlink"]
        if not pairs:
            return set()
        left, right = (pa.array(side) for side in zip(*pairs, strict=True))
        self._context.db.register("unlinked", pa.table({"left": left, "right": right}))
        rows = fetch(self._context.db, _DECIDED).to_pylist()
        self._context.db.unregister("unlinked")
        return {(row["person"], row[side]) for row in rows for side in ("group", "other")}

    def of_merge(self, retired: int, group: int) -> Reason:
        """Why the records of `retired` are in `group`: the strongest link to somebody else's there."""
        return self._bridges.get((retired, group), Reason("the records are linked through others", "model"))

    def of_split(self, before: int, group: int) -> Reason:
        """Why `group` is no longer `before`."""
        if (before, group) in self._decided:
            return Reason("manual unlink", "manual")
        shared = self._parted.get((before, group), set())
        if blocked := sorted(kind for kind, is_blocked in shared if is_blocked):
            return Reason(f"shared by many: {', '.join(blocked)}", "blocked")
        kinds = ", ".join(sorted(kind for kind, _ in shared))
        text = f"in common, but too little else: {kinds}" if kinds else "nothing in common"
        return Reason(text, "model", model=self._context.linked.report.model_version)


def _of_edge(row: dict[str, object], record: str, model: str) -> Reason:
    if row["kind"] == "manual":
        return Reason("manual link", "manual", record=record)
    if row["kind"] != "model":
        return Reason(str(row["rule"]), "deterministic", record=record)
    names = sorted(
        name.removeprefix("mw_")
        for name, weight in row.items()
        if name.startswith("mw_") and isinstance(weight, float) and weight > 0
    )
    weight = row["match_weight"]
    assert isinstance(weight, float)  # noqa: S101
    return Reason(", ".join(names), "model", weight, model, record)
