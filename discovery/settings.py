"""The settings of `discover-mapping`."""

from __future__ import annotations

from singer_sdk import typing as th

SAMPLE = 10_000
SETTINGS = th.PropertiesList(
    th.Property("tenant", th.StringType, title="Tenant", description="Id of the tenant that the review is for"),
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
        "report",
        th.StringType(min_length=1),
        title="Report",
        description="Where the review goes as JSON, for programs",
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
    th.Property(
        "model",
        th.StringType(min_length=1),
        title="Model",
        description="Id of the Anthropic model that is asked about columns discovery is unsure of; by default none is. "
        "The key is read from ANTHROPIC_API_KEY. What leaves: names of columns and shapes, never values",
    ),
    th.Property(
        "show_request",
        th.BooleanType,
        default=False,
        title="Show requests",
        description="Print what the model would be sent, one request a line; send nothing and write nothing",
    ),
    th.Property(
        "model_timeout",
        th.NumberType(minimum=1),
        default=60,
        title="Model timeout",
        description="Seconds a request to the model may take",
    ),
    th.Property(
        "model_budget",
        th.IntegerType(minimum=1),
        default=50_000,
        title="Model budget",
        description="Tokens that a request to the model may have; a larger one is not sent",
    ),
).to_dict()
