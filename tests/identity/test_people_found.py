"""The measured bars: how good the people are, by the command that anybody can run, with the one shipped configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.customers import customers
from identity.evaluate import evaluate
from identity.linking import LinkSettings, link

SHARED = Path(os.environ.get("GROWTHNAV_SHARED", Path(__file__).parents[3] / "shared"))
DATA = SHARED / "datasets" / "identity"
GROWTHNAV = Path(sys.executable).with_name("growthnav")

BARS = [
    (["febrl_dataset4a.csv", "febrl_dataset4b.csv"], "rec_id", {"f1": 0.999}),
    (["febrl_dataset3.csv"], "rec_id", {"f1": 0.998}),
    (["historical_figures_with_errors_50k.parquet"], "cluster", {"f1": 0.90, "bcubed_f1": 0.92}),
    (["fake_1000.csv"], "cluster", {"f1": 0.96, "bcubed_f1": 0.97}),
    (["customers_dev.parquet"], "ent", {"f1": 0.94, "precision": 0.95, "bcubed_f1": 0.965}),
]
LARGEST = 80
DETERMINISTIC_PRECISION, DETERMINISTIC_LARGEST = 0.97, 50


@pytest.mark.quality
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("files", "truth", "bars"), BARS, ids=[files[0] for files, _, _ in BARS])
def test_people_are_found(files: list[str], truth: str, bars: dict[str, float]) -> None:
    paths = [DATA / name for name in files]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found; GROWTHNAV_SHARED names the folder with datasets/identity")
    command = [GROWTHNAV, "identity", "evaluate", *paths, "--truth", truth, "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert {name: found[name] for name, least in bars.items() if found[name] < least} == {}
    assert found["largest_cluster"] <= LARGEST


@pytest.mark.quality
@pytest.mark.timeout(600)
def test_identifiers_alone_are_precise() -> None:
    given = customers(200_000)
    found = link(given.drop_columns(["person"]), settings=LinkSettings(method="deterministic"))
    truth = given.sort_by("record_id").column("person").to_pylist()
    quality = evaluate(zip(found.clusters.column("cluster").to_pylist(), truth, strict=True))
    assert quality.precision >= DETERMINISTIC_PRECISION
    assert found.report.largest_cluster <= DETERMINISTIC_LARGEST
    assert {one["kind"] for one in found.blocked.to_pylist()} == {"email"}, "the kiosk, and nothing else"
