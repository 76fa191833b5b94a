"""What a child process gets of our environment: what any program needs, and what its own tenant's wiring names.

Everything else stays with us: an operator's own variables, those of other tenants, and whole stored secrets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from plugins import wiring
from plugins.secrets.environment import BLOB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.project import Project, Tenant

_ANY_PROGRAM = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TERM|COLUMNS|TZ|TMPDIR|TMP|TEMP|LANG|LANGUAGE|LC_\w+|(?:NO|FORCE)_COLOR|XDG_\w+"
    r"|LD_LIBRARY_PATH|DYLD_\w+|VIRTUAL_ENV|PYTHON\w+|\w+_NUM_THREADS|JAVA_HOME|(?:SPARK|HADOOP)_\w+"
    r"|(?:https?|ftp|no|all)_proxy|SSL_CERT_\w+|(?:REQUESTS|CURL)_CA_BUNDLE|SSH_AUTH_SOCK|KRB5\w+"
    r"|(?:AWS|AZURE|GOOGLE|CLOUDSDK|GCE|KUBERNETES)_\w+|\w+_EMULATOR_HOST|(?:MELTANO|GROWTHNAV)_\w+",
    re.IGNORECASE,
)
"""Names for every child: system, locale, proxies and certificates, clouds, Meltano, and ours."""

_FOR_US = "annotations"
"""What Meltano leaves alone in a tenant's environment: its variables are for us, such as the webhook's secret."""


def common(environment: Mapping[str, str]) -> dict[str, str]:
    """For a child that is told everything else: nothing of any tenant."""
    return {name: value for name, value in environment.items() if _is_common(name)}


def for_tenant(project: Project, tenant: Tenant, environment: Mapping[str, str]) -> dict[str, str]:
    """For Meltano and the plugins of a tenant: also what its wiring refers to, and settings by their plugins' names."""
    named = {name for part in _wiring(project, tenant) for _, name in wiring.references(part)}
    named.update(_settings(project, tenant))
    return {
        name: value
        for name, value in environment.items()
        if _is_common(name) or (name in named and not BLOB.fullmatch(name))
    }


def _is_common(name: str) -> bool:
    return bool(_ANY_PROGRAM.fullmatch(name)) and not BLOB.fullmatch(name)


def _wiring(project: Project, tenant: Tenant) -> Iterator[Any]:
    """What its runs read of the wiring: of the environments, its own."""
    for document in project.documents_of(tenant):
        yield {key: value for key, value in document.content.items() if key != "environments"}
    yield {key: value for key, value in tenant.environment.items() if key != _FOR_US}


def _settings(project: Project, tenant: Tenant) -> Iterator[str]:
    """Variables that Meltano reads for settings.

    Of a tap that tenants share, secret ones are left out: `meltano config set` keeps one tenant's there for all.
    """
    for document in project.documents_of(tenant):
        shared = document is not tenant.document or document is project.documents[0]
        for _, entry in wiring.plugins(document):
            plugin = project.plugins[str(entry.get("name"))]
            hidden = plugin.secrets if shared and plugin.kind == "extractors" else []
            yield from (plugin.variable(str(item["name"])) for item in plugin.settings if item["name"] not in hidden)
