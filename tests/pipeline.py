"""The whole pipe as four real processes, with a pump between them that can kill any one at a chosen message."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import duckdb
from support import BIN

STEPS = ("map-conversions", "resolve-identity")
STAGES = ("tap-csv", *STEPS, "target-duckdb")


@dataclass(frozen=True)
class Kill:
    """Kill `stage` with -9 once `states` STATE lines and then `records` more RECORD or BATCH lines went into it.

    The tap has no input; it is killed by what came out of it. `after` so many seconds more, to hit it at work.
    """

    stage: str
    states: int
    records: int = 0
    after: float = 0


@dataclass
class Run:
    """One run of the pipe."""

    codes: dict[str, int]
    state: dict[str, Any] | None
    log: str


class Thrice(NamedTuple):
    """Tables after two runs and after the third, and what all three said."""

    before: dict[str, list[tuple[Any, ...]]]
    after: dict[str, list[tuple[Any, ...]]]
    log: str

    def changed(self, table: str) -> tuple[int, int]:
        """How many rows of a table the third run has put in place of how many."""
        before, after = set(self.before[table]), set(self.after[table])
        return len(after - before), len(before - after)


@dataclass
class Pipeline:
    """A tenant's four configs in one directory."""

    home: Path
    tap: dict[str, Any]
    sources: list[dict[str, Any]]
    tenant: str = "acme"
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    source: str = "tap-csv"
    """Executable of the tap."""
    target: str = "target-duckdb"
    """Executable of the target; the settings of any other are in `settings`."""

    @property
    def stages(self) -> tuple[str, ...]:
        """The executables in order."""
        return (self.source, *STEPS, self.target)

    def in_batches(self, rows: int, root: str = "") -> Pipeline:
        """The same pipe with batch files of so many rows between all steps, below a URL or in `batches`."""
        root = root or str(self.batches)
        folder = {"batch_directory": root}
        tap = {"batch_config": {"storage": {"root": root}, "batch_size": rows}}
        step = {"emit": "batches", "batch_rows": rows, **folder}
        for stage, more in ((self.source, tap), ("map-conversions", step), ("resolve-identity", step)):
            self.settings[stage] = self.settings.get(stage, {}) | more
        return self

    @property
    def batches(self) -> Path:
        """Where batch files are."""
        return self.home / "batches"

    @property
    def database(self) -> Path:
        """The tenant's warehouse."""
        return self.home / "warehouse.duckdb"

    @property
    def schema(self) -> str:
        """The schema its tables are in."""
        return f"growthnav_{self.tenant}"

    def configs(self) -> dict[str, dict[str, Any]]:
        """Config by executable."""
        made: dict[str, dict[str, Any]] = {
            self.source: self.tap,
            "map-conversions": {"tenant": self.tenant, "sources": self.sources},
            "resolve-identity": {"tenant": self.tenant, "store": str(self.home / "identity.duckdb")},
            "target-duckdb": {"filepath": str(self.database), "schema": self.schema},
        }
        return {stage: made.get(stage, {}) | self.settings.get(stage, {}) for stage in self.stages}

    def commands(self, state: dict[str, Any] | None = None) -> list[list[str]]:
        """The four command lines; `state` is what the last run left."""
        self.home.mkdir(parents=True, exist_ok=True)
        result = []
        for stage, config in self.configs().items():
            path = self.home / f"{stage}.json"
            path.write_text(json.dumps(config))
            result.append([str(BIN / stage), "--config", str(path)])
        if state is not None:
            path = self.home / "state.json"
            path.write_text(json.dumps(state))
            result[0] += ["--state", str(path)]
        return result

    def run(self, state: dict[str, Any] | None = None, kill: Kill | None = None) -> Run:
        """Run all four to their end."""
        commands = self.commands(state)
        log = self.home / "log.txt"
        with log.open("wb") as errors:
            processes: list[subprocess.Popen[bytes]] = []
            for number, command in enumerate(commands):
                source = subprocess.PIPE if number else subprocess.DEVNULL
                processes.append(subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=errors))
            threads = [
                threading.Thread(target=_pump, args=(number, processes, kill, self.stages))
                for number in range(len(processes) - 1)
            ]
            for thread in threads:
                thread.start()
            last = processes[-1].stdout
            assert last is not None
            states = [json.loads(line) for line in last.read().splitlines()]
            for thread in threads:
                thread.join()
            codes = {stage: process.wait() for stage, process in zip(self.stages, processes, strict=True)}
            for process in processes:
                if process.stdout:
                    process.stdout.close()
        return Run(codes, states[-1] if states else state, log.read_text(errors="replace"))

    def thrice(self, change: Callable[[], object], again: Callable[[Any], Any] = lambda state: state) -> Thrice:
        """Run, run again and see that nothing changes, `change` the source and run once more.

        `again` makes the third run's state of the second's.
        """
        tables, logs, state = [], [], None
        for number in range(3):
            if number == 2:
                change()
                state = again(state)
            done = self.run(state)
            assert set(done.codes.values()) == {0}, done.log
            state = done.state
            tables.append(self.tables())
            logs.append(done.log)
        assert tables[1] == tables[0]
        return Thrice(tables[0], tables[2], "".join(logs))

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table's rows, sorted; what names the run itself is left out."""
        if not self.database.exists():
            return {}
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return {name: _rows(connection, f'"{self.schema}"."{name}"') for name in _names(connection, self.schema)}

    def people(self) -> tuple[int, int]:
        """Purchases of customers with a profile; and how many people the others are, none of whom has one."""
        query = f"""
            SELECT count(*) FILTER (WHERE known), count(DISTINCT global_customer_id) FILTER (WHERE NOT known)
            FROM (SELECT global_customer_id, global_customer_id IN
                  (SELECT global_customer_id FROM {self.schema}.customer_profiles) AS known
                  FROM {self.schema}.conversions WHERE conversion_type = 'purchase')
        """
        with duckdb.connect(str(self.database), read_only=True) as connection:
            row: Any = connection.execute(query).fetchone()
        return row[0], row[1]

    def leavings(self) -> str:
        """All that the runs left in files, but for the settings of the tap."""
        files = [path for path in self.home.rglob("*") if path.is_file() and path.name != f"{self.source}.json"]
        return "".join(path.read_bytes().decode("latin-1") for path in files)


