"""The whole pipe against the field's default pipe, in one run: rows a second, CPU seconds, memory.

    python bench/record.py [--rows 1000000] [--rival-rows 250000] [--quick]

Ours reads a CSV of 18 columns, maps it to conversions (times, exact money, keys), resolves people by three identifiers,
and merges by key into DuckDB. The rival's tap hands on the same rows, its mapper evaluates nine expressions, its target
merges by key; it makes no keys and no people. Only ratios are compared: absolute figures belong to the machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import identity_records
import measure
import project
import purchases
import rival
from measure import Cost

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".growthnav" / "bench"
BIN = Path(sys.executable).parent
STAGES = ("tap-csv", "map-conversions", "resolve-identity", "target-duckdb")
BATCH_ROWS = 100_000  # as in meltano.yml
OVERRIDES = {"purchase_id": "transaction_id", "purchased_at": "timestamp", "amount": "value"}


def our_configs(data: Path, home: Path) -> dict[str, dict[str, Any]]:
    """Config of our four executables."""
    streams = [{"stream": "purchases", "path": str(data), "key_properties": ["purchase_id"]}]
    folder = str(home / "batches")
    batches = {"emit": "batches", "batch_directory": folder}
    files = {"batch_config": {"batch_size": BATCH_ROWS, "storage": {"root": folder}}}
    return {
        "tap-csv": {"streams": streams, "add_metadata_columns": False, **files},
        "map-conversions": {"tenant": "bench", "sources": [{"preset": "pos", "field_overrides": OVERRIDES}], **batches},
        "resolve-identity": {"tenant": "bench", "store": str(home / "identity.duckdb"), **batches},
        "target-duckdb": {"filepath": str(home / "ours.duckdb"), "schema": "growthnav_bench"},
    }


def rival_configs(data: Path, home: Path) -> dict[str, dict[str, Any]]:
    """Config of the rival's three executables, defaults left alone."""
    return {
        "rival-tap": {"path": str(data)},
        "meltano-map-transform": rival.MAPPING,
        "target-duckdb": {"path": str(home / "rival.duckdb"), "default_target_schema": "main"},
    }


def files(configs: dict[str, dict[str, Any]], home: Path) -> dict[str, str]:
    """Write each config; returns its path by name."""
    home.mkdir(parents=True, exist_ok=True)
    for name, config in configs.items():
        (home / f"{name}.json").write_text(json.dumps(config))
    return {name: str(home / f"{name}.json") for name in configs}


def fresh(name: str) -> Path:
    """An empty directory for one run."""
    home = HOME / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


def ours_by_shell(data: Path, rows: int) -> Cost:
    """tap-csv | map-conversions | resolve-identity | target-duckdb."""
    home = fresh("ours-shell")
    paths = files(our_configs(data, home), home)
    cost = measure.pipe([[str(BIN / stage), "--config", paths[stage]] for stage in STAGES], home / "log.txt")
    check(home, rows)
    return cost


def rival_by_shell(data: Path, executables: dict[str, str]) -> Cost:
    """The SDK's tap, meltano-map-transform, target-duckdb 0.8.0."""
    home = fresh("rival-shell")
    paths = files(rival_configs(data, home), home)
    commands = [
        [sys.executable, str(Path(rival.__file__).parent / "rival_tap.py"), "--config", paths["rival-tap"]],
        [executables["meltano-map-transform"], "--config", paths["meltano-map-transform"]],
        [executables["target-duckdb"], "--config", paths["target-duckdb"]],
    ]
    return measure.pipe(commands, home / "log.txt")


def by_meltano(job: str, data: Path, executables: dict[str, str]) -> Cost:
    """One of the two jobs through `meltano run`."""
    home = fresh(f"{job}-meltano")
    made = project.make(home / "project", our_configs(data, home), executables, rival_configs(data, home))
    arguments = [str(BIN / "meltano"), "--environment=bench", "run", job]
    return measure.command("meltano", arguments, made, {}, home / "log.txt")


