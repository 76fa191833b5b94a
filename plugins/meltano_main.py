"""Meltano as a run starts it: it reads `meltano.yml` and the tenant's own file, and none of the other tenants'.

By itself Meltano reads every included file, several times: with 500 tenants that alone takes two seconds.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

FILES_VARIABLE = "GROWTHNAV_WIRING_FILES"
"""Included files to read, as a JSON list of paths; all of them where it is not set."""


def narrow(files: list[Path]) -> None:
    """Make Meltano include just `files`, whatever `include_paths` says."""
    from meltano.core.project_files import ProjectFiles

    def include(*_: object) -> list[Path]:
        return files

    ProjectFiles._resolve_include_paths = include  # type: ignore[method-assign,assignment]


def main() -> None:
    """Run Meltano's own command."""
    if given := os.environ.pop(FILES_VARIABLE, ""):
        narrow([Path(name) for name in json.loads(given)])
    from meltano.cli import main as meltano

    sys.argv[0] = "meltano"
    meltano()


if __name__ == "__main__":
    main()
