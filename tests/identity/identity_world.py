"""A small tenant for the tests of reconciling: records with a truth, a real warehouse, the pipe and the tap in process."""

from __future__ import annotations

import contextlib
import io
import json
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from identity_pipe import conversion, profile, record, run, schema, state

from identity.reconcile.tap import TapIdentity
from targets.duckdb.target import TargetDuckDB

SCHEMA = "growthnav_acme"
FIRST = ["Ann", "Bob", "Carla", "Dmitri", "Elena", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kemal", "Lotte"]
LAST = ["Abend", "Bosch", "Cortez", "Drummond", "Ekberg", "Fontane", "Grillo", "Haddad", "Ionescu", "Jansen"]
KIOSK = ("email", "kiosk@shop.example")


@dataclass
class World:
    """A tenant in a directory."""

    home: Path
    settings: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.home / "identity.duckdb"

    @property
    def database(self) -> Path:
        return self.home / "warehouse.duckdb"

    def load(self, lines: list[bytes], flush_bytes: int | None = None) -> list[dict[str, Any]]:
        """Resolve and land; returns the messages that were landed."""
        config = {"tenant": "acme", "store": str(self.store), "default_region": "US"}
        messages = run(lines, config, flush_bytes)
        self.land(messages)
        return messages

    def land(self, messages: list[dict[str, Any]]) -> None:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        target = TargetDuckDB(config={"filepath": str(self.database), "schema": SCHEMA, "add_record_metadata": False})
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            target.listen(io.BytesIO(b"\n".join(json.dumps(message).encode() for message in messages)))
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def reconcile(self, *, land: bool = True, **settings: Any) -> list[dict[str, Any]]:
        """Run the tap, land what it sends, keep its state; returns its messages."""
        output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        config = {
            "tenant": "acme",
            "store": str(self.store),
            "warehouse": {"database": str(self.database), "schema": SCHEMA},
            "force": True,
            **self.settings,
            **settings,
        }
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with contextlib.redirect_stdout(output):
            tap = TapIdentity(config=config, state=self.state)
            tap.sync_all()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        messages = [json.loads(line) for line in output.buffer.getvalue().splitlines()]  # type: ignore[attr-defined]
        if land:
            self.land(messages)
            self.state = messages[-1]["value"]
        return messages

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        with duckdb.connect(str(self.database), read_only=True) as db:
            db.execute(f"USE {SCHEMA}")
            return db.execute(query, list(parameters) or None).fetchall()

    def map(self) -> list[Any]:
        return self.rows("SELECT * FROM identity_map ORDER BY ALL")

    def people(self) -> dict[str, str]:
        """Record key -> person, as the map has it."""
        return dict(
            self.rows(
                "SELECT source_key, global_customer_id FROM identity_map WHERE valid_to IS NULL AND length(source_key) = 32"
            )
        )

    def partition(self) -> set[frozenset[str]]:
        groups: dict[str, set[str]] = {}
        for key, person in self.people().items():
            groups.setdefault(person, set()).add(key)
        return {frozenset(group) for group in groups.values()}

    def ledger(self, query: str, *parameters: Any) -> list[Any]:
        with duckdb.connect(str(self.store), read_only=True) as db:
            return db.execute(query, list(parameters) or None).fetchall()


@dataclass
class Input:
    """Records of two streams, and who is behind each."""

    profiles: list[dict[str, Any]]
    purchases: list[dict[str, Any]]
    truth: dict[str, int]

    def lines(self, shuffle: int | None = None, *, purchases_first: bool = False) -> list[bytes]:
        order = random.Random(shuffle)
        streams = [("customer_profiles", list(self.profiles)), ("conversions", list(self.purchases))]
        lines = []
        for name, rows in reversed(streams) if purchases_first else streams:
            if shuffle is not None:
                order.shuffle(rows)
            lines += [schema(name), *(record(name, row) for row in rows), state(len(rows))]
        return lines


def world_input(people: int = 120, seed: int = 7, kiosk: int = 24) -> Input:
    """Customers with one to three profiles (typing errors, moved identifiers), purchases, and a kiosk's address."""
    dice = random.Random(seed)
    profiles, purchases, truth = [], [], {}
    for number in range(people):
        first, last = dice.choice(FIRST), f"{dice.choice(LAST)}{chr(97 + number % 26)}{chr(97 + number // 26)}"
        email, phone = f"{first}.{last}{number}@mail.example".lower(), f"(212) 555-{1000 + number:04d}"
        birth = f"19{60 + number % 40}-0{1 + number % 9}-1{number % 10}"
        street, code = f"{100 + number} Elm Street", f"{10000 + number * 7}"
        for copy in range(1 + number % 3):
            name = last if copy < 2 else last[:-3] + last[-2:]
            marks = (
                [("email", email), ("phone", phone)][copy % 2 : copy % 2 + 1]
                if copy
                else [("email", email), ("phone", phone)]
            )
            fields = {
                "first_name": first, "last_name": name, "birth_date": birth, "street": street, "postal_code": code,
                "city": "Springfield", "connector": f"crm{copy % 2}", "source_stream": "contacts",
                **dict(marks),
            }  # fmt: skip
            row = profile(f"P{number}-{copy}", *marks, **fields)
            profiles.append(row)
            truth[row["profile_id"]] = number
        for sale in range(2):
            mark = ("email", email) if sale else ("phone", phone)
            row = conversion(
                f"C{number}-{sale}", mark, connector="till", source_stream="sales", timestamp="2026-01-01T00:00:00Z"
            )
            purchases.append(row)
            truth[row["conversion_id"]] = number
    for number in range(kiosk):
        row = profile(
            f"K{number}", KIOSK, ("loyalty_id", f"KIOSK-{number}"), first_name=f"{FIRST[number % 12]}", last_name=f"Q{number}",
            birth_date=f"1990-01-{1 + number:02d}", email=KIOSK[1], connector="crm0", source_stream="contacts",
        )  # fmt: skip
        profiles.append(row)
        truth[row["profile_id"]] = 10_000 + number
    return Input(profiles, purchases, truth)


def reconciled(home: Path, given: Input) -> World:
    """A tenant whose records went through the pipe and were reconciled."""
    made = World(home)
    made.load(given.lines())
    made.reconcile()
    return made
