"""`growthnav reauth`: new credentials for a data source; everything else stays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from pipe.errors import ConfigurationError
from plugins import plugin_call
from plugins.onboarding.credentials import read_credentials
from plugins.project import choose, open_project
from plugins.secrets import open_vault, vault

if TYPE_CHECKING:
    from plugins.project import Project, Tenant


@click.command("reauth")
@click.argument("tenant")
@click.argument("connector")
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML file of the new values."
)
@click.pass_obj
def command(directory: Path | None, tenant: str, connector: str, *, file: Path | None) -> None:
    """Give CONNECTOR of TENANT new credentials.

    They are asked for, or taken from a file. A value may be ${VARIABLE} or, in a file, {file: PATH}. They are tried
    before they are kept. Bookmarks stay: the next run goes on where the last one ended.
    """
    project = open_project(directory)
    found = project.tenant(tenant)
    entries = {str(entry["id"]): entry for entry in vault.connectors(found)}
    entry = choose("connector", connector, entries)
    names = needed(project, found, entry)
    if not names:
        raise ConfigurationError(f"connector '{connector}' has no secret")
    given = _from_file(file) if file else {name: _ask(name) for name in names}
    content = read_credentials(project, given, names, file.name if file else "the answers")
    _test(project, found, entry, content)
    open_vault(project).write(tenant, str(entry["secret"]), content)
    click.echo(f"{connector} of {tenant} answers; its new secret is kept at {entry['secret']}.")


def needed(project: Project, tenant: Tenant, entry: dict[str, Any]) -> list[str]:
    """Settings of a connector that its secret holds: those whose variables the tenant's file refers to."""
    plugin = project.plugins[str(entry["extractor"])]
    _, config = tenant.config(plugin)
    return [
        name
        for name, value in config.items()
        if value == f"${{{vault.variable(tenant.name, str(entry['id']), name)}}}" and entry.get("secret")
    ]


def test_config(project: Project, tenant: Tenant, entry: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Settings with which a connector's tap is tried."""
    plugin = project.plugins[str(entry["extractor"])]
    _, own = tenant.config(plugin)
    config = plugin_call.settings(project, plugin, tenant.name, {**own, **content})
    config.pop("batch_config", None)  # it would write files
    return config


def _test(project: Project, tenant: Tenant, entry: dict[str, Any], content: dict[str, Any]) -> None:
    plugin = project.plugins[str(entry["extractor"])]
    plugin_call.call(project, plugin, test_config(project, tenant, entry, content), "--test")


def _ask(name: str) -> str:
    return str(click.prompt(name, hide_input=sys.stdin.isatty(), err=True)).strip()


def _from_file(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise ConfigurationError(f"{file.name} is not YAML") from None
