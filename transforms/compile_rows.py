"""A preset's stream rule compiled to a Python function for RECORD messages.

Interpreting a preset costs more than all the work it asks for, so the rule is written out once as straight code:
only the source fields it needs are decoded (into a struct made for them), every candidate chain is a few `if`s, and
the result is a struct that holds the mapped fields alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from pipe import messages
from pipe.errors import ConfigurationError, SkippableError
from pipe.keys import key_maker
from pipe.money import amount_parser
from pipe.money import to_text as money_text
from pipe.streams import CONVERSIONS, Kind
from transforms import convert
from transforms.reads import DELETED_AT, Joined, Multiplied, Read, SourceFields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transforms.rules import Candidate, Condition, FieldRule, FragmentRule, Source, StreamRule

_TEXT = "(v.strip() or None) if v.__class__ is str else text(v)"
"""`convert.text`, without a call for what is text already."""

_DECODE = """try:
        s = decode(record)
    except InvalidOperation:
        raise SkippableError('has a number beyond all bounds', rule='malformed') from None"""

_UNUSUAL = re.compile(r'[\\"\x00-\x1f]')
"""Characters a struct's field name cannot have."""

RowMapper = Callable[[msgspec.Raw], "bytes | None"]
"""Encoded source record -> encoded canonical record; None when a filter leaves it out; `SkippableError` when bad."""

IS_DELETED = "is_deleted"

MONEY = frozenset({"value", "subtotal", "tax", "tip", "discount", "shipping_amount"})


class Fragment(msgspec.Struct, gc=False):
    """One identifier of a record, as it goes into `identity_fragments`."""

    type: str
    value: str
    source_system: str
    confidence: float


@dataclass(frozen=True)
class Target:
    """What one compiled row mapper writes for."""

    tenant: str
    source: Source
    rule: StreamRule
    source_stream: str
    include_raw: bool = False
    reject_bad_values: bool = False
    bad_values: Counter[str] = field(default_factory=Counter)
    """Optional fields that were emptied because their value could not be read, by field."""


def compile_row(target: Target, schema: dict[str, Any]) -> RowMapper:
    """Compile `target.rule` for a source stream whose SCHEMA is `schema`.

    Raises:
        ConfigurationError: a required field has no source field in the schema.
    """
    return _Compiler(target, schema).compile()


