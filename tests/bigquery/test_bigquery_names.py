"""Names of columns and tables: what BigQuery takes, no two alike, the same ones in every run."""

from __future__ import annotations

from targets.bigquery.names import LONGEST, column_names, description, table_name


def test_names() -> None:
    long = "x" * 400
    names = ["id", "Id", "a:b", "a.b", "a_b", "1st", "", "_PARTITIONTIME", "é", long, long + "y"]
    found = column_names(names, {})
    assert list(found.values())[:9] == [
        "id_2",
        "Id",
        "a_b_3",
        "a_b_2",
        "a_b",
        "_1st",
        "_",
        "x_PARTITIONTIME",
        "__2",
    ]
    assert len({name.lower() for name in found.values()}) == len(names)
    assert all(len(name) <= LONGEST for name in found.values())
    described = {column: description(name, column) for name, column in found.items()}
    assert column_names(list(reversed(names)), described) == found, "the next run finds them again in any order"
    assert column_names(["id"], {"ID": None}) == {"id": "ID"}
    assert table_name("toast-transactions") == "toast-transactions"
    assert table_name('od"d/ ñ;') == "od_d__ñ_"
