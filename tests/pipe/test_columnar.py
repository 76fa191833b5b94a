"""What a value of a typed batch file is in a RECORD."""

import datetime
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pipe import columnar

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("kind", "value", "record"),
    [
        (pa.string(), "Zoë", "Zoë"),
        (pa.int64(), -(2**63), -(2**63)),
        (pa.uint64(), 2**63, "9223372036854775808"),
        (pa.uint64(), 5, 5),
        (pa.decimal128(38, 9), Decimal("1.20"), "1.200000000"),
        (pa.decimal128(12, 0), Decimal(3), 3),
        (pa.decimal128(19, 0), Decimal(3), "3"),
        (pa.float64(), 0.1, 0.1),
        (pa.float64(), float("nan"), None),
        (pa.float64(), float("-inf"), None),
        (pa.bool_(), True, True),
        (pa.timestamp("us", "UTC"), datetime.datetime(2024, 5, 1, 9, 30, tzinfo=UTC), "2024-05-01T09:30:00.000000Z"),
        (pa.timestamp("ns", "UTC"), datetime.datetime(2024, 5, 1, tzinfo=UTC), "2024-05-01T00:00:00.000000Z"),
        (pa.timestamp("us"), datetime.datetime(1, 1, 1, 0, 0, 0, 1), "0001-01-01T00:00:00.000001"),  # noqa: DTZ001
        (pa.timestamp("s"), datetime.datetime(9999, 12, 31), "9999-12-31T00:00:00.000000"),  # noqa: DTZ001
        (pa.date32(), datetime.date(44, 3, 15), "0044-03-15"),
        (pa.time64("us"), datetime.time(23, 59, 59, 7), "23:59:59.000007"),
        (pa.binary(), b"\x00\xff", "AP8="),
        (pa.list_(pa.int64()), [1, 2], [1, 2]),
        (pa.string(), None, None),
    ],
)
def test_record_value(kind: Any, value: Any, record: Any) -> None:
    (row,) = columnar.encoded(pa.table({"v": pa.array([value], kind)}), {})
    assert json.loads(row) == {"v": record}


def test_text_of_an_object_column_is_json() -> None:
    table = pa.table({"o": ['{"a": [1.10]}', "no JSON"], "t": ['{"a": 1}', "x"]})
    first, second = columnar.encoded(table, {"o": {"type": ["object", "null"]}, "t": {"type": "string"}})
    assert json.loads(first) == {"o": {"a": [1.1]}, "t": '{"a": 1}'}
    assert json.loads(second) == {"o": "no JSON", "t": "x"}
