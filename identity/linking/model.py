"""The person model: data, not code. `person.json` is the shipped one.

A model has

- a `version`, and a `threshold`: the least match probability of a link;
- `blocking` rules, which say who meets: records equal in every part of one rule's `key` (`broad` ones fade out as
  records grow);
- `comparisons`: what is compared, in levels from best to worst; of each the condition in SQL, the probability `m` among
  pairs of one person and `u` among others, and `tf`, the column whose frequent values count less;
- `training` sessions: the columns in which pairs agree from which the rest of the model is learned;
- `vetoes`: levels at which a pair is of two people whatever else agrees.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from identity.linking.prepare import COLUMNS
from pipe.columnar import literal
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

REST: Final = "ELSE"
"""The condition of the last level."""

Levels = dict[str, list[str]]
"""Name of a comparison -> labels of some of its levels."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A person model, cut down to the columns there are."""

    version: str
    threshold: float
    blocking: dict[str, list[str]]
    """Name of a rule -> the parts of its key, in SQL over the table `person`."""
    broad: frozenset[str]
    """Rules that bring many strangers together: worth their price only where records are few."""
    comparisons: list[dict[str, Any]]
    training: list[list[str]]
    vetoes: dict[str, tuple[Levels, Levels]]
    """Name of a veto -> levels that must all be met, and levels of which none may be."""

    def splink(self, prior: float) -> dict[str, Any]:
        """The settings of the scoring library; `prior` is the probability that two random records match.

        Without blocking rules: it is told who meets.
        """
        return {
            "link_type": "dedupe_only",
            "unique_id_column_name": "uid",
            "probability_two_random_records_match": prior,
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": False,
            "blocking_rules_to_generate_predictions": [],
            "comparisons": [_comparison(one) for one in self.comparisons],
        }

    def rules(self) -> list[dict[str, str]]:
        """The blocking rules over columns of keys, as the scoring library wants them."""
        return [
            {"blocking_rule": f"l.{key(number)} = r.{key(number)}", "sql_dialect": "duckdb"}
            for number in range(len(self.blocking))
        ]

    @property
    def columns(self) -> list[str]:
        """The columns of `person` that vetoes look at."""
        used = {name for levels in self.vetoes.values() for part in levels for name in part}
        return _sides(self.label_sql(name) for name in used if self._comparison(name))

    @property
    def compared(self) -> list[str]:
        """The columns of `person` that comparisons look at."""
        return _sides(self.label_sql(one["name"]) for one in self.comparisons)

    @property
    def frequent(self) -> list[str]:
        """Those of them whose frequent values count less."""
        return sorted({level["tf"] for one in self.comparisons for level in one["levels"] if "tf" in level})

    def label_sql(self, name: str) -> str:
        """SQL for the label of the level that a pair meets; `NULL` when the comparison is not in use."""
        one = self._comparison(name)
        if one is None:
            return "NULL"
        cases = [f"WHEN {one['null']} THEN ''"]
        cases += [f"WHEN {level['sql']} THEN {literal(level['label'])}" for level in one["levels"][:-1]]
        return f"CASE {' '.join(cases)} ELSE {literal(one['levels'][-1]['label'])} END"

    def veto_sql(self) -> str:
        """SQL for whether a pair is vetoed."""
        clauses = []
        for when, unless in self.vetoes.values():
            if all(self._comparison(name) for name in when):
                parts = [self._one_of(name, labels) for name, labels in when.items()]
                parts += [f"NOT {self._one_of(n, labels)}" for n, labels in unless.items() if self._comparison(n)]
                clauses.append(f"({' AND '.join(parts)})")
        return " OR ".join(clauses) or "false"

    def _comparison(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.comparisons if one["name"] == name), None)

    def _one_of(self, name: str, labels: Collection[str]) -> str:
        return f"{self.label_sql(name)} IN ({', '.join(map(literal, labels))})"


def key(number: int) -> str:
    """The column that holds the key of a blocking rule."""
    return f"key_{number}"


def load(path: Path | None, filled: Collection[str]) -> Model:
    """The model at `path`, or the shipped one, without what needs columns that are not `filled`.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        data: Mapping[str, Any] = json.loads(text_of(path))
        return Model(
            version=data["version"],
            threshold=data["threshold"],
            blocking={
                rule["name"]: rule["key"]
                for rule in data["blocking"]
                if all(word in filled for word in _words(" ".join(rule["key"])) if word in COLUMNS)
            },
            broad=frozenset(rule["name"] for rule in data["blocking"] if rule.get("broad")),
            comparisons=[one for one in data["comparisons"] if set(one["needs"]) <= set(filled)],
            training=[columns for columns in data["training"] if set(columns) <= set(filled)],
            vetoes={veto["name"]: (veto["when"], veto["unless"]) for veto in data["vetoes"]},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"the person model cannot be read ({type(error).__name__})", field="model", remedy="See docs/linking.md"
        ) from None


def text_of(path: Path | None) -> str:
    """The JSON of the model at `path`, or of the shipped one."""
    return (path or resources.files(__package__).joinpath("person.json")).read_text("utf-8")


def _sides(texts: Iterable[str]) -> list[str]:
    """The columns of which SQL about pairs names either side."""
    return sorted({word[:-2] for word in _words(" ".join(texts)) if word.endswith("_l")})


def _words(text: str) -> list[str]:
    return "".join(character if character.isalnum() or character == "_" else " " for character in text).split()


def _comparison(one: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison as the scoring library wants it."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": one["null"], "label_for_charts": "empty", "is_null_level": True},
    ]
    for level in one["levels"]:
        made = {
            "sql_condition": level["sql"],
            "label_for_charts": level["label"],
            "m_probability": level["m"],
            "u_probability": level["u"],
        }
        if "tf" in level:
            made |= {"tf_adjustment_column": level["tf"], "tf_adjustment_weight": level.get("tf_weight", 1.0)}
        levels.append(made)
    return {"output_column_name": one["name"], "comparison_levels": levels}
