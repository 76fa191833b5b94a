"""The tool that tells whether a tenant can run: what `growthnav doctor` looks at."""

import importlib
from typing import Any

from plugins.mcp_server import replies
from plugins.mcp_server.door import Door


def doctor(door: Door, customer_id: str) -> replies.Health:
    """Look at a tenant."""
    project = door.project
    tenant = door.access.tenant(project, customer_id)
    module: Any = importlib.import_module("plugins.doctor")
    checks = [
        replies.Check(name=check.name, ok=check.ok, detail=check.detail) for check in module.examine(project, tenant)
    ]
    return replies.Health(customer_id=tenant.name, ok=all(check.ok for check in checks), checks=checks)
