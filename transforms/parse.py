"""Reading presets: every mistake in one go, each with its place."""

from __future__ import annotations

from typing import Any

from pipe import times
from pipe.errors import ConfigurationError
from pipe.money import NUMBER_FORMATS, UNITS
from pipe.streams import CONVERSION_TYPES, CONVERSIONS, CUSTOMER_PROFILES, FRAGMENT_TYPES, Field, Kind, Stream
from transforms.drift import KINDS
from transforms.rules import (
    ANY,
    Candidate,
    Condition,
    FieldRule,
    FragmentRule,
    Join,
    Path,
    Preset,
    Product,
    RefundRule,
    StreamRule,
    Sum,
)

TARGETS = {stream.name: stream for stream in (CONVERSIONS, CUSTOMER_PROFILES)}
_MADE_HERE = {
    "customer_id",
    "connector",
    "source_stream",
    "identity_fragments",
    "global_customer_id",
    "raw",
    "refund_amount",
}
"""Fields the mapper or a later step fills: no preset sets them."""

_STREAM_KEYS = {"match", "into", "fields", "filter", "unmatched", "fragments", "refund", "source_types"}
LEAVE, RETRACT = "leave", "retract"
_FIELD_KEYS = {"from", "constant", "default", "format", "zone", "unit", "number_format", "values"}


class Problems:
    """Collects mistakes, to raise them together."""

    def __init__(self, what: str) -> None:
        """`what` is being read, for the headline."""
        self.what = what
        self.found: list[str] = []

    def add(self, place: str, problem: str) -> None:
        """Note a mistake at `place`."""
        self.found.append(f"{place}: {problem}")

    def unknown(self, place: str, given: dict[str, Any], known: set[str]) -> None:
        """Note every key that is not known."""
        for key in sorted(map(str, set(given) - known)):
            self.add(place, f"unknown key '{key}' (known: {', '.join(sorted(known))})")

    def raise_if_any(self) -> None:
        """Raise `ConfigurationError` naming all of them."""
        if self.found:
            count = f"{len(self.found)} mistake{'s' if len(self.found) > 1 else ''}"
            raise ConfigurationError(f"{count} in {self.what}: " + "; ".join(self.found))


def preset(name: str, document: Any) -> Preset:
    """The preset that a YAML document describes.

    Raises:
        ConfigurationError: names every mistake in it.
    """
    problems = Problems(f"preset '{name}'")
    result = Preset(name, "", ())
    if not isinstance(document, dict) or not isinstance(document.get("streams"), dict) or not document["streams"]:
        problems.add("top", "needs a mapping 'streams' with at least one stream")
    else:
        problems.unknown("top", document, {"title", "streams"})
        streams = tuple(stream(str(key), body, problems) for key, body in document["streams"].items())
        result = Preset(name, str(document.get("title", name)), streams)
    problems.raise_if_any()
    return result


def stream(name: str, body: Any, problems: Problems) -> StreamRule:
    """One entry of `streams`."""
    place = f"streams.{name}"
    if not isinstance(body, dict):
        problems.add(place, "must be a mapping")
        body = {}
    problems.unknown(place, body, _STREAM_KEYS)
    into = TARGETS.get(str(body.get("into")))
    if into is None:
        problems.add(f"{place}.into", f"must be one of {', '.join(TARGETS)}")
        into = CONVERSIONS
    rule = StreamRule(
        name=name,
        match=_names(body.get("match", name), f"{place}.match", problems),
        into=into,
        fields=fields(body.get("fields", {}), into, f"{place}.fields", problems),
        filters=conditions(body.get("filter", []), f"{place}.filter", problems),
        retract_unmatched=unmatched(body.get("unmatched", LEAVE), place, problems),
        fragments=fragments(body.get("fragments", []), f"{place}.fragments", problems),
        refund=refund(body.get("refund"), f"{place}.refund", problems),
        source_types=source_types(body.get("source_types", {}), f"{place}.source_types", problems),
    )
    for required in (*into.required, *(["conversion_type"] if into is CONVERSIONS else [])):
        if required not in rule.fields:
            problems.add(f"{place}.fields", f"'{required}' is required")
    return rule


