"""A subset of SOQL over rows in memory: what is selected, truly filtered, sorted and limited.

    Soql("SELECT Id, Account.Name FROM Contact WHERE IsDeleted = false AND Email LIKE 'a%' ORDER BY Id LIMIT 5")

Anything else is refused, as are fields the object does not have.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

Row = dict[str, Any]

_QUERY = re.compile(
    r"\s*SELECT\s+(?P<select>.+?)\s+FROM\s+(?P<object>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+(?P<order>[\w., ]+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(
    r"(?P<field>[\w.]+)\s*(?P<op>>=|<=|!=|=|>|<|LIKE\b)\s*(?P<literal>'(?:\\.|[^'\\])*'|[^\s']+)", re.IGNORECASE
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


class SoqlError(Exception):
    """The query is not one."""


class Soql:
    """A query, taken apart."""

    def __init__(self, text: str) -> None:
        """Read `text`; an error for anything that is not understood to the end."""
        found = _QUERY.fullmatch(text)
        if not found:
            raise SoqlError("MALFORMED_QUERY")
        self.sobject = found["object"]
        self.items = [item.strip() for item in re.split(r",(?![^()]*\))", found["select"])]
        self.counts = [item.upper() for item in self.items] == ["COUNT()"]
        self.conditions = _conditions(found["where"] or "")
        self.order = [part.strip().split() for part in (found["order"] or "").split(",") if part.strip()]
        self.limit = int(found["limit"]) if found["limit"] else None

    def named(self) -> set[str]:
        """The object's own fields that it names."""
        items = set() if self.counts else {item for item in self.items if re.fullmatch(r"\w+", item)}
        return items | {field for field, _, _ in self.conditions if "." not in field} | {part[0] for part in self.order}

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """Those that pass, in order."""
        found = [row for row in rows if all(_holds(row, *condition) for condition in self.conditions)]
        for field, *direction in reversed(self.order):
            found.sort(key=lambda row: str(row[field]), reverse=[word.upper() for word in direction] == ["DESC"])
        return found[: self.limit]

    def chosen(self, row: Row) -> Row:
        """What is selected of a row, as REST gives it."""
        made: Row = {
            "attributes": {"type": self.sobject, "url": f"/services/data/v67.0/sobjects/{self.sobject}/{row['Id']}"}
        }
        for item in self.items:
            if item.startswith("("):
                inner = re.search(r"FROM\s+(\w+)", item, re.IGNORECASE)
                name = inner[1] if inner else ""
                made[name] = row.get(name)
            elif "." in item:
                name, _, rest = item.partition(".")
                parent = row.get(name)
                made[name] = parent and {**(made.get(name) or {}), rest: parent.get(rest)}
            else:
                made[item] = row.get(item)
        return made


def _conditions(text: str) -> list[tuple[str, str, Any]]:
    parts = re.split(r"\s+AND\s+(?=(?:[^']*'[^']*')*[^']*$)", text, flags=re.IGNORECASE) if text else []
    found = [_CONDITION.fullmatch(part.strip()) for part in parts]
    if not all(found):
        raise SoqlError("MALFORMED_QUERY")
    return [(one["field"], one["op"].upper(), _literal(one["literal"])) for one in found if one]


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if _TIME.fullmatch(text):
        return datetime.fromisoformat(text)
    if text.lower() in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[text.lower()]
    try:
        return float(text)
    except ValueError:
        raise SoqlError("MALFORMED_QUERY") from None


def _holds(row: Row, field: str, op: str, literal: Any) -> bool:
    value: Any = row
    for name in field.split("."):
        value = (value or {}).get(name)
    if isinstance(literal, datetime) and value is not None:
        value = moment(value)
    if op == "LIKE":
        return re.fullmatch(re.escape(str(literal)).replace("%", ".*"), str(value or ""), re.IGNORECASE) is not None
    if value is None or literal is None:
        return _OPERATORS[op](value, literal) if op in {"=", "!="} else False
    return _OPERATORS[op](value, literal)


def moment(text: str, _made: dict[str, datetime] = {}) -> datetime:  # noqa: B006
    """A time as Salesforce writes it, `2024-01-01T00:00:00.000+0000`."""
    if text not in _made:
        _made[text] = datetime.fromisoformat(text)
    return _made[text]
