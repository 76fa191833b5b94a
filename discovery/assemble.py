"""A mapping out of decisions: the proposed preset, with what was decided in place of what was proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe.streams import CANONICAL, CUSTOMER_PROFILES, FRAGMENT_TYPES
from transforms import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from discovery.decisions import Decision

Rule = dict[str, Any]
"""One entry of a preset's `streams`, as in YAML."""

_OTHER_NAMES = {
    "customer_profiles": {"user_id": "source_record_id", "hashed_cc": "hashed_card", "updated_at": "source_updated_at"},
    "conversions": {"updated_at": "source_updated_at"},
}
_FRAGMENTS = {"user_id": "customer_id"} | {name: name for name in FRAGMENT_TYPES if name != "customer_id"}
"""Target -> the kind of identifier it is."""


def field_for(target: str, into: str) -> str | None:
    """The field of a canonical stream that a target fills; None when the stream has no such field."""
    name = _OTHER_NAMES[into].get(target, target)
    return name if name in parse.settable(CANONICAL[into]) else None


def roots(field: Any) -> list[str]:
    """Source columns that a field, or a fragment, of a rule reads, in order; none for a constant."""
    given = field.get("from") if isinstance(field, dict) and not {"join", "sum"} & set(field) else field
    candidates = parse.candidates(given, "", parse.Problems(""))
    return list(dict.fromkeys(root for candidate in candidates for root in candidate.roots))


def options(field: Any) -> dict[str, Any]:
    """How a field is read: what stands beside its source."""
    return {key: value for key, value in field.items() if key != "from"} if _has_options(field) else {}


def without_columns(rule: Rule) -> Rule:
    """What of a rule does not come from a column: constants, filters, which streams it is for."""
    rest = {key: value for key, value in rule.items() if key not in {"fields", "fragments", "source_types"}}
    rest["fields"] = {name: field for name, field in rule.get("fields", {}).items() if not roots(field)}
    return rest


def rule(proposed: Rule, rest: Rule, decided: Iterable[Decision]) -> Rule:
    """The rule that the decisions make.

    Args:
        proposed: the rule as discovery proposed it: how several columns make one field is taken from here.
        rest: what does not come from columns, as reviewed (see `without_columns`).
        decided: about the columns of the stream.
    """
    into = str(rest.get("into"))
    decided = sorted(decided, key=lambda decision: decision.rank)
    by_field: dict[str, list[Decision]] = {}
    by_fragment: dict[str, list[Decision]] = {}
    for decision in decided:
        if decision.target is None:
            continue
        if name := field_for(decision.target, into):
            by_field.setdefault(name, []).append(decision)
        if kind := _FRAGMENTS.get(decision.target):
            by_fragment.setdefault(kind, []).append(decision)
    if into == CUSTOMER_PROFILES.name:
        by_fragment.pop("customer_id", None)  # a profile's own id always identifies it
    fields = {name: _field(proposed.get("fields", {}).get(name), columns) for name, columns in by_field.items()}
    result = {**rest, "fields": {**rest.get("fields", {}), **fields}}
    if by_fragment:
        result["fragments"] = [
            {"type": kind, "from": _names(columns)} for kind, columns in sorted(by_fragment.items())
        ]
    return _ordered(result)


def source_types(made: Rule, kinds: Mapping[str, str]) -> dict[str, str]:
    """Kind of each column the rule reads, for the drift gate."""
    read = parse.stream("", made, parse.Problems("")).roots
    return {name: kind for name, kind in kinds.items() if name in read}


def missing(made: Rule) -> list[str]:
    """Required fields that nothing fills."""
    into = CANONICAL[str(made["into"])]
    return [name for name in into.required if name not in made["fields"]]


def _field(proposed: Any, columns: Sequence[Decision]) -> Any:
    """One field: as proposed when it is made of these very columns, else the columns in their order."""
    names = [column.column for column in columns]
    if proposed is not None and sorted(roots(proposed)) == sorted(names) and not _plain(proposed):
        source: Any = proposed["from"] if _has_options(proposed) else proposed
    else:
        source = _names(columns)
    own = columns[0].options
    return {"from": source, **own} if own else source


def _plain(field: Any) -> bool:
    """Whether a field is columns and nothing else, so that their order may have been changed."""
    given = field.get("from") if _has_options(field) else field
    return all(isinstance(item, str) for item in (given if isinstance(given, list) else [given]))


def _has_options(field: Any) -> bool:
    return isinstance(field, dict) and not {"join", "sum"} & set(field)


def _names(columns: Sequence[Decision]) -> str | list[str]:
    names = [column.column for column in columns]
    return names[0] if len(names) == 1 else names


def _ordered(made: Rule) -> Rule:
    """Keys and fields in the order in which presets have them."""
    fields = made["fields"]
    order = [name for name in CANONICAL[str(made["into"])].field_names if name in fields]
    keys = ["match", "into", "fields", *[key for key in made if key not in {"match", "into", "fields"}]]
    return {key: {name: fields[name] for name in order} if key == "fields" else made[key] for key in keys if key in made}
