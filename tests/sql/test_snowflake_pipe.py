"""THANX_PURCHASES of MART_SALE, configured as before, from Snowflake's protocol to people and rows in DuckDB."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from servers.snowflake import Server
from support import BIN

ROWS = 3000
TABLE = (
    """CREATE TABLE {0}.MART_SALE.THANX_PURCHASES (PURCHASE_ID text, USER_ID text, PURCHASED_AT timestamp_ntz,
      SETTLEMENT_AMOUNT number(12,2), AUTHORIZATION_AMOUNT number(12,2), CHANNEL text, LOCATION_ID text,
      LOCATION_NAME text, CARD_ID text)""",
    """INSERT INTO {0}.MART_SALE.THANX_PURCHASES SELECT 'P' || SEQ4(), IFF(SEQ4() < 500, 'U' || SEQ4(), NULL),
      DATEADD(minute, SEQ4(), '2024-01-01'::timestamp_ntz), IFF(SEQ4() % 10 = 0, NULL, SEQ4() % 1000 / 8), 7.25, 'in_store',
      'L' || (SEQ4() % 40), 'Shop', MD5('card' || (SEQ4() % 500)) FROM TABLE(GENERATOR(ROWCOUNT => {1}))""",
)


@pytest.mark.parametrize("files", [False, True], ids=["records", "files"])
def test_purchases_arrive_with_their_people(snowflake_server: Server, tmp_path: Path, files: bool) -> None:
    database = f"MARKETING_{'FILES' if files else 'RECORDS'}"
    snowflake_server.execute(
        database, f"CREATE SCHEMA {database}.MART_SALE", *(each.format(database, ROWS) for each in TABLE)
    )
    amounts = "SELECT COALESCE(SETTLEMENT_AMOUNT, AUTHORIZATION_AMOUNT) FROM MART_SALE.THANX_PURCHASES"
    total = sum(amount for (amount,) in snowflake_server.execute(database, amounts))
    table = {"schema": "MART_SALE", "table": "THANX_PURCHASES", "timestamp_column": "PURCHASED_AT"}
    batches = {"batch_config": {"storage": {"root": str(tmp_path / "batches")}, "batch_size": 1000}} if files else {}
    warehouse = tmp_path / "warehouse.duckdb"
    configs: dict[str, dict[str, Any]] = {
        "tap-snowflake": {**snowflake_server.login, "database": database, **table, **batches},
        "map-conversions": {
            "tenant": "bakery",
            "sources": [{"preset": "thanx_purchases"}],
            "batch_directory": str(tmp_path / "batches"),
        },
        "resolve-identity": {
            "tenant": "bakery",
            "store": str(tmp_path / "identity.duckdb"),
            "key": "ab" * 32,
            "batch_directory": str(tmp_path / "batches"),
        },
        "target-duckdb": {"filepath": str(warehouse), "schema": "growthnav_bakery"},
    }
    output = b""
    for name, config in configs.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        command = [BIN / name, "--config", str(path)]
        done = subprocess.run(command, input=output, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        output = done.stdout
    state = json.loads(output.splitlines()[-1])["bookmarks"]["MART_SALE-THANX_PURCHASES"]
    assert state["replication_key"] == "PURCHASED_AT"
    assert str(state["replication_key_value"]).startswith("2024-01-03T01:59:00")
    query = "SELECT count(*), count(DISTINCT transaction_id), sum(value), count(DISTINCT global_customer_id)"
    with duckdb.connect(str(warehouse)) as connection:
        found = connection.execute(f"{query} FROM growthnav_bakery.conversions").fetchone()
    # Later purchases tell no user; their cards do.
    assert found == (ROWS, ROWS, total, 500)