class _Compiler:
    """Writes the function's lines, and gathers the objects they name."""

    def __init__(self, target: Target, schema: dict[str, Any]) -> None:
        self.target = target
        self.rule = target.rule
        self.fields = SourceFields(schema)
        self.as_dict = not has_usual_names(name for root in target.rule.roots for name in self.fields.spelled(root))
        self.inputs: dict[str, str] = {}  # source field -> attribute of the input struct
        self.names: dict[str, Any] = {
            "text": convert.text,
            "dig": convert.dig,
            "total": convert.total,
            "product": convert.product,
            "Fragment": Fragment,
            "SkippableError": SkippableError,
            "Decimal": Decimal,
            "InvalidOperation": InvalidOperation,
            "money_text": money_text,
            "bad_values": target.bad_values,
        }
        self.lines: list[str] = []
        self.outputs: dict[str, str] = {}  # canonical field -> expression

    def compile(self) -> RowMapper:
        rule = self.rule
        self._filters()
        for name in self._order():
            self._field(name, rule.fields[name])
        self._refund()
        self._key()
        self._fragments()
        if rule.into is CONVERSIONS and self.target.include_raw:
            self.outputs["raw"] = "record"
        self._deletion()
        self._finish()
        body = "\n    ".join(self.lines)
        code = f"def map_row(record):\n    {_DECODE}\n    {body}\n"
        exec(compile(code, f"<preset {self.target.source.preset.name}.{rule.name}>", "exec"), self.names)  # noqa: S102
        mapper: RowMapper = self.names["map_row"]
        return _bearing_deletions(mapper) if self.fields.deleted_at else mapper

    def _order(self) -> list[str]:
        """Currency first: amounts in minor units need it."""
        return sorted(self.rule.fields, key=lambda name: name != "currency")

    def _filters(self) -> None:
        for condition in self.rule.filters:
            self.lines += [f"if not ({self._test(condition)}):", "    return None"]

    def _field(self, name: str, rule: FieldRule) -> None:
        """Lines that set the local variable `o_<name>`."""
        variable = f"o_{name}"
        self.outputs[name] = variable
        required = name in self.rule.into.required
        if rule.constant is not None:
            self._bind(variable, canonical(name, self._kind(name), rule, self.target.source.zone))
            return
        found = self._candidates(rule.candidates)
        if not found and required and rule.default is None:
            raise ConfigurationError(
                f"none of its source fields ({', '.join(map(str, rule.candidates))}) is in the stream's schema",
                stream=self.target.source_stream,
                field=name,
                remedy=f"Name the right one in the mapper's settings: sources[].fields.{name} or field_overrides",
            )
        self._first(found)
        self._convert(name, rule, variable, required=required)

    def _convert(self, name: str, rule: FieldRule, variable: str, *, required: bool) -> None:
        kind = self._kind(name)
        converter = f"c_{name}"
        if kind is Kind.DECIMAL:
            self.names[converter] = amount_parser(rule.unit, rule.number_format)
            currency = "o_currency" if name in MONEY | {"refund_amount"} and "currency" in self.outputs else "None"
            call = f"{converter}(v, {currency})"
        elif kind is Kind.STRING and not rule.values:
            call = _TEXT
        else:
            self.names[converter] = convert.converter(kind, rule, self.target.source.zone)
            call = f"{converter}(v)"
        if name == "currency":
            call = f"upper({call})"
            self.names["upper"] = _upper
        if call is _TEXT:
            self.lines.append(f"{variable} = {call}")  # anything is text
        else:
            self._guarded(f"{variable} = {call}", variable, name, strict=required or self.target.reject_bad_values)
        if rule.default is not None:
            default = f"d_{name}"
            self._bind(default, canonical(name, kind, rule, self.target.source.zone))
            self.lines += [f"if {variable} is None:", f"    {variable} = {default}"]
        if required:
            self.lines += [
                f"if {variable} is None:",
                f"    raise SkippableError('is missing', rule='missing', field={name!r})",
            ]

    def _guarded(self, line: str, variable: str, name: str, *, strict: bool) -> None:
        """`line`, with a bad value rejecting the record, or (optional fields) emptying the field and counted."""
        self.lines += ["try:", f"    {line}", "except SkippableError as error:"]
        if strict:
            self.lines += [f"    error.field = {name!r}", "    raise"]
        else:
            self.lines += [f"    {variable} = None", f"    bad_values[{name!r}] += 1"]

    def _refund(self) -> None:
        """Take refunds off the value, or turn a refund's own record into a negative conversion."""
        refund = self.rule.refund
        if refund.amount is not None:
            self._first(self._candidates(refund.amount.candidates))
            self._convert("refund_amount", refund.amount, "o_refund_amount", required=False)
            self.outputs["refund_amount"] = "o_refund_amount"
            self.lines += [
                "if o_refund_amount is not None:",
                "    refunded = abs(Decimal(o_refund_amount))",
                "    o_refund_amount = money_text(refunded)",
                "    o_value = money_text(Decimal(o_value) - refunded)",
            ]
        if refund.when is not None:
            self.lines += [
                f"if {self._test(refund.when)}:",
                "    o_conversion_type = 'refund'",
                "    o_value = money_text(-abs(Decimal(o_value)))",
            ]

    def _key(self) -> None:
        source = self.target.source
        named = "transaction_id" if self.rule.into is CONVERSIONS else "source_record_id"
        self.names["key"] = key_maker(self.target.tenant, source.connector, self.target.source_stream)
        self.outputs[self.rule.into.key] = f"key(o_{named})"
        self.outputs["customer_id"] = repr(self.target.tenant)
        self.outputs["connector"] = repr(source.connector)
        self.outputs["source_stream"] = repr(self.target.source_stream)

    def _fragments(self) -> None:
        """The list `fragments`. A profile's own id always identifies it, within its connector."""
        connector = self.target.source.connector
        self.lines.append("fragments = []")
        if self.rule.into is not CONVERSIONS:
            self.lines.append(f"fragments.append(Fragment('customer_id', o_source_record_id, {connector!r}, 1.0))")
        for fragment in self._fragment_rules():
            found = self._candidates(fragment.candidates)
            if not found:
                continue
            self._first(found)
            self.lines += [
                f"v = {_TEXT}",
                "if v is not None:",
                f"    fragments.append(Fragment({fragment.type!r}, v, {connector!r}, {fragment.confidence!r}))",
            ]
        self.outputs["identity_fragments"] = "fragments"

    def _fragment_rules(self) -> list[FragmentRule]:
        if self.rule.into is CONVERSIONS:
            return list(self.rule.fragments)
        return [fragment for fragment in self.rule.fragments if fragment.type != "customer_id"]

    def _deletion(self) -> None:
        """A record the source has deleted says so, whatever else the preset reads."""
        if read := self.fields.deleted_at:
            known = self.outputs.get(IS_DELETED, "None")
            self.outputs[IS_DELETED] = f"(True if text({self._expression(read)}) is not None else {known})"

    def _finish(self) -> None:
        """The structs at both ends, and the return line."""
        into = self.rule.into
        out = msgspec.defstruct(
            "Row",
            [(name, Any, None) for name in into.field_names if name in self.outputs],
            omit_defaults=True,
            gc=False,
        )
        self.names["Row"] = out
        self.names["encode"] = messages.encode
        self.names["decode"] = msgspec.json.Decoder(self._input_type(), float_hook=Decimal).decode
        values = ", ".join(self.outputs[name] for name in into.field_names if name in self.outputs)
        self.lines.append(f"return encode(Row({values}))")

    def _input_type(self) -> Any:
        """A struct of the source fields the rule reads, so that no other field is decoded."""
        return dict[str, Any] if self.as_dict else struct_of(self.inputs)

    def _kind(self, name: str) -> Kind:
        return next(column.kind for column in self.rule.into.fields if column.name == name)

    def _bind(self, name: str, value: Any) -> None:
        """Make `name` a local constant: an argument default would do the same, less legibly."""
        self.names[name] = value
        if name.startswith("o_"):
            self.names["k" + name] = self.names.pop(name)
            self.lines.append(f"{name} = k{name}")

    # Reading the source.

    def _expression(self, read: Read | Joined | Multiplied) -> str:
        """What the function says for a value of the source."""
        if isinstance(read, Joined):
            self.names["join"] = _join
            return f"join({read.separator!r}, {', '.join(map(self._expression, read.parts))})"
        if isinstance(read, Multiplied):
            return f"product({', '.join(map(self._expression, read.parts))})"
        attribute = self.inputs.setdefault(read.root, f"f{len(self.inputs)}")
        value = f"s.get({read.root!r})" if self.as_dict else f"s.{attribute}"
        if read.summed:
            return f"total({value}, {read.steps!r})"
        return f"dig({value}, {read.steps!r})" if read.steps else value

    def _candidates(self, candidates: tuple[Candidate, ...]) -> list[str]:
        """Expressions of the candidates the schema has, in order."""
        return [self._expression(read) for read in self.fields.candidates(candidates)]

    def _first(self, expressions: list[str]) -> None:
        """Lines that set `v` to the first expression that is neither null nor empty."""
        if not expressions:
            self.lines.append("v = None")
            return
        self.lines.append(f"v = {expressions[0]}")
        for expression in expressions[1:]:
            self.lines += ["if v is None or v == '':", f"    v = {expression}"]

    def _test(self, condition: Condition) -> str:
        if condition.any_of:
            return "(" + " or ".join(self._test(one) for one in condition.any_of) + ")"
        reads = self.fields.reads(condition.path) if condition.path else []
        value = f"text({self._expression(reads[0]) if reads else 'None'})"
        if not condition.values:
            return f"({value} is {'not ' if condition.negated else ''}None)"
        listed = f"w_{len(self.names)}"
        self.names[listed] = frozenset(condition.values)
        return f"(({value} or '').lower() {'not in' if condition.negated else 'in'} {listed})"


