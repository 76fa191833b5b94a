"""Where the server is, who asks, and how the connection is encrypted: the settings by the names of the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_TLS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_identity")


def place(config: Mapping[str, Any]) -> dict[str, Any]:
    """Host, port, user, password and database; each setting goes before its part of `url`.

    Raises:
        ValueError: the port of `url` is no number.
    """
    parts = urlsplit(config.get("url", ""))
    given = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "database": unquote(parts.path.strip("/")) or None,
    }
    found = {name: config.get(name, value) for name, value in given.items()}
    return {name: value for name, value in found.items() if value is not None}


def tls(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings say of TLS."""
    return {name: config[name] for name in _TLS if name in config}
