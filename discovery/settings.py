"""The settings of `discover-mapping`."""

from __future__ import annotations

from singer_sdk import typing as th

SAMPLE = 10_000
SETTINGS = th.PropertiesList(
    th.Property(
        "tenant", th.StringType, default="", title="Tenant", description="Id of the tenant that the review is for"
    ),
    th.Property(
        "connector",
        th.StringType(min_length=1),
        default="source",
        title="Connector",
        description="Name of the connection: the mapping of tenant and connector is `tenants/<tenant>/<connector>.yml`",
    ),
    th.Property(
        "out",
        th.StringType(min_length=1),
        title="Mapping",
        description="Where the mapping goes: only what is accepted without a person, and only streams that are "
        "complete that way. Decisions of earlier reviews beside it stand",
    ),
    th.Property(
        "review",
        th.StringType(min_length=1),
        title="Review",
        description="Where the review goes, in Markdown; edit it and run growthnav discover --apply",
    ),
    th.Property(
        "html", th.StringType(min_length=1), title="Page", description="Where the review goes as a page, to look at"
    ),
    th.Property(
        "decisions",
        th.StringType(min_length=1),
        title="Earlier mapping",
        description="The mapping whose decisions stand (`<mapping>.decisions.yml`), when it is not `out`",
    ),
    th.Property(
        "sample",
        th.IntegerType(minimum=1),
        default=SAMPLE,
        title="Sample",
        description="Records of each stream that are looked at",
    ),
).to_dict()
