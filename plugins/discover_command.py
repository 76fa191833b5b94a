"""`growthnav discover benchmark`: discovery measured on labelled tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from discovery import benchmark
from discovery.score import Figures, figures, slices

if TYPE_CHECKING:
    from discovery.score import Predictions, Row


@click.command("benchmark")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--predictions",
    "out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="OUT.jsonl",
    help="Write one line a column: table, column, target, confidence.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def benchmark_command(file: Path, out: Path | None, *, as_json: bool) -> None:
    """Propose for the tables of FILE and, where it is labelled, say how many columns are right.

    The confidence is scored twice: as shipped, and fitted to the other vendors only (leave one vendor out).
    """
    rows = benchmark.load(file)
    predictions = benchmark.predict(rows)
    if out:
        _write(out, rows, predictions)
    report: dict[str, Any] = {"tables": len({row["table"] for row in rows}), "columns": len(rows)}
    if benchmark.labelled(rows):
        report["shipped"] = _figures(rows, predictions)
        if all("vendor" in row for row in rows):
            report["leave_one_vendor_out"] = _figures(rows, benchmark.leave_one_vendor_out(rows))
    if as_json:
        shown = {
            kind: {name: found.as_dict() for name, found in part.items()} if isinstance(part, dict) else part
            for kind, part in report.items()
        }
        click.echo(json.dumps(shown))
        return
    click.echo(f"{report['tables']} tables, {report['columns']} columns")
    for kind in ("shipped", "leave_one_vendor_out"):
        if kind in report:
            _print(kind.replace("_", " "), report[kind])
    if "shipped" not in report:
        click.echo("Not scored: the file has no labels (gold, also_ok, primary, variant, lang).")


def _figures(rows: list[Row], predictions: Predictions) -> dict[str, Figures]:
    return {name: figures(part, predictions) for name, part in slices(rows).items()}


def _write(out: Path, rows: list[Row], predictions: Predictions) -> None:
    with out.open("w", encoding="utf-8") as lines:
        for row in rows:
            target, confidence = predictions[row["table"], row["column"]]
            answer = {"table": row["table"], "column": row["column"], "target": target, "confidence": confidence}
            lines.write(json.dumps(answer, ensure_ascii=False) + "\n")


def _print(title: str, parts: dict[str, Figures]) -> None:
    click.echo(f"\nConfidence {title}")
    line = "{:<10}{:>8}{:>12}{:>9}{:>9}{:>13}{:>10}{:>8}{:>10}{:>10}"
    click.echo(
        line.format(
            "slice", "columns", "F1 lenient", "strict", "top-1", "sure: right", "covered", "ECE", "tables", "personal"
        )
    )
    for name, found in parts.items():
        sure = "-" if found.sure_precision is None else f"{found.sure_precision:.3f}"
        error = "-" if found.calibration_error is None else f"{found.calibration_error:.3f}"
        click.echo(
            line.format(
                name,
                found.columns,
                f"{found.f1_lenient:.3f}",
                f"{found.f1:.3f}",
                f"{found.top1_all:.3f}",
                sure,
                f"{found.sure_coverage:.3f}",
                error,
                found.tables_right,
                found.personal_false,
            )
        )