def fields(given: Any, into: Stream, place: str, problems: Problems) -> dict[str, FieldRule]:
    """Field rules by canonical field, in the canonical order."""
    if not isinstance(given, dict):
        problems.add(place, "must be a mapping of canonical field to source field")
        return {}
    possible = settable(into)
    problems.unknown(place, given, set(possible))
    return {
        name: field_rule(given[name], field.kind, f"{place}.{name}", problems)
        for name, field in possible.items()
        if name in given
    }


def settable(into: Stream) -> dict[str, Field]:
    """The fields of a canonical stream that a preset may set, in their order."""
    return {field.name: field for field in into.fields[1:] if field.name not in _MADE_HERE}


def field_rule(given: Any, kind: Kind, place: str, problems: Problems) -> FieldRule:
    """One field: a source field, a list of them, or a mapping with options."""
    if not isinstance(given, dict) or {"join", "sum", "product"} & set(given):
        given = {"from": given}
    problems.unknown(place, given, _FIELD_KEYS)
    if ("from" in given) == ("constant" in given):
        problems.add(place, "needs either 'from' or 'constant'")
    values = given.get("values") or {}
    if not isinstance(values, dict):
        problems.add(f"{place}.values", "must be a mapping of source value to canonical value")
        values = {}
    if place.endswith(".conversion_type"):
        written = [given.get("constant"), given.get("default"), *values.values()]
        for value in written:
            if value is not None and value not in CONVERSION_TYPES:
                problems.add(place, f"conversion types are {', '.join(CONVERSION_TYPES)}")
    _choice(given, "unit", UNITS, place, problems)
    _choice(given, "number_format", NUMBER_FORMATS, place, problems)
    _check_time(given, kind, place, problems)
    return FieldRule(
        candidates=candidates(given.get("from"), place, problems),
        constant=given.get("constant"),
        default=given.get("default"),
        format=str(given.get("format", "iso")),
        zone=given.get("zone"),
        unit=given.get("unit", "major"),
        number_format=given.get("number_format", "point"),
        values=tuple((str(key).lower(), value) for key, value in sorted(values.items(), key=lambda item: str(item[0]))),
    )


def candidates(given: Any, place: str, problems: Problems) -> tuple[Candidate, ...]:
    """An ordered list of where a value may be found."""
    if given is None:
        return ()
    result: list[Candidate] = []
    for item in given if isinstance(given, list) else [given]:
        if isinstance(item, dict) and "join" in item:
            problems.unknown(place, item, {"join", "separator"})
            parts = item["join"] if isinstance(item["join"], list) else [item["join"]]
            paths = tuple(_path(part, place, problems) for part in parts)
            result.append(Join(paths, str(item.get("separator", "|"))))
        elif isinstance(item, dict) and "sum" in item:
            problems.unknown(place, item, {"sum"})
            result.append(Sum(_path(item["sum"], place, problems, wildcard=True)))
        elif isinstance(item, dict) and "product" in item:
            problems.unknown(place, item, {"product"})
            factors = item["product"] if isinstance(item["product"], list) else [item["product"]]
            result.append(Product(tuple(_path(factor, place, problems) for factor in factors)))
        else:
            result.append(_path(item, place, problems))
    return tuple(result)


def conditions(given: Any, place: str, problems: Problems) -> tuple[Condition, ...]:
    """A list of conditions that must all hold."""
    if not isinstance(given, list):
        given = [given]
    return tuple(condition(item, f"{place}.{index}", problems) for index, item in enumerate(given))


def condition(given: Any, place: str, problems: Problems) -> Condition:
    """One condition: {field, in}, {field, not_in}, {field, present} or {any: [...]}."""
    if isinstance(given, dict) and "any" in given:
        problems.unknown(place, given, {"any"})
        return Condition(any_of=conditions(given["any"], f"{place}.any", problems))
    tests = {"in", "not_in", "present"}
    if not isinstance(given, dict) or "field" not in given or len(tests & set(given)) != 1:
        problems.add(place, "needs 'field' and one of 'in', 'not_in', 'present'")
        return Condition()
    problems.unknown(place, given, tests | {"field"})
    path = _path(given["field"], place, problems)
    if "present" in given:
        return Condition(path, (), negated=bool(given["present"]))
    key = "in" if "in" in given else "not_in"
    values = given[key] if isinstance(given[key], list) else [given[key]]
    texts = tuple(sorted(str(value).lower() for value in values))
    return Condition(path, texts, negated=key == "not_in")


