"""The canonical streams: one definition each, from which everything else about them follows.

JSON schema, DuckDB and BigQuery column types, the documentation page and the record keys are all read from here.
Times are RFC 3339 UTC with microseconds; money is a decimal written as a string (`x-singer.decimal`), so that no
step between source and warehouse can round it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

DECIMAL_PRECISION, DECIMAL_SCALE = 38, 9
"""What both DuckDB's DECIMAL(38,9) and BigQuery's NUMERIC hold."""


@dataclass(frozen=True)
class ColumnType:
    """One column type in each language it is spoken in."""

    json_schema: dict[str, Any]
    duckdb: str
    bigquery: str


class Kind(Enum):
    """Types a canonical field can have."""

    STRING = ColumnType({"type": ["string", "null"]}, "VARCHAR", "STRING")
    TIMESTAMP = ColumnType({"type": ["string", "null"], "format": "date-time"}, "TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
    DATE = ColumnType({"type": ["string", "null"], "format": "date"}, "DATE", "DATE")
    DECIMAL = ColumnType(
        {
            "type": ["string", "null"],
            "format": "x-singer.decimal",
            "precision": DECIMAL_PRECISION,
            "scale": DECIMAL_SCALE,
        },
        f"DECIMAL({DECIMAL_PRECISION},{DECIMAL_SCALE})",
        "NUMERIC",
    )
    INTEGER = ColumnType({"type": ["integer", "null"]}, "BIGINT", "INT64")
    NUMBER = ColumnType({"type": ["number", "null"]}, "DOUBLE", "FLOAT64")
    BOOLEAN = ColumnType({"type": ["boolean", "null"]}, "BOOLEAN", "BOOL")
    OBJECT = ColumnType({"type": ["object", "null"]}, "JSON", "JSON")
    STRINGS = ColumnType({"type": ["array", "null"], "items": {"type": "string"}}, "JSON", "JSON")
    FRAGMENTS = ColumnType(
        {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": {
                    "type": {"type": "string"},
                    "value": {"type": "string"},
                    "source_system": {"type": ["string", "null"]},
                    "confidence": {"type": ["number", "null"]},
                },
            },
        },
        "JSON",
        "JSON",
    )


@dataclass(frozen=True)
class Field:
    """One column of a canonical stream."""

    name: str
    kind: Kind
    description: str
    personal: bool = False
    """Names or locates a person: subject to the tenant's `personal_data` setting, masked in every preview."""


@dataclass(frozen=True)
class Stream:
    """A canonical stream: its key is the first field."""

    name: str
    description: str
    fields: tuple[Field, ...]
    required: tuple[str, ...] = ()
    """Fields a record must have beside the key, or it goes to `rejects`."""

    @property
    def key(self) -> str:
        """Name of the key column, a deterministic hash (see `pipe.keys`)."""
        return self.fields[0].name

    @property
    def field_names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(field.name for field in self.fields)

    @property
    def personal_fields(self) -> tuple[str, ...]:
        """Names of the columns that hold personal data."""
        return tuple(field.name for field in self.fields if field.personal)

    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of the stream's records, as sent in its SCHEMA message."""
        return {
            "type": "object",
            "properties": {
                field.name: {**field.kind.value.json_schema, "description": field.description} for field in self.fields
            },
        }

    def schema_message(self) -> dict[str, Any]:
        """The SCHEMA message that goes before the stream's first record."""
        return {
            "type": "SCHEMA",
            "stream": self.name,
            "schema": self.json_schema(),
            "key_properties": [self.key],
        }

    def duckdb_columns(self) -> dict[str, str]:
        """Column name -> DuckDB type."""
        return {field.name: field.kind.value.duckdb for field in self.fields}

    def bigquery_columns(self) -> dict[str, str]:
        """Column name -> BigQuery type."""
        return {field.name: field.kind.value.bigquery for field in self.fields}


def _fields(kind: Kind, described: dict[str, str], *, personal: bool = False) -> tuple[Field, ...]:
    return tuple(Field(name, kind, text, personal) for name, text in described.items())


_PROVENANCE = _fields(
    Kind.STRING,
    {
        "customer_id": "the tenant",
        "connector": "which connection of the tenant the record came through",
        "source_stream": "the source's own name of the stream",
    },
)
_PERSON = (
    Field(
        "identity_fragments",
        Kind.FRAGMENTS,
        "what identifies the person; values are keyed hashes once resolved",
    ),
    Field("global_customer_id", Kind.STRING, "the person, as known when the record passed (see identity_merges)"),
)
_CURRENCY_NOTE = "in `currency`"

