"""A real SSH server for tests: OpenSSH on a free port, with keys made for it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.postgres import MissingServerError, free_port

_PASSPHRASE = "opens the key"
_START_SECONDS = 20


@dataclass
class Server:
    """Where it is, and files of keys."""

    port: int
    home: Path

    def settings(self, **changes: object) -> dict[str, object]:
        """A setting `ssh_tunnel` that works, but for `changes`; None takes one away."""
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": getpass.getuser(),
            "private_key_path": str(self.home / "user"),
            "private_key_passphrase": _PASSPHRASE,
            "host_key": (self.home / "host.pub").read_text().strip(),
        }
        return {name: value for name, value in {**settings, **changes}.items() if value is not None}

    def key(self, name: str, passphrase: str = "") -> Path:
        """A new private key, with its public one beside it."""
        path = self.home / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return path


@contextmanager
def server() -> Iterator[Server]:
    """A server that lets this user in by one key.

    Raises:
        MissingServerError: OpenSSH's server is not installed.
    """
    program = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
    if not program or not shutil.which("ssh-keygen"):
        raise MissingServerError("OpenSSH's server is not installed")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it insists on that
    with tempfile.TemporaryDirectory(prefix="ssh-") as name:
        found = Server(free_port(), Path(name))
        host = found.key("host")
        user = found.key("user", _PASSPHRASE)
        options = {
            "Port": found.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": host,
            "AuthorizedKeysFile": f"{user}.pub",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PidFile": "none",
            "UsePAM": "no",
        }
        config = found.home / "config"
        config.write_text("".join(f"{key} {value}\n" for key, value in options.items()))
        with (found.home / "log").open("wb") as log:
            process = subprocess.Popen([program, "-D", "-e", "-f", config], stderr=log)
        try:
            _wait(found, process)
            yield found
        finally:
            process.terminate()
            process.wait()


def _wait(found: Server, process: subprocess.Popen[bytes]) -> None:
    log = found.home / "log"
    end = time.monotonic() + _START_SECONDS
    while b"listening on" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > end:
            raise MissingServerError(f"OpenSSH's server does not start: {log.read_text()[-300:]}")
        time.sleep(0.05)
