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

from pipe import messages, times
from pipe.errors import ConfigurationError, SkippableError
from pipe.keys import key_maker
from pipe.money import amount_parser
from pipe.money import to_text as money_text
from pipe.streams import CONVERSIONS, Kind
from transforms import convert
from transforms.reads import DELETED_AT, Read, SourceFields
from transforms.row_reader import RowReader
from transforms.rules import FieldRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transforms.rules import Source, StreamRule

_TEXT = "(v.strip() or None) if v.__class__ is str else text(v)"
"""`convert.text`, without a call for what is text already."""

_DECODE = """try:
        s = decode(record)
    except InvalidOperation:
        raise SkippableError('has a number beyond all bounds', rule='malformed') from None"""

RowMapper = Callable[[msgspec.Raw], "bytes | None"]
"""Encoded source record -> encoded canonical record, or `Retraction`; None when a filter leaves it out;
`SkippableError` when bad."""

_STARTED = times.now_text()
"""One moment for a whole run, so that both paths say the same."""

IS_DELETED, CHANGED_AT = "is_deleted", "source_updated_at"

MONEY = frozenset({"value", "subtotal", "tax", "tip", "discount", "shipping_amount"})


class Retraction(bytes):
    """An encoded canonical record with its key and `_sdc_deleted_at` alone: its row, if there is one, is gone."""


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
    map_row = _Compiler(target, schema).compile()
    if not target.rule.retract_unmatched and SourceFields(schema).deleted_at is None:
        return map_row
    retract = _Compiler(target, schema).compile_retraction()

    def map_or_retract(record: msgspec.Raw) -> bytes | None:
        try:
            row = map_row(record)
        except SkippableError as error:
            return retract(record, error)
        return retract(record) if row is None else row

    return map_or_retract


