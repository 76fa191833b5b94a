"""The settings of `resolve-identity`: what they are, and every mistake in them at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import phonenumbers
from singer_sdk import typing as th

from identity.hashing import KEY_BYTES
from identity.keys import parse_key
from identity.placeholders import ANY
from pipe.blocks import BATCH_SETTINGS
from pipe.errors import ConfigurationError
from pipe.settings import problems, without_nulls
from pipe.streams import FRAGMENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY_FILE_NAME = "identity.key"
_PLACEHOLDER_KINDS = (ANY, *FRAGMENT_TYPES)


class PersonalData(StrEnum):
    """What becomes of the columns that name or locate a person."""

    KEEP = "keep"
    HASH = "hash"
    DROP = "drop"


SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property("tenant", th.StringType(min_length=1), required=True, description="Id of the tenant"),
    th.Property(
        "store",
        th.StringType(min_length=1),
        required=True,
        description="Path of the tenant's identity store; made on first use, one for each tenant",
    ),
    th.Property(
        "key_file",
        th.StringType(min_length=1),
        description=f"Path of the tenant's secret key; made on first use; default: {KEY_FILE_NAME} beside the store",
    ),
    th.Property(
        "key",
        th.StringType,
        secret=True,
        description=f"The secret key itself, {2 * KEY_BYTES} hexadecimal digits, instead of a key file",
    ),
    th.Property(
        "default_region",
        th.StringType,
        default="US",
        description="Country (ISO 3166) whose telephone numbers are written without a country code",
    ),
    th.Property(
        "placeholders",
        th.ArrayType(
            th.CustomType(
                {
                    "anyOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "properties": {"type": {"enum": list(_PLACEHOLDER_KINDS)}, "value": {"type": "string"}},
                            "required": ["type", "value"],
                            "additionalProperties": False,
                        },
                    ]
                }
            )
        ),
        default=[],
        description="Values that must never link, beside the shipped list: a text for every type, or "
        "{type, value}; an e-mail 'name@' holds for every domain, '@domain' for every address there",
    ),
    th.Property(
        "gmail_dots",
        th.BooleanType,
        default=False,
        description="Take a.nn@gmail.com and ann@gmail.com for one address, as Gmail does",
    ),
    th.Property(
        "personal_data",
        th.StringType,
        allowed_values=[str(choice) for choice in PersonalData],
        default=str(PersonalData.KEEP),
        description="Columns that name or locate a person: keep them, hash them with the tenant's key, or drop them",
    ),
    th.Property(
        "durable",
        th.BooleanType,
        default=False,
        description="Wait for the disk at every commit: guards against power failure, not only a killed process",
    ),
    *BATCH_SETTINGS,
).to_dict()


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What every part that works on a tenant's store is told."""

    tenant: str
    store: Path
    key_file: Path
    key: bytes | None
    personal_data: PersonalData
    durable: bool

    def __repr__(self) -> str:
        """Without the key, which must reach no log."""
        return f"Settings(tenant={self.tenant!r}, store={str(self.store)!r})"


class Settings(Common, frozen=True, kw_only=True):
    """One run's settings, checked."""

    region: str
    placeholders: tuple[tuple[str, str], ...]
    gmail_dots: bool


def read(config: Mapping[str, Any]) -> Settings:
    """The settings in a Singer config; a null counts as not set.

    Raises:
        ConfigurationError: names every setting that is missing, unknown or wrong; quotes no value.
    """
    given = without_nulls(dict(config))
    if mistakes := list(_mistakes(given)):
        raise ConfigurationError("; ".join(mistakes), remedy="resolve-identity --about lists the settings")
    store = Path(given["store"])
    return Settings(
        tenant=given["tenant"],
        store=store,
        key_file=Path(given.get("key_file", store.with_name(KEY_FILE_NAME))),
        key=parse_key(given["key"]) if "key" in given else None,
        region=given.get("default_region", "US").upper(),
        placeholders=tuple(
            (ANY, entry) if isinstance(entry, str) else (entry["type"], entry["value"])
            for entry in given.get("placeholders", ())
        ),
        gmail_dots=given.get("gmail_dots", False),
        personal_data=PersonalData(given.get("personal_data", PersonalData.KEEP)),
        durable=given.get("durable", False),
    )


def _mistakes(given: dict[str, Any]) -> Iterator[str]:
    yield from problems(given, {**SCHEMA, "additionalProperties": False})
    region, key = given.get("default_region"), given.get("key")
    if isinstance(region, str) and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        yield "default_region is not a country (ISO 3166, two letters)"
    if isinstance(key, str) and parse_key(key) is None:
        yield f"key must be {2 * KEY_BYTES} hexadecimal digits"
    if "key" in given and "key_file" in given:
        yield "key and key_file exclude each other"
