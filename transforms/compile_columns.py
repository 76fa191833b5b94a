"""A preset's stream rule compiled to one DuckDB query over a block of records.

The same rule as in `compile_rows`, and the same rows: each field takes the plain forms that SQL surely reads like the
row mapper. A record with anything else is marked `odd`, and is mapped, or rejected, by the row mapper itself.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from pipe.columnar import literal, quoted
from pipe.keys import KEY_LENGTH, SEPARATOR
from pipe.streams import CONVERSIONS, Kind
from transforms import columns_money, columns_text, columns_time
from transforms.columns_rules import FRAGMENTS, currency_code, first_filled, fragment, literal_of, translated
from transforms.columns_text import Cell, Value, marks
from transforms.compile_rows import IS_DELETED, MONEY, canonical
from transforms.reads import Joined, Multiplied, Read, SourceFields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from transforms.compile_rows import Target
    from transforms.rules import Candidate, Condition, FieldRule


KEEP, ODD = "#keep", "#odd"
"""Columns of the query's result beside the canonical ones: no filter leaves the row out; SQL cannot tell."""

_REFUND = "refund_amount"


class ColumnMapper:
    """The query of one rule, for each set of types its source columns can have."""

    def __init__(self, target: Target, schema: dict[str, Any]) -> None:
        """Take `target.rule` for a source stream whose SCHEMA is `schema`; `compile_row` has told of its mistakes.

        Raises:
            NotColumnarError: the rule is beyond SQL.
        """
        self._target = target
        self._fields = SourceFields(schema)
        self.query = cache(self._query)
        self._query(tuple((read, ("", "VARCHAR")) for read in self.reads), "")

    @cached_property
    def reads(self) -> frozenset[Read]:
        """The values of a record that the rule looks at."""
        rule = self._target.rule
        wanted = [one.candidates for one in rule.fields.values()] + [one.candidates for one in rule.fragments]
        wanted += [rule.refund.amount.candidates] if rule.refund.amount else []
        found = {read for candidates in wanted for read in self._flat(self._fields.candidates(candidates))}
        found |= {self._fields.deleted_at} if self._fields.deleted_at else set()
        conditions = [*rule.filters, *([rule.refund.when] if rule.refund.when else [])]
        return frozenset(found | {read for condition in conditions for read in self._tested(condition)})

    def _query(self, types: tuple[tuple[Read, tuple[str, str]], ...], relation: str) -> str:
        """The query over `relation`; `types` says which column a value is in, and its SQL type."""
        cells = {read: columns_text.cell(column, sql_type) for read, (column, sql_type) in types}
        return _Query(self._target, self._fields, cells).compile(relation)

    def _flat(self, found: Iterable[Read | Joined | Multiplied]) -> Iterable[Read]:
        for one in found:
            yield from (one,) if isinstance(one, Read) else one.parts

    def _tested(self, condition: Condition) -> Iterable[Read]:
        for inner in condition.any_of:
            yield from self._tested(inner)
        if condition.path:
            yield from self._fields.reads(condition.path)[:1]


