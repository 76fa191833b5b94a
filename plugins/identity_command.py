"""`growthnav identity`: people, and how good they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipe.errors import ConfigurationError
from plugins.groups import Group
from plugins.people import commands

if TYPE_CHECKING:
    from identity.evaluation import Evaluation


@click.group(cls=Group)
def identity() -> None:
    """People: who they are, why, and how good that is."""


@identity.command("evaluate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--truth", required=True, metavar="COLUMN", help="The column that names the true person.")
@click.option("--id", "record_id", metavar="COLUMN", help="The column that names the record; guessed when left out.")
@click.option(
    "--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="What a column is, where the guess is wrong."
)
@click.option(
    "--region", metavar="COUNTRY", default="US", show_default=True,
    help="The country (ISO 3166) whose telephone numbers are written without a country code.",
)  # fmt: skip
@click.option("--clusters", type=click.Path(dir_okay=False, path_type=Path), help="Write record ids and clusters here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate_command(
    files: tuple[Path, ...],
    truth: str,
    record_id: str | None,
    maps: tuple[str, ...],
    *,
    region: str,
    clusters: Path | None,
    as_json: bool,
) -> None:
    """Link the records of FILES (CSV or Parquet) with the shipped settings and compare with the truth.

    Columns are recognised by their names; what was taken for what is printed. The fields are those of docs/linking.md.
    """
    from identity.evaluation import evaluate_files  # heavy, and not every command of this group needs it
    from identity.linking import LinkSettings

    if clusters and not clusters.parent.is_dir():
        raise ConfigurationError(
            f"there is no folder {clusters.parent}", field="--clusters", remedy="Make it, or name a file elsewhere"
        )
    how = LinkSettings(region=region.upper())
    found = evaluate_files(files, truth, record_id=record_id, columns=_mapped(maps), settings=how, sweep=not as_json)
    if clusters:
        from pyarrow import csv

        csv.write_csv(found.clusters, clusters)
    click.echo(json.dumps(found.figures()) if as_json else _text(found))


def _mapped(maps: tuple[str, ...]) -> dict[str, str]:
    wrong = [one for one in maps if not all(one.partition("=")[::2])]
    if wrong:
        raise ConfigurationError("--map needs COLUMN=FIELD", field=wrong[0], remedy="For example --map dob=birth_date")
    return {column: field for column, _, field in (one.rpartition("=") for one in maps)}


def _text(found: Evaluation) -> str:
    """What a person reads."""
    report, quality = found.report, found.quality
    lines = [
        "columns    " + ", ".join(f"{c} = {f}" if c != f else c for c, f in found.columns.items()),
        f"method     {report.method}, model {report.model_version} ({report.reason})",
        *(f"training   {one.name}: {one.outcome.replace('_', ' ')} {one.reason}".rstrip() for one in report.sessions),
        *(f"warning    {one}" for one in report.warnings),
        f"pairwise   F1 {quality.f1:.4f}  precision {quality.precision:.4f}  recall {quality.recall:.4f}",
        f"B-cubed    F1 {quality.bcubed_f1:.4f}  precision {quality.bcubed_precision:.4f}  "
        f"recall {quality.bcubed_recall:.4f}",
        f"people     {quality.predicted_people:,} of {quality.records:,} records ({quality.true_people:,} in truth), "
        f"largest {found.largest_cluster}",
        f"cost       {found.seconds:.1f} s, {found.peak_mb:,.0f} MB at most",
    ]
    if found.sweep:
        lines += ["", "threshold      F1  precision  recall  B-cubed F1"]
        lines += [
            f"{threshold:>9}  {one.f1:.4f}  {one.precision:>9.4f}  {one.recall:.4f}  {one.bcubed_f1:>10.4f}"
            for threshold, one in found.sweep
        ]
    return "\n".join(lines)


for _command in commands.COMMANDS:
    identity.add_command(_command)