CONVERSIONS = Stream(
    "conversions",
    "One row a purchase, lead, refund, booking or sign-up. A refund or a late edit updates its row.",
    (
        Field("conversion_id", Kind.STRING, "key: hash of tenant, connector, source stream, transaction id"),
        *_PROVENANCE,
        *_fields(
            Kind.STRING,
            {
                "transaction_id": "the source's own id of the transaction",
                "conversion_type": "purchase, lead, refund, booking, signup or custom",
            },
        ),
        Field("timestamp", Kind.TIMESTAMP, "when it happened"),
        Field("value", Kind.DECIMAL, f"what it is worth, refunds taken off, {_CURRENCY_NOTE}"),
        Field("currency", Kind.STRING, "ISO 4217 code"),
        Field("quantity", Kind.DECIMAL, "items or units"),
        *_fields(
            Kind.DECIMAL,
            {
                "subtotal": f"before tax, tip and shipping, {_CURRENCY_NOTE}",
                "tax": _CURRENCY_NOTE,
                "tip": _CURRENCY_NOTE,
                "discount": f"{_CURRENCY_NOTE}, positive",
                "shipping_amount": _CURRENCY_NOTE,
                "refund_amount": f"already taken off `value`, {_CURRENCY_NOTE}, positive",
            },
        ),
        *_fields(
            Kind.STRING,
            {
                "status": "the source's own status",
                "channel": "for example instore, web, delivery",
                "product_id": "first or only product",
                "product_name": "first or only product",
                "product_category": "first or only product",
                "location_id": "shop or site",
                "location_name": "shop or site",
                "user_id": "the source's own id of the customer",
                "gclid": "Google click id",
                "fbclid": "Meta click id",
                "ttclid": "TikTok click id",
                "msclkid": "Microsoft click id",
                "utm_source": "campaign tag",
                "utm_medium": "campaign tag",
                "utm_campaign": "campaign tag",
                "attributed_platform": "platform the source itself credits",
                "attribution_model": "model the source itself used",
            },
        ),
        Field("attribution_weight", Kind.DECIMAL, "share credited, 0 to 1"),
        *_PERSON,
        Field("raw", Kind.OBJECT, "the source record as it came", personal=True),
        Field("source_updated_at", Kind.TIMESTAMP, "when the source last changed the record"),
        Field("is_deleted", Kind.BOOLEAN, "the source has deleted or voided it"),
    ),
    required=("transaction_id", "timestamp", "value"),
)

CUSTOMER_PROFILES = Stream(
    "customer_profiles",
    "One row a contact, lead, member or account of a source.",
    (
        Field("profile_id", Kind.STRING, "key: hash of tenant, connector, source stream, source record id"),
        *_PROVENANCE,
        Field("source_record_id", Kind.STRING, "the source's own id of the record"),
        *_fields(
            Kind.STRING,
            {
                "first_name": "given name",
                "last_name": "family name",
                "full_name": "as one string, where the source has no parts",
            },
            personal=True,
        ),
        Field("birth_date", Kind.DATE, "date of birth", personal=True),
        *_fields(
            Kind.STRING,
            {
                "email": "e-mail address",
                "phone": "telephone number",
                "street": "street and number",
                "city": "city",
                "region": "state or province",
                "postal_code": "postal code",
                "country": "country, as the source writes it",
                "company_name": "organisation",
                "loyalty_id": "number in the loyalty programme",
                "hashed_card": "fingerprint of a payment card, never its number",
                "device_id": "device",
                "cookie_id": "browser cookie",
            },
            personal=True,
        ),
        *_PERSON,
        Field("source_updated_at", Kind.TIMESTAMP, "when the source last changed the record"),
        Field("is_deleted", Kind.BOOLEAN, "the source has deleted it"),
    ),
    required=("source_record_id",),
)

REJECTS = Stream(
    "rejects",
    "One row a record that could not be mapped or loaded: where and why, never its values.",
    (
        Field(
            "reject_id",
            Kind.STRING,
            "key: hash of tenant, connector, source stream, record hash, rule, field",
        ),
        *_PROVENANCE,
        *_fields(
            Kind.STRING,
            {
                "stage": "map-conversions, resolve-identity or the target",
                "rule": "which rule it broke, for counting",
                "field": "which field",
                "reason": "the rule in words",
                "record_hash": "SHA-256 (32 hex digits) of the record's key, or of the record when it has none",
            },
        ),
        Field("position", Kind.INTEGER, "number of the message in its input, from 1"),
        Field("run_id", Kind.STRING, "the run that met it last"),
    ),
)

