"""Labelled tables whose values are made here: rows that belong together, in the benchmark's format.

A file says `## table language rows [lines=N]`, then `column = labels : maker arguments [as=name] [null=share]`; the
labels are those of `vendor_tables`. `lines=N`: an order has up to N rows.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vendor_tables

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = [
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Karl",
    "Laura",
    "Marta",
    "Nora",
    "Oskar",
    "Paula",
]
LAST = [
    "Keller",
    "Moreau",
    "Santos",
    "Rossi",
    "Novak",
    "Young",
    "Baker",
    "Olsen",
    "Meyer",
    "Dubois",
    "Silva",
    "Conti",
    "Visser",
    "Hughes",
    "Brandt",
    "Lopez",
]
THINGS = "Linen Shirt,Clay Mug,Oak Tray,Wool Scarf,Green Tea 100g,Desk Lamp,Rain Jacket,Soap Bar,Trail Map,Cork Mat"
CITIES = ["Lyon", "Berlin", "Porto", "Milano", "Utrecht", "Leeds", "Boston", "Sevilla"]
_START = datetime(2024, 3, 1, 9, 12, 5)  # noqa: DTZ001  exports have no zone
_MOST = 12
JUDGE = vendor_tables.UNSEEN.with_name("made_judge.txt")
"""Drawn by lot from the tables labelled together; measured, never learnt from."""

_COLUMN = re.compile(r"(?P<column>.+?) = (?P<labels>[^:]*?) : (?P<maker>.+)")
_OPTION = re.compile(r"\s(as|null)=(\S+)")


@dataclass
class Row:
    """What the columns of one row share."""

    number: int
    order: int
    person: int
    item: int
    dice: random.Random
    known: dict[str, Any] = field(default_factory=dict)
    """Numbers by their `as=` names, and the time as `t`."""


def rows(path: Path) -> list[dict[str, Any]]:
    """One row a column, of every table in the file."""
    found: list[dict[str, Any]] = []
    table: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), "## end en 0"]:
        if line.startswith("## "):
            found += _table(table[0], table[1:]) if table else []
            table = [line]
        elif line and not line.startswith("#"):
            table.append(line)
    return found


def without_names(labelled: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same tables with the columns called `col_7`; those without a value are left out."""
    return [
        row | {"variant": "opaque", "table": f"{row['table']}__opaque", "column": f"col_{row['position']}"}
        for row in labelled
        if row["variant"] == "original" and row["samples"]
    ]


def _table(head: str, lines: list[str]) -> list[dict[str, Any]]:
    name, language, count, *rest = head[3:].split()
    dice = random.Random(name)
    shared = _rows(int(count), int(rest[0].partition("=")[2]) if rest else 1, dice)
    return [_column(line, place, name, language, shared) for place, line in enumerate(lines)]


