"""Files that a re-run must not touch when nothing changed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def keep(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Make `path` hold `content`; returns whether it had to be written.

    A file that is right already keeps its modification time, so an incremental tap sees no change. A new one appears
    whole or not at all.

    Raises:
        OSError: the directory cannot be written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
