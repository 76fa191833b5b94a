"""The default pipe of the field: an SDK tap, meltano-map-transform, target-duckdb, each as published."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGES = {"meltano-map-transform": "0.12.3", "target-duckdb": "0.8.0"}

MAPPING: dict[str, Any] = {
    "stream_maps": {
        "purchases": {
            "email": "email.strip().lower() if email else None",
            "phone": "phone.replace(' ', '').replace('-', '') if phone else None",
            "full_name": "first_name + ' ' + last_name",
            "value": "float(amount)",
            "currency": "currency.lower()",
            "conversion_type": "'purchase'",
            "attribution": "'paid' if gclid else (utm_source or 'direct')",
            "purchase_id": "str(purchase_id)",
            "first_name": None,
            "last_name": None,
        }
    }
}
"""The usual clean-up as expressions: no times, no exact money, no keys, no people."""


def install(directory: Path) -> dict[str, str]:
    """Install each package into its own environment under `directory`; returns executable by package."""
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    found = {}
    for package, version in PACKAGES.items():
        home = directory / f"{package}-{version}"
        executable = home / "bin" / package
        if not executable.exists():
            subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(home)], check=True)
            subprocess.run(
                [uv, "pip", "install", "-q", "-p", str(home / "bin/python"), f"{package}=={version}"], check=True
            )
        found[package] = str(executable)
    return found