def _rows(count: int, lines: int, dice: random.Random) -> list[Row]:
    made: list[Row] = []
    order = -1
    while len(made) < count:
        order += 1
        person = dice.randrange(max(4, count * 2 // 3))
        for _ in range(min(dice.randint(1, lines), count - len(made))):
            made.append(Row(len(made), order, person, dice.randrange(10), dice))
    return made


def _column(line: str, place: int, table: str, language: str, shared: list[Row]) -> dict[str, Any]:
    match = _COLUMN.fullmatch(line)
    assert match, line
    options = dict(_OPTION.findall(match["maker"]))
    maker, *arguments = _OPTION.sub("", match["maker"]).split(" ", 1)
    text = arguments[0] if arguments else ""
    values = []
    by_order: dict[int, str | None] = {}
    for row in shared:
        value = _MAKERS[maker](row, text)
        if maker in {"seq", "time", "after"}:  # the lines of an order share what the order has
            value = by_order.setdefault(row.order, value)
        if "as" in options and maker != "time":
            row.known[options["as"]] = _number(value)
        missing = row.dice.random() < float(options.get("null", 0))
        values.append(None if missing else value)
    filled = [value for value in values if value is not None]
    distinct = list(dict.fromkeys(filled))
    described = vendor_tables.described(table, language, f"{match['column']} = {match['labels']}", place)
    return described | {
        "type": "string" if distinct else "unknown",
        "samples": distinct[:_MOST],
        "rows_seen": len(shared),
        "null_fraction": 1 - len(filled) / len(shared),
        "distinct_seen": len(distinct),
    }


def _number(text: str) -> float:
    return float(text.replace(".", "").replace(",", ".") if "," in text else text)


def _money(amount: float, form: str) -> str:
    return f"{amount:.2f}".replace(".", ",") if form == "comma" else f"{amount:.2f}"


def _seq(row: Row, text: str) -> str:
    form, start = text.split()
    return form.format(int(start) + row.order)


def _line(row: Row, text: str) -> str:
    form, start = text.split()
    return form.format(int(start) + row.number)


def _ref(row: Row, text: str) -> str:
    form, start, count = text.split()
    return form.format(int(start) + row.dice.randrange(int(count)))


def _time(row: Row, text: str) -> str:
    form, gap = text.rsplit(" ", 1)
    row.known["t"] = _START + timedelta(minutes=int(gap) * row.order, seconds=37 * row.order % 60)
    return row.known["t"].strftime(form)


def _after(row: Row, text: str) -> str:
    form, least, most = text.removeprefix("t ").rsplit(" ", 2)
    begin = row.known.get("t", _START + timedelta(hours=5 * row.order))
    return (begin + timedelta(minutes=row.dice.randint(int(least), int(most)))).strftime(form)


def _calc(row: Row, text: str) -> str:
    expression, _, form = text.partition(" ")
    return _money(eval(expression, {"__builtins__": {}}, row.known), form)


def _amount(row: Row, text: str) -> str:
    least, most, *form = text.split()
    return _money(row.dice.uniform(float(least), float(most)), *(form or [""]))


def _token(row: Row, text: str) -> str:
    start, _, length = text.rpartition(" ")
    return start + "".join(row.dice.choices(string.ascii_letters + string.digits, k=int(length)))


def _digits(row: Row, text: str) -> str:
    start, length, count = text.split()
    pick = random.Random(f"{text}{row.person % int(count)}")
    return start.strip("-") + "".join(pick.choices("123456789", k=int(length)))


def _who(row: Row, text: str) -> str:
    what, *rest = text.split()
    number = row.person
    first, last = FIRST[number % len(FIRST)], LAST[number * 7 // 3 % len(LAST)]
    found: dict[str, Callable[[], str]] = {
        "first": lambda: first,
        "last": lambda: last,
        "full": lambda: f"{first} {last}",
        "email": f"{first}.{last}{number}@example.com".lower,
        "phone": lambda: f"+1 555 01{number:02} {1000 + number * 37 % 9000}",
        "street": lambda: f"{1 + number * 3} Mill Lane",
        "city": lambda: CITIES[number % len(CITIES)],
        "country": lambda: ("US", "GB", "DE", "FR")[number % 4],
        "postal": lambda: f"{10001 + number * 613 % 80000}",
        "postal5": lambda: f"{10001 + number * 613 % 80000}",
        "postal4": lambda: f"{1000 + number * 61 % 8000}",
        "uuid": lambda: _hexes(random.Random(f"who{number}"), 8, 4, 4, 4, 12),
        "id": lambda: rest[0].format(int(rest[1]) + number),
    }
    return found[what]()


def _item(row: Row, text: str) -> str:
    what, *rest = text.split()
    if what == "name":
        return THINGS.split(",")[row.item]
    if what == "price":
        return _money(4.5 + row.item * 3.35, *(rest or [""]))
    return rest[0].format(int(rest[1]) + row.item)


def _hexes(dice: random.Random, *lengths: int) -> str:
    return "-".join("".join(dice.choices("0123456789abcdef", k=length)) for length in lengths)


_MAKERS: dict[str, Callable[[Row, str], str | None]] = {
    "seq": _seq,
    "row": _line,
    "ref": _ref,
    "time": _time,
    "after": _after,
    "money": _amount,
    "calc": _calc,
    "calc0": lambda row, text: str(round(eval(text, {"__builtins__": {}}, row.known))),
    "int": lambda row, text: str(row.dice.randint(*map(int, text.split()))),
    "pick": lambda row, text: row.dice.choice(text.split("|")),
    "const": lambda _, text: text,
    "none": lambda _row, _text: None,
    "who": _who,
    "item": _item,
    "token": _token,
    "digits": _digits,
    "hex": lambda row, text: _hexes(row.dice, int(text)),
    "uuid": lambda row, _: _hexes(row.dice, 8, 4, 4, 4, 12),
    "ip": lambda row, _: f"203.0.113.{row.dice.randrange(250)}",
    "url": lambda row, _: f"https://ads.example.com/{row.dice.randrange(5)}",
    "birth": lambda row, text: (datetime(1960, 1, 1) + timedelta(days=row.person * 511)).strftime(text),  # noqa: DTZ001
    "epoch": lambda row, _: str(1_709_280_000 + row.number * 5_431),
    "epochms": lambda row, _: str(1_709_280_000_123 + row.number * 543_100),
}