IDENTITIES = Stream(
    "identities",
    "One row a person who lives: what is known of them, from every source.",
    (
        Field("global_customer_id", Kind.STRING, "key: the person"),
        Field("customer_id", Kind.STRING, "the tenant"),
        Field(
            "emails", Kind.STRINGS, "e-mail addresses; hashed or left out as the tenant's `personal_data` says", True
        ),
        Field("phones", Kind.STRINGS, "telephone numbers; the same", True),
        Field("fragments", Kind.FRAGMENTS, "everything that identifies the person, as keyed hashes"),
        Field("fragment_types", Kind.STRINGS, "the types among them"),
        Field("sources", Kind.STRINGS, "connections that know the person"),
        Field("profiles", Kind.INTEGER, "rows of customer_profiles"),
        Field("conversions", Kind.INTEGER, "rows of conversions"),
        Field(
            "match_probability",
            Kind.NUMBER,
            "that all records are one person's: the weakest link one cannot do without; 1 where identifiers alone link",
        ),
        Field("minted_at", Kind.TIMESTAMP, "when the id was made"),
        Field("is_deleted", Kind.BOOLEAN, "the id is retired or forgotten"),
    ),
)

IDENTITY_MAP = Stream(
    "identity_map",
    "Whose a record, or a source's own customer, was and is, and since when.",
    (
        Field("identity_map_id", Kind.STRING, "key: hash of source system, source key, person and since when"),
        Field("customer_id", Kind.STRING, "the tenant"),
        Field("source_system", Kind.STRING, "the connection the record or customer belongs to"),
        Field(
            "source_key",
            Kind.STRING,
            "key of a profile or conversion (32 digits), or keyed hash of a source's customer id (30 digits)",
        ),
        Field("global_customer_id", Kind.STRING, "the person"),
        Field("valid_from", Kind.TIMESTAMP, "when the link was made"),
        Field("valid_to", Kind.TIMESTAMP, "when it ended, by a merge or a split; null while it holds"),
    ),
)

IDENTITY_MERGES = Stream(
    "identity_merges",
    "Every change of who is who, with its reason. Only a `merge` retires an id.",
    (
        Field("event_id", Kind.STRING, "key: hash of event and what it is about"),
        Field("customer_id", Kind.STRING, "the tenant"),
        Field(
            "event",
            Kind.STRING,
            "merge, mint, split, block, unblock, manual_link, manual_unlink, oversized, relink or forget",
        ),
        Field("from_id", Kind.STRING, "merge: the id that is retired, for ever; split: whose records left"),
        Field("to_id", Kind.STRING, "merge: the id that lives on; split: the new one; mint: the id made"),
        Field("reason", Kind.STRING, "which kinds of identifier or which comparisons; what a person wrote"),
        Field("rule", Kind.STRING, "deterministic, model or manual"),
        Field("match_weight", Kind.NUMBER, "of the strongest link, log2 of the odds; where a model linked"),
        Field("model_version", Kind.STRING, "of the person model"),
        Field("identifier", Kind.STRING, "keyed hash of the identifier it is about"),
        Field("record_id", Kind.STRING, "key of the record that showed it"),
        Field("run_id", Kind.STRING, "the run that found it"),
        Field("effective_at", Kind.TIMESTAMP, "when it was found"),
    ),
)

BLOCKED_IDENTIFIERS = Stream(
    "blocked_identifiers",
    "Identifiers that too many share, and so link nobody.",
    (
        Field("blocked_id", Kind.STRING, "key: hash of type, identifier and since when"),
        Field("customer_id", Kind.STRING, "the tenant"),
        Field("type", Kind.STRING, "type of identity fragment"),
        Field("identifier", Kind.STRING, "its keyed hash, as in identity_fragments"),
        Field("reason", Kind.STRING, "names: seen with too many first names; records: in too many records"),
        Field("records", Kind.INTEGER, "records it was in when it was blocked"),
        Field("names", Kind.INTEGER, "first names it was seen with"),
        Field("valid_from", Kind.TIMESTAMP, "when it was blocked"),
        Field("valid_to", Kind.TIMESTAMP, "when it was released; null while it is blocked"),
    ),
)

_ALL = (
    CONVERSIONS,
    CUSTOMER_PROFILES,
    REJECTS,
    IDENTITIES,
    IDENTITY_MAP,
    IDENTITY_MERGES,
    BLOCKED_IDENTIFIERS,
)
CANONICAL = {stream.name: stream for stream in _ALL}
"""Every canonical stream by name."""

CONVERSION_TYPES = ("purchase", "lead", "refund", "booking", "signup", "custom")

FRAGMENT_TYPES = (
    "email",
    "phone",
    "hashed_cc",
    "loyalty_id",
    "device_id",
    "cookie_id",
    "customer_id",
    "name_zip",
)
"""What can identify a person. Identity stores keep a type as its place in this list: only ever add at the end."""
