"""Fitting the model to the records: each step gated, and taken back whole when it fails a gate.

What the library has learned is read off and blended with the shipped figures in our own copy of the model, from which
a new linker is made. So a session that fails cannot leave anything behind; in the library itself it leaves a damaged
prior (0.0017 became 0.42 after a session without pairs).
"""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from identity.linking import score
from identity.linking.prepare import PERSON
from identity.linking.result import Report, Session

if TYPE_CHECKING:
    import duckdb

    from identity.linking.model import Model

RECORDS_FOR_U: Final = 2_000
"""With fewer, chance agreements of the random pairs are too few, and true matches among them too many."""

MATCHES_FOR_M: Final = 200
"""Expected matches that a session needs; as many count as much as the shipped figures do."""

RECORDS_TO_LEARN: Final = 100_000
"""More teach nothing new: of a larger table one part in so many is learned from, chosen by record id."""

PAIRS_FOR_U, PAIRS_FOR_M = 200_000, 50_000
SHIPPED_PAIRS: Final = 50_000
"""Random pairs that the shipped u counts for."""

MOST_TRUST: Final = 0.5
"""Of what was learned without labels in what is used: households look like persons to it."""

LEAST, LEAST_PRIOR = 1e-5, 0.02

SLACK: Final = 6.0
"""Bits that a middle level may weigh more than the best: a rare kind of error says more than a frequent equality."""

MOST_LEFT_OUT: Final = 3
"""Comparisons that training may do without; where more are wrong, it is not they."""

_SAMPLE: Final = "sample"

Figures = dict[str, list[float]]
"""Name of a comparison -> a probability for each of its levels."""


def fit(db: duckdb.DuckDBPyConnection, model: Model, prior: float, report: Report) -> Model:
    """The model with `u` and `m` learned from the table `person`, as far as that is safe; the report says how far."""
    records = db.execute(f"SELECT count(*) FROM {PERSON}").fetchall()[0][0]  # noqa: S608
    if records < RECORDS_FOR_U:
        reason = f"{records} records, {RECORDS_FOR_U} needed"
        report.sessions.append(Session(name="u", outcome="skipped", reason=reason))
        report.untrained_levels = _labels(model, set())
        return model
    share = max(1, records // RECORDS_TO_LEARN)
    # Numbered anew: random pairs are drawn by number, and that of a record follows from all others, new ones too.
    number = "(row_number() OVER (ORDER BY uid) - 1)::INTEGER AS uid"
    db.execute(
        f"CREATE TABLE {_SAMPLE} AS SELECT * REPLACE ({number}) FROM {PERSON} "  # noqa: S608
        f"WHERE hash(record_id) % {share} = 0 ORDER BY uid"
    )
    linker = score.linker(db, model, prior * share, _SAMPLE)
    kept = deepcopy(linker._settings_obj.core_model_settings)
    fitted = _fit_u(linker, model, report)
    learned: defaultdict[str, list[list[float]]] = defaultdict(list)
    trust: defaultdict[str, float] = defaultdict(float)
    left_out: list[str] = []
    for columns in model.training:
        while True:
            session = Session(name="m from pairs equal in " + " and ".join(columns), outcome="skipped")
            report.sessions.append(session)
            found = _learn_m(db, linker, columns, session)
            linker._settings_obj.core_model_settings = deepcopy(kept)
            bad = _disordered(found, fitted, session) if found else []
            if not bad or len(left_out) + len(bad) > MOST_LEFT_OUT:
                break
            # One bad column would cost every session: it is trained without, once more from the start.
            left_out += bad
            rest = [one for one in model.comparisons if one["name"] not in left_out]
            linker.table_management.delete_tables_created_by_splink_from_db()
            linker = score.linker(db, replace(model, comparisons=rest), prior * share, _SAMPLE)
            kept = deepcopy(linker._settings_obj.core_model_settings)
        if found is None or bad:
            continue
        session.outcome = "kept"
        matches = session.expected_matches or 0.0
        for name, figures in found.items():
            learned[name].append(figures)
            trust[name] = max(trust[name], min(MOST_TRUST, matches / (matches + MATCHES_FOR_M)))
    if left_out:
        report.warnings.append(
            f"training was repeated without {', '.join(left_out)}: what was learned there contradicts itself, and the "
            "shipped weights stay; look whether the column holds what its name says"
        )
    report.untrained_levels = _labels(model, set(learned))
    linker.table_management.delete_tables_created_by_splink_from_db()
    db.execute(f"DROP TABLE {_SAMPLE}")
    m = {name: _mean(figures) for name, figures in learned.items()}
    return _with(fitted, "m", {name: _blend(_column(fitted, name, "m"), m[name], trust[name]) for name in m})


def _fit_u(linker: Any, model: Model, report: Report) -> Model:
    """The model with `u` from random pairs, blended with the shipped ones as with so many more pairs."""
    linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS_FOR_U, num_chunks=1)
    share = PAIRS_FOR_U / (PAIRS_FOR_U + SHIPPED_PAIRS)
    found: Figures = {}
    for name, figures in _read(linker._settings_obj.core_model_settings, "u").items():
        shipped = _column(model, name, "u")
        mixed = [
            (1 - share) * old + share * (old if new is None else new) for old, new in zip(shipped, figures, strict=True)
        ]
        found[name] = _rounded(mixed)
    m = _column_all(model, "m")
    bad = [name for name in found if _unordered(m[name], found[name])]
    reason = f"except {', '.join(bad)}: levels out of order" if bad else ""
    report.sessions.append(Session(name="u", outcome="kept", reason=reason))
    return _with(model, "u", {name: figures for name, figures in found.items() if name not in bad})