def _bearing_deletions(map_row: RowMapper) -> RowMapper:
    """`map_row`, but a deletion that comes without its row (a log has only the key) is left out, not rejected."""
    taken = msgspec.defstruct("Deletion", [("at", Any, None)], rename={"at": DELETED_AT})
    decode = msgspec.json.Decoder(taken).decode

    def bearing(record: msgspec.Raw) -> bytes | None:
        try:
            return map_row(record)
        except SkippableError:
            if decode(record).at:  # type: ignore[attr-defined]
                return None
            raise

    return bearing


def has_usual_names(names: Iterable[str]) -> bool:
    """Whether a struct can have fields of these names; otherwise the stream's records are decoded to dictionaries."""
    return not any(_UNUSUAL.search(name) for name in names)


def struct_of(attributes: dict[str, str]) -> type[msgspec.Struct]:
    """A struct for some of a record's fields (name -> attribute), to decode those and no other."""
    return msgspec.defstruct(
        "Taken",
        [(attribute, Any, None) for attribute in attributes.values()],
        rename={attribute: name for name, attribute in attributes.items()},
        gc=False,
    )


def canonical(name: str, kind: Kind, rule: FieldRule, zone: str) -> Any:
    """A constant or default in the form the field has in its stream."""
    value = rule.constant if rule.constant is not None else rule.default
    try:
        if kind is Kind.DECIMAL:
            return amount_parser()(value, None)
        result = convert.converter(kind, rule, zone)(value)
    except SkippableError as error:
        raise ConfigurationError(f"its constant {error.problem}", field=name) from None
    return result.upper() if name == "currency" else result


def _upper(value: str | None) -> str | None:
    if value is None:
        return None
    code = value.upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise SkippableError("is not an ISO 4217 currency code", rule="currency")
    return code


def _join(separator: str, *values: Any) -> str | None:
    parts = [convert.text(value) for value in values]
    return None if None in parts else separator.join(part for part in parts if part)