_OF_THE_RUN = {"run_id", "position", "_sdc_table_version"}
"""Columns that say which run wrote a row."""


def _names(connection: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? ORDER BY 1", [schema]
    ).fetchall()
    return [name for (name,) in found]


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    names = [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]
    kept = ", ".join(f'"{name}"::VARCHAR' for name in sorted(names) if name not in _OF_THE_RUN)
    return sorted(connection.execute(f"SELECT {kept} FROM {table}").fetchall(), key=repr)


def _pump(number: int, processes: list[subprocess.Popen[bytes]], kill: Kill | None, stages: tuple[str, ...]) -> None:
    """Hand lines from process `number` to the next, and kill when the moment has come."""
    reader, writer = processes[number].stdout, processes[number + 1].stdin
    assert reader is not None
    assert writer is not None
    victim = None
    if kill is not None:
        at = stages.index(kill.stage)
        victim = processes[at] if number == max(at - 1, 0) else None
    states = records = 0
    for line in reader:
        states += line.startswith((b'{"type":"STATE"', b'{"type": "STATE"'))
        if kill is not None and states >= kill.states:
            records += line.startswith((b'{"type":"RECORD"', b'{"type": "RECORD"')) or b'"type":"BATCH"' in line
        if not _hand_over(writer, line):
            break
        if victim is not None and kill is not None and states >= kill.states and records >= kill.records:
            time.sleep(kill.after)
            victim.kill()
            victim = None
    processes[number].stdout = None
    reader.close()
    _close(writer)
    processes[number + 1].stdin = None


def _hand_over(writer: IO[bytes], line: bytes) -> bool:
    try:
        writer.write(line)
        writer.flush()
    except BrokenPipeError:
        return False
    return True


def _close(writer: IO[bytes]) -> None:
    try:
        writer.close()
    except BrokenPipeError:
        return
