"""The figures of the benchmark: how many columns are right, how sure the engine may be believed to be, and slices.

Strict counts the labelled field only; lenient also what a reasonable reviewer would accept (`also_ok`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUIRED = ("transaction_id", "timestamp", "value", "user_id")
PERSONAL = frozenset({"email", "phone", "first_name", "last_name"})
SURE = 0.8
_BINS = 10

Row = dict[str, Any]
Predictions = dict[tuple[str, str], tuple[str | None, float]]
"""(table, column) -> (field or None, confidence)."""


@dataclass(frozen=True)
class Figures:
    """One line of the report."""

    columns: int
    accuracy: float
    accuracy_lenient: float
    precision: float
    recall: float
    f1: float
    precision_lenient: float
    recall_lenient: float
    f1_lenient: float
    sure_precision: float | None
    """Lenient precision of the answers with confidence 0.8 or more."""
    sure_coverage: float
    """Such answers per labelled column; may pass 1."""
    calibration_error: float | None
    """Expected calibration error of the answers that are not null, ten bins, lenient."""
    top1: dict[str, str]
    top1_all: float
    """Share of (table, required field) whose surest column is a primary one."""
    tables_right: str
    """Tables with every required field right."""
    personal_false: int
    """E-mail, telephone or name of others taken for the customer's, with confidence 0.8 or more."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def accepted(row: Row, answer: str | None) -> bool:
    """Whether the answer is the label or one of those also accepted."""
    return answer == row["gold"] or answer in row["also_ok"]


def figures(rows: Sequence[Row], predictions: Predictions) -> Figures:
    """The figures of some labelled columns; a column without prediction counts as null."""
    answers = [predictions.get((row["table"], row["column"]), (None, 0.0)) for row in rows]
    strict = [answer == row["gold"] for row, (answer, _) in zip(rows, answers, strict=True)]
    lenient = [accepted(row, answer) for row, (answer, _) in zip(rows, answers, strict=True)]
    given = [(sure, right) for (answer, sure), right in zip(answers, lenient, strict=True) if answer is not None]
    surely = [right for sure, right in given if sure >= SURE]
    labelled = sum(row["gold"] is not None for row in rows)
    top1, top1_all, tables_right = _top1(rows, predictions)
    return Figures(
        len(rows),
        _share(strict),
        _share(lenient),
        *_prf(rows, answers, strict),
        *_prf(rows, answers, lenient),
        _share(surely) if surely else None,
        len(surely) / max(1, labelled),
        _calibration_error(given),
        top1,
        top1_all,
        tables_right,
        sum(
            answer in PERSONAL and sure >= SURE and not right
            for (answer, sure), right in zip(answers, lenient, strict=True)
        ),
    )


def slices(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The slices that are reported apart; empty ones are left out."""
    original = [row for row in rows if row["variant"] == "original"]
    found = {
        "original": original,
        "opaque": [row for row in rows if row["variant"] == "opaque"],
        "abbrev": [row for row in rows if row["variant"] == "abbrev"],
        "non_en": [row for row in original if row["lang"] != "en"],
        "no_values": [row for row in original if not row["samples"]],
    }
    return {name: part for name, part in found.items() if part}


def _share(verdicts: Sequence[bool]) -> float:
    return sum(verdicts) / len(verdicts) if verdicts else 0.0


def _prf(
    rows: Sequence[Row], answers: Sequence[tuple[str | None, float]], right: Sequence[bool]
) -> tuple[float, float, float]:
    """Precision, recall and F1 over mapped columns."""
    hits = sum(good and answer is not None for (answer, _), good in zip(answers, right, strict=True))
    given = sum(answer is not None for answer, _ in answers)
    missed = sum(row["gold"] is not None and not good for row, good in zip(rows, right, strict=True))
    precision = hits / given if given else 0.0
    recall = hits / (hits + missed) if hits + missed else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _calibration_error(given: Sequence[tuple[float, bool]]) -> float | None:
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for sure, right in given:
        bins[min(int(sure * _BINS), _BINS - 1)].append((sure, right))
    if not given:
        return None
    return sum(
        abs(sum(sure for sure, _ in part) - sum(right for _, right in part)) / len(given) for part in bins.values()
    )


def _top1(rows: Sequence[Row], predictions: Predictions) -> tuple[dict[str, str], float, str]:
    tables: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        tables[row["table"]].append(row)
    asked: dict[str, list[bool]] = {field: [] for field in REQUIRED}
    whole: list[bool] = []
    for table, columns in tables.items():
        verdicts = []
        for field in REQUIRED:
            primary = {row["column"] for row in columns if row["gold"] == field and row["primary"]}
            if primary:
                asked[field].append(_surest(table, columns, field, predictions) in primary)
                verdicts.append(asked[field][-1])
        if verdicts:
            whole.append(all(verdicts))
    every = [verdict for verdicts in asked.values() for verdict in verdicts]
    top1 = {field: f"{sum(verdicts)}/{len(verdicts)}" for field, verdicts in asked.items()}
    return top1, _share(every), f"{sum(whole)}/{len(whole)}"


def _surest(table: str, columns: Sequence[Row], field: str, predictions: Predictions) -> str | None:
    wanting = [
        (predictions[table, row["column"]][1], -row["position"], row["column"])
        for row in columns
        if predictions.get((table, row["column"]), (None, 0))[0] == field
    ]
    return str(max(wanting)[2]) if wanting else None
