"""`map-conversions --check`: where each field of a tenant's config would be taken from, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from transforms.rules import Condition, FieldRule, Source, StreamRule


def read_config(path: str) -> dict[str, Any]:
    """A plugin's config file.

    Raises:
        ConfigurationError: it is not there, or not a JSON object.
    """
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError:
        raise ConfigurationError(f"the config file {path} cannot be read", remedy="Give the path of a file") from None
    except ValueError as error:
        raise ConfigurationError(f"the config file {path} is not JSON ({error})") from None
    if not isinstance(config, dict):
        raise ConfigurationError(f"the config file {path} is not a JSON object")
    return config


def print_sources(sources: tuple[Source, ...]) -> None:
    """Print every source, stream and field."""
    for source in sources:
        click.echo(f"{source.connector}: {source.preset.title}")
        for rule in source.preset.streams:
            for line in describe(rule, source.zone):
                click.echo(f"  {line}")


def describe(rule: StreamRule, zone: str) -> list[str]:
    """One stream rule, line by line."""
    lines = [f"{' | '.join(rule.match)} -> {rule.into.name}"]
    lines += [f"  only when {_condition(condition)}" for condition in rule.filters]
    if rule.retract_unmatched:
        lines.append("  any other takes back the row it was before")
    width = max(len(name) for name in rule.into.field_names)
    lines += [f"  {name:<{width}} <- {_field(field, zone)}" for name, field in rule.fields.items()]
    if rule.refund.amount:
        lines.append(f"  {'refund_amount':<{width}} <- {_field(rule.refund.amount, zone)}, taken off value")
    if rule.refund.when:
        lines.append(f"  a refund when {_condition(rule.refund.when)}: conversion_type refund, value negative")
    for fragment in rule.fragments:
        found = ", else ".join(map(str, fragment.candidates))
        lines.append(f"  {'identified by ' + fragment.type:<{width}} <- {found}")
    return lines


def _field(rule: FieldRule, zone: str) -> str:
    if rule.constant is not None:
        return f"always {rule.constant}"
    text = ", else ".join(map(str, rule.candidates))
    notes = []
    if rule.format != "iso":
        notes.append(f"format {rule.format}")
    if rule.zone or zone != "UTC":
        notes.append(f"zone {rule.zone or zone}")
    if rule.unit != "major":
        notes.append("in minor units" if rule.unit == "minor" else "in Stripe's minor units")
    if rule.number_format != "point":
        notes.append("decimal comma")
    if rule.values:
        notes.append(f"{len(rule.values)} values translated")
    if rule.default is not None:
        notes.append(f"else {rule.default}")
    return f"{text} ({', '.join(notes)})" if notes else text


def _condition(condition: Condition) -> str:
    if condition.any_of:
        return " or ".join(_condition(one) for one in condition.any_of)
    if not condition.values:
        return f"{condition.path} is {'not ' if condition.negated else ''}empty"
    return f"{condition.path} is {'none' if condition.negated else 'one'} of {', '.join(condition.values)}"
