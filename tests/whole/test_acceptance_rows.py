"""Each row of the acceptance table that is about tenants has a test that carries its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NAMED = re.compile(r"^ *def test_rows?((?:_(?:and_)?\d+)+)_", re.MULTILINE)
ROWS = {
    1: "onboard from one file",
    2: "statuses in order",
    3: "validation refuses bad ids",
    4: "idempotent re-run",
    5: "--plan",
    6: "rollback undoes everything",
    7: "connection test before commit",
    8: "first full sync, data check, then schedule",
    9: "guided answers",
    10: "offboard with purge",
    11: "re-auth keeps state",
    12: "500 tenants in one project",
    13: "cross-tenant isolation",
    14: "tenant-bound schedules",
    15: "fan-out with limits",
    16: "registry with the 15 columns",
    17: "doctor",
    18: "secret path",
    19: "environment, file and Google resolvers",
    20: "no secret at rest or in argv",
    21: "redaction in every log and error",
    22: "personal data never leaves in discovery",
    23: "exit codes 0, 1, 2",
    24: "result as JSON",
    25: "error classes",
    26: "retry only what passes, with exact waits",
    27: "rejects kept with reasons",
    28: "failed records retried",
    29: "lookback without duplicates",
    30: "ties of the cursor",
    31: "full refresh",
    32: "state file importable",
    33: "state per tenant and connector",
    34: "deletes",
    35: "no double run",
    36: "API calls counted, and their budget",
    37: "signed notification",
    38: "ordered candidates",
    39: "two-level field map",
    40: "mapping preview",
    41: "changed mapping is read again",
    47: "MCP tools and resources",
    48: "no tool accepts a secret",
    49: "annotations and output schemas",
    50: "scopes and the list of tenants",
    51: "plan, then apply with a token",
    52: "queries read only and are bounded",
    53: "audit trail",
    54: "Dagster definitions",
    55: "earlier runner.yaml",
    56: "cron export",
    57: "plain Meltano still works",
}


@pytest.fixture(scope="module")
def named() -> set[int]:
    """Rows in the names of tests."""
    texts = (path.read_text() for path in TESTS.rglob("test_*.py"))
    return {int(number) for text in texts for found in NAMED.findall(text) for number in re.findall(r"\d+", found)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row}: {ROWS[row]}")
def test_the_row_has_a_test(named: set[int], row: int) -> None:
    assert row in named
