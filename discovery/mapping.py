"""The preset that a proposal amounts to, in the language of map-conversions, and what blocks it.

`build(profile, role, columns)` is called again after a person has edited the columns: it takes their targets as they
are and adds nothing of its own but formats, filters and what identifies the person.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from discovery.proposal import Blocker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.proposal import ColumnProposal
    from discovery.table import TableProfile

CONVERSION_TYPES = {
    "order": "purchase",
    "line": "purchase",
    "payment": "purchase",
    "deal": "purchase",
    "refund": "refund",
    "lead": "lead",
    "event": "custom",
    "loyalty": "custom",
}
"""Role -> conversion type of its rows; roles that are not here feed no conversions."""

_PROFILES = {"customer", "lead"}
_MONEY = {"value", "subtotal", "tax", "tip", "discount", "shipping_amount", "refund_amount"}
_CONVERSION_FIELDS = (
    "transaction_id", "timestamp", "value", "currency", "quantity", "subtotal", "tax", "tip", "discount",
    "shipping_amount", "status", "channel", "product_id", "product_name", "product_category", "location_id",
    "location_name", "user_id", "gclid", "fbclid", "ttclid", "msclkid", "utm_source", "utm_medium", "utm_campaign",
    "updated_at",
)  # fmt: skip
_PROFILE_FIELDS = (
    "user_id", "first_name", "last_name", "full_name", "birth_date", "email", "phone", "street", "city", "region",
    "postal_code", "country", "company_name", "loyalty_id", "hashed_cc", "device_id", "cookie_id", "updated_at",
)  # fmt: skip
_NAMES = {"updated_at": "source_updated_at"}
_PROFILE_NAMES = {"user_id": "source_record_id", "hashed_cc": "hashed_card", **_NAMES}
"""Field of the discovery -> what the canonical stream calls it, where that differs."""

_FRAGMENTS = {
    "customer_id": "user_id",
    "email": "email",
    "phone": "phone",
    "loyalty_id": "loyalty_id",
    "hashed_cc": "hashed_cc",
    "device_id": "device_id",
    "cookie_id": "cookie_id",
}
_WON = {"won", "closedwon", "closed won"}
_DEAD = {"cancelled", "canceled", "voided", "void", "failed", "declined", "denied", "draft", "rejected", "expired",
         "storniert", "annulé", "annullato", "cancelado", "geannuleerd"}  # fmt: skip
TIMES = " * "
"""Between the columns of an expression."""

ROW = ("_sdc_file", "_sdc_row")
"""What tap-csv adds to each row: they name it where nothing else does."""

Mapping = dict[str, Any]


@dataclass(frozen=True)
class _Table:
    profile: TableProfile
    role: str
    by_target: dict[str, list[ColumnProposal]]

    def first(self, target: str) -> ColumnProposal | None:
        return self.by_target[target][0] if self.by_target.get(target) else None


def build(profile: TableProfile, role: str, columns: Sequence[ColumnProposal]) -> tuple[Mapping, tuple[Blocker, ...]]:
    """The preset document (empty when the table feeds nothing) and the blockers."""
    by_target: dict[str, list[ColumnProposal]] = defaultdict(list)
    for column in sorted(columns, key=lambda item: -item.confidence):
        if column.target and not column.alarm:
            by_target[column.target].append(column)
    table = _Table(profile, role, dict(by_target))
    streams: Mapping = {}
    if role in CONVERSION_TYPES:
        streams[_stream_name(profile.name)] = _conversions(table)
    if role in _PROFILES:
        name = _stream_name(profile.name) + ("_profiles" if streams else "")
        streams[name] = _profiles(table)
    blockers = tuple(_blockers(table, columns, streams))
    title = f"{profile.name or 'A table'}, as discovered"
    return ({"title": title, "streams": streams} if streams else {}), blockers


def _stream_name(name: str) -> str:
    return name or "rows"


def _conversions(table: _Table) -> Mapping:
    fields: Mapping = {"conversion_type": {"constant": CONVERSION_TYPES[table.role]}}
    for target in _CONVERSION_FIELDS:
        if target == "transaction_id":
            rule = _transaction(table)
        elif target == "timestamp":
            rule = _time(table)
        else:
            rule = _rule(table.by_target.get(target, ()), money=target in _MONEY)
        if target == "currency" and rule is None and (value := table.first("value")) and value.currency:
            rule = {"constant": value.currency}
        if rule is not None:
            fields[_NAMES.get(target, target)] = rule
    if table.role == "lead" and "value" not in fields:
        fields["value"] = {"constant": 0}
    stream: Mapping = {"match": [_stream_name(table.profile.name)], "into": "conversions", "fields": fields}
    if conditions := _filter(table):
        stream["filter"] = conditions
    if refund := _refund(table, fields):
        stream["refund"] = refund
    if fragments := _fragments(table):
        stream["fragments"] = fragments
    return stream


def _profiles(table: _Table) -> Mapping:
    fields: Mapping = {}
    key = table.by_target.get("user_id") or table.by_target.get("transaction_id") or ()
    for target in _PROFILE_FIELDS:
        rule = _rule(key if target == "user_id" else table.by_target.get(target, ()), money=False)
        if rule is not None:
            fields[_PROFILE_NAMES.get(target, target)] = rule
    if "source_record_id" not in fields and (found := table.first("email")):
        fields["source_record_id"] = found.column
    stream: Mapping = {"match": [_stream_name(table.profile.name)], "into": "customer_profiles", "fields": fields}
    if fragments := _fragments(table, kinds=set(_FRAGMENTS) - {"customer_id"}, key=[column.column for column in key]):
        stream["fragments"] = fragments
    return stream


def _rule(columns: Sequence[ColumnProposal], *, money: bool) -> Any:
    """A field rule: the columns in order of confidence, with how the first is written; None without a column."""
    if not columns:
        return None
    first = columns[0]
    source: Any = [_path(column) for column in columns]
    source = source[0] if len(source) == 1 else source
    options: Mapping = {}
    if first.expression:
        source = {"product": first.expression.split(TIMES)}
    if money and first.unit == "minor":
        options["unit"] = "minor"
    if first.number_format == "comma" and (money or first.target == "quantity"):
        options["number_format"] = "comma"
    if first.target in {"updated_at", "birth_date"} and first.time_format and first.time_format != "iso":
        options["format"] = first.time_format
    if first.target == "updated_at" and first.zone:
        options["zone"] = first.zone
    return {"from": source, **options} if options else source


def _path(column: ColumnProposal) -> str:
    return column.column


def _transaction(table: _Table) -> Any:
    columns = table.by_target.get("transaction_id", [])
    names = {column.name for column in table.profile.columns}
    if not columns:
        return {"join": list(ROW), "separator": "#"} if names >= set(ROW) else None
    first = columns[0]
    if table.role == "line" and not table.profile.column(first.column).unique:
        second = _line_key(table)
        if second:
            return {"join": [first.column, second], "separator": "#"}
    if table.profile.column(first.column).null_fraction == 0:
        return first.column
    return _rule(columns, money=False)


def _line_key(table: _Table) -> str | None:
    """What tells the lines of one order apart: their own id, else the row of the file, else the product."""
    for column in table.profile.columns:
        words = column.name.lower().replace("_", " ").split()
        if column.unique and ("line" in words or "item" in words or words in (["id"], ["uuid"])):
            return column.name
    names = {column.name for column in table.profile.columns}
    if ROW[1] in names:
        return ROW[1]
    product = table.first("product_id")
    return product.column if product else None


def _time(table: _Table) -> Any:
    columns = table.by_target.get("timestamp", [])
    if not columns:
        return None
    day, clock = _day_and_clock(table, columns)
    options: Mapping = {}
    if day.time_format and day.time_format != "iso":
        options["format"] = day.time_format
    if zone := day.zone or (clock.zone if clock else None):
        options["zone"] = zone
    source: Any = day.column
    if clock:
        source = {"join": [day.column, clock.column], "separator": " "}
        if "%" in options.get("format", ""):
            options["format"] += f" {clock.time_format}"
    return {"from": source, **options} if options else source


def _day_and_clock(table: _Table, columns: Sequence[ColumnProposal]) -> tuple[ColumnProposal, ColumnProposal | None]:
    clocks = [column for column in columns if (column.time_format or "").startswith(("%H", "%I"))]
    days = [column for column in columns if column not in clocks]
    return (days[0], clocks[0] if clocks else None) if days else (columns[0], None)


def _filter(table: _Table) -> list[Mapping]:
    """Only deals that are won; no orders that are cancelled: where the values seen say so."""
    status = table.first("status")
    if not status:
        return []
    seen = {value.strip().lower() for value in table.profile.column(status.column).samples}
    if table.role == "deal":
        won = sorted(seen & _WON) or sorted(_WON)
        return [{"field": status.column, "in": won}]
    dead = sorted(seen & _DEAD)
    return [{"field": status.column, "not_in": dead}] if dead and table.role != "lead" else []


def _refund(table: _Table, fields: Mapping) -> Mapping | None:
    columns = table.by_target.get("refund_amount", [])
    if table.role == "refund":
        if columns and "value" not in fields:
            fields["value"] = _rule(columns, money=True)
        first = table.first("transaction_id")
        return {"when": {"field": first.column, "present": True}} if first else None
    rule = _rule(columns, money=True)
    if rule is None:
        return None
    return rule if isinstance(rule, dict) else {"from": rule}


def _fragments(table: _Table, kinds: set[str] | None = None, key: Sequence[str] = ()) -> list[Mapping]:
    found: list[Mapping] = [{"type": "customer_id", "from": list(key) if len(key) > 1 else key[0]}] if key else []
    for kind, target in _FRAGMENTS.items():
        columns = table.by_target.get(target, [])
        if columns and (kinds is None or kind in kinds):
            names = [column.column for column in columns]
            found.append({"type": kind, "from": names if len(names) > 1 else names[0]})
    return found


def _blockers(table: _Table, columns: Sequence[ColumnProposal], streams: Mapping) -> list[Blocker]:
    found = [Blocker("alarm", None, column.alarm, (column.column,)) for column in columns if column.alarm]
    if not streams:
        found.append(Blocker("unsupported", None, f"a table of {table.role}s feeds no canonical stream"))
    for stream in streams.values():
        required = (
            ("transaction_id", "timestamp", "value") if stream["into"] == "conversions" else ("source_record_id",)
        )
        found += [
            Blocker("missing", name, f"no column gives the {name.replace('_', ' ')}")
            for name in required
            if name not in stream["fields"]
        ]
    for column in columns:
        if column.expression and column.target and column.number_format == "comma":
            problem = f"the {column.target} is {column.expression}, and products of decimal commas cannot be computed"
            found.append(Blocker("unsupported", column.target, problem, tuple(column.expression.split(TIMES))))
        if column.doubt and column.target:
            found.append(Blocker("ambiguous", column.target, column.doubt, (column.column,)))
    return found
