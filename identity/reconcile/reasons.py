"""Why persons were merged or split, in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
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
SELECT DISTINCT a.person, b."group", f.kind, blocked.hash IS NOT NULL AS blocked
FROM fragment AS f LEFT JOIN blocked USING (kind, hash) JOIN whose AS a ON a.place = f.place JOIN fragment AS g ON g.kind = f.kind AND g.hash = f.hash
JOIN whose AS b ON b.place = g.place AND b.person = a.person AND b."group" <> a."group"
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
        self._groups = groups
        self._previous = previous
        self._bridges: dict[tuple[int, int], Reason] | None = None
        self._apart: dict[int, Reason] | None = None

    def of_merge(self, retired: int, group: int) -> Reason:
        """Why the records of `retired` are in `group`: the strongest link to somebody else's there."""
        if self._bridges is None:
            self._bridges = self._read_bridges()
        return self._bridges.get((retired, group), Reason("the records are linked through others", "model"))

    def of_split(self, before: int, group: int) -> Reason:
        """Why `group` is no longer `before`."""
        decided = {(each.left, each.right) for each in self._context.ledger.decisions() if each.decision == "unlink"}
        if decided and self._is_parted(decided, before, group):
            return Reason("manual unlink", "manual")
        shared = self._shared(before, group)
        if any(blocked for _, blocked in shared):
            return Reason(
                f"shared by many: {', '.join(sorted(kind for kind, is_blocked in shared if is_blocked))}", "blocked"
            )
        text = (
            f"in common, but too little else: {', '.join(sorted(kind for kind, _ in shared))}"
            if shared
            else "nothing in common"
        )
        return Reason(text, "model", model=self._context.linked.report.model_version)

    def _read_bridges(self) -> dict[tuple[int, int], Reason]:
        db, linked = self._context.db, self._context.linked
        self._register()
        db.register("edges", linked.edges)
        rows = fetch(db, _BRIDGES).to_pylist()
        db.unregister("edges")
        found: dict[tuple[int, int], Reason] = {}
        for row in rows:
            for person, record in ((row["left_person"], row["left"]), (row["right_person"], row["right"])):
                found.setdefault((person, row["group"]), _of_edge(row, record, linked.report.model_version))
        return found

    def _register(self) -> None:
        keys = fetch(self._context.db, "SELECT place, key FROM record ORDER BY place")
        whose = keys.append_column("person", pa.array(self._previous)).append_column("group", pa.array(self._groups))
        self._context.db.register("whose", whose)

    def _is_parted(self, decided: set[tuple[str, str]], before: int, group: int) -> bool:
        keys = fetch(self._context.db, "SELECT key FROM record ORDER BY place").column("key").to_pylist()
        place = {key: number for number, key in enumerate(keys)}
        for left, right in decided:
            if left in place and right in place:
                ends = place[left], place[right]
                groups = [int(self._groups[end]) for end in ends]
                if group in groups and groups[0] != groups[1] and all(self._previous[end] == before for end in ends):
                    return True
        return False

    def _shared(self, before: int, group: int) -> set[tuple[str, bool]]:
        self._register()
        split = np.unique(self._groups[self._previous == before])
        rows = (
            fetch(
                self._context.db,
                _PARTED.replace("whose", "(SELECT * FROM whose WHERE person = " + str(before) + ")"),
            ).to_pylist()
            if len(split) > 1
            else []
        )
        return {(row["kind"], row["blocked"]) for row in rows if row["group"] == group}


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
    assert isinstance(weight, float)  # noqa: S101  a scored pair has one
    return Reason(", ".join(names), "model", weight, model, record)
