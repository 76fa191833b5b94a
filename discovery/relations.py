"""Arithmetic among the columns of a table: sums, products, and columns that are equal."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.numbers import as_number
from discovery.table import Relation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROWS = 200
_FEWEST = 3
_COLUMNS = 14
"""Columns of numbers among which is searched: those with the most distinct values."""

_PARTS = 4
_PAIRED = 9
"""Columns that are tried two by two: a tax of one rate is a multiple of its base, and least squares cannot choose."""

_SUPPORT = 0.95
_CENT = 0.011
_MISSING = 0.5


def find(columns: Mapping[str, Sequence[str | None]]) -> tuple[Relation, ...]:
    """Relations that hold in nearly all rows; `columns` are aligned values as text, column by column."""
    numbers = _numbers(columns)
    if not numbers:
        return ()
    names = sorted(numbers, key=lambda name: -len(np.unique(numbers[name])))[:_COLUMNS]
    rows = len(next(iter(numbers.values())))
    if rows < _FEWEST:
        return ()
    found = _equals(names, numbers, rows)
    twins = {name for relation in found for name in relation.plus}
    rest = [name for name in names if name not in twins]
    return (*found, *_products(rest, numbers, rows), *_sums(rest, numbers, rows))


def _numbers(columns: Mapping[str, Sequence[str | None]]) -> dict[str, Any]:
    found = {}
    for name, values in columns.items():
        parsed = [as_number(value) if value else 0.0 for value in values[:_ROWS]]
        if any(number is None for number in parsed) or sum(not value for value in values[:_ROWS]) > _MISSING * len(
            parsed
        ):
            continue
        array = np.array(parsed, dtype=float)
        if len(np.unique(array)) > 1 and np.abs(array).max() < 1e9:
            found[name] = array
    return found


def _holds(left: Any, right: Any) -> float:
    return float(np.mean(np.abs(left - right) <= _CENT + 1e-9 * np.abs(left)))


def _equals(names: Sequence[str], numbers: Mapping[str, Any], rows: int) -> list[Relation]:
    return [
        Relation("equal", first, (second,), support=support, rows=rows)
        for first, second in combinations(names, 2)
        if (support := _holds(numbers[first], numbers[second])) >= _SUPPORT
    ]


def _products(names: Sequence[str], numbers: Mapping[str, Any], rows: int) -> list[Relation]:
    found = []
    for result in names:
        for first, second in combinations([name for name in names if name != result], 2):
            if np.all(np.isin(numbers[first], (0, 1))) or np.all(np.isin(numbers[second], (0, 1))):
                continue
            support = _holds(numbers[result], numbers[first] * numbers[second])
            if support >= _SUPPORT and np.any(numbers[first] != 1) and np.any(numbers[second] != 1):
                found.append(Relation("product", result, (first, second), support=support, rows=rows))
    return found


def _sums(names: Sequence[str], numbers: Mapping[str, Any], rows: int) -> list[Relation]:
    """A total and its parts: the parts by least squares, rounded to 1, 0 and -1, and then checked."""
    found = []
    for result in names:
        parts = [name for name in names if name != result]
        if len(parts) < 2:
            continue
        if rows >= 2 * len(parts):
            matrix = np.column_stack([numbers[name] for name in parts])
            solved: Any = np.linalg.lstsq(matrix, numbers[result], rcond=None)[0]
            weights = [round(float(weight)) for weight in solved]
            chosen = {name: weight for name, weight in zip(parts, weights, strict=True) if weight}
            tries = [chosen] if 1 < len(chosen) <= _PARTS + 1 and set(chosen.values()) <= {1, -1} else []
        else:
            tries = []
        tries += [{first: 1, second: sign} for first, second in permutations(parts[:_PAIRED], 2) for sign in (1, -1)]
        for signs in tries:
            total = sum(sign * numbers[name] for name, sign in signs.items())
            support = _holds(numbers[result], total)
            if support >= _SUPPORT and 1 in signs.values() and np.mean(numbers[result] >= 0) > _MISSING:
                plus = tuple(name for name, sign in signs.items() if sign == 1)
                minus = tuple(name for name, sign in signs.items() if sign == -1)
                found.append(Relation("sum", result, plus, minus, support, rows))
                break
    return found
