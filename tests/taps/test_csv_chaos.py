"""kill -9 at any moment: what was written, and what the next run adds from the last STATE, is everything."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trials import kills

TAP = str(Path(sys.executable).with_name("tap-csv"))
TRIALS = kills(5)


def sync(config: Path, state: Path | None, kill_after: float | None) -> list[bytes]:
    """Whole lines written by one run, which may be killed after so many seconds."""
    command = [TAP, "--config", str(config), *(["--state", str(state)] if state else [])]
    out = config.with_name("out")
    with out.open("wb") as target, subprocess.Popen(command, stdout=target, stderr=subprocess.DEVNULL) as tap:
        if kill_after is None:
            assert tap.wait(120) == 0
        else:
            time.sleep(kill_after)
            tap.kill()
    return [line for line in out.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


@pytest.mark.chaos
def test_killed_at_random_and_run_again(tmp_path: Path):
    expected = set()
    for number in range(6):
        rows = 1 + number * 20_000
        (tmp_path / f"{number}.csv").write_text("id,name\n" + "".join(f"{number}-{row},x\n" for row in range(rows)))
        expected |= {f"{number}-{row}" for row in range(rows)}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"streams": [{"stream": "s", "path": str(tmp_path / "*.csv")}], "state_rows": 3000}))
    dice = random.Random(4)
    for _ in range(TRIALS):
        stored: set[str] = set()
        state: Path | None = None
        for attempt in range(4):
            lines = sync(config, state, dice.uniform(0.4, 2.0) if attempt < 3 else None)
            for message in map(json.loads, lines):
                if message["type"] == "RECORD":
                    stored.add(message["record"]["id"])
                elif message["type"] == "STATE":
                    state = tmp_path / "state.json"
                    state.write_text(json.dumps(message["value"]))
        assert stored == expected
