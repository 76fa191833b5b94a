"""The door every call goes through: arguments checked without being repeated, errors and answers masked, all noted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError

from pipe.errors import ConfigurationError, PipeError
from plugins import redact
from plugins.project import Project, open_project
from plugins.secrets import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from plugins.mcp_server.access import Access, Trail
    from plugins.project import Tenant

OK, REFUSED, CANCELLED, UNFORESEEN = "ok", "refused", "cancelled", "bug"
_INSTRUCTIONS = """\
Customer-data pipelines of tenants (customer_id). Start with list_connectors. No tool takes or returns a secret: those \
are stored by `growthnav reauth`, and named here by their environment variables at most."""


class RefusedError(ToolError):
    """A call that never reached its tool."""


class Door(MCPServer):
    """The SDK's server, with our rules around tools and resources."""

    def __init__(self, root: Path, access: Access, trail: Trail) -> None:
        """Serve the project at `root`."""
        super().__init__("growthnav", instructions=_INSTRUCTIONS, log_level="ERROR")
        self._root, self.access, self._trail = root, access, trail

    @property
    def project(self) -> Project:
        """The project as its files are now.

        Raises:
            ConfigurationError: they have mistakes; which, is told on the server's own machine: they name tenants.
        """
        try:
            return open_project(self._root)
        except ConfigurationError:
            raise ConfigurationError(
                "the project's files have mistakes", remedy="growthnav tenants, on the server, names them"
            ) from None

    def of_tenant(self, customer_id: str) -> tuple[Project, Tenant]:
        """A tenant, and the project as its own runs read it: without the jobs and taps of others.

        Raises:
            ConfigurationError: it is not served here.
        """
        name = self.access.tenant(self.project, customer_id).name
        project = open_project(self._root, tenant=name)
        return project, project.tenant(name)

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Check the arguments, call the tool, mask what it says, and note the call.

        Raises:
            ToolError: a sentence for the caller: never a traceback, an argument's value, or a secret.
        """
        clock, outcome, mask = time.monotonic(), UNFORESEEN, redact.Redactor(())
        try:
            self._check(name, arguments)
            mask = await anyio.to_thread.run_sync(self._mask, arguments.get("customer_id"))
            result = await super().call_tool(name, arguments, context)
            outcome = OK
        except anyio.get_cancelled_exc_class():
            outcome = CANCELLED
            raise
        except RefusedError:
            outcome = REFUSED
            raise
        except (ToolError, PipeError) as error:
            cause = error if isinstance(error, PipeError) else error.__cause__
            if isinstance(cause, PipeError):
                outcome = cause.kind
                raise ToolError(mask(f"{cause.kind} error: {cause}")) from None
            raise ToolError(f"unexpected {type(cause or error).__name__} in {name}. Please report it") from None
        finally:
            known = name if self._tool_manager.get_tool(name) else ""
            self._trail.note(known, arguments, outcome, time.monotonic() - clock, self._known(arguments))
        return _masked(result, mask)

    async def read_resource(self, uri: Any, context: Any = None) -> Any:
        """As the SDK's, with the same rules.

        Raises:
            ResourceError: a sentence for the caller.
        """
        clock, outcome = time.monotonic(), UNFORESEEN
        try:
            found = await super().read_resource(uri, context)
            outcome = OK
        except ResourceError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, PipeError):
                cause = cause.__cause__
            outcome = cause.kind if cause else UNFORESEEN
            raise ResourceError(f"{cause.kind} error: {cause}" if cause else "it cannot be read") from None
        finally:
            scheme, _, name = str(uri).partition("://")
            known = self._known({"customer_id": name}) if scheme == "customer" else None
            self._trail.note(f"resource {scheme}", {"uri": str(uri)}, outcome, time.monotonic() - clock, known)
        return found

    def _check(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Refuse a tool or an argument that is not known, or of the wrong kind.

        Raises:
            RefusedError: names the parameters there are; nothing of what was sent.
        """
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            raise RefusedError("there is no such tool")
        if problems := list(_problems(tool, arguments)):
            raise RefusedError("; ".join(problems))

    def _mask(self, customer_id: Any) -> redact.Redactor:
        """Takes the secrets of the tenant, or of all of them, out of texts."""
        project = self.project
        vault = open_vault(project)
        hidden: set[str] = set()
        for tenant in project.tenants.values():
            if customer_id in {None, tenant.name}:
                try:
                    stored = vault.resolve(tenant)
                except PipeError:  # none stored, or the store is away: the tool will say so if it needs them
                    stored = {}
                hidden |= redact.secrets_of(project, tenant, {**project.environment, **stored}, stored)
        return redact.Redactor(hidden)

    def _known(self, arguments: Mapping[str, Any]) -> str | None:
        name = arguments.get("customer_id")
        try:
            return name if isinstance(name, str) and name in self.project.tenants and self.access.serves(name) else None
        except PipeError:
            return None


def _problems(tool: Any, arguments: Mapping[str, Any]) -> Iterable[str]:
    """What is wrong with the arguments, by the names of the parameters there are."""
    known = tool.parameters.get("properties", {})
    if set(arguments) - set(known):
        yield f"there are arguments that {tool.name} does not take. It takes: {', '.join(known)}"
    try:
        tool.fn_metadata.validate_arguments({name: value for name, value in arguments.items() if name in known})
    except ValidationError as error:
        wrong = {str(each["loc"][0]): each["type"].replace("_", " ") for each in error.errors() if each["loc"]}
        for name in sorted(wrong):
            yield f"{name}: {wrong[name]}"


def _masked(result: Any, mask: redact.Redactor) -> Any:
    if not isinstance(result, CallToolResult):
        return result
    shown = mask.deep(result.structured_content)
    text = json.dumps(shown, indent=2, ensure_ascii=False)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=shown)
