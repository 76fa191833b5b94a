"""What a step does not need is not imported: it would be most of the time of a small run."""

import os
import subprocess
from pathlib import Path

from support import BIN, join, record, schema, state


def test_pandas_stays_out(tmp_path: Path) -> None:
    """The target gives DuckDB an Arrow table all the same; what a module is told to import shows in Python's own log."""
    import pyarrow as pa

    from pipe import columnar

    path = tmp_path / "a.arrow"
    columnar.write(pa.table({"id": pa.array(["1", "2"])}), path, "arrow")
    batch = {
        "type": "BATCH",
        "stream": "s",
        "encoding": {"format": "arrow", "compression": "none"},
        "manifest": [path.as_uri()],
    }
    config = tmp_path / "config.json"
    config.write_text(f'{{"filepath": "{tmp_path / "a.duckdb"}"}}')
    done = subprocess.run(
        [str(BIN / "target-duckdb"), "--config", str(config)],
        input=join([schema("s", ["id"], ["id"]), record("s", id="3"), batch, state(n=1)]),
        env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        check=True,
    )
    log = done.stderr.decode()
    assert "pyarrow.lib" in log
    assert "pandas.core" not in log
    assert b'"n"' in done.stdout
