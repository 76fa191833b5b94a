"""Presets and tenants' changes: every mistake named, all at once, none silently taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipe.errors import ConfigurationError
from transforms import explain, parse, sources

GOOD: dict[str, Any] = {
    "streams": {
        "orders": {
            "into": "conversions",
            "fields": {
                "transaction_id": "id",
                "timestamp": "at",
                "value": "total",
                "conversion_type": {"constant": "purchase"},
            },
        }
    }
}


def changed(**stream: Any) -> dict[str, Any]:
    return {"streams": {"orders": {**GOOD["streams"]["orders"], **stream}}}


def with_field(**fields: Any) -> dict[str, Any]:
    return changed(fields={**GOOD["streams"]["orders"]["fields"], **fields})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "needs a mapping 'streams'"),
        ({"streams": {}}, "at least one stream"),
        ({**GOOD, "strams": 1}, "unknown key 'strams'"),
        (changed(into="orders"), "streams.orders.into: must be one of conversions, customer_profiles"),
        (changed(filters=[]), "unknown key 'filters'"),
        (changed(match=[]), "streams.orders.match"),
        (changed(fields=[]), "must be a mapping of canonical field"),
        (changed(fields={"transaction_id": "id"}), "'timestamp' is required"),
        (with_field(amount="x"), "unknown key 'amount'"),
        (with_field(raw="x"), "unknown key 'raw'"),
        (with_field(value={"from": "total", "unit": "cents"}), "value.unit: must be one of major, minor"),
        (with_field(value={"form": "total"}), "unknown key 'form'"),
        (with_field(value={}), "needs either 'from' or 'constant'"),
        (with_field(value={"from": "a", "constant": 1}), "needs either 'from' or 'constant'"),
        (with_field(value="a..b"), "must name a source field"),
        (with_field(value="items.*.price"), "'*' belongs into a sum"),
        (with_field(value={"sum": "price"}), "a sum needs one"),
        (with_field(timestamp={"from": "at", "format": "british"}), "not a time format"),
        (with_field(timestamp={"from": "at", "zone": "Mars/Olympus"}), "not a time zone"),
        (with_field(value={"from": "at", "format": "iso"}), "'format' and 'zone' are for times"),
        (with_field(conversion_type={"constant": "sale"}), "conversion types are purchase"),
        (with_field(conversion_type={"from": "kind", "values": {"s": "sale"}}), "conversion types are purchase"),
        (with_field(status={"from": "s", "values": ["a"]}), "must be a mapping of source value"),
        (changed(filter=[{"field": "a"}]), "needs 'field' and one of 'in', 'not_in', 'present'"),
        (changed(filter=[{"field": "a", "in": [1], "not_in": [2]}]), "filter.0"),
        (changed(fragments=[{"type": "mail", "from": "m"}]), "fragments.0.type: must be one of email"),
        (changed(fragments=[{"type": "email"}]), "needs 'type' and 'from'"),
        (changed(fragments=[{"type": "email", "from": "m", "confidence": 2}]), "number from 0 to 1"),
        (changed(refund={"when": {"field": "a"}}), "refund.when"),
    ],
)
def test_a_mistake_is_named_with_its_place(document: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse.preset("mine", document)
    assert said in str(caught.value)
    assert "preset 'mine'" in str(caught.value)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(ConfigurationError, match="3 mistakes") as caught:
        parse.preset(
            "mine", with_field(value={"from": "a", "unit": "x"}, amount="b", timestamp={"from": "c", "zone": "Z/Z"})
        )
    assert str(caught.value).count(";") == 2


@pytest.mark.parametrize("name", sources.shipped())
def test_shipped_presets_are_valid_and_explained(name: str) -> None:
    preset = sources.load(name)
    assert preset.title
    for rule in preset.streams:
        lines = explain.describe(rule, "UTC")
        assert rule.into.name in lines[0]
        assert all(any(field in line for line in lines) for field in rule.into.required)


def test_the_first_presets_are_there() -> None:
    assert {"cdnow", "pos", "crm", "loyalty", "olo", "thanx_purchases"} <= set(sources.shipped())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ([], "at least one"),
        ([{"connector": "x"}], "needs 'preset', one of cdnow, crm"),
        ([{"preset": "shopfy"}], "there is no preset 'shopfy'"),
        ([{"preset": "olo", "zone": "Nowhere"}], "not a time zone"),
        ([{"preset": "pos", "currency": "US dollars"}], "currency: must be an ISO 4217 code such as USD"),
        ([{"preset": "olo", "conector": "x"}], "unknown key 'conector'"),
        ([{"preset": "olo", "connector": "My Shop"}], "lower case letters"),
        ([{"preset": "olo", "field_overrides": {"X": "amount"}}], "there is no canonical field 'amount'"),
        ([{"preset": "olo", "field_overrides": {"X": "value", "Y": "value"}}], "already comes from 'X'"),
        ([{"preset": "olo", "fields": {"email": "x"}}], "unknown key 'email'"),
        ([{"preset": "olo", "streams": {"order": {}}}], "unknown key 'order'"),
        ([{"preset": "olo", "streams": {"orders": {"feilds": {}}}}], "unknown key 'feilds'"),
        ([{"preset": "olo"}, {"preset": "nope"}, {"zone": 1}], "2 mistakes"),
    ],
)
def test_mistakes_in_a_tenants_sources_are_named(entry: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sources.read(entry)
    assert said in str(caught.value)


def test_a_tenants_own_preset_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(GOOD))
    (source,) = sources.read([{"preset": str(path)}])
    assert (source.connector, source.preset.name) == ("mine", "mine")
    broken = tmp_path / "broken.yml"
    broken.write_text("streams:\n  a: [1\n")
    with pytest.raises(ConfigurationError, match=r"not YAML in line \d"):
        sources.read([{"preset": str(broken)}])


def test_changes_reach_the_streams_that_have_the_field() -> None:
    (source,) = sources.read([{"preset": "loyalty", "currency": "EUR", "field_overrides": {"TEL": "phone"}}])
    members, purchases = source.preset.streams
    assert str(members.fields["phone"].candidates[0]) == "TEL"
    assert purchases.fields["currency"].constant == "EUR"
    assert "phone" not in purchases.fields


def test_an_override_goes_before_the_presets_candidates() -> None:
    (source,) = sources.read(
        [{"preset": "thanx_purchases", "field_overrides": {"CURRENCY": "currency", "NET": "value"}}]
    )
    fields = source.preset.streams[0].fields
    assert [str(candidate) for candidate in fields["value"].candidates] == [
        "NET",
        "settlement_amount",
        "authorization_amount",
    ]
    assert (str(fields["currency"].candidates[0]), fields["currency"].default) == ("CURRENCY", "USD")