def _learn_m(db: duckdb.DuckDBPyConnection, linker: Any, columns: list[str], session: Session) -> Figures | None:
    """What a session finds; None when it has too few pairs or fails."""
    listed = ", ".join(columns)
    filled = " AND ".join(f"{name} IS NOT NULL" for name in columns)
    pairs = db.execute(
        f"SELECT coalesce(sum(size * (size - 1) / 2), 0) FROM (SELECT count(*) AS size FROM {_SAMPLE} "  # noqa: S608
        f"WHERE {filled} GROUP BY {listed})"
    ).fetchall()[0][0]
    if pairs < MATCHES_FOR_M:
        session.reason = f"{pairs:.0f} pairs, {MATCHES_FOR_M} needed"
        return None
    try:
        trained = linker.training.estimate_parameters_using_expectation_maximisation(
            " AND ".join(f"l.{name} = r.{name}" for name in columns),
            estimate_without_term_frequencies=True,
            max_pairs=PAIRS_FOR_M if pairs > PAIRS_FOR_M else None,
        )
    except Exception as error:  # noqa: BLE001  whatever goes wrong in there, the shipped model still stands
        session.outcome, session.reason = "rolled_back", f"the session failed ({type(error).__name__})"
        return None
    prior = trained.core_model_settings.probability_two_random_records_match
    session.expected_matches = float(prior * pairs)
    if session.expected_matches < MATCHES_FOR_M or prior < LEAST_PRIOR:
        session.outcome, session.reason = "rolled_back", f"{session.expected_matches:.0f} expected matches"
        return None
    found = _read(trained.core_model_settings, "m")
    return {name: [one or 0.0 for one in figures] for name, figures in found.items() if name in _touched(trained)}


def _touched(trained: Any) -> set[str]:
    return {one.output_column_name for one in trained.core_model_settings.comparisons}


def _disordered(found: Figures, model: Model, session: Session) -> list[str]:
    """The comparisons for whose sake a session is rolled back, if any: their levels are out of order.

    Those that met the last level only are taken out of what was found: nothing was learned of them, such as of a
    loyalty id that no two records share.
    """
    for name in [name for name, figures in found.items() if max(figures[:-1]) <= LEAST]:
        del found[name]
    for name, figures in found.items():
        shipped = _column(model, name, "m")
        # A level that no pair met was not learned.
        found[name] = [one if one > LEAST else old for one, old in zip(figures, shipped, strict=True)]
    u = _column_all(model, "u")
    bad = [name for name in found if _unordered(found[name], u[name])]
    if bad:
        session.outcome, session.reason = "rolled_back", f"levels of {', '.join(bad)} out of order"
    return bad


def _unordered(m: list[float], u: list[float]) -> bool:
    """Whether the levels of a comparison are out of order: the best speaks for one person, the worst most against."""
    weights = np.log2(np.array(m) / np.array(u))
    return bool(
        not weights[0] > 0 > weights[-1] or weights.min() < weights[-1] - 1 or weights[0] < weights.max() - SLACK
    )


def _read(settings: Any, kind: str) -> dict[str, list[float | None]]:
    found = {}
    for one in settings.comparisons:
        levels = [level for level in one.comparison_levels if not level.is_null_level]
        values = [getattr(level, f"{kind}_probability") for level in levels]
        found[one.output_column_name] = [value if isinstance(value, float) and value > 0 else None for value in values]
    return found


def _blend(shipped: list[float], learned: list[float], trust: float) -> list[float]:
    mixed = np.exp((1 - trust) * np.log(shipped) + trust * np.log(np.maximum(learned, LEAST)))
    return _rounded((mixed / mixed.sum()).tolist())


def _mean(figures: list[list[float]]) -> list[float]:
    return np.exp(np.log(np.maximum(figures, LEAST)).mean(axis=0)).tolist()  # type: ignore[no-any-return]


def _rounded(figures: list[float]) -> list[float]:
    """To what the sums of parallel threads agree on."""
    return [float(f"{max(one, 1e-9):.5g}") for one in figures]


def _column(model: Model, name: str, kind: str) -> list[float]:
    return _column_all(model, kind)[name]


def _column_all(model: Model, kind: str) -> Figures:
    return {one["name"]: [level[kind] for level in one["levels"]] for one in model.comparisons}


def _with(model: Model, kind: str, figures: Figures) -> Model:
    comparisons = deepcopy(model.comparisons)
    for one in comparisons:
        for level, figure in zip(one["levels"], figures.get(one["name"], []), strict=False):
            level[kind] = figure
    return replace(model, comparisons=comparisons)


def _labels(model: Model, trained: set[str]) -> list[str]:
    return [
        f"{one['name']}: {level['label']}"
        for one in model.comparisons
        if one["name"] not in trained
        for level in one["levels"]
    ]
