"""`growthnav mcp`: the command."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import click

from pipe.errors import ConfigurationError
from plugins.mcp_server.access import SCOPES, Access
from plugins.project import choose, open_project

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "127.0.0.1"


@click.command("mcp")
@click.option("--scope", type=click.Choice(SCOPES), default="read", show_default=True, help="What it may do.")
@click.option("--tenant", "tenants", multiple=True, metavar="TENANT", help="Serve only this tenant (may be repeated).")
@click.option(
    "--transport", type=click.Choice(["stdio", "http"]), default="stdio", show_default=True, help="How it is spoken to."
)
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True, help="With http.")
@click.pass_obj
def command(directory: Path | None, /, scope: str, tenants: tuple[str, ...], transport: str, port: int) -> None:
    """Serve the tenants to an agent, by the Model Context Protocol.

    \b
    read    look: connectors, schemas, warehouse, identities, runs
    write   and start runs
    admin   and add data sources

    Over http it listens on this machine alone: put a proxy that knows who is calling in front of it.
    """
    project = open_project(directory)
    for tenant in tenants:
        choose("tenant", tenant, project.tenants)
    if transport == "http":
        _check_port(port)
    try:
        from plugins.mcp_server.server import build
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the package {error.name} is missing", remedy="Install the extra: growthnav-connectors[mcp]"
        ) from None
    server = build(project.root, Access(scope, frozenset(tenants) or None))
    if transport == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host=LOCAL, port=port)


def _check_port(port: int) -> None:
    """The server would end with a code of its own.

    Raises:
        ConfigurationError: somebody else listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCAL, port))
        except OSError:
            raise ConfigurationError(f"port {port} is taken", remedy="Name another: --port") from None
