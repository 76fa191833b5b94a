"""The measured bars: a million records with three identifiers each, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import identity_records

RECORDS = 1_000_000
PER_CPU_SECOND, MEGABYTES = 40_000, 450
START = """
import sys
from pathlib import Path
from identity.resolve import main
try:
    main()
finally:
    status = Path("/proc/self/status").read_text()
    print("PEAK", status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


@pytest.mark.quality
@pytest.mark.timeout(600)
def test_a_million_records(tmp_path: Path) -> None:
    settings = {
        "tenant": identity_records.TENANT,
        "store": str(tmp_path / "identity.duckdb"),
    }
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings))
    with (
        subprocess.Popen([sys.executable, identity_records.__file__, str(RECORDS)], stdout=subprocess.PIPE) as source,
        subprocess.Popen(
            [sys.executable, "-c", START, "--config", config],
            stdin=source.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stderr
        log = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, log
    rate = RECORDS / (usage.ru_utime + usage.ru_stime)
    peak = int(log.split("PEAK")[1]) / 1024
    print(f"\n{rate:,.0f} records per CPU second, {peak:.0f} MB")
    assert peak <= MEGABYTES
    assert rate >= PER_CPU_SECOND
