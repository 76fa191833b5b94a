"""Settings every target has."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from pipe.rejects import MAX_RATIO, MINIMUM

ROWS, BYTES, SECONDS = 300_000, 128 << 20, 60
"""Measured: a commit of 100,000 rows costs a third more per row, a larger one saves nothing and takes more memory."""

CORE_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property("tenant", th.StringType, default="", title="Tenant", description="Id of the tenant, for `rejects`"),
    th.Property(
        "add_record_metadata",
        th.BooleanType,
        default=False,
        title="Add record metadata",
        description="Add the _sdc_ columns that say when a record came (they differ from run to run)",
    ),
    th.Property(
        "hard_delete",
        th.BooleanType,
        default=False,
        title="Hard delete",
        description="Remove deleted rows instead of setting _sdc_deleted_at",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1),
        default=ROWS,
        title="Batch rows",
        description="Commit at the next STATE once so many records wait (twice as many without a STATE)",
    ),
    th.Property(
        "batch_size_bytes",
        th.IntegerType(minimum=1),
        default=BYTES,
        title="Batch bytes",
        description="Commit at the next STATE once so many bytes of input wait",
    ),
    th.Property(
        "batch_wait_seconds",
        th.NumberType(minimum=0),
        default=SECONDS,
        title="Batch wait",
        description="Commit at the next STATE once the oldest record has waited so long",
    ),
    th.Property(
        "max_reject_ratio",
        th.NumberType(minimum=0, maximum=1),
        default=MAX_RATIO,
        title="Reject ceiling",
        description="Share of a stream's records that may be rejected before the run fails",
    ),
    th.Property(
        "min_rejects",
        th.IntegerType(minimum=0),
        default=MINIMUM,
        title="Reject allowance",
        description="Rejects a stream may have whatever the ratio",
    ),
)
