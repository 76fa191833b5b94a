"""`growthnav discover`: the command."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipe.errors import ConfigurationError
from plugins.project import TENANT_NAME, open_project

if TYPE_CHECKING:
    from plugins.project import Project

SUBCOMMANDS = {"benchmark": "plugins.discover_command:benchmark_command"}
"""Words that are no tenant: what they run."""
_FILE = click.Path(dir_okay=False, path_type=Path)


class _Discover(click.Group):
    """A command of its own arguments, which also has subcommands: `discover TENANT CONNECTOR`, `discover benchmark`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let anything but a subcommand be an argument."""
        if not args or args[0] not in SUBCOMMANDS:
            args = ["tenant", *(args or ["--help"])]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, loaded when it is called."""
        if cmd_name in SUBCOMMANDS:
            module, _, attribute = SUBCOMMANDS[cmd_name].partition(":")
            return click_command(getattr(importlib.import_module(module), attribute))
        return super().get_command(ctx, cmd_name)


def click_command(found: Any) -> click.Command:
    """The object, known to be a command."""
    assert isinstance(found, click.Command)  # noqa: S101  the table above is ours
    return found


@click.group("discover", cls=_Discover)
def command() -> None:
    """Propose how a source is mapped, for you to approve."""


@command.command("tenant", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("tenant", required=False)
@click.argument("connector", required=False)
@click.option("--sample", type=click.IntRange(min=1), default=10_000, show_default=True, help="Records a stream.")
@click.option("--review", type=_FILE, help="Where the review goes; by default into .growthnav/TENANT.")
@click.option("--apply", "applied", type=_FILE, metavar="REVIEW", help="Apply an edited review.")
@click.option(
    "--out", type=_FILE, help="With --apply: where the mapping goes; by default tenants/TENANT/CONNECTOR.yml."
)
@click.pass_obj
def tenant_command(
    directory: Path | None,
    tenant: str | None,
    connector: str | None,
    *,
    sample: int,
    review: Path | None,
    applied: Path | None,
    out: Path | None,
) -> None:
    """Propose how a source is mapped, for you to approve.

    \b
    growthnav discover acme csv            tests the connection, samples, writes a review
    growthnav discover --apply review.md   writes the mapping that the edited review approves
    growthnav discover benchmark FILE      measures discovery on labelled tables
    """
    if applied:
        if tenant or connector or review:
            raise click.UsageError("--apply takes tenant and connector from the review")
        _apply(directory, applied, out)
        return
    if not tenant or not connector or out:
        raise click.UsageError("name TENANT and CONNECTOR, or give --apply REVIEW (and then --out)")
    from plugins import discovery_run

    result = discovery_run.run(open_project(directory), tenant, connector, sample, review)
    click.echo(f"{result.summary}\n  review  {result.review}\n  page    {result.page}")
    click.echo(f"Edit the review, then run: growthnav discover --apply {result.review}")


def _apply(directory: Path | None, path: Path, out: Path | None) -> None:
    """Write the mapping that a review approves, and say what is left to do."""
    from discovery import edited, files

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the review {path} is not in UTF-8", remedy="Save it as UTF-8, not UTF-16") from None
    except OSError:
        raise ConfigurationError(f"the review {path} cannot be read", remedy="Give the path of a review") from None
    edit = edited.read(text, str(path))
    project: Project | None = None
    if out is None:
        if not TENANT_NAME.fullmatch(edit.tenant):
            raise ConfigurationError("the review belongs to no tenant", remedy="Say where the mapping goes: --out FILE")
        project = open_project(directory)
        project.tenant(edit.tenant)
        out = mapping_path(project, edit.tenant, edit.connector)
    told = files.apply(edit, out)
    click.echo(f"written: {out}")
    for line in told:
        click.echo(f"  {line}")
    for stream in edit.streams:
        if stream.open:
            click.echo(f"  stream '{stream.name}': still to decide, and not in the mapping: {', '.join(stream.open)}")
    if project and not _is_wired(project, edit.tenant, out):
        path = out.relative_to(project.root)
        click.echo(f"Add it to the sources of {edit.tenant}'s map-conversions:")
        click.echo(f"  - {{preset: '${{MELTANO_PROJECT_ROOT}}/{path}', connector: {edit.connector}}}")


def mapping_path(project: Project, tenant: str, connector: str) -> Path:
    """Where a tenant's mapping of a connector is."""
    return project.root / "tenants" / tenant / f"{connector}.yml"


def _is_wired(project: Project, tenant: str, out: Path) -> bool:
    """Whether the tenant's mapper reads the mapping."""
    _, config = project.tenant(tenant).config(project.plugins["map-conversions"])
    presets = [str(source.get("preset")) for source in config.get("sources") or [] if isinstance(source, dict)]
    return any(preset.endswith(f"/{out.relative_to(project.root)}") for preset in presets)
