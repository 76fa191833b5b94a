"""A tenant's sources: which preset, which connector id, and what the tenant changes about it."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipe import times
from pipe.errors import ConfigurationError
from transforms import parse
from transforms.parse import Problems
from transforms.rules import FieldRule, Preset, Source, StreamRule
from transforms.rules import Path as FieldPath

PRESETS = Path(__file__).parent / "presets"
_CHANGES = {"match", "fields", "field_overrides", "filter", "unmatched", "fragments", "refund", "source_types"}
_KEYS = {"preset", "connector", "zone", "streams", "currency", "extractor"} | _CHANGES
_CONNECTOR = re.compile(r"[a-z0-9][a-z0-9._-]*")


def shipped() -> list[str]:
    """Names of the presets in this package."""
    return sorted(path.stem for path in PRESETS.glob("*.yml"))


@cache
def load(name: str) -> Preset:
    """A shipped preset by name, or a tenant's own by the path of its YAML file.

    Raises:
        ConfigurationError: there is no such preset, or it has mistakes.
    """
    path = Path(name) if name.endswith((".yml", ".yaml")) else PRESETS / f"{name}.yml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise ConfigurationError(
            f"there is no preset '{name}'",
            remedy=f"Shipped are: {', '.join(shipped())}; or give the path of a .yml file",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"preset '{name}' is not YAML{line}") from None
    return parse.preset(path.stem, document)


def read(config: Any) -> tuple[Source, ...]:
    """The `sources` setting of map-conversions.

    Raises:
        ConfigurationError: names every mistake in it.
    """
    problems = Problems("setting 'sources'")
    if not isinstance(config, list) or not config:
        problems.add("sources", "must be a list with at least one {preset: ...}")
        config = []
    result = [_source(entry, f"sources.{index}", problems) for index, entry in enumerate(config)]
    problems.raise_if_any()
    return tuple(source for source in result if source)


def of_extractor(sources: tuple[Source, ...], extractor: str | None) -> tuple[Source, ...]:
    """The sources whose streams may come from that tap; all of them, where it is not known."""
    return tuple(source for source in sources if extractor is None or source.extractor in {None, extractor})


def _source(entry: Any, place: str, problems: Problems) -> Source | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("preset"), str):
        problems.add(place, f"needs 'preset', one of {', '.join(shipped())} or the path of a .yml file")
        return None
    problems.unknown(place, entry, _KEYS)
    try:
        preset = load(entry["preset"])
        zone = str(entry.get("zone", "UTC"))
        times.zone(zone)
    except ConfigurationError as error:
        problems.add(place, str(error))
        return None
    connector = str(entry.get("connector", preset.name))
    if not _CONNECTOR.fullmatch(connector):
        problems.add(f"{place}.connector", "must be lower case letters, digits, '-', '_' and '.'")
    changed = dataclasses.replace(preset, streams=_changed(preset, entry, place, problems))
    return Source(connector, changed, zone, entry.get("extractor"))


def _changed(preset: Preset, entry: dict[str, Any], place: str, problems: Problems) -> tuple[StreamRule, ...]:
    """The preset's streams with the tenant's changes: those for all streams first, then those for one."""
    single = entry.get("streams", {})
    if not isinstance(single, dict):
        problems.add(f"{place}.streams", "must be a mapping of the preset's streams to what changes in them")
        single = {}
    problems.unknown(f"{place}.streams", single, {rule.name for rule in preset.streams})
    general = {key: entry[key] for key in _CHANGES & set(entry)}
    if "currency" in entry:
        general["fields"] = {"currency": {"constant": entry["currency"]}} | general.get("fields", {})
    _check_reach(preset, general, place, problems)
    result = []
    for rule in preset.streams:
        changed = _apply(rule, general, place, problems, partly=True)
        own = single.get(rule.name) or {}
        problems.unknown(f"{place}.streams.{rule.name}", own, _CHANGES)
        result.append(_apply(changed, own, f"{place}.streams.{rule.name}", problems))
    return tuple(result)


def _check_reach(preset: Preset, general: dict[str, Any], place: str, problems: Problems) -> None:
    """A change meant for all streams must fit at least one of them."""
    known = {name for rule in preset.streams for name in rule.into.field_names}
    problems.unknown(f"{place}.fields", general.get("fields", {}), known)
    overrides = general.get("field_overrides", {})
    for source_field, target in overrides.items() if isinstance(overrides, dict) else []:
        if target not in known:
            problems.add(f"{place}.field_overrides.{source_field}", f"there is no canonical field '{target}'")


def _apply(
    rule: StreamRule, change: dict[str, Any], place: str, problems: Problems, *, partly: bool = False
) -> StreamRule:
    """`rule` with `change`; `partly` leaves out fields its canonical stream does not have."""
    given = dict(change.get("fields", {}))
    if partly:
        given = {name: value for name, value in given.items() if name in rule.into.field_names}
    fields = rule.fields | parse.fields(given, rule.into, f"{place}.fields", problems)
    fields = _overridden(fields, rule, change.get("field_overrides", {}), place, problems, partly=partly)
    extra = parse.fragments(change.get("fragments", []), f"{place}.fragments", problems)
    named = {fragment.type for fragment in extra}
    expected = parse.source_types(change.get("source_types", {}), f"{place}.source_types", problems)
    return dataclasses.replace(
        rule,
        match=tuple(_list(change["match"])) if "match" in change else rule.match,
        fields=fields,
        filters=rule.filters + parse.conditions(change.get("filter", []), f"{place}.filter", problems),
        retract_unmatched=parse.unmatched(change["unmatched"], place, problems)
        if "unmatched" in change
        else rule.retract_unmatched,
        fragments=extra + tuple(fragment for fragment in rule.fragments if fragment.type not in named),
        refund=parse.refund(change["refund"], f"{place}.refund", problems) if "refund" in change else rule.refund,
        source_types=tuple((dict(rule.source_types) | dict(expected)).items()),
    )


def _overridden(
    fields: dict[str, FieldRule],
    rule: StreamRule,
    overrides: Any,
    place: str,
    problems: Problems,
    *,
    partly: bool,
) -> dict[str, FieldRule]:
    """`field_overrides {SOURCE_FIELD: target}` (F059): the named source field goes before the preset's candidates."""
    if not isinstance(overrides, dict):
        problems.add(f"{place}.field_overrides", "must be a mapping of source field to canonical field")
        return fields
    result = dict(fields)
    taken: dict[str, str] = {}
    for source_field, target in sorted(overrides.items()):
        here = f"{place}.field_overrides.{source_field}"
        if target not in rule.into.field_names:
            if not partly:
                problems.add(here, f"'{rule.into.name}' has no field '{target}'")
            continue
        if target in taken:
            problems.add(
                here, f"'{target}' already comes from '{taken[target]}': give 'fields' an ordered list instead"
            )
            continue
        taken[target] = str(source_field)
        before = result.get(target, FieldRule())
        path = FieldPath.of(str(source_field))
        default = before.default if before.constant is None else before.constant
        result[target] = dataclasses.replace(
            before, candidates=(path, *before.candidates), constant=None, default=default
        )
    return {name: result[name] for name in rule.into.field_names if name in result}


def _list(given: Any) -> list[str]:
    return [str(item) for item in (given if isinstance(given, list) else [given])]