def unmatched(given: Any, place: str, problems: Problems) -> bool:
    """Whether records that do not pass the filters take back their rows (`retract`) or are just left out (`leave`)."""
    _choice({"unmatched": given}, "unmatched", (LEAVE, RETRACT), place, problems)
    return bool(given == RETRACT)


def fragments(given: Any, place: str, problems: Problems) -> tuple[FragmentRule, ...]:
    """The identifiers a record carries."""
    if not isinstance(given, list):
        problems.add(place, "must be a list of {type, from}")
        return ()
    result = []
    for index, item in enumerate(given):
        here = f"{place}.{index}"
        if not isinstance(item, dict) or "from" not in item:
            problems.add(here, "needs 'type' and 'from'")
            continue
        problems.unknown(here, item, {"type", "from", "confidence"})
        if item.get("type") not in FRAGMENT_TYPES:
            problems.add(f"{here}.type", f"must be one of {', '.join(FRAGMENT_TYPES)}")
        confidence = item.get("confidence", 1.0)
        if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
            problems.add(f"{here}.confidence", "must be a number from 0 to 1")
            confidence = 1.0
        found = candidates(item["from"], f"{here}.from", problems)
        result.append(FragmentRule(str(item.get("type")), found, float(confidence)))
    return tuple(result)


def refund(given: Any, place: str, problems: Problems) -> RefundRule:
    """The refund shape: {from, unit, number_format} on the sale, or {when: condition} for records of their own."""
    if given is None:
        return RefundRule()
    if isinstance(given, dict) and "when" in given:
        problems.unknown(place, given, {"when"})
        return RefundRule(when=condition(given["when"], f"{place}.when", problems))
    return RefundRule(amount=field_rule(given, Kind.DECIMAL, place, problems))


def source_types(given: Any, place: str, problems: Problems) -> tuple[tuple[str, str], ...]:
    """What kind each source field is of (see `transforms.drift`)."""
    if not isinstance(given, dict):
        problems.add(place, "must be a mapping of source field to its kind")
        return ()
    for name, its in given.items():
        if its not in KINDS:
            problems.add(f"{place}.{name}", f"must be one of {', '.join(KINDS)}")
    return tuple((str(name), str(its)) for name, its in given.items())


def _path(given: Any, place: str, problems: Problems, *, wildcard: bool = False) -> Path:
    path = Path.of(str(given)) if isinstance(given, str | int) else Path(("",))
    if not all(path.steps):
        problems.add(place, "must name a source field")
    elif (ANY in path.steps) != wildcard:
        problems.add(place, "'*' belongs into a sum, and a sum needs one")
    return path


def _names(given: Any, place: str, problems: Problems) -> tuple[str, ...]:
    names = given if isinstance(given, list) else [given]
    if not names or not all(isinstance(name, str) and name for name in names):
        problems.add(place, "must be a name of a source stream, or a list of them")
        return ()
    return tuple(names)


def _choice(given: dict[str, Any], key: str, known: tuple[str, ...], place: str, problems: Problems) -> None:
    if key in given and given[key] not in known:
        problems.add(f"{place}.{key}", f"must be one of {', '.join(known)}")


def _check_time(given: dict[str, Any], kind: Kind, place: str, problems: Problems) -> None:
    if "format" not in given and "zone" not in given:
        return
    if kind not in {Kind.TIMESTAMP, Kind.DATE}:
        problems.add(place, "'format' and 'zone' are for times and dates")
        return
    for form, zone in ((str(given.get("format", "iso")), "UTC"), ("iso", str(given.get("zone") or "UTC"))):
        try:
            times.time_parser(form, zone)
        except ConfigurationError as error:
            problems.add(place, error.problem)