def mapper_alone(data: Path) -> Cost:
    """map-conversions reading a file of RECORD messages."""
    home = fresh("mapper")
    configs = our_configs(data, home)
    configs["tap-csv"].pop("batch_config")
    configs["map-conversions"].pop("emit")
    paths = files(configs, home)
    lines = home / "records.singer"
    measure.pipe([[str(BIN / "tap-csv"), "--config", paths["tap-csv"]]], home / "tap.txt", sink=lines)
    command = [str(BIN / "map-conversions"), "--config", paths["map-conversions"]]
    cost = measure.pipe([command], home / "log.txt", source=lines)
    lines.unlink()
    return cost


def identity_alone(rows: int) -> Cost:
    """resolve-identity reading a file of conversions with three identifiers each."""
    home = fresh("identity")
    lines = home / "records.singer"
    script = [sys.executable, identity_records.__file__, str(rows)]
    measure.pipe([script], home / "generator.txt", sink=lines)
    paths = files({"resolve-identity": {"tenant": "bench", "store": str(home / "identity.duckdb")}}, home)
    command = [str(BIN / "resolve-identity"), "--config", paths["resolve-identity"]]
    cost = measure.pipe([command], home / "log.txt", source=lines)
    lines.unlink()
    return cost


def check(home: Path, rows: int) -> None:
    """Count what arrived: a fast pipe that loses a row has lost."""
    with duckdb.connect(str(home / "ours.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT count(*) FROM growthnav_bench.conversions").fetchone()
    if found != (rows,):
        raise RuntimeError(f"{rows} rows sent, {found} stored")


def show(name: str, rows: int, cost: Cost, base: float | None = None) -> float:
    """Print one line; returns rows a second."""
    rate = rows / cost.wall
    ratio = f"{rate / base:6.1f}x" if base else "      "
    peak = f"{max(cost.peak_mb.values()):7.0f}" if cost.peak_mb else "       "
    print(f"{name:<34} {rows:>9,} {cost.wall:>8.1f} {rate:>10,.0f} {ratio} {cost.total_cpu:>8.1f} {peak}")
    return rate


def show_stages(rows: int, cost: Cost) -> None:
    """Where the CPU time of a pipe goes."""
    for stage, seconds in cost.cpu.items():
        print(f"    {stage:<30} {'':>9} {'':>8} {rows / seconds:>10,.0f} a CPU second {cost.peak_mb[stage]:>13.0f}")


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rival-rows", type=int, default=250_000)
    parser.add_argument("--quick", action="store_true", help="one tenth of the rows, to see that it runs")
    options = parser.parse_args()
    rows, rival_rows = (
        (options.rows // 10, options.rival_rows // 10) if options.quick else (options.rows, options.rival_rows)
    )
    data, rival_data = HOME / f"purchases-{rows}.csv", HOME / f"purchases-{rival_rows}.csv"
    purchases.write(data, rows)
    purchases.write(rival_data, rival_rows)
    executables = rival.install(HOME / "rivals")

    print(f"{'pipe':<34} {'rows':>9} {'wall s':>8} {'rows/s':>10} {'ratio':>7} {'CPU s':>8} {'peak MB':>7}")
    base = show("default pipe, shell", rival_rows, rival_by_shell(rival_data, executables))
    cost = ours_by_shell(data, rows)
    show("ours, shell", rows, cost, base)
    show_stages(rows, cost)
    base = show("default pipe, meltano run", rival_rows, by_meltano("rival", rival_data, executables))
    show("ours, meltano run", rows, by_meltano("ours", data, executables), base)
    check(HOME / "ours-meltano", rows)
    for name, alone in (
        ("map-conversions alone", mapper_alone(data)),
        ("resolve-identity alone", identity_alone(rows)),
    ):
        show(name, rows, alone)
        show_stages(rows, alone)


if __name__ == "__main__":
    main()
