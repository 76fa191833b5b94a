"""A project with the shipped wiring and one fast tap of the tests, in a directory of its own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from operating import GROWTHNAV, Ended, environment

from plugins.project import Project, open_project
from plugins.registry import Registry, open_registry
from plugins.secrets import Vault, open_vault

ROOT = Path(__file__).parents[2]
PASSWORD = "right-canary-7d2f"
STUB = """\
plugins:
  extractors:
  - name: tap-stub
    namespace: tap_stub
    executable: ./bin/tap-stub
    capabilities: [catalog, discover, state, structured-logging]
    settings:
    - {name: user}
    - {name: password, sensitive: true}
    - {name: rows, kind: integer}
    - {name: broken}
    - {name: tunnel, kind: object}
"""


@dataclass
class Place:
    """The project."""

    root: Path
    variables: dict[str, str] = field(default_factory=lambda: {"TILL_PASSWORD": PASSWORD})

    @property
    def project(self) -> Project:
        """As our commands see it."""
        return open_project(self.root)

    @property
    def registry(self) -> Registry:
        """Its registry."""
        return open_registry(self.project)

    @property
    def vault(self) -> Vault:
        """Its secrets."""
        return open_vault(self.project)

    def write(self, name: str = "acme.yml", **changes: Any) -> Path:
        """A definition with one data source, in a file outside of the project's own."""
        path = self.root / "requests" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(definition(**changes), sort_keys=False))
        return path

    def environment(self) -> dict[str, str]:
        """Ours, with its variables."""
        return environment(**self.variables)

    def call(self, *arguments: object, command: Path = GROWTHNAV, stdin: str = "") -> Ended:
        """Run a command in the project."""
        done = subprocess.run(
            [str(command), *map(str, arguments)],
            cwd=self.root,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def files(self, *without: str) -> dict[str, str]:
        """Every file the project has written, by the hash of its content."""
        skip = {".venv", "requests", *without}
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for top in self.root.iterdir()
            if top.name not in skip
            for path in ([top] if top.is_file() else top.rglob("*"))
            if path.is_file()
        }

    def files_with(self, text: str, *without: str) -> list[str]:
        """Files of the project that hold a text, apart from those `without`."""
        return [
            name
            for name in self.files()
            if not name.startswith(without or ("\0",)) and text.encode() in (self.root / name).read_bytes()
        ]


def definition(**changes: Any) -> dict[str, Any]:
    """A tenant `acme` with a till that wants a password."""
    content = {
        "customer_id": "acme",
        "customer_name": "Acme Bakery",
        "industry": "restaurant",
        "google_ads_customer_ids": ["123-456-7890"],
        "meta_ad_account_ids": ["act_99"],
        "tags": ["first"],
        "data_sources": [till()],
    }
    return {name: value for name, value in (content | changes).items() if value is not None}


def till(name: str = "till", **changes: Any) -> dict[str, Any]:
    """A data source read by the tap of the tests."""
    return {
        "connector_type": "postgres",
        "name": name,
        "extractor": "tap-stub",
        "preset": "pos",
        "credentials": {"user": "reader", "password": "${TILL_PASSWORD}"},
        "field_overrides": {"total": "value"},
    } | changes


def make(root: Path) -> Place:
    """A new project in `root`."""
    (root / "tenants").mkdir(parents=True)
    (root / "bin").mkdir()
    for name in ("meltano.yml", "logging.yaml"):
        shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(Path(sys.executable).parents[1])
    (root / "tenants" / "stub.meltano.yml").write_text(STUB)
    tap = root / "bin" / "tap-stub"
    tap.write_text(f"#!{sys.executable} -S\n" + Path(__file__).with_name("stub_tap.py").read_text())
    tap.chmod(0o755)
    return Place(root)
