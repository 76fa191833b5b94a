"""The settings of `map-conversions`."""

from __future__ import annotations

from singer_sdk import typing as th

from pipe.blocks import BATCH_SETTINGS
from pipe.rejects import MAX_RATIO, MINIMUM

BAD_VALUE_POLICIES = ("null", "reject")
SETTINGS = th.PropertiesList(
    th.Property("tenant", th.StringType, required=True, title="Tenant", description="Id of the tenant"),
    th.Property(
        "sources",
        th.ArrayType(th.ObjectType(additional_properties=True)),
        required=True,
        title="Sources",
        description="One entry a connection: `preset` (a shipped name or the path of a .yml file), `connector` "
        "(its id; default: the preset's name), `extractor` (the only tap its streams come from), `zone` (of times "
        "without offset; default UTC), `currency`, and changes to the preset: `match`, `fields`, "
        "`field_overrides` {SOURCE_FIELD: canonical_field}, `filter`, `unmatched`, `fragments`, `refund`, "
        "`source_types`; under `streams.<name>` the same for one stream of the preset",
    ),
    th.Property(
        "extractor",
        th.StringType,
        title="Extractor",
        description="Name of the tap before this; sources that name another one are left out",
    ),
    th.Property(
        "keep_raw",
        th.BooleanType,
        default=False,
        title="Keep raw streams",
        description="Send the mapped source streams on as well",
    ),
    th.Property(
        "include_raw",
        th.BooleanType,
        default=False,
        title="Include raw record",
        description="Put the source record, as it came and in clear, into the column `raw` of conversions",
    ),
    th.Property(
        "on_bad_value",
        th.StringType,
        allowed_values=list(BAD_VALUE_POLICIES),
        default="null",
        title="On a bad optional value",
        description="null: empty the field and count it; reject: the whole record goes to rejects. A bad value "
        "in a required field always rejects the record",
    ),
    th.Property(
        "max_reject_ratio",
        th.NumberType,
        default=MAX_RATIO,
        title="Reject ceiling",
        description="Share of a stream's records that may be rejected before the run fails",
    ),
    th.Property(
        "min_rejects",
        th.IntegerType,
        default=MINIMUM,
        title="Reject allowance",
        description="Rejects a stream may have whatever the ratio",
    ),
    th.Property(
        "only_rejected",
        th.StringType,
        title="Only what was rejected",
        description="Path of a JSON file, source stream -> `record_hash` of rows in rejects: only those records are "
        "mapped, nothing else is sent on. Set by `growthnav replay`",
    ),
    th.Property(
        "fields_file",
        th.StringType,
        title="Fields of the last run",
        description="File that remembers which source fields the rules found: one that vanishes or changes its kind "
        "stops its stream, with shipped presets too. Remove it when the change is meant",
    ),
    *BATCH_SETTINGS,
).to_dict()
