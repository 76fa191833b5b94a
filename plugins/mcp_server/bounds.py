"""What an agent's settings may name: the tenant's own variables, and files of the project that are not hidden."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError
from plugins import wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.project import Project, Tenant

_ROOT = "MELTANO_PROJECT_ROOT"
_OF_MELTANO = {_ROOT, "MELTANO_ENVIRONMENT"}
_PLACE = re.compile(r"(?:\w*_)?(?:path|file|root|directory)")
"""Names of settings that are places of files."""
_ELSEWHERE = ("s3://", "gs://")


def check(project: Project, tenant: Tenant, source: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse variables and files of others: sent to a server of one's choice, or loaded and read, they would be stolen.

    Args:
        project: where the tenant is.
        tenant: whose data source.
        source: as the agent wants it: `connection_params`, `credential_variables`.
        known: the data source as it is; what stands there already may stay.

    Raises:
        ConfigurationError: a variable is not named as the tenant's, or a file is hidden or outside of the project.
    """
    _check_variables(project, tenant, source)
    given = wiring.texts(source["connection_params"], ("connection_params",))
    already = set(wiring.texts(known.get("connection_params"), ("connection_params",)))
    for keys, text in set(given) - already:
        name = next(key for key in reversed(keys) if isinstance(key, str))
        if _PLACE.fullmatch(name) and not _is_open(project.root, text):
            raise ConfigurationError(
                "an agent names no file that is hidden or outside of the project",
                field=_field(keys),
                remedy="Move it, or have a person onboard it: growthnav onboard FILE --update",
            )


def _check_variables(project: Project, tenant: Tenant, source: Mapping[str, Any]) -> None:
    prefix = f"{tenant.name.upper()}_"
    own = re.compile(rf"{re.escape(prefix)}[A-Z0-9_]+")
    longer = tuple(f"{name.upper()}_" for name in project.tenants if name.startswith(f"{tenant.name}_"))
    free = _OF_MELTANO | {name for _, name in wiring.references(tenant.environment.get("config"))}
    secret = source.get("credential_variables") or {}
    named = [(f"credential_variables.{setting[:40]}", name) for setting, name in sorted(secret.items())]
    for keys, name in wiring.references(source["connection_params"], ("connection_params",)):
        if name not in free:
            named.append((_field(keys), name))
    for place, name in named:
        if not own.fullmatch(name) or name.startswith(longer):
            raise ConfigurationError(f"its variable must begin with {prefix}", field=place)


def _is_open(root: Path, text: str) -> bool:
    """Whether a path or glob can only mean files within `root`, and in no hidden folder: wildcards match no dot."""
    if text.startswith(_ELSEWHERE):
        return True
    path = PurePosixPath(text.replace(f"${{{_ROOT}}}", str(root)).replace(f"${_ROOT}", str(root)))
    if path.is_absolute():
        if not path.is_relative_to(root):
            return False
        path = path.relative_to(root)
    return "://" not in text and not any(part.startswith((".", "~")) for part in path.parts)


def _field(keys: wiring.Keys) -> str:
    return ".".join(str(key)[:40] for key in keys)
