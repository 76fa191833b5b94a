"""A header in a later line is found, whether the delimiter is declared or detected."""

from __future__ import annotations

import pytest
from csv_runs import Read


@pytest.mark.parametrize("delimiter", ["detect", ","])
def test_the_lines_before_the_header_are_skipped(read: Read, delimiter: str) -> None:
    run = read("a report\nof two lines\na,b\n1,2\n", header=3, delimiter=delimiter)
    assert run.rows == [{"a": "1", "b": "2"}]
