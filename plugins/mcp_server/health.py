"""The tool that tells whether a tenant can run: what `growthnav doctor` looks at."""

from plugins import doctor as health
from plugins.mcp_server import replies
from plugins.mcp_server.door import Door


def doctor(door: Door, customer_id: str) -> replies.Health:
    """Look at a tenant."""
    project = door.project
    tenant = door.access.tenant(project, customer_id)
    checks = [
        replies.Check(name=check.name, ok=check.ok, detail=check.detail) for check in health.examine(project, tenant)
    ]
    return replies.Health(customer_id=tenant.name, ok=all(check.ok for check in checks), checks=checks)
