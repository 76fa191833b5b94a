"""Virtual environments for programs that cannot live in ours, made on first use under `.servers/`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".servers"
SECONDS = 900


class MissingServerError(Exception):
    """No server can be had here; the text says what is missing."""


def environment(name: str, *requirements: str, under: Path = FOLDER) -> Path:
    """The Python of an environment with these requirements, in a folder of its own in `under`.

    Raises:
        MissingServerError: they cannot be installed.
    """
    wanted = hashlib.sha256("\n".join((*requirements, sys.version)).encode()).hexdigest()[:12]
    folder = under / f"{name}-{wanted}"
    python = folder / "bin" / "python"
    under.mkdir(parents=True, exist_ok=True)
    with (under / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may come at once
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, python, requirements)
            (folder / "complete").touch()
    return python


def _install(folder: Path, python: Path, requirements: tuple[str, ...]) -> None:
    if uv := _uv():
        _call("venv", uv, "venv", "-q", "--python", sys.executable, str(folder))
        _call(
            ", ".join(requirements), uv, "pip", "install", "-q", "--compile-bytecode", "-p", str(python), *requirements
        )
    else:
        _call("venv", sys.executable, "-m", "venv", str(folder))
        _call(", ".join(requirements), str(python), "-m", "pip", "install", "-q", *requirements)


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def _call(what: str, *command: str) -> None:
    surroundings = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=surroundings, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingServerError(f"cannot install {what}: {error}") from None
    if done.returncode:
        raise MissingServerError(f"cannot install {what}: {(done.stderr or done.stdout).strip()[-300:]}")