class _Compiler(RowReader):
    """Writes the function's lines, and gathers the objects they name."""

    def __init__(self, target: Target, schema: dict[str, Any]) -> None:
        super().__init__(target.rule, schema)
        self.target = target
        self.names |= {
            "Fragment": Fragment,
            "SkippableError": SkippableError,
            "Decimal": Decimal,
            "InvalidOperation": InvalidOperation,
            "money_text": money_text,
            "bad_values": target.bad_values,
        }
        self.outputs: dict[str, str] = {}  # canonical field -> expression

    def compile(self) -> RowMapper:
        rule = self.rule
        self._bare_deletions()
        self._filters()
        for name in self._order():
            self._field(name, rule.fields[name])
        self._refund()
        self._key()
        self._fragments()
        if rule.into is CONVERSIONS and self.target.include_raw:
            self.outputs["raw"] = "record"
        self._deletion()
        self.lines.append(f"return encode({self._row(rule.into.field_names)})")
        mapper: RowMapper = self._function("record")
        return mapper

    def compile_retraction(self) -> Callable[..., Retraction | None]:
        """The function that takes back the row an earlier state of a record was mapped to.

        It gets a record that came to no row, and the error that says so, if any. A deleted record, or one that the
        rule retracts since no filter lets it pass any more, gives its key and when that was; an error of any other
        record is raised again; all the rest is None.
        """
        named, into = self._id_field, self.rule.into
        self._moment()
        self.lines += ["if at is None:", "    if error is not None:", "        raise error"]
        if self.rule.retract_unmatched:
            self._changed_at()
        else:
            self.lines.append("    return None")
        self._first(self._candidates(self.rule.fields[named].candidates))
        self._convert(named, self.rule.fields[named], f"o_{named}", required=False)
        self.lines += [f"if o_{named} is None:", "    return None"]
        self._key()
        self.outputs = {into.key: self.outputs[into.key], DELETED_AT: "at"}
        self.names["Retraction"] = Retraction
        self.lines.append(f"return Retraction(encode({self._row((into.key, DELETED_AT))}))")
        retract: Callable[..., Retraction | None] = self._function("record, error=None")
        return retract

    def _order(self) -> list[str]:
        """Currency first: amounts in minor units need it."""
        return sorted(self.rule.fields, key=lambda name: name != "currency")

    @property
    def _id_field(self) -> str:
        """The canonical field that the key is made of."""
        return "transaction_id" if self.rule.into is CONVERSIONS else "source_record_id"

    def _bare_deletions(self) -> None:
        """Nothing is mapped of a deleted record that comes with its id alone, and when it was changed."""
        read = self.fields.deleted_at
        if read is None:
            return
        rules = [self.rule.fields[name] for name in (self._id_field, CHANGED_AT) if name in self.rule.fields]
        names = {root for rule in rules for candidate in rule.candidates for root in candidate.roots}
        others = sorted(name for root in self.rule.roots - names for name in self.fields.spelled(root))
        empty = [f"{self._expression(Read(name))} is None" for name in others]
        tests = [f"text({self._expression(read)}) is not None", *empty]
        self.lines += [f"if {' and '.join(tests)}:", "    return None"]

    def _moment(self) -> None:
        """Lines that set `at`: when the source deleted the record."""
        read = self.fields.deleted_at
        self.names["instant"] = times.time_parser("iso", "UTC")
        self.lines.append(f"v = {self._expression(read) if read else None}")
        self._guarded("at = instant(text(v))", "at", DELETED_AT, strict=True)

    def _changed_at(self) -> None:
        """Lines that set `at` to when the record was changed; where the source does not say so, to when we began."""
        self.names["now"] = _STARTED
        rule = self.rule.fields.get(CHANGED_AT, FieldRule())
        self._first(self._candidates(rule.candidates))
        self._convert(CHANGED_AT, rule, "changed", required=False)
        self.lines.append("at = at or changed or now")

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
        self.names["key"] = key_maker(self.target.tenant, source.connector, self.target.source_stream)
        self.outputs[self.rule.into.key] = f"key(o_{self._id_field})"
        self.outputs["customer_id"] = repr(self.target.tenant)
        self.outputs["connector"] = repr(source.connector)
        self.outputs["source_stream"] = repr(self.target.source_stream)

    def _fragments(self) -> None:
        """The list `fragments`. A profile's own id always identifies it, within its connector."""
        connector = self.target.source.connector
        self.lines.append("fragments = []")
        if self.rule.into is not CONVERSIONS:
            self.lines.append(f"fragments.append(Fragment('customer_id', o_source_record_id, {connector!r}, 1.0))")
        for fragment in self.rule.fragments:
            found = self._candidates(fragment.candidates)
            if not found:
                continue
            self._first(found)
            own = self.rule.into is not CONVERSIONS and fragment.type == "customer_id"
            self.lines += [
                f"v = {_TEXT}",
                f"if v is not None{' and v != o_source_record_id' if own else ''}:",
                f"    fragments.append(Fragment({fragment.type!r}, v, {connector!r}, {fragment.confidence!r}))",
            ]
        self.outputs["identity_fragments"] = "fragments"

    def _deletion(self) -> None:
        """A record the source has deleted says so, whatever else the preset reads."""
        if read := self.fields.deleted_at:
            known = self.outputs.get(IS_DELETED, "None")
            self.outputs[IS_DELETED] = f"(True if text({self._expression(read)}) is not None else {known})"

    def _row(self, names: Iterable[str]) -> str:
        """The expression that makes the canonical struct of these fields, where there is something for them."""
        found = [name for name in names if name in self.outputs]
        self.names["Row"] = msgspec.defstruct(
            "Row", [(name, Any, None) for name in found], omit_defaults=True, gc=False
        )
        return f"Row({', '.join(self.outputs[name] for name in found)})"

    def _function(self, parameters: str) -> Any:
        """The lines as a function."""
        self.names["encode"] = messages.encode
        self.names["decode"] = msgspec.json.Decoder(self._input_type(), float_hook=Decimal).decode
        body = "\n    ".join(self.lines)
        code = f"def map_row({parameters}):\n    {_DECODE}\n    {body}\n"
        exec(compile(code, f"<preset {self.target.source.preset.name}.{self.rule.name}>", "exec"), self.names)  # noqa: S102
        return self.names["map_row"]

    def _kind(self, name: str) -> Kind:
        return next(column.kind for column in self.rule.into.fields if column.name == name)

    def _bind(self, name: str, value: Any) -> None:
        """Make `name` a local constant: an argument default would do the same, less legibly."""
        self.names[name] = value
        if name.startswith("o_"):
            self.names["k" + name] = self.names.pop(name)
            self.lines.append(f"{name} = k{name}")


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
