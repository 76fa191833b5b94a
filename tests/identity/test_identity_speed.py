"""The measured bars: a million records with three identifiers each, in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from usage import measured

from bench import identity_records

RECORDS, SAMPLE = 1_000_000, 100_000
MEGABYTES = 300
DEAREST = 3.1
"""Times the CPU that only parsing and writing the lines with the standard library takes, in the same minute."""
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


@measured
@pytest.mark.alone
@pytest.mark.quality
@pytest.mark.timeout(600)
def test_a_million_records(tmp_path: Path) -> None:
    settings = {
        "tenant": identity_records.TENANT,
        "store": str(tmp_path / "identity.duckdb"),
    }
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings))
    lines = tmp_path / "records.singer"
    with lines.open("wb") as file:
        subprocess.run([sys.executable, identity_records.__file__, str(RECORDS)], stdout=file, check=True)
    with lines.open("rb") as source, (tmp_path / "log").open("w+b") as logged:
        process = subprocess.Popen(
            [sys.executable, "-c", START, "--config", config], stdin=source, stdout=subprocess.DEVNULL, stderr=logged
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        logged.seek(0)
        log = logged.read().decode()
    assert process.returncode == 0, log
    seconds, peak = usage.ru_utime + usage.ru_stime, int(log.split("PEAK")[1]) / 1024
    ratio = seconds / _parsing(lines)
    print(f"\n{RECORDS / seconds:,.0f} records per CPU second, {ratio:.2f} times parsing alone, {peak:.0f} MB")
    assert peak <= MEGABYTES
    assert ratio <= DEAREST


def _parsing(path: Path) -> float:
    """CPU seconds to parse and write all records, from a sample of them."""
    with path.open("rb") as file:
        sample = [next(file) for _ in range(SAMPLE)]
    start = time.process_time()
    for line in sample:
        json.dumps(json.loads(line))
    return (time.process_time() - start) * RECORDS / SAMPLE
