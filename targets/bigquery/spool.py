"""The spool: a private folder for each run, and the folders of dead runs removed.

Several runs may load into one dataset at once, so what a folder's owner holds a lock on is left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from pathlib import Path

from targets.core.spool import SpoolDirectory

LOCK = "lock"
_held: list[int] = []
"""Descriptors of locks, open to the end of the process."""


def new_spool() -> SpoolDirectory:
    """A folder only this user may read, below the system's directory for temporary files."""
    parent = Path(tempfile.gettempdir()) / f"growthnav-bigquery-{os.getuid()}"
    parent.mkdir(mode=0o700, exist_ok=True)
    with (parent / LOCK).open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # nobody clears while another's folder has no lock yet
        for folder in parent.iterdir():
            if folder.is_dir() and (lock := _locked(folder)):
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
        spool = SpoolDirectory(parent, f"{uuid.uuid4().hex}-")
        _held.append(_locked(spool.path) or 0)
    return spool


def _locked(folder: Path) -> int | None:
    """A lock on the folder, if nobody has one."""
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
