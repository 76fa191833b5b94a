"""`growthnav identity ...`: the commands that work on a tenant's people."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugins import progress, project, runner
from plugins.people import place, words
from plugins.processes import Stopper
from plugins.run import summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from identity.hashing import Hasher
    from identity.reconcile.explain import Explainer
    from identity.reconcile.ledger import Ledger

JOB = "reconcile"


@click.command("reconcile")
@click.argument("tenant")
@click.option("--full-refresh", is_flag=True, help="Send everything again, whatever was sent before.")
@click.pass_obj
def reconcile(directory: Path | None, tenant: str, *, full_refresh: bool) -> None:
    """Find TENANT's people anew in everything there is, under ids that stay.

    Runs the job `reconcile`, and exits as `growthnav run` does.
    """
    reporter = progress.reporter()
    try:
        with Stopper() as stopper:
            request = runner.Request(tenant, JOB, full_refresh)
            result = runner.run(project.open_project(directory), request, reporter, stopper)
    finally:
        reporter.close()
    click.echo(summary(result))
    sys.exit(result.exit_code)


@contextmanager
def _asking(directory: Path | None, tenant: str) -> Iterator[tuple[Explainer, Ledger, Hasher]]:
    """The tenant's people, for questions and decisions about them."""
    from identity.reconcile.explain import Explainer

    with place.staged(place.settings_of(directory, tenant)) as (db, ledger, hasher):
        yield Explainer(db, ledger), ledger, hasher


def _reason(_context: click.Context, _parameter: click.Parameter, why: str) -> str:
    """A reason that says something."""
    if not why.strip():
        raise click.BadParameter("say why, for whoever asks later")
    return why


def _deciding(decision: str, text: str) -> click.Command:
    """The command that decides so about two records."""

    @click.command(decision, help=text)
    @click.argument("tenant")
    @click.argument("one")
    @click.argument("other")
    @click.option(
        "--why", required=True, callback=_reason, help="The reason, for whoever asks later; write no personal data."
    )
    @click.pass_obj
    def decide(directory: Path | None, tenant: str, one: str, other: str, why: str) -> None:
        from identity.reconcile.ledger import Decision

        with _asking(directory, tenant) as (explainer, ledger, _):
            left, right = sorted(explainer.representative(text) for text in (one, other))
            if left == right:
                raise click.UsageError("that is one record, not two")
            ledger.decide(Decision(left, right, decision, why, ledger.now()))
            ledger.store.commit()
        click.echo(f"{decision}: {left} {right}. It holds from the next growthnav identity reconcile {tenant} on.")

    return decide


link = _deciding("link", "Decide that ONE and OTHER are one person: ids of persons or records, or connector:id.")
unlink = _deciding("unlink", "Decide that ONE and OTHER are two people, whatever they share.")


@click.command("explain")
@click.argument("tenant")
@click.argument("one")
@click.argument("other", required=False)
@click.option("--values", is_flag=True, help="Show personal values in clear.")
@click.pass_obj
def explain(directory: Path | None, tenant: str, one: str, other: str | None, *, values: bool) -> None:
    """Say why ONE and OTHER are one person or two; of ONE alone, what holds their records together."""
    with _asking(directory, tenant) as (explainer, _, _):
        if other is not None:
            lines = words.of_pair(explainer, explainer.representative(one), explainer.representative(other))
            click.echo("\n".join(lines))
            return
        person = explainer.person(explainer.person_of(one))
        names = {record.unit: words.name_of(record) for record in reversed(person.records)}
        click.echo("\n".join(words.of_person(person, values=values)))
        click.echo("  links")
        for each in person.links:
            click.echo(
                f"    {names.get(each.left, each.left)} and {names.get(each.right, each.right)}: {words.of_link(each)}"
            )


@click.command("show")
@click.argument("tenant")
@click.argument("person")
@click.option("--values", is_flag=True, help="Show personal values in clear.")
@click.pass_obj
def show(directory: Path | None, tenant: str, person: str, *, values: bool) -> None:
    """Show a PERSON: records, former ids, history."""
    with _asking(directory, tenant) as (explainer, _, _):
        click.echo("\n".join(words.of_person(explainer.person(explainer.person_of(person)), values=values)))


@click.command("forget")
@click.argument("tenant")
@click.argument("person")
@click.option(
    "--why",
    required=True,
    callback=_reason,
    help="The reason, such as the number of the request; write no personal data.",
)
@click.confirmation_option(prompt="This cannot be undone. Forget this person?")
@click.pass_obj
def forget(directory: Path | None, tenant: str, person: str, why: str) -> None:
    """Erase a PERSON from the store, the map and everything sent from now on.

    The next reconcile takes them out of identities and identity_map, and a full refresh of the tenant's jobs blanks
    their rows in customer_profiles and conversions. Old files do not bring them back; new data does.
    """
    from identity.reconcile.forget import forget as erase

    with _asking(directory, tenant) as (explainer, ledger, hasher):
        count = erase(ledger, hasher, explainer.person_of(person), why)
        ledger.store.commit()
    click.echo(f"Forgotten, with {count} records. Now: growthnav identity reconcile {tenant}, then a full refresh.")


@click.command("rotate")
@click.argument("tenant")
@click.pass_obj
def rotate(directory: Path | None, tenant: str) -> None:
    """Give TENANT a new key: the same people, under hashes that the old key cannot tell.

    Afterwards run the tenant's jobs with --full-refresh, then reconcile. Store and key of before stay beside the new
    ones, under names that end in .before, for you to remove.
    """
    from identity.reconcile import rotate as rotating

    chosen = place.settings_of(directory, tenant)
    with place.staged(chosen) as (db, ledger, hasher):
        lost = rotating.rotate(db, ledger, hasher, chosen)
    rotating.swap(chosen)
    if lost:
        click.echo(f"{lost} erased records are in no table any more and will not be recognised if they come again.")
    click.echo(f"Now: growthnav run {tenant} --full-refresh, then growthnav identity reconcile {tenant}.")


@click.command("page")
@click.argument("tenant")
@click.argument("person", required=False)
@click.option("--values", is_flag=True, help="Show personal values in clear, on the page of a person.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file; by default in out/.")
@click.pass_obj
def page(directory: Path | None, tenant: str, person: str | None, out: Path | None, *, values: bool) -> None:
    """Write a page in HTML about a PERSON, or about all of TENANT's people."""
    from identity.reconcile.tap import open_ledger
    from pipe.files import keep
    from plugins.people import pages

    found = project.open_project(directory)
    chosen = place.read(found, tenant)
    if person is None:
        with open_ledger(chosen) as (ledger, _):
            content, name = pages.of_tenant(ledger, tenant), f"{tenant}-people.html"
    else:
        with _asking(directory, tenant) as (explainer, _, _):
            shown = explainer.person(explainer.person_of(person))
            content, name = pages.of_person(shown, values=values), f"{tenant}-{shown.uid}.html"
    target = out or found.root / "out" / name
    keep(target, content.encode())
    click.echo(f"Open {target} in a browser.")


COMMANDS = (reconcile, link, unlink, explain, show, page, forget, rotate)
