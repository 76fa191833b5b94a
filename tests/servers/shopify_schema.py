"""Shopify's own description of its GraphQL API: in the shared directory, else out of the npm package that carries it.

The package is kept in the user's cache, so that it is fetched once.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_client_schema
from servers.specs import FOLDER

PACKAGE = "@shopify/dev-mcp@1.16.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "growthnav-tests"


@functools.cache
def schema(version: str) -> GraphQLSchema:
    """The schema of that version; without it the test is skipped, and says so."""
    name = f"admin_{version}.json.gz"
    path = next((folder / name for folder in (FOLDER, CACHE) if (folder / name).exists()), CACHE / name)
    if not path.exists():
        _fetch()
    if not path.exists():
        pytest.skip(f"{name} is missing: npm cannot get {PACKAGE}, which has it; put it into {FOLDER}")
    described = json.loads(gzip.decompress(path.read_bytes()))
    return build_client_schema(described["data"], assume_valid=True)  # it contradicts itself in six deprecations


def _fetch() -> None:
    """Get the package and keep its descriptions; nothing of it is run."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        packed = subprocess.run(
            ["npm", "pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination", str(CACHE)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return
    archive = CACHE / packed.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as members:
        for member in members:
            if "/data/admin_20" in member.name and (content := members.extractfile(member)):
                made = CACHE / f"{Path(member.name).name}.{os.getpid()}"
                made.write_bytes(content.read())
                made.replace(CACHE / Path(member.name).name)
    archive.unlink()
