"""Asking the server for language models, within this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp_types import CallToolResult

from plugins.mcp_server.access import Access
from plugins.mcp_server.server import build

READ = ["list_connectors", "discover_schema", "query_warehouse", "explain_identity", "run_history", "doctor"]
ALL = [*READ, "sync_data_source", "configure_data_source"]


def ask(root: Path, work: Callable[[Client], Awaitable[Any]], **access: Any) -> Any:
    """What `work` gets from a server of the project."""

    async def main() -> Any:
        async with Client(build(root, Access(**access))) as client:
            return await work(client)

    return anyio.run(main)


def call(root: Path, tool: str, arguments: dict[str, Any], **access: Any) -> CallToolResult:
    return ask(root, lambda client: client.call_tool(tool, arguments), **{"scope": "admin", **access})


def said(result: CallToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)
