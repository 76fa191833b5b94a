"""A mapping out of decisions: the proposed rules, with what was decided otherwise in place of what was proposed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pipe.streams import CANONICAL, CONVERSIONS, CUSTOMER_PROFILES, FRAGMENT_TYPES
from transforms import parse
from transforms.rules import Join, Product, Sum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from discovery.decisions import Decision, Rules

Rule = dict[str, Any]

_COLUMN_PARTS = {"fields", "fragments", "refund", "source_types"}
_NAMES = {
    "conversions": {"updated_at": "source_updated_at"},
    "customer_profiles": {"user_id": "source_record_id", "hashed_cc": "hashed_card", "updated_at": "source_updated_at"},
}
"""Canonical stream -> target -> what the stream calls it, where that differs."""
_FRAGMENTS = {"user_id": "customer_id"} | {name: name for name in FRAGMENT_TYPES if name != "customer_id"}
"""Target -> the kind of identifier it is."""
_REFUND = "refund_amount"
_MADE = {"join", "sum", "product"}
"""What a source that several columns make is written with."""

UNUSED = ("unit_price", "cost", "fulfilment_status", "ip_address")
"""Targets that are worth knowing, and that no canonical stream has a field for."""
_FIELDS = {field for stream in (CONVERSIONS, CUSTOMER_PROFILES) for field in parse.settable(stream)}
_RENAMED = {name for names in _NAMES.values() for name in names.values()}
TARGETS = tuple(
    sorted(
        (_FIELDS - _RENAMED - {"conversion_type"}) | (set(_FRAGMENTS) - {"name_zip"}) | {_REFUND, "updated_at", *UNUSED}
    )
)
"""What a column can be decided to be."""


def without_columns(rules: Rules) -> Rules:
    """What of some rules does not come from columns: constants, filters, which streams they are for."""
    return {
        name: {key: value for key, value in rule.items() if key not in _COLUMN_PARTS}
        | {"fields": {field: given for field, given in rule.get("fields", {}).items() if not columns(given)}}
        for name, rule in rules.items()
    }


def rules(
    proposed: Rules, rest: Rules, before: Iterable[Decision], after: Iterable[Decision], kinds: Mapping[str, str]
) -> Rules:
    """The rules that decisions make.

    Args:
        proposed: the rules that follow from `before`.
        rest: what does not come from columns, as reviewed (see `without_columns`).
        before: what was proposed of the stream's columns.
        after: what was decided.
        kinds: of the columns, for the drift gate.
    """
    old, new = _by_target(before), _by_target(after)
    changed = {target for target in {*old, *new} if old.get(target) != new.get(target)}
    made = {}
    for name, other in rest.items():
        rule = _rule(proposed.get(name, {}), other, changed, new)
        read = parse.stream(name, rule, parse.Problems("")).roots
        made[name] = rule | {"source_types": {column: kinds[column] for column in kinds if column in read}}
    return made


def missing(made: Rules) -> list[str]:
    """Required fields that nothing fills."""
    return [
        name for rule in made.values() for name in CANONICAL[str(rule["into"])].required if name not in rule["fields"]
    ]


def columns(given: Any) -> list[str]:
    """Source columns that a field of a rule reads, in order, as presets write them; none for a constant."""
    source = given.get("from") if _has_options(given) else given
    found: list[str] = []
    for candidate in parse.candidates(source, "", parse.Problems("")):
        if isinstance(candidate, Join | Product):
            found += map(str, candidate.parts)
        else:
            found.append(str(candidate.path if isinstance(candidate, Sum) else candidate))
    return list(dict.fromkeys(found))


def options(given: Any) -> dict[str, Any]:
    """How a field is read: what stands beside its source, and the source itself when it is more than columns."""
    found = dict(given) if _has_options(given) else {"from": given}
    return found if isinstance(found["from"], dict) else {key: found[key] for key in found if key != "from"}


def _rule(proposed: Rule, rest: Rule, changed: set[str], decided: Mapping[str, Sequence[Decision]]) -> Rule:
    """One rule, with the targets that `changed` made anew."""
    into = str(rest.get("into"))
    constants = rest.get("fields", {})
    fields = {name: field for name, field in proposed.get("fields", {}).items() if columns(field)}
    fragments = {item["type"]: item["from"] for item in proposed.get("fragments", [])}
    refund = proposed.get("refund")
    for target in sorted(changed):
        given = decided.get(target, [])
        name = _NAMES[into].get(target, target)
        if name in parse.settable(CANONICAL[into]):
            fields.pop(name, None)
            if given:
                fields[name] = _field(given)
        if kind := _FRAGMENTS.get(target):
            fragments.pop(kind, None)
            if given:
                fragments[kind] = _names(given)
        if target == _REFUND and into == CONVERSIONS.name:
            refund = {"from": _names(given), **given[0].options} if given else None
    order = CANONICAL[into].field_names
    made = {key: value for key, value in rest.items() if key != "fields"}
    made["fields"] = dict(sorted({**constants, **fields}.items(), key=lambda item: order.index(item[0])))
    if refund:
        made["refund"] = refund
    if fragments:
        made["fragments"] = [{"type": kind, "from": source} for kind, source in sorted(fragments.items())]
    return made


def _by_target(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = defaultdict(list)
    for decision in sorted(decisions, key=lambda one: (one.rank, one.column)):
        if decision.target:
            found[decision.target].append(decision)
    return dict(found)


def _field(decided: Sequence[Decision]) -> Any:
    own = dict(decided[0].options)
    source = own.pop("from", None) or _names(decided)
    return {"from": source, **own} if own or isinstance(source, dict) else source


def _has_options(given: Any) -> bool:
    return isinstance(given, dict) and not _MADE & set(given)


def _names(decided: Sequence[Decision]) -> str | list[str]:
    names = [one.column for one in decided]
    return names[0] if len(names) == 1 else names
