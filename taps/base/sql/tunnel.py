"""A way to a database through an SSH server: a port of this machine that leads to the database's."""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import select
import socketserver
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError, CredentialsError, RetriableError
from taps.base.settings import setting
from taps.base.sql.settings import PORTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import paramiko

logger = logging.getLogger(__name__)

SSH_PORT = 22
_SECONDS = 30
_KEEP_ALIVE_SECONDS = 30
_PIECE = 1 << 16

TUNNEL: dict[str, Any] = setting(
    "object",
    "SSH tunnel",
    "The SSH server through which the database is reached; host and port stay those that this server sees.",
    properties={
        "host": {"type": "string", "description": "Name or address of the SSH server"},
        "port": {"type": "integer", "description": "Of the SSH server; 22 unless set", **PORTS},
        "user": {"type": "string", "description": "Who logs in there"},
        "password": {"type": "string", "secret": True, "description": "Of the user, or none with a private key"},
        "private_key": {"type": "string", "secret": True, "description": "Text of a private key"},
        "private_key_path": {"type": "string", "description": "File of a private key, in its place"},
        "private_key_passphrase": {"type": "string", "secret": True, "description": "Of the private key"},
        "host_key": {"type": "string", "description": "The server's public key, as `ssh-ed25519 AAAA...`"},
        "known_hosts": {"type": "string", "description": "File that knows it; default ~/.ssh/known_hosts"},
    },
    required=["host", "user"],
    additionalProperties=False,
    secret=True,
)
"""The setting `ssh_tunnel`."""


class Tunnel:
    """One connection to the SSH server, opened on first use and again when it was lost."""

    def __init__(self, chosen: Mapping[str, Any], to: tuple[str, int]) -> None:
        """Lead to host and port `to`, by a checked setting `ssh_tunnel`."""
        self._chosen = chosen
        self._to = to
        self._transport: paramiko.Transport | None = None
        self._server: _Forwarder | None = None

    def address(self) -> tuple[str, int]:
        """Host and port of this machine that lead to the database.

        Raises:
            ConfigurationError: the server's key is not known, or another one; or the private key cannot be read.
            CredentialsError: the server refuses the user.
            RetriableError: it cannot be reached.
        """
        if self._server is None or self._transport is None or not self._transport.is_active():
            self.close()
            self._transport = self._log_in()
            self._server = _Forwarder(self._transport, self._to)
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
            atexit.register(self.close)
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Let go of both ends."""
        atexit.unregister(self.close)
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        if self._transport:
            self._transport.close()
        self._server = self._transport = None

    def _log_in(self) -> paramiko.Transport:
        import paramiko

        logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it logs tracebacks; we say what is wrong
        chosen = self._chosen
        place = (chosen["host"], int(chosen.get("port", SSH_PORT)))
        expected, key = self._host_key(place), self._private_key()
        try:
            transport = paramiko.Transport(place)
        except (OSError, paramiko.SSHException):
            raise _unreachable() from None
        transport.banner_timeout = transport.auth_timeout = _SECONDS
        try:
            self._authenticate(transport, expected, key)
        except BaseException:
            transport.close()
            raise
        transport.set_keepalive(_KEEP_ALIVE_SECONDS)
        return transport

    def _authenticate(self, transport: paramiko.Transport, expected: paramiko.PKey, key: paramiko.PKey | None) -> None:
        import paramiko

        chosen = self._chosen
        try:
            transport.connect(hostkey=expected, username=chosen["user"], password=chosen.get("password"), pkey=key)
        except paramiko.AuthenticationException:
            raise CredentialsError(
                "the SSH server refused the user", field="ssh_tunnel", remedy="Renew its password or private key"
            ) from None
        except paramiko.SSHException as error:
            if "host key" in str(error).lower() or isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
                raise ConfigurationError(
                    "the SSH server shows another key than the one that is known: it may be another server",
                    field="ssh_tunnel",
                    remedy="Ask whoever runs it for its key before you set host_key or known_hosts anew",
                ) from None
            raise _unreachable() from None
        except (OSError, EOFError):
            raise _unreachable() from None

    def _host_key(self, place: tuple[str, int]) -> paramiko.PKey:
        import paramiko

        host, port = place
        name = host if port == SSH_PORT else f"[{host}]:{port}"
        known = paramiko.HostKeys()
        if given := self._chosen.get("host_key"):
            with contextlib.suppress(paramiko.SSHException, ValueError):
                if entry := paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {given}"):
                    known.add(name, entry.key.get_name(), entry.key)
        else:
            path = Path(self._chosen.get("known_hosts", "~/.ssh/known_hosts")).expanduser()
            with contextlib.suppress(OSError, paramiko.SSHException):
                known.load(str(path))
        found = known.lookup(name)
        if not found:
            raise ConfigurationError(
                "the key of the SSH server is not known",
                field="ssh_tunnel",
                remedy="Set host_key to its public key (ssh-keyscan shows it; compare it with its owner's)",
            )
        return next(iter(found.values()))

    def _private_key(self) -> paramiko.PKey | None:
        import paramiko

        chosen, passphrase = self._chosen, self._chosen.get("private_key_passphrase")
        try:
            text = chosen.get("private_key") or (
                Path(chosen["private_key_path"]).expanduser().read_text() if "private_key_path" in chosen else None
            )
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the private key cannot be read ({type(error).__name__})",
                field="ssh_tunnel.private_key_path",
                remedy="Name a file this user may read",
            ) from None
        if text is None:
            return None
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            with contextlib.suppress(paramiko.SSHException, ValueError, IndexError):
                return kind.from_private_key(io.StringIO(text), passphrase)
        raise CredentialsError(
            "the private key has a form that is not known, or needs another passphrase",
            field="ssh_tunnel.private_key",
            remedy="Give an Ed25519, ECDSA or RSA key in OpenSSH's format, and its passphrase",
        )


class _Forwarder(socketserver.ThreadingTCPServer):
    """Listens on this machine only."""

    daemon_threads = True

    def __init__(self, transport: paramiko.Transport, to: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Connection, transport, to))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: whoever is connected sees the end of the connection, and says so."""


class _Connection(socketserver.BaseRequestHandler):
    """Copies what comes from one side to the other."""

    def __init__(self, transport: paramiko.Transport, to: tuple[str, int], *arguments: Any) -> None:
        self._transport = transport
        self._to = to
        super().__init__(*arguments)

    def handle(self) -> None:
        """Copy until either side ends."""
        try:
            channel = self._transport.open_channel("direct-tcpip", self._to, self.request.getpeername())
        except Exception as error:  # noqa: BLE001  whatever it is, the database client sees its connection end
            logger.warning("The SSH server does not lead to the database (%s)", type(error).__name__)
            return
        with contextlib.closing(channel):
            ways = {self.request: channel, channel: self.request}
            while True:
                ready, _, _ = select.select(list(ways), [], [])
                for side in ready:
                    if not (data := side.recv(_PIECE)):
                        return
                    ways[side].sendall(data)


def _unreachable() -> RetriableError:
    return RetriableError(
        "the SSH server cannot be reached",
        field="ssh_tunnel",
        remedy="Check its host, port and network, then run again",
    )
