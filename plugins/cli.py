"""The `growthnav` command: what a person or a scheduler types."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import NoReturn

import click

from pipe import command
from pipe.errors import EXIT_FAILED, KIND_BY_EXIT_CODE
from plugins import groups
from plugins.project import suggestion

COMMANDS = {
    "onboard": ("plugins.onboard:command", "Set up the tenant that FILE describes, all of it or nothing."),
    "demo": ("plugins.demo:command", "Run two tenants with real purchases, from files to people."),
    "run": ("plugins.run:command", "Run a tenant: read its sources, map them, resolve people, load."),
    "replay": (
        "plugins.replay:command",
        "Read the rejected records of TENANT again, and load those that can be mapped by now.",
    ),
    "runs": ("plugins.runs:command", "Show how a tenant's runs went, the newest first."),
    "schedules": (
        "plugins.orchestration.command:command",
        "List the schedules, or write them for cron, systemd or Dagster.",
    ),
    "state": ("plugins.state_command:command", "Export or import what a tenant's taps have read."),
    "map": ("plugins.map_command:command", "Show what a tenant's records become."),
    "mcp": ("plugins.mcp_server.command:command", "Serve the tenants to an agent, by the Model Context Protocol."),
    "identity": ("plugins.identity_command:identity", "People: who they are, why, and how good that is."),
    "discover": ("plugins.discover:command", "Propose how a source is mapped, for you to approve."),
    "models": ("plugins.models_command:models", "Compute tables from what is in a tenant's warehouse."),
    "reauth": ("plugins.reauth:command", "Give CONNECTOR of TENANT new credentials."),
    "doctor": ("plugins.doctor:command", "Look whether TENANT can run."),
    "offboard": ("plugins.offboard:command", "Let TENANT go."),
    "registry": ("plugins.registry_command:command", "Look into the registry of tenants, take it out, put it back."),
    "connectors": ("plugins.connectors:command", "List the kinds of data sources, and which of them can be read."),
    "tenants": ("plugins.tenants:command", "List the tenants, their schedules and their last run."),
}
"""Where each command is, and its line in the help: so the help need not load them (a test keeps the lines true)."""


class Commands(groups.Group):
    """A group that loads its commands late and helps with a misspelt one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)  # noqa: S101  the table above is ours
        return found

    def line(self, ctx: click.Context, name: str) -> str:
        """What the help says of a command."""
        del ctx
        return COMMANDS[name][1]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command the arguments start with.

        Raises:
            UsageError: there is none; suggests the nearest.
        """
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            text = f"there is no command '{args[0]}'. {suggestion(args[0], COMMANDS)}There is: {', '.join(COMMANDS)}"
            raise click.UsageError(text, ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--project",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project; by default the one around the working directory.",
)
@click.version_option(package_name="growthnav-connectors", message="growthnav %(version)s")
@click.pass_context
def growthnav(context: click.Context, directory: Path | None) -> None:
    """Every customer-data source of every tenant, resolved to people, in the tenant's warehouse.

    \b
    Start here:
      growthnav demo            two tenants with real purchases, from files to people, in a minute
      growthnav run TENANT      one tenant's sources into its warehouse
      growthnav COMMAND --help  more about a command
    """
    context.obj = directory


def main() -> NoReturn:
    """Run the command; exit 0, 1 or 2."""
    try:
        command.run("growthnav", lambda: sys.exit(growthnav.main(standalone_mode=False)))
    except SystemExit as end:
        sys.exit(EXIT_FAILED if end.code in KIND_BY_EXIT_CODE and end.code != 1 else end.code)
