"""This suite and others side by side, on the same purchases: rows a second, CPU seconds, memory.

    python bench/run.py [--rows 4000000] [--sources csv,postgres] [--contestants ours-batches,dlt-merge]

What each of them stored is counted and added up; one that differs from the source has failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import chart
import contestants
import ours
import report
import sources
from contestants import Contestant
from report import Failure, Result

SLOW_SHARE = 4


def main(arguments: list[str] | None = None) -> int:
    """Run everything, print one table; 1 when anyone failed."""
    options = _options(arguments)
    chosen = [each for each in contestants.ALL if each.name in options.contestants]
    results: list[Result] = []
    failures: list[Failure] = []
    print(report.heading(), flush=True)
    for source in options.sources:
        here = [each for each in chosen if source in each.sources]
        for slow, rows in ((False, options.rows), (True, options.slow_rows or max(1, options.rows // SLOW_SHARE))):
            group = [each for each in here if each.slow is slow]
            if group:
                for outcome in _group(source, rows, options.home, group):
                    (failures if isinstance(outcome, Failure) else results).append(outcome)
                    if isinstance(outcome, Result):
                        print(report.line(outcome, report.time_to(contestants.BASE, outcome, results)), flush=True)
    found = report.as_json(results, failures, contestants.BASE)
    written = options.home / "results.json", options.home / "results.svg"
    written[0].write_text(json.dumps(found, indent=2) + "\n")
    written[1].write_text(chart.draw(results))
    for failure in failures:
        print(f"{failure.source} {failure.name}: {failure.reason}", file=sys.stderr)
    print("written:", *written)
    return 1 if failures else 0


def _group(source: str, rows: int, home: Path, group: list[Contestant]) -> Iterator[Result | Failure]:
    """The contestants of one source and number of rows, while that source is open."""
    try:
        with sources.open_source(source, rows, home) as opened:
            expected = sources.totals(rows, home)
            for each in group:
                yield _one(each, opened, expected, ours.fresh(home, f"{source}-{each.name}"))
    except sources.MISSING as error:
        yield Failure(source, "all", str(error))


def _one(each: Contestant, source: sources.Source, expected: contestants.Totals, home: Path) -> Result | Failure:
    try:
        cost = each.run(source, home)
        stored = contestants.totals(each, home)
    except Exception as error:  # noqa: BLE001  one contestant's failure is a line of the report
        return Failure(source.name, each.name, str(error))
    if stored != expected:
        return Failure(source.name, each.name, f"rows, keys and sum are {stored}, must be {expected}")
    return Result(source.name, each.name, each.title, source.rows, cost)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=_count, default=1_000_000)
    parser.add_argument("--slow-rows", type=_count, help="rows of the slow contestants (default: a quarter)")
    parser.add_argument("--sources", type=_among(tuple(sources.SOURCES)), default=tuple(sources.SOURCES))
    parser.add_argument("--contestants", type=_among(contestants.NAMES), default=contestants.NAMES)
    parser.add_argument("--home", type=Path, default=ours.HOME, help="directory of purchases, runs and results")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _among(names: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def chosen(text: str) -> tuple[str, ...]:
        given = tuple(text.split(","))
        if unknown := [name for name in given if name not in names]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(names)}")
        return given

    return chosen


if __name__ == "__main__":
    sys.exit(main())
