"""People in words: who they are, and why two records are one. Values are masked unless they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from identity.reconcile.explain import Explainer, Link, Person, Record

SHOWN = 40
"""Records listed at most."""


def masked(text: str) -> str:
    """`a•••e@m•••e`: enough to compare two, too little to use."""
    return "@".join(_hidden(part) for part in text.split("@"))


def name_of(record: Record) -> str:
    """How a record is called: `crm:1042`."""
    return f"{record.connector}:{record.source_id}"


def of_link(link: Link) -> str:
    """One link in a clause."""
    if link.kind == "manual":
        return "linked by hand"
    if link.kind != "model":
        return f"equal {link.rule}" if link.kind == "identifier" else "equal in every field"
    parts = sorted(link.details.items(), key=lambda part: -part[1])
    told = ", ".join(f"{name.replace('_', ' ')} {weight:+.1f}" for name, weight in parts)
    return f"{told}; in all {link.weight or 0:+.1f}, probability {link.probability:.4f}"


def of_person(person: Person, *, values: bool) -> Iterator[str]:
    """Lines about a person."""
    yield f"person {person.uid}"
    if person.former:
        yield f"  once also {', '.join(person.former)}"
    yield f"  {len(person.records)} records from {', '.join(sorted({record.connector for record in person.records}))}"
    for record in person.records[:SHOWN]:
        shown = "  ".join(f"{name} {text if values else masked(text)}" for name, text in record.values.items())
        kinds = ", ".join(sorted({kind for kind, _ in record.fragments})) or "no identifier"
        yield f"  {name_of(record):<28} {record.stream:<18} [{kinds}] {shown}".rstrip()
    if len(person.records) > SHOWN:
        yield f"  ... and {len(person.records) - SHOWN} more"
    yield "  history (UTC)"
    for moment, event, before, after, reason in person.history:
        when = datetime.fromtimestamp(moment / 1e6, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
        who = " -> ".join(uid for uid in (before, after) if uid)
        yield f"    {when}  {event:<13} {who}  {reason}".rstrip()


def of_pair(explainer: Explainer, left: str, right: str) -> Iterator[str]:
    """Lines that say why two records are one person, or are not."""
    one, other = explainer.person_of(left), explainer.person_of(right)
    yield from (f"decided by a person: {text}" for text in explainer.decisions(left, right))
    if one != other:
        yield f"They are two people: {explainer.person(one).uid} and {explainer.person(other).uid}."
        common = explainer.shared(left, right)
        for kind, rule in common:
            why = {"blocked": "too many share it", "shared": "several people have it"}.get(rule, "it was outvoted")
            yield f"  both have the same {kind}, but {why}"
        if not common:
            yield "  they have no identifier in common"
        return
    person = explainer.person(one)
    names = {record.unit: name_of(record) for record in reversed(person.records)}
    at = {record.key: record.unit for record in person.records}
    yield f"They are one person, {person.uid}."
    if at[left] == at[right]:
        yield "  both carry exactly the same identifiers"
        return
    here = at[left]
    way = explainer.path(person, at[left], at[right])
    for number, link in enumerate(way, 1):
        there = link.right if link.left == here else link.left
        yield f"  {number}. {names.get(here, here)} and {names.get(there, there)}: {of_link(link)}"
        here = there
    if not way:
        yield "  they came together earlier, and nothing has parted them since"


def _hidden(part: str) -> str:
    return f"{part[:1]}•••{part[-1:]}" if len(part) > 2 else "•••"  # noqa: PLR2004