class _Query:
    """Writes the query, one projection over another."""

    def __init__(self, target: Target, fields: SourceFields, cells: Mapping[Read, Cell]) -> None:
        self.target = target
        self.rule = target.rule
        self.fields = fields
        self.cells = cells
        self.kinds = {field.name: field.kind for field in self.rule.into.fields}
        self.text = ""
        self.odd: list[str] = []
        self.outputs: dict[str, str] = {}  # canonical field -> SQL over the last projection

    def compile(self, relation: str) -> str:
        """The text of the query."""
        self.text = f"FROM {relation}"
        currency, others = _parted(self.rule.fields, lambda name: name == "currency")
        self._convert_all(currency)  # amounts in minor units need it
        self._convert_all(others)
        self._refund()
        self._key()
        self.outputs["identity_fragments"] = self._fragments()
        tests = [self._test(condition) for condition in self.rule.filters]
        keep = " AND ".join(f"({test.sql})" for test in tests) or "true"
        odd = marks(
            *(test.odd for test in tests),
            f"(({keep}) AND ({marks(*self.odd)}))" if self.odd else "",
            self._retracted(keep),
        )
        final = {name: self.outputs[name] for name in self.rule.into.field_names if name in self.outputs}
        return _projected({**final, KEEP: keep, ODD: f"coalesce({odd or 'false'}, false)"}, self.text)

    def _retracted(self, keep: str) -> str:
        """SQL for records that may take a row back, few as they are: they are for the row mapper."""
        unmatched = f"(NOT ({keep}))" if self.rule.retract_unmatched else ""
        read = self.fields.deleted_at
        if read is None:
            return unmatched
        self.outputs.setdefault(IS_DELETED, "NULL::BOOLEAN")
        moment = columns_text.text(self.cells[read])
        return marks(unmatched, f"({moment.sql} IS NOT NULL)", moment.all_odd())

    def _convert_all(self, rules: Mapping[str, FieldRule]) -> None:
        """Projections: fields as read; local times as instants; then defaults, and marks where something is amiss."""
        read, placed, settled = {}, {}, {}
        for name, rule in rules.items():
            value = self._field(name, rule)
            column, odd, must = (quoted(f"{part} {name}") for part in ("read", "odd", "must"))
            read[f"read {name}"] = self._typed(name, value.sql)
            parts = {"odd": value.odd, "must": value.must, "local": value.local}
            read |= {f"{part} {name}": sql for part, sql in parts.items() if sql}
            if value.local:
                zone = rule.zone or self.target.source.zone
                column = quoted(f"placed {name}")
                utc = columns_time.in_utc(quoted(f"local {name}"), zone)
                placed[f"placed {name}"] = f"coalesce({quoted(f'read {name}')}, {utc})"
            found = [odd] if value.odd else []
            found += [f"({must} AND {column} IS NULL)"] if value.must else []
            if rule.default is not None:
                settled[f"field {name}"] = f"coalesce({column}, {self._constant(name, rule)})"
            else:
                settled[f"field {name}"] = column
                found += [f"{column} IS NULL"] if name in self.rule.into.required else []
            if found:
                settled[f"unsure {name}"] = marks(*found)
                self.odd.append(quoted(f"unsure {name}"))
            if (
                value.sql != "NULL" or value.odd or value.local or rule.default is not None
            ):  # else there is nothing to be had
                self.outputs[name] = quoted(f"field {name}")
        for step in (read, placed, settled):
            self._project(step)

    def _project(self, columns: Mapping[str, str]) -> None:
        if columns:
            self.text = f"FROM ({_projected({'*': '*', **columns}, self.text)})"

    def _field(self, name: str, rule: FieldRule) -> Value:
        """The field as its candidates give it."""
        if rule.constant is not None and name != _REFUND:
            return Value(self._constant(name, rule))
        found = self._found(rule.candidates)
        return first_filled(found, [self._convert(name, rule, cell) for cell in found])

    def _convert(self, name: str, rule: FieldRule, cell: Cell) -> Value:
        kind = self.kinds[name]
        if kind is Kind.DECIMAL:
            currency = self.outputs.get("currency", "NULL") if name in MONEY | {_REFUND} else "NULL"
            return columns_money.amount(cell, rule.unit, rule.number_format, currency)
        value = self._convert_plainly(kind, rule, cell)
        if rule.values:
            value = translated(cell, value, rule, kind)
        return currency_code(value) if name == "currency" else value

    def _convert_plainly(self, kind: Kind, rule: FieldRule, cell: Cell) -> Value:
        if kind is Kind.TIMESTAMP:
            return columns_time.instant(cell, rule.format, rule.zone or self.target.source.zone)
        if kind is Kind.DATE:
            return columns_time.day(cell, rule.format)
        return columns_text.boolean(cell) if kind is Kind.BOOLEAN else columns_text.text(cell)

    def _refund(self) -> None:
        """Take refunds off the value, or turn a refund's own record into a negative conversion."""
        refund = self.rule.refund
        if refund.amount is not None:
            self._convert_all({_REFUND: refund.amount})
        if _REFUND in self.outputs:
            left, taken = columns_money.less(self.outputs["value"], self.outputs[_REFUND])
            self._change({"value": left, _REFUND: taken})
        if refund.when is not None:
            test = self._test(refund.when)
            self.odd += [test.odd] if test.odd else []
            changed = {"value": columns_money.negative(self.outputs["value"], test.sql)}
            if "conversion_type" in self.outputs:
                kept = self.outputs["conversion_type"]
                changed["conversion_type"] = Value(f"CASE WHEN {test.sql} THEN 'refund' ELSE {kept} END")
            self._change(changed)

    def _change(self, values: Mapping[str, Value]) -> None:
        """A projection with other values for these fields."""
        self._project(
            {f"changed {name}": value.sql for name, value in values.items()}
            | {f"unsure changed {name}": value.odd for name, value in values.items() if value.odd}
        )
        for name, value in values.items():
            self.outputs[name] = quoted(f"changed {name}")
            self.odd += [quoted(f"unsure changed {name}")] if value.odd else []

    def _key(self) -> None:
        connector, tenant, stream = self.target.source.connector, self.target.tenant, self.target.source_stream
        named = self.outputs["transaction_id" if self.rule.into is CONVERSIONS else "source_record_id"]
        start = literal(SEPARATOR.join((tenant, connector, stream, "")))
        self.outputs[self.rule.into.key] = f"left(sha256({start} || {named}), {KEY_LENGTH})"
        self.outputs["customer_id"] = literal(tenant)
        self.outputs["connector"] = literal(connector)
        self.outputs["source_stream"] = literal(stream)

    def _fragments(self) -> str:
        """The list of fragments. A profile's own id always identifies it, within its connector."""
        connector = self.target.source.connector
        profile = self.rule.into is not CONVERSIONS
        found = [fragment("customer_id", self.outputs["source_record_id"], connector, 1.0)] if profile else []
        read = {}
        for number, rule in enumerate(self.rule.fragments):
            cells = self._found(rule.candidates)
            if not cells:
                continue
            value = first_filled(cells, [columns_text.text(cell) for cell in cells])
            read[f"fragment {number}"] = value.sql
            if profile and rule.type == "customer_id":
                read[f"fragment {number}"] = f"nullif({value.sql}, {self.outputs['source_record_id']})"
            if odd := value.all_odd():
                read[f"odd fragment {number}"] = odd
                self.odd.append(quoted(f"odd fragment {number}"))
            found.append(fragment(rule.type, quoted(f"fragment {number}"), connector, rule.confidence))
        self._project(read)
        return f"list_filter([{', '.join(found)}]::{FRAGMENTS}, lambda x: x.value IS NOT NULL)"

    def _test(self, condition: Condition) -> Value:
        """A filter, never NULL."""
        if condition.any_of:
            tests = [self._test(one) for one in condition.any_of]
            return Value(f"({' OR '.join(test.sql for test in tests)})", marks(*(test.odd for test in tests)))
        reads = self.fields.reads(condition.path)[:1] if condition.path else []
        value = columns_text.text(self.cells[reads[0]]) if reads else Value("NULL::VARCHAR")
        if not condition.values:
            return Value(f"({value.sql} IS {'NOT ' if condition.negated else ''}NULL)", value.all_odd())
        lower = columns_text.lower(value)
        listed = columns_text.is_in(f"coalesce({lower.sql}, '')", condition.values)
        return Value(f"({'NOT ' if condition.negated else ''}{listed})", lower.all_odd())

    def _found(self, candidates: tuple[Candidate, ...]) -> list[Cell]:
        return [self._cell(one) for one in self.fields.candidates(candidates)]

    def _cell(self, one: Read | Joined | Multiplied) -> Cell:
        if isinstance(one, Joined):
            return columns_text.joined(one.separator, [self.cells[part] for part in one.parts])
        if isinstance(one, Multiplied):
            return columns_text.multiplied([self.cells[part] for part in one.parts])
        return self.cells[one]

    def _typed(self, name: str, sql: str) -> str:
        return f"NULL::{self.kinds[name].value.duckdb}" if sql == "NULL" else sql

    def _constant(self, name: str, rule: FieldRule) -> str:
        kind = self.kinds[name]
        value = canonical(name, kind, rule, self.target.source.zone)
        return f"{literal_of(value, kind)}::{kind.value.duckdb}"


def _projected(columns: Mapping[str, str], source: str) -> str:
    listed = ", ".join(sql if sql == "*" else f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    return f"SELECT {listed} {source}"


def _parted(rules: Mapping[str, FieldRule], test: Callable[[str], bool]) -> tuple[dict[str, FieldRule], ...]:
    return tuple({name: rule for name, rule in rules.items() if test(name) is wanted} for wanted in (True, False))
