"""Records that only say that a row is gone pass `resolve-identity` as they are: they are about nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from identity_pipe import config, conversion, opened, record, records, run, schema, state

from pipe.outbox import Outbox

GONE = {"conversion_id": "k1", "_sdc_deleted_at": "2024-05-02T00:00:00.000000Z"}


def lines(directory: Path, form: str, contents: list[dict[str, Any]]) -> list[bytes]:
    if form == "records":
        return [schema("conversions"), *(record("conversions", content) for content in contents), state(1)]
    names = dict.fromkeys(name for content in contents for name in content)
    table = pa.table({name: [content.get(name) for content in contents] for name in names})
    table = table.set_column(
        table.schema.get_field_index("global_customer_id"), "global_customer_id", pa.nulls(len(table), pa.string())
    )
    return [schema("conversions"), Outbox(str(directory)).write_table("conversions", table), state(1)]


@pytest.mark.parametrize("form", ["records", "batches"])
@pytest.mark.parametrize("personal", ["keep", "drop"])
def test_they_pass_in_their_place_without_a_person(form: str, personal: str, tmp_path: Path) -> None:
    contents = [
        conversion(1, ("email", "a@example.org")),
        GONE,
        conversion(2, ("email", "b@example.org")),
        {**GONE, "conversion_id": "k2"},
    ]
    settings = config(tmp_path, personal_data=personal, emit=form, batch_directory=str(tmp_path))
    found = records(opened(run(lines(tmp_path, form, contents), settings)), "conversions")
    assert [row["conversion_id"] for row in found] == [row["conversion_id"] for row in contents]
    assert all(set(found[place]) == set(GONE) for place in (1, 3))
    assert len({found[place]["global_customer_id"] for place in (0, 2)}) == 2
    again = records(opened(run(lines(tmp_path, form, contents[:1]), settings)), "conversions")
    assert again[0]["global_customer_id"] == found[0]["global_customer_id"]
