"""docs/operations.md: every command on it, run on a fresh clone, from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import operating
import pytest
from servers import postgres

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"^```sh(?P<needs> \w+)?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"# exit (\d)$")
MINUTES = 2
"""Within which the first tenant has its data."""


def commands(needs: str | None = None) -> list[str]:
    """The commands of the page, in order; those that need a server only when it is there."""
    wanted = {None, needs and f" {needs}"}
    blocks = [found for found in BLOCK.finditer(PAGE.read_text()) if found["needs"] in wanted]
    return [line for found in blocks for line in found["body"].splitlines() if line.strip()]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would clone, with the environment of this one."""
    root = tmp_path_factory.mktemp("clone") / "growthnav"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, root / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    (root / ".venv").symlink_to(Path(sys.executable).parents[1])
    return root


def run(line: str, root: Path, variables: dict[str, str]) -> None:
    path = f"{root / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=root,
        env=operating.environment(**variables, PATH=path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    expected = int(found[1]) if (found := EXPECTED.search(line)) else 0
    assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """A server with the orders of the café, as the variables that its definition refers to; none if there is none."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres.server())
        except postgres.MissingServerError:
            yield {}
            return
        parts = urlsplit(url)
        postgres.execute(
            url,
            "CREATE TABLE IF NOT EXISTS orders (order_id int PRIMARY KEY, created_at timestamptz, net_total numeric)",
            "INSERT INTO orders VALUES (1, now(), 9.50) ON CONFLICT DO NOTHING",
        )
        yield {
            "CAFE_DB_USER": str(parts.username),
            "CAFE_DB_PASSWORD": parts.password or "canary-of-the-cafe",
            "CAFE_DB_HOST": str(parts.hostname),
            "CAFE_DB_PORT": str(parts.port),
        }


@pytest.mark.quality
@pytest.mark.timeout(580)
def test_every_command_of_the_page(clone: Path, database: dict[str, str]) -> None:
    lines = commands("postgres" if database else None)
    assert len(lines) > 12
    for line in lines:
        clock = time.monotonic()
        run(line, clone, database)
        if "--initial-sync" in line:
            assert time.monotonic() - clock < MINUTES * 60
    if not database:
        pytest.skip("PostgreSQL's server is not installed: the commands that need it did not run")
