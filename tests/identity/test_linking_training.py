"""Training: what is kept, what is skipped, what is taken back, and that a failure leaves nothing behind."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bench.customers import customers
from identity.linking import LinkSettings, link, train
from identity.linking.model import load
from identity.linking.prepare import COLUMNS
from pipe.errors import ConfigurationError


@pytest.fixture(scope="module")
def given() -> pa.Table:
    return customers(3_000).drop_columns(["person"])


def outcomes(found: object) -> dict[str, str]:
    return {one.name: one.outcome for one in found.report.sessions}  # type: ignore[attr-defined]


def test_small_data_keeps_the_shipped_model(given: pa.Table) -> None:
    found = link(given.slice(0, 500))
    assert outcomes(found) == {"u": "skipped"}
    assert "first_name: equal" in found.report.untrained_levels


def test_enough_data_trains_and_says_what_it_did(given: pa.Table) -> None:
    found = link(given)
    assert outcomes(found)["u"] == "kept"
    kept = [one for one in found.report.sessions if one.outcome == "kept" and one.name != "u"]
    assert kept
    assert all((one.expected_matches or 0) >= train.MATCHES_FOR_M for one in kept)
    assert len(found.report.untrained_levels) < len(link(given.slice(0, 500)).report.untrained_levels)


def test_a_session_that_fails_leaves_no_trace(given: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    from splink.internals.linker_components.training import LinkerTraining

    def fails(self: LinkerTraining, *_: object, **__: object) -> None:
        # What the library does: the prior is overwritten before the error comes.
        self._linker._settings_obj.core_model_settings.probability_two_random_records_match = 0.99
        raise ValueError("m_probability value 0.0 is below 1e-300")

    monkeypatch.setattr(train, "_fit_u", lambda linker, model, report: model)
    monkeypatch.setattr(LinkerTraining, "estimate_parameters_using_expectation_maximisation", fails)
    broken = link(given)
    untrained = link(given, settings=LinkSettings(train=False))
    assert {one.outcome for one in broken.report.sessions} <= {"rolled_back", "skipped"}
    assert any("ValueError" in one.reason for one in broken.report.sessions)
    assert broken.clusters.equals(untrained.clusters)
    assert broken.report.prior == pytest.approx(untrained.report.prior)


def test_levels_out_of_order_are_noticed() -> None:
    model = load(None, COLUMNS)
    m, u = train._column_all(model, "m"), train._column_all(model, "u")
    assert not any(train._unordered(m[name], u[name]) for name in m)
    assert train._unordered(u["email"], u["email"]), "a session that cannot tell people apart"
    assert train._unordered(m["gender"][::-1], u["gender"])
    assert train._unordered([0.9, 0.00001, 0.09999], u["city"])


def test_a_column_of_nonsense_is_named_and_the_rest_is_trained(given: pa.Table) -> None:
    """Random genders: without the column training does what it did before there was one."""
    import random

    dice = random.Random(5)
    nonsense = pa.array([dice.choice("mf") for _ in range(len(given))])
    found, good = link(given.append_column("gender", nonsense)), link(given)
    rolled_back = [one for one in found.report.sessions if one.outcome == "rolled_back"]
    assert any("levels of gender out of order" in one.reason for one in rolled_back)
    assert sum(one.outcome == "kept" for one in found.report.sessions) == sum(
        one.outcome == "kept" for one in good.report.sessions
    )
    assert any("repeated without gender" in one for one in found.report.warnings)
    untrained = {one for one in found.report.untrained_levels if not one.startswith("gender: ")}
    assert untrained == set(good.report.untrained_levels)
    assert not good.report.warnings


def test_an_identifier_that_no_two_records_share_teaches_nothing_and_spoils_nothing(given: pa.Table) -> None:
    place = given.schema.get_field_index("loyalty_id")
    unique = pa.array([f"L{number:08}" for number in range(len(given))])
    found, good = link(given.set_column(place, "loyalty_id", unique)), link(given.drop_columns(["loyalty_id"]))
    told = [(one.name, one.outcome) for one in found.report.sessions if "loyalty_id" not in one.name]
    assert told == [(one.name, one.outcome) for one in good.report.sessions if "loyalty_id" not in one.name]
    assert "loyalty_id: equal" in found.report.untrained_levels
    assert not any("repeated" in one for one in found.report.warnings)


def test_every_comparison_of_the_shipped_model_is_a_distribution() -> None:
    model = load(None, COLUMNS)
    for one in model.comparisons:
        for kind in ("m", "u"):
            assert sum(level[kind] for level in one["levels"]) == pytest.approx(1, abs=0.002), (one["name"], kind)
        assert one["levels"][-1]["sql"] == "ELSE"


def test_a_model_of_ones_own_is_used_and_a_broken_one_refused(given: pa.Table, tmp_path) -> None:  # type: ignore[no-untyped-def]
    own = tmp_path / "own.json"
    own.write_text('{"version": "own-1"}')
    with pytest.raises(ConfigurationError, match="person model"):
        link(given, settings=LinkSettings(model=own))


def test_an_implausible_prior_is_told(given: pa.Table) -> None:
    """Fifty records each of four people: more matches than a file of customers has."""
    names = [("Ann", "Abel"), ("Bob", "Bosch"), ("Carla", "Cortez"), ("Dmitri", "Drummond")]
    rows = [
        {
            "record_id": f"{first}{number}",
            "first_name": first,
            "last_name": last,
            "birth_date": f"1970-01-0{1 + len(first)}",
            "email": f"{first}@mail.example".lower(),
            "street": f"{number} Elm Street",
        }
        for first, last in names
        for number in range(50)
    ]
    (warning,) = link(pa.Table.from_pylist(rows)).report.warnings
    assert "the prior is implausible" in warning
    assert "matches are expected for each record" in warning
    assert link(given.slice(0, 500)).report.warnings == []
